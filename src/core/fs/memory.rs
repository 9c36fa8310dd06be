//! Directories and files in memory, with the semantics of POSIX.

use crate::core::fs::contents::Contents;
use crate::core::fs::inode::{Body, Entries, Inode, Volume, read, write};
use crate::core::fs::resolve::{Last, Located, resolve};
use crate::core::fs::space::{Space, SpaceLimits};
use crate::sys::buffers::Buffer;
use crate::sys::dir::{DirEntry, MAX_ENTRIES, Progress};
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{
    Attributes, Fdflags, Filesize, Filestat, Filetype, NewTime, Oflags, OpenOptions, Timestamp,
};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

/// Permission bits that new files and directories lack. Guests cannot see permission bits, and nothing enforces them.
const UMASK: u16 = 0o022;
const DIRECTORY_MODE: u16 = 0o777 & !UMASK;

/// Maximum number of hard links, as on ext4.
const LINK_MAX: u32 = 65_000;

/// An open directory in memory.
#[derive(Clone, Debug)]
pub struct MemoryDirectory(Arc<Inode>);

/// An open file in memory.
#[derive(Debug)]
pub(crate) struct MemoryFile {
    inode: Arc<Inode>,
    reads: bool,
    writes: bool,
    /// Whether the file is in append mode.
    appends: AtomicBool,
    /// Offset after the last append.
    append_end: AtomicU64,
}

/// An opened path.
#[derive(Debug)]
pub(crate) enum OpenedNode {
    /// A directory.
    Directory(MemoryDirectory),
    /// A file.
    File(MemoryFile),
}

impl MemoryDirectory {
    /// Creates an empty file system.
    #[must_use]
    pub fn new(limits: SpaceLimits, now: Timestamp) -> Self {
        let volume = Volume::new(Space::new(limits));
        let body = Body::Directory(RwLock::new(Entries::default()));
        let root = Inode::new(&volume, body, DIRECTORY_MODE, now);
        root.add_links(2, now);
        if let Body::Directory(entries) = &root.body {
            write(entries).parent = Arc::downgrade(&root);
        }
        Self(root)
    }

    /// Returns the bytes and files in use.
    #[must_use]
    pub(crate) fn usage(&self) -> (u64, u64) {
        self.0.volume.space.usage()
    }

    /// Returns the attributes of the directory itself.
    #[must_use]
    pub(crate) fn own_stat(&self) -> Filestat {
        self.0.stat()
    }

    /// Sets the times of the directory itself.
    pub(crate) fn set_own_times(&self, atim: Option<NewTime>, mtim: Option<NewTime>, now: Timestamp) {
        self.0.set_times(atim, mtim, now);
    }

    /// Returns the inode number of the parent, if one of the directories above is one that `is_within` accepts.
    pub(crate) fn parent_ino(&self, is_within: impl Fn((u64, u64)) -> bool) -> Option<u64> {
        let parent = parent_of(&self.0)?;
        let mut above = Arc::clone(&parent);
        loop {
            let stat = above.stat();
            if is_within((stat.dev, stat.ino)) {
                return Some(parent.ino);
            }
            let next = parent_of(&above)?;
            if Arc::ptr_eq(&next, &above) {
                return None;
            }
            above = next;
        }
    }

