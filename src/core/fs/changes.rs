//! Differences between an overlay and its lower directory.

use crate::core::directory::{Directory, PATH_MAX};
use crate::core::fs::entries::Target;
use crate::core::fs::inode::{Attributes, Body, Inode};
use crate::core::fs::lower::LowerPath;
use crate::core::fs::memory::MemoryDirectory;
use crate::core::fs::name::Name;
use crate::core::fs::path_error::{AtPath, PathResult};
use crate::core::fs::volume::{Node, Place};
use crate::sys::dir::DirBudget;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Filestat, Filetype};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Kind of a difference from the lower directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// The lower directory has no such path.
    Added,
    /// The contents, attributes or type differ.
    Modified,
    /// Only the lower directory has the path.
    Removed,
}

/// A path that differs from the lower directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The path from the root of the overlay.
    pub path: Box<[u8]>,
    /// The kind of the difference.
    pub kind: ChangeKind,
    /// The type in the overlay; of a removed file, the type in the lower directory.
    pub filetype: Filetype,
}

impl MemoryDirectory {
    /// Lists the paths that differ from the lower directory, sorted in UTF-16 code units. Omits entries below a removed
    /// directory, and directories of which only entries changed. `ENOTSUP` unless this is an overlay.
    ///
    /// `ENAMETOOLONG` for a changed path, or one that may have changes below, of [`PATH_MAX`] bytes or more: the paths
    /// of a deep tree would need memory by the square of its depth.
    pub fn changes(&self) -> PathResult<Vec<Change>> {
        let lower = self.volume().lower.as_ref().ok_or(Errno::Notsup).at(b".")?;
        let mut search = Search {
            overlay: self,
            visits_all: self.volume().has_changed_links(),
            path: Vec::new(),
            levels: Vec::new(),
            found: Vec::new(),
        };
        search.enter(Arc::clone(self.inode()), Some(LowerPath::root(Arc::clone(lower))))?;
        while let Some(level) = search.levels.last_mut() {
            search.path.truncate(level.len);
            match level.names.pop_first() {
                Some(name) => search.compare(&name)?,
                None => drop(search.levels.pop()),
            }
        }
        let mut found = search.found;
        found.sort_unstable_by(|one, other| {
            let [one, other] = [one, other].map(|change| String::from_utf8_lossy(&change.path));
            one.encode_utf16().cmp(other.encode_utf16())
        });
        Ok(found)
    }
}

/// Search for changes.
struct Search<'a> {
    overlay: &'a MemoryDirectory,
    /// Whether unchanged directories may contain changed files: a file with several names changed through one of them.
    visits_all: bool,
    /// Path of the entry that is compared.
    path: Vec<u8>,
    /// The directories on the way to the entry.
    levels: Vec<Level>,
    found: Vec<Change>,
}

/// A directory of the overlay, and the one at the same path of the lower directory.
struct Level {
    pair: Pair,
    /// Names that are not compared yet.
    names: BTreeSet<Box<[u8]>>,
    /// Length of the path of the directory.
    len: usize,
}

struct Pair {
    inode: Arc<Inode>,
    lower: Option<LowerPath>,
}

impl Search<'_> {
    /// Adds the directory at the current path as the next level.
    fn enter(&mut self, inode: Arc<Inode>, lower: Option<LowerPath>) -> PathResult {
        let pair = Pair { inode, lower };
        let names = self.names(&pair).at(&self.path)?;
        self.levels.push(Level { pair, names, len: self.path.len() });
        Ok(())
    }

    /// Returns the names that may differ.
    fn names(&self, pair: &Pair) -> Result<BTreeSet<Box<[u8]>>> {
        let mut names = BTreeSet::new();
        let is_own_place = match (&pair.inode.lower, &pair.lower) {
            (Some(own), Some(lower)) => own.path.is(lower),
            _ => false,
        };
        if is_own_place && !self.visits_all {
            let entries = pair.inode.directory()?.read();
            names.extend(entries.changed_names().map(Box::from));
            return Ok(names);
        }
        Directory::Memory(self.overlay.at(Arc::clone(&pair.inode))).each_entry(|entry| {
            names.insert(entry.name.into());
        })?;
        if let Some(lower) = &pair.lower {
            lower.entries(DirBudget::default())?.each_entry(|entry| {
                names.insert(entry.name.into());
            })?;
        }
        Ok(names)
    }

    /// Compares an entry of the last level.
    fn compare(&mut self, name: &[u8]) -> PathResult {
        let Some(Level { pair, .. }) = self.levels.last() else { return Ok(()) };
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(name);
        let Compared { kind, filetype, inode, lower } = compare(self.overlay, pair, name).at(&self.path)?;
        let inode = inode.filter(|_| filetype == Filetype::Directory);
        if self.path.len() >= PATH_MAX && (kind.is_some() || inode.is_some()) {
            return Err(Errno::Nametoolong).at(&self.path);
        }
        if let Some(kind) = kind {
            self.found.push(Change { path: (*self.path).into(), kind, filetype });
        }
        inode.map_or(Ok(()), |inode| self.enter(inode, lower))
    }
}

