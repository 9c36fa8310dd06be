//! Opening paths: the kernel resolves them beneath the directory (`openat2` on Linux); where it cannot, cap-std does,
//! component by component.

use super::super::How;
use super::handle;
use super::path::{names_directory, stat, stat_at, without_trailing_slashes};
use crate::wasi::types::{Fdflags, Filetype, Oflags};
use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::File;
use std::io::{Error, Result};
use std::path::Path;
#[cfg(target_os = "linux")]
use {rustix::fs::Mode, std::os::fd::OwnedFd};

fn follow(follows: bool) -> FollowSymlinks {
    if follows { FollowSymlinks::Yes } else { FollowSymlinks::No }
}

/// Opens a path. It never waits, not for the other end of a FIFO either: a guest that has to wait does so
/// when it reads or writes.
pub fn open(dir: &Dir, path: &Path, how: &How) -> Result<File> {
    #[cfg(target_os = "linux")]
    if let Some(opened) = open_beneath(dir, path, flags(how), Mode::from_bits_retain(0o666))? {
        return Ok(opened.into());
    }
    open_stepwise(dir, path, how)
}

/// Opens what a path leads to, only to look at its attributes.
#[cfg(target_os = "linux")]
pub(super) fn find(dir: &Dir, path: &Path, follows: bool) -> Result<OwnedFd> {
    let mut flags = OFlags::PATH;
    flags.set(OFlags::NOFOLLOW, !follows);
    if let Some(opened) = open_beneath(dir, path, flags, Mode::empty())? {
        return Ok(opened);
    }
    let mut options = OpenOptions::new();
    options.read(true).follow(follow(follows)).maybe_dir(true);
    options.custom_flags(OFlags::PATH.bits().cast_signed());
    Ok(dir.open_with(path, &options)?.into_std().into())
}

/// Opens a path that the kernel resolves without leaving the directory; `None` if it cannot, because it is too old, a
/// filter forbids it, or something was renamed meanwhile.
#[cfg(target_os = "linux")]
fn open_beneath(dir: &Dir, path: &Path, flags: OFlags, mode: Mode) -> Result<Option<OwnedFd>> {
    use rustix::fs::ResolveFlags;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    /// Whether the kernel is too old, once that is known.
    static IS_MISSING: AtomicBool = AtomicBool::new(false);
    if IS_MISSING.load(Relaxed) {
        return Ok(None);
    }
    let mode = if flags.contains(OFlags::CREATE) { mode } else { Mode::empty() };
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(dir, path, flags | OFlags::CLOEXEC, mode, beneath) {
        Ok(opened) => Ok(Some(opened)),
        Err(Errno::NOSYS) => {
            IS_MISSING.store(true, Relaxed);
            Ok(None)
        }
        Err(Errno::PERM | Errno::AGAIN) => Ok(None),
        // As cap-std says it.
        Err(Errno::XDEV) => Err(std::io::ErrorKind::PermissionDenied.into()),
        Err(error) => Err(error.into()),
    }
}

fn flags(how: &How) -> OFlags {
    let mut flags = OFlags::NOCTTY | OFlags::NONBLOCK;
    flags |= match (how.reads, how.writes) {
        (true, true) => OFlags::RDWR,
        (false, true) => OFlags::WRONLY,
        (_, false) => OFlags::RDONLY,
    };
    flags.set(OFlags::NOFOLLOW, !how.follows);
    flags.set(OFlags::CREATE, how.oflags.contains(Oflags::CREAT));
    flags.set(OFlags::EXCL, how.oflags.contains(Oflags::EXCL));
    flags.set(OFlags::TRUNC, how.oflags.contains(Oflags::TRUNC));
    flags.set(OFlags::DIRECTORY, how.oflags.contains(Oflags::DIRECTORY));
    flags.set(OFlags::APPEND, how.fdflags.contains(Fdflags::APPEND));
    // These share bits: none may be taken away again.
    let sync = |fdflags, flag| if how.fdflags.contains(fdflags) { flag } else { OFlags::empty() };
    flags |= sync(Fdflags::SYNC, OFlags::SYNC) | sync(Fdflags::DSYNC, OFlags::DSYNC);
    #[cfg(target_os = "linux")]
    flags.insert(sync(Fdflags::RSYNC, OFlags::RSYNC));
    flags
}

/// Opens a path as cap-std resolves it, with the answers of a kernel that resolves it whole. cap-std follows links
/// itself, and with `DIRECTORY` would not see them: that is seen to afterwards. `TRUNC` must not strike what turns out
/// to be no directory, and a directory refuses it.
fn open_stepwise(dir: &Dir, path: &Path, how: &How) -> Result<File> {
    let path = if how.oflags.contains(Oflags::CREAT) { not_new_directory(dir, path)? } else { path };
    let mut flags = flags(how);
    if how.oflags.contains(Oflags::DIRECTORY) {
        flags.remove(OFlags::DIRECTORY | OFlags::TRUNC);
    }
    let mut options = OpenOptions::new();
    options
        .read(how.reads || !how.writes)
        .write(how.writes)
        .follow(follow(how.follows))
        .maybe_dir(true)
        .custom_flags(flags.bits().cast_signed());
    let opened = match dir.open_with(path, &options) {
        Ok(opened) => opened.into_std(),
        Err(error) => return Err(refusal(dir, path, how, error)),
    };
    if how.oflags.intersects(Oflags::CREAT | Oflags::DIRECTORY | Oflags::TRUNC) {
        let is_directory = stat(handle(&opened))?.filetype == Filetype::Directory;
        if is_directory && how.oflags.intersects(Oflags::CREAT | Oflags::TRUNC) {
            return Err(refused_directory(how).into());
        }
        if !is_directory && how.oflags.contains(Oflags::DIRECTORY) {
            return Err(Errno::NOTDIR.into());
        }
    }
    Ok(opened)
}

/// Refuses to create what ends in a slash, whether it is there or not: a file could be made before it is found not to
/// be a directory. What ends in `.` or `..` is one, and is given back less the slash.
fn not_new_directory<'a>(dir: &Dir, path: &'a Path) -> Result<&'a Path> {
    let less = without_trailing_slashes(path);
    if !path.as_os_str().as_encoded_bytes().ends_with(b"/") || names_directory(less) {
        return Ok(less);
    }
    if let Some(parent) = less.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        stat_at(dir, &parent.join("."), true)?;
    }
    Err(Errno::ISDIR.into())
}

/// What a directory answers to being created or cut.
fn refused_directory(how: &How) -> Errno {
    if how.oflags.contains(Oflags::CREAT | Oflags::EXCL) { Errno::EXIST } else { Errno::ISDIR }
}

/// What the kernel has to say where cap-std opened nothing and says something else.
fn refusal(dir: &Dir, path: &Path, how: &How, error: Error) -> Error {
    let leads_to = |kind, follows| stat_at(dir, path, follows).is_ok_and(|stat| stat.filetype == kind);
    match Errno::from_io_error(&error) {
        Some(Errno::ISDIR) => refused_directory(how).into(),
        // Of a link that ends in a slash, cap-std asks to create a directory.
        Some(Errno::INVAL) if leads_to(Filetype::Directory, how.follows) => refused_directory(how).into(),
        Some(Errno::LOOP)
            if how.oflags.contains(Oflags::DIRECTORY)
                && !how.follows
                && leads_to(Filetype::SymbolicLink, false) =>
        {
            Errno::NOTDIR.into()
        }
        _ => error,
    }
}
