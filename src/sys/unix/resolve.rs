//! Resolves paths beneath a directory. Where it can (`openat2` on Linux) the kernel does, with one system call. Elsewhere
//! the path is walked here, one name after the other, each opened in the handle of its directory.
//!
//! Calls that name a file resolve the directory that holds it, and then name the last component in that: system calls of
//! that kind never follow a link there.

use cap_std::fs::Dir;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Symbolic links that a walk may lead through, as on Linux; more are `ELOOP`.
const MAX_LINKS: usize = 40;

/// Directories that a walk may be below the one it started from: it holds a descriptor of each. Deeper is
/// `ENAMETOOLONG`.
const MAX_DEPTH: usize = 128;

/// How often `openat2` is called again at once that fails with `EAGAIN` because something was renamed meanwhile. The
/// caller may then have the whole call restarted.
#[cfg(target_os = "linux")]
const ATTEMPTS: usize = 64;

/// Flags to open a directory with that paths are resolved in.
#[cfg(target_os = "linux")]
const BASE: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const BASE: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A file by the directory that holds it and its name there, which has no slash.
pub(super) struct Located<'a> {
    parent: Parent<'a>,
    name: Cow<'a, Path>,
    is_slashed: bool,
}

enum Parent<'a> {
    Start(&'a Dir),
    Opened(OwnedFd),
}

impl<'a> Located<'a> {
    fn new(parent: Parent<'a>, name: &'a Path) -> Self {
        Self { parent, name: Cow::Borrowed(name), is_slashed: false }
    }

    /// The directory that holds the file.
    pub fn parent(&self) -> BorrowedFd<'_> {
        match &self.parent {
            Parent::Start(dir) => dir.as_fd(),
            Parent::Opened(dir) => dir.as_fd(),
        }
    }

    /// The name of the file there.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Whether only a directory will do, since a slash follows the name.
    pub fn must_be_directory(&self) -> bool {
        self.is_slashed
    }

    fn is_directory(&self) -> Result<bool> {
        let stat = rustix::fs::statat(self.parent(), self.name(), AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
    }
}

/// Finds where a path names something to be created, removed or renamed. Slashes at its end do not count. A path that
/// ends in `.` or `..` must lead to a directory, whose name then is `.`.
pub(super) fn locate<'a>(dir: &'a Dir, path: &'a Path) -> Result<Located<'a>> {
    let path = without_trailing_slashes(path);
    if names_directory(path) {
        return Ok(Located::new(directory(dir, path)?, Path::new(".")));
    }
    let (before, name) = split(path);
    Ok(Located::new(directory(dir, before)?, name))
}

/// Finds where a path leads, through a symbolic link that is its last component if `follows`. A slash at its end follows
/// the link as well, and asks for a directory. The name of a path that ends in `.` or `..` is `.`.
pub(super) fn locate_existing<'a>(dir: &'a Dir, path: &'a Path, follows: bool) -> Result<Located<'a>> {
    let name = without_trailing_slashes(path);
    let is_slashed = name.as_os_str() != path.as_os_str();
    if names_directory(name) {
        return Ok(Located::new(directory(dir, name)?, Path::new(".")));
    }
    let (before, last) = split(name);
    let located = Located::new(directory(dir, before)?, last);
    let follows = follows || is_slashed;
    let located = if follows && read_link(located.parent(), last.as_os_str().as_bytes()).is_some() {
        walk(dir, name, Last { follows, creates: false })?
    } else {
        located
    };
    if is_slashed && !located.is_directory()? {
        return Err(Errno::NOTDIR.into());
    }
    Ok(located)
}

/// Splits a path into the part before its last component, with the slashes, and that component.
fn split(path: &Path) -> (&Path, &Path) {
    let bytes = path.as_os_str().as_bytes();
    let start = bytes.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let (before, name) = bytes.split_at(start);
    (Path::new(OsStr::from_bytes(before)), Path::new(OsStr::from_bytes(name)))
}

/// The directory at a path beneath another one, which is that itself for no path, or for `.`. The path, if there is one,
/// ends in a slash, `.` or `..`.
fn directory<'a>(dir: &'a Dir, path: &Path) -> Result<Parent<'a>> {
    if matches!(path.as_os_str().as_bytes(), b"" | b"." | b"./") {
        return Ok(Parent::Start(dir));
    }
    #[cfg(target_os = "linux")]
    if let Some(opened) = open_beneath(dir, path, BASE, Mode::empty())? {
        return Ok(Parent::Opened(opened));
    }
    let located = walk(dir, path, Last { follows: true, creates: false })?;
    if located.name() == Path::new(".") {
        return Ok(located.parent);
    }
    let flags = BASE | OFlags::NOFOLLOW;
    Ok(Parent::Opened(rustix::fs::openat(located.parent(), located.name(), flags, Mode::empty())?))
}

