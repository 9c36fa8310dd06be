//! Removing and renaming in directories in memory and overlays.

use crate::core::fs::entries::{Target, counts};
use crate::core::fs::inode::Inode;
use crate::core::fs::memory::{MemoryDirectory, parent_of, without_slashes};
use crate::core::fs::volume::Place;
use crate::sys::dir::{DirBudget, Progress};
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Filetype, Timestamp};
use std::sync::Arc;

impl MemoryDirectory {
    /// Creates a hard link in `new`: `linkat`.
    pub(crate) fn hard_link(
        &self,
        path: &[u8],
        follows: bool,
        new: &Self,
        new_path: &[u8],
        now: Timestamp,
    ) -> Result {
        let inode = self.existing_inode(path, follows)?;
        let mut walk = new.walk(without_slashes(new_path));
        walk.reach_new_name()?;
        let place = walk.place();
        if !Arc::ptr_eq(self.volume(), new.volume()) {
            return Err(Errno::Xdev);
        }
        if inode.filetype() == Filetype::Directory {
            return Err(Errno::Perm);
        }
        self.volume().store_in_parent(&inode)?;
        let attributes = inode.attributes();
        self.add(place, &inode, || attributes.add_name(now))?;
        place.parent.touch(now);
        Ok(())
    }

    /// Removes a file or symlink: `unlinkat`.
    pub(crate) fn unlink(&self, path: &[u8], now: Timestamp) -> Result {
        let mut walk = self.walk(without_slashes(path));
        if !walk.reach_name()? {
            return Err(Errno::Isdir);
        }
        let place = walk.place();
        if self.unlink_in_memory(place, now)? {
            return Ok(());
        }
        loop {
            let target = self.volume().lookup_inode(place)?;
            if target.inode.filetype() == Filetype::Directory {
                return Err(Errno::Isdir);
            }
            if self.remove(place, &target, -1, now)? {
                place.parent.touch(now);
                return Ok(());
            }
        }
    }

    /// Removes a file with one lock. A shortcut for a file and a directory without a part in a lower directory: the
    /// loop in `unlink` has the same result. Returns false if the shortcut does not apply.
    fn unlink_in_memory(&self, Place { parent, name }: Place<'_>, now: Timestamp) -> Result<bool> {
        if parent.lower.is_some() {
            return Ok(false);
        }
        let mut entries = parent.directory()?.write();
        let Some(inode) = entries.remove_if(name, |inode| is_file_in_memory(inode)) else {
            return Ok(false);
        };
        self.volume().space.give_name();
        drop(entries);
        inode.add_links(-1, now);
        parent.touch(now);
        Ok(true)
    }

    /// Removes an empty directory: `unlinkat(AT_REMOVEDIR)`.
    pub(crate) fn remove_dir(&self, path: &[u8], now: Timestamp) -> Result {
        let path = without_slashes(path);
        let dots = if path.ends_with(b"..") { Errno::Notempty } else { Errno::Inval };
        let mut walk = self.walk(path);
        if !walk.reach_name()? {
            return Err(dots);
        }
        let place = walk.place();
        let _structure = self.volume().structure();
        let target = self.volume().lookup_inode(place)?;
        mark_removed(&target.inode)?;
        // Only the owner of the lock removes or replaces directories.
        self.remove(place, &target, -2, now)?;
        place.parent.add_links(-1, now);
        place.parent.touch(now);
        Ok(())
    }

    /// Removes a name if it still refers to an inode. Returns whether it did.
    fn remove(&self, place: Place<'_>, target: &Target, links: i64, now: Timestamp) -> Result<bool> {
        let Place { parent, name } = place;
        self.volume().store_in_parent(parent)?;
        // Reads attributes of the lower directory before the lock.
        target.inode.attributes();
        let mut entries = parent.directory()?.write();
        let Some(is_counted) = entries.counts(name, target) else {
            return Ok(false);
        };
        if is_counted {
            self.volume().space.give_name();
        }
        entries.remove(name);
        target.inode.add_links(links, now);
        self.volume().detach(&target.inode);
        drop(entries);
        self.store_link(target)?;
        Ok(true)
    }

    /// Stores the attributes of an inode that has other names in the lower directory.
    fn store_link(&self, target: &Target) -> Result {
        match &target.inode.lower {
            Some(lower) if lower.link.is_some() => self.volume().store_in_parent(&target.inode),
            _ => Ok(()),
        }
    }

