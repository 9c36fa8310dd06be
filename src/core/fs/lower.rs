//! The lower directory of an overlay: the operations that an overlay needs, and paths. An overlay only reads.

use crate::core::stream::Stream;
use crate::sys;
use crate::sys::buffers::Buffer;
use crate::sys::dir::{DirBudget, DirEntry, Progress};
use crate::sys::errno::Result;
use crate::sys::types::{Attributes, Fdflags, Filesize, Filestat, Oflags, OpenOptions};
use smallvec::SmallVec;
use std::fmt::{self, Debug, Formatter};
use std::path::Path;
use std::sync::Arc;

/// Length from which a path starts at a new handle, so that the system accepts paths of any depth.
const MAX_PATH: usize = 2048;

/// Options for reading a file of the lower directory. The overlay leaves access times unchanged, too.
pub(crate) const READ: OpenOptions = OpenOptions {
    reads: true,
    writes: false,
    follows: false,
    oflags: Oflags::empty(),
    fdflags: Fdflags::empty(),
    keeps_atime: true,
    mode: 0,
};

/// A directory that an overlay can read from. No call follows a symlink at the end of a path.
pub(crate) trait LowerDirectory: Send + Sync {
    /// Returns the number of overlays over each other from here down.
    fn depth(&self) -> u64;

    /// Returns the attributes of a path: `fstatat`.
    fn stat(&self, path: &Path) -> Result<Filestat>;

    /// Returns all attributes of a path: `statx`.
    fn attributes(&self, path: &Path) -> Result<Attributes>;

    /// Returns the target of a symlink: `readlinkat`.
    fn read_link(&self, path: &Path) -> Result<Box<[u8]>>;

    /// Opens a regular file, and returns its attributes; `EINVAL` for any other file.
    fn open_file(&self, path: &Path) -> Result<(Box<dyn LowerFile>, Filestat)>;

    /// Opens a directory; `ENOTDIR` for any other file.
    fn open_directory(&self, path: &Path) -> Result<Arc<dyn LowerDirectory>>;

    /// Opens a FIFO, socket or device; `ENOENT` for any other file.
    fn open_special(&self, path: &Path, options: &OpenOptions) -> Result<Stream>;

    /// Returns a reader at the start of the directory itself.
    fn entries(&self, budget: DirBudget) -> Box<dyn LowerEntries>;
}

/// An open regular file of a lower directory.
pub(crate) trait LowerFile: Send + Sync {
    /// Reads into guest buffers: `preadv`.
    fn read_at(&self, buffers: &[Buffer], offset: Filesize) -> Result<usize>;

    /// Returns the attributes: `fstat`.
    fn stat(&self) -> Result<Filestat>;

    /// Returns the next range from an offset on that is not a hole; `None` if only a hole follows.
    fn next_data(&self, offset: Filesize) -> Result<Option<(Filesize, Filesize)>>;

    /// Passes the data below `size` to `each`, piece by piece, with offsets. Omits holes.
    fn each_piece(&self, size: Filesize, each: &mut dyn FnMut(&mut [u8], Filesize) -> Result) -> Result;
}

/// Entries of an open lower directory.
pub(crate) trait LowerEntries: Send {
    /// Passes the entries from position `from` to `each`, until `each` returns false: `getdents`. Omits `.` and `..`.
    fn read(&mut self, from: u64, each: &mut dyn FnMut(&DirEntry<'_>) -> bool) -> Result<Progress>;
}

// With a bound on the traits, the addon would contain the `Debug` of everything that a directory holds.
macro_rules! debug {
    ($($name:ident),*) => {$(
        impl Debug for dyn $name {
            fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
                formatter.write_str(stringify!($name))
            }
        }
    )*};
}
debug!(LowerDirectory, LowerFile, LowerEntries);

impl dyn LowerEntries {
    /// Passes all entries to `each`.
    pub(crate) fn each_entry(&mut self, mut each: impl FnMut(&DirEntry<'_>)) -> Result {
        let mut from = 0;
        while let Progress::Paused(next) = self.read(from, &mut |entry| {
            each(entry);
            true
        })? {
            from = next;
        }
        Ok(())
    }
}

/// A file of a lower directory: an open directory, and the path from there. No component is a symlink. Overlays store
/// paths because an open directory of the host is a descriptor, and a guest can change more directories than a process
/// has descriptors.
#[derive(Clone, Debug)]
pub(crate) struct LowerPath {
    base: Arc<dyn LowerDirectory>,
    path: Box<[u8]>,
}

impl LowerPath {
    /// Returns the path of the lower directory itself.
    #[must_use]
    pub(crate) fn root(base: Arc<dyn LowerDirectory>) -> Self {
        Self { base, path: (*b".").into() }
    }

