//! Descriptors: reading and writing guest memory, positions, room, and waiting. Vectored transfers go through
//! libc, because their buffers are guest memory and must not become Rust slices.
#![expect(unsafe_code, reason = "vectored transfers hand addresses in guest memory to the kernel")]

use super::super::first_bytes;
use super::Handle;
use super::path::filetype;
use crate::core::stream::StreamKind;
use crate::preview1::poll::{Interest, Readiness};
use crate::preview1::types::{Advice, Fdflags, Filedelta, Filesize, Filetype, Rights, Whence};
use rustix::fs::{OFlags, SeekFrom};
use rustix::io::Errno as RustixErrno;
use std::fs::File;
use std::io::{Error, Result};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd};
use std::time::Duration;

/// A region of guest memory, as the kernel takes it.
#[repr(transparent)]
pub struct Buffer(libc::iovec);

impl Buffer {
    /// As much as Linux transfers at once; macOS refuses more than 31 bits.
    const MAX: usize = 0x7fff_f000;

    /// `len` bytes from `address`, or as many of them as a call transfers.
    #[must_use]
    pub fn new(address: *mut u8, len: usize) -> Self {
        Self(libc::iovec { iov_base: address.cast(), iov_len: len.min(Self::MAX) })
    }

    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.iov_len
    }

    /// Its first so many bytes, or all it has.
    #[must_use]
    pub fn first(&self, len: usize) -> Self {
        Self::new(self.0.iov_base.cast(), self.size().min(len))
    }
}

/// What a system call returned: a count, or -1 and `errno`.
pub(super) fn count(returned: isize) -> Result<usize> {
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
        Err(RustixErrno::AGAIN.into())
    }
}

/// Whether `O_NONBLOCK` is set on a descriptor.
fn is_nonblocking(handle: Handle<'_>) -> Result<bool> {
    Ok(rustix::fs::fcntl_getfl(handle)?.contains(OFlags::NONBLOCK))
}

/// How long a read of a terminal waits before it gives up and returns nothing, if the terminal is set so: VTIME with
/// VMIN 0, without line editing.
pub fn read_timeout(handle: Handle<'_>) -> Option<Duration> {
    use rustix::termios::{LocalModes, SpecialCodeIndex, tcgetattr};
    let mode = tcgetattr(handle).ok()?;
    let codes = &mode.special_codes;
    let gives_up = !mode.local_modes.contains(LocalModes::ICANON) && codes[SpecialCodeIndex::VMIN] == 0;
    gives_up.then(|| Duration::from_millis(100) * u32::from(codes[SpecialCodeIndex::VTIME]))
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
        Err(RustixErrno::AGAIN.into())
    }
}

/// Moves the system's own position.
pub fn seek(handle: Handle<'_>, offset: Filedelta, whence: Whence) -> Result<Filesize> {
    let to = match whence {
        Whence::Set => SeekFrom::Start(u64::try_from(offset).map_err(|_| RustixErrno::INVAL)?),
        Whence::Cur => SeekFrom::Current(offset),
        Whence::End => SeekFrom::End(offset),
    };
    Ok(rustix::fs::seek(handle, to)?)
}

/// Stores data on the disk.
pub fn datasync(handle: Handle<'_>) -> Result<()> {
    #[cfg(target_os = "linux")]
    return Ok(rustix::fs::fdatasync(handle)?);
    #[cfg(not(target_os = "linux"))]
    sync(handle)
}

/// Stores data and metadata on the disk.
#[cfg(not(target_vendor = "apple"))]
pub fn sync(handle: Handle<'_>) -> Result<()> {
    Ok(rustix::fs::fsync(handle)?)
}

/// Stores data and metadata on the disk: what macOS calls `fsync` leaves them in the disk's cache, and is for
/// file systems that do not know better.
#[cfg(target_vendor = "apple")]
pub fn sync(handle: Handle<'_>) -> Result<()> {
    Ok(rustix::fs::fcntl_fullfsync(handle).or_else(|_| rustix::fs::fsync(handle))?)
}

