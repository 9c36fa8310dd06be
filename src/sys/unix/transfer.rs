//! Transfers between open files and guest memory. Calls libc directly, because guest memory must not become Rust
//! slices.
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

/// Converts the result of a system call: a count, or -1 and `errno`.
pub(crate) fn count(returned: isize) -> Result<usize> {
    usize::try_from(returned).map_err(|_| Error::last_os_error())
}

/// Returns the arguments that vectored calls share.
#[cfg(target_os = "linux")]
fn vector(buffers: &[Buffer]) -> (*const libc::iovec, usize) {
    (buffers.as_ptr().cast(), buffers.len())
}

/// Returns the arguments that vectored calls share: only the first buffers whose total size fits in 31 bits. For more,
/// macOS fails with `EINVAL`, where Linux transfers a part.
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

/// Transfers bytes by the libc function `$name`, or on 64-bit Linux by the system call `$number`. The libc function is
/// a cancellation point of the thread, which costs as much as a short call. On 32-bit systems the offset is two
/// arguments, and libc passes them correctly.
macro_rules! transfer {
    ($name:ident, $number:ident, $fd:expr, $($argument:expr),+) => {{
        #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
        let moved = libc::syscall(libc::$number, libc::c_long::from($fd), $($argument),+) as isize;
        #[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
        let moved = libc::$name($fd, $($argument as _),+);
        count(moved)
    }};
}

/// Reads at the position: `readv`. For a single buffer, all functions here use the faster call without a vector.
pub fn readv(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    let (fd, (iov, len)) = (handle.as_raw_fd(), vector(buffers));
    // SAFETY: `Memory::address` checked each buffer. The guest memory outlives the call.
    unsafe {
        if let [Buffer(one)] = buffers {
            transfer!(read, SYS_read, fd, one.iov_base, one.iov_len)
        } else {
            transfer!(readv, SYS_readv, fd, iov, len)
        }
    }
}

/// Writes at the position: `writev`.
pub fn writev(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    let (fd, (iov, len)) = (handle.as_raw_fd(), vector(buffers));
    // SAFETY: `Memory::address` checked each buffer. The guest memory outlives the call.
    unsafe {
        if let [Buffer(one)] = buffers {
            transfer!(write, SYS_write, fd, one.iov_base, one.iov_len)
        } else {
            transfer!(writev, SYS_writev, fd, iov, len)
        }
    }
}

/// Appends to a file that has `O_APPEND`, for example by `set_append`: `writev`.
pub fn appendv(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    writev(handle, buffers)
}

/// Reads at `offset`: `preadv`.
pub fn preadv(handle: Handle<'_>, buffers: &[Buffer], offset: Filesize) -> Result<usize> {
    let (fd, (iov, len), offset) = (handle.as_raw_fd(), vector(buffers), offset.cast_signed());
    // SAFETY: `Memory::address` checked each buffer. The guest memory outlives the call.
    unsafe {
        if let [Buffer(one)] = buffers {
            transfer!(pread, SYS_pread64, fd, one.iov_base, one.iov_len, offset)
        } else {
            count(libc::preadv(fd, iov, len as libc::c_int, offset))
        }
    }
}

/// Writes at `offset`: `pwritev`.
pub fn pwritev(handle: Handle<'_>, buffers: &[Buffer], offset: Filesize) -> Result<usize> {
    let (fd, (iov, len), offset) = (handle.as_raw_fd(), vector(buffers), offset.cast_signed());
    // SAFETY: `Memory::address` checked each buffer. The guest memory outlives the call.
    unsafe {
        if let [Buffer(one)] = buffers {
            transfer!(pwrite, SYS_pwrite64, fd, one.iov_base, one.iov_len, offset)
        } else {
            count(libc::pwritev(fd, iov, len as libc::c_int, offset))
        }
    }
}

/// Reads available bytes, without changing the descriptor that the host shares: `preadv2(RWF_NOWAIT)`. `EAGAIN` if
/// there are none. Terminals, and pipes before Linux 6.5, have no `RWF_NOWAIT`: there another reader can take the
/// bytes first, and this call waits.
pub fn readv_nowait(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    #[cfg(target_os = "linux")]
    {
        let (iov, len) = vector(buffers);
        // SAFETY: `Memory::address` checked each buffer. The guest memory outlives the call. Offset -1 is the
        // position.
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

/// Returns whether the kernel has no `RWF_NOWAIT` for this kind of file.
#[cfg(target_os = "linux")]
fn is_unsupported(result: &Result<usize>) -> bool {
    let Err(error) = result else { return false };
    matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::ESPIPE))
}

/// Writes as many bytes as fit, without changing the descriptor that the host shares: `pwritev2(RWF_NOWAIT)`.
/// `EAGAIN` if there is no room. Terminals, named FIFOs, and pipes before Linux 6.5, have no `RWF_NOWAIT`: there at
/// most `PIPE_BUF` bytes are written.
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
        // A pipe that is ready takes PIPE_BUF bytes without waiting.
        writev(handle, &first_bytes(buffers, libc::PIPE_BUF))
    } else {
        Err(Errno::AGAIN.into())
    }
}
