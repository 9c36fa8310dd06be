//! Open files in memory and of overlays.

use crate::core::clock::Clocks;
use crate::core::fs::contents::{Contents, MAX_SIZE};
use crate::core::fs::inode::{Body, Inode};
use crate::core::fs::lower::LowerFile;
use crate::core::fs::volume::Volume;
use crate::sys::buffers::Buffer;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Fdflags, Filesize, Filestat, NewTime, Oflags, OpenOptions, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// An open file in memory or of an overlay.
#[derive(Debug)]
pub(crate) struct MemoryFile {
    inode: Arc<Inode>,
    /// The overlay, if the inode was created for a lower file.
    overlay: Option<Arc<Volume>>,
    /// The lower file. Reads use it until its contents are copied.
    lower: Option<Box<dyn LowerFile>>,
    reads: bool,
    writes: bool,
    /// Whether the file is in append mode.
    appends: AtomicBool,
    /// Offset after the last append.
    append_end: AtomicU64,
}

impl MemoryFile {
    /// Opens a regular file. A file that is to be truncated loses its contents.
    #[inline(always)]
    pub(crate) fn open(
        volume: &Arc<Volume>,
        inode: Arc<Inode>,
        options: &OpenOptions,
        clocks: &Clocks,
    ) -> Result<Self> {
        let truncates = options.oflags.contains(Oflags::TRUNC);
        let lower = match &inode.lower {
            Some(lower) if !truncates && inode.has_lower_contents() => Some(lower.path.open_file()?.0),
            _ => None,
        };
        let file = Self::new(volume, inode, lower, options);
        if truncates {
            file.resize(0, clocks.realtime())?;
        }
        Ok(file)
    }

    /// Describes an open file. `lower` is needed while the contents are not copied.
    #[inline(always)]
    pub(crate) fn new(
        volume: &Arc<Volume>,
        inode: Arc<Inode>,
        lower: Option<Box<dyn LowerFile>>,
        options: &OpenOptions,
    ) -> Self {
        Self {
            overlay: inode.lower.is_some().then(|| Arc::clone(volume)),
            inode,
            lower,
            reads: options.reads || !options.writes,
            writes: options.writes,
            appends: options.fdflags.contains(Fdflags::APPEND).into(),
            append_end: AtomicU64::new(0),
        }
    }

    /// Returns the lower file if the contents are not copied.
    fn lower(&self) -> Option<&dyn LowerFile> {
        self.lower.as_deref().filter(|_| self.inode.has_lower_contents())
    }

    /// Reads the contents in memory.
    fn with_contents<T>(&self, then: impl FnOnce(&Contents) -> T) -> Result<T> {
        match &self.inode.body {
            Body::File(file) => file.read(then),
            _ => Err(Errno::Inval),
        }
    }

    /// Changes the contents. Copies the first `size` bytes of a lower file before.
    fn change<T>(
        &self,
        size: Filesize,
        now: Timestamp,
        change: impl FnOnce(&mut Contents) -> Result<T>,
    ) -> Result<T> {
        if let Some(volume) = &self.overlay {
            volume.copy_up(&self.inode, size)?;
        }
        let Body::File(file) = &self.inode.body else {
            return Err(Errno::Inval);
        };
        let result = file.change(change)?;
        self.inode.touch(now);
        Ok(result)
    }

    /// Reads into guest buffers: `preadv`.
    pub(crate) fn read_at(&self, buffers: &[Buffer], offset: Filesize) -> Result<usize> {
        if !self.reads {
            return Err(Errno::Badf);
        }
        check_range(buffers, offset)?;
        match self.lower() {
            Some(lower) => lower.read_at(buffers, offset),
            None => self.with_contents(|contents| contents.read(buffers, offset)),
        }
    }

    /// Returns the next range from `offset` on that is not a hole; `None` if only a hole follows.
    pub(crate) fn next_data(&self, offset: Filesize) -> Result<Option<(Filesize, Filesize)>> {
        match self.lower() {
            Some(lower) => lower.next_data(offset),
            None => self.with_contents(|contents| contents.next_data(offset)),
        }
    }

