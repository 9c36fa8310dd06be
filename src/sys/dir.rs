//! Open directories, directory entries, and the budget for the memory of directory streams.

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
    /// Name.
    pub name: &'a [u8],
    /// Inode number.
    pub ino: u64,
    /// Type of the file.
    pub filetype: Filetype,
    /// Position of the next entry.
    pub next: u64,
}

/// Reason why a read of a directory has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There are no more entries.
    End,
    /// The caller did not take an entry. The next read starts at that entry.
    Stopped,
    /// [`MAX_ENTRIES`] entries were read. There may be more, from this position on.
    Paused(u64),
}

/// Maximum number of entries that one call reads. A worker cannot be terminated during the call.
pub(crate) const MAX_ENTRIES: usize = 64 * 1024;

/// An open directory. Guests with the same preopen share one handle.
#[derive(Debug)]
pub struct DirHandle {
    dir: cap_std::fs::Dir,
    /// The stream that was read last. The position of the handle is the position of that stream.
    #[cfg(target_os = "linux")]
    pub(crate) last_stream: std::sync::Mutex<StreamId>,
}

impl DirHandle {
    /// Wraps a directory that is open for reading.
    #[must_use]
    pub fn new(dir: std::fs::File) -> Self {
        Self {
            dir: cap_std::fs::Dir::from_std_file(dir),
            #[cfg(target_os = "linux")]
            last_stream: std::sync::Mutex::default(),
        }
    }

    /// Returns the handle.
    #[must_use]
    pub fn handle(&self) -> Handle<'_> {
        handle(&self.dir)
    }

    /// Returns the directory of cap-std, for calls that take a path.
    #[must_use]
    pub fn cap(&self) -> &cap_std::fs::Dir {
        &self.dir
    }
}

/// Identifies a directory stream in this process. 0 is no stream.
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

/// Budget for the memory of all directory streams of a guest, in units of 8 bytes. Each stream takes its share and
/// returns the share on drop.
#[derive(Debug, Default)]
pub struct DirBudget {
    /// Units that all streams of the guest have taken.
    taken: Arc<AtomicUsize>,
    /// Units that this stream has taken.
    own: usize,
}

impl DirBudget {
    /// 32 MiB.
    const MAX: usize = 4 << 20;

    /// Returns another share of the same budget, with nothing taken yet.
    #[must_use]
    pub fn share(&self) -> Self {
        Self { taken: Arc::clone(&self.taken), own: 0 }
    }

    /// Takes `units`. Returns false and takes none if fewer are left.
    pub(crate) fn take(&mut self, units: usize) -> bool {
        let fits = self.taken.fetch_add(units, Relaxed) + units <= Self::MAX;
        if fits {
            self.own += units;
        } else {
            self.taken.fetch_sub(units, Relaxed);
        }
        fits
    }

    /// Returns `units` of this stream.
    pub(crate) fn give_back(&mut self, units: usize) {
        self.own -= units;
        self.taken.fetch_sub(units, Relaxed);
    }
}

impl Drop for DirBudget {
    fn drop(&mut self) {
        self.give_back(self.own);
    }
}

/// A directory entry as the system reports it, without a position.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(crate) struct ListedEntry {
    pub name: Vec<u8>,
    pub ino: u64,
    pub filetype: Filetype,
}
