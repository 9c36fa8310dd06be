//! Resolution of paths in a file system in memory, as `openat2` with `RESOLVE_BENEATH`.

use crate::core::fs::inode::{Body, Inode, read};
use crate::core::fs::volume::{Node, Volume};
use crate::sys::errno::{Errno, Result};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::sync::Arc;

/// Maximum symlinks of a path, as on Linux; more are `ELOOP`.
const MAX_LINKS: usize = 40;

/// Maximum length of a name, in bytes.
const NAME_MAX: usize = 255;

/// Result of resolving a path.
#[derive(Debug)]
pub(crate) enum Located {
    /// A name in a directory, whether it exists or not.
    Name {
        /// The directory.
        parent: Arc<Inode>,
        /// The name.
        name: Box<[u8]>,
        /// Whether slashes follow the name.
        has_slash: bool,
        /// The file; `None` if the name does not exist.
        node: Option<Node>,
    },
    /// A name that only the lower directory may have. Only with [`Last::defers`].
    Lower {
        /// The directory.
        parent: Arc<Inode>,
        /// The name.
        name: Box<[u8]>,
    },
    /// A directory itself: the path ends in `.` or `..`.
    Directory(Arc<Inode>),
}

/// Treatment of the last component of a path.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Last {
    /// Whether a symlink is followed. A symlink with a slash after it is always followed.
    pub follows: bool,
    /// Whether a file may be created. A slash after its name is `EISDIR` then, whether it exists or not.
    pub creates: bool,
    /// Whether the look-up of an unchanged lower name is left to the caller: [`Located::Lower`].
    pub defers: bool,
}

/// Resolves a path from a directory. Leaving the directory is `ENOTCAPABLE`.
pub(crate) fn resolve(volume: &Volume, start: &Arc<Inode>, path: &[u8], last: Last) -> Result<Located> {
    let mut above: SmallVec<[Arc<Inode>; 8]> = SmallVec::new();
    let mut current = Arc::clone(start);
    let mut links = 0;
    let mut rest = Rest::new(path);
    while let Some((name, is_last, has_slash)) = rest.next() {
        match &name[..] {
            b"." => {
                current.directory()?;
                continue;
            }
            b".." => {
                current.directory()?;
                current = above.pop().ok_or(Errno::Notcapable)?;
                continue;
            }
            _ if is_last && has_slash && last.creates => return current.directory().and(Err(Errno::Isdir)),
            _ if name.len() > NAME_MAX => return current.directory().and(Err(Errno::Nametoolong)),
            _ => {}
        }
        if is_last && last.defers && !has_slash && read(current.directory()?).is_lower(&name) {
            return Ok(Located::Lower { parent: current, name: (*name).into() });
        }
        let found = volume.lookup(&current, &name);
        let symlink = match &found {
            Ok(Node::Inode(target)) if !is_last || last.follows || has_slash => match &target.inode.body {
                Body::Symlink(path) => Some(path),
                _ => None,
            },
            _ => None,
        };
        if let Some(path) = symlink {
            links += 1;
            if links > MAX_LINKS {
                return Err(Errno::Loop);
            }
            if path.starts_with(b"/") {
                return Err(Errno::Notcapable);
            }
            rest.push_target(path, has_slash);
            continue;
        }
        let node = match found {
            Ok(node) => Some(node),
            Err(Errno::Noent) if is_last => None,
            Err(errno) => return Err(errno),
        };
        if is_last {
            return Ok(Located::Name { parent: current, name: (*name).into(), has_slash, node });
        }
        let Some(Node::Inode(target)) = node else {
            return Err(Errno::Notdir);
        };
        above.push(std::mem::replace(&mut current, target.inode));
    }
    current.directory()?;
    Ok(Located::Directory(current))
}

/// The components that are left, in reverse order.
struct Rest<'a>(SmallVec<[Component<'a>; 8]>);

struct Component<'a> {
    name: Cow<'a, [u8]>,
    has_slash: bool,
}

impl<'a> Rest<'a> {
    fn new(path: &'a [u8]) -> Self {
        let mut rest = Self(SmallVec::new());
        rest.push(path, false, Cow::Borrowed);
        rest
    }

    /// Puts the target of a symlink before the rest. `has_slash` says whether slashes follow it.
    fn push_target(&mut self, target: &[u8], has_slash: bool) {
        self.push(target, has_slash, |name| Cow::Owned(name.into()));
    }

    fn push<'p>(&mut self, path: &'p [u8], has_slash: bool, name: impl Fn(&'p [u8]) -> Cow<'a, [u8]>) {
        let mut has_slash = has_slash || path.ends_with(b"/");
        for part in path.split(|byte| *byte == b'/').rev().filter(|part| !part.is_empty()) {
            self.0.push(Component { name: name(part), has_slash });
            has_slash = true;
        }
    }

    /// Returns the next component, whether it is the last one, and whether slashes follow it.
    fn next(&mut self) -> Option<(Cow<'a, [u8]>, bool, bool)> {
        let Component { name, has_slash } = self.0.pop()?;
        let is_last = self.0.is_empty();
        Some((name, is_last, has_slash))
    }
}