    /// Opens a path: `openat`.
    pub(crate) fn open(&self, path: &[u8], options: &OpenOptions, now: Timestamp) -> Result<OpenedNode> {
        let oflags = options.oflags;
        let creates = oflags.contains(Oflags::CREAT);
        let exclusive = creates && oflags.contains(Oflags::EXCL);
        let last = Last { follows: options.follows && !exclusive, creates };
        let inode = match resolve(&self.0, path, last)? {
            Located::Directory(_) if exclusive => return Err(Errno::Exist),
            Located::Directory(directory) => directory,
            Located::Name { parent, name, has_slash } => {
                let found = match parent.lookup(&name) {
                    Err(Errno::Noent) if creates => {
                        let contents = Contents::new(&parent.volume.space);
                        let created = self.create(&parent, &name, now, |volume| {
                            Inode::new(volume, Body::File(RwLock::new(contents)), options.mode & !UMASK, now)
                        });
                        match created {
                            Ok(inode) => return opened_file(inode, options, now),
                            // Another thread created the file meanwhile.
                            Err(Errno::Exist) if !exclusive => parent.lookup(&name)?,
                            Err(errno) => return Err(errno),
                        }
                    }
                    Ok(_) if exclusive => return Err(Errno::Exist),
                    found => found?,
                };
                if has_slash && found.filetype() != Filetype::Directory {
                    return Err(Errno::Notdir);
                }
                found
            }
        };
        match inode.filetype() {
            Filetype::SymbolicLink if oflags.contains(Oflags::DIRECTORY) => Err(Errno::Notdir),
            Filetype::SymbolicLink => Err(Errno::Loop),
            Filetype::Directory if creates || options.writes || oflags.contains(Oflags::TRUNC) => {
                Err(Errno::Isdir)
            }
            Filetype::Directory => Ok(OpenedNode::Directory(Self(inode))),
            _ if oflags.contains(Oflags::DIRECTORY) => Err(Errno::Notdir),
            _ => opened_file(inode, options, now),
        }
    }

    /// Returns the attributes of a path: `fstatat`.
    pub(crate) fn stat(&self, path: &[u8], follows: bool) -> Result<Filestat> {
        Ok(self.existing(path, follows)?.stat())
    }

    /// Returns all attributes of a path.
    pub(crate) fn attributes(&self, path: &[u8], follows: bool) -> Result<Attributes> {
        Ok(self.existing(path, follows)?.all_attributes())
    }

    /// Sets the permission bits of a path.
    pub(crate) fn set_mode(&self, path: &[u8], mode: u32, now: Timestamp) -> Result {
        let inode = self.existing(path, true)?;
        let mut attributes = inode.attributes();
        attributes.mode = (mode & 0o7777) as u16;
        attributes.ctim = now;
        Ok(())
    }

    /// Creates a directory: `mkdirat`.
    pub(crate) fn create_dir(&self, path: &[u8], now: Timestamp) -> Result {
        let (parent, name) = match resolve(&self.0, without_slashes(path), Last::default())? {
            Located::Name { parent, name, .. } => (parent, name),
            Located::Directory(_) => return Err(Errno::Exist),
        };
        let made = self.create(&parent, &name, now, |volume| {
            Inode::new(volume, Body::Directory(RwLock::new(Entries::default())), DIRECTORY_MODE, now)
        })?;
        if let Body::Directory(entries) = &made.body {
            write(entries).parent = Arc::downgrade(&parent);
        }
        Ok(())
    }

    /// Creates a symlink: `symlinkat`.
    pub(crate) fn symlink(&self, target: &[u8], path: &[u8], now: Timestamp) -> Result {
        match resolve(&self.0, path, Last::default())? {
            Located::Directory(_) => Err(Errno::Exist),
            Located::Name { parent, name, .. } => {
                let made = self.create(&parent, &name, now, |volume| {
                    Inode::new(volume, Body::Symlink(target.into()), 0o777, now)
                });
                made.map(drop)
            }
        }
    }

    /// Passes the target of a symlink to `then`: `readlinkat`.
    pub(crate) fn read_link<T>(&self, path: &[u8], then: impl FnOnce(&[u8]) -> T) -> Result<T> {
        match &self.existing(path, false)?.body {
            Body::Symlink(target) => Ok(then(target)),
            _ => Err(Errno::Inval),
        }
    }

    /// Creates a hard link in `new`: `linkat`.
    pub(crate) fn hard_link(
        &self,
        path: &[u8],
        follows: bool,
        new: &Self,
        new_path: &[u8],
        now: Timestamp,
    ) -> Result {
        let inode = self.existing(path, follows)?;
        let (parent, name) = match resolve(&new.0, without_slashes(new_path), Last::default())? {
            Located::Name { parent, name, .. } => (parent, name),
            Located::Directory(_) => return Err(Errno::Exist),
        };
        if parent.lookup(&name).is_ok() {
            return Err(Errno::Exist);
        }
        if !Arc::ptr_eq(&inode.volume, &parent.volume) {
            return Err(Errno::Xdev);
        }
        if inode.filetype() == Filetype::Directory {
            return Err(Errno::Perm);
        }
        let mut entries = write(parent.directory()?);
        if entries.is_removed {
            return Err(Errno::Noent);
        }
        if entries.get(&name).is_some() {
            return Err(Errno::Exist);
        }
        parent.volume.space.take_name()?;
        let linked = add_name(&inode, now);
        if linked.is_err() {
            parent.volume.space.give_name();
            return linked;
        }
        entries.insert(&name, inode);
        drop(entries);
        parent.touch(now);
        Ok(())
    }

