//! Resource limits of a guest, and which limit it reached first. A limit that is not set costs one branch.

use crate::core::budget::{Budget, Grant};
use crate::sys::buffers::{Buffer, first_bytes};
use crate::sys::errno::{Errno, Result};
use std::sync::OnceLock;

/// A resource that the option `limits` bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Descriptors that are open at the same time.
    OpenFiles,
    /// Bytes of stdout, or of stderr, that are captured or buffered by a stream.
    Output,
    /// Bytes written in total.
    WrittenBytes,
    /// Threads that run at the same time.
    #[cfg(feature = "node")]
    Threads,
}

impl Limit {
    /// Returns the name of the option.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Limit::OpenFiles => "openFiles",
            Limit::Output => "output",
            Limit::WrittenBytes => "writtenBytes",
            #[cfg(feature = "node")]
            Limit::Threads => "threads",
        }
    }
}

/// The limits of a guest.
#[derive(Debug)]
pub struct Limits {
    /// Maximum number of open descriptors.
    pub open_files: usize,
    /// Maximum bytes captured of stdout, and of stderr, and maximum bytes that a stream buffers there.
    pub output: u64,
    /// Bytes that the guest may still write.
    pub written_bytes: Budget,
    exceeded: OnceLock<Limit>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            open_files: 4096,
            output: 256 << 20,
            written_bytes: Budget::default(),
            exceeded: OnceLock::new(),
        }
    }
}

impl Limits {
    /// Returns whether two guests have equal limits, however much of the budget is left.
    pub(crate) fn are_equal(&self, other: &Self) -> bool {
        (self.open_files, self.output, self.written_bytes.total())
            == (other.open_files, other.output, other.written_bytes.total())
    }

    /// Returns the limit that was reached first.
    #[must_use]
    pub fn exceeded(&self) -> Option<Limit> {
        self.exceeded.get().copied()
    }

    /// Notes that a limit was reached.
    pub(crate) fn note_exceeded(&self, limit: Limit) {
        let _ = self.exceeded.set(limit);
    }

    /// Makes a system call that writes, with no more bytes than the budget has left. `EDQUOT` if the budget is empty.
    #[inline]
    pub(crate) fn write(
        &self,
        buffers: &[Buffer],
        io: impl FnOnce(&[Buffer]) -> Result<usize>,
    ) -> Result<usize> {
        if self.written_bytes.is_unlimited() { io(buffers) } else { self.write_within_budget(buffers, io) }
    }

    fn write_within_budget(
        &self,
        buffers: &[Buffer],
        io: impl FnOnce(&[Buffer]) -> Result<usize>,
    ) -> Result<usize> {
        let wanted: usize = buffers.iter().map(Buffer::size).sum();
        let grant = self.written_bytes.take(wanted as u64);
        let allowed = grant.size() as usize;
        if allowed == 0 && wanted > 0 {
            return Err(self.budget_is_empty());
        }
        let moved = if allowed < wanted { io(&first_bytes(buffers, allowed)) } else { io(buffers) }?;
        grant.commit(moved as u64);
        if allowed < wanted && moved == allowed {
            self.note_exceeded(Limit::WrittenBytes);
        }
        Ok(moved)
    }

    /// Takes up to `wanted` bytes of the budget for a pipe; `EDQUOT` if the budget is empty.
    pub(crate) fn charge_pipe(&self, wanted: u64) -> Result<Grant> {
        let grant = self.written_bytes.take(wanted);
        if grant.size() < wanted {
            self.note_exceeded(Limit::WrittenBytes);
        }
        if grant.size() == 0 && wanted > 0 { Err(Errno::Dquot) } else { Ok(grant) }
    }

    /// Takes `len` bytes of the budget for an allocation. If the budget has fewer, returns the error that `check`
    /// reports, or else `EDQUOT`.
    pub(crate) fn charge_allocation(&self, len: u64, check: impl FnOnce() -> Result) -> Result<Grant> {
        let grant = self.written_bytes.take_exactly(len);
        grant.map_or_else(|| check().and_then(|()| Err(self.budget_is_empty())), Ok)
    }

    #[cold]
    fn budget_is_empty(&self) -> Errno {
        self.note_exceeded(Limit::WrittenBytes);
        Errno::Dquot
    }
}
