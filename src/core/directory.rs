//! Directories, by backend: the `*at` calls of POSIX on confined paths.

use crate::core::file::FileData;
use crate::core::fs::host::HostDirectory;
use crate::core::stream::Stream;
use crate::sys::dir::{DirBudget, DirEntry, Progress};
use crate::sys::errno::Result;
use crate::sys::types::{Advice, Filesize, Filestat, Filetype, NewTime, OpenOptions};
use crate::sys::{self, DirStream, Handle};
use std::path::Path;

/// An open directory. This is a handle, not a path: renames do not change which directory it refers to.
#[derive(Debug)]
pub enum Directory {
    /// A directory of the host.
    Host(HostDirectory),
}

/// An opened path.
#[derive(Debug)]
pub enum Opened {
    /// A directory.
    Directory(Directory),
    /// A regular file.
    File(FileData),
    /// Any other file.
    Stream(Stream),
}

/// Position in a directory for reading its entries, by backend.
#[derive(Debug)]
pub enum DirReader {
    /// In a directory of the host.
    Host(DirStream),
}

impl Directory {
    /// Opens a path: `openat`.
    pub fn open(&self, path: &Path, options: &OpenOptions) -> Result<Opened> {
        let Directory::Host(host) = self;
        let (file, filetype) = host.open(path, options)?;
        Ok(match filetype {
            Filetype::Directory => Opened::Directory(Directory::Host(HostDirectory::new(file))),
            Filetype::RegularFile => Opened::File(FileData::Host(file)),
            _ => Opened::Stream(Stream::guest(file, options.fdflags)?),
        })
    }

    /// Returns the attributes of a path: `fstatat`.
    pub fn stat(&self, path: &Path, follows: bool) -> Result<Filestat> {
        let Directory::Host(host) = self;
        Ok(host.stat(path, follows)?)
    }

    /// Creates a directory: `mkdirat`.
    pub fn create_dir(&self, path: &Path) -> Result {
        let Directory::Host(host) = self;
        Ok(host.create_dir(path)?)
    }

    /// Removes an empty directory: `unlinkat(AT_REMOVEDIR)`.
    pub fn remove_dir(&self, path: &Path) -> Result {
        let Directory::Host(host) = self;
        Ok(host.remove_dir(path)?)
    }

    /// Removes a file or symlink: `unlinkat`.
    pub fn unlink(&self, path: &Path) -> Result {
        let Directory::Host(host) = self;
        Ok(host.unlink(path)?)
    }

    /// Creates a symlink: `symlinkat`.
    pub fn symlink(&self, target: &Path, path: &Path) -> Result {
        let Directory::Host(host) = self;
        Ok(host.symlink(target, path)?)
    }

    /// Passes the target of a symlink to `then`: `readlinkat`.
    pub fn read_link<T>(&self, path: &Path, then: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let Directory::Host(host) = self;
        Ok(host.read_link(path, then)?)
    }

    /// Creates a hard link in `new`: `linkat`.
    pub fn hard_link(&self, path: &Path, follows: bool, new: &Self, new_path: &Path) -> Result {
        let (Directory::Host(old), Directory::Host(new)) = (self, new);
        Ok(old.hard_link(path, follows, new, new_path)?)
    }

    /// Renames a file or directory to a path in `new`: `renameat`.
    pub fn rename(&self, path: &Path, new: &Self, new_path: &Path) -> Result {
        let (Directory::Host(old), Directory::Host(new)) = (self, new);
        Ok(old.rename(path, new, new_path)?)
    }

    /// Sets the times of a path: `utimensat`.
    pub fn set_times(
        &self,
        path: &Path,
        follows: bool,
        atim: Option<NewTime>,
        mtim: Option<NewTime>,
    ) -> Result {
        let Directory::Host(host) = self;
        Ok(host.set_times(path, follows, atim, mtim)?)
    }

    /// Returns a reader at the start of the directory.
    #[must_use]
    pub fn reader(&self, budget: DirBudget) -> DirReader {
        let Directory::Host(_) = self;
        DirReader::Host(DirStream::new(budget))
    }

    /// Passes the entries from index `from` to `each`, until `each` returns false: `getdents`. Omits `.` and `..`.
    pub fn read_dir(
        &self,
        reader: &mut DirReader,
        from: u64,
        each: impl FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<Progress> {
        let (Directory::Host(host), DirReader::Host(stream)) = (self, reader);
        Ok(host.read_dir(stream, from, each)?)
    }

    /// Returns the attributes of the directory itself: `fstat`.
    pub fn own_stat(&self) -> Result<Filestat> {
        Ok(sys::stat(self.handle())?)
    }

    /// Returns the inode number of the parent. `None` unless `is_within` recognizes the device and inode number of a
    /// directory above.
    pub fn parent_ino(&self, is_within: impl Fn((u64, u64)) -> bool) -> Result<Option<u64>> {
        Ok(sys::parent_ino(self.handle(), is_within)?)
    }

    /// Sets the times of the directory itself: `futimens`.
    pub fn set_own_times(&self, atim: Option<NewTime>, mtim: Option<NewTime>) -> Result {
        Ok(sys::set_times(self.handle(), atim, mtim)?)
    }

    /// Announces how the directory will be used: `posix_fadvise`.
    pub fn advise(&self, offset: Filesize, len: Filesize, advice: Advice) -> Result {
        Ok(sys::advise(self.handle(), offset, len, advice)?)
    }

    /// Stores data on the disk: `fdatasync`.
    pub fn datasync(&self) -> Result {
        Ok(sys::datasync(self.handle())?)
    }

    /// Stores data and metadata on the disk: `fsync`.
    pub fn sync(&self) -> Result {
        Ok(sys::sync(self.handle())?)
    }

    fn handle(&self) -> Handle<'_> {
        let Directory::Host(host) = self;
        host.handle()
    }
}
