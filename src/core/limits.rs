//! What a guest may use up, and which limit it has met. A limit that is not set costs one branch.

use crate::preview1::types::Filesize;
use crate::sys::errno::Errno;
use crate::sys::{self, Buffer};
use std::io::{Error, ErrorKind, Result};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Which limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Descriptors open at once.
    OpenFiles,
    /// Bytes captured of stdout, or of stderr, or held there by a stream.
    Output,
    /// Bytes written in all.
    WrittenBytes,
}

impl Limit {
    /// The option that sets it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Limit::OpenFiles => "openFiles",
            Limit::Output => "output",
            Limit::WrittenBytes => "writtenBytes",
        }
    }
}

/// The limits of a guest.
#[derive(Debug)]
pub struct Limits {
    /// Descriptors it may have open at once.
    pub open_files: usize,
    /// Bytes that are captured of its stdout, and of its stderr, or that a stream holds there.
    pub output: u64,
    /// Bytes it may still write, if that is limited at all.
    pub written_bytes: Option<AtomicU64>,
    exceeded: OnceLock<Limit>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { open_files: 4096, output: 256 << 20, written_bytes: None, exceeded: OnceLock::new() }
    }
}

impl Limits {
    /// The limit that was met first, if any was.
    #[must_use]
    pub fn exceeded(&self) -> Option<Limit> {
        self.exceeded.get().copied()
    }

    /// Notes that a limit was met.
    pub(crate) fn exceed(&self, limit: Limit) {
        let _ = self.exceeded.set(limit);
    }

    /// Makes a system call that writes, with no more of the buffers than may still be written; with none of them it
    /// is `DQUOT`.
    #[inline]
    pub(crate) fn write(
        &self,
        buffers: &[Buffer],
        io: impl FnOnce(&[Buffer]) -> Result<usize>,
    ) -> Result<usize> {
        match &self.written_bytes {
            None => io(buffers),
            Some(left) => self.write_at_most(left, buffers, io),
        }
    }

    fn write_at_most(
        &self,
        left: &AtomicU64,
        buffers: &[Buffer],
        io: impl FnOnce(&[Buffer]) -> Result<usize>,
    ) -> Result<usize> {
        let wanted: usize = buffers.iter().map(Buffer::size).sum();
        let taken = take(left, |left| left.min(wanted as u64)) as usize;
        if taken == 0 && wanted > 0 {
            return Err(self.written_too_much());
        }
        let written = if taken < wanted { io(&sys::first_bytes(buffers, taken)) } else { io(buffers) };
        let moved = written.as_ref().map_or(0, |moved| *moved);
        left.fetch_add(taken.saturating_sub(moved) as u64, Relaxed);
        if taken < wanted && moved == taken {
            self.exceed(Limit::WrittenBytes);
        }
        written
    }

    /// How many of `wanted` bytes may be written to a pipe; with none of them it is `DQUOT`.
    pub(crate) fn claim(&self, wanted: u64) -> crate::sys::errno::Result<u64> {
        let Some(left) = &self.written_bytes else {
            return Ok(wanted);
        };
        let taken = take(left, |left| left.min(wanted));
        if taken < wanted {
            self.exceed(Limit::WrittenBytes);
        }
        if taken == 0 && wanted > 0 { Err(Errno::Dquot.into()) } else { Ok(taken) }
    }

    /// Settles a write of which a stream has taken only a part. The rest goes back to the budget; if nothing was taken,
    /// the write is `EDQUOT`.
    pub fn settle(&self, claimed: usize, taken: usize) -> std::result::Result<(), Errno> {
        if taken >= claimed {
            return Ok(());
        }
        self.exceed(Limit::Output);
        self.give_back((claimed - taken) as Filesize);
        if taken == 0 { Err(Errno::Dquot) } else { Ok(()) }
    }

    /// Makes a system call that reserves `len` bytes of a file; if as many may not be written, it is `DQUOT`, unless
    /// `check` finds something else that keeps it from being made.
    pub(crate) fn reserve(
        &self,
        len: Filesize,
        io: impl FnOnce() -> Result<()>,
        check: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let Some(left) = &self.written_bytes else {
            return io();
        };
        if take(left, |left| if left < len { 0 } else { len }) < len {
            check()?;
            return Err(self.written_too_much());
        }
        let reserved = io();
        if reserved.is_err() {
            left.fetch_add(len, Relaxed);
        }
        reserved
    }

    /// Gives bytes that were charged and not written back to the budget.
    pub(crate) fn give_back(&self, bytes: Filesize) {
        if let Some(left) = &self.written_bytes {
            left.fetch_add(bytes, Relaxed);
        }
    }

    #[cold]
    fn written_too_much(&self) -> Error {
        self.exceed(Limit::WrittenBytes);
        ErrorKind::QuotaExceeded.into()
    }
}

/// Takes of what is left. That is done before anything is written, and what was not written is given back, so that
/// threads that write at once never write more than the limit together. A thread can find nothing left which another
/// gives back a moment later.
fn take(left: &AtomicU64, amount: impl Fn(u64) -> u64) -> u64 {
    let update = left.fetch_update(Relaxed, Relaxed, |left| Some(left - amount(left)));
    update.map_or(0, amount)
}
