//! Files of the lower directory of an overlay. The overlay only reads them.

use crate::core::clock::Clocks;
use crate::core::directory::{Directory, Opened};
use crate::core::file::FileData;
use crate::sys;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Attributes, Fdflags, Filestat, Filetype, Oflags, OpenOptions};
use std::path::Path;

/// Length from which a path starts at a new handle, so that the system accepts paths of any depth.
const MAX_PATH: usize = 2048;

/// A file of a lower directory: a handle, and the path below the handle. No component is a symlink. Overlays store
/// paths because a handle of the host is a descriptor, and a guest can change more directories than a process has
/// descriptors.
#[derive(Clone, Debug)]
pub(crate) struct LowerPath {
    base: Directory,
    path: Box<[u8]>,
}

/// Options for opening a file of the lower directory for reading. Its access time is part of what must not change.
pub(crate) const READ: OpenOptions = OpenOptions {
    reads: true,
    writes: false,
    follows: false,
    oflags: Oflags::empty(),
    fdflags: Fdflags::empty(),
    keeps_atime: true,
    mode: 0,
};

impl LowerPath {
    /// Returns the path of the lower directory itself.
    #[must_use]
    pub(crate) fn root(base: Directory) -> Self {
        Self { base, path: (*b".").into() }
    }

    /// Returns the path of an entry.
    pub(crate) fn child(&self, name: &[u8]) -> Result<Self> {
        if &*self.path == b"." {
            return Ok(Self { base: self.base.clone(), path: name.into() });
        }
        if self.path.len() + name.len() >= MAX_PATH {
            return Ok(Self { base: self.open_directory()?, path: name.into() });
        }
        Ok(Self { base: self.base.clone(), path: [&self.path, &b"/"[..], name].concat().into() })
    }

    /// Returns whether both are the same path.
    #[must_use]
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.path == other.path && self.base.is(&other.base)
    }

    /// Returns whether this is the path of an entry of `parent`.
    #[must_use]
    pub(crate) fn is_child(&self, parent: &Self, name: &[u8]) -> bool {
        parent.child(name).is_ok_and(|child| child.is(self))
    }

    /// Returns the attributes: `fstatat`.
    pub(crate) fn stat(&self) -> Result<Filestat> {
        self.base.stat(self.path()?, false)
    }

    /// Returns all attributes: `statx`.
    pub(crate) fn attributes(&self) -> Result<Attributes> {
        self.base.attributes(self.path()?, false)
    }

    /// Opens the file without following a symlink.
    pub(crate) fn open(&self, options: &OpenOptions) -> Result<Opened> {
        let options = OpenOptions { follows: false, keeps_atime: true, ..*options };
        self.base.open(self.path()?, &options, &Clocks::default())
    }

    /// Opens the file if it is a regular one, and returns its attributes; `EINVAL` for any other file.
    pub(crate) fn open_file(&self) -> Result<(FileData, Filestat)> {
        if let Directory::Host(host) = &self.base {
            let (file, stat) = host.open(self.path()?, &READ)?;
            return match stat.filetype {
                Filetype::RegularFile => Ok((FileData::Host(file), stat)),
                _ => Err(Errno::Inval),
            };
        }
        match self.open(&READ)? {
            Opened::File(data) => {
                let stat = data.stat()?;
                Ok((data, stat))
            }
            _ => Err(Errno::Inval),
        }
    }

    /// Opens the directory; `ENOTDIR` if it is none.
    pub(crate) fn open_directory(&self) -> Result<Directory> {
        match self.open(&OpenOptions { oflags: Oflags::DIRECTORY, ..READ })? {
            Opened::Directory(directory) => Ok(directory),
            _ => Err(Errno::Notdir),
        }
    }

    /// Returns the target of the symlink.
    pub(crate) fn read_link(&self) -> Result<Box<[u8]>> {
        self.base.read_link(self.path()?, |target| target.into())
    }

    fn path(&self) -> Result<&Path> {
        Ok(sys::path(&self.path)?)
    }
}
