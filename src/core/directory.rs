//! Directories, by backend: the `*at` calls of POSIX on confined paths.

use crate::core::clock::Clocks;
use crate::core::file::FileData;
use crate::core::fs::host::HostDirectory;
use crate::core::fs::listing::OverlayReader;
use crate::core::fs::lower::{LowerDirectory, LowerEntries, LowerFile, READ};
use crate::core::fs::memory::MemoryDirectory;
use crate::core::fs::memory_file::check_advice;
use crate::core::fs::space::SpaceLimits;
use crate::core::opened::Opened;
use crate::core::stream::Stream;
use crate::sys::dir::{DirBudget, DirEntry, Progress};
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Advice, Attributes, Filesize, Filestat, Filetype, NewTime, Oflags, OpenOptions};
use crate::sys::{self, DirStream};
use std::path::Path;
use std::sync::Arc;

/// Maximum length of a path in bytes on every system, including the NUL byte.
pub(crate) const PATH_MAX: usize = 4096;

/// An open directory, of the host or in memory. This is a handle, not a path: renames do not change which directory it
/// refers to. Its callers decide on access and clocks; a `SharedDirectory` of JavaScript is a directory with both.
#[derive(Clone, Debug)]
pub enum Directory {
    /// A directory of the host.
    Host(HostDirectory),
    /// A directory in memory or of an overlay.
    Memory(MemoryDirectory),
}

/// Position in a directory for reading its entries, by backend.
#[derive(Debug)]
pub(crate) enum DirReader {
    /// In a directory of the host.
    Host(DirStream),
    /// In a directory in memory or of an overlay.
    Memory(Option<OverlayReader>),
}

impl Directory {
    /// Opens a directory of the host.
    pub fn of_host(path: &Path) -> Result<Self> {
        Ok(Directory::Host(HostDirectory::new(sys::open_directory(path, false)?)))
    }

    /// Creates an overlay, which reads from this directory and stores every change in memory. The embedder must not
    /// change the directory while the overlay is in use: the overlay stays confined, but may show old and new contents
    /// together. `umask` has the permission bits that new files and directories lack. `ELOOP` if too many overlays are
    /// over each other.
    pub fn overlay(self, limits: SpaceLimits, umask: u16) -> Result<MemoryDirectory> {
        MemoryDirectory::overlay(Arc::new(self), limits, umask)
    }

    /// Opens a path: `openat`.
    #[inline(always)]
    pub(crate) fn open(&self, path: &Path, options: &OpenOptions, clocks: &Clocks) -> Result<Opened<Self>> {
        match self {
            Directory::Host(host) => {
                let (file, stat) = host.open(path, options)?;
                Ok(match stat.filetype {
                    Filetype::Directory => Opened::Directory(Directory::Host(HostDirectory::new(file))),
                    Filetype::RegularFile => Opened::File(FileData::Host(file)),
                    _ => Opened::Stream(Stream::guest(file, options.fdflags)?),
                })
            }
            Directory::Memory(memory) => memory.open(bytes(path)?, options, clocks, Directory::Memory),
        }
    }

    /// Returns the attributes of a path: `fstatat`.
    pub(crate) fn stat(&self, path: &Path, follows: bool) -> Result<Filestat> {
        match self {
            Directory::Host(host) => Ok(host.stat(path, follows)?),
            Directory::Memory(memory) => memory.stat(bytes(path)?, follows),
        }
    }

    /// Returns all attributes of a path: `statx`.
    pub(crate) fn attributes(&self, path: &Path, follows: bool) -> Result<Attributes> {
        match self {
            Directory::Host(host) => Ok(host.attributes(path, follows)?),
            Directory::Memory(memory) => memory.attributes(bytes(path)?, follows),
        }
    }

    /// Sets the permission bits of a path: `fchmodat`.
    pub(crate) fn set_mode(&self, path: &Path, mode: u32, clocks: &Clocks) -> Result {
        match self {
            Directory::Host(host) => Ok(host.set_mode(path, mode)?),
            Directory::Memory(memory) => memory.set_mode(bytes(path)?, mode, clocks.realtime()),
        }
    }

    /// Creates a directory: `mkdirat`.
    pub(crate) fn create_dir(&self, path: &Path, clocks: &Clocks) -> Result {
        match self {
            Directory::Host(host) => Ok(host.create_dir(path)?),
            Directory::Memory(memory) => memory.create_dir(bytes(path)?, clocks.realtime()),
        }
    }

    /// Removes an empty directory: `unlinkat(AT_REMOVEDIR)`.
    pub(crate) fn remove_dir(&self, path: &Path, clocks: &Clocks) -> Result {
        match self {
            Directory::Host(host) => Ok(host.remove_dir(path)?),
            Directory::Memory(memory) => memory.remove_dir(bytes(path)?, clocks.realtime()),
        }
    }

