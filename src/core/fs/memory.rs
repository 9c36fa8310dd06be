//! Directories in memory and overlays, with the semantics of POSIX.

use crate::core::clock::Clocks;
use crate::core::file::FileData;
use crate::core::fs::entries::Entries;
use crate::core::fs::inode::{Body, File, Inode, Lower};
use crate::core::fs::lower::{LowerDirectory, LowerPath};
use crate::core::fs::memory_file::MemoryFile;
use crate::core::fs::resolve::{Last, Located, LookUp, Walk, single_component};
use crate::core::fs::space::SpaceLimits;
use crate::core::fs::volume::{Node, Place, Volume};
use crate::core::lock::{ReadGuard, RwLock};
use crate::core::opened::Opened;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Attributes, Filestat, Filetype, NewTime, Oflags, OpenOptions, Timestamp};
use std::path::Path;
use std::sync::Arc;

/// Permission bits of a new directory, without the umask. Guests cannot see permission bits, and nothing enforces them.
const DIRECTORY_MODE: u16 = 0o777;

/// An open directory in memory or of an overlay.
#[derive(Clone, Debug)]
pub struct MemoryDirectory {
    volume: Arc<Volume>,
    inode: Arc<Inode>,
}

impl MemoryDirectory {
    /// Creates an empty file system. `umask` has the permission bits that new files and directories lack.
    #[must_use]
    pub fn new(limits: SpaceLimits, umask: u16, now: Timestamp) -> Self {
        let volume = Volume::in_memory(limits, umask);
        let body = Body::Directory(Box::new(RwLock::new(Entries::default())));
        let root = Inode::new(volume.new_id(), body, DIRECTORY_MODE & !umask, now);
        Self::root(volume, root)
    }

    /// Creates an overlay. `ELOOP` if too many overlays are over each other.
    pub(crate) fn overlay(lower: Arc<dyn LowerDirectory>, limits: SpaceLimits, umask: u16) -> Result<Self> {
        let stat = lower.stat(Path::new("."))?;
        let volume = Volume::over(Arc::clone(&lower), limits, umask)?;
        let body = Body::Directory(Box::new(RwLock::new(Entries::merged(std::sync::Weak::new()))));
        let lower = Lower::new(LowerPath::root(lower), None, None);
        let root = Inode::of_lower(volume.lower_id(&stat), body, lower);
        Ok(Self::root(volume, Arc::new(root)))
    }

    fn root(volume: Arc<Volume>, root: Arc<Inode>) -> Self {
        if let Body::Directory(entries) = &root.body {
            entries.write().parent = Arc::downgrade(&root);
        }
        Self { volume, inode: root }
    }

    /// Returns the file system.
    pub(crate) fn volume(&self) -> &Arc<Volume> {
        &self.volume
    }

    /// Returns the inode.
    pub(crate) fn inode(&self) -> &Arc<Inode> {
        &self.inode
    }

    /// Returns whether the file system is an overlay.
    #[must_use]
    pub fn is_overlay(&self) -> bool {
        self.volume.lower.is_some()
    }

    /// Returns the bytes and files in use.
    #[must_use]
    pub fn usage(&self) -> (u64, u64) {
        self.volume.space.usage()
    }

    /// Returns the attributes of the directory itself.
    pub(crate) fn own_stat(&self) -> Result<Filestat> {
        self.inode.stat()
    }

    /// Sets the times of the directory itself.
    pub(crate) fn set_own_times(
        &self,
        atim: Option<NewTime>,
        mtim: Option<NewTime>,
        now: Timestamp,
    ) -> Result {
        self.volume.store_in_parent(&self.inode)?;
        self.inode.set_times(atim, mtim, now);
        Ok(())
    }

    /// Returns the inode number of the parent, if one of the directories above is one that `is_within` accepts.
    pub(crate) fn parent_ino(&self, is_within: impl Fn((u64, u64)) -> bool) -> Option<u64> {
        let parent = parent_of(&self.inode)?;
        let mut above = Arc::clone(&parent);
        loop {
            if is_within((above.dev, above.ino)) {
                return Some(parent.ino);
            }
            let next = parent_of(&above)?;
            if Arc::ptr_eq(&next, &above) {
                return None;
            }
            above = next;
        }
    }