    /// Removes a file or symlink: `unlinkat`.
    pub(crate) fn unlink(&self, path: &[u8], now: Timestamp) -> Result {
        let Located::Name { parent, name, .. } = resolve(&self.0, without_slashes(path), Last::default())?
        else {
            return Err(Errno::Isdir);
        };
        let mut entries = write(parent.directory()?);
        match entries.get(&name) {
            None => return Err(Errno::Noent),
            Some(inode) if inode.filetype() == Filetype::Directory => return Err(Errno::Isdir),
            Some(_) => {}
        }
        let removed = entries.remove(&name);
        drop(entries);
        parent.touch(now);
        parent.volume.space.give_name();
        if let Some(inode) = removed {
            inode.add_links(-1, now);
        }
        Ok(())
    }

    /// Removes an empty directory: `unlinkat(AT_REMOVEDIR)`.
    pub(crate) fn remove_dir(&self, path: &[u8], now: Timestamp) -> Result {
        let path = without_slashes(path);
        let (parent, name) = match resolve(&self.0, path, Last::default())? {
            Located::Name { parent, name, .. } => (parent, name),
            Located::Directory(_) if path.ends_with(b"..") => return Err(Errno::Notempty),
            Located::Directory(_) => return Err(Errno::Inval),
        };
        let _structure = parent.volume.structure.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = write(parent.directory()?);
        let inode = entries.get(&name).ok_or(Errno::Noent)?;
        mark_removed(&inode)?;
        entries.remove(&name);
        drop(entries);
        parent.volume.space.give_name();
        inode.add_links(-2, now);
        parent.add_links(-1, now);
        parent.touch(now);
        Ok(())
    }

    /// Renames a file or directory to a path in `new`: `renameat`.
    pub(crate) fn rename(&self, path: &[u8], new: &Self, new_path: &[u8], now: Timestamp) -> Result {
        let old = resolve(&self.0, without_slashes(path), Last::default())?;
        let target = resolve(&new.0, without_slashes(new_path), Last::default())?;
        let (Located::Name { parent, name, .. }, Located::Name { parent: new_parent, name: new_name, .. }) =
            (old, target)
        else {
            return Err(Errno::Busy);
        };
        if !Arc::ptr_eq(&parent.volume, &new_parent.volume) {
            parent.lookup(&name)?;
            return Err(Errno::Xdev);
        }
        let _structure = parent.volume.structure.lock().unwrap_or_else(PoisonError::into_inner);
        let inode = parent.lookup(&name)?;
        let is_directory = inode.filetype() == Filetype::Directory;
        if is_directory && is_inside(&new_parent, &inode) {
            return Err(Errno::Inval);
        }
        let replaced = new_parent.lookup(&new_name).ok();
        if let Some(replaced) = &replaced {
            if Arc::ptr_eq(replaced, &inode) {
                return Ok(());
            }
            match (is_directory, replaced.filetype() == Filetype::Directory) {
                (true, false) => return Err(Errno::Notdir),
                (false, true) => return Err(Errno::Isdir),
                // An ancestor of the source is not empty.
                (true, true) => mark_removed(replaced)?,
                (false, false) => {}
            }
        }
        let same_parent = Arc::ptr_eq(&parent, &new_parent);
        {
            let mut entries = write(new_parent.directory()?);
            if entries.is_removed {
                return Err(Errno::Noent);
            }
            entries.insert(&new_name, Arc::clone(&inode));
            if same_parent {
                entries.remove(&name);
            }
        }
        if !same_parent {
            write(parent.directory()?).remove(&name);
        }
        if let Some(replaced) = replaced {
            parent.volume.space.give_name();
            replaced.add_links(if is_directory { -2 } else { -1 }, now);
            if is_directory {
                new_parent.add_links(-1, now);
            }
        }
        if is_directory && !same_parent {
            write(inode.directory()?).parent = Arc::downgrade(&new_parent);
            parent.add_links(-1, now);
            new_parent.add_links(1, now);
        }
        parent.touch(now);
        new_parent.touch(now);
        inode.add_links(0, now);
        Ok(())
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
        self.existing(path, follows)?.set_times(atim, mtim, now);
        Ok(())
    }

