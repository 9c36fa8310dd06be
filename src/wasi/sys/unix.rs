//! Linux and macOS. Vectored transfers go through libc, because their buffers are guest memory and must not
//! become Rust slices; the rest through rustix and cap-std.
#![expect(unsafe_code, reason = "vectored transfers hand addresses in guest memory to the kernel")]

use super::How;
use crate::wasi::errno::Errno;
use crate::wasi::fd::NewTime;
use crate::wasi::io::StreamKind;
use crate::wasi::poll::{Interest, Readiness};
use crate::wasi::types::{
    Advice, Clockid, Fdflags, Filedelta, Filesize, Filestat, Filetype, Oflags, Riflags, Sdflags, Timestamp,
    Whence,
};
use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::{AtFlags, OFlags, SeekFrom, Stat, Timespec, Timestamps};
use rustix::io::Errno as RustixErrno;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Error, Result};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};
use std::time::Duration;

/// The system's own handle of something open.
pub type Handle<'a> = BorrowedFd<'a>;

/// The handle of something open.
pub fn handle<T: AsFd>(open: &T) -> Handle<'_> {
    open.as_fd()
}

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
}

/// What a system call returned: a count, or -1 and `errno`.
fn count(returned: isize) -> Result<usize> {
    usize::try_from(returned).map_err(|_| Error::last_os_error())
}

/// The arguments that vectored calls share.
#[cfg(target_os = "linux")]
fn vector(buffers: &[Buffer]) -> (*const libc::iovec, libc::c_int) {
    (buffers.as_ptr().cast(), buffers.len() as libc::c_int)
}

/// The arguments that vectored calls share. More than 31 bits at once macOS refuses, where Linux does a part:
/// so it is given a part.
#[cfg(not(target_os = "linux"))]
fn vector(buffers: &[Buffer]) -> (*const libc::iovec, libc::c_int) {
    let mut room = Buffer::MAX;
    let fits = |buffer: &&Buffer| {
        let left = room.checked_sub(buffer.0.iov_len);
        room = left.unwrap_or(0);
        left.is_some()
    };
    let len = buffers.iter().take_while(fits).count();
    (buffers.as_ptr().cast(), len as libc::c_int)
}

/// Reads at the system's own position.
pub fn readv(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    let (iov, len) = vector(buffers);
    // SAFETY: each buffer is memory of the guest, checked by `Memory::address`, that outlives the call.
    count(unsafe { libc::readv(handle.as_raw_fd(), iov, len) })
}

/// Writes at the system's own position.
pub fn writev(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    let (iov, len) = vector(buffers);
    // SAFETY: each buffer is memory of the guest, checked by `Memory::address`, that outlives the call.
    count(unsafe { libc::writev(handle.as_raw_fd(), iov, len) })
}

/// Reads at `offset`.
pub fn preadv(handle: Handle<'_>, buffers: &[Buffer], offset: Filesize) -> Result<usize> {
    let (iov, len) = vector(buffers);
    // SAFETY: each buffer is memory of the guest, checked by `Memory::address`, that outlives the call.
    count(unsafe { libc::preadv(handle.as_raw_fd(), iov, len, offset.cast_signed()) })
}

/// Writes at `offset`.
pub fn pwritev(handle: Handle<'_>, buffers: &[Buffer], offset: Filesize) -> Result<usize> {
    let (iov, len) = vector(buffers);
    // SAFETY: each buffer is memory of the guest, checked by `Memory::address`, that outlives the call.
    count(unsafe { libc::pwritev(handle.as_raw_fd(), iov, len, offset.cast_signed()) })
}

/// Writes what there is room for now, `AGAIN` if there is none, without changing the descriptor that the host
/// shares. Where the kernel cannot (terminals; pipes before Linux 6.5) it waits in the kernel if there is any
/// room but not enough.
#[cfg(target_os = "linux")]
pub fn writev_nowait(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    let (iov, len) = vector(buffers);
    // SAFETY: each buffer is memory of the guest, checked by `Memory::address`, that outlives the call. The
    // offset -1 stands for the system's own position.
    let written = count(unsafe { libc::pwritev2(handle.as_raw_fd(), iov, len, -1, libc::RWF_NOWAIT) });
    match written {
        Err(error)
            if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::ESPIPE)) =>
        {
            writev_when_ready(handle, buffers)
        }
        written => written,
    }
}

