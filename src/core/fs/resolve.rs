//! Resolution of paths in a file system in memory, as `openat2` with `RESOLVE_BENEATH`.

use crate::core::fs::entries::Found;
use crate::core::fs::inode::{Body, Inode, read};
use crate::core::fs::volume::{Node, Volume};
use crate::sys::errno::{Errno, Result};
use std::sync::Arc;

/// Maximum symlinks of a path, as on Linux; more are `ELOOP`.
const MAX_LINKS: usize = 40;

/// Maximum length of a name, in bytes.
const NAME_MAX: usize = 255;

/// What a path names.
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

/// How the last component of a path is resolved.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Last {
    /// Whether a symlink is followed. A symlink with a slash after it is always followed.
    pub follows: bool,
    /// Whether a file may be created. A slash after its name is `EISDIR` then, whether it exists or not.
    pub creates: bool,
    /// Whether the caller looks a name up itself that the lower directory may have.
    pub defers: bool,
}

/// Resolves a path from a directory. Leaving the directory is `ENOTCAPABLE`.
pub(crate) fn resolve(volume: &Volume, start: &Arc<Inode>, path: &[u8], last: Last) -> Result<Located> {
    let mut above: Vec<Arc<Inode>> = Vec::new();
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
            _ if name.len() > NAME_MAX => return Err(Errno::Nametoolong),
            _ if is_last && has_slash && last.creates => return current.directory().and(Err(Errno::Isdir)),
            _ => {}
        }
        if is_last
            && last.defers
            && !has_slash
            && matches!(read(current.directory()?).find(&name), Found::Lower)
        {
            return Ok(Located::Lower { parent: current, name });
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
            rest.push(path, has_slash);
            continue;
        }
        let node = match found {
            Ok(node) => Some(node),
            Err(Errno::Noent) if is_last => None,
            Err(errno) => return Err(errno),
        };
        if is_last {
            return Ok(Located::Name { parent: current, name, has_slash, node });
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
struct Rest(Vec<Component>);

struct Component {
    name: Box<[u8]>,
    has_slash: bool,
}

impl Rest {
    fn new(path: &[u8]) -> Self {
        let mut rest = Self(Vec::new());
        rest.push(path, false);
        rest
    }

    /// Puts a path before the rest. `has_slash` says whether slashes follow it.
    fn push(&mut self, path: &[u8], has_slash: bool) {
        let mut has_slash = has_slash || path.ends_with(b"/");
        for name in path.split(|byte| *byte == b'/').rev().filter(|name| !name.is_empty()) {
            self.0.push(Component { name: name.into(), has_slash });
            has_slash = true;
        }
    }

    /// Returns the next component, whether it is the last one, and whether slashes follow it.
    fn next(&mut self) -> Option<(Box<[u8]>, bool, bool)> {
        let Component { name, has_slash } = self.0.pop()?;
        let is_last = self.0.is_empty();
        Some((name, is_last, has_slash))
    }
}