    /// Renames a file or directory to a path in `new`: `renameat`.
    pub(crate) fn rename(&self, path: &[u8], new: &Self, new_path: &[u8], now: Timestamp) -> Result {
        let mut walk = self.walk(without_slashes(path));
        let mut new_walk = new.walk(without_slashes(new_path));
        // Walks both paths first: an error of the second path precedes `EBUSY`.
        let are_names = walk.reach_name()? & new_walk.reach_name()?;
        if !are_names {
            return Err(Errno::Busy);
        }
        let (old, target) = (walk.place(), new_walk.place());
        if !Arc::ptr_eq(self.volume(), new.volume()) {
            self.volume().lookup(old)?;
            return Err(Errno::Xdev);
        }
        if self.rename_in_memory(old, target, now)? {
            return Ok(());
        }
        let _structure = self.volume().structure();
        while !self.rename_inode(old, target, now)? {}
        Ok(())
    }

    /// Renames a file inside its directory with one lock. A shortcut if neither the directory, the file nor the
    /// replaced file has a part in a lower directory: `rename_inode` has the same result. Returns false if the shortcut
    /// does not apply.
    fn rename_in_memory(&self, old: Place<'_>, new: Place<'_>, now: Timestamp) -> Result<bool> {
        let parent = old.parent;
        if parent.lower.is_some() || !Arc::ptr_eq(parent, new.parent) {
            return Ok(false);
        }
        let mut entries = parent.directory()?.write();
        if let Some(replaced) = entries.stored(new.name).cloned() {
            let accepts = |inode: &Arc<Inode>| {
                !Arc::ptr_eq(inode, &replaced) && is_file_in_memory(inode) && is_file_in_memory(&replaced)
            };
            let Some(inode) = entries.remove_if(old.name, accepts) else { return Ok(false) };
            inode.add_links(0, now);
            entries.insert(new.name, inode, false, false);
            self.volume().space.give_name();
            drop(entries);
            replaced.add_links(-1, now);
        } else {
            let renamed = entries.rename_if(old.name, new.name, |inode| is_file_in_memory(inode));
            let Some(inode) = renamed else { return Ok(false) };
            inode.add_links(0, now);
        }
        parent.touch(now);
        Ok(true)
    }

    /// Renames an entry. Returns false if another thread changed one of the names. The structure is locked.
    fn rename_inode(&self, old: Place<'_>, new: Place<'_>, now: Timestamp) -> Result<bool> {
        let (parent, new_parent) = (old.parent, new.parent);
        let volume = self.volume();
        let source = volume.lookup_inode(old)?;
        let is_directory = source.inode.filetype() == Filetype::Directory;
        if is_directory && is_inside(new_parent, &source.inode) {
            return Err(Errno::Inval);
        }
        let replaced = match volume.lookup_inode(new) {
            Ok(replaced) => Some(replaced),
            Err(Errno::Noent) => None,
            Err(errno) => return Err(errno),
        };
        if let Some(replaced) = &replaced {
            if Arc::ptr_eq(&replaced.inode, &source.inode) {
                return Ok(true);
            }
            match (is_directory, replaced.inode.filetype() == Filetype::Directory) {
                (true, false) => return Err(Errno::Notdir),
                (false, true) => return Err(Errno::Isdir),
                // An ancestor of the source is not empty.
                (true, true) => mark_removed(&replaced.inode)?,
                (false, false) => {}
            }
        }
        for directory in [parent, new_parent] {
            volume.store_in_parent(directory)?;
            directory.attributes();
        }
        for inode in [Some(&source), replaced.as_ref()].into_iter().flatten() {
            inode.inode.attributes();
        }
        // Reads the lower directory, so before the locks.
        let is_own = is_own_place(new_parent, new.name.bytes(), &source.inode);
        let swapped = self.swap_names(old, new, &source, replaced.as_ref(), is_own, now);
        if !matches!(swapped, Ok(true)) {
            if let Some(Ok(entries)) = replaced.as_ref().map(|replaced| replaced.inode.directory()) {
                entries.write().is_removed = false;
            }
            return swapped;
        }
        if let Some(replaced) = &replaced {
            self.store_link(replaced)?;
            if is_directory {
                new_parent.add_links(-1, now);
            }
        }
        if is_directory && !Arc::ptr_eq(parent, new_parent) {
            source.inode.directory()?.write().parent = Arc::downgrade(new_parent);
            parent.add_links(-1, now);
            new_parent.add_links(1, now);
        }
        parent.touch(now);
        new_parent.touch(now);
        source.inode.add_links(0, now);
        self.store_link(&source)?;
        Ok(true)
    }

