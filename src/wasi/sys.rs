//! What differs between operating systems, and every `cfg` for it. The modules below offer the same functions
//! under the same names; each is one system call, or as close to one as the system has.

use super::types::{Fdflags, Filetype, Oflags};
use smallvec::SmallVec;

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
pub use getdents::{DirPosition, DirStream};

#[cfg(not(target_os = "linux"))]
mod readdir;
#[cfg(not(target_os = "linux"))]
pub use readdir::{DirPosition, DirStream};

/// How a path is opened.
#[derive(Clone, Copy, Debug)]
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