/// Result of a comparison.
struct Compared {
    /// The difference.
    kind: Option<ChangeKind>,
    /// The type in the overlay; of a removed file, the type in the lower directory.
    filetype: Filetype,
    /// The inode in the overlay, if there is one.
    inode: Option<Arc<Inode>>,
    /// The path of a lower directory.
    lower: Option<LowerPath>,
}

/// Compares an entry of two directories.
fn compare(overlay: &MemoryDirectory, pair: &Pair, name: &[u8]) -> Result<Compared> {
    let node = match overlay.volume().lookup(Place { parent: &pair.inode, name: Name::new(name) }) {
        Ok(node) => Some(node),
        Err(Errno::Noent) => None,
        Err(errno) => return Err(errno),
    };
    let lower = match pair.lower.as_ref().map(|lower| lower.child(name)).transpose()? {
        None => None,
        Some(child) => match child.stat() {
            Ok(stat) => Some((child, stat)),
            Err(Errno::Noent | Errno::Notdir) => None,
            Err(errno) => return Err(errno),
        },
    };
    let kind = match (&node, &lower) {
        (None, None) => None,
        (None, Some(_)) => Some(ChangeKind::Removed),
        (Some(_), None) => Some(ChangeKind::Added),
        (Some(node), Some((_, stat))) if node.filetype() != stat.filetype => Some(ChangeKind::Modified),
        (Some(node), Some((child, stat))) => {
            is_modified(pair, name, node, child, stat)?.then_some(ChangeKind::Modified)
        }
    };
    let lower_type = lower.as_ref().map_or(Filetype::Unknown, |(_, stat)| stat.filetype);
    let filetype = node.as_ref().map_or(lower_type, Node::filetype);
    let inode = match node {
        Some(Node::Inode(Target { inode, .. })) => Some(inode),
        Some(Node::Lower(_)) | None => None,
    };
    Ok(Compared {
        kind,
        filetype,
        inode,
        lower: lower.filter(|_| lower_type == Filetype::Directory).map(|(child, _)| child),
    })
}

/// Returns whether a file of the overlay differs from a lower file of the same type.
fn is_modified(pair: &Pair, name: &[u8], node: &Node, child: &LowerPath, stat: &Filestat) -> Result<bool> {
    let inode = match node {
        Node::Inode(target) => &target.inode,
        // An unchanged file of another directory, if the overlay's directory was renamed.
        Node::Lower(_) => {
            let own = pair.inode.lower.as_ref().ok_or(Errno::Io)?;
            return Ok(!own.path.child(name)?.is(child));
        }
    };
    let is_set = inode.own_attributes().is_some_and(Attributes::is_set);
    let is_same = inode
        .lower
        .as_ref()
        .is_some_and(|lower| lower.path.is(child) || lower.link == Some((stat.dev, stat.ino)));
    Ok(match &inode.body {
        // Another directory in the place of the lower one differs only by its permission bits.
        Body::Directory(_) => is_set || !is_same && inode.all_attributes()?.mode != child.attributes()?.mode,
        Body::Symlink(target) => is_set && is_same || !is_same && *target != child.read_link()?,
        Body::File(_) => is_set || !is_same || !inode.has_lower_contents(),
        Body::Special(_) => is_set || !is_same,
    })
}
