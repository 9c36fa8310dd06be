//! Resolves paths beneath a directory. On Linux one `openat2` resolves a path. On other systems the path is walked:
//! each component is opened in the handle of its parent.
//!
//! A call that names a file resolves the parent directory first, and then passes the parent and the last component to
//! the system. Such system calls never follow a symlink that is the last component.

use cap_std::fs::Dir;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Maximum number of symlinks in a path, as on Linux. More are `ELOOP`.
const MAX_LINKS: usize = 40;

/// Maximum depth of a walk, which keeps each directory open. A deeper path is `ENAMETOOLONG`.
const MAX_DEPTH: usize = 128;

/// Maximum number of `openat2` calls while renames make it fail with `EAGAIN`. The caller may then restart the whole
/// call.
#[cfg(target_os = "linux")]
const OPENAT2_ATTEMPTS: usize = 64;

/// Flags for opening a directory that paths are resolved in.
#[cfg(target_os = "linux")]
const BASE: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const BASE: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A file, by its parent directory and its name there. The name has no slash.
pub(super) struct Located<'a> {
    parent: Parent<'a>,
    name: Cow<'a, Path>,
    has_trailing_slash: bool,
}

enum Parent<'a> {
    Start(&'a Dir),
    Opened(OwnedFd),
}

impl<'a> Located<'a> {
    fn new(parent: Parent<'a>, name: &'a Path) -> Self {
        Self { parent, name: Cow::Borrowed(name), has_trailing_slash: false }
    }

    /// Returns the parent directory.
    pub fn parent(&self) -> BorrowedFd<'_> {
        match &self.parent {
            Parent::Start(dir) => dir.as_fd(),
            Parent::Opened(dir) => dir.as_fd(),
        }
    }

    /// Returns the name in the parent directory.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Returns whether a trailing slash requires a directory.
    pub fn must_be_directory(&self) -> bool {
        self.has_trailing_slash
    }

    fn is_directory(&self) -> Result<bool> {
        let stat = rustix::fs::statat(self.parent(), self.name(), AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
    }
}

/// Resolves the parent of a path that is to be created, removed or renamed. Ignores trailing slashes. A path that
/// ends in `.` or `..` must be a directory; its name is `.` then.
pub(super) fn locate<'a>(dir: &'a Dir, path: &'a Path) -> Result<Located<'a>> {
    let path = without_trailing_slashes(path);
    if names_directory(path) {
        return Ok(Located::new(directory(dir, path)?, Path::new(".")));
    }
    let (before, name) = split(path);
    Ok(Located::new(directory(dir, before)?, name))
}

/// Resolves the parent of an existing file. Follows a symlink that is the last component if `follows`, or if the path
/// has a trailing slash. A trailing slash also requires a directory. The name of a path that ends in `.` or `..` is
/// `.`.
pub(super) fn locate_existing<'a>(dir: &'a Dir, path: &'a Path, follows: bool) -> Result<Located<'a>> {
    let stripped = without_trailing_slashes(path);
    let has_trailing_slash = stripped.as_os_str() != path.as_os_str();
    if names_directory(stripped) {
        return Ok(Located::new(directory(dir, stripped)?, Path::new(".")));
    }
    let (before, name) = split(stripped);
    let located = Located::new(directory(dir, before)?, name);
    let follows = follows || has_trailing_slash;
    let located = if follows && read_link(located.parent(), name.as_os_str().as_bytes()).is_some() {
        walk(dir, stripped, LastComponent { follows, creates: false })?
    } else {
        located
    };
    // The target of a symlink may have a trailing slash, too.
    if (has_trailing_slash || located.must_be_directory()) && !located.is_directory()? {
        return Err(Errno::NOTDIR.into());
    }
    Ok(located)
}

/// Splits a path before its last component. The first part keeps its slashes.
fn split(path: &Path) -> (&Path, &Path) {
    let bytes = path.as_os_str().as_bytes();
    let start = bytes.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let (before, name) = bytes.split_at(start);
    (Path::new(OsStr::from_bytes(before)), Path::new(OsStr::from_bytes(name)))
}

/// Opens a directory beneath another one. Returns the same directory for an empty path or `.`. Any other path ends in
/// a slash, `.` or `..`.
fn directory<'a>(dir: &'a Dir, path: &Path) -> Result<Parent<'a>> {
    if matches!(path.as_os_str().as_bytes(), b"" | b"." | b"./") {
        return Ok(Parent::Start(dir));
    }
    #[cfg(target_os = "linux")]
    if let Some(opened) = open_beneath(dir, path, BASE, Mode::empty())? {
        return Ok(Parent::Opened(opened));
    }
    let located = walk(dir, path, LastComponent { follows: true, creates: false })?;
    if located.name() == Path::new(".") {
        return Ok(located.parent);
    }
    let flags = BASE | OFlags::NOFOLLOW;
    Ok(Parent::Opened(rustix::fs::openat(located.parent(), located.name(), flags, Mode::empty())?))
}

