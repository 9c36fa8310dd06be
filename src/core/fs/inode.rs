//! Inodes of a file system in memory or of an overlay.

use crate::core::fs::contents::Contents;
use crate::core::fs::entries::Entries;
use crate::core::fs::lower::LowerPath;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Attributes as AllAttributes, Filestat, Filetype, NewTime, Timestamp};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A file, directory or symlink.
#[derive(Debug)]
pub(crate) struct Inode {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    /// `None` while the attributes are those of the lower file.
    attributes: Mutex<Option<Attributes>>,
    pub(crate) body: Body,
    /// The file of the lower directory that the inode was created for.
    pub(crate) lower: Option<Box<Lower>>,
}

/// Contents of an inode, by type.
#[derive(Debug)]
pub(crate) enum Body {
    /// The contents; `None` while they are those of the lower file.
    File(RwLock<Option<Contents>>),
    /// The entries. Boxed, so that files do not take up their size.
    Directory(Box<RwLock<Entries>>),
    Symlink(Box<[u8]>),
    /// A FIFO, socket or device of the lower directory.
    Special(Filetype),
}

/// The lower file that an inode was created for.
#[derive(Debug)]
pub(crate) struct Lower {
    pub path: LowerPath,
    /// Device and inode number in the lower directory, if the file has several names there.
    pub link: Option<(u64, u64)>,
    /// Whether the contents were copied.
    is_copied: AtomicBool,
    /// `None` once the parent stores the inode, or the file was removed.
    location: Mutex<Option<Location>>,
}

/// Directory of an unchanged file, and the name of the file there. The file keeps the directory in memory. After a
/// change the directory stores the file instead.
pub(crate) type Location = (Arc<Inode>, Box<[u8]>);

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attributes {
    /// Number of names, and of subdirectories plus two for a directory.
    pub nlink: u32,
    /// Permission bits. Nothing enforces them.
    pub mode: u16,
    pub atim: Timestamp,
    pub mtim: Timestamp,
    pub ctim: Timestamp,
    /// Time of the creation.
    pub birthtim: Timestamp,
    /// Whether permission bits or times were set, and did not only follow other changes.
    pub is_set: bool,
}

impl Lower {
    /// Describes a file that nothing has changed.
    pub(crate) fn new(path: LowerPath, link: Option<(u64, u64)>, location: Option<Location>) -> Self {
        Self { path, link, is_copied: AtomicBool::new(false), location: Mutex::new(location) }
    }

    /// Locks the location.
    pub(crate) fn location(&self) -> MutexGuard<'_, Option<Location>> {
        self.location.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inode {
    /// Creates an inode without a name.
    pub(crate) fn new((dev, ino): (u64, u64), body: Body, mode: u16, now: Timestamp) -> Arc<Self> {
        let times = Attributes { atim: now, mtim: now, ctim: now, birthtim: now, ..Attributes::default() };
        let attributes = Attributes { mode, ..times };
        Arc::new(Self { dev, ino, attributes: Mutex::new(Some(attributes)), body, lower: None })
    }

    /// Creates an inode of a lower file.
    pub(crate) fn of_lower((dev, ino): (u64, u64), body: Body, lower: Lower) -> Self {
        Self { dev, ino, attributes: Mutex::default(), body, lower: Some(Box::new(lower)) }
    }

    /// Returns the type.
    pub(crate) fn filetype(&self) -> Filetype {
        match self.body {
            Body::File(_) => Filetype::RegularFile,
            Body::Directory(_) => Filetype::Directory,
            Body::Symlink(_) => Filetype::SymbolicLink,
            Body::Special(filetype) => filetype,
        }
    }

    /// Returns the attributes, unless they are those of the lower file.
    pub(crate) fn own_attributes(&self) -> Option<Attributes> {
        *self.attributes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the attributes. Reads those of the lower file first, without a lock.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Attributes) -> T) -> T {
        let mut lower = None;
        if self.own_attributes().is_none() {
            // The host may have removed the file.
            let all = self.lower.as_ref().and_then(|lower| lower.path.attributes().ok());
            let time = |time: i64| time.max(0).cast_unsigned();
            lower = all.map(|all| Attributes {
                nlink: u32::try_from(all.nlink).unwrap_or(u32::MAX),
                mode: all.mode as u16 & 0o7777,
                atim: time(all.atim),
                mtim: time(all.mtim),
                ctim: time(all.ctim),
                birthtim: time(all.birthtim),
                is_set: false,
            });
        }
        let mut attributes = self.attributes.lock().unwrap_or_else(PoisonError::into_inner);
        change(attributes.get_or_insert_with(|| lower.unwrap_or_default()))
    }