    /// Removes a file or symlink: `unlinkat`.
    pub(crate) fn unlink(&self, path: &Path, clocks: &Clocks) -> Result {
        match self {
            Directory::Host(host) => Ok(host.unlink(path)?),
            Directory::Memory(memory) => memory.unlink(bytes(path)?, clocks.realtime()),
        }
    }

    /// Creates a symlink: `symlinkat`.
    pub(crate) fn symlink(&self, target: &Path, path: &Path, clocks: &Clocks) -> Result {
        match self {
            Directory::Host(host) => Ok(host.symlink(target, path)?),
            Directory::Memory(memory) => memory.symlink(bytes(target)?, bytes(path)?, clocks.realtime()),
        }
    }

    /// Passes the target of a symlink to `then`: `readlinkat`.
    pub(crate) fn read_link<T>(&self, path: &Path, then: impl FnOnce(&[u8]) -> T) -> Result<T> {
        match self {
            Directory::Host(host) => Ok(host.read_link(path, then)?),
            Directory::Memory(memory) => memory.read_link(bytes(path)?, then),
        }
    }

    /// Creates a hard link in `new`: `linkat`. `EXDEV` between two backends.
    pub(crate) fn hard_link(
        &self,
        path: &Path,
        follows: bool,
        new: &Self,
        new_path: &Path,
        clocks: &Clocks,
    ) -> Result {
        match (self, new) {
            (Directory::Host(old), Directory::Host(new)) => Ok(old.hard_link(path, follows, new, new_path)?),
            (Directory::Memory(old), Directory::Memory(new)) => {
                old.hard_link(bytes(path)?, follows, new, bytes(new_path)?, clocks.realtime())
            }
            _ => self.stat(path, follows).and(Err(Errno::Xdev)),
        }
    }

    /// Renames a file or directory to a path in `new`: `renameat`. `EXDEV` between two backends.
    pub(crate) fn rename(&self, path: &Path, new: &Self, new_path: &Path, clocks: &Clocks) -> Result {
        match (self, new) {
            (Directory::Host(old), Directory::Host(new)) => Ok(old.rename(path, new, new_path)?),
            (Directory::Memory(old), Directory::Memory(new)) => {
                old.rename(bytes(path)?, new, bytes(new_path)?, clocks.realtime())
            }
            _ => self.stat(sys::without_trailing_slashes(path), false).and(Err(Errno::Xdev)),
        }
    }

    /// Sets the times of a path: `utimensat`.
    pub(crate) fn set_times(
        &self,
        path: &Path,
        follows: bool,
        atim: Option<NewTime>,
        mtim: Option<NewTime>,
        clocks: &Clocks,
    ) -> Result {
        match self {
            Directory::Host(host) => Ok(host.set_times(path, follows, atim, mtim)?),
            Directory::Memory(memory) => {
                memory.set_times(bytes(path)?, follows, atim, mtim, clocks.realtime())
            }
        }
    }

