//! Kind and readiness of streams, and waits for readiness.

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

/// Returns the kind of an open file: `GetFileType`.
pub fn stream_kind(handle: Handle<'_>) -> Result<StreamKind> {
    Ok(match file_type(handle)? {
        FILE_TYPE_PIPE if net::is_socket(handle) => StreamKind::Socket(Filetype::SocketStream),
        FILE_TYPE_PIPE => StreamKind::Pipe,
        FILE_TYPE_CHAR if console::is_console(handle) => StreamKind::Terminal,
        _ => StreamKind::Ready(stat(handle)?.filetype),
    })
}

/// Returns no flags. Shells implement `>>` by one seek to the end, not by append mode.
pub fn stream_flags(_: Handle<'_>) -> Result<Fdflags> {
    Ok(Fdflags::empty())
}

/// Always returns reading and writing: Windows does not report the access of a handle.
pub fn stream_directions(_: Handle<'_>) -> Result<(bool, bool)> {
    Ok((true, true))
}

/// Returns `None`: consoles have no timeout.
pub fn read_timeout(_: Handle<'_>) -> Option<Duration> {
    None
}

/// Returns the number of bytes that can be read now. 0 if the system does not know.
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

/// Returns the number of bytes in a pipe: `PeekNamedPipe`. Calls on one handle run one after another: this call waits
/// while the host reads from the pipe.
fn peek(handle: Handle<'_>) -> Result<u32> {
    let (handle, mut available) = (handle.as_raw_handle(), 0);
    let none = ptr::null_mut();
    // SAFETY: the handle is open. The call writes a u32, to `available`, and accepts null for the rest.
    check(unsafe { PeekNamedPipe(handle, ptr::null_mut(), 0, none, &raw mut available, none) })?;
    Ok(available)
}

/// Waits at most `timeout` until a stream is ready, and returns the readiness of all. Polls the streams at growing
/// intervals: Windows cannot wait for pipes or for keys of a console.
pub fn poll(streams: &[(Handle<'_>, Interest)], timeout: Duration) -> Result<Vec<Readiness>> {
    const MAX_PAUSE: Duration = Duration::from_millis(16);
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        let readiness: Vec<_> = streams.iter().map(|(handle, interest)| ready(*handle, *interest)).collect();
        let left = timeout.saturating_sub(started.elapsed());
        if left.is_zero() || readiness.iter().any(|stream| stream.ready) {
            return Ok(readiness);
        }
        std::thread::sleep(if streams.is_empty() { left } else { left.min(pause) });
        pause = MAX_PAUSE.min(pause * 2);
    }
}

/// Returns whether a stream is ready. After an error the stream counts as ready: the following call reports the
/// error.
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