/// Opens a path without leaving the directory: `openat2(RESOLVE_BENEATH)`. `None` if the kernel is older than Linux
/// 5.6, or a seccomp filter forbids the call.
#[cfg(target_os = "linux")]
pub(super) fn open_beneath(dir: &Dir, path: &Path, flags: OFlags, mode: Mode) -> Result<Option<OwnedFd>> {
    use rustix::fs::ResolveFlags;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    /// Set once the kernel has reported that it is too old.
    static IS_MISSING: AtomicBool = AtomicBool::new(false);
    /// Set once a call has succeeded: then no filter forbids `openat2`.
    static IS_ALLOWED: AtomicBool = AtomicBool::new(false);
    if IS_MISSING.load(Relaxed) {
        return Ok(None);
    }
    let mode = if flags.contains(OFlags::CREATE) { mode } else { Mode::empty() };
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..OPENAT2_ATTEMPTS {
        match rustix::fs::openat2(dir, path, flags | OFlags::CLOEXEC, mode, beneath) {
            Ok(opened) => {
                IS_ALLOWED.store(true, Relaxed);
                return Ok(Some(opened));
            }
            Err(Errno::NOSYS) => {
                IS_MISSING.store(true, Relaxed);
                return Ok(None);
            }
            // A seccomp filter rejects the call. But once a call has succeeded, EPERM with O_NOATIME means that the
            // caller does not own the file.
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

/// Treatment of the last component of a walk.
#[derive(Clone, Copy)]
pub(super) struct LastComponent {
    /// Follows a symlink.
    pub follows: bool,
    /// Allows creation. A trailing slash is `EISDIR` then, whether the file exists or not.
    pub creates: bool,
}

/// Marks a trailing slash of a path, or of a symlink's target.
const SLASH: &[u8] = b"/";

/// Walks a path. Opens each component in the handle of its parent. Reads each symlink and walks its target instead.
/// `..` returns to the previous handle. The walk therefore cannot leave the directory, even if directories are renamed
/// meanwhile.
pub(super) fn walk<'a>(dir: &'a Dir, path: &Path, last: LastComponent) -> Result<Located<'a>> {
    let mut opened: Vec<OwnedFd> = Vec::new();
    let mut links = 0;
    // Components still to walk, in reverse order.
    let mut rest = Vec::new();
    push_components(&mut rest, path.as_os_str().as_bytes());
    while let Some(name) = rest.pop() {
        let parent = opened.last().map_or(dir.as_fd(), AsFd::as_fd);
        match &name[..] {
            b"." | SLASH => continue,
            b".." => {
                // The kernel, too, requires search permission on the directory that `..` leaves.
                rustix::fs::statat(parent, ".", AtFlags::empty())?;
                opened.pop().ok_or_else(escape)?;
                continue;
            }
            _ => {}
        }
        let is_last = rest.iter().all(|name| name == SLASH);
        let has_trailing_slash = is_last && !rest.is_empty();
        if last.creates && has_trailing_slash {
            return Err(Errno::ISDIR.into());
        }
        let error = if is_last {
            None
        } else {
            match rustix::fs::openat(parent, &name[..], BASE | OFlags::NOFOLLOW, Mode::empty()) {
                Ok(_) if opened.len() == MAX_DEPTH => return Err(Errno::NAMETOOLONG.into()),
                Ok(directory) => {
                    opened.push(directory);
                    continue;
                }
                // For a symlink this is ELOOP, ENOTDIR or EMLINK, depending on the system.
                Err(error) => Some(error),
            }
        };
        let is_result = is_last && !last.follows && !has_trailing_slash;
        let target = if is_result { None } else { read_link(parent, &name) };
        let Some(target) = target else {
            if let Some(error) = error {
                return Err(error.into());
            }
            let parent = opened.pop().map_or(Parent::Start(dir), Parent::Opened);
            let name = Cow::Owned(PathBuf::from(OsString::from_vec(name)));
            return Ok(Located { parent, name, has_trailing_slash });
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

/// Returns the target of a symlink. `None` for other files, and on errors: the following system call reports the
/// error.
fn read_link(parent: BorrowedFd<'_>, name: &[u8]) -> Option<Vec<u8>> {
    Some(rustix::fs::readlinkat(parent, name, Vec::new()).ok()?.into_bytes())
}

/// Returns the error for a path that leads out of the directory, the same as in cap-std.
fn escape() -> Error {
    ErrorKind::PermissionDenied.into()
}

/// Returns whether a path must be a directory because it ends in a slash, `.` or `..`.
pub(super) fn names_directory(path: &Path) -> bool {
    let last = path.as_os_str().as_bytes().rsplit(|byte| *byte == b'/').next();
    matches!(last, Some(b"" | b"." | b".."))
}

/// Removes trailing slashes. A path that consists of slashes stays unchanged.
pub fn without_trailing_slashes(path: &Path) -> &Path {
    let bytes = path.as_os_str().as_bytes();
    let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(bytes.len(), |last| last + 1);
    Path::new(OsStr::from_bytes(&bytes[..end]))
}
