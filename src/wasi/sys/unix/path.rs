//! Paths and attributes. Of paths of several names, cap-std finds the parents. A single name needs no resolving: it is
//! one system call, none of which follows a link but to open it.

use super::{Handle, handle};
use crate::wasi::fd::NewTime;
use crate::wasi::types::{Filestat, Filetype, Timestamp};
use cap_std::fs::Dir;
use rustix::fs::{AtFlags, Mode, OFlags, Stat, Timespec, Timestamps};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Result;
use std::mem::MaybeUninit;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// More bytes than a link can hold.
const LINK_MAX: usize = 4096;

pub(in crate::wasi::sys) fn filetype(mode: rustix::fs::RawMode) -> Filetype {
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

/// Attributes of what a path leads to. A single name needs no resolving.
pub fn stat_at(dir: &Dir, path: &Path, follows: bool) -> Result<Filestat> {
    if is_name(path) {
        let stat = stat_name(dir, path)?;
        if !follows || stat.filetype != Filetype::SymbolicLink {
            return Ok(stat);
        }
        if let Some(stat) = stat_neighbour(dir, path) {
            return Ok(stat);
        }
    }
    stat_path(dir, path, follows)
}

/// Attributes of what has a name in a directory, be it a link.
fn stat_name(dir: &Dir, name: &Path) -> Result<Filestat> {
    Ok(filestat(&rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?))
}

/// Attributes of what a link leads to that is a name in its own directory, as most links are, if that is no link again.
/// It takes two short calls, where to resolve it takes three long ones.
fn stat_neighbour(dir: &Dir, link: &Path) -> Option<Filestat> {
    // Room for the longest name and a byte: what fills it may have been cut.
    let mut buffer = [MaybeUninit::uninit(); 256];
    let (target, rest) = rustix::fs::readlinkat_raw(dir, link, &mut buffer).ok()?;
    let target = Path::new(OsStr::from_bytes(target));
    if rest.is_empty() || !is_name(target) {
        return None;
    }
    let stat = stat_name(dir, target).ok()?;
    (stat.filetype != Filetype::SymbolicLink).then_some(stat)
}

#[cfg(target_os = "linux")]
fn stat_path(dir: &Dir, path: &Path, follows: bool) -> Result<Filestat> {
    stat(handle(&super::open::find(dir, path, follows)?))
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
    !bytes.contains(&b'/') && !matches!(bytes, b"" | b"." | b"..")
}

/// Serial number of the directory above a directory, if the way up meets one that `is_within` knows by its
/// device and serial number.
pub fn parent_ino(dir: Handle<'_>, is_within: impl Fn((u64, u64)) -> bool) -> Result<Option<u64>> {
    #[cfg(target_os = "linux")]
    const FLAGS: OFlags = OFlags::PATH;
    #[cfg(not(target_os = "linux"))]
    const FLAGS: OFlags = OFlags::RDONLY;
    let above = |dir: Handle<'_>| {
        let flags = FLAGS | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(dir, "..", flags, Mode::empty())?;
        stat(handle(&dir)).map(|stat| (dir, stat))
    };
    let (mut dir, parent) = above(dir)?;
    let mut id = (parent.dev, parent.ino);
    while !is_within(id) {
        let (next, stat) = above(handle(&dir))?;
        if id == (stat.dev, stat.ino) {
            return Ok(None);
        }
        (dir, id) = (next, (stat.dev, stat.ino));
    }
    Ok(Some(parent.ino))
}

