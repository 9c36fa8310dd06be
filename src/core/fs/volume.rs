//! A file system in memory, or an overlay over a lower directory.

use crate::core::fs::contents::Contents;
use crate::core::fs::entries::{Entries, Found, Target};
use crate::core::fs::inode::{Body, File, Inode, Lower};
use crate::core::fs::lower::{LowerDirectory, LowerPath};
use crate::core::fs::name::Name;
use crate::core::fs::space::{Space, SpaceLimits};
use crate::core::lock::{Counter, RwLock, WriteGuard};
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Filestat, Filetype};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};

/// Maximum number of overlays over each other, so that each has positions of its own in listings.
const MAX_DEPTH: u64 = 31;

/// Number of unchanged directories and symlinks whose inodes stay in memory.
const MAX_RECENT: usize = 512;

/// A file system in memory, or an overlay. Inodes hold no reference to it.
#[derive(Debug)]
pub(crate) struct Volume {
    /// Device number.
    dev: u64,
    next_ino: Counter,
    pub(crate) space: Arc<Space>,
    /// Held by an operation while it locks more than one directory.
    structure: RwLock<()>,
    /// The lower directory of an overlay.
    pub(crate) lower: Option<Arc<dyn LowerDirectory>>,
    /// Permission bits that new files and directories lack.
    pub(crate) umask: u16,
    /// Number of overlays from here down; 0 for a file system in memory.
    pub(crate) depth: u64,
    /// Inodes of lower files with several names, by device and inode number there.
    links: RwLock<HashMap<(u64, u64), Link>>,
    /// Inodes of unchanged directories and symlinks that were used last.
    recent: RwLock<VecDeque<Arc<Inode>>>,
}

/// Inode of a lower file with several names.
#[derive(Debug)]
struct Link {
    inode: Weak<Inode>,
    /// The same inode after a change: any of the names may be looked up later.
    changed: Option<Arc<Inode>>,
}

/// A name in a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub parent: &'a Arc<Inode>,
    pub name: Name<'a>,
}

/// File that a look-up found.
#[derive(Debug)]
pub(crate) enum Node {
    /// An inode.
    Inode(Target),
    /// An unchanged lower file without an inode, by its attributes. Never a directory or symlink. Boxed, so that the
    /// other results stay small.
    Lower(Box<Filestat>),
}

impl Node {
    /// Returns the type.
    pub(crate) fn filetype(&self) -> Filetype {
        match self {
            Node::Inode(target) => target.inode.filetype(),
            Node::Lower(stat) => stat.filetype,
        }
    }

    /// Returns the target of a symlink; `None` for any other file.
    pub(crate) fn symlink(&self) -> Option<&[u8]> {
        match self {
            Node::Inode(Target { inode, .. }) => match &inode.body {
                Body::Symlink(target) => Some(target),
                _ => None,
            },
            Node::Lower(_) => None,
        }
    }
}

impl Volume {
    /// Creates a file system in memory.
    pub(crate) fn in_memory(limits: SpaceLimits, umask: u16) -> Arc<Self> {
        Self::new(limits, umask, None, 0)
    }

    /// Creates an overlay over a directory. `ELOOP` if too many overlays are over each other.
    pub(crate) fn over(lower: Arc<dyn LowerDirectory>, limits: SpaceLimits, umask: u16) -> Result<Arc<Self>> {
        let depth = lower.depth() + 1;
        if depth > MAX_DEPTH {
            return Err(Errno::Loop);
        }
        Ok(Self::new(limits, umask, Some(lower), depth))
    }

    /// Creates a volume with a device number of its own.
    fn new(limits: SpaceLimits, umask: u16, lower: Option<Arc<dyn LowerDirectory>>, depth: u64) -> Arc<Self> {
        // Linux numbers devices with 32 bits, so a higher bit keeps them apart.
        static LAST: AtomicU64 = AtomicU64::new(1 << 40);
        // No lower file has one of these numbers, and each is exact as a double of JavaScript.
        let first_ino = if depth == 0 { 1 } else { (1 << 52) + (depth << 47) };
        Arc::new(Self {
            dev: LAST.fetch_add(1, Relaxed) + 1,
            next_ino: Counter::new(first_ino),
            space: Arc::new(Space::new(limits)),
            structure: RwLock::default(),
            lower,
            umask,
            depth,
            links: RwLock::default(),
            recent: RwLock::default(),
        })
    }

