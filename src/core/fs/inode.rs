//! Inodes of a file system in memory.

use crate::core::fs::contents::Contents;
use crate::core::fs::space::Space;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Attributes as AllAttributes, Filestat, Filetype, NewTime, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

/// A file system in memory.
#[derive(Debug)]
pub struct Volume {
    /// Device number.
    dev: u64,
    next_ino: AtomicU64,
    pub(crate) space: Arc<Space>,
    /// Held by an operation while it locks more than one directory.
    pub(crate) structure: Mutex<()>,
}

impl Volume {
    /// Creates a volume with a device number of its own.
    pub(crate) fn new(space: Space) -> Arc<Self> {
        // Linux numbers devices with 32 bits, so a higher bit keeps them apart.
        static LAST: AtomicU64 = AtomicU64::new(1 << 40);
        let dev = LAST.fetch_add(1, Relaxed) + 1;
        Arc::new(Self {
            dev,
            next_ino: AtomicU64::new(1),
            space: Arc::new(space),
            structure: Mutex::default(),
        })
    }
}

/// A file, directory or symlink.
#[derive(Debug)]
pub struct Inode {
    pub(crate) ino: u64,
    pub(crate) volume: Arc<Volume>,
    attributes: Mutex<Attributes>,
    /// Time of the creation.
    created: Timestamp,
    pub(crate) body: Body,
}

/// What an inode holds.
#[derive(Debug)]
pub(crate) enum Body {
    File(RwLock<Contents>),
    Directory(RwLock<Entries>),
    Symlink(Box<[u8]>),
}

#[derive(Debug)]
pub(crate) struct Attributes {
    /// Number of names, and of subdirectories plus two for a directory.
    pub nlink: u32,
    /// Permission bits.
    pub mode: u16,
    pub atim: Timestamp,
    pub mtim: Timestamp,
    pub ctim: Timestamp,
}

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
}

#[derive(Debug)]
struct Entry {
    cookie: u64,
    inode: Arc<Inode>,
}

impl Inode {
    /// Creates an inode without a name.
    pub(crate) fn new(volume: &Arc<Volume>, body: Body, mode: u16, now: Timestamp) -> Arc<Self> {
        let ino = volume.next_ino.fetch_add(1, Relaxed);
        let attributes = Attributes { nlink: 0, mode, atim: now, mtim: now, ctim: now };
        Arc::new(Self {
            ino,
            volume: Arc::clone(volume),
            attributes: Mutex::new(attributes),
            created: now,
            body,
        })
    }

    /// Returns the type.
    pub(crate) fn filetype(&self) -> Filetype {
        match self.body {
            Body::File(_) => Filetype::RegularFile,
            Body::Directory(_) => Filetype::Directory,
            Body::Symlink(_) => Filetype::SymbolicLink,
        }
    }

    /// Locks the attributes. No other lock may be taken meanwhile.
    pub(crate) fn attributes(&self) -> MutexGuard<'_, Attributes> {
        self.attributes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the attributes as `fstat` does.
    pub(crate) fn stat(&self) -> Filestat {
        let size = match &self.body {
            Body::File(contents) => read(contents).size(),
            Body::Directory(_) => 0,
            Body::Symlink(target) => target.len() as u64,
        };
        let attributes = self.attributes();
        Filestat {
            dev: self.volume.dev,
            ino: self.ino,
            filetype: self.filetype(),
            nlink: attributes.nlink.into(),
            size,
            atim: attributes.atim,
            mtim: attributes.mtim,
            ctim: attributes.ctim,
        }
    }

    /// Returns all attributes. Files in memory belong to the user and group 0.
    pub(crate) fn all_attributes(&self) -> AllAttributes {
        let stat = self.stat();
        let (kind, allocated) = match &self.body {
            Body::File(contents) => (0o100_000, read(contents).allocated()),
            Body::Directory(_) => (0o040_000, 0),
            Body::Symlink(_) => (0o120_000, 0),
        };
        AllAttributes {
            dev: stat.dev,
            ino: stat.ino,
            mode: kind | u32::from(self.attributes().mode),
            nlink: stat.nlink,
            uid: 0,
            gid: 0,
            rdev: 0,
            size: stat.size,
            blksize: 4096,
            blocks: allocated.div_ceil(512),
            atim: stat.atim.cast_signed(),
            mtim: stat.mtim.cast_signed(),
            ctim: stat.ctim.cast_signed(),
            birthtim: self.created.cast_signed(),
        }
    }

