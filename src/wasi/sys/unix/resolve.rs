//! Resolves paths beneath a directory. On Linux the kernel does, with one system call (`openat2`). Elsewhere the path
//! is walked here, one name after the other, each opened in the handle of its directory.
//!
//! Calls that name a file resolve the directory which holds it, and then name the last component in that: system calls
//! of that kind never follow it.

use cap_std::fs::Dir;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Symbolic links that one path may lead through, as on Linux; more are `ELOOP`.
const MAX_LINKS: usize = 40;

/// Levels that a walk may descend below its start: it holds a descriptor of each. Deeper is `ENAMETOOLONG`.
const MAX_DEPTH: usize = 128;

/// How often `openat2` is tried at once while renames make it fail with `EAGAIN`. The caller may then restart the whole
/// call.
#[cfg(target_os = "linux")]
const ATTEMPTS: usize = 64;

/// How directories are opened to resolve paths in them.
#[cfg(target_os = "linux")]
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A file by the directory that holds it and its name there, which has no slash.
pub(super) struct Located<'a> {
    parent: Parent<'a>,
    pub name: &'a Path,
}

enum Parent<'a> {
    Start(&'a Dir),
    Opened(OwnedFd),
}

impl Located<'_> {
    /// The directory that holds the file.
    pub fn parent(&self) -> BorrowedFd<'_> {
        match &self.parent {
            Parent::Start(dir) => dir.as_fd(),
            Parent::Opened(dir) => dir.as_fd(),
        }
    }

    /// What the file points at if it is a symbolic link, else `None`.
    pub fn target(&self) -> Result<Option<Vec<u8>>> {
        match rustix::fs::readlinkat(self.parent(), self.name, Vec::new()) {
            Ok(target) => Ok(Some(target.into_bytes())),
            Err(Errno::INVAL) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Finds where a path names something to be created, removed or renamed. Slashes at its end do not count. A path that
/// ends in `.` or `..` must lead to a directory; its name is `.`.
pub(super) fn locate<'a>(dir: &'a Dir, path: &'a Path) -> Result<Located<'a>> {
    let path = without_trailing_slashes(path);
    if names_directory(path) {
        return locate_existing(dir, path);
    }
    let (before, name) = split(path);
    Ok(Located { parent: parent(dir, before)?, name })
}

/// Finds where something that exists is by a path that is not followed further. One that ends in a slash, `.` or `..`
/// must lead to a directory; its name is `.`.
pub(super) fn locate_existing<'a>(dir: &'a Dir, path: &'a Path) -> Result<Located<'a>> {
    let (before, name) = if names_directory(path) { (path, Path::new(".")) } else { split(path) };
    Ok(Located { parent: parent(dir, before)?, name })
}

/// Finds where a path leads, for [`follow`].
pub(super) type Locate = for<'a> fn(&'a Dir, &'a Path) -> Result<Located<'a>>;

/// Calls `act` with where a path leads. While that answers `None`, for a symbolic link, the link is followed.
pub(super) fn follow<T>(
    dir: &Dir,
    path: &Path,
    locate: Locate,
    act: impl Fn(&Located<'_>) -> Result<Option<T>>,
) -> Result<T> {
    let mut followed: Vec<u8>;
    let mut path = path;
    for _ in 0..=MAX_LINKS {
        let target = {
            let located = locate(dir, path)?;
            if let Some(result) = act(&located)? {
                return Ok(result);
            }
            located.target()?
        };
        // Else the link has become something else meanwhile.
        if let Some(target) = target {
            followed = append(split(path).0, &target)?;
            path = Path::new(OsStr::from_bytes(&followed));
        }
    }
    Err(Errno::LOOP.into())
}

/// Calls `act` with where a path leads, through a symbolic link that is its last component if `follows`.
pub(super) fn locate_and<T>(
    dir: &Dir,
    path: &Path,
    follows: bool,
    act: impl Fn(&Located<'_>) -> Result<T>,
) -> Result<T> {
    follow(dir, path, locate_existing, |located| {
        if follows && located.target()?.is_some() { Ok(None) } else { act(located).map(Some) }
    })
}

/// The path that a link stands for whose target is `target`, in the directory at `before`.
fn append(before: &Path, target: &[u8]) -> Result<Vec<u8>> {
    if target.starts_with(b"/") {
        return Err(escape());
    }
    let path = [before.as_os_str().as_bytes(), target].concat();
    if path.len() < libc::PATH_MAX as usize { Ok(path) } else { Err(Errno::NAMETOOLONG.into()) }
}

/// What is before the last component, with its slashes, and that component.
fn split(path: &Path) -> (&Path, &Path) {
    let bytes = path.as_os_str().as_bytes();
    let start = bytes.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let (before, name) = bytes.split_at(start);
    (Path::new(OsStr::from_bytes(before)), Path::new(OsStr::from_bytes(name)))
}

/// The directory at a path beneath another one, which is that itself for no path, or for `.`.
fn parent<'a>(dir: &'a Dir, path: &Path) -> Result<Parent<'a>> {
    if matches!(path.as_os_str().as_bytes(), b"" | b"." | b"./") {
        return Ok(Parent::Start(dir));
    }
    #[cfg(target_os = "linux")]
    if let Some(opened) = open_beneath(dir, path, DIRECTORY, Mode::empty())? {
        return Ok(Parent::Opened(opened));
    }
    walk(dir, path)
}

/// Opens a path that the kernel resolves without leaving the directory; `None` if it cannot, because it is too old or a
/// filter forbids it.
#[cfg(target_os = "linux")]
pub(super) fn open_beneath(dir: &Dir, path: &Path, flags: OFlags, mode: Mode) -> Result<Option<OwnedFd>> {
    use rustix::fs::ResolveFlags;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    /// Whether the kernel is too old, once that is known.
    static IS_MISSING: AtomicBool = AtomicBool::new(false);
    if IS_MISSING.load(Relaxed) {
        return Ok(None);
    }
    let mode = if flags.contains(OFlags::CREATE) { mode } else { Mode::empty() };
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..ATTEMPTS {
        match rustix::fs::openat2(dir, path, flags | OFlags::CLOEXEC, mode, beneath) {
            Ok(opened) => return Ok(Some(opened)),
            Err(Errno::NOSYS) => {
                IS_MISSING.store(true, Relaxed);
                return Ok(None);
            }
            // Only the owner of a file may ask for `O_NOATIME`.
            Err(Errno::PERM) if !flags.contains(OFlags::NOATIME) => return Ok(None),
            Err(Errno::XDEV) => return Err(escape()),
            Err(Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Errno::AGAIN.into())
}

/// Walks to the directory at a path: each name is opened in the directory before it, a link is read and its target
/// walked in its place, and `..` goes back to the handle that the walk came from. So it cannot leave the directory it
/// started from, whatever is renamed meanwhile.
fn walk<'a>(dir: &'a Dir, path: &Path) -> Result<Parent<'a>> {
    let mut opened: Vec<OwnedFd> = Vec::new();
    let mut links = 0;
    // What is still to be walked, backwards: the next component is the last.
    let mut rest = Vec::new();
    push_components(&mut rest, path.as_os_str().as_bytes());
    while let Some(name) = rest.pop() {
        if name == b"." {
            continue;
        }
        if name == b".." {
            opened.pop().ok_or_else(escape)?;
            continue;
        }
        let parent = opened.last().map_or(dir.as_fd(), AsFd::as_fd);
        let refused = match rustix::fs::openat(parent, &name[..], DIRECTORY | OFlags::NOFOLLOW, Mode::empty())
        {
            Ok(_) if opened.len() == MAX_DEPTH => return Err(Errno::NAMETOOLONG.into()),
            Ok(directory) => {
                opened.push(directory);
                continue;
            }
            Err(refused) => refused,
        };
        // A link is refused with `ELOOP`, `ENOTDIR` or `EMLINK`, according to the system.
        let Ok(target) = rustix::fs::readlinkat(parent, &name[..], Vec::new()) else {
            return Err(refused.into());
        };
        links += 1;
        if links > MAX_LINKS {
            return Err(Errno::LOOP.into());
        }
        if target.as_bytes().starts_with(b"/") {
            return Err(escape());
        }
        push_components(&mut rest, target.as_bytes());
    }
    Ok(opened.pop().map_or(Parent::Start(dir), Parent::Opened))
}

fn push_components(rest: &mut Vec<Vec<u8>>, path: &[u8]) {
    rest.extend(path.split(|byte| *byte == b'/').rev().filter(|name| !name.is_empty()).map(<[u8]>::to_vec));
}

/// Says that a path leads out of the directory, as cap-std does.
fn escape() -> Error {
    ErrorKind::PermissionDenied.into()
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