    /// Writes guest buffers: `pwritev`. Returns fewer bytes if the space ends. As on Linux, a file in append mode
    /// ignores the offset.
    pub(crate) fn write_at(&self, buffers: &[Buffer], offset: Filesize, now: Timestamp) -> Result<usize> {
        if !self.writes {
            return Err(Errno::Badf);
        }
        check_range(buffers, offset)?;
        if self.appends.load(Relaxed) {
            return self.append(buffers, now);
        }
        // A write of no bytes changes nothing, not even the times.
        if is_empty(buffers) {
            return Ok(0);
        }
        self.change(Filesize::MAX, now, |contents| contents.write(buffers, offset))
    }

    /// Writes guest buffers at the end and returns the number of bytes.
    pub(crate) fn append(&self, buffers: &[Buffer], now: Timestamp) -> Result<usize> {
        if !self.writes {
            return Err(Errno::Badf);
        }
        if is_empty(buffers) {
            return Ok(0);
        }
        let (written, end) = self.change(Filesize::MAX, now, |contents| {
            let end = contents.size();
            Ok((contents.write(buffers, end)?, end))
        })?;
        self.append_end.store(end + written as Filesize, Relaxed);
        Ok(written)
    }

    /// Sets or clears append mode.
    pub(crate) fn set_append(&self, append: bool) {
        self.appends.store(append, Relaxed);
    }

    /// Returns the offset after the last append.
    #[must_use]
    pub(crate) fn append_end(&self) -> Filesize {
        self.append_end.load(Relaxed)
    }

    /// Returns the attributes: `fstat`.
    pub(crate) fn stat(&self) -> Result<Filestat> {
        match (self.lower(), &self.overlay) {
            (Some(lower), Some(volume)) if self.inode.own_attributes().is_none() => {
                Ok(volume.own(lower.stat()?))
            }
            _ => self.inode.stat(),
        }
    }

    /// Sets the size: `ftruncate`.
    pub(crate) fn set_size(&self, size: Filesize, now: Timestamp) -> Result {
        if !self.writes || size > i64::MAX as Filesize {
            return Err(Errno::Inval);
        }
        self.resize(size, now)
    }

    fn resize(&self, size: Filesize, now: Timestamp) -> Result {
        self.change(size, now, |contents| contents.set_size(size))
    }

    /// Sets the times: `futimens`.
    pub(crate) fn set_times(&self, atim: Option<NewTime>, mtim: Option<NewTime>, now: Timestamp) -> Result {
        if let Some(volume) = &self.overlay {
            volume.store_in_parent(&self.inode)?;
        }
        self.inode.set_times(atim, mtim, now);
        Ok(())
    }

    /// Allocates a range: `posix_fallocate`.
    pub(crate) fn allocate(&self, offset: Filesize, len: Filesize, now: Timestamp) -> Result {
        self.check_allocate(offset, len)?;
        self.change(Filesize::MAX, now, |contents| contents.allocate(offset, len))
    }

    /// Returns the error of an allocation that does not depend on free space.
    pub(crate) fn check_allocate(&self, offset: Filesize, len: Filesize) -> Result {
        const MAX: Filesize = i64::MAX as Filesize;
        if len == 0 || offset > MAX || len > MAX {
            return Err(Errno::Inval);
        }
        if !self.writes {
            return Err(Errno::Badf);
        }
        if offset + len > MAX { Err(Errno::Fbig) } else { Ok(()) }
    }
}

fn is_empty(buffers: &[Buffer]) -> bool {
    buffers.iter().all(|buffer| buffer.size() == 0)
}

/// Checks that the end of a transfer is a valid offset. As on Linux `EINVAL`, before any limit of the file system.
#[inline(always)]
fn check_range(buffers: &[Buffer], offset: Filesize) -> Result {
    // The buffers of a call have fewer than 2^54 bytes together, so the end is below 2^63.
    if offset <= MAX_SIZE / 2 {
        return Ok(());
    }
    let len = buffers.iter().map(|buffer| buffer.size() as Filesize).sum();
    let is_valid = len == 0 || offset.checked_add(len).is_some_and(|end| end <= MAX_SIZE);
    if is_valid { Ok(()) } else { Err(Errno::Inval) }
}

/// Checks an advice about a range, which has no effect in memory. `EINVAL` for a negative length.
pub(crate) fn check_advice(len: Filesize) -> Result {
    if len > MAX_SIZE { Err(Errno::Inval) } else { Ok(()) }
}
