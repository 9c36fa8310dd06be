//! Resolution of paths in a file system in memory, as `openat2` with `RESOLVE_BENEATH`.

use crate::core::fs::inode::{Body, Inode};
use crate::core::fs::volume::{Node, Volume};
use crate::sys::errno::{Errno, Result};
use crate::sys::types::Filetype;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Maximum symlinks of a path, as on Linux; more are `ELOOP`.
const MAX_LINKS: usize = 40;

/// Maximum length of a name, in bytes.
const NAME_MAX: usize = 255;

/// Result of resolving a path.
#[derive(Debug)]
pub(crate) enum Located<'a> {
    /// A name, whether it exists or not.
    Name {
        /// The name and its directory.
        place: Place<'a>,
        /// The file; `None` if the name does not exist.
        node: Option<Node>,
    },
    /// A name that was not looked up, as [`Last::look_up`] requests.
    Unknown(Place<'a>),
    /// A directory itself: the path ends in `.` or `..`.
    Directory(Arc<Inode>),
}

/// A name in a directory. Borrows both from the caller where possible.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    start: &'a Arc<Inode>,
    /// The directory; `None` if it is `start`.
    parent: Option<Arc<Inode>>,
    path: Cow<'a, [u8]>,
    /// Position of the name in the path.
    name: Range<usize>,
}

impl Place<'_> {
    /// Returns the directory.
    pub(crate) fn parent(&self) -> &Arc<Inode> {
        self.parent.as_ref().unwrap_or(self.start)
    }

    /// Returns the name.
    pub(crate) fn name(&self) -> &[u8] {
        &self.path[self.name.clone()]
    }
}

/// Treatment of the last component of a path.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Last {
    /// Whether a symlink is followed. A symlink with a slash after it is always followed.
    pub follows: bool,
    /// Whether a file may be created. A slash after its name is `EISDIR` then, whether it exists or not.
    pub creates: bool,
    /// Whether the name is looked up. A name with a slash after it always is.
    pub look_up: LookUp,
}

/// Look-up of a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LookUp {
    /// Look the name up.
    #[default]
    Always,
    /// Look the name up unless only the lower directory may have it.
    UnlessLower,
    /// Leave the look-up to the caller.
    Never,
}

/// Resolves a path from a directory. Leaving the directory is `ENOTCAPABLE`. A slash after the name of an existing file
/// that is not a directory is `ENOTDIR`.
pub(crate) fn resolve<'a>(
    volume: &Volume,
    start: &'a Arc<Inode>,
    path: &'a [u8],
    last: Last,
) -> Result<Located<'a>> {
    let mut path = Cow::Borrowed(path);
    // Directories from below the start down to the current one.
    let mut entered: SmallVec<[Arc<Inode>; 4]> = SmallVec::new();
    let mut links = 0;
    let mut at = 0;
    while let Some(Component { position, is_last, has_slash }) = component(&path, at) {
        let current = entered.last().unwrap_or(start);
        let name = &path[position.clone()];
        at = position.end;
        match name {
            b"." => {
                current.directory()?;
                continue;
            }
            b".." => {
                current.directory()?;
                entered.pop().ok_or(Errno::Notcapable)?;
                continue;
            }
            _ if is_last && has_slash && last.creates => return current.directory().and(Err(Errno::Isdir)),
            _ if name.len() > NAME_MAX => return current.directory().and(Err(Errno::Nametoolong)),
            _ => {}
        }
        if is_last && !has_slash {
            let is_looked_up = match last.look_up {
                LookUp::Always => true,
                LookUp::UnlessLower => !current.directory()?.read().is_lower(name),
                LookUp::Never => current.directory().map(|_| false)?,
            };
            if !is_looked_up {
                return Ok(Located::Unknown(Place { start, parent: entered.pop(), path, name: position }));
            }
        }
        let node = match volume.lookup(current, name) {
            Ok(node) => Some(node),
            Err(Errno::Noent) if is_last => None,
            Err(errno) => return Err(errno),
        };
        if let Some(Node::Inode(target)) = &node
            && let Body::Symlink(symlink) = &target.inode.body
            && (!is_last || last.follows || has_slash)
        {
            links += 1;
            if links > MAX_LINKS {
                return Err(Errno::Loop);
            }
            if symlink.starts_with(b"/") {
                return Err(Errno::Notcapable);
            }
            path = [symlink, &path[at..]].concat().into();
            at = 0;
            continue;
        }
        if is_last {
            if has_slash && node.as_ref().is_some_and(|node| node.filetype() != Filetype::Directory) {
                return Err(Errno::Notdir);
            }
            let place = Place { start, parent: entered.pop(), path, name: position };
            return Ok(Located::Name { place, node });
        }
        let Some(Node::Inode(target)) = node else {
            return Err(Errno::Notdir);
        };
        entered.push(target.inode);
    }
    let current = entered.pop().unwrap_or_else(|| Arc::clone(start));
    current.directory()?;
    Ok(Located::Directory(current))
}

/// A component of a path.
struct Component {
    position: Range<usize>,
    is_last: bool,
    /// Whether slashes follow.
    has_slash: bool,
}

/// Returns the next component of a path from an offset on.
fn component(path: &[u8], at: usize) -> Option<Component> {
    let start = at + path[at..].iter().position(|byte| *byte != b'/')?;
    let len = path[start..].iter().position(|byte| *byte == b'/');
    let end = len.map_or(path.len(), |len| start + len);
    let is_last = path[end..].iter().all(|byte| *byte == b'/');
    Some(Component { position: start..end, is_last, has_slash: end < path.len() })
}
