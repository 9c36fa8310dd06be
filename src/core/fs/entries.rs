//! Entries of a directory in memory or in an overlay.

use crate::core::fs::inode::Inode;
use crate::core::fs::name_hash::NameHash;
use crate::sys::dir::DirEntry;
use crate::sys::types::Filetype;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};

/// Entries of a directory, by name and in the order of their creation.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    by_name: HashMap<Arc<[u8]>, Slot, NameHash>,
    /// Names and inodes: a listing needs no look-up by name.
    by_cookie: BTreeMap<u64, (Arc<[u8]>, Arc<Inode>)>,
    next_cookie: u64,
    /// Number of stored entries.
    count: usize,
    /// The parent directory; the directory itself for a root.
    pub parent: Weak<Inode>,
    /// Whether the directory was removed. Nothing can be created in it.
    pub is_removed: bool,
    /// Whether the directory also has the entries of a lower directory, except those that are stored or hidden here.
    is_merged: bool,
    /// Number of names at which unused inodes are removed.
    cache_limit: usize,
}

/// State of a name.
#[derive(Debug)]
enum Slot {
    /// An entry that is stored here.
    Stored(Entry),
    /// A whiteout: hides the name of the lower directory.
    Hidden,
    /// The inode of an unchanged lower file, while anything uses it.
    Cached(Weak<Inode>),
}

#[derive(Debug)]
struct Entry {
    /// Position in listings. `None` if the lower directory has the name and lists it.
    cookie: Option<u64>,
    inode: Arc<Inode>,
    /// Whether the inode is the lower file of this name.
    is_own: bool,
}

/// Result of a look-up without a system call.
#[derive(Debug)]
pub(crate) enum Found {
    /// The inode.
    Inode(Target),
    /// The name exists if the lower directory has it.
    Lower,
    /// There is no such name.
    Nothing,
}

/// Inode of a name.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The inode.
    pub inode: Arc<Inode>,
    /// Whether the directory stores the entry. If not, the lower directory does.
    pub is_stored: bool,
}

impl Entries {
    /// Creates the entries of a new directory.
    pub(crate) fn new(parent: Weak<Inode>) -> Self {
        Self { parent, ..Self::default() }
    }

    /// Creates the entries of a directory that is merged with a lower one.
    pub(crate) fn merged(parent: Weak<Inode>) -> Self {
        Self { is_merged: true, ..Self::new(parent) }
    }

    /// Looks up a name.
    pub(crate) fn find(&self, name: &[u8]) -> Found {
        let found = |inode, is_stored| Found::Inode(Target { inode, is_stored });
        match self.by_name.get(name) {
            Some(Slot::Stored(entry)) => found(Arc::clone(&entry.inode), true),
            Some(Slot::Cached(inode)) => inode.upgrade().map_or(Found::Lower, |inode| found(inode, false)),
            None if self.is_merged => Found::Lower,
            Some(Slot::Hidden) | None => Found::Nothing,
        }
    }

    /// Returns whether a look-up of a name needs the lower directory, because nothing is stored or cached here.
    pub(crate) fn is_lower(&self, name: &[u8]) -> bool {
        match self.by_name.get(name) {
            Some(Slot::Cached(inode)) => inode.strong_count() == 0,
            Some(Slot::Stored(_) | Slot::Hidden) => false,
            None => self.is_merged,
        }
    }

    /// Returns whether a name counts towards the limits: an entry stored here, except a lower directory at its own
    /// place. `None` if the name no longer refers to the inode that a look-up found.
    pub(crate) fn counts(&self, name: &[u8], target: &Target) -> Option<bool> {
        match self.by_name.get(name) {
            Some(Slot::Stored(entry)) => {
                Arc::ptr_eq(&entry.inode, &target.inode).then(|| counts(&entry.inode, entry.is_own))
            }
            Some(Slot::Hidden) => None,
            Some(Slot::Cached(_)) | None => (self.is_merged && !target.is_stored).then_some(false),
        }
    }

    fn stored_entry(&self, name: &[u8]) -> Option<&Entry> {
        match self.by_name.get(name)? {
            Slot::Stored(entry) => Some(entry),
            Slot::Hidden | Slot::Cached(_) => None,
        }
    }

    /// Returns the inode of an entry that is stored here.
    pub(crate) fn stored(&self, name: &[u8]) -> Option<&Arc<Inode>> {
        self.stored_entry(name).map(|entry| &entry.inode)
    }

