//! Entries of a directory in memory or in an overlay.

use crate::core::fs::inode::Inode;
use crate::sys::types::Filetype;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Weak};

/// Entries of a directory, by name and in the order of their creation.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    by_name: HashMap<Arc<[u8]>, Entry>,
    by_cookie: BTreeMap<u64, Arc<[u8]>>,
    next_cookie: u64,
    /// The directory that holds this one; itself for a root.
    pub parent: Weak<Inode>,
    /// Whether the directory was removed. Nothing can be created in it.
    pub is_removed: bool,
    /// State of the entries of the lower directory, if the directory shows one.
    pub lower: Option<LowerEntries>,
}

#[derive(Debug)]
struct Entry {
    /// Position in listings. `None` for a lower file at its own place: the lower directory lists its name.
    cookie: Option<u64>,
    inode: Arc<Inode>,
}

/// State of the entries of a lower directory.
#[derive(Debug, Default)]
pub(crate) struct LowerEntries {
    /// Whiteouts: names that the overlay does not show.
    hidden: HashSet<Box<[u8]>>,
    /// Inodes of unchanged files, while anything uses them.
    cache: HashMap<Box<[u8]>, Weak<Inode>>,
    /// Size of the cache at which unused inodes are removed.
    cache_limit: usize,
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

    /// Creates the entries of a directory that shows a lower one.
    pub(crate) fn over_lower(parent: Weak<Inode>) -> Self {
        Self { lower: Some(LowerEntries::default()), ..Self::new(parent) }
    }

    /// Looks a name up.
    pub(crate) fn find(&self, name: &[u8]) -> Found {
        if let Some(entry) = self.by_name.get(name) {
            return Found::Inode(Target { inode: Arc::clone(&entry.inode), is_stored: true });
        }
        match &self.lower {
            Some(lower) if !lower.hidden.contains(name) => {
                let cached = lower.cache.get(name).and_then(Weak::upgrade);
                cached.map_or(Found::Lower, |inode| Found::Inode(Target { inode, is_stored: false }))
            }
            _ => Found::Nothing,
        }
    }

    /// Returns whether a name still refers to the inode that a look-up found.
    pub(crate) fn refers(&self, name: &[u8], target: &Target) -> bool {
        match (self.by_name.get(name), target.is_stored) {
            (Some(entry), _) => Arc::ptr_eq(&entry.inode, &target.inode),
            (None, true) => false,
            (None, false) => !matches!(self.find(name), Found::Nothing),
        }
    }

    /// Returns whether an entry with a name is stored here.
    pub(crate) fn stores(&self, name: &[u8]) -> bool {
        self.by_name.contains_key(name)
    }

    /// Returns whether no entry is stored here.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Returns whether a name of the lower directory is hidden, or replaced by an entry stored here.
    pub(crate) fn hides(&self, name: &[u8]) -> bool {
        self.lower.as_ref().is_none_or(|lower| lower.hidden.contains(name))
            || self.by_name.get(name).is_some_and(|entry| entry.cookie.is_some())
    }

    /// Adds a name that does not exist, or gives an existing one another inode.
    pub(crate) fn insert(&mut self, name: &[u8], inode: Arc<Inode>) {
        if let Some(entry) = self.by_name.get_mut(name)
            && entry.cookie.is_some()
        {
            entry.inode = inode;
            return;
        }
        let (name, cookie): (Arc<[u8]>, _) = (name.into(), self.next_cookie);
        self.next_cookie += 1;
        self.by_cookie.insert(cookie, Arc::clone(&name));
        self.by_name.insert(name, Entry { cookie: Some(cookie), inode });
    }

    /// Stores a lower file at its own place.
    pub(crate) fn insert_in_place(&mut self, name: &[u8], inode: Arc<Inode>) {
        if let Some(lower) = &mut self.lower {
            lower.hidden.remove(name);
            lower.cache.remove(name);
        }
        self.by_name.insert(name.into(), Entry { cookie: None, inode });
    }

    /// Caches an inode of an unchanged file.
    pub(crate) fn cache(&mut self, name: &[u8], inode: &Arc<Inode>) {
        let Some(lower) = &mut self.lower else { return };
        if lower.cache.len() >= lower.cache_limit {
            lower.cache.retain(|_, inode| inode.strong_count() > 0);
            lower.cache_limit = (lower.cache.len() * 2).max(16);
        }
        lower.cache.insert(name.into(), Arc::downgrade(inode));
    }

    /// Removes a name that exists. Hides the name if the lower directory has it.
    pub(crate) fn remove(&mut self, name: &[u8]) {
        let entry = self.by_name.remove(name);
        match (entry.and_then(|entry| entry.cookie), &mut self.lower) {
            (Some(cookie), _) => {
                self.by_cookie.remove(&cookie);
            }
            (None, Some(lower)) => {
                lower.cache.remove(name);
                lower.hidden.insert(name.into());
            }
            (None, None) => {}
        }
    }

    /// Returns whether a name counts towards the limits: an entry stored here, except a lower directory at its own
    /// place.
    pub(crate) fn counts(&self, name: &[u8]) -> bool {
        self.by_name
            .get(name)
            .is_some_and(|entry| entry.cookie.is_some() || entry.inode.filetype() != Filetype::Directory)
    }

    /// Returns the entries from a cookie on, with their cookies, in a stable order.
    pub(crate) fn from(&self, cookie: u64) -> impl Iterator<Item = (u64, &[u8], &Arc<Inode>)> {
        self.by_cookie
            .range(cookie..)
            .filter_map(|(cookie, name)| Some((*cookie, &name[..], &self.by_name.get(name)?.inode)))
    }

    /// Returns the names of the stored entries.
    pub(crate) fn stored(&self) -> impl Iterator<Item = &[u8]> {
        self.by_name.keys().map(|name| &name[..])
    }

    /// Returns the hidden names of the lower directory.
    pub(crate) fn hidden(&self) -> impl Iterator<Item = &[u8]> {
        self.lower.iter().flat_map(|lower| lower.hidden.iter().map(|name| &name[..]))
    }

    /// Removes and returns all inodes.
    pub(crate) fn drain(&mut self) -> Vec<Arc<Inode>> {
        self.by_cookie.clear();
        self.by_name.drain().map(|(_, entry)| entry.inode).collect()
    }
}
