//! Calls with a path.

use crate::sys::types::{Filestat, Filetype, NewTime};
#[cfg(target_os = "linux")]
use crate::sys::unix::file::stat;
use crate::sys::unix::file::{filestat, timestamps};
use crate::sys::unix::handle::Handle;
#[cfg(target_os = "linux")]
use crate::sys::unix::resolve::open_beneath;
use crate::sys::unix::resolve::{locate, locate_existing, without_trailing_slashes};
use cap_std::fs::Dir;
#[cfg(target_os = "linux")]
use rustix::fs::OFlags;
use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io::Result;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Larger than the longest target of a symlink, `PATH_MAX` - 1.
const LINK_MAX: usize = 4096;

/// Returns the attributes of a path: `fstatat`.
pub fn stat_at(dir: &Dir, path: &Path, follows: bool) -> Result<Filestat> {
    if is_single_component(path) {
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
        if let Some(opened) = open_beneath(dir, path, flags, Mode::empty())? {
            return stat(opened.as_fd());
        }
    }
    let located = locate_existing(dir, path, follows)?;
    lstat_at(located.parent(), located.name())
}

/// Returns the attributes of a path without resolving it beneath the directory. Does not follow a final symlink.
fn lstat_at(dir: Handle<'_>, path: &Path) -> Result<Filestat> {
    Ok(filestat(&rustix::fs::statat(dir, path, AtFlags::SYMLINK_NOFOLLOW)?))
}

/// Returns the attributes of a symlink's target. `None` unless the target is a single component that is not a symlink,
/// as for most symlinks. Makes two fast system calls; resolving the symlink takes three slow calls and a descriptor.
fn stat_sibling_symlink_target(dir: &Dir, link: &Path) -> Option<Filestat> {
    // One byte more than the longest name: a full buffer means that the target may be truncated.
    let mut buffer = [MaybeUninit::uninit(); 256];
    let (target, rest) = rustix::fs::readlinkat_raw(dir, link, &mut buffer).ok()?;
    let target = Path::new(OsStr::from_bytes(target));
    if rest.is_empty() || !is_single_component(target) {
        return None;
    }
    let stat = lstat_at(dir.as_fd(), target).ok()?;
    (stat.filetype != Filetype::SymbolicLink).then_some(stat)
}

/// Returns whether a path is a single component other than `..`.
fn is_single_component(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    !bytes.contains(&b'/') && !matches!(bytes, b"" | b"..")
}

/// Maximum number of levels that [`parent_ino`] climbs. The calls for all levels take some milliseconds.
const MAX_LEVELS: usize = 1024;

/// Returns the inode number of the parent directory. `None` unless `is_within` recognizes the device and inode number
/// of a directory above. Opens no descriptor.
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

/// Sets the times of a path: `utimensat`. Does not open the file, because opening a FIFO could wait.
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

/// Creates a directory: `mkdirat`.
pub fn create_dir(dir: &Dir, path: &Path) -> Result<()> {
    let located = locate(dir, path)?;
    Ok(rustix::fs::mkdirat(located.parent(), located.name(), Mode::from_bits_retain(0o777))?)
}

/// Creates a hard link: `linkat`.
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

/// Passes the target of a symlink to `then`, in the encoding of the guest: `readlinkat`.
pub fn read_link<T>(dir: &Dir, path: &Path, then: impl FnOnce(&[u8]) -> T) -> Result<T> {
    let located = locate_existing(dir, path, false)?;
    let mut buffer = [MaybeUninit::uninit(); LINK_MAX];
    let (target, _) = rustix::fs::readlinkat_raw(located.parent(), located.name(), &mut buffer)?;
    Ok(then(target))
}

/// Removes an empty directory: `unlinkat(AT_REMOVEDIR)`. A path that ends in `..` is `ENOTEMPTY`: the parent directory
/// is never empty.
pub fn remove_dir(dir: &Dir, path: &Path) -> Result<()> {
    let located = locate(dir, path)?;
    if without_trailing_slashes(path).as_os_str().as_bytes().ends_with(b"..")
        && located.name() == Path::new(".")
    {
        return Err(Errno::NOTEMPTY.into());
    }
    Ok(rustix::fs::unlinkat(located.parent(), located.name(), AtFlags::REMOVEDIR)?)
}

/// Renames a file or directory: `renameat`.
pub fn rename(old_dir: &Dir, old_path: &Path, new_dir: &Dir, new_path: &Path) -> Result<()> {
    let (old, new) = (locate(old_dir, old_path)?, locate(new_dir, new_path)?);
    Ok(rustix::fs::renameat(old.parent(), old.name(), new.parent(), new.name())?)
}

/// Creates a symlink: `symlinkat`.
pub fn symlink(dir: &Dir, target: &Path, link: &Path) -> Result<()> {
    let located = locate(dir, link)?;
    Ok(rustix::fs::symlinkat(target, located.parent(), located.name())?)
}

/// Removes a file or symlink: `unlinkat`.
pub fn unlink(dir: &Dir, path: &Path) -> Result<()> {
    let located = locate(dir, path)?;
    Ok(rustix::fs::unlinkat(located.parent(), located.name(), AtFlags::empty())?)
}

/// Converts a path of a guest. Unix takes the bytes unchanged.
pub fn path(bytes: &[u8]) -> Result<&Path> {
    Ok(Path::new(OsStr::from_bytes(bytes)))
}
