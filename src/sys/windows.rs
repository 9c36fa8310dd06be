//! Windows, through cap-std and windows-sys.
#![expect(unsafe_code, reason = "the system takes addresses in guest memory and of its own structures")]

mod clock;
mod console;
mod entries;
mod errno;
mod file;
mod net;
mod open;
mod path;
mod stream;
mod transfer;

pub use clock::{clock_resolution, clock_time, monotonic_now};
pub(super) use entries::entries;
pub use errno::errno;
pub use file::{
    advise, allocate, check_allocate, datasync, seek, set_append, set_size, set_times, stat, sync,
};
pub use net::{Socket, accept, host_listener, is_listening, receive, send, shutdown, socket_handle};
pub use open::open;
pub use path::*;
pub use stream::{
    host_stream, poll, read_timeout, readable_bytes, stream_directions, stream_flags, stream_kind,
};
pub use transfer::{Buffer, appendv, preadv, pwritev, readv, readv_nowait, writev, writev_nowait};

use std::io::{Error, Result};
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle};
use windows_sys::Win32::Storage::FileSystem::{FILE_TYPE_DISK, GetFileType};

/// A device that has nothing to read and forgets what is written.
pub const NULL_DEVICE: &str = "NUL";

/// The system's own handle of something open.
pub type Handle<'a> = BorrowedHandle<'a>;

/// The handle of something open.
pub fn handle<T: AsHandle>(open: &T) -> Handle<'_> {
    open.as_handle()
}

/// An error of the system, by its number.
#[cold]
fn error(code: u32) -> Error {
    Error::from_raw_os_error(code.cast_signed())
}

fn is(error: &Error, code: u32) -> bool {
    error.raw_os_error() == Some(code.cast_signed())
}

/// What a system call returned: whether it worked; if not, the thread's last error says why.
fn check(returned: windows_sys::core::BOOL) -> Result<()> {
    if returned == 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

/// What the system calls a type of file: `FILE_TYPE_DISK` and its like.
fn file_type(handle: Handle<'_>) -> Result<u32> {
    // SAFETY: takes an open handle only.
    match unsafe { GetFileType(handle.as_raw_handle()) } {
        0 => match Error::last_os_error() {
            error if error.raw_os_error() == Some(0) => Ok(0),
            error => Err(error),
        },
        file_type => Ok(file_type),
    }
}

/// Refuses what is not a file, which the system might accept and do something else with.
fn require_disk(handle: Handle<'_>, otherwise: u32) -> Result<()> {
    if file_type(handle)? == FILE_TYPE_DISK { Ok(()) } else { Err(error(otherwise)) }
}