    /// Opens a path: `openat`. `convert` returns an opened directory as the type of the caller.
    #[inline(always)]
    pub(crate) fn open<D>(
        &self,
        path: &[u8],
        options: &OpenOptions,
        clocks: &Clocks,
        convert: impl FnOnce(Self) -> D,
    ) -> Result<Opened<D>> {
        let oflags = options.oflags;
        let creates = oflags.contains(Oflags::CREAT);
        let exclusive = creates && oflags.contains(Oflags::EXCL);
        // Unlocks the directory before the file is opened.
        let file = if creates { None } else { self.file_here(path).map(|inode| Arc::clone(&inode)) };
        if let Some(inode) = file {
            return self.open_inode(inode, options, clocks, convert);
        }
        let is_read = self.is_overlay() && !options.writes && oflags.is_empty();
        let look_up = if is_read { LookUp::UnlessLower } else { LookUp::Always };
        let last = Last { follows: options.follows && !exclusive, creates, look_up };
        let mut walk = self.walk(path);
        let mut located = walk.resolve(last);
        if let Ok(Located::Unknown) = &located {
            if let Some(file) = self.open_lower(walk.place(), options) {
                return Ok(Opened::File(FileData::Memory(file)));
            }
            walk = self.walk(path);
            located = walk.resolve(Last { look_up: LookUp::Always, ..last });
        }
        let inode = loop {
            match located {
                Ok(Located::Directory(_) | Located::Node(_)) if exclusive => return Err(Errno::Exist),
                Ok(Located::Directory(inode)) => break inode,
                Ok(Located::Node(Node::Inode(target))) => break target.inode,
                Ok(Located::Node(Node::Lower(_))) => break self.volume.lookup_inode(walk.place())?.inode,
                Ok(Located::Nothing) if creates => {
                    let mode = options.mode & !self.volume.umask;
                    match self.create_file(walk.place(), mode, clocks.realtime()) {
                        // Another thread created the name after the look-up.
                        Err(Errno::Exist) if !exclusive => {}
                        new => break new?,
                    }
                }
                Ok(Located::Nothing | Located::Unknown) => return Err(Errno::Noent),
                Err(errno) => return Err(errno),
            }
            walk = self.walk(path);
            located = walk.resolve(last);
        };
        self.open_inode(inode, options, clocks, convert)
    }

    /// Creates an empty file; `EEXIST` if the name exists.
    fn create_file(&self, place: Place<'_>, mode: u16, now: Timestamp) -> Result<Arc<Inode>> {
        self.create(place, now, |volume| {
            Inode::new(volume.new_id(), Body::File(File::new(&volume.space)), mode, now)
        })
    }

    /// Opens an unchanged lower file for reading, with as few system calls as a file of the host. `None` if this is not
    /// possible.
    fn open_lower(&self, place: Place<'_>, options: &OpenOptions) -> Option<MemoryFile> {
        let Place { parent, name } = place;
        let path = parent.lower.as_ref()?.path.child(name.bytes()).ok()?;
        let (data, stat) = path.open_file().ok()?;
        let target = self.volume.materialize(place, path, &stat).ok()?;
        // A stored inode can be another file, which replaced this one after the look-up.
        let inode = (!target.is_stored).then_some(target.inode)?;
        Some(MemoryFile::new(&self.volume, inode, Some(data), options))
    }

    #[inline(always)]
    fn open_inode<D>(
        &self,
        inode: Arc<Inode>,
        options: &OpenOptions,
        clocks: &Clocks,
        convert: impl FnOnce(Self) -> D,
    ) -> Result<Opened<D>> {
        let oflags = options.oflags;
        let changes = oflags.intersects(Oflags::CREAT | Oflags::TRUNC);
        match inode.filetype() {
            Filetype::SymbolicLink if oflags.contains(Oflags::DIRECTORY) => Err(Errno::Notdir),
            Filetype::SymbolicLink => Err(Errno::Loop),
            Filetype::Directory if changes || options.writes => Err(Errno::Isdir),
            Filetype::Directory => Ok(Opened::Directory(convert(self.at(inode)))),
            _ if oflags.contains(Oflags::DIRECTORY) => Err(Errno::Notdir),
            Filetype::RegularFile => {
                let file = MemoryFile::open(&self.volume, inode, options, clocks)?;
                Ok(Opened::File(FileData::Memory(file)))
            }
            // A write would change the lower directory, or whatever is behind a device.
            _ if options.writes => Err(Errno::Rofs),
            _ => {
                let path = &inode.lower.as_ref().ok_or(Errno::Nxio)?.path;
                Ok(Opened::Stream(path.open_special(options)?))
            }
        }
    }

    /// Returns the attributes of a path: `fstatat`.
    pub(crate) fn stat(&self, path: &[u8], follows: bool) -> Result<Filestat> {
        if let Some(inode) = self.file_here(path) {
            return inode.stat();
        }
        match self.walk(path).resolve(Last { follows, ..Last::default() })? {
            Located::Directory(inode) => inode.stat(),
            Located::Node(Node::Inode(target)) => target.inode.stat(),
            Located::Node(Node::Lower(stat)) => Ok(self.volume.own(*stat)),
            Located::Nothing | Located::Unknown => Err(Errno::Noent),
        }
    }

    /// Returns all attributes of a path.
    pub(crate) fn attributes(&self, path: &[u8], follows: bool) -> Result<Attributes> {
        self.existing_inode(path, follows)?.all_attributes()
    }

    /// Sets the permission bits of a path.
    pub(crate) fn set_mode(&self, path: &[u8], mode: u32, now: Timestamp) -> Result {
        let inode = self.existing_inode(path, true)?;
        self.volume.store_in_parent(&inode)?;
        inode.set_mode(mode, now);
        Ok(())
    }

