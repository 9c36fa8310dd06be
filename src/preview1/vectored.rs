//! Handing the buffers of a vectored call, which are regions of guest memory, to the system: at most so many
//! and so many bytes at once as it takes.

use crate::core::memory::{List, Memory};
use crate::core::table::Entry;
use crate::preview1::abi::{Attempt, Transferred};
use crate::preview1::poll::{Interest, Wait};
use crate::preview1::types::{Filesize, Iovec, Size};
use crate::sys;
use crate::sys::errno::Result;
use std::io::ErrorKind;
use std::sync::Arc;

/// Bytes after which a call is done, as in the system's own calls.
const MAX_BYTES: usize = 0x7fff_f000;

/// Bytes after which a long call pauses, so that its worker can be terminated.
pub(crate) const SLICE: Size = 16 << 20;

/// Makes one system call with the buffers, or with as many of them as it takes: for streams, where a second
/// might wait for what has not come yet, or mix messages.
pub(crate) fn once(
    memory: Memory,
    iovs: List<Iovec>,
    mut io: impl FnMut(&[sys::Buffer]) -> std::io::Result<usize>,
) -> Result<Size> {
    let mut buffers = sys::Buffers::new();
    if !Batches::new(memory, iovs, 0, limit(0)).next(0, &mut buffers)? {
        return Ok(0);
    }
    Ok(uninterrupted(|| io(&buffers))? as Size)
}

/// Result of one slice of a transfer.
pub(crate) struct Slice {
    /// Bytes that the call has moved, in this slice and in those before.
    done: Size,
    /// Bytes of this slice.
    pub moved: Filesize,
    /// Whether no other slice follows.
    is_last: bool,
}

impl Slice {
    /// The result of the call if this was the last slice, else the next attempt at it.
    #[inline]
    pub fn finish(self, fd: &Arc<Entry>) -> Result<Size> {
        if self.is_last {
            return Ok(self.done);
        }
        let attempt = Attempt { fd: Some(Arc::clone(fd)), ..Transferred::attempt(self.done) };
        Err(Wait::for_nothing(attempt))
    }
}

/// Makes system calls at growing offsets from `start`, for the bytes behind those already transferred, until all buffers
/// are done, one comes up short, or the slice is full.
pub(crate) fn at(
    memory: Memory,
    Transferred(transferred): Transferred,
    iovs: List<Iovec>,
    start: Filesize,
    mut io: impl FnMut(&[sys::Buffer], Filesize) -> std::io::Result<usize>,
) -> Result<Slice> {
    let before = transferred as usize;
    let mut buffers = sys::Buffers::new();
    let mut batches = Batches::new(memory, iovs, before, limit(before));
    let mut done = before;
    let mut is_short = false;
    while !is_short && batches.next(done, &mut buffers)? {
        match uninterrupted(|| io(&buffers, start.saturating_add((done - before) as Filesize))) {
            Ok(moved) => {
                done += moved;
                is_short = done < batches.bytes;
            }
            Err(_) if done > 0 => is_short = true,
            Err(error) => return Err(error.into()),
        }
    }
    let is_last = is_short || !batches.is_interrupted();
    Ok(Slice { done: done as Size, moved: (done - before) as Filesize, is_last })
}

/// Makes system calls until all buffers are done, waiting in between; or until one would wait, if the guest asked
/// for `NONBLOCK`.
pub(crate) fn all(
    memory: Memory,
    Transferred(transferred): Transferred,
    fd: &Arc<Entry>,
    interest: Interest,
    iovs: List<Iovec>,
    mut io: impl FnMut(&[sys::Buffer]) -> std::io::Result<usize>,
) -> Result<Size> {
    let mut done = transferred as usize;
    let mut buffers = sys::Buffers::new();
    let limit = limit(done);
    let mut batches = Batches::new(memory, iovs, done, limit);
    while batches.next(done, &mut buffers)? {
        match uninterrupted(|| io(&buffers)) {
            Ok(0) if done < batches.bytes => break,
            Ok(moved) => done += moved,
            Err(error) if error.kind() == ErrorKind::WouldBlock && !fd.is_nonblocking() => {
                return Err(Wait::on(fd, interest, Transferred::attempt(done as Size)));
            }
            Err(_) if done > 0 => break,
            Err(error) => return Err(error.into()),
        }
        if done < batches.bytes {
            batches = Batches::new(memory, iovs, done, limit);
        }
    }
    let is_last = done < batches.bytes || !batches.is_interrupted();
    Slice { done: done as Size, moved: 0, is_last }.finish(fd)
}

/// Bytes in all regions of a list together.
pub(crate) fn total(memory: Memory, iovs: List<Iovec>) -> Result<u64> {
    let mut total = 0;
    for index in 0..iovs.len {
        let iov: Iovec = memory.load_at(iovs, index)?;
        total += u64::from(iov.buf_len);
    }
    Ok(total)
}

/// Makes a system call again while a signal interrupts it.
fn uninterrupted(mut call: impl FnMut() -> std::io::Result<usize>) -> std::io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// A list of buffers, cut into what one system call takes.
struct Batches {
    memory: Memory,
    iovs: List<Iovec>,
    /// The buffer that is next.
    index: Size,
    /// Bytes still to be passed over.
    skip: usize,
    /// Bytes passed over, or in the batches so far.
    bytes: usize,
    /// Bytes after which this attempt at the call ends.
    limit: usize,
    /// Whether the last buffer has bytes beyond the limit.
    is_cut: bool,
}

/// Where an attempt at a call ends that starts behind so many bytes.
fn limit(transferred: usize) -> usize {
    (transferred + SLICE as usize).min(MAX_BYTES)
}

impl Batches {
    /// The buffers from their byte `skip` on, as far as byte `limit`.
    fn new(memory: Memory, iovs: List<Iovec>, skip: usize, limit: usize) -> Self {
        Self { memory, iovs, index: 0, skip, bytes: skip, limit, is_cut: false }
    }

    /// Whether the limit has been reached before the end of the buffers, and the call may go on behind it.
    fn is_interrupted(&self) -> bool {
        self.limit < MAX_BYTES && self.bytes == self.limit && (self.is_cut || self.index < self.iovs.len)
    }

    /// Puts the next batch into `buffers`: false when all are done or a call has
    /// moved as many bytes as it may. After the `done` bytes it is too late for an error: only another thread can
    /// have made one, by changing what was checked.
    #[inline(always)]
    fn next(&mut self, done: usize, buffers: &mut sys::Buffers) -> Result<bool> {
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
    fn gather(&mut self, buffers: &mut sys::Buffers) -> Result {
        while self.index < self.iovs.len && buffers.len() < sys::MAX_BUFFERS && self.bytes < self.limit {
            let iov: Iovec = self.memory.load_at(self.iovs, self.index)?;
            let (address, len) = (self.memory.address(iov)?, iov.buf_len as usize);
            let skipped = self.skip.min(len);
            if skipped > 0 && skipped == len {
                self.skip -= skipped;
                self.index += 1;
                continue;
            }
            let taken = (len - skipped).min(self.limit - self.bytes);
            buffers.push(sys::Buffer::new(address.wrapping_add(skipped), taken));
            self.is_cut = skipped + taken < len;
            self.skip -= skipped;
            self.bytes += taken;
            self.index += 1;
        }
        Ok(())
    }
}