    /// Returns whether an entry with a name is stored here.
    pub(crate) fn stores(&self, name: &[u8]) -> bool {
        self.stored_entry(name).is_some()
    }

    /// Returns whether no entry is stored here.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the overlay's entry for one that the lower directory lists. `None` if the name is hidden here, or stored
    /// with a position of its own.
    pub(crate) fn merge<'a>(&self, lower: &DirEntry<'a>) -> Option<DirEntry<'a>> {
        match self.by_name.get(lower.name) {
            Some(Slot::Stored(Entry { cookie: None, inode, .. })) => {
                Some(DirEntry { ino: inode.ino, filetype: inode.filetype(), ..*lower })
            }
            Some(Slot::Stored(_) | Slot::Hidden) => None,
            Some(Slot::Cached(_)) | None => self.is_merged.then_some(*lower),
        }
    }

    /// Stores an inode under a name. A stored name stays at its position in listings. `in_lower` says whether the lower
    /// directory has the name, `is_own` whether the inode is that file.
    pub(crate) fn insert(&mut self, name: &[u8], inode: Arc<Inode>, in_lower: bool, is_own: bool) {
        let in_lower = match self.by_name.get_mut(name) {
            Some(Slot::Stored(entry)) => {
                if let Some((_, listed)) = entry.cookie.and_then(|cookie| self.by_cookie.get_mut(&cookie)) {
                    *listed = Arc::clone(&inode);
                }
                (entry.inode, entry.is_own) = (inode, is_own);
                return;
            }
            Some(Slot::Hidden | Slot::Cached(_)) => true,
            None => in_lower,
        };
        let name: Arc<[u8]> = name.into();
        let cookie = (!in_lower).then_some(self.next_cookie);
        if let Some(cookie) = cookie {
            self.next_cookie += 1;
            self.by_cookie.insert(cookie, (Arc::clone(&name), Arc::clone(&inode)));
        }
        self.by_name.insert(name, Slot::Stored(Entry { cookie, inode, is_own }));
        self.count += 1;
    }

    /// Caches an inode of an unchanged file.
    pub(crate) fn cache(&mut self, name: &[u8], inode: &Arc<Inode>) {
        if let Some(slot) = self.by_name.get_mut(name) {
            *slot = Slot::Cached(Arc::downgrade(inode));
            return;
        }
        if self.by_name.len() >= self.cache_limit {
            self.by_name.retain(|_, slot| !matches!(slot, Slot::Cached(inode) if inode.strong_count() == 0));
            self.cache_limit = (self.by_name.len() * 2).max(16);
        }
        self.by_name.insert(name.into(), Slot::Cached(Arc::downgrade(inode)));
    }

    /// Removes a name that exists. Hides the name if the lower directory has it.
    pub(crate) fn remove(&mut self, name: &[u8]) {
        if let Some(Slot::Stored(entry)) = self.by_name.remove(name) {
            self.count -= 1;
            if let Some(cookie) = entry.cookie {
                self.by_cookie.remove(&cookie);
                return;
            }
        }
        self.by_name.insert(name.into(), Slot::Hidden);
    }

    /// Returns the entries from a cookie on, with their cookies, in a stable order.
    pub(crate) fn from(&self, cookie: u64) -> impl Iterator<Item = (u64, &[u8], &Arc<Inode>)> {
        self.by_cookie.range(cookie..).map(|(cookie, (name, inode))| (*cookie, &name[..], inode))
    }

    /// Returns the names that are stored here or hidden.
    pub(crate) fn changed_names(&self) -> impl Iterator<Item = &[u8]> {
        let is_changed = |slot: &Slot| !matches!(slot, Slot::Cached(_));
        self.by_name.iter().filter(move |(_, slot)| is_changed(slot)).map(|(name, _)| &name[..])
    }

    /// Removes and returns all inodes.
    pub(crate) fn drain(&mut self) -> Vec<Arc<Inode>> {
        self.by_cookie.clear();
        let inode = |slot| match slot {
            Slot::Stored(entry) => Some(entry.inode),
            Slot::Hidden | Slot::Cached(_) => None,
        };
        self.by_name.drain().filter_map(|(_, slot)| inode(slot)).collect()
    }
}

/// Returns whether an entry with this inode counts towards the limits. `is_own` says whether the inode is the lower
/// file of the name.
pub(crate) fn counts(inode: &Inode, is_own: bool) -> bool {
    !is_own || inode.filetype() != Filetype::Directory
}
