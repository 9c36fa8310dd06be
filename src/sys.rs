//! What differs between operating systems, and every `cfg` for it. The modules below offer the same functions
//! under the same names; each is one system call, or as close to one as the system has.

use crate::preview1::types::{Fdflags, Filetype, Oflags};
use smallvec::SmallVec;
use std::sync::Arc;
#[cfg(target_os = "linux")]
use std::sync::atomic::AtomicU64;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub mod errno;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::*;

#[cfg(target_os = "linux")]
mod getdents;
#[cfg(target_os = "linux")]
pub use getdents::DirStream;

#[cfg(not(target_os = "linux"))]
mod readdir;
#[cfg(not(target_os = "linux"))]
pub use readdir::DirStream;

/// How a path is opened.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own of openat")]
pub struct How {
    /// For reading; also if for neither.
    pub reads: bool,
    /// For writing.
    pub writes: bool,
    /// Through a link that is the last component.
    pub follows: bool,
    /// Whether it is created, cut, or has to be a directory.
    pub oflags: Oflags,
    /// The state it is opened in.
    pub fdflags: Fdflags,
    /// Reading leaves the time of the last access, where the system allows that.
    pub keeps_atime: bool,
}

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
const MAX_ENTRIES: usize = 64 * 1024;

/// An open directory. Guests with the same preopen share one.
#[derive(Debug)]
pub struct DirHandle {
    dir: cap_std::fs::Dir,
    /// The stream that has read entries last: the position of the system's handle is the one of that stream.
    #[cfg(target_os = "linux")]
    last_stream: std::sync::Mutex<StreamId>,
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
struct StreamId(u64);

#[cfg(target_os = "linux")]
impl StreamId {
    fn new() -> Self {
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
    fn take(&mut self, positions: usize) -> bool {
        let fits = self.taken.fetch_add(positions, Relaxed) + positions <= Self::MAX;
        if fits {
            self.own += positions;
        } else {
            self.taken.fetch_sub(positions, Relaxed);
        }
        fits
    }

    /// Gives back so many positions of this directory's.
    fn give(&mut self, positions: usize) {
        self.own -= positions;
        self.taken.fetch_sub(positions, Relaxed);
    }
}

impl Drop for DirBudget {
    fn drop(&mut self) {
        self.give(self.own);
    }
}

/// Regions of guest memory for one system call: few, more often than not, and at most [`MAX_BUFFERS`].
pub type Buffers = SmallVec<[Buffer; 8]>;

/// The first so many bytes of some buffers, or all there are.
pub fn first_bytes(buffers: &[Buffer], mut len: usize) -> Buffers {
    let mut first = Buffers::new();
    for buffer in buffers {
        if len == 0 {
            break;
        }
        let part = buffer.first(len);
        len -= part.size();
        first.push(part);
    }
    first
}

/// As many as every system takes at once.
pub const MAX_BUFFERS: usize = 1024;
