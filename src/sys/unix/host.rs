//! Descriptors of the host.
#![expect(unsafe_code, reason = "the embedder passes descriptors as numbers")]

use rustix::io::Errno;
use std::fs::File;
use std::io::Result;
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;

/// Returns a descriptor of the host, which is never closed here. A negative number is `EBADF`.
pub fn host_stream(fd: i32) -> Result<ManuallyDrop<File>> {
    if fd < 0 {
        return Err(Errno::BADF.into());
    }
    // SAFETY: `ManuallyDrop` never closes the descriptor. The embedder keeps the descriptor open, as for every number
    // passed to Node. If the embedder closes the descriptor too early, a call fails with `EBADF` or uses the wrong
    // file.
    Ok(ManuallyDrop::new(unsafe { File::from_raw_fd(fd) }))
}
