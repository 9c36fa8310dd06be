//! Pipes between threads of the process.
#![expect(unsafe_code, reason = "JavaScript has the ends of pipes as numbers")]

use std::io::Result;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};

/// Bytes that a pipe can hold. The system's default, 64 KiB on Linux, makes reader and writer take turns too often.
#[cfg(target_os = "linux")]
const CAPACITY: usize = 256 << 10;

/// Creates a pipe: the descriptors of its reading and its writing end. The caller closes both.
pub fn pipe() -> Result<[i32; 2]> {
    let (reader, writer) = std::io::pipe()?;
    // Without the privilege, the system keeps the default for a user with many pipes.
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(&writer, CAPACITY);
    Ok([OwnedFd::from(reader).into_raw_fd(), OwnedFd::from(writer).into_raw_fd()])
}

/// Closes an end of a pipe.
pub fn close_pipe(fd: i32) {
    if fd >= 0 {
        // SAFETY: lib/pipes.js and lib/bun-pipes.js close a descriptor that `pipe` has returned, once.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
}
