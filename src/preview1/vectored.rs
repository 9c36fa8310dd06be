//! Vectored calls: pass the buffers of a guest to the system in batches.

use crate::core::entry::Entry;
use crate::core::memory::{Iovec, List, Memory, Size};
use crate::core::outcome::{HostResult, Outcome};
use crate::core::restart::RestartState;
use crate::sys;
use crate::sys::buffers::{Buffer, Buffers};
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Filesize, Interest};
use std::sync::Arc;

/// Maximum bytes of a call, as in the system calls of Linux.
const MAX_BYTES: usize = 0x7fff_f000;

/// Bytes after which a long call pauses. The worker can be terminated then.
pub(crate) const SLICE: Size = 16 << 20;

/// Makes one system call, with at most [`MAX_BUFFERS`](sys::MAX_BUFFERS) buffers. On a stream a second call could
/// wait, or mix messages.
pub(crate) fn read_write_once(
    memory: Memory,
    iovs: List<Iovec>,
    mut io: impl FnMut(&[Buffer]) -> Result<usize>,
) -> HostResult<Size> {
    let mut buffers = Buffers::new();
    if !IovecBatches::new(memory, iovs, 0, slice_end(0)).next(0, &mut buffers)? {
        return Ok(0);
    }
    Ok(retry_on_intr(|| io(&buffers))? as Size)
}

/// Result of one slice of a call.
pub(crate) struct Portion {
    /// Bytes that the call has transferred, including earlier slices.
    done: Size,
    /// Bytes that this slice has transferred.
    pub moved: Filesize,
    is_last: bool,
}

impl Portion {
    /// Returns the result of the call after its last slice. After any other slice, pauses the call.
    #[inline]
    pub(crate) fn finish(self, fd: &Arc<Entry>) -> HostResult<Size> {
        if self.is_last {
            return Ok(self.done);
        }
        Err(Outcome::pause(RestartState::after(fd, self.done.into())))
    }
}

/// Makes system calls at growing offsets, from `start` for the first byte of this slice. Ends when all buffers are
/// done, a system call is short, or the slice is full.
pub(crate) fn at_offset(
    memory: Memory,
    restart: &RestartState,
    iovs: List<Iovec>,
    start: Filesize,
    mut io: impl FnMut(&[Buffer], Filesize) -> Result<usize>,
) -> HostResult<Portion> {
    let before = restart.bytes_done as usize;
    if before == 0
        && let Some(buffer) = single_buffer(memory, iovs)?
    {
        let buffer = [buffer];
        let moved = retry_on_intr(|| io(&buffer, start))?;
        return Ok(Portion { done: moved as Size, moved: moved as Filesize, is_last: true });
    }
    let mut buffers = Buffers::new();
    let mut batches = IovecBatches::new(memory, iovs, before, slice_end(before));
    let mut done = before;
    let mut is_short = false;
    while !is_short && batches.next(done, &mut buffers)? {
        match retry_on_intr(|| io(&buffers, start.saturating_add((done - before) as Filesize))) {
            Ok(moved) => {
                done += moved;
                is_short = done < batches.bytes;
            }
            Err(_) if done > 0 => is_short = true,
            Err(errno) => return Err(errno.into()),
        }
    }
    let is_last = is_short || !batches.has_more();
    Ok(Portion { done: done as Size, moved: (done - before) as Filesize, is_last })
}

/// Makes system calls until all buffers are done, and waits in between. With `NONBLOCK` the call is short instead.
pub(crate) fn until_done(
    memory: Memory,
    restart: &RestartState,
    fd: &Arc<Entry>,
    interest: Interest,
    iovs: List<Iovec>,
    mut io: impl FnMut(&[Buffer]) -> Result<usize>,
) -> HostResult<Size> {
    let mut done = restart.bytes_done as usize;
    let mut buffers = Buffers::new();
    let end = slice_end(done);
    let mut batches = IovecBatches::new(memory, iovs, done, end);
    while batches.next(done, &mut buffers)? {
        match retry_on_intr(|| io(&buffers)) {
            Ok(0) if done < batches.bytes => break,
            Ok(moved) => done += moved,
            Err(Errno::Again) if !fd.is_nonblocking() => {
                return Err(Outcome::wait_for(fd, interest, RestartState::after(fd, done as u64)));
            }
            Err(_) if done > 0 => break,
            Err(errno) => return Err(errno.into()),
        }
        if done < batches.bytes {
            batches = IovecBatches::new(memory, iovs, done, end);
        }
    }
    let is_last = done < batches.bytes || !batches.has_more();
    Portion { done: done as Size, moved: 0, is_last }.finish(fd)
}

