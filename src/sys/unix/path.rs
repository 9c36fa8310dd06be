//! Paths and attributes.

use super::Handle;
use super::resolve::{locate, locate_existing, without_trailing_slashes};
use crate::preview1::fd::NewTime;
use crate::preview1::types::{Filestat, Filetype, Timestamp};
use cap_std::fs::Dir;
use rustix::fs::{AtFlags, Mode, OFlags, Stat, Timespec, Timestamps};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Result;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// More bytes than a link can hold.
const LINK_MAX: usize = 4096;

pub(in crate::sys) fn filetype(mode: rustix::fs::RawMode) -> Filetype {
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

/// Attributes of what a path leads to.
pub fn stat_at(dir: &Dir, path: &Path, follows: bool) -> Result<Filestat> {
    if is_name(path) {
        let stat = lstat_at(dir.as_fd(), path)?;
        if !follows || stat.filetype != Filetype::SymbolicLink {
            return Ok(stat);
        }
        if let Some(stat) = stat_sibling_symlink_target(dir, path) {
            return Ok(stat);
        }
    }
    #[cfg(target_os = "linux")]
    {
        let flags = if follows { OFlags::PATH } else { OFlags::PATH | OFlags::NOFOLLOW };
        if let Some(opened) = super::resolve::open_beneath(dir, path, flags, Mode::empty())? {
            return stat(opened.as_fd());
        }
    }
    let located = locate_existing(dir, path, follows)?;
    lstat_at(located.parent(), located.name())
}

/// Attributes of the file at a path, seen from a directory. If it is a link, that is not followed.
fn lstat_at(dir: Handle<'_>, path: &Path) -> Result<Filestat> {
    Ok(filestat(&rustix::fs::statat(dir, path, AtFlags::SYMLINK_NOFOLLOW)?))
}

/// Attributes of the target of a link, if that is a name in the same directory, as most are, and is no link itself. Two
/// short calls do this, where to resolve the link takes three long ones, and a descriptor.
fn stat_sibling_symlink_target(dir: &Dir, link: &Path) -> Option<Filestat> {
    // Room for the longest name and a byte: what fills it may have been cut.
    let mut buffer = [MaybeUninit::uninit(); 256];
    let (target, rest) = rustix::fs::readlinkat_raw(dir, link, &mut buffer).ok()?;
    let target = Path::new(OsStr::from_bytes(target));
    if rest.is_empty() || !is_name(target) {
        return None;
    }
    let stat = lstat_at(dir.as_fd(), target).ok()?;
    (stat.filetype != Filetype::SymbolicLink).then_some(stat)
}

/// Whether a path is a single name in a directory, or the directory itself.
fn is_name(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    !bytes.contains(&b'/') && !matches!(bytes, b"" | b"..")
}

/// Levels above a directory that [`parent_ino`] looks at: the calls for so many take some milliseconds.
const MAX_LEVELS: usize = 1024;

/// Returns the serial number of the directory above a directory, if one of the directories above is one that `is_within`
/// knows by its device and serial number. Takes no descriptor.
pub fn parent_ino(dir: Handle<'_>, is_within: impl Fn((u64, u64)) -> bool) -> Result<Option<u64>> {
    let mut path = String::from("..");
    let parent = lstat_at(dir, Path::new(&path))?;
    let mut above = (parent.dev, parent.ino);
    for _ in 1..MAX_LEVELS {
        if is_within(above) {
            return Ok(Some(parent.ino));
        }
        path += "/..";
        let stat = lstat_at(dir, Path::new(&path))?;
        if above == (stat.dev, stat.ino) {
            break;
        }
        above = (stat.dev, stat.ino);
    }
    Ok(None)
}

/// Reads all entries of a directory.
#[cfg(not(target_os = "linux"))]
pub(in crate::sys) fn entries(dir: &Dir) -> Result<Vec<crate::sys::readdir::Entry>> {
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
        Ok(crate::sys::readdir::Entry { name, ino: entry.ino(), filetype: kind })
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

/// Sets the times of what a path names, without opening it, which could make a FIFO wait.
pub fn set_times_at(
    dir: &Dir,
    path: &Path,
    follows: bool,
    atim: Option<NewTime>,
    mtim: Option<NewTime>,
) -> Result<()> {
    let times = timestamps(atim, mtim);
    let located = locate_existing(dir, path, follows)?;
    Ok(rustix::fs::utimensat(located.parent(), located.name(), &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Creates a directory.
pub fn create_dir(dir: &Dir, path: &Path) -> Result<()> {
    let located = locate(dir, path)?;
    Ok(rustix::fs::mkdirat(located.parent(), located.name(), Mode::from_bits_retain(0o777))?)
}

/// Makes a hard link.
pub fn hard_link(
    old_dir: &Dir,
    old_path: &Path,
    follows: bool,
    new_dir: &Dir,
    new_path: &Path,
) -> Result<()> {
    let old = locate_existing(old_dir, old_path, follows)?;
    let new = locate(new_dir, new_path)?;
    Ok(rustix::fs::linkat(old.parent(), old.name(), new.parent(), new.name(), AtFlags::empty())?)
}

/// Gives `then` what a symbolic link points at, in the guest's encoding.
pub fn read_link<T>(dir: &Dir, path: &Path, then: impl FnOnce(&[u8]) -> T) -> Result<T> {
    let located = locate_existing(dir, path, false)?;
    let mut buffer = [MaybeUninit::uninit(); LINK_MAX];
    let (target, _) = rustix::fs::readlinkat_raw(located.parent(), located.name(), &mut buffer)?;
    Ok(then(target))
}

/// Removes an empty directory. One that ends in `..` is not empty: it holds what the path came from.
pub fn remove_dir(dir: &Dir, path: &Path) -> Result<()> {
    let located = locate(dir, path)?;
    if without_trailing_slashes(path).as_os_str().as_bytes().ends_with(b"..")
        && located.name() == Path::new(".")
    {
        return Err(Errno::NOTEMPTY.into());
    }
    Ok(rustix::fs::unlinkat(located.parent(), located.name(), AtFlags::REMOVEDIR)?)
}

/// Renames a file or directory.
pub fn rename(old_dir: &Dir, old_path: &Path, new_dir: &Dir, new_path: &Path) -> Result<()> {
    let (old, new) = (locate(old_dir, old_path)?, locate(new_dir, new_path)?);
    Ok(rustix::fs::renameat(old.parent(), old.name(), new.parent(), new.name())?)
}

/// Makes a symbolic link.
pub fn symlink(dir: &Dir, target: &Path, link: &Path) -> Result<()> {
    let located = locate(dir, link)?;
    Ok(rustix::fs::symlinkat(target, located.parent(), located.name())?)
}

/// Removes a file or link.
pub fn unlink(dir: &Dir, path: &Path) -> Result<()> {
    let located = locate(dir, path)?;
    Ok(rustix::fs::unlinkat(located.parent(), located.name(), AtFlags::empty())?)
}

/// A path in the guest's encoding, which here is the system's own.
pub fn path(bytes: &[u8]) -> Result<&Path> {
    Ok(Path::new(OsStr::from_bytes(bytes)))
}

/// Which mount something open was reached through, where the system tells.
pub fn mount_id(handle: Handle<'_>) -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{StatxFlags, statx};
        let stat = statx(handle, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).ok()?;
        (stat.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(stat.stx_mnt_id)
    }
    // A directory has one device on each mount there.
    #[cfg(not(target_os = "linux"))]
    {
        let _ = handle;
        Some(0)
    }
}

/// Where something open is at this moment, if the system can tell.
pub fn path_of(handle: Handle<'_>) -> Option<PathBuf> {
    #[cfg(target_os = "linux")]
    {
        // It makes sure that this is the kernel's own /proc.
        let links = rustix_linux_procfs::proc_self_fd().ok()?;
        let number = rustix::path::DecInt::from_fd(handle);
        let path = rustix::fs::readlinkat(links, number, Vec::new()).ok()?.into_bytes();
        // Of what is no longer anywhere, or out of reach, it says so.
        let is_there = path.starts_with(b"/") && !path.ends_with(b" (deleted)");
        is_there.then(|| OsString::from_vec(path).into())
    }
    #[cfg(target_vendor = "apple")]
    {
        let path = rustix::fs::getpath(handle).ok()?.into_bytes();
        Some(OsString::from_vec(path).into())
    }
    #[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
    {
        let _ = handle;
        None
    }
}

/// Opens the directory at a path of the host's, for reading: it can be listed and synced. With `keeps_atime` listing it
/// leaves the time of the last access, where the system allows that.
pub fn open_directory(path: &Path, keeps_atime: bool) -> Result<File> {
    open_keeping_atime(DIRECTORY, keeps_atime, |flags| {
        Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
    })
}

/// Opens the directory again that a descriptor of the host's is, whatever that was opened for.
pub fn reopen_directory(fd: i32, keeps_atime: bool) -> Result<File> {
    let dir = super::host_stream(fd)?;
    open_keeping_atime(DIRECTORY, keeps_atime, |flags| {
        Ok(rustix::fs::openat(&*dir, ".", flags, Mode::empty())?.into())
    })
}

/// Calls `open` with flags that leave the time of the last access alone, and without them if only the owner of the file
/// may ask for that.
pub(super) fn open_keeping_atime(
    flags: OFlags,
    keeps_atime: bool,
    open: impl Fn(OFlags) -> Result<File>,
) -> Result<File> {
    #[cfg(target_os = "linux")]
    if keeps_atime {
        match open(flags | OFlags::NOATIME) {
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => {}
            opened => return opened,
        }
    }
    let _ = keeps_atime;
    open(flags)
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