    /// Passes entries from a cookie on to `each`, until that returns false. `.` and `..` are left out.
    pub(crate) fn read_dir(
        &self,
        from: u64,
        mut each: impl FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<Progress> {
        let entries = read(self.0.directory()?);
        for (count, (cookie, name, inode)) in entries.from(from).enumerate() {
            if count == MAX_ENTRIES {
                return Ok(Progress::Paused);
            }
            let entry = DirEntry { name, ino: inode.ino, filetype: inode.filetype(), next: cookie + 1 };
            if !each(&entry) {
                return Ok(Progress::Stopped);
            }
        }
        Ok(Progress::End)
    }

    /// Returns the inode of a path.
    fn existing(&self, path: &[u8], follows: bool) -> Result<Arc<Inode>> {
        existing(resolve(&self.0, path, Last { follows, creates: false })?)
    }

    /// Creates an inode under a new name; `EEXIST` if the name exists.
    #[expect(clippy::unused_self, reason = "creates in this file system")]
    fn create(
        &self,
        parent: &Arc<Inode>,
        name: &[u8],
        now: Timestamp,
        make: impl FnOnce(&Arc<Volume>) -> Arc<Inode>,
    ) -> Result<Arc<Inode>> {
        let mut entries = write(parent.directory()?);
        if entries.is_removed {
            return Err(Errno::Noent);
        }
        if entries.get(name).is_some() {
            return Err(Errno::Exist);
        }
        parent.volume.space.take_name()?;
        let inode = make(&parent.volume);
        let is_directory = inode.filetype() == Filetype::Directory;
        inode.add_links(if is_directory { 2 } else { 1 }, now);
        entries.insert(name, Arc::clone(&inode));
        drop(entries);
        if is_directory {
            parent.add_links(1, now);
        }
        parent.touch(now);
        Ok(inode)
    }
}

impl MemoryFile {
    fn contents(&self) -> Result<&RwLock<Contents>> {
        match &self.inode.body {
            Body::File(contents) => Ok(contents),
            _ => Err(Errno::Inval),
        }
    }

    /// Reads into guest buffers: `preadv`.
    pub(crate) fn read_at(&self, buffers: &[Buffer], offset: Filesize) -> Result<usize> {
        if !self.reads {
            return Err(Errno::Badf);
        }
        Ok(read(self.contents()?).read(buffers, offset))
    }

    /// Writes guest buffers: `pwritev`. Returns fewer bytes if the space ends. As on Linux, a file in append mode ignores the
    /// offset.
    pub(crate) fn write_at(&self, buffers: &[Buffer], offset: Filesize, now: Timestamp) -> Result<usize> {
        if self.appends.load(Relaxed) {
            return self.append(buffers, now);
        }
        if !self.writes {
            return Err(Errno::Badf);
        }
        let written = write(self.contents()?).write(buffers, offset)?;
        self.inode.touch(now);
        Ok(written)
    }

    /// Writes guest buffers at the end and returns the number of bytes.
    pub(crate) fn append(&self, buffers: &[Buffer], now: Timestamp) -> Result<usize> {
        if !self.writes {
            return Err(Errno::Badf);
        }
        let mut contents = write(self.contents()?);
        let end = contents.size();
        let written = contents.write(buffers, end)?;
        drop(contents);
        self.inode.touch(now);
        self.append_end.store(end + written as Filesize, Relaxed);
        Ok(written)
    }

    /// Sets or clears append mode.
    pub(crate) fn set_append(&self, append: bool) {
        self.appends.store(append, Relaxed);
    }

