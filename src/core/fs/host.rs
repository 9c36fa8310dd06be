//! Directories of the host. The system resolves each path beneath the handle of a directory, never as text.

use crate::sys::dir::{DirEntry, DirHandle, Progress};
use crate::sys::types::{Attributes, Filestat, NewTime, OpenOptions};
use crate::sys::{self, DirStream, Handle};
use std::io::Result;
use std::path::Path;
use std::sync::Arc;

/// An open directory of the host. Guests with the same preopen share its handle.
#[derive(Clone, Debug)]
pub struct HostDirectory(Arc<DirHandle>);

impl HostDirectory {
    /// Creates a directory from an open handle.
    #[must_use]
    pub(crate) fn new(handle: std::fs::File) -> Self {
        Self(Arc::new(DirHandle::new(handle)))
    }

    /// Creates a directory from a handle that guests share.
    #[must_use]
    pub(crate) fn shared(handle: Arc<DirHandle>) -> Self {
        Self(handle)
    }

    /// Returns the system's handle.
    #[must_use]
    pub(crate) fn handle(&self) -> Handle<'_> {
        self.0.handle()
    }

    /// Opens a path: `openat`. Also returns the attributes.
    pub(crate) fn open(&self, path: &Path, options: &OpenOptions) -> Result<(std::fs::File, Filestat)> {
        let file = sys::open(self.0.cap(), path, options)?;
        let stat = sys::stat(sys::handle(&file))?;
        Ok((file, stat))
    }

    /// Returns the attributes of a path: `fstatat`.
    pub(crate) fn stat(&self, path: &Path, follows: bool) -> Result<Filestat> {
        sys::stat_at(self.0.cap(), path, follows)
    }

    /// Returns all attributes of a path: `statx`.
    pub(crate) fn attributes(&self, path: &Path, follows: bool) -> Result<Attributes> {
        sys::attributes_at(self.0.cap(), path, follows)
    }

    /// Sets the permission bits of a path: `fchmodat`.
    pub(crate) fn set_mode(&self, path: &Path, mode: u32) -> Result<()> {
        sys::set_mode_at(self.0.cap(), path, mode)
    }

    /// Creates a directory: `mkdirat`.
    pub(crate) fn create_dir(&self, path: &Path) -> Result<()> {
        sys::create_dir(self.0.cap(), path)
    }

    /// Removes an empty directory: `unlinkat(AT_REMOVEDIR)`.
    pub(crate) fn remove_dir(&self, path: &Path) -> Result<()> {
        sys::remove_dir(self.0.cap(), path)
    }

    /// Removes a file or symlink: `unlinkat`.
    pub(crate) fn unlink(&self, path: &Path) -> Result<()> {
        sys::unlink(self.0.cap(), path)
    }

    /// Creates a symlink: `symlinkat`.
    pub(crate) fn symlink(&self, target: &Path, path: &Path) -> Result<()> {
        sys::symlink(self.0.cap(), target, path)
    }

    /// Passes the target of a symlink to `then`: `readlinkat`.
    pub(crate) fn read_link<T>(&self, path: &Path, then: impl FnOnce(&[u8]) -> T) -> Result<T> {
        sys::read_link(self.0.cap(), path, then)
    }

    /// Creates a hard link in `new`: `linkat`.
    pub(crate) fn hard_link(&self, path: &Path, follows: bool, new: &Self, new_path: &Path) -> Result<()> {
        sys::hard_link(self.0.cap(), path, follows, new.0.cap(), new_path)
    }

    /// Renames a file or directory to a path in `new`: `renameat`.
    pub(crate) fn rename(&self, path: &Path, new: &Self, new_path: &Path) -> Result<()> {
        sys::rename(self.0.cap(), path, new.0.cap(), new_path)
    }

    /// Sets the times of a path: `utimensat`.
    pub(crate) fn set_times(
        &self,
        path: &Path,
        follows: bool,
        atim: Option<NewTime>,
        mtim: Option<NewTime>,
    ) -> Result<()> {
        sys::set_times_at(self.0.cap(), path, follows, atim, mtim)
    }

    /// Reads entries from an index on: `getdents`.
    pub(crate) fn read_dir(
        &self,
        stream: &mut DirStream,
        from: u64,
        each: impl FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<Progress> {
        stream.read(&self.0, from, each)
    }
}
