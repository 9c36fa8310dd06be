//! Space of a file system in memory: usage and limits.

use crate::core::lock::Counter;
use crate::sys::errno::{Errno, Result};

/// Limits and usage of a file system in memory.
#[derive(Debug)]
pub(crate) struct Space {
    max_bytes: u64,
    max_files: u64,
    bytes: Counter,
    files: Counter,
}

/// Limits of a file system in memory.
#[derive(Clone, Copy, Debug)]
pub struct SpaceLimits {
    /// Maximum bytes allocated for contents.
    pub max_bytes: u64,
    /// Maximum number of files, directories and symlinks.
    pub max_files: u64,
}

impl Default for SpaceLimits {
    fn default() -> Self {
        Self { max_bytes: 256 << 20, max_files: 1_000_000 }
    }
}

impl Space {
    /// Creates an empty space.
    #[must_use]
    pub(crate) fn new(limits: SpaceLimits) -> Self {
        Self {
            max_bytes: limits.max_bytes,
            max_files: limits.max_files,
            bytes: Counter::default(),
            files: Counter::default(),
        }
    }

    /// Takes bytes; `ENOSPC` if fewer are left.
    pub(crate) fn take_bytes(&self, bytes: u64) -> Result {
        take(&self.bytes, bytes, self.max_bytes)
    }

    /// Returns bytes.
    pub(crate) fn give_bytes(&self, bytes: u64) {
        give(&self.bytes, bytes);
    }

    /// Takes one name; `ENOSPC` if there are as many as allowed.
    pub(crate) fn take_name(&self) -> Result {
        take(&self.files, 1, self.max_files)
    }

    /// Returns one name.
    pub(crate) fn give_name(&self) {
        give(&self.files, 1);
    }

    /// Returns the bytes and files in use.
    #[must_use]
    pub(crate) fn usage(&self) -> (u64, u64) {
        (self.bytes.get(), self.files.get())
    }
}

fn take(used: &Counter, amount: u64, max: u64) -> Result {
    let add = |used: u64| used.checked_add(amount).filter(|sum| *sum <= max);
    used.fetch_update(add).map(drop).map_err(|_| Errno::Nospc)
}

fn give(used: &Counter, amount: u64) {
    let _ = used.fetch_update(|used| Some(used.saturating_sub(amount)));
}
