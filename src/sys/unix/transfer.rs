//! Transfers between open files and guest memory. Vectored calls go through libc: their buffers are guest memory, which must
//! not become Rust slices.
#![expect(unsafe_code, reason = "vectored calls pass addresses in guest memory to the kernel")]

use crate::sys::buffers::first_bytes;
use crate::sys::types::{Filesize, Interest};
use crate::sys::unix::buffer::Buffer;
use crate::sys::unix::handle::Handle;
use crate::sys::unix::stream::{is_nonblocking, poll};
use rustix::io::Errno;
use std::io::{Error, Result};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// What a system call returned: a count, or -1 and `errno`.
pub(crate) fn count(returned: isize) -> Result<usize> {
    usize::try_from(returned).map_err(|_| Error::last_os_error())
}

/// The arguments that vectored calls share.
#[cfg(target_os = "linux")]
fn vector(buffers: &[Buffer]) -> (*const libc::iovec, usize) {
    (buffers.as_ptr().cast(), buffers.len())
}

/// The arguments that vectored calls share. More than 31 bits at once macOS refuses, where Linux does a part:
/// so it is given a part.
#[cfg(not(target_os = "linux"))]
fn vector(buffers: &[Buffer]) -> (*const libc::iovec, usize) {
    let mut room = Buffer::MAX;
    let fits = |buffer: &&Buffer| {
        let left = room.checked_sub(buffer.0.iov_len);
        room = left.unwrap_or(0);
        left.is_some()
    };
    let len = buffers.iter().take_while(fits).count();
    (buffers.as_ptr().cast(), len)
}

/// Makes a system call that moves bytes, whose name and number are given. On Linux it is made as such: libc's function is
/// a point where the thread can be cancelled, for which it pays before and after, as much as a short call costs. Where
/// an offset is handed over in parts, libc knows how.
macro_rules! transfer {
    ($name:ident, $number:ident, $fd:expr, $($argument:expr),+) => {{
        #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
        let moved = libc::syscall(libc::$number, libc::c_long::from($fd), $($argument),+) as isize;
        #[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
        let moved = libc::$name($fd, $($argument as _),+);
        count(moved)
    }};
}

/// Reads at the system's own position. For a single buffer, here and below, the call without a vector is the quicker.
pub fn readv(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    let (fd, (iov, len)) = (handle.as_raw_fd(), vector(buffers));
    // SAFETY: each buffer is memory of the guest, checked by `Memory::address`, that outlives the call.
    unsafe {
        if let [Buffer(one)] = buffers {
            transfer!(read, SYS_read, fd, one.iov_base, one.iov_len)
        } else {
            transfer!(readv, SYS_readv, fd, iov, len)
        }
    }
}

/// Writes at the system's own position.
pub fn writev(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    let (fd, (iov, len)) = (handle.as_raw_fd(), vector(buffers));
    // SAFETY: each buffer is memory of the guest, checked by `Memory::address`, that outlives the call.
    unsafe {
        if let [Buffer(one)] = buffers {
            transfer!(write, SYS_write, fd, one.iov_base, one.iov_len)
        } else {
            transfer!(writev, SYS_writev, fd, iov, len)
        }
    }
}

/// Writes at the end of a file that `set_append` was called for, or that was opened so.
pub fn appendv(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    writev(handle, buffers)
}

/// Reads at `offset`.
pub fn preadv(handle: Handle<'_>, buffers: &[Buffer], offset: Filesize) -> Result<usize> {
    let (fd, (iov, len), offset) = (handle.as_raw_fd(), vector(buffers), offset.cast_signed());
    // SAFETY: each buffer is memory of the guest, checked by `Memory::address`, that outlives the call.
    unsafe {
        if let [Buffer(one)] = buffers {
            transfer!(pread, SYS_pread64, fd, one.iov_base, one.iov_len, offset)
        } else {
            count(libc::preadv(fd, iov, len as libc::c_int, offset))
        }
    }
}

/// Writes at `offset`.
pub fn pwritev(handle: Handle<'_>, buffers: &[Buffer], offset: Filesize) -> Result<usize> {
    let (fd, (iov, len), offset) = (handle.as_raw_fd(), vector(buffers), offset.cast_signed());
    // SAFETY: each buffer is memory of the guest, checked by `Memory::address`, that outlives the call.
    unsafe {
        if let [Buffer(one)] = buffers {
            transfer!(pwrite, SYS_pwrite64, fd, one.iov_base, one.iov_len, offset)
        } else {
            count(libc::pwritev(fd, iov, len as libc::c_int, offset))
        }
    }
}

/// Reads what there is now, `AGAIN` if there is nothing, without changing the descriptor that the host shares.
/// Where the kernel cannot (terminals; pipes before Linux 6.5) another reader may be quicker, and it waits.
pub fn readv_nowait(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    #[cfg(target_os = "linux")]
    {
        let (iov, len) = vector(buffers);
        // SAFETY: each buffer is memory of the guest, checked by `Memory::address`, that outlives the call. The
        // offset -1 stands for the system's own position.
        let read = count(unsafe {
            libc::preadv2(handle.as_raw_fd(), iov, len as libc::c_int, -1, libc::RWF_NOWAIT)
        });
        if !is_unsupported(&read) {
            return read;
        }
    }
    if is_nonblocking(handle)? {
        return readv(handle, buffers);
    }
    if poll(&[(handle, Interest::Read)], Duration::ZERO)?[0].ready {
        readv(handle, buffers)
    } else {
        Err(Errno::AGAIN.into())
    }
}

/// Whether the kernel has no way not to wait on this kind of file.
#[cfg(target_os = "linux")]
fn is_unsupported(result: &Result<usize>) -> bool {
    let Err(error) = result else { return false };
    matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::ESPIPE))
}

/// Writes what there is room for now, `AGAIN` if there is none, without changing the descriptor that the host
/// shares. Where the kernel has no way for that (terminals, named FIFOs, pipes before Linux 6.5), no more is written
/// than fits.
pub fn writev_nowait(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    #[cfg(target_os = "linux")]
    {
        let (iov, len) = vector(buffers);
        // SAFETY: as in `readv_nowait`.
        let written = count(unsafe {
            libc::pwritev2(handle.as_raw_fd(), iov, len as libc::c_int, -1, libc::RWF_NOWAIT)
        });
        if !is_unsupported(&written) {
            return written;
        }
    }
    if is_nonblocking(handle)? {
        return writev(handle, buffers);
    }
    if poll(&[(handle, Interest::Write)], Duration::ZERO)?[0].ready {
        // So much a pipe that has room takes without waiting.
        writev(handle, &first_bytes(buffers, libc::PIPE_BUF))
    } else {
        Err(Errno::AGAIN.into())
    }
}