/// Reads all entries of a directory.
#[cfg(not(target_os = "linux"))]
pub(in crate::wasi::sys) fn entries(dir: &Dir) -> Result<Vec<crate::wasi::sys::readdir::Entry>> {
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
        Ok(crate::wasi::sys::readdir::Entry { name, ino: entry.ino(), filetype: kind })
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
        (Some(parent), Some(name)) if !parent.as_os_str().is_empty() && !names_directory(path) => {
            (dir.open_dir(parent)?, name)
        }
        _ => (dir.open_dir(path)?, OsStr::new(".")),
    };
    Ok(rustix::fs::utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Creates a directory.
pub fn create_dir(dir: &Dir, path: &Path) -> Result<()> {
    if is_name(path) {
        return Ok(rustix::fs::mkdirat(dir, path, Mode::from_bits_retain(0o777))?);
    }
    dir.create_dir(path)
}

/// Makes a hard link.
pub fn hard_link(old_dir: &Dir, old_path: &Path, new_dir: &Dir, new_path: &Path) -> Result<()> {
    if is_name(old_path) && is_name(new_path) {
        return Ok(rustix::fs::linkat(old_dir, old_path, new_dir, new_path, AtFlags::empty())?);
    }
    old_dir.hard_link(old_path, new_dir, new_path)
}

/// Gives `then` what a symbolic link points at, in the guest's encoding.
pub fn read_link<T>(dir: &Dir, path: &Path, then: impl FnOnce(&[u8]) -> T) -> Result<T> {
    if is_name(path) {
        let mut buffer = [MaybeUninit::uninit(); LINK_MAX];
        let (target, _) = rustix::fs::readlinkat_raw(dir, path, &mut buffer)?;
        return Ok(then(target));
    }
    Ok(then(dir.read_link_contents(path)?.as_os_str().as_bytes()))
}

/// Removes an empty directory.
pub fn remove_dir(dir: &Dir, path: &Path) -> Result<()> {
    if is_name(path) {
        return Ok(rustix::fs::unlinkat(dir, path, AtFlags::REMOVEDIR)?);
    }
    dir.remove_dir(path)
}

/// Renames a file or directory.
pub fn rename(old_dir: &Dir, old_path: &Path, new_dir: &Dir, new_path: &Path) -> Result<()> {
    if is_name(old_path) && is_name(new_path) {
        return Ok(rustix::fs::renameat(old_dir, old_path, new_dir, new_path)?);
    }
    old_dir.rename(old_path, new_dir, new_path)
}

/// Makes a symbolic link.
pub fn symlink(dir: &Dir, target: &Path, link: &Path) -> Result<()> {
    if is_name(link) {
        return Ok(rustix::fs::symlinkat(target, dir, link)?);
    }
    dir.symlink_contents(target, link)
}

/// Removes a file or link.
pub fn unlink(dir: &Dir, path: &Path) -> Result<()> {
    if is_name(path) {
        return Ok(rustix::fs::unlinkat(dir, path, AtFlags::empty())?);
    }
    dir.remove_file(path)
}

/// A path in the guest's encoding, which here is the system's own.
pub fn path(bytes: &[u8]) -> Result<&Path> {
    Ok(Path::new(OsStr::from_bytes(bytes)))
}

/// Whether a path can only be that of a directory, since it ends in a slash, `.` or `..`.
pub(super) fn names_directory(path: &Path) -> bool {
    let last = path.as_os_str().as_bytes().rsplit(|byte| *byte == b'/').next();
    matches!(last, Some(b"" | b"." | b".."))
}

/// A path less the slashes at its end, which name the same directory.
pub fn without_trailing_slashes(path: &Path) -> &Path {
    let bytes = path.as_os_str().as_bytes();
    let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(bytes.len(), |last| last + 1);
    Path::new(OsStr::from_bytes(&bytes[..end]))
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

/// Opens the directory at a path of the host's, for reading: unlike the handles that cap-std makes to resolve
/// paths, this one can be listed and synced.
pub fn open_directory(path: &Path) -> Result<File> {
    Ok(rustix::fs::open(path, DIRECTORY, Mode::empty())?.into())
}

/// Opens the directory again that a descriptor of the host's is, whatever that was opened for.
pub fn reopen_directory(fd: i32) -> Result<File> {
    Ok(rustix::fs::openat(&*super::host_stream(fd)?, ".", DIRECTORY, Mode::empty())?.into())
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
