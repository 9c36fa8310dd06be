//! Handing the buffers of a vectored call, which are regions of guest memory, to the system: at most so many
//! and so many bytes at once as it takes.

use super::abi::Transferred;
use super::errno::Result;
use super::memory::{List, Memory};
use super::poll::{Interest, Wait};
use super::sys;
use super::table::Entry;
use super::types::{Filesize, Iovec, Size};
use std::io::ErrorKind;
use std::sync::Arc;

/// Bytes after which a call is done, as in the system's own calls.
const MAX_BYTES: usize = 0x7fff_f000;

/// Makes one system call with the buffers, or with as many of them as it takes: for streams, where a second
/// might wait for what has not come yet, or mix messages.
pub(super) fn once(
    memory: Memory,
    iovs: List<Iovec>,
    mut io: impl FnMut(&[sys::Buffer]) -> std::io::Result<usize>,
) -> Result<Size> {
    let mut buffers = sys::Buffers::new();
    if !Batches::new(memory, iovs, 0).next(0, &mut buffers)? {
        return Ok(0);
    }
    Ok(uninterrupted(|| io(&buffers))? as Size)
}

/// Makes system calls at growing offsets from `start` until all buffers are done or one comes up short.
pub(super) fn at(
    memory: Memory,
    iovs: List<Iovec>,
    start: Filesize,
    mut io: impl FnMut(&[sys::Buffer], Filesize) -> std::io::Result<usize>,
) -> Result<Size> {
    let mut buffers = sys::Buffers::new();
    let mut batches = Batches::new(memory, iovs, 0);
    let mut done = 0;
    while batches.next(done, &mut buffers)? {
        match uninterrupted(|| io(&buffers, start.saturating_add(done as Filesize))) {
            Ok(moved) => done += moved,
            Err(_) if done > 0 => break,
            Err(error) => return Err(error.into()),
        }
        if done < batches.bytes {
            break;
        }
    }
    Ok(done as Size)
}

/// Makes system calls until all buffers are done, waiting in between; or until one would wait, if the guest asked
/// for `NONBLOCK`.
pub(super) fn all(
    memory: Memory,
    Transferred(transferred): Transferred,
    fd: &Arc<Entry>,
    interest: Interest,
    iovs: List<Iovec>,
    mut io: impl FnMut(&[sys::Buffer]) -> std::io::Result<usize>,
) -> Result<Size> {
    let mut done = transferred as usize;
    let mut buffers = sys::Buffers::new();
    let mut batches = Batches::new(memory, iovs, done);
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
            batches = Batches::new(memory, iovs, done);
        }
    }
    Ok(done as Size)
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
}

impl Batches {
    /// The buffers from their byte `skip` on.
    fn new(memory: Memory, iovs: List<Iovec>, skip: usize) -> Self {
        Self { memory, iovs, index: 0, skip, bytes: skip }
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
        while self.index < self.iovs.len && buffers.len() < sys::MAX_BUFFERS && self.bytes < MAX_BYTES {
            let iov: Iovec = self.memory.load_at(self.iovs, self.index)?;
            let (address, len) = (self.memory.address(iov)?, iov.buf_len as usize);
            let skipped = self.skip.min(len);
            let taken = (len - skipped).min(MAX_BYTES - self.bytes);
            buffers.push(sys::Buffer::new(address.wrapping_add(skipped), taken));
            self.skip -= skipped;
            self.bytes += taken;
            self.index += 1;
        }
        Ok(())
    }
}
