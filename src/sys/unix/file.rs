//! Open files: positions, sizes, attributes and times.

use crate::sys::types::{Advice, Filedelta, Filesize, Filestat, Filetype, NewTime, Timestamp, Whence};
use crate::sys::unix::handle::Handle;
use rustix::fs::{OFlags, SeekFrom, Stat, Timespec, Timestamps};
use rustix::io::Errno;
use std::io::Result;

/// Moves the position of the descriptor and returns it: `lseek`.
pub fn seek(handle: Handle<'_>, offset: Filedelta, whence: Whence) -> Result<Filesize> {
    let to = match whence {
        Whence::Set => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::INVAL)?),
        Whence::Cur => SeekFrom::Current(offset),
        Whence::End => SeekFrom::End(offset),
    };
    Ok(rustix::fs::seek(handle, to)?)
}

/// Returns the next range from `offset` on that is not a hole: `lseek` with `SEEK_DATA` and `SEEK_HOLE`. `None` if only
/// a hole follows. Moves the position of the descriptor.
pub fn next_data(handle: Handle<'_>, offset: Filesize) -> Result<Option<(Filesize, Filesize)>> {
    let range = || {
        let start = rustix::fs::seek(handle, SeekFrom::Data(offset))?;
        Ok((start, rustix::fs::seek(handle, SeekFrom::Hole(start))?))
    };
    match range() {
        Ok(range) => Ok(Some(range)),
        Err(Errno::NXIO) => Ok(None),
        // A file system that does not report holes.
        Err(Errno::INVAL | Errno::NOTSUP | Errno::NOTTY) => {
            let size = stat(handle)?.size;
            Ok((offset < size).then_some((offset, size)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Stores the data of a file on the disk: `fdatasync`.
pub fn datasync(handle: Handle<'_>) -> Result<()> {
    #[cfg(target_os = "linux")]
    return Ok(rustix::fs::fdatasync(handle)?);
    #[cfg(not(target_os = "linux"))]
    sync(handle)
}

/// Stores data and metadata of a file on the disk: `fsync`.
#[cfg(not(target_vendor = "apple"))]
pub fn sync(handle: Handle<'_>) -> Result<()> {
    Ok(rustix::fs::fsync(handle)?)
}

/// Stores data and metadata of a file on the disk: `F_FULLFSYNC`. `fsync` of macOS leaves the data in the cache of
/// the disk. Falls back to `fsync` on file systems without `F_FULLFSYNC`.
#[cfg(target_vendor = "apple")]
pub fn sync(handle: Handle<'_>) -> Result<()> {
    Ok(rustix::fs::fcntl_fullfsync(handle).or_else(|_| rustix::fs::fsync(handle))?)
}

/// Truncates or extends a file: `ftruncate`. A size beyond 63 bits is `EINVAL`.
pub fn set_size(handle: Handle<'_>, size: Filesize) -> Result<()> {
    if size > Filedelta::MAX.cast_unsigned() {
        return Err(Errno::INVAL.into());
    }
    Ok(rustix::fs::ftruncate(handle, size)?)
}

/// Allocates a range of a file: `fallocate`.
#[cfg(target_os = "linux")]
pub fn allocate(handle: Handle<'_>, offset: Filesize, len: Filesize) -> Result<()> {
    Ok(rustix::fs::fallocate(handle, rustix::fs::FallocateFlags::empty(), offset, len)?)
}

/// Allocates a range of a file by extending the file: macOS has no `fallocate`.
#[cfg(not(target_os = "linux"))]
pub fn allocate(handle: Handle<'_>, offset: Filesize, len: Filesize) -> Result<()> {
    check_allocate(handle, offset, len)?;
    let end = offset + len;
    if stat(handle)?.size < end { set_size(handle, end) } else { Ok(()) }
}

/// Checks an allocation for errors other than a lack of space: `EINVAL`, `EBADF`, `EFBIG` or `ENODEV`.
pub fn check_allocate(handle: Handle<'_>, offset: Filesize, len: Filesize) -> Result<()> {
    const MAX: Filesize = Filedelta::MAX.cast_unsigned();
    if len == 0 || offset > MAX || len > MAX {
        return Err(Errno::INVAL.into());
    }
    if !rustix::fs::fcntl_getfl(handle)?.intersects(OFlags::WRONLY | OFlags::RDWR) {
        return Err(Errno::BADF.into());
    }
    match rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(handle)?.st_mode) {
        rustix::fs::FileType::RegularFile if offset + len > MAX => Err(Errno::FBIG.into()),
        rustix::fs::FileType::RegularFile => Ok(()),
        _ => Err(Errno::NODEV.into()),
    }
}

/// Announces how a range of a file will be used: `posix_fadvise`.
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

/// Ignores advice: macOS has no `posix_fadvise`.
#[cfg(not(target_os = "linux"))]
pub fn advise(_: Handle<'_>, _: Filesize, _: Filesize, _: Advice) -> Result<()> {
    Ok(())
}

/// Sets or clears `O_APPEND`: `fcntl(F_SETFL)`.
pub fn set_append(handle: Handle<'_>, append: bool) -> Result<()> {
    let mut flags = rustix::fs::fcntl_getfl(handle)?;
    flags.set(OFlags::APPEND, append);
    Ok(rustix::fs::fcntl_setfl(handle, flags)?)
}

pub(crate) fn filetype(mode: rustix::fs::RawMode) -> Filetype {
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

#[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "the widths differ between systems")]
pub(crate) fn filestat(stat: &Stat) -> Filestat {
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

/// Returns a file time in nanoseconds. Times before 1970 become 0.
fn nanoseconds_of(seconds: i64, nanoseconds: i64) -> Timestamp {
    let time = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    Timestamp::try_from(time.max(0)).unwrap_or(Timestamp::MAX)
}

/// Returns the attributes of an open file: `fstat`.
pub fn stat(handle: Handle<'_>) -> Result<Filestat> {
    Ok(filestat(&rustix::fs::fstat(handle)?))
}

pub(crate) fn timestamps(atim: Option<NewTime>, mtim: Option<NewTime>) -> Timestamps {
    let time = |time| match time {
        None => Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
        Some(NewTime::Now) => Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW },
        Some(NewTime::At(at)) => {
            Timespec { tv_sec: (at / 1_000_000_000) as _, tv_nsec: (at % 1_000_000_000) as _ }
        }
    };
    Timestamps { last_access: time(atim), last_modification: time(mtim) }
}

/// Sets the times of an open file: `futimens`.
pub fn set_times(handle: Handle<'_>, atim: Option<NewTime>, mtim: Option<NewTime>) -> Result<()> {
    Ok(rustix::fs::futimens(handle, &timestamps(atim, mtim))?)
}
