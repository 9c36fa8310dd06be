//! Handles, and results of system calls.

use std::io::{Error, Result};
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle};
use windows_sys::Win32::Foundation::{ERROR_BROKEN_PIPE, ERROR_HANDLE_EOF};
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
pub(crate) fn error(code: u32) -> Error {
    Error::from_raw_os_error(code.cast_signed())
}

pub(crate) fn is(error: &Error, code: u32) -> bool {
    error.raw_os_error() == Some(code.cast_signed())
}

/// What a system call returned: whether it worked; if not, the thread's last error says why.
pub(crate) fn check(returned: windows_sys::core::BOOL) -> Result<()> {
    if returned == 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

/// What the system calls a type of file: `FILE_TYPE_DISK` and its like.
pub(crate) fn file_type(handle: Handle<'_>) -> Result<u32> {
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
pub(crate) fn require_disk(handle: Handle<'_>, otherwise: u32) -> Result<()> {
    if file_type(handle)? == FILE_TYPE_DISK { Ok(()) } else { Err(error(otherwise)) }
}

/// Whether an error of a read is the end of the file, or of a pipe whose writers are gone.
pub(crate) fn is_end(error: &Error) -> bool {
    is(error, ERROR_HANDLE_EOF) || is(error, ERROR_BROKEN_PIPE)
}

/// Joins the halves of a number.
pub(crate) fn wide(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}