/// Writes what there is room for now, `AGAIN` if there is none.
#[cfg(not(target_os = "linux"))]
pub fn writev_nowait(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    writev_when_ready(handle, buffers)
}

fn writev_when_ready(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    if poll(&[(handle, Interest::Write)], Duration::ZERO)?[0].ready {
        writev(handle, buffers)
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
    let end = offset.checked_add(len).ok_or(RustixErrno::FBIG)?;
    if len == 0 {
        return Err(RustixErrno::INVAL.into());
    }
    if stat(handle)?.size < end { set_size(handle, end) } else { Ok(()) }
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

pub(super) fn filetype(mode: rustix::fs::RawMode) -> Filetype {
    match rustix::fs::FileType::from_raw_mode(mode) {
        rustix::fs::FileType::RegularFile => Filetype::RegularFile,
        rustix::fs::FileType::Directory => Filetype::Directory,
        rustix::fs::FileType::Symlink => Filetype::SymbolicLink,
        rustix::fs::FileType::CharacterDevice => Filetype::CharacterDevice,
        rustix::fs::FileType::BlockDevice => Filetype::BlockDevice,
        rustix::fs::FileType::Socket => Filetype::SocketStream,
        _ => Filetype::Unknown,
    }
}

#[expect(clippy::useless_conversion, clippy::unnecessary_cast, reason = "the widths differ between systems")]
fn filestat(stat: &Stat) -> Filestat {
    Filestat {
        dev: stat.st_dev as u64,
        ino: stat.st_ino as u64,
        filetype: filetype(stat.st_mode as rustix::fs::RawMode),
        nlink: u64::from(stat.st_nlink),
        size: stat.st_size.max(0) as u64,
        atim: nanoseconds_of(stat.st_atime as i64, stat.st_atime_nsec as i64),
        mtim: nanoseconds_of(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
        ctim: nanoseconds_of(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
    }
}

/// A time of a file, 0 for what was before 1970.
fn nanoseconds_of(seconds: i64, nanoseconds: i64) -> Timestamp {
    let time = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    Timestamp::try_from(time.max(0)).unwrap_or(Timestamp::MAX)
}

/// Attributes of something open.
pub fn stat(handle: Handle<'_>) -> Result<Filestat> {
    Ok(filestat(&rustix::fs::fstat(handle)?))
}

/// Attributes of what a path leads to. A single name needs no resolving.
pub fn stat_at(dir: &Dir, path: &Path, follows: bool) -> Result<Filestat> {
    if is_name(path) {
        let stat = filestat(&rustix::fs::statat(dir, path, AtFlags::SYMLINK_NOFOLLOW)?);
        if !follows || stat.filetype != Filetype::SymbolicLink {
            return Ok(stat);
        }
    }
    stat_path(dir, path, follows)
}

#[cfg(target_os = "linux")]
fn stat_path(dir: &Dir, path: &Path, follows: bool) -> Result<Filestat> {
    let mut options = OpenOptions::new();
    options.read(true).follow(follow(follows)).maybe_dir(true);
    options.custom_flags(OFlags::PATH.bits().cast_signed());
    stat(handle(&dir.open_with(path, &options)?))
}

/// Without `O_PATH` nothing is opened: that would follow links, wait for FIFOs, and ask for permission to read.
#[cfg(not(target_os = "linux"))]
fn stat_path(dir: &Dir, path: &Path, follows: bool) -> Result<Filestat> {
    use cap_std::fs::MetadataExt;
    let stat = if follows { dir.metadata(path)? } else { dir.symlink_metadata(path)? };
    Ok(Filestat {
        dev: stat.dev(),
        ino: stat.ino(),
        filetype: filetype(stat.mode() as rustix::fs::RawMode),
        nlink: stat.nlink(),
        size: stat.size(),
        atim: nanoseconds_of(stat.atime(), stat.atime_nsec()),
        mtim: nanoseconds_of(stat.mtime(), stat.mtime_nsec()),
        ctim: nanoseconds_of(stat.ctime(), stat.ctime_nsec()),
    })
}

/// Whether a path is a name in a directory, with nothing to resolve but itself.
fn is_name(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    !bytes.contains(&b'/') && matches!(path.components().next(), Some(Component::Normal(_)))
}

/// Serial number of the directory above a directory.
pub fn parent_ino(handle: Handle<'_>) -> Result<u64> {
    Ok(filestat(&rustix::fs::statat(handle, "..", AtFlags::SYMLINK_NOFOLLOW)?).ino)
}

/// Reads all entries of a directory.
#[cfg(not(target_os = "linux"))]
pub(super) fn entries(dir: &Dir) -> Result<Vec<super::readdir::Entry>> {
    let entry = |entry: rustix::io::Result<rustix::fs::DirEntry>| {
        let entry = entry?;
        let kind = match entry.file_type() {
            // For file systems that do not say the kind of a file in its entry.
            rustix::fs::FileType::Unknown => {
                rustix::fs::statat(dir, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(Filetype::Unknown, |stat| filetype(stat.st_mode as rustix::fs::RawMode))
            }
            kind => filetype(kind.as_raw_mode()),
        };
        let name = entry.file_name().to_bytes().to_vec();
        Ok(super::readdir::Entry { name, ino: entry.ino(), filetype: kind })
    };
    rustix::fs::Dir::read_from(dir)?.map(entry).collect()
}

fn timestamps(atim: Option<NewTime>, mtim: Option<NewTime>) -> Timestamps {
    let time = |time| match time {
        None => Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
        Some(NewTime::Now) => Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW },
        Some(NewTime::At(at)) => {
            Timespec { tv_sec: (at / 1_000_000_000) as _, tv_nsec: (at % 1_000_000_000) as _ }
        }
    };
    Timestamps { last_access: time(atim), last_modification: time(mtim) }
}

/// Sets the times of something open.
pub fn set_times(handle: Handle<'_>, atim: Option<NewTime>, mtim: Option<NewTime>) -> Result<()> {
    Ok(rustix::fs::futimens(handle, &timestamps(atim, mtim))?)
}

/// Sets the times of what a path names, without following a link that is the last component and without
/// opening it, which could make a FIFO wait.
pub fn set_times_at(dir: &Dir, path: &Path, atim: Option<NewTime>, mtim: Option<NewTime>) -> Result<()> {
    let times = timestamps(atim, mtim);
    if is_name(path) {
        return Ok(rustix::fs::utimensat(dir, path, &times, AtFlags::SYMLINK_NOFOLLOW)?);
    }
    let (parent, name) = match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if !parent.as_os_str().is_empty() => (dir.open_dir(parent)?, name),
        _ => (dir.open_dir(path)?, OsStr::new(".")),
    };
    Ok(rustix::fs::utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

fn follow(follows: bool) -> FollowSymlinks {
    if follows { FollowSymlinks::Yes } else { FollowSymlinks::No }
}

/// Opens a path. It never waits, not for the other end of a FIFO either: a guest that has to wait does so
/// when it reads or writes.
pub fn open(dir: &Dir, path: &Path, how: &How) -> Result<File> {
    // cap-std follows links itself where the kernel does not do it for it, and with DIRECTORY it would not
    // see them: then that is seen to afterwards.
    let to_check = cfg!(not(target_os = "linux")) && how.oflags.contains(Oflags::DIRECTORY);
    let mut flags = OFlags::NOCTTY;
    flags.set(OFlags::CREATE, how.oflags.contains(Oflags::CREAT));
    flags.set(OFlags::EXCL, how.oflags.contains(Oflags::EXCL));
    flags.set(OFlags::TRUNC, how.oflags.contains(Oflags::TRUNC) && !to_check);
    flags.set(OFlags::DIRECTORY, how.oflags.contains(Oflags::DIRECTORY) && !to_check);
    flags.set(OFlags::APPEND, how.fdflags.contains(Fdflags::APPEND));
    let mut options = OpenOptions::new();
    options
        .read(how.reads || !how.writes)
        .write(how.writes)
        .follow(follow(how.follows))
        .maybe_dir(true)
        .nonblock(true)
        .sync(how.fdflags.contains(Fdflags::SYNC))
        .dsync(how.fdflags.contains(Fdflags::DSYNC))
        .rsync(how.fdflags.contains(Fdflags::RSYNC))
        .custom_flags(flags.bits().cast_signed());
    let opened = dir.open_with(path, &options)?.into_std();
    if to_check && stat(handle(&opened))?.filetype != Filetype::Directory {
        return Err(RustixErrno::NOTDIR.into());
    }
    Ok(opened)
}

/// Makes a symbolic link.
pub fn symlink(dir: &Dir, target: &Path, link: &Path) -> Result<()> {
    dir.symlink_contents(target, link)
}

/// Removes a file or link.
pub fn unlink(dir: &Dir, path: &Path) -> Result<()> {
    dir.remove_file(path)
}

/// A path in the guest's encoding, which here is the system's own.
pub fn path(bytes: &[u8]) -> Result<&Path> {
    Ok(Path::new(OsStr::from_bytes(bytes)))
}

/// A path in the guest's encoding.
pub fn path_bytes(path: &Path) -> Result<&[u8]> {
    Ok(path.as_os_str().as_bytes())
}

/// A path less the slashes at its end, which name the same directory.
pub fn without_trailing_slashes(path: &Path) -> &Path {
    let bytes = path.as_os_str().as_bytes();
    let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(bytes.len(), |last| last + 1);
    Path::new(OsStr::from_bytes(&bytes[..end]))
}

/// A descriptor of the host's, lent to the guest.
pub fn host_stream(fd: i32) -> Result<ManuallyDrop<File>> {
    if fd < 0 {
        return Err(RustixErrno::BADF.into());
    }
    // SAFETY: ManuallyDrop never closes it. Whether it is open is seen when it is used: a descriptor that the
    // host closes meanwhile gives BADF, as it does to the host itself.
    Ok(ManuallyDrop::new(unsafe { File::from_raw_fd(fd) }))
}

/// What kind of stream something open is.
pub fn stream_kind(handle: Handle<'_>) -> Result<StreamKind> {
    let mode = rustix::fs::fstat(handle)?.st_mode;
    Ok(match rustix::fs::FileType::from_raw_mode(mode) {
        rustix::fs::FileType::Fifo => StreamKind::Pipe,
        rustix::fs::FileType::Socket => {
            StreamKind::Socket(match rustix::net::sockopt::socket_type(handle)? {
                rustix::net::SocketType::DGRAM => Filetype::SocketDgram,
                _ => Filetype::SocketStream,
            })
        }
        rustix::fs::FileType::CharacterDevice if rustix::termios::isatty(handle) => StreamKind::Terminal,
        _ => StreamKind::Ready(filetype(mode)),
    })
}

/// The flags a descriptor of the host's has and the guest may know: whether writes append.
pub fn stream_flags(handle: Handle<'_>) -> Result<Fdflags> {
    let append = rustix::fs::fcntl_getfl(handle)?.contains(OFlags::APPEND);
    Ok(if append { Fdflags::APPEND } else { Fdflags::empty() })
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

/// Accepts a connection, `AGAIN` if there is none.
pub fn accept(handle: Handle<'_>) -> Result<File> {
    #[cfg(target_os = "linux")]
    let socket = {
        let flags = rustix::net::SocketFlags::CLOEXEC | rustix::net::SocketFlags::NONBLOCK;
        rustix::net::accept_with(handle, flags)?
    };
    #[cfg(not(target_os = "linux"))]
    let socket = {
        let socket = rustix::net::accept(handle)?;
        rustix::io::ioctl_fioclex(&socket)?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        socket
    };
    Ok(File::from(OwnedFd::from(socket)))
}

/// A message header for these buffers.
fn message(buffers: &[Buffer]) -> libc::msghdr {
    // SAFETY: a msghdr of zeros is valid: no name, no buffers, no control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = buffers.as_ptr().cast_mut().cast();
    message.msg_iovlen = buffers.len() as _;
    message
}

/// Receives a message if there is one, `AGAIN` if there is none: how many bytes, and whether it had more.
pub fn receive(handle: Handle<'_>, buffers: &[Buffer], flags: Riflags) -> Result<(usize, bool)> {
    let mut message = message(buffers);
    let peek = if flags.contains(Riflags::RECV_PEEK) { libc::MSG_PEEK } else { 0 };
    // SAFETY: the header points at buffers in guest memory, checked by `Memory::address`, that outlive the call.
    let received =
        count(unsafe { libc::recvmsg(handle.as_raw_fd(), &raw mut message, peek | libc::MSG_DONTWAIT) })?;
    Ok((received, message.msg_flags & libc::MSG_TRUNC != 0))
}

/// Sends what there is room for now, `AGAIN` if there is none.
pub fn send(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    let message = message(buffers);
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the header points at buffers in guest memory, checked by `Memory::address`, that outlive the call.
    count(unsafe { libc::sendmsg(handle.as_raw_fd(), &raw const message, flags) })
}

/// Shuts down a socket in one or both directions.
pub fn shutdown(handle: Handle<'_>, how: Sdflags) -> Result<()> {
    let how = match (how.contains(Sdflags::RD), how.contains(Sdflags::WR)) {
        (true, true) => rustix::net::Shutdown::Both,
        (true, false) => rustix::net::Shutdown::Read,
        (false, _) => rustix::net::Shutdown::Write,
    };
    Ok(rustix::net::shutdown(handle, how)?)
}

fn clock(clock: Clockid) -> rustix::time::ClockId {
    match clock {
        Clockid::Realtime => rustix::time::ClockId::Realtime,
        Clockid::Monotonic => rustix::time::ClockId::Monotonic,
        Clockid::ProcessCputimeId => rustix::time::ClockId::ProcessCPUTime,
        Clockid::ThreadCputimeId => rustix::time::ClockId::ThreadCPUTime,
    }
}

#[expect(clippy::unnecessary_cast, reason = "the widths differ between systems")]
fn nanoseconds(time: rustix::time::Timespec) -> Timestamp {
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

/// Time of a clock.
pub fn clock_time(id: Clockid) -> Result<Timestamp> {
    Ok(nanoseconds(rustix::time::clock_gettime(clock(id))))
}

/// Resolution of a clock.
pub fn clock_resolution(id: Clockid) -> Result<Timestamp> {
    Ok(nanoseconds(rustix::time::clock_getres(clock(id))))
}

/// Time of the monotonic clock.
pub fn monotonic_now() -> Timestamp {
    nanoseconds(rustix::time::clock_gettime(rustix::time::ClockId::Monotonic))
}

/// The errno that a number of the system stands for.
pub fn errno(code: i32) -> Errno {
    match code {
        libc::E2BIG => Errno::TooBig,
        libc::EACCES => Errno::Acces,
        libc::EADDRINUSE => Errno::Addrinuse,
        libc::EADDRNOTAVAIL => Errno::Addrnotavail,
        libc::EAFNOSUPPORT => Errno::Afnosupport,
        libc::EAGAIN => Errno::Again,
        libc::EALREADY => Errno::Already,
        libc::EBADF => Errno::Badf,
        libc::EBADMSG => Errno::Badmsg,
        libc::EBUSY => Errno::Busy,
        libc::ECANCELED => Errno::Canceled,
        libc::ECHILD => Errno::Child,
        libc::ECONNABORTED => Errno::Connaborted,
        libc::ECONNREFUSED => Errno::Connrefused,
        libc::ECONNRESET => Errno::Connreset,
        libc::EDEADLK => Errno::Deadlk,
        libc::EDESTADDRREQ => Errno::Destaddrreq,
        libc::EDOM => Errno::Dom,
        libc::EDQUOT => Errno::Dquot,
        libc::EEXIST => Errno::Exist,
        libc::EFAULT => Errno::Fault,
        libc::EFBIG => Errno::Fbig,
        libc::EHOSTUNREACH => Errno::Hostunreach,
        libc::EIDRM => Errno::Idrm,
        libc::EILSEQ => Errno::Ilseq,
        libc::EINPROGRESS => Errno::Inprogress,
        libc::EINTR => Errno::Intr,
        libc::EINVAL => Errno::Inval,
        libc::EIO => Errno::Io,
        libc::EISCONN => Errno::Isconn,
        libc::EISDIR => Errno::Isdir,
        libc::ELOOP => Errno::Loop,
        libc::EMFILE => Errno::Mfile,
        libc::EMLINK => Errno::Mlink,
        libc::EMSGSIZE => Errno::Msgsize,
        libc::EMULTIHOP => Errno::Multihop,
        libc::ENAMETOOLONG => Errno::Nametoolong,
        libc::ENETDOWN => Errno::Netdown,
        libc::ENETRESET => Errno::Netreset,
        libc::ENETUNREACH => Errno::Netunreach,
        libc::ENFILE => Errno::Nfile,
        libc::ENOBUFS => Errno::Nobufs,
        libc::ENODEV => Errno::Nodev,
        libc::ENOENT => Errno::Noent,
        libc::ENOEXEC => Errno::Noexec,
        libc::ENOLCK => Errno::Nolck,
        libc::ENOLINK => Errno::Nolink,
        libc::ENOMEM => Errno::Nomem,
        libc::ENOMSG => Errno::Nomsg,
        libc::ENOPROTOOPT => Errno::Noprotoopt,
        libc::ENOSPC => Errno::Nospc,
        libc::ENOSYS => Errno::Nosys,
        libc::ENOTCONN => Errno::Notconn,
        libc::ENOTDIR => Errno::Notdir,
        libc::ENOTEMPTY => Errno::Notempty,
        libc::ENOTRECOVERABLE => Errno::Notrecoverable,
        libc::ENOTSOCK => Errno::Notsock,
        libc::ENOTSUP => Errno::Notsup,
        libc::ENOTTY => Errno::Notty,
        libc::ENXIO => Errno::Nxio,
        libc::EOVERFLOW => Errno::Overflow,
        libc::EOWNERDEAD => Errno::Ownerdead,
        libc::EPERM => Errno::Perm,
        libc::EPIPE => Errno::Pipe,
        libc::EPROTO => Errno::Proto,
        libc::EPROTONOSUPPORT => Errno::Protonosupport,
        libc::EPROTOTYPE => Errno::Prototype,
        libc::ERANGE => Errno::Range,
        libc::EROFS => Errno::Rofs,
        libc::ESPIPE => Errno::Spipe,
        libc::ESRCH => Errno::Srch,
        libc::ESTALE => Errno::Stale,
        libc::ETIMEDOUT => Errno::Timedout,
        libc::ETXTBSY => Errno::Txtbsy,
        libc::EXDEV => Errno::Xdev,
        // On Linux the same number as ENOTSUP.
        #[cfg(not(target_os = "linux"))]
        libc::EOPNOTSUPP => Errno::Notsup,
        _ => Errno::Io,
    }
}

/// Device and serial number of the directory at a path, if there is one.
pub fn directory_id(path: &Path) -> Option<(u64, u64)> {
    let stat = filestat(&rustix::fs::stat(path).ok()?);
    (stat.filetype == Filetype::Directory).then_some((stat.dev, stat.ino))
}

/// Opens the directory at a path of the host's, for reading: unlike the handles that cap-std makes to resolve
/// paths, this one can be listed and synced.
pub fn open_directory(path: &Path) -> Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, rustix::fs::Mode::empty())?.into())
}
