//! Inodes of a file system in memory or of an overlay.

use crate::core::fs::contents::Contents;
use crate::core::fs::entries::Entries;
use crate::core::fs::lower::LowerPath;
use crate::core::fs::space::Space;
use crate::core::lock::{Counter, RwLock, WriteGuard};
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Attributes as AllAttributes, Filestat, Filetype, NewTime, Timestamp};
use once_cell::sync::OnceCell;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64};

/// Maximum number of hard links, as on ext4.
const LINK_MAX: u64 = 65_000;

/// A file, directory or symlink.
#[derive(Debug)]
pub(crate) struct Inode {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    /// Unset while the attributes are those of the lower file. `OnceCell`, because a new `OnceLock` with a value takes
    /// a check.
    attributes: OnceCell<Attributes>,
    pub(crate) body: Body,
    /// The file of the lower directory that the inode was created for.
    pub(crate) lower: Option<Box<Lower>>,
}

/// Contents of an inode, by type.
#[derive(Debug)]
pub(crate) enum Body {
    File(File),
    /// The entries. Boxed, so that files do not take up their size.
    Directory(Box<RwLock<Entries>>),
    Symlink(Box<[u8]>),
    /// A FIFO, socket or device of the lower directory.
    Special(Filetype),
}

/// A regular file.
#[derive(Debug, Default)]
pub(crate) struct File {
    /// The contents; `None` while they are those of the lower file.
    contents: RwLock<Option<Contents>>,
    /// Size of the contents. Changes while the contents are locked.
    size: AtomicU64,
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
    location: RwLock<Option<Location>>,
}

/// Directory of an unchanged file, and the name of the file there. The file keeps the directory in memory. After a
/// change the directory stores the file instead.
pub(crate) type Location = (Arc<Inode>, Box<[u8]>);

/// Attributes that an inode does not share with a lower file. No lock protects them: as on Linux, a thread may see some
/// of them before and others after the change of another thread.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    /// Number of names, and of subdirectories plus two for a directory.
    nlink: Counter,
    /// Permission bits. Nothing enforces them.
    mode: AtomicU16,
    /// Whether permission bits or times were set, and did not only follow other changes.
    is_set: AtomicBool,
    atim: AtomicU64,
    mtim: AtomicU64,
    ctim: AtomicU64,
    /// Time of the creation.
    birthtim: Timestamp,
}

impl Attributes {
    /// Returns the attributes of a new file.
    #[inline(always)]
    fn new(nlink: u64, mode: u16, now: Timestamp) -> Self {
        Self {
            nlink: Counter::new(nlink),
            mode: mode.into(),
            is_set: false.into(),
            atim: now.into(),
            mtim: now.into(),
            ctim: now.into(),
            birthtim: now,
        }
    }

    /// Converts the attributes of a lower file.
    fn of_lower(all: &AllAttributes) -> Self {
        let time = |time: i64| time.max(0).cast_unsigned();
        Self {
            nlink: Counter::new(all.nlink),
            mode: (all.mode as u16 & 0o7777).into(),
            is_set: false.into(),
            atim: time(all.atim).into(),
            mtim: time(all.mtim).into(),
            ctim: time(all.ctim).into(),
            birthtim: time(all.birthtim),
        }
    }

    /// Returns the number of links.
    pub(crate) fn nlink(&self) -> u64 {
        self.nlink.get()
    }

    /// Returns whether permission bits or times were set.
    pub(crate) fn is_set(&self) -> bool {
        self.is_set.load(Relaxed)
    }

    /// Adds a name; `ENOENT` if the inode has lost its last one, `EMLINK` beyond the maximum.
    pub(crate) fn add_name(&self, now: Timestamp) -> Result {
        let add = |nlink| (1..LINK_MAX).contains(&nlink).then_some(nlink + 1);
        match self.nlink.fetch_update(add) {
            Ok(_) => self.ctim.store(now, Relaxed),
            Err(0) => return Err(Errno::Noent),
            Err(_) => return Err(Errno::Mlink),
        }
        Ok(())
    }
}

impl File {
    /// Creates an empty file.
    #[inline(always)]
    pub(crate) fn new(space: &Arc<Space>) -> Self {
        Self { contents: RwLock::new(Some(Contents::new(space))), ..Self::default() }
    }

    /// Reads the contents. `EIO` while they are those of the lower file.
    pub(crate) fn read<T>(&self, then: impl FnOnce(&Contents) -> T) -> Result<T> {
        Ok(then(self.contents.read().as_ref().ok_or(Errno::Io)?))
    }

    /// Changes the contents. `EIO` while they are those of the lower file.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Contents) -> Result<T>) -> Result<T> {
        let mut contents = self.contents.write();
        let contents = contents.as_mut().ok_or(Errno::Io)?;
        let result = change(contents);
        self.size.store(contents.size(), Relaxed);
        result
    }
}

impl Lower {
    /// Describes a file that nothing has changed.
    pub(crate) fn new(path: LowerPath, link: Option<(u64, u64)>, location: Option<Location>) -> Self {
        Self { path, link, is_copied: AtomicBool::new(false), location: RwLock::new(location) }
    }

    /// Locks the location.
    pub(crate) fn location(&self) -> WriteGuard<'_, Option<Location>> {
        self.location.write()
    }
}

