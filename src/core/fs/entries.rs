//! Entries of a directory in memory or in an overlay.

use crate::core::fs::inode::Inode;
use crate::core::fs::name::Name;
use crate::core::fs::name_map::NameMap;
use crate::sys::dir::DirEntry;
use crate::sys::types::Filetype;
use std::sync::{Arc, Weak};

/// Entries of a directory, by name and in the order of their creation.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    names: NameMap<State>,
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
enum State {
    /// An entry that is stored here.
    Stored(Entry),
    /// A whiteout: hides the name of the lower directory.
    Hidden,
    /// The inode of an unchanged lower file, while anything uses it.
    Cached(Weak<Inode>),
}

impl State {
    fn stored(&self) -> Option<&Entry> {
        match self {
            State::Stored(entry) => Some(entry),
            State::Hidden | State::Cached(_) => None,
        }
    }
}

#[derive(Debug)]
struct Entry {
    inode: Arc<Inode>,
    /// Whether the entry has a position of its own in listings. If not, the lower directory has the name and lists it.
    is_listed: bool,
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
    pub(crate) fn find(&self, name: Name<'_>) -> Found {
        let found = |inode, is_stored| Found::Inode(Target { inode, is_stored });
        match self.names.get(name) {
            Some(State::Stored(entry)) => found(Arc::clone(&entry.inode), true),
            Some(State::Cached(inode)) => inode.upgrade().map_or(Found::Lower, |inode| found(inode, false)),
            None if self.is_merged => Found::Lower,
            Some(State::Hidden) | None => Found::Nothing,
        }
    }

    /// Returns whether a look-up of a name needs the lower directory, because nothing is stored or cached here.
    pub(crate) fn is_lower(&self, name: Name<'_>) -> bool {
        match self.names.get(name) {
            Some(State::Cached(inode)) => inode.strong_count() == 0,
            Some(State::Stored(_) | State::Hidden) => false,
            None => self.is_merged,
        }
    }

    /// Returns whether a name counts towards the limits: an entry stored here, except a lower directory at its own
    /// place. `None` if the name no longer refers to the inode that a look-up found.
    pub(crate) fn counts(&self, name: Name<'_>, target: &Target) -> Option<bool> {
        match self.names.get(name) {
            Some(State::Stored(entry)) => {
                Arc::ptr_eq(&entry.inode, &target.inode).then(|| counts(&entry.inode, entry.is_own))
            }
            Some(State::Hidden) => None,
            Some(State::Cached(_)) | None => (self.is_merged && !target.is_stored).then_some(false),
        }
    }

    fn stored_entry(&self, name: Name<'_>) -> Option<&Entry> {
        self.names.get(name)?.stored()
    }

    /// Returns the inode of an entry that is stored here.
    pub(crate) fn stored(&self, name: Name<'_>) -> Option<&Arc<Inode>> {
        self.stored_entry(name).map(|entry| &entry.inode)
    }

    /// Returns whether an entry with a name is stored here.
    pub(crate) fn stores(&self, name: Name<'_>) -> bool {
        self.stored_entry(name).is_some()
    }