    /// Gives the new name the inode of the old one and removes the old one, while both directories are locked. `is_own`
    /// says whether the new name is that of the inode in the lower directory. Returns false if a name has changed.
    fn swap_names(
        &self,
        old: Place<'_>,
        new: Place<'_>,
        source: &Target,
        replaced: Option<&Target>,
        is_own: bool,
        now: Timestamp,
    ) -> Result<bool> {
        let Place { parent, name } = old;
        let Place { parent: new_parent, name: new_name } = new;
        let volume = self.volume();
        let mut entries = new_parent.directory()?.write();
        let mut other =
            if Arc::ptr_eq(parent, new_parent) { None } else { Some(parent.directory()?.write()) };
        let old = other.as_deref().unwrap_or(&entries);
        let target_counts = match replaced {
            Some(replaced) => entries.counts(new_name, replaced),
            None => (!entries.stores(new_name)).then_some(false),
        };
        let (Some(source_counts), Some(target_counts)) = (old.counts(name, source), target_counts) else {
            return Ok(false);
        };
        if entries.is_removed {
            return Err(Errno::Noent);
        }
        let counted = u32::from(source_counts) + u32::from(target_counts);
        if counted == 0 {
            volume.space.take_name()?;
        }
        other.as_deref_mut().unwrap_or(&mut entries).remove(name);
        entries.insert(new_name, Arc::clone(&source.inode), replaced.is_some(), is_own);
        for _ in u32::from(counts(&source.inode, is_own))..counted.max(1) {
            volume.space.give_name();
        }
        volume.detach(&source.inode);
        if let Some(Target { inode, .. }) = replaced {
            inode.add_links(if inode.filetype() == Filetype::Directory { -2 } else { -1 }, now);
            volume.detach(inode);
        }
        Ok(true)
    }
}

/// Returns whether an inode is not a directory, and has no part in a lower directory.
fn is_file_in_memory(inode: &Inode) -> bool {
    inode.lower.is_none() && inode.filetype() != Filetype::Directory
}

/// Marks an empty directory as removed, so that nothing can be created in it; `ENOTEMPTY` if it is not empty.
fn mark_removed(inode: &Inode) -> Result {
    // A hidden name stays hidden, or becomes a stored one.
    if inode.directory()?.read().is_empty() && has_lower_entries(inode)? {
        return Err(Errno::Notempty);
    }
    let mut entries = inode.directory()?.write();
    if !entries.is_empty() {
        return Err(Errno::Notempty);
    }
    entries.is_removed = true;
    Ok(())
}

/// Returns whether the lower directory has an entry that is not hidden.
fn has_lower_entries(inode: &Inode) -> Result<bool> {
    let Some(lower) = &inode.lower else { return Ok(false) };
    let mut lower_entries = lower.path.entries(DirBudget::default())?;
    let entries = inode.directory()?;
    let mut from = 0;
    loop {
        match lower_entries.read(from, &mut |entry| entries.read().merge(entry).is_none())? {
            Progress::End => return Ok(false),
            Progress::Stopped => return Ok(true),
            Progress::Paused(next) => from = next,
        }
    }
}

/// Returns whether a name is the one that a lower file has in the lower directory.
fn is_own_place(parent: &Inode, name: &[u8], inode: &Inode) -> bool {
    match (&parent.lower, &inode.lower) {
        (Some(parent), Some(lower)) => lower.link.is_none() && lower.path.is_child(&parent.path, name),
        _ => false,
    }
}

/// Returns whether a directory is another one or below it.
fn is_inside(directory: &Arc<Inode>, other: &Arc<Inode>) -> bool {
    let mut above = Arc::clone(directory);
    loop {
        if Arc::ptr_eq(&above, other) {
            return true;
        }
        match parent_of(&above) {
            Some(parent) if !Arc::ptr_eq(&parent, &above) => above = parent,
            _ => return false,
        }
    }
}
