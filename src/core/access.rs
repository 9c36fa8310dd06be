//! Read-only access: the one place that decides which changes a guest may make through a descriptor. A forbidden
//! change is `EROFS`, unless Linux reports another error before it checks whether a file system is read-only.

use crate::core::clock::Clocks;
use crate::core::directory::Directory;
use crate::core::opened::Opened;
use crate::core::rights::Rights;
use crate::sys;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Filestat, Filetype, NewTime, Oflags, OpenOptions};
use std::path::{Path, is_separator};

/// Access of a descriptor. Descriptors opened through it inherit the access. Rights cannot express read-only access:
/// programs request every inheritable right even to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Access {
    /// Changes are allowed.
    #[default]
    ReadWrite,
    /// Changes fail with `EROFS`.
    ReadOnly,
}

impl Access {
    /// Converts the option `readonly`.
    #[must_use]
    pub(crate) fn from_readonly(readonly: bool) -> Self {
        if readonly { Access::ReadOnly } else { Access::ReadWrite }
    }

    /// Checks an operation on an open file that needs these rights. `EROFS` for a change through a read-only
    /// descriptor.
    pub(crate) fn check(self, rights: Rights) -> Result {
        if rights.intersects(Rights::CHANGING) { self.check_change() } else { Ok(()) }
    }

    /// Checks that the times of an open file may be set. `EROFS` if the descriptor is read-only and at least one time
    /// is set.
    pub(crate) fn check_set_times(self, atim: Option<NewTime>, mtim: Option<NewTime>) -> Result {
        if atim.is_some() || mtim.is_some() { self.check_change() } else { Ok(()) }
    }

    /// Returns whether reading leaves access times unchanged, where the system allows that.
    #[must_use]
    pub(crate) fn keeps_atime(self) -> bool {
        self == Access::ReadOnly
    }

    fn check_change(self) -> Result {
        match self {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(Errno::Rofs),
        }
    }
}

/// A directory, with the access of its descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DirAccess<'a> {
    directory: &'a Directory,
    access: Access,
    clocks: &'a Clocks,
}

impl<'a> DirAccess<'a> {
    /// Wraps a directory.
    #[must_use]
    pub(crate) fn new(directory: &'a Directory, access: Access, clocks: &'a Clocks) -> Self {
        Self { directory, access, clocks }
    }