    /// Returns the path of an entry.
    pub(crate) fn child(&self, name: &[u8]) -> Result<Self> {
        Ok(match self.join(name) {
            Some(path) => Self { base: Arc::clone(&self.base), path: path[..].into() },
            None => Self { base: self.open_directory()?, path: name.into() },
        })
    }

    /// Returns the attributes of an entry: `fstatat`.
    pub(crate) fn stat_child(&self, name: &[u8]) -> Result<Filestat> {
        match self.join(name) {
            Some(path) => self.base.stat(sys::path(&path)?),
            None => self.child(name)?.stat(),
        }
    }

    /// Returns the path of an entry from the open directory on; `None` if it is too long.
    fn join(&self, name: &[u8]) -> Option<SmallVec<[u8; 256]>> {
        if &*self.path == b"." {
            return Some(SmallVec::from_slice(name));
        }
        let mut path = SmallVec::from_slice(&self.path);
        path.push(b'/');
        path.extend_from_slice(name);
        (path.len() <= MAX_PATH).then_some(path)
    }

    /// Returns whether both are the same path.
    #[must_use]
    pub(crate) fn is(&self, other: &Self) -> bool {
        let id = |path: &Self| path.base.stat(Path::new(".")).map(|stat| (stat.dev, stat.ino)).ok();
        self.path == other.path
            && (Arc::ptr_eq(&self.base, &other.base) || id(self).is_some_and(|own| id(other) == Some(own)))
    }

    /// Returns whether this is the path of an entry of `parent`.
    #[must_use]
    pub(crate) fn is_child(&self, parent: &Self, name: &[u8]) -> bool {
        parent.child(name).is_ok_and(|child| child.is(self))
    }

    /// Returns the attributes: `fstatat`.
    pub(crate) fn stat(&self) -> Result<Filestat> {
        self.base.stat(self.path()?)
    }

    /// Returns all attributes: `statx`.
    pub(crate) fn attributes(&self) -> Result<Attributes> {
        self.base.attributes(self.path()?)
    }

    /// Returns the target of the symlink.
    pub(crate) fn read_link(&self) -> Result<Box<[u8]>> {
        self.base.read_link(self.path()?)
    }

    /// Opens the regular file, and returns its attributes; `EINVAL` for any other file.
    pub(crate) fn open_file(&self) -> Result<(Box<dyn LowerFile>, Filestat)> {
        self.base.open_file(self.path()?)
    }

    /// Opens the FIFO, socket or device; `ENOENT` for any other file.
    pub(crate) fn open_special(&self, options: &OpenOptions) -> Result<Stream> {
        self.base.open_special(self.path()?, options)
    }

    /// Opens the directory, and returns a reader at its start; `ENOTDIR` for any other file.
    pub(crate) fn entries(&self, budget: DirBudget) -> Result<Box<dyn LowerEntries>> {
        Ok(self.open_directory()?.entries(budget))
    }

    fn open_directory(&self) -> Result<Arc<dyn LowerDirectory>> {
        self.base.open_directory(self.path()?)
    }

    fn path(&self) -> Result<&Path> {
        Ok(sys::path(&self.path)?)
    }
}
