//! Resolution of paths in a file system in memory, as `openat2` with `RESOLVE_BENEATH`.

use crate::core::fs::inode::{Body, Inode};
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
}

/// Resolves a path from a directory. Leaving the directory is `ENOTCAPABLE`.
pub(crate) fn resolve(start: &Arc<Inode>, path: &[u8], last: Last) -> Result<Located> {
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
        let found = current.lookup(&name);
        let target = match &found {
            Ok(inode) => match &inode.body {
                Body::Symlink(target) if !is_last || last.follows || has_slash => Some(target.clone()),
                _ => None,
            },
            Err(_) => None,
        };
        if let Some(target) = target {
            links += 1;
            if links > MAX_LINKS {
                return Err(Errno::Loop);
            }
            if target.starts_with(b"/") {
                return Err(Errno::Notcapable);
            }
            rest.push(&target, has_slash);
            continue;
        }
        if is_last {
            return match found {
                Ok(_) | Err(Errno::Noent) => Ok(Located::Name { parent: current, name, has_slash }),
                Err(errno) => Err(errno),
            };
        }
        above.push(std::mem::replace(&mut current, found?));
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
