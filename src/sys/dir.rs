//! Directories that are read: their handles, entries, and the budget for what they keep between calls.

use crate::sys::types::Filetype;
#[cfg(unix)]
use crate::sys::unix::handle::{Handle, handle};
#[cfg(windows)]
use crate::sys::windows::handle::{Handle, handle};
use std::sync::Arc;
#[cfg(target_os = "linux")]
use std::sync::atomic::AtomicU64;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// An entry of a directory.
#[derive(Clone, Copy, Debug)]
pub struct DirEntry<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Serial number of the file.
    pub ino: u64,
    /// Kind of the file.
    pub filetype: Filetype,
    /// Where the next entry is.
    pub next: u64,
}

/// Why reading a directory stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There are no more entries.
    End,
    /// The caller did not take an entry: it is the next one.
    Stopped,
    /// [`MAX_ENTRIES`] were read. There may be more.
    Paused,
}

/// Most entries of a directory that are read at once. A worker cannot be terminated meanwhile.
pub(crate) const MAX_ENTRIES: usize = 64 * 1024;

/// An open directory. Guests with the same preopen share one.
#[derive(Debug)]
pub struct DirHandle {
    dir: cap_std::fs::Dir,
    /// The stream that has read entries last: the position of the system's handle is the one of that stream.
    #[cfg(target_os = "linux")]
    pub(crate) last_stream: std::sync::Mutex<StreamId>,
}

impl DirHandle {
    /// A directory that is open for reading.
    #[must_use]
    pub fn new(dir: std::fs::File) -> Self {
        Self {
            dir: cap_std::fs::Dir::from_std_file(dir),
            #[cfg(target_os = "linux")]
            last_stream: std::sync::Mutex::default(),
        }
    }

    /// The system's own handle.
    #[must_use]
    pub fn handle(&self) -> Handle<'_> {
        handle(&self.dir)
    }

    /// The directory as cap-std has it, for calls that take a path.
    #[must_use]
    pub fn cap(&self) -> &cap_std::fs::Dir {
        &self.dir
    }
}

/// Identifies a directory stream of this process; 0 is none.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StreamId(u64);

#[cfg(target_os = "linux")]
impl StreamId {
    pub(crate) fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Relaxed) + 1)
    }
}

/// The budget for what all open directories of a guest keep between calls, in positions of eight bytes. Each directory
/// charges what it keeps, and gives it back when it is closed.
#[derive(Debug, Default)]
pub struct DirBudget {
    taken: Arc<AtomicUsize>,
    /// Positions that this directory has taken.
    own: usize,
}

impl DirBudget {
    const MAX: usize = 4 << 20;

    /// Another share of the same budget, of which nothing is taken yet.
    #[must_use]
    pub fn share(&self) -> Self {
        Self { taken: Arc::clone(&self.taken), own: 0 }
    }

    /// Takes so many positions, unless the budget has fewer left.
    pub(crate) fn take(&mut self, positions: usize) -> bool {
        let fits = self.taken.fetch_add(positions, Relaxed) + positions <= Self::MAX;
        if fits {
            self.own += positions;
        } else {
            self.taken.fetch_sub(positions, Relaxed);
        }
        fits
    }

    /// Gives back so many positions of this directory's.
    pub(crate) fn give(&mut self, positions: usize) {
        self.own -= positions;
        self.taken.fetch_sub(positions, Relaxed);
    }
}

impl Drop for DirBudget {
    fn drop(&mut self) {
        self.give(self.own);
    }
}

/// An entry, as the system gave it.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(crate) struct ListedEntry {
    pub name: Vec<u8>,
    pub ino: u64,
    pub filetype: Filetype,
}
