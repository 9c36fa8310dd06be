//! What differs between operating systems, and every `cfg` for it. The modules below offer the same functions
//! under the same names; each is one system call, or as close to one as the system has.

use super::types::{Fdflags, Filetype, Oflags};
use std::mem::MaybeUninit;

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

/// Regions of guest memory for one system call.
pub struct Buffers {
    array: [MaybeUninit<Buffer>; Buffers::MAX],
    len: usize,
}

impl Buffers {
    /// As many as every system takes at once.
    const MAX: usize = 1024;

    /// None yet.
    #[must_use]
    #[inline(always)]
    pub fn new() -> Self {
        Self { array: [const { MaybeUninit::uninit() }; Self::MAX], len: 0 }
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Whether there is no room for another.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len == Self::MAX
    }

    /// Adds one; there must be room.
    pub fn push(&mut self, buffer: Buffer) {
        self.array[self.len].write(buffer);
        self.len += 1;
    }

    /// All of them.
    #[must_use]
    #[expect(unsafe_code, reason = "the array is filled as it grows")]
    pub fn as_slice(&self) -> &[Buffer] {
        // SAFETY: `push` has written the first `len`, and MaybeUninit<Buffer> is laid out as Buffer.
        unsafe { std::slice::from_raw_parts(self.array.as_ptr().cast(), self.len) }
    }
}

impl Default for Buffers {
    fn default() -> Self {
        Self::new()
    }
}