/// Cuts or extends a file.
pub fn set_size(handle: Handle<'_>, size: Filesize) -> Result<()> {
    if size > Filedelta::MAX.cast_unsigned() {
        return Err(RustixErrno::INVAL.into());
    }
    Ok(rustix::fs::ftruncate(handle, size)?)
}

/// Makes room for a range of a file.
#[cfg(target_os = "linux")]
pub fn allocate(handle: Handle<'_>, offset: Filesize, len: Filesize) -> Result<()> {
    Ok(rustix::fs::fallocate(handle, rustix::fs::FallocateFlags::empty(), offset, len)?)
}

/// Makes room for a range of a file: macOS can only extend it.
#[cfg(not(target_os = "linux"))]
pub fn allocate(handle: Handle<'_>, offset: Filesize, len: Filesize) -> Result<()> {
    check_allocate(handle, offset, len)?;
    let end = offset + len;
    if super::stat(handle)?.size < end { set_size(handle, end) } else { Ok(()) }
}

/// What keeps room from being made for a range, besides that there is none.
pub fn check_allocate(handle: Handle<'_>, offset: Filesize, len: Filesize) -> Result<()> {
    const MAX: Filesize = Filedelta::MAX.cast_unsigned();
    if len == 0 || offset > MAX || len > MAX {
        return Err(RustixErrno::INVAL.into());
    }
    if !rustix::fs::fcntl_getfl(handle)?.intersects(OFlags::WRONLY | OFlags::RDWR) {
        return Err(RustixErrno::BADF.into());
    }
    match rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(handle)?.st_mode) {
        rustix::fs::FileType::RegularFile if offset + len > MAX => Err(RustixErrno::FBIG.into()),
        rustix::fs::FileType::RegularFile => Ok(()),
        _ => Err(RustixErrno::NODEV.into()),
    }
}

/// Says how a range will be used.
#[cfg(target_os = "linux")]
pub fn advise(handle: Handle<'_>, offset: Filesize, len: Filesize, advice: Advice) -> Result<()> {
    let advice = match advice {
        Advice::Normal => rustix::fs::Advice::Normal,
        Advice::Sequential => rustix::fs::Advice::Sequential,
        Advice::Random => rustix::fs::Advice::Random,
        Advice::Willneed => rustix::fs::Advice::WillNeed,
        Advice::Dontneed => rustix::fs::Advice::DontNeed,
        Advice::Noreuse => rustix::fs::Advice::NoReuse,
    };
    Ok(rustix::fs::fadvise(handle, offset, std::num::NonZeroU64::new(len), advice)?)
}

/// Says how a range will be used: advice that macOS does not take for a range, and that may be ignored.
#[cfg(not(target_os = "linux"))]
pub fn advise(_: Handle<'_>, _: Filesize, _: Filesize, _: Advice) -> Result<()> {
    Ok(())
}

/// Makes writes append or not.
pub fn set_append(handle: Handle<'_>, append: bool) -> Result<()> {
    let mut flags = rustix::fs::fcntl_getfl(handle)?;
    flags.set(OFlags::APPEND, append);
    Ok(rustix::fs::fcntl_setfl(handle, flags)?)
}

/// A descriptor of the host's, lent to the guest.
pub fn host_stream(fd: i32) -> Result<ManuallyDrop<File>> {
    if fd < 0 {
        return Err(RustixErrno::BADF.into());
    }
    // SAFETY: ManuallyDrop never closes it. That it stays open, and the same file, is the embedder's duty, as for
    // every number passed to Node; the worst that comes of a mistake is the wrong file.
    Ok(ManuallyDrop::new(unsafe { File::from_raw_fd(fd) }))
}