    /// Returns another directory with the same access.
    pub(crate) fn at<'b>(self, directory: &'b Directory) -> DirAccess<'b>
    where
        'a: 'b,
    {
        DirAccess { directory, ..self }
    }

    /// Returns the attributes of a path: `fstatat`.
    pub(crate) fn stat(self, path: &Path, follows: bool) -> Result<Filestat> {
        self.directory.stat(path, follows)
    }

    /// Returns all attributes of a path: `statx`.
    #[cfg(feature = "node")]
    pub(crate) fn attributes(self, path: &Path, follows: bool) -> Result<sys::types::Attributes> {
        self.directory.attributes(path, follows)
    }

    /// Sets the permission bits of a path: `fchmodat`.
    #[cfg(feature = "node")]
    pub(crate) fn set_mode(self, path: &Path, mode: u32) -> Result {
        if self.is_readonly() {
            return self.stat(path, true).and(Err(Errno::Rofs));
        }
        self.directory.set_mode(path, mode, self.clocks)
    }

    /// Passes the target of a symlink to `then`: `readlinkat`.
    pub(crate) fn read_link<T>(self, path: &Path, then: impl FnOnce(&[u8]) -> T) -> Result<T> {
        self.directory.read_link(path, then)
    }

    /// Opens a path: `openat`. On a read-only directory `CREAT` only opens existing files.
    #[inline(always)]
    pub(crate) fn open(self, path: &Path, options: OpenOptions) -> Result<Opened<Directory>> {
        let options = OpenOptions { keeps_atime: self.access.keeps_atime(), ..options };
        let oflags = if self.is_readonly() { self.check_open(path, &options)? } else { options.oflags };
        self.directory.open(path, &OpenOptions { oflags, ..options }, self.clocks)
    }

    /// Creates a directory: `mkdirat`.
    pub(crate) fn create_dir(self, path: &Path) -> Result {
        if self.is_readonly() {
            return self.check_missing(path).and(Err(Errno::Rofs));
        }
        self.directory.create_dir(path, self.clocks)
    }

    /// Creates a symlink: `symlinkat`.
    pub(crate) fn symlink(self, target: &Path, path: &Path) -> Result {
        self.reject_trailing_slash(path)?;
        if self.is_readonly() {
            return self.check_missing(path).and(Err(Errno::Rofs));
        }
        self.directory.symlink(target, path, self.clocks)
    }

    /// Sets the times of a path: `utimensat`.
    pub(crate) fn set_times(
        self,
        path: &Path,
        follows: bool,
        atim: Option<NewTime>,
        mtim: Option<NewTime>,
    ) -> Result {
        if self.is_readonly() || (atim.is_none() && mtim.is_none()) {
            // Without a time to set, Linux does not check that the file exists.
            self.stat(path, follows)?;
            return self.access.check_set_times(atim, mtim);
        }
        self.directory.set_times(path, follows, atim, mtim, self.clocks)
    }

    /// Removes a file or symlink: `unlinkat`.
    pub(crate) fn unlink(self, path: &Path) -> Result {
        if self.is_readonly() {
            return self.check_parent_of(path, Errno::Isdir).and(Err(Errno::Rofs));
        }
        match self.trailing_slash_type(path)? {
            None => self.directory.unlink(path, self.clocks),
            Some(Filetype::Directory) => Err(Errno::Isdir),
            Some(_) => Err(Errno::Notdir),
        }
    }

    /// Removes an empty directory: `unlinkat(AT_REMOVEDIR)`. A path that ends in `.` is `EINVAL`. A path that ends in
    /// `..` is `ENOTEMPTY`: the parent directory is never empty.
    pub(crate) fn remove_dir(self, path: &Path) -> Result {
        if self.is_readonly() {
            let dots = if last_component(path) == b".." { Errno::Notempty } else { Errno::Inval };
            return self.check_parent_of(path, dots).and(Err(Errno::Rofs));
        }
        self.directory.remove_dir(sys::without_trailing_slashes(path), self.clocks)
    }

    /// Creates a hard link in `new`: `linkat`. Both directories must allow changes.
    pub(crate) fn hard_link(self, path: &Path, follows: bool, new: Self, new_path: &Path) -> Result {
        let is_readonly = self.is_readonly() || new.is_readonly();
        if is_readonly || has_trailing_slash(new_path) {
            // As on Linux, an error of the old path precedes one of the new path.
            self.stat(path, follows)?;
            new.reject_trailing_slash(new_path)?;
        }
        if is_readonly {
            return new.check_missing(new_path).and(Err(Errno::Rofs));
        }
        self.directory.hard_link(path, follows, new.directory, new_path, self.clocks)
    }

    /// Renames a file or directory to a path in `new`: `renameat`. Both directories must allow changes.
    pub(crate) fn rename(self, path: &Path, new: Self, new_path: &Path) -> Result {
        if self.is_readonly() || new.is_readonly() {
            self.check_parent_of(path, Errno::Busy)?;
            return new.check_parent_of(new_path, Errno::Busy).and(Err(Errno::Rofs));
        }
        // A slash after either name requires a directory.
        let requires_directory =
            [path, new_path].iter().any(|path| has_trailing_slash(path) && path.file_name().is_some());
        let name = sys::without_trailing_slashes(path);
        if requires_directory && self.stat(name, false)?.filetype != Filetype::Directory {
            return Err(Errno::Notdir);
        }
        self.directory.rename(path, new.directory, new_path, self.clocks)
    }

    fn is_readonly(self) -> bool {
        self.access == Access::ReadOnly
    }

    /// Checks that a path can be opened in a read-only directory, and returns flags that create nothing.
    fn check_open(self, path: &Path, options: &OpenOptions) -> Result<Oflags> {
        let oflags = options.oflags;
        let creates = oflags.contains(Oflags::CREAT);
        let changes = options.writes || oflags.contains(Oflags::TRUNC);
        if !creates && !changes {
            return Ok(oflags);
        }
        let exclusive = creates && oflags.contains(Oflags::EXCL);
        if creates && has_trailing_slash(path) && !ends_in_dots(path) {
            return self.check_parent(path).and(Err(Errno::Isdir));
        }
        match self.filetype(path, options.follows && !exclusive)? {
            None if creates => Err(Errno::Rofs),
            None => Err(Errno::Noent),
            Some(_) if exclusive => Err(Errno::Exist),
            Some(Filetype::Directory) => Err(Errno::Isdir),
            Some(_) if oflags.contains(Oflags::DIRECTORY) => Err(Errno::Notdir),
            Some(Filetype::SymbolicLink) => Err(Errno::Loop),
            Some(_) if changes => Err(Errno::Rofs),
            Some(_) => Ok(oflags - Oflags::CREAT),
        }
    }

    /// Checks that nothing exists at a path, but its parent directory does.
    fn check_missing(self, path: &Path) -> Result {
        match self.filetype(sys::without_trailing_slashes(path), false)? {
            Some(_) => Err(Errno::Exist),
            None => Ok(()),
        }
    }

    /// Checks the parent directory of a path that is to be removed or renamed, but not the final component. If the path
    /// ends in `.` or `..`, fails with the errno `dots`.
    fn check_parent_of(self, path: &Path, dots: Errno) -> Result {
        if ends_in_dots(path) {
            return self.stat(path, true).and(Err(dots));
        }
        self.check_parent(path)
    }

    /// Checks that the parent of a path is a directory.
    fn check_parent(self, path: &Path) -> Result {
        let Some((parent, _)) = split(path) else {
            return Ok(());
        };
        match self.stat(sys::path(parent)?, true)?.filetype {
            Filetype::Directory => Ok(()),
            _ => Err(Errno::Notdir),
        }
    }

    /// Returns the type of a path; `None` if only its parent directory exists.
    fn filetype(self, path: &Path, follows: bool) -> Result<Option<Filetype>> {
        match self.stat(path, follows) {
            Ok(stat) => Ok(Some(stat.filetype)),
            Err(Errno::Noent) => self.check_parent(path).and(Ok(None)),
            Err(errno) => Err(errno),
        }
    }

    /// Returns the type of a path with trailing slashes; `None` for any other path. A symlink is not followed.
    fn trailing_slash_type(self, path: &Path) -> Result<Option<Filetype>> {
        if !has_trailing_slash(path) {
            return Ok(None);
        }
        Ok(Some(self.stat(sys::without_trailing_slashes(path), false)?.filetype))
    }

    /// Rejects a new link whose path has trailing slashes: `EEXIST` if the path exists, else `ENOENT`.
    fn reject_trailing_slash(self, path: &Path) -> Result {
        match self.trailing_slash_type(path)? {
            None => Ok(()),
            Some(_) => Err(Errno::Exist),
        }
    }
}

fn has_trailing_slash(path: &Path) -> bool {
    sys::without_trailing_slashes(path).as_os_str() != path.as_os_str()
}

fn ends_in_dots(path: &Path) -> bool {
    matches!(last_component(path), b"." | b"..")
}

/// Returns the last component, without trailing slashes.
pub(crate) fn last_component(path: &Path) -> &[u8] {
    let path = sys::without_trailing_slashes(path);
    split(path).map_or(path.as_os_str().as_encoded_bytes(), |(_, last)| last)
}

/// Splits a path before its last component. The methods of [`Path`] would skip a final `.`.
fn split(path: &Path) -> Option<(&[u8], &[u8])> {
    let path = sys::without_trailing_slashes(path).as_os_str().as_encoded_bytes();
    let at = path.iter().rposition(|byte| is_separator(char::from(*byte)))?;
    Some((&path[..at], &path[at + 1..]))
}