    /// Returns whether no entry is stored here.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the overlay's entry for one that the lower directory lists. `None` if the name is hidden here, or stored
    /// with a position of its own.
    pub(crate) fn merge<'a>(&self, lower: &DirEntry<'a>) -> Option<DirEntry<'a>> {
        match self.names.get(Name::new(lower.name)) {
            Some(State::Stored(Entry { is_listed: false, inode, .. })) => {
                Some(DirEntry { ino: inode.ino, filetype: inode.filetype(), ..*lower })
            }
            Some(State::Stored(_) | State::Hidden) => None,
            Some(State::Cached(_)) | None => self.is_merged.then_some(*lower),
        }
    }

    /// Stores an inode under a name. A stored name stays at its position in listings. `in_lower` says whether the lower
    /// directory has the name, `is_own` whether the inode is that file.
    pub(crate) fn insert(&mut self, name: Name<'_>, inode: Arc<Inode>, in_lower: bool, is_own: bool) {
        if let Some(State::Stored(entry)) = self.names.get_mut(name) {
            (entry.inode, entry.is_own) = (inode, is_own);
            return;
        }
        self.add(name, inode, in_lower, is_own);
    }

    /// Stores an inode under a name that is not stored here, like [`Entries::insert`].
    pub(crate) fn add(&mut self, name: Name<'_>, inode: Arc<Inode>, in_lower: bool, is_own: bool) {
        self.count += 1;
        // Only a directory with lower entries has names that are hidden or cached.
        if self.is_merged
            && let Some(state) = self.names.get_mut(name)
        {
            *state = State::Stored(Entry { inode, is_listed: false, is_own });
            return;
        }
        let is_listed = !in_lower;
        self.names.insert(name, self.next_cookie, State::Stored(Entry { inode, is_listed, is_own }));
        self.next_cookie += u64::from(is_listed);
    }

    /// Renames an entry of a directory without lower entries if `accepts` accepts its inode. The new name is not in the
    /// directory. The entry stays at its position in listings. Returns the inode.
    pub(crate) fn rename_if(
        &mut self,
        old: Name<'_>,
        new: Name<'_>,
        accepts: impl FnOnce(&Arc<Inode>) -> bool,
    ) -> Option<&Arc<Inode>> {
        let accepts = |state: &State| state.stored().is_some_and(|entry| accepts(&entry.inode));
        Some(&self.names.rename_if(old, new, accepts)?.stored()?.inode)
    }

    /// Removes an entry of a directory without lower entries if `accepts` accepts its inode. Returns the inode.
    pub(crate) fn remove_if(
        &mut self,
        name: Name<'_>,
        accepts: impl FnOnce(&Arc<Inode>) -> bool,
    ) -> Option<Arc<Inode>> {
        let accepts = |state: &State| state.stored().is_some_and(|entry| accepts(&entry.inode));
        match self.names.remove_if(name, accepts)? {
            State::Stored(entry) => {
                self.count -= 1;
                Some(entry.inode)
            }
            State::Hidden | State::Cached(_) => None,
        }
    }

    /// Caches an inode of an unchanged file.
    pub(crate) fn cache(&mut self, name: Name<'_>, inode: &Arc<Inode>) {
        let cached = State::Cached(Arc::downgrade(inode));
        if let Some(state) = self.names.get_mut(name) {
            *state = cached;
            return;
        }
        if self.names.len() >= self.cache_limit {
            self.names.retain(|state| !matches!(state, State::Cached(inode) if inode.strong_count() == 0));
            self.cache_limit = (self.names.len() * 2).max(16);
        }
        self.names.insert(name, self.next_cookie, cached);
    }

    /// Removes a name that exists. Hides the name if the lower directory has it.
    pub(crate) fn remove(&mut self, name: Name<'_>) {
        if let Some(State::Stored(entry)) = self.names.remove(name) {
            self.count -= 1;
            if entry.is_listed {
                return;
            }
        }
        self.names.insert(name, self.next_cookie, State::Hidden);
    }

    /// Returns the entries from a cookie on, with their cookies, in a stable order.
    pub(crate) fn from(&self, cookie: u64) -> impl Iterator<Item = (u64, &[u8], &Arc<Inode>)> {
        self.names.from(cookie).filter_map(|(cookie, name, state)| match state {
            State::Stored(Entry { is_listed: true, inode, .. }) => Some((cookie, name, inode)),
            _ => None,
        })
    }

    /// Returns the names that are stored here or hidden.
    pub(crate) fn changed_names(&self) -> impl Iterator<Item = &[u8]> {
        let is_changed = |state: &State| !matches!(state, State::Cached(_));
        self.names.from(0).filter(move |(_, _, state)| is_changed(state)).map(|(_, name, _)| name)
    }

    /// Removes and returns all inodes.
    pub(crate) fn drain(&mut self) -> Vec<Arc<Inode>> {
        let inode = |state| match state {
            State::Stored(entry) => Some(entry.inode),
            State::Hidden | State::Cached(_) => None,
        };
        self.names.drain().filter_map(inode).collect()
    }
}

/// Returns whether an entry with this inode counts towards the limits. `is_own` says whether the inode is the lower
/// file of the name.
pub(crate) fn counts(inode: &Inode, is_own: bool) -> bool {
    !is_own || inode.filetype() != Filetype::Directory
}