    /// Returns the offset after the last append.
    #[must_use]
    pub(crate) fn append_end(&self) -> Filesize {
        self.append_end.load(Relaxed)
    }

    /// Returns the attributes: `fstat`.
    #[must_use]
    pub(crate) fn stat(&self) -> Filestat {
        self.inode.stat()
    }

    /// Sets the size: `ftruncate`.
    pub(crate) fn set_size(&self, size: Filesize, now: Timestamp) -> Result {
        if !self.writes || size > i64::MAX as Filesize {
            return Err(Errno::Inval);
        }
        write(self.contents()?).set_size(size)?;
        self.inode.touch(now);
        Ok(())
    }

    /// Sets the times: `futimens`.
    pub(crate) fn set_times(&self, atim: Option<NewTime>, mtim: Option<NewTime>, now: Timestamp) -> Result {
        self.inode.set_times(atim, mtim, now);
        Ok(())
    }

    /// Allocates a range: `posix_fallocate`.
    pub(crate) fn allocate(&self, offset: Filesize, len: Filesize, now: Timestamp) -> Result {
        self.check_allocate(offset, len)?;
        write(self.contents()?).allocate(offset, len)?;
        self.inode.touch(now);
        Ok(())
    }

    /// Returns the next range from `offset` on that is allocated.
    pub(crate) fn next_data(&self, offset: Filesize) -> Result<Option<(Filesize, Filesize)>> {
        Ok(read(self.contents()?).next_data(offset))
    }

    /// Returns the error of an allocation that does not depend on free space.
    pub(crate) fn check_allocate(&self, offset: Filesize, len: Filesize) -> Result {
        const MAX: Filesize = i64::MAX as Filesize;
        if len == 0 || offset > MAX || len > MAX {
            return Err(Errno::Inval);
        }
        if !self.writes {
            return Err(Errno::Badf);
        }
        if offset + len > MAX { Err(Errno::Fbig) } else { Ok(()) }
    }
}

/// Returns the inode of a resolved path; `ENOTDIR` if a slash follows the name of something else than a directory.
fn existing(located: Located) -> Result<Arc<Inode>> {
    match located {
        Located::Directory(directory) => Ok(directory),
        Located::Name { parent, name, has_slash } => {
            let inode = parent.lookup(&name)?;
            if has_slash && inode.filetype() != Filetype::Directory {
                return Err(Errno::Notdir);
            }
            Ok(inode)
        }
    }
}

/// Opens a regular file, and truncates it if the options say so.
fn opened_file(inode: Arc<Inode>, options: &OpenOptions, now: Timestamp) -> Result<OpenedNode> {
    if options.oflags.contains(Oflags::TRUNC)
        && let Body::File(contents) = &inode.body
    {
        write(contents).set_size(0)?;
        inode.touch(now);
    }
    let (reads, writes) = (options.reads || !options.writes, options.writes);
    let appends = options.fdflags.contains(Fdflags::APPEND).into();
    Ok(OpenedNode::File(MemoryFile { inode, reads, writes, appends, append_end: AtomicU64::new(0) }))
}

/// Adds a name to an inode; `ENOENT` if it has lost its last one meanwhile, `EMLINK` beyond the maximum.
fn add_name(inode: &Inode, now: Timestamp) -> Result {
    let mut attributes = inode.attributes();
    match attributes.nlink {
        0 => return Err(Errno::Noent),
        LINK_MAX.. => return Err(Errno::Mlink),
        _ => attributes.nlink += 1,
    }
    attributes.ctim = now;
    Ok(())
}

/// Marks an empty directory as removed, so that nothing can be created in it; `ENOTEMPTY` if it is not empty.
fn mark_removed(inode: &Inode) -> Result {
    let mut entries = write(inode.directory()?);
    if !entries.is_empty() {
        return Err(Errno::Notempty);
    }
    entries.is_removed = true;
    Ok(())
}

/// Returns the directory that holds a directory.
fn parent_of(directory: &Inode) -> Option<Arc<Inode>> {
    read(directory.directory().ok()?).parent.upgrade()
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

fn without_slashes(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(path.len(), |last| last + 1);
    &path[..end]
}
