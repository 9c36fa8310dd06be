//! Streams: what of the host's a guest is lent, and whether there is something to read.

use crate::sys::types::{Fdflags, Filesize, Filetype, Interest, Readiness, StreamKind, Whence};
use crate::sys::windows::file::{seek, stat};
use crate::sys::windows::handle::{Handle, check, file_type, is_end};
use crate::sys::windows::{console, net};
use std::io::Result;
use std::os::windows::io::AsRawHandle;
use std::ptr;
use std::time::{Duration, Instant};
use windows_sys::Win32::Storage::FileSystem::{FILE_TYPE_CHAR, FILE_TYPE_DISK, FILE_TYPE_PIPE};
use windows_sys::Win32::System::Pipes::PeekNamedPipe;

/// What kind of stream something open is.
pub fn stream_kind(handle: Handle<'_>) -> Result<StreamKind> {
    Ok(match file_type(handle)? {
        FILE_TYPE_PIPE if net::is_socket(handle) => StreamKind::Socket(Filetype::SocketStream),
        FILE_TYPE_PIPE => StreamKind::Pipe,
        FILE_TYPE_CHAR if console::is_console(handle) => StreamKind::Terminal,
        _ => StreamKind::Ready(stat(handle)?.filetype),
    })
}

/// The flags a descriptor of the host's has and the guest may know: none here, since shells go to the end of
/// a file once instead of appending.
pub fn stream_flags(_: Handle<'_>) -> Result<Fdflags> {
    Ok(Fdflags::empty())
}

/// The rights to read and write that a descriptor of the host's has: Windows does not report them, so both.
pub fn stream_directions(_: Handle<'_>) -> Result<(bool, bool)> {
    Ok((true, true))
}

/// How long a read of a terminal waits before it gives up: no console can be set so.
pub fn read_timeout(_: Handle<'_>) -> Option<Duration> {
    None
}

/// Bytes that can be read now, 0 where the system cannot tell.
pub fn readable_bytes(handle: Handle<'_>) -> Filesize {
    match file_type(handle) {
        Ok(FILE_TYPE_PIPE) if net::is_socket(handle) => net::readable_bytes(handle),
        Ok(FILE_TYPE_PIPE) => peek(handle).map_or(0, Filesize::from),
        Ok(FILE_TYPE_DISK) => {
            let size = stat(handle).map_or(0, |stat| stat.size);
            size.saturating_sub(seek(handle, 0, Whence::Cur).unwrap_or(size))
        }
        _ => 0,
    }
}

/// Bytes in a pipe. Should the host be reading from it, this waits until it has: calls on a handle take turns.
fn peek(handle: Handle<'_>) -> Result<u32> {
    let (handle, mut available) = (handle.as_raw_handle(), 0);
    let none = ptr::null_mut();
    // SAFETY: an open handle, and a place for the number of bytes.
    check(unsafe { PeekNamedPipe(handle, ptr::null_mut(), 0, none, &raw mut available, none) })?;
    Ok(available)
}

/// Asks of each stream whether it is ready, and waits `at_most` so long until one is. Neither pipes nor what
/// counts as input of a console can be waited for, so all are asked again and again.
pub fn poll(streams: &[(Handle<'_>, Interest)], at_most: Duration) -> Result<Vec<Readiness>> {
    const LONGEST: Duration = Duration::from_millis(16);
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        let readiness: Vec<_> = streams.iter().map(|(handle, interest)| ready(*handle, *interest)).collect();
        let left = at_most.saturating_sub(started.elapsed());
        if left.is_zero() || readiness.iter().any(|stream| stream.ready) {
            return Ok(readiness);
        }
        std::thread::sleep(if streams.is_empty() { left } else { left.min(pause) });
        pause = LONGEST.min(pause * 2);
    }
}

/// Whether a stream is ready. What cannot be asked is: reading says why.
fn ready(handle: Handle<'_>, interest: Interest) -> Readiness {
    let ready = match (interest, file_type(handle)) {
        (_, Ok(FILE_TYPE_PIPE)) if net::is_socket(handle) => return net::ready(handle, interest),
        (Interest::Read, Ok(FILE_TYPE_PIPE)) => match peek(handle) {
            Ok(available) => available > 0,
            Err(error) => return Readiness { ready: true, hangup: is_end(&error) },
        },
        (Interest::Read, Ok(FILE_TYPE_CHAR)) if console::is_console(handle) => console::has_input(handle),
        _ => true,
    };
    Readiness { ready, hangup: false }
}