    /// Returns the value of `Directory.kind` in JavaScript.
    #[cfg(feature = "node")]
    #[must_use]
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Directory::Host(_) => "host",
            Directory::Memory(memory) if memory.is_overlay() => "overlay",
            Directory::Memory(_) => "memory",
        }
    }

    /// Returns the bytes and files that count towards the limits: none for a directory of the host.
    #[cfg(feature = "node")]
    #[must_use]
    pub(crate) fn usage(&self) -> (u64, u64) {
        match self {
            Directory::Host(_) => (0, 0),
            Directory::Memory(memory) => memory.usage(),
        }
    }

    /// Returns a reader at the start of the directory.
    #[must_use]
    pub(crate) fn reader(&self, budget: DirBudget) -> DirReader {
        match self {
            Directory::Host(_) => DirReader::Host(DirStream::new(budget)),
            Directory::Memory(memory) => DirReader::Memory(memory.reader(budget)),
        }
    }

    /// Passes the entries from position `from` to `each`, until `each` returns false: `getdents`. Omits `.` and `..`.
    pub(crate) fn read_dir(
        &self,
        reader: &mut DirReader,
        from: u64,
        each: impl FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<Progress> {
        match (self, reader) {
            (Directory::Host(host), DirReader::Host(stream)) => Ok(host.read_dir(stream, from, each)?),
            (Directory::Memory(memory), DirReader::Memory(reader)) => {
                memory.read_dir(reader.as_mut(), from, each)
            }
            (Directory::Host(_), DirReader::Memory(_)) | (Directory::Memory(_), DirReader::Host(_)) => {
                Err(Errno::Io)
            }
        }
    }

    /// Passes all entries to `each`.
    pub(crate) fn each_entry(&self, each: impl FnMut(&DirEntry<'_>)) -> Result {
        self.entries(DirBudget::default()).each_entry(each)
    }

    /// Returns the attributes of the directory itself: `fstat`.
    pub(crate) fn own_stat(&self) -> Result<Filestat> {
        match self {
            Directory::Host(host) => Ok(sys::stat(host.handle())?),
            Directory::Memory(memory) => memory.own_stat(),
        }
    }

    /// Returns the inode number of the parent. `None` unless `is_within` recognizes the device and inode number of a
    /// directory above.
    pub(crate) fn parent_ino(&self, is_within: impl Fn((u64, u64)) -> bool) -> Result<Option<u64>> {
        match self {
            Directory::Host(host) => Ok(sys::parent_ino(host.handle(), is_within)?),
            Directory::Memory(memory) => Ok(memory.parent_ino(is_within)),
        }
    }

    /// Sets the times of the directory itself: `futimens`.
    pub(crate) fn set_own_times(
        &self,
        atim: Option<NewTime>,
        mtim: Option<NewTime>,
        clocks: &Clocks,
    ) -> Result {
        match self {
            Directory::Host(host) => Ok(sys::set_times(host.handle(), atim, mtim)?),
            Directory::Memory(memory) => memory.set_own_times(atim, mtim, clocks.realtime()),
        }
    }

    /// Announces how the directory will be used: `posix_fadvise`.
    pub(crate) fn advise(&self, offset: Filesize, len: Filesize, advice: Advice) -> Result {
        match self {
            Directory::Host(host) => Ok(sys::advise(host.handle(), offset, len, advice)?),
            Directory::Memory(_) => check_advice(len),
        }
    }

    /// Stores data on the disk: `fdatasync`.
    pub(crate) fn datasync(&self) -> Result {
        match self {
            Directory::Host(host) => Ok(sys::datasync(host.handle())?),
            Directory::Memory(_) => Ok(()),
        }
    }

    /// Stores data and metadata on the disk: `fsync`.
    pub(crate) fn sync(&self) -> Result {
        match self {
            Directory::Host(host) => Ok(sys::sync(host.handle())?),
            Directory::Memory(_) => Ok(()),
        }
    }
}

impl LowerDirectory for Directory {
    fn depth(&self) -> u64 {
        match self {
            Directory::Host(_) => 0,
            Directory::Memory(memory) => memory.volume().depth,
        }
    }

    fn stat(&self, path: &Path) -> Result<Filestat> {
        self.stat(path, false)
    }

    fn attributes(&self, path: &Path) -> Result<Attributes> {
        self.attributes(path, false)
    }

    fn read_link(&self, path: &Path) -> Result<Box<[u8]>> {
        self.read_link(path, |target| target.into())
    }

    fn open_file(&self, path: &Path) -> Result<(Box<dyn LowerFile>, Filestat)> {
        if let Directory::Host(host) = self {
            // The attributes are known: saves a system call.
            let (file, stat) = host.open(path, &READ)?;
            return match stat.filetype {
                Filetype::RegularFile => Ok((Box::new(FileData::Host(file)), stat)),
                _ => Err(Errno::Inval),
            };
        }
        match self.open(path, &READ, &Clocks::default())? {
            Opened::File(data) => {
                let stat = data.stat()?;
                Ok((Box::new(data), stat))
            }
            _ => Err(Errno::Inval),
        }
    }

    fn open_directory(&self, path: &Path) -> Result<Arc<dyn LowerDirectory>> {
        let options = OpenOptions { oflags: Oflags::DIRECTORY, ..READ };
        match self.open(path, &options, &Clocks::default())? {
            Opened::Directory(directory) => Ok(Arc::new(directory)),
            _ => Err(Errno::Notdir),
        }
    }

    fn open_special(&self, path: &Path, options: &OpenOptions) -> Result<Stream> {
        let options = OpenOptions { follows: false, keeps_atime: true, oflags: Oflags::empty(), ..*options };
        match self.open(path, &options, &Clocks::default())? {
            Opened::Stream(stream) => Ok(stream.of_lower()),
            _ => Err(Errno::Noent),
        }
    }

    fn entries(&self, budget: DirBudget) -> Box<dyn LowerEntries> {
        Box::new((self.clone(), self.reader(budget)))
    }
}

impl LowerEntries for (Directory, DirReader) {
    fn read(&mut self, from: u64, each: &mut dyn FnMut(&DirEntry<'_>) -> bool) -> Result<Progress> {
        let (directory, reader) = self;
        directory.read_dir(reader, from, each)
    }
}

/// Returns a path in the encoding of guests. Checks its length like the kernel: `ENOENT` for an empty path,
/// `ENAMETOOLONG` from [`PATH_MAX`] on.
fn bytes(path: &Path) -> Result<&[u8]> {
    match path.as_os_str().as_encoded_bytes() {
        b"" => Err(Errno::Noent),
        path if path.len() >= PATH_MAX => Err(Errno::Nametoolong),
        path => Ok(path),
    }
}