/// Opens a path that the kernel resolves without leaving the directory; `None` if it cannot, because it is too old or a
/// filter forbids it.
#[cfg(target_os = "linux")]
pub(super) fn open_beneath(dir: &Dir, path: &Path, flags: OFlags, mode: Mode) -> Result<Option<OwnedFd>> {
    use rustix::fs::ResolveFlags;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    /// Whether the kernel is too old, once that is known.
    static IS_MISSING: AtomicBool = AtomicBool::new(false);
    /// Whether no filter forbids it, once that is known.
    static IS_ALLOWED: AtomicBool = AtomicBool::new(false);
    if IS_MISSING.load(Relaxed) {
        return Ok(None);
    }
    let mode = if flags.contains(OFlags::CREATE) { mode } else { Mode::empty() };
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..ATTEMPTS {
        match rustix::fs::openat2(dir, path, flags | OFlags::CLOEXEC, mode, beneath) {
            Ok(opened) => {
                IS_ALLOWED.store(true, Relaxed);
                return Ok(Some(opened));
            }
            Err(Errno::NOSYS) => {
                IS_MISSING.store(true, Relaxed);
                return Ok(None);
            }
            // Only the owner of a file may ask for `O_NOATIME`.
            Err(Errno::PERM) if !(flags.contains(OFlags::NOATIME) && IS_ALLOWED.load(Relaxed)) => {
                return Ok(None);
            }
            Err(Errno::XDEV) => return Err(escape()),
            Err(Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Errno::AGAIN.into())
}

/// How the last component of a walk is treated.
#[derive(Clone, Copy)]
pub(super) struct Last {
    /// Whether it is followed if it is a link.
    pub follows: bool,
    /// Whether it may be created: a slash behind it is `EISDIR` then, whether it exists or not.
    pub creates: bool,
}

/// Stands for a slash at the end of a path, or of the target of a link.
const SLASH: &[u8] = b"/";

/// Walks a path: each name is opened in the directory before it, a link is read and its target walked in its place, and
/// `..` goes back to the handle that the walk came from. So the walk cannot leave the directory it started from, whatever
/// is renamed meanwhile.
pub(super) fn walk<'a>(dir: &'a Dir, path: &Path, last: Last) -> Result<Located<'a>> {
    let mut opened: Vec<OwnedFd> = Vec::new();
    let mut links = 0;
    // The components that are left, in reverse order.
    let mut rest = Vec::new();
    push_components(&mut rest, path.as_os_str().as_bytes());
    while let Some(name) = rest.pop() {
        let parent = opened.last().map_or(dir.as_fd(), AsFd::as_fd);
        match &name[..] {
            b"." | SLASH => continue,
            b".." => {
                // The kernel asks for permission to search the directory that `..` leads out of.
                rustix::fs::statat(parent, ".", AtFlags::empty())?;
                opened.pop().ok_or_else(escape)?;
                continue;
            }
            _ => {}
        }
        let is_last = rest.iter().all(|name| name == SLASH);
        let is_slashed = is_last && !rest.is_empty();
        if last.creates && is_slashed {
            return Err(Errno::ISDIR.into());
        }
        let refused = if is_last {
            None
        } else {
            match rustix::fs::openat(parent, &name[..], BASE | OFlags::NOFOLLOW, Mode::empty()) {
                Ok(_) if opened.len() == MAX_DEPTH => return Err(Errno::NAMETOOLONG.into()),
                Ok(directory) => {
                    opened.push(directory);
                    continue;
                }
                // A link is refused with `ELOOP`, `ENOTDIR` or `EMLINK`, according to the system.
                Err(refused) => Some(refused),
            }
        };
        let is_kept = is_last && !last.follows && !is_slashed;
        let target = if is_kept { None } else { read_link(parent, &name) };
        let Some(target) = target else {
            if let Some(refused) = refused {
                return Err(refused.into());
            }
            let parent = opened.pop().map_or(Parent::Start(dir), Parent::Opened);
            let name = Cow::Owned(PathBuf::from(OsString::from_vec(name)));
            return Ok(Located { parent, name, is_slashed });
        };
        links += 1;
        if links > MAX_LINKS {
            return Err(Errno::LOOP.into());
        }
        if target.starts_with(SLASH) {
            return Err(escape());
        }
        push_components(&mut rest, &target);
    }
    let parent = opened.pop().map_or(Parent::Start(dir), Parent::Opened);
    Ok(Located::new(parent, Path::new(".")))
}

fn push_components(rest: &mut Vec<Vec<u8>>, path: &[u8]) {
    if path.ends_with(SLASH) {
        rest.push(SLASH.to_vec());
    }
    rest.extend(path.split(|byte| *byte == b'/').rev().filter(|name| !name.is_empty()).map(<[u8]>::to_vec));
}

/// Reads a symbolic link. `None` if the file is not one, or cannot be read: the call for the file then reports the error.
fn read_link(parent: BorrowedFd<'_>, name: &[u8]) -> Option<Vec<u8>> {
    Some(rustix::fs::readlinkat(parent, name, Vec::new()).ok()?.into_bytes())
}

/// The error of a path that leads out of the directory: the one of cap-std.
fn escape() -> Error {
    ErrorKind::PermissionDenied.into()
}

/// Whether a path can only be that of a directory, since it ends in a slash, `.` or `..`.
pub(super) fn names_directory(path: &Path) -> bool {
    let last = path.as_os_str().as_bytes().rsplit(|byte| *byte == b'/').next();
    matches!(last, Some(b"" | b"." | b".."))
}

/// A path without the slashes at its end, which name the same directory.
pub fn without_trailing_slashes(path: &Path) -> &Path {
    let bytes = path.as_os_str().as_bytes();
    let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(bytes.len(), |last| last + 1);
    Path::new(OsStr::from_bytes(&bytes[..end]))
}