impl Inode {
    /// Creates an inode for one name.
    #[inline(always)]
    pub(crate) fn new((dev, ino): (u64, u64), body: Body, mode: u16, now: Timestamp) -> Arc<Self> {
        let nlink = if matches!(body, Body::Directory(_)) { 2 } else { 1 };
        let attributes = OnceCell::with_value(Attributes::new(nlink, mode, now));
        Arc::new(Self { dev, ino, attributes, body, lower: None })
    }

    /// Creates an inode of a lower file.
    pub(crate) fn of_lower((dev, ino): (u64, u64), body: Body, lower: Lower) -> Self {
        Self { dev, ino, attributes: OnceCell::new(), body, lower: Some(Box::new(lower)) }
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
    pub(crate) fn own_attributes(&self) -> Option<&Attributes> {
        self.attributes.get()
    }

    /// Returns the attributes, to change them. Copies those of the lower file first.
    pub(crate) fn attributes(&self) -> &Attributes {
        if let Some(attributes) = self.attributes.get() {
            return attributes;
        }
        // Reads them without a lock. The host may have removed the file.
        let all = self.lower.as_ref().and_then(|lower| lower.path.attributes().ok());
        let attributes = all.as_ref().map_or_else(Attributes::default, Attributes::of_lower);
        self.attributes.get_or_init(|| attributes)
    }

    /// Returns the attributes as `fstat` does.
    pub(crate) fn stat(&self) -> Result<Filestat> {
        let lower = || self.lower.as_ref().ok_or(Errno::Noent)?.path.stat();
        let Some(attributes) = self.own_attributes() else {
            return Ok(Filestat { dev: self.dev, ino: self.ino, ..lower()? });
        };
        let size = match &self.body {
            Body::File(_) if self.has_lower_contents() => lower()?.size,
            Body::File(file) => file.size.load(Relaxed),
            Body::Symlink(target) => target.len() as u64,
            Body::Directory(_) | Body::Special(_) => 0,
        };
        Ok(Filestat {
            dev: self.dev,
            ino: self.ino,
            filetype: self.filetype(),
            nlink: attributes.nlink(),
            size,
            atim: attributes.atim.load(Relaxed),
            mtim: attributes.mtim.load(Relaxed),
            ctim: attributes.ctim.load(Relaxed),
        })
    }

    /// Returns all attributes. Files in memory belong to the user and group 0.
    pub(crate) fn all_attributes(&self) -> Result<AllAttributes> {
        let (kind, allocated) = match &self.body {
            Body::File(file) => (0o100_000, file.contents.read().as_ref().map(Contents::allocated)),
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
            mode: all.mode & !0o7777 | u32::from(own.mode.load(Relaxed)),
            nlink: own.nlink(),
            size: self.stat()?.size,
            blocks: allocated.map_or(all.blocks, |allocated| allocated.div_ceil(512)),
            atim: signed(own.atim.load(Relaxed)),
            mtim: signed(own.mtim.load(Relaxed)),
            ctim: signed(own.ctim.load(Relaxed)),
            birthtim: signed(own.birthtim),
            ..all
        })
    }

    /// Sets the permission bits.
    pub(crate) fn set_mode(&self, mode: u32, now: Timestamp) {
        let attributes = self.attributes();
        attributes.mode.store((mode & 0o7777) as u16, Relaxed);
        attributes.ctim.store(now, Relaxed);
        attributes.is_set.store(true, Relaxed);
    }

    /// Sets the access and modification times.
    pub(crate) fn set_times(&self, atim: Option<NewTime>, mtim: Option<NewTime>, now: Timestamp) {
        let attributes = self.attributes();
        let set = |time: &AtomicU64, new| match new {
            Some(NewTime::Now) => time.store(now, Relaxed),
            Some(NewTime::At(new)) => time.store(new, Relaxed),
            None => {}
        };
        set(&attributes.atim, atim);
        set(&attributes.mtim, mtim);
        attributes.ctim.store(now, Relaxed);
        attributes.is_set.store(true, Relaxed);
    }

    /// Sets the times of a change of the contents.
    pub(crate) fn touch(&self, now: Timestamp) {
        let attributes = self.attributes();
        attributes.mtim.store(now, Relaxed);
        attributes.ctim.store(now, Relaxed);
    }

    /// Changes the number of links.
    pub(crate) fn add_links(&self, change: i64, now: Timestamp) {
        let attributes = self.attributes();
        let _ = attributes.nlink.fetch_update(|nlink| Some(nlink.saturating_add_signed(change)));
        attributes.ctim.store(now, Relaxed);
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
        self.lower.as_ref().is_some_and(|lower| !lower.is_copied.load(Acquire))
    }

    /// Stores the copied contents, unless another thread has copied them.
    pub(crate) fn set_copied(&self, contents: Contents) {
        if let (Body::File(file), Some(lower)) = (&self.body, &self.lower) {
            let mut own = file.contents.write();
            let contents = own.get_or_insert(contents);
            file.size.store(contents.size(), Relaxed);
            lower.is_copied.store(true, Release);
        }
    }

    fn drain(&mut self) -> Vec<Arc<Self>> {
        match &mut self.body {
            Body::Directory(entries) => entries.get_mut().drain(),
            _ => Vec::new(),
        }
    }

    fn take_parent(&mut self) -> Option<Arc<Self>> {
        let location = self.lower.as_mut()?.location.get_mut();
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

/// Converts a time, which a guest may set to any value. Not later than 2262.
fn signed(time: Timestamp) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}