/// What kind of stream something open is.
pub fn stream_kind(handle: Handle<'_>) -> Result<StreamKind> {
    let stat = rustix::fs::fstat(handle)?;
    let mode = stat.st_mode;
    Ok(match rustix::fs::FileType::from_raw_mode(mode) {
        rustix::fs::FileType::Fifo => StreamKind::Pipe,
        rustix::fs::FileType::Socket => {
            StreamKind::Socket(match rustix::net::sockopt::socket_type(handle)? {
                rustix::net::SocketType::DGRAM => Filetype::SocketDgram,
                _ => Filetype::SocketStream,
            })
        }
        rustix::fs::FileType::RegularFile
        | rustix::fs::FileType::Directory
        | rustix::fs::FileType::BlockDevice => StreamKind::Ready(filetype(mode)),
        rustix::fs::FileType::CharacterDevice if rustix::termios::isatty(handle) => StreamKind::Terminal,
        rustix::fs::FileType::CharacterDevice if never_waits(&stat) => {
            StreamKind::Ready(Filetype::CharacterDevice)
        }
        _ => StreamKind::Device(filetype(mode)),
    })
}

/// Whether a device is `/dev/null`, `zero`, `full` or `urandom`, whose numbers Linux has fixed.
#[cfg(target_os = "linux")]
fn never_waits(stat: &rustix::fs::Stat) -> bool {
    const MEMORY_DEVICES: u32 = 1;
    let (major, minor) = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
    major == MEMORY_DEVICES && matches!(minor, 3 | 5 | 7 | 9)
}

#[cfg(not(target_os = "linux"))]
fn never_waits(_: &rustix::fs::Stat) -> bool {
    false
}

/// The flags a descriptor of the host's has and the guest may know: whether writes append.
pub fn stream_flags(handle: Handle<'_>) -> Result<Fdflags> {
    let append = rustix::fs::fcntl_getfl(handle)?.contains(OFlags::APPEND);
    Ok(if append { Fdflags::APPEND } else { Fdflags::empty() })
}

/// The rights to read and write that a descriptor of the host's was opened with.
pub fn stream_directions(handle: Handle<'_>) -> Result<Rights> {
    let mode = rustix::fs::fcntl_getfl(handle)? & OFlags::RWMODE;
    Ok(match mode {
        OFlags::RDONLY => Rights::FD_READ,
        OFlags::WRONLY => Rights::FD_WRITE,
        _ => Rights::FD_READ | Rights::FD_WRITE,
    })
}

/// Bytes that can be read now, 0 where the system cannot tell.
pub fn readable_bytes(handle: Handle<'_>) -> Filesize {
    rustix::io::ioctl_fionread(handle).unwrap_or(0)
}

/// Asks of each stream whether it is ready, and waits `at_most` so long until one is. A signal ends the wait.
pub fn poll(streams: &[(Handle<'_>, Interest)], at_most: Duration) -> Result<Vec<Readiness>> {
    use rustix::event::{PollFd, PollFlags};
    /// A socket whose peer will send no more.
    #[cfg(target_os = "linux")]
    const HALF_CLOSED: PollFlags = PollFlags::RDHUP;
    #[cfg(not(target_os = "linux"))]
    const HALF_CLOSED: PollFlags = PollFlags::empty();
    let mut fds: Vec<_> = streams
        .iter()
        .map(|(handle, interest)| {
            let events = match interest {
                Interest::Read => PollFlags::IN | HALF_CLOSED,
                Interest::Write => PollFlags::OUT,
            };
            PollFd::from_borrowed_fd(*handle, events)
        })
        .collect();
    let timeout = rustix::event::Timespec::try_from(at_most).map_err(|_| RustixErrno::INVAL)?;
    match rustix::event::poll(&mut fds, Some(&timeout)) {
        Ok(_) | Err(RustixErrno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let readiness = |fd: &PollFd<'_>| Readiness {
        ready: !fd.revents().is_empty(),
        hangup: fd.revents().intersects(PollFlags::HUP | HALF_CLOSED),
    };
    Ok(fds.iter().map(readiness).collect())
}