    /// Returns the attributes as `fstat` does.
    pub(crate) fn stat(&self) -> Result<Filestat> {
        let lower = || self.lower.as_ref().ok_or(Errno::Noent)?.path.stat();
        let Some(attributes) = self.own_attributes() else {
            return Ok(Filestat { dev: self.dev, ino: self.ino, ..lower()? });
        };
        let size = match &self.body {
            Body::File(contents) => read(contents).as_ref().map(Contents::size),
            Body::Symlink(target) => Some(target.len() as u64),
            Body::Directory(_) | Body::Special(_) => Some(0),
        };
        let size = if let Some(size) = size { size } else { lower()?.size };
        Ok(Filestat {
            dev: self.dev,
            ino: self.ino,
            filetype: self.filetype(),
            nlink: attributes.nlink.into(),
            size,
            atim: attributes.atim,
            mtim: attributes.mtim,
            ctim: attributes.ctim,
        })
    }

    /// Returns all attributes. Files in memory belong to the user and group 0.
    pub(crate) fn all_attributes(&self) -> Result<AllAttributes> {
        let (kind, allocated) = match &self.body {
            Body::File(contents) => (0o100_000, read(contents).as_ref().map(Contents::allocated)),
            Body::Directory(_) => (0o040_000, Some(0)),
            Body::Symlink(_) => (0o120_000, Some(0)),
            Body::Special(_) => (0, None),
        };
        let all = match &self.lower {
            Some(lower) => lower.path.attributes()?,
            None => AllAttributes { mode: kind, blksize: 4096, ..AllAttributes::default() },
        };
        let all = AllAttributes { dev: self.dev, ino: self.ino, ..all };
        let Some(own) = self.own_attributes() else {
            return Ok(all);
        };
        Ok(AllAttributes {
            mode: all.mode & !0o7777 | u32::from(own.mode),
            nlink: own.nlink.into(),
            size: self.stat()?.size,
            blocks: allocated.map_or(all.blocks, |allocated| allocated.div_ceil(512)),
            atim: signed(own.atim),
            mtim: signed(own.mtim),
            ctim: signed(own.ctim),
            birthtim: signed(own.birthtim),
            ..all
        })
    }

    /// Sets the permission bits.
    pub(crate) fn set_mode(&self, mode: u32, now: Timestamp) {
        self.change(|attributes| {
            attributes.mode = (mode & 0o7777) as u16;
            attributes.ctim = now;
            attributes.is_set = true;
        });
    }

    /// Sets the access and modification times.
    pub(crate) fn set_times(&self, atim: Option<NewTime>, mtim: Option<NewTime>, now: Timestamp) {
        let time = |new| match new {
            NewTime::Now => now,
            NewTime::At(time) => time,
        };
        self.change(|attributes| {
            if let Some(new) = atim {
                attributes.atim = time(new);
            }
            if let Some(new) = mtim {
                attributes.mtim = time(new);
            }
            attributes.ctim = now;
            attributes.is_set = true;
        });
    }

    /// Sets the times of a change of the contents.
    pub(crate) fn touch(&self, now: Timestamp) {
        self.change(|attributes| {
            attributes.mtim = now;
            attributes.ctim = now;
        });
    }

    /// Changes the number of links.
    pub(crate) fn add_links(&self, change: i32, now: Timestamp) {
        self.change(|attributes| {
            attributes.nlink = attributes.nlink.saturating_add_signed(change);
            attributes.ctim = now;
        });
    }

    /// Returns the lock of a directory's entries; `ENOTDIR` for anything else.
    pub(crate) fn directory(&self) -> Result<&RwLock<Entries>> {
        match &self.body {
            Body::Directory(entries) => Ok(entries),
            _ => Err(Errno::Notdir),
        }
    }

    /// Returns whether the contents are those of the lower file.
    pub(crate) fn has_lower_contents(&self) -> bool {
        self.lower.as_ref().is_some_and(|lower| !lower.is_copied.load(Ordering::Acquire))
    }

    /// Stores the copied contents, unless another thread has copied them.
    pub(crate) fn set_copied(&self, contents: Contents) {
        if let (Body::File(own), Some(lower)) = (&self.body, &self.lower) {
            write(own).get_or_insert(contents);
            lower.is_copied.store(true, Ordering::Release);
        }
    }

    fn drain(&mut self) -> Vec<Arc<Self>> {
        match &mut self.body {
            Body::Directory(entries) => entries.get_mut().unwrap_or_else(PoisonError::into_inner).drain(),
            _ => Vec::new(),
        }
    }

    fn take_parent(&mut self) -> Option<Arc<Self>> {
        let location = self.lower.as_mut()?.location.get_mut().unwrap_or_else(PoisonError::into_inner);
        location.take().map(|(parent, _)| parent)
    }
}

impl Drop for Inode {
    /// Drops a tree, and the directories above an unchanged file, of any depth without recursion.
    fn drop(&mut self) {
        let mut rest = self.drain();
        rest.extend(self.take_parent());
        while let Some(inode) = rest.pop() {
            if let Some(mut inode) = Arc::into_inner(inode) {
                rest.extend(inode.drain());
                rest.extend(inode.take_parent());
            }
        }
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

/// Converts a time, which a guest may set to any value. Not later than 2262.
fn signed(time: Timestamp) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}
