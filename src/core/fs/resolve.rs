//! Resolution of paths in a file system in memory, as `openat2` with `RESOLVE_BENEATH`.

use crate::core::fs::inode::Inode;
use crate::core::fs::name::Name;
use crate::core::fs::volume::{Node, Place, Volume};
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

/// A walk along a path, from a directory on. Each value walks once.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    volume: &'a Volume,
    start: &'a Arc<Inode>,
    /// Directories from below the start down to the current one.
    entered: SmallVec<[Arc<Inode>; 4]>,
    /// The path, without the symlinks that were followed.
    path: Cow<'a, [u8]>,
    /// Position of the last name in the path.
    name: Range<usize>,
    /// Hash of the last name.
    hash: u64,
}

/// Result of a walk.
#[derive(Debug)]
pub(crate) enum Located {
    /// The file at the last name.
    Node(Node),
    /// The last name does not exist.
    Nothing,
    /// The last name was not looked up, as [`Last::look_up`] requests.
    Unknown,
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

impl<'a> Walk<'a> {
    /// Starts a walk.
    #[inline(always)]
    pub(crate) fn new(volume: &'a Volume, start: &'a Arc<Inode>, path: &'a [u8]) -> Self {
        Self { volume, start, entered: SmallVec::new(), path: Cow::Borrowed(path), name: 0..0, hash: 0 }
    }

    /// Returns the last name and its directory. Meaningless before the walk, and after [`Located::Directory`].
    pub(crate) fn place(&self) -> Place<'_> {
        Place { parent: self.current(), name: Name::with_hash(&self.path[self.name.clone()], self.hash) }
    }

    fn current(&self) -> &Arc<Inode> {
        self.entered.last().unwrap_or(self.start)
    }

    /// Walks to the end of the path. Leaving the first directory is `ENOTCAPABLE`. A slash after the name of an
    /// existing file that is not a directory is `ENOTDIR`.
    #[inline(always)]
    pub(crate) fn resolve(&mut self, last: Last) -> Result<Located> {
        if let Some(name) = single_component(&self.path) {
            (self.name, self.hash) = (0..self.path.len(), name.hash());
            let located = self.look_up(last.look_up);
            if !(last.follows && matches!(&located, Ok(located) if located.symlink().is_some())) {
                return located;
            }
        }
        self.resolve_components(last)
    }

    /// Walks to a name that does not exist; `EEXIST` if it does.
    pub(crate) fn reach_new_name(&mut self) -> Result {
        match self.resolve(Last::default())? {
            Located::Nothing => Ok(()),
            _ => Err(Errno::Exist),
        }
    }

    /// Walks to a name that is to be removed or renamed, without a look-up. Returns false if the path ends in `.` or
    /// `..`.
    #[inline(always)]
    pub(crate) fn reach_name(&mut self) -> Result<bool> {
        match self.resolve(Last { look_up: LookUp::Never, ..Last::default() }) {
            Ok(Located::Directory(_)) => Ok(false),
            Ok(_) => Ok(true),
            Err(errno) => Err(errno),
        }
    }

    #[inline(never)]
    fn resolve_components(&mut self, last: Last) -> Result<Located> {
        let mut links = 0;
        let mut at = 0;
        while let Some(Component { position, is_last, has_slash }) = component(&self.path, at) {
            let name = &self.path[position.clone()];
            at = position.end;
            match name {
                b"." => {
                    self.current().directory()?;
                    continue;
                }
                b".." => {
                    self.current().directory()?;
                    self.entered.pop().ok_or(Errno::Notcapable)?;
                    continue;
                }
                _ if is_last && has_slash && last.creates => {
                    return self.current().directory().and(Err(Errno::Isdir));
                }
                _ if name.len() > NAME_MAX => {
                    return self.current().directory().and(Err(Errno::Nametoolong));
                }
                _ => {}
            }
            (self.name, self.hash) = (position, Name::new(name).hash());
            let located = self.look_up(if is_last && !has_slash { last.look_up } else { LookUp::Always })?;
            if let Some(symlink) = located.symlink()
                && (!is_last || last.follows || has_slash)
            {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Errno::Loop);
                }
                if symlink.starts_with(b"/") {
                    return Err(Errno::Notcapable);
                }
                self.path = [symlink, &self.path[at..]].concat().into();
                at = 0;
                continue;
            }
            let node = match located {
                Located::Node(node) => node,
                Located::Nothing if !is_last => return Err(Errno::Noent),
                located => return Ok(located),
            };
            if (has_slash || !is_last) && node.filetype() != Filetype::Directory {
                return Err(Errno::Notdir);
            }
            match node {
                Node::Inode(target) if !is_last => self.entered.push(target.inode),
                node => return Ok(Located::Node(node)),
            }
        }
        let current = Arc::clone(self.current());
        current.directory()?;
        Ok(Located::Directory(current))
    }

    /// Looks up the last name, or only checks that its parent is a directory.
    #[inline(always)]
    fn look_up(&self, look_up: LookUp) -> Result<Located> {
        let place = self.place();
        let is_looked_up = match look_up {
            LookUp::Always => true,
            LookUp::UnlessLower => !place.parent.directory()?.read().is_lower(place.name),
            LookUp::Never => place.parent.directory().map(|_| false)?,
        };
        if !is_looked_up {
            return Ok(Located::Unknown);
        }
        match self.volume.lookup(place) {
            Ok(node) => Ok(Located::Node(node)),
            Err(Errno::Noent) => Ok(Located::Nothing),
            Err(errno) => Err(errno),
        }
    }
}

impl Located {
    fn symlink(&self) -> Option<&[u8]> {
        match self {
            Located::Node(node) => node.symlink(),
            _ => None,
        }
    }
}

/// Returns a path as a name if the path is a single component.
#[inline(always)]
pub(crate) fn single_component(path: &[u8]) -> Option<Name<'_>> {
    let is_name = !path.contains(&b'/') && path.len() <= NAME_MAX && !matches!(path, b"" | b"." | b"..");
    is_name.then(|| Name::new(path))
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