/// Returns the buffer of a call that has one, unless the buffer needs several slices. Most calls have one buffer, and
/// need no batches.
#[inline(always)]
fn single_buffer(memory: Memory, iovs: List<Iovec>) -> Result<Option<Buffer>> {
    if iovs.len != 1 {
        return Ok(None);
    }
    let iov = memory.load_at(iovs, 0)?;
    if iov.buf_len > SLICE {
        return Ok(None);
    }
    memory.buffer(iov, 0, iov.buf_len as usize).map(Some)
}

/// Repeats a system call while signals interrupt it (`EINTR`).
fn retry_on_intr(mut call: impl FnMut() -> Result<usize>) -> Result<usize> {
    loop {
        match call() {
            Err(Errno::Intr) => {}
            result => return result,
        }
    }
}

/// Buffers of a call, in batches of at most [`MAX_BUFFERS`](sys::MAX_BUFFERS).
struct IovecBatches {
    memory: Memory,
    iovs: List<Iovec>,
    /// Index of the next buffer.
    index: Size,
    /// Bytes that are still to be skipped.
    skip: usize,
    /// Bytes that were skipped or are in batches so far.
    bytes: usize,
    /// End of the slice, in bytes from the first buffer.
    end: usize,
    /// Whether the last buffer extends beyond the end of the slice.
    is_cut: bool,
}

/// Returns the end of a slice that starts after `done` bytes.
fn slice_end(done: usize) -> usize {
    (done + SLICE as usize).min(MAX_BYTES)
}

impl IovecBatches {
    /// Starts at byte `skip` of the buffers and ends at byte `end`.
    fn new(memory: Memory, iovs: List<Iovec>, skip: usize, end: usize) -> Self {
        Self { memory, iovs, index: 0, skip, bytes: skip, end, is_cut: false }
    }

    /// Returns whether the call continues after the slice: bytes are left, and the maximum is not reached.
    fn has_more(&self) -> bool {
        self.end < MAX_BYTES && self.bytes == self.end && (self.is_cut || self.index < self.iovs.len)
    }

    /// Puts the next batch into `buffers`. Returns false if there is none. Also returns false for a bad pointer if
    /// `done` > 0: another thread has changed the buffers after the check. The call then returns the number of bytes so
    /// far.
    #[inline(always)]
    fn next(&mut self, done: usize, buffers: &mut Buffers) -> Result<bool> {
        if self.index == self.iovs.len {
            return Ok(false);
        }
        buffers.clear();
        match self.gather(buffers) {
            Err(_) if done > 0 => Ok(false),
            gathered => gathered.map(|()| !buffers.is_empty()),
        }
    }

    #[inline(always)]
    fn gather(&mut self, buffers: &mut Buffers) -> Result {
        while self.index < self.iovs.len && buffers.len() < sys::MAX_BUFFERS && self.bytes < self.end {
            let iov: Iovec = self.memory.load_at(self.iovs, self.index)?;
            let len = iov.buf_len as usize;
            let skipped = self.skip.min(len);
            if skipped > 0 && skipped == len {
                self.skip -= skipped;
                self.index += 1;
                continue;
            }
            let taken = (len - skipped).min(self.end - self.bytes);
            buffers.push(self.memory.buffer(iov, skipped, taken)?);
            self.is_cut = skipped + taken < len;
            self.skip -= skipped;
            self.bytes += taken;
            self.index += 1;
        }
        Ok(())
    }
}