    /// Creates a directory: `mkdirat`.
    pub(crate) fn create_dir(&self, path: &[u8], now: Timestamp) -> Result {
        let mut walk = self.walk(without_slashes(path));
        walk.reach_new_name()?;
        let place = walk.place();
        let made = self.create(place, now, |volume| {
            let entries = Entries::new(Arc::downgrade(place.parent));
            Inode::new(
                volume.new_id(),
                Body::Directory(Box::new(RwLock::new(entries))),
                DIRECTORY_MODE & !volume.umask,
                now,
            )
        });
        made.map(drop)
    }

    /// Creates a symlink: `symlinkat`.
    pub(crate) fn symlink(&self, target: &[u8], path: &[u8], now: Timestamp) -> Result {
        let mut walk = self.walk(without_slashes(path));
        walk.reach_new_name()?;
        let made = self.create(walk.place(), now, |volume| {
            Inode::new(volume.new_id(), Body::Symlink(target.into()), 0o777, now)
        });
        made.map(drop)
    }

    /// Passes the target of a symlink to `then`: `readlinkat`.
    pub(crate) fn read_link<T>(&self, path: &[u8], then: impl FnOnce(&[u8]) -> T) -> Result<T> {
        match &self.existing_inode(path, false)?.body {
            Body::Symlink(target) => Ok(then(target)),
            _ => Err(Errno::Inval),
        }
    }

    /// Sets the times of a path: `utimensat`.
    pub(crate) fn set_times(
        &self,
        path: &[u8],
        follows: bool,
        atim: Option<NewTime>,
        mtim: Option<NewTime>,
        now: Timestamp,
    ) -> Result {
        let inode = self.existing_inode(path, follows)?;
        self.volume.store_in_parent(&inode)?;
        inode.set_times(atim, mtim, now);
        Ok(())
    }

    /// Returns another directory of the same file system.
    pub(crate) fn at(&self, inode: Arc<Inode>) -> Self {
        Self { volume: Arc::clone(&self.volume), inode }
    }

    /// Starts a walk from this directory.
    #[inline(always)]
    pub(crate) fn walk<'a>(&'a self, path: &'a [u8]) -> Walk<'a> {
        Walk::new(&self.volume, &self.inode, path)
    }

    /// Returns the inode of a path that is the name of a regular file in this directory, unless a part of the file is
    /// in a lower directory. A shortcut for the most frequent paths: a walk finds the same inode.
    #[inline]
    fn file_here(&self, path: &[u8]) -> Option<ReadGuard<'_, Arc<Inode>>> {
        let name = single_component(path)?;
        let entries = self.inode.directory().ok()?.read();
        let inode = entries.filter_map(|entries| entries.stored(name))?;
        (inode.lower.is_none() && inode.filetype() == Filetype::RegularFile).then_some(inode)
    }

    /// Returns the inode of a path.
    pub(crate) fn existing_inode(&self, path: &[u8], follows: bool) -> Result<Arc<Inode>> {
        let mut walk = self.walk(path);
        match walk.resolve(Last { follows, ..Last::default() })? {
            Located::Directory(inode) => Ok(inode),
            Located::Node(Node::Inode(target)) => Ok(target.inode),
            Located::Node(Node::Lower(_)) => Ok(self.volume.lookup_inode(walk.place())?.inode),
            Located::Nothing | Located::Unknown => Err(Errno::Noent),
        }
    }

    /// Creates an inode under a new name; `EEXIST` if the name exists.
    #[inline(always)]
    fn create(
        &self,
        place: Place<'_>,
        now: Timestamp,
        make: impl FnOnce(&Volume) -> Arc<Inode>,
    ) -> Result<Arc<Inode>> {
        let inode = make(&self.volume);
        self.add(place, &inode, || Ok(()))?;
        if inode.filetype() == Filetype::Directory {
            place.parent.add_links(1, now);
        }
        place.parent.touch(now);
        Ok(inode)
    }

    /// Adds a name that does not exist, after `check`; `EEXIST` if another thread has added it.
    pub(crate) fn add(&self, place: Place<'_>, inode: &Arc<Inode>, check: impl FnOnce() -> Result) -> Result {
        let Place { parent, name } = place;
        self.volume.store_in_parent(parent)?;
        let mut entries = parent.directory()?.write();
        if entries.is_removed {
            return Err(Errno::Noent);
        }
        if entries.stores(name) {
            return Err(Errno::Exist);
        }
        self.volume.space.take_name()?;
        check().inspect_err(|_| self.volume.space.give_name())?;
        entries.add(name, Arc::clone(inode), false, false);
        Ok(())
    }
}

/// Returns the parent of a directory.
pub(crate) fn parent_of(directory: &Inode) -> Option<Arc<Inode>> {
    directory.directory().ok()?.read().parent.upgrade()
}

/// Returns a path without its trailing slashes.
pub(crate) fn without_slashes(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(path.len(), |last| last + 1);
    &path[..end]
}
