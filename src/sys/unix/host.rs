//! Descriptors of the host.
#![expect(unsafe_code, reason = "the embedder passes descriptors as numbers")]

use rustix::io::Errno;
use std::fs::File;
use std::io::Result;
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;

/// A descriptor of the host's, lent to the guest.
pub fn host_stream(fd: i32) -> Result<ManuallyDrop<File>> {
    if fd < 0 {
        return Err(Errno::BADF.into());
    }
    // SAFETY: ManuallyDrop never closes it. That it stays open, and the same file, is the embedder's duty, as for
    // every number passed to Node; the worst that comes of a mistake is the wrong file.
    Ok(ManuallyDrop::new(unsafe { File::from_raw_fd(fd) }))
}