    /// Returns the device number, and a new inode number.
    pub(crate) fn new_id(&self) -> (u64, u64) {
        let (Ok(ino) | Err(ino)) = self.next_ino.fetch_update(|ino| ino.checked_add(1));
        (self.dev, ino)
    }

    /// Returns the identity of a lower file in this volume.
    pub(crate) fn lower_id(&self, stat: &Filestat) -> (u64, u64) {
        (self.dev, stat.ino)
    }

    /// Returns the attributes of a lower file, as a file of this volume.
    pub(crate) fn own(&self, stat: Filestat) -> Filestat {
        Filestat { dev: self.dev, ..stat }
    }

    /// Returns the position of the first entry that a directory stores. Positions of the lower directory are smaller.
    /// `telldir` of a guest has 31 bits.
    pub(crate) fn first_position(&self) -> u64 {
        self.depth << 26
    }

    /// Locks the structure of the tree: only the owner of this lock may lock a second directory.
    pub(crate) fn structure(&self) -> WriteGuard<'_, ()> {
        self.structure.write()
    }

    /// Looks up a name; `ENOENT` if it does not exist.
    #[inline(always)]
    pub(crate) fn lookup(&self, place: Place<'_>) -> Result<Node> {
        // Unlocks the directory before the match.
        let found = place.parent.directory()?.read().find(place.name);
        match found {
            Found::Inode(target) => Ok(Node::Inode(target)),
            Found::Nothing => Err(Errno::Noent),
            Found::Lower => self.lookup_lower(place),
        }
    }

    /// Looks up a name in the lower directory.
    #[inline(never)]
    fn lookup_lower(&self, place: Place<'_>) -> Result<Node> {
        let Place { parent, name } = place;
        let lower = parent.lower.as_ref().ok_or(Errno::Noent)?;
        let stat = lower.path.stat_child(name.bytes())?;
        let is_cached = matches!(stat.filetype, Filetype::Directory | Filetype::SymbolicLink);
        if !is_cached && !self.has_link(&stat) {
            return Ok(Node::Lower(Box::new(stat)));
        }
        let target = self.materialize(place, lower_child(place)?, &stat)?;
        if is_cached && !target.is_stored {
            self.add_recent(&target.inode);
        }
        Ok(Node::Inode(target))
    }

    /// Looks up the inode of a name; `ENOENT` if it does not exist.
    pub(crate) fn lookup_inode(&self, place: Place<'_>) -> Result<Target> {
        match self.lookup(place)? {
            Node::Inode(target) => Ok(target),
            Node::Lower(stat) => self.materialize(place, lower_child(place)?, &stat),
        }
    }

    /// Returns the inode of a lower file. Creates the inode unless the lower file has one.
    pub(crate) fn materialize(&self, place: Place<'_>, path: LowerPath, stat: &Filestat) -> Result<Target> {
        let Place { parent, name } = place;
        let link = link_id(stat);
        // No entries are locked while the links are: `detach` locks both in the other order.
        let known = link.and_then(|id| self.known_link(id));
        if let Some(inode) = known {
            return found_link(place, inode);
        }
        let body = match stat.filetype {
            Filetype::RegularFile => Body::File(File::default()),
            Filetype::Directory => {
                Body::Directory(Box::new(RwLock::new(Entries::merged(Arc::downgrade(parent)))))
            }
            Filetype::SymbolicLink => Body::Symlink(path.read_link()?),
            other => Body::Special(other),
        };
        let location = link.is_none().then(|| (Arc::clone(parent), name.bytes().into()));
        let new = Arc::new(Inode::of_lower(self.lower_id(stat), body, Lower::new(path, link, location)));
        if let Some(id) = link {
            let inode = self.add_link(id, new);
            return found_link(place, inode);
        }
        let mut entries = parent.directory()?.write();
        match entries.find(name) {
            Found::Inode(target) => Ok(target),
            Found::Nothing => Err(Errno::Noent),
            Found::Lower => {
                entries.cache(name, &new);
                Ok(Target { inode: new, is_stored: false })
            }
        }
    }

    /// Stores the inode of a changed file in its parent directory, and that directory in its own parent, up to the
    /// root. Inodes that are not stored are freed when unused. A stored file counts towards the limits: `ENOSPC`.
    pub(crate) fn store_in_parent(&self, inode: &Arc<Inode>) -> Result {
        if inode.lower.is_none() {
            return Ok(());
        }
        let mut inode = Arc::clone(inode);
        while let Some(lower) = &inode.lower {
            if let Some(id) = lower.link {
                let is_linked = inode.own_attributes().is_none_or(|own| own.nlink() > 0);
                if let Some(link) = self.links.write().get_mut(&id).filter(|_| is_linked) {
                    link.changed.get_or_insert(Arc::clone(&inode));
                }
                return Ok(());
            }
            let Some((parent, name)) = lower.location().clone() else {
                return Ok(());
            };
            {
                let mut entries = parent.directory()?.write();
                let mut location = lower.location();
                if location.is_none() {
                    return Ok(());
                }
                if inode.filetype() != Filetype::Directory {
                    self.space.take_name()?;
                }
                entries.insert(Name::new(&name), Arc::clone(&inode), true, true);
                *location = None;
            }
            inode = parent;
        }
        Ok(())
    }

    /// Clears the location of an inode whose name was removed. The entries of its directory are locked.
    pub(crate) fn detach(&self, inode: &Arc<Inode>) {
        let Some(lower) = &inode.lower else { return };
        *lower.location() = None;
        if let Some(id) = lower.link
            && inode.own_attributes().is_some_and(|own| own.nlink() == 0)
        {
            // The caller has a reference to the inode, so nothing is dropped under the lock.
            self.links.write().remove(&id);
        }
    }

    /// Copies the first `size` bytes of a lower file, before a change of the contents. `ENOSPC` if the space ends.
    pub(crate) fn copy_up(&self, inode: &Arc<Inode>, size: u64) -> Result {
        let Some(lower) = inode.lower.as_ref().filter(|_| inode.has_lower_contents()) else {
            return Ok(());
        };
        let mut contents = Contents::new(&self.space);
        if size > 0 {
            let (data, stat) = lower.path.open_file()?;
            let size = size.min(stat.size);
            data.each_piece(size, &mut |bytes, offset| contents.write_data(bytes, offset))?;
            contents.set_size(size)?;
        }
        self.store_in_parent(inode)?;
        inode.attributes();
        inode.set_copied(contents);
        Ok(())
    }

    /// Returns whether a file with several names in the lower directory has been changed.
    pub(crate) fn has_changed_links(&self) -> bool {
        self.links.write().values().any(|link| link.changed.is_some())
    }

    /// Returns whether a lower file with several names has an inode.
    fn has_link(&self, stat: &Filestat) -> bool {
        link_id(stat).is_some_and(|id| self.known_link(id).is_some())
    }

    /// Returns the inode of a lower file with several names, by its device and inode number there.
    fn known_link(&self, id: (u64, u64)) -> Option<Arc<Inode>> {
        self.links.write().get(&id)?.inode.upgrade()
    }

    /// Adds an inode of a lower file with several names, and returns it. Returns the inode of another thread instead if
    /// that has added one.
    fn add_link(&self, id: (u64, u64), new: Arc<Inode>) -> Arc<Inode> {
        let mut links = self.links.write();
        if let Some(inode) = links.get(&id).and_then(|link| link.inode.upgrade()) {
            drop(links);
            return inode;
        }
        if links.len() == links.capacity() {
            links.retain(|_, link| link.inode.strong_count() > 0);
        }
        links.insert(id, Link { inode: Arc::downgrade(&new), changed: None });
        new
    }

    fn add_recent(&self, inode: &Arc<Inode>) {
        let mut recent = self.recent.write();
        recent.push_back(Arc::clone(inode));
        let last = if recent.len() > MAX_RECENT { recent.pop_front() } else { None };
        drop(recent);
        drop(last);
    }
}

/// Returns an inode that was found by its device and inode number, if the name still exists.
fn found_link(place: Place<'_>, inode: Arc<Inode>) -> Result<Target> {
    match place.parent.directory()?.read().find(place.name) {
        Found::Inode(target) => Ok(target),
        Found::Nothing => Err(Errno::Noent),
        Found::Lower => Ok(Target { inode, is_stored: false }),
    }
}

/// Returns the path of a name in the lower directory.
fn lower_child(Place { parent, name }: Place<'_>) -> Result<LowerPath> {
    parent.lower.as_ref().ok_or(Errno::Noent)?.path.child(name.bytes())
}

/// Returns the device and inode number of a file with several names.
fn link_id(stat: &Filestat) -> Option<(u64, u64)> {
    (stat.nlink > 1 && stat.filetype != Filetype::Directory).then_some((stat.dev, stat.ino))
}
