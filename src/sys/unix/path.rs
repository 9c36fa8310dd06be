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

/// More bytes than a link can hold.
const LINK_MAX: usize = 4096;

/// Attributes of what a path leads to.
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
    if rest.is_empty() || !is_single_component(target) {
        return None;
    }
    let stat = lstat_at(dir.as_fd(), target).ok()?;
    (stat.filetype != Filetype::SymbolicLink).then_some(stat)
}

/// Whether a path is a single name in a directory, or the directory itself.
fn is_single_component(path: &Path) -> bool {
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