    /// Sets the access and modification times.
    pub(crate) fn set_times(&self, atim: Option<NewTime>, mtim: Option<NewTime>, now: Timestamp) {
        let time = |new| match new {
            NewTime::Now => now,
            NewTime::At(time) => time,
        };
        let mut attributes = self.attributes();
        if let Some(new) = atim {
            attributes.atim = time(new);
        }
        if let Some(new) = mtim {
            attributes.mtim = time(new);
        }
        attributes.ctim = now;
    }

    /// Notes a change of the contents.
    pub(crate) fn touch(&self, now: Timestamp) {
        let mut attributes = self.attributes();
        attributes.mtim = now;
        attributes.ctim = now;
    }

    /// Changes the number of links.
    pub(crate) fn add_links(&self, change: i32, now: Timestamp) {
        let mut attributes = self.attributes();
        attributes.nlink = attributes.nlink.saturating_add_signed(change);
        attributes.ctim = now;
    }

    /// Returns the lock of a directory's entries; `ENOTDIR` for anything else.
    pub(crate) fn directory(&self) -> Result<&RwLock<Entries>> {
        match &self.body {
            Body::Directory(entries) => Ok(entries),
            _ => Err(Errno::Notdir),
        }
    }

    /// Returns the inode of a name; `ENOENT` if there is none.
    pub(crate) fn lookup(&self, name: &[u8]) -> Result<Arc<Self>> {
        read(self.directory()?).get(name).ok_or(Errno::Noent)
    }
}

impl Drop for Inode {
    /// Drops a tree of any depth without recursion.
    fn drop(&mut self) {
        let mut rest = Vec::new();
        if let Body::Directory(entries) = &mut self.body {
            rest.extend(entries.get_mut().unwrap_or_else(PoisonError::into_inner).drain());
        }
        while let Some(inode) = rest.pop() {
            if let Some(mut inode) = Arc::into_inner(inode)
                && let Body::Directory(entries) = &mut inode.body
            {
                rest.extend(entries.get_mut().unwrap_or_else(PoisonError::into_inner).drain());
            }
        }
    }
}

impl Entries {
    pub(crate) fn get(&self, name: &[u8]) -> Option<Arc<Inode>> {
        self.by_name.get(name).map(|entry| Arc::clone(&entry.inode))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Adds a name, or gives an existing name another inode. Returns the previous inode.
    pub(crate) fn insert(&mut self, name: &[u8], inode: Arc<Inode>) -> Option<Arc<Inode>> {
        if let Some(entry) = self.by_name.get_mut(name) {
            return Some(std::mem::replace(&mut entry.inode, inode));
        }
        let (name, cookie): (Arc<[u8]>, _) = (name.into(), self.next_cookie);
        self.next_cookie += 1;
        self.by_cookie.insert(cookie, Arc::clone(&name));
        self.by_name.insert(name, Entry { cookie, inode });
        None
    }

    pub(crate) fn remove(&mut self, name: &[u8]) -> Option<Arc<Inode>> {
        let entry = self.by_name.remove(name)?;
        self.by_cookie.remove(&entry.cookie);
        Some(entry.inode)
    }

    /// Returns the entries from a cookie on, with their cookies, in a stable order.
    pub(crate) fn from(&self, cookie: u64) -> impl Iterator<Item = (u64, &[u8], &Arc<Inode>)> {
        self.by_cookie
            .range(cookie..)
            .filter_map(|(cookie, name)| Some((*cookie, &name[..], &self.by_name.get(name)?.inode)))
    }

    fn drain(&mut self) -> Vec<Arc<Inode>> {
        self.by_cookie.clear();
        self.by_name.drain().map(|(_, entry)| entry.inode).collect()
    }
}

/// Locks for reading.
pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Locks for writing.
pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
