//! Pipes whose other end is the embedder's: bytes it gives the guest to read, and what becomes of those the guest
//! writes. They are no files of the system's. Calling the embedder is the caller's business: a call that needs that
//! says so with an [`Ask`], and is made again when it was done.

use crate::core::limits::{Limit, Limits};
use crate::core::memory::{List, Memory};
use crate::core::table::Entry;
use crate::preview1::abi::{Attempt, Transferred};
use crate::preview1::types::{Filesize, Iovec, Size};
use crate::preview1::vectored::total;
use crate::sys::errno::{Errno, Failure, Result};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of one read or write at most: a guest that asks for more is told that so many were moved.
const MAX_TRANSFER: u64 = 16 << 20;

/// Bytes of captured output in one piece of memory. Pieces are freed one by one while they are copied.
const CHUNK: usize = 1 << 20;

/// The guest's end of a pipe.
#[derive(Debug)]
pub enum Pipe {
    /// It reads.
    Input(Input),
    /// It writes.
    Output(Output),
}

/// Which of the embedder's functions: what is at the other end of a pipe, or a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Gives bytes to read.
    Stdin = 0,
    /// Takes what was written.
    Stdout = 1,
    /// Takes what was written.
    Stderr = 2,
    /// Tells the time of day.
    Realtime = 3,
    /// Tells the time that never goes back.
    Monotonic = 4,
}

/// What the embedder is to do before a call can go on.
#[derive(Debug)]
pub struct Ask {
    /// What it is.
    pub request: Request,
    /// For the call, when it is made again.
    pub attempt: Attempt,
}

/// Something only the embedder can do.
#[derive(Debug)]
pub enum Request {
    /// To give an input bytes, by [`Input::supply`]: the guest wants so many.
    Read(Arc<Entry>, Size),
    /// To take what the guest has written.
    Write(End, Vec<u8>),
}

/// Bytes for the guest.
#[derive(Debug)]
pub struct Input(Mutex<Pending>);

#[derive(Debug)]
struct Pending {
    bytes: Vec<u8>,
    /// How many of them the guest has read.
    read: usize,
    /// Whether no more will come.
    ended: bool,
}

impl Input {
    /// All there is to read.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Self {
        Self(Mutex::new(Pending { bytes, read: 0, ended: true }))
    }

    /// What the embedder will give when it is asked.
    #[must_use]
    pub fn asked() -> Self {
        Self(Mutex::new(Pending { bytes: Vec::new(), read: 0, ended: false }))
    }

    /// Gives the guest more, or, with `None`, no more.
    pub fn supply(&self, bytes: Option<Vec<u8>>) {
        let mut pending = self.pending();
        match bytes {
            Some(more) if pending.read == pending.bytes.len() => {
                *pending = Pending { bytes: more, read: 0, ended: pending.ended };
            }
            Some(more) => pending.bytes.extend(more),
            None => pending.ended = true,
        }
    }

    fn read(&self, memory: Memory, fd: &Arc<Entry>, iovs: List<Iovec>) -> Result<Size> {
        let wanted = total(memory, iovs)?;
        let mut pending = self.pending();
        if pending.read == pending.bytes.len() && !pending.ended && wanted > 0 {
            let request = Request::Read(Arc::clone(fd), wanted.min(MAX_TRANSFER) as Size);
            let attempt = Attempt { fd: Some(Arc::clone(fd)), ..Attempt::default() };
            return Err(Failure::Ask(Box::new(Ask { request, attempt })));
        }
        let mut done = 0;
        for index in 0..iovs.len {
            let rest = &pending.bytes[pending.read..];
            if rest.is_empty() {
                break;
            }
            let iov: Iovec = memory.load_at(iovs, index)?;
            let part = &rest[..rest.len().min(iov.buf_len as usize)];
            if !part.is_empty() {
                memory.write(iov.buf, part)?;
            }
            done += part.len();
            pending.read += part.len();
        }
        Ok(done as Size)
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the guest's bytes go.
#[derive(Debug)]
pub enum Output {
    /// They are kept for the embedder.
    Kept(Arc<Kept>),
    /// The embedder takes them as they come.
    Handed(End),
}

/// Captured output that has not been taken yet.
#[derive(Debug)]
pub struct Kept {
    written: Mutex<Written>,
    /// The bytes in `written`, to be read without its lock.
    held: AtomicUsize,
    limit: u64,
}

#[derive(Debug, Default)]
struct Written {
    chunks: VecDeque<Vec<u8>>,
    /// How many bytes were taken before.
    taken: u64,
}

impl Written {
    /// Returns the chunk that the next bytes are appended to.
    fn chunk(&mut self, room: usize) -> &mut Vec<u8> {
        let capacity = match self.chunks.back() {
            // The first chunk grows, so that a short output costs little.
            None => Some(0),
            Some(last) if last.is_empty() || last.len() + room <= CHUNK => None,
            // One that is larger is allocated when the buffers are known to be in bounds.
            Some(_) => Some(if room > CHUNK { 0 } else { CHUNK }),
        };
        if let Some(capacity) = capacity {
            self.chunks.push_back(Vec::with_capacity(capacity));
        }
        let last = self.chunks.len() - 1;
        &mut self.chunks[last]
    }
}

impl Kept {
    /// Captures at most `limit` bytes, including those that are taken meanwhile.
    #[must_use]
    pub fn at_most(limit: u64) -> Self {
        Self { written: Mutex::default(), held: AtomicUsize::new(0), limit }
    }

    /// Returns how many bytes can be taken.
    #[inline]
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.load(Relaxed)
    }

    /// Takes the first `count` bytes, or all if there are fewer. `copy` gets them piece by piece.
    pub fn take(&self, count: usize, mut copy: impl FnMut(&[u8])) {
        let mut written = self.written();
        let mut left = count;
        while left > 0
            && let Some(mut chunk) = written.chunks.pop_front()
        {
            let part = chunk.len().min(left);
            copy(&chunk[..part]);
            left -= part;
            if part < chunk.len() {
                chunk.drain(..part);
                written.chunks.push_front(chunk);
            }
        }
        written.taken += (count - left) as u64;
        if self.held.fetch_sub(count - left, Relaxed) == count - left {
            written.chunks = VecDeque::new();
        }
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Captures more; `DQUOT` if there is no room at all.
    fn write(&self, memory: Memory, limits: &Limits, iovs: List<Iovec>) -> Result<Size> {
        let mut written = self.written();
        let wanted = total(memory, iovs)?.min(MAX_TRANSFER);
        let room = wanted.min(self.limit.saturating_sub(written.taken + self.held() as u64));
        if room < wanted {
            limits.exceed(Limit::Output);
        }
        if room == 0 && wanted > 0 {
            return Err(Errno::Dquot.into());
        }
        let gathered = gather(memory, iovs, limits.claim(room)?, written.chunk(room as usize))?;
        self.held.fetch_add(gathered as usize, Relaxed);
        Ok(gathered)
    }
}

impl Pipe {
    /// Whether the guest reads from it.
    #[must_use]
    pub fn is_input(&self) -> bool {
        matches!(self, Pipe::Input(_))
    }

    pub(crate) fn read(&self, memory: Memory, fd: &Arc<Entry>, iovs: List<Iovec>) -> Result<Size> {
        match self {
            Pipe::Input(input) => input.read(memory, fd, iovs),
            Pipe::Output(_) => Err(Errno::Badf.into()),
        }
    }

    pub(crate) fn write(
        &self,
        memory: Memory,
        limits: &Limits,
        Transferred(transferred): Transferred,
        fd: &Arc<Entry>,
        iovs: List<Iovec>,
    ) -> Result<Size> {
        match self {
            Pipe::Input(_) => Err(Errno::Badf.into()),
            Pipe::Output(Output::Kept(kept)) => kept.write(memory, limits, iovs),
            Pipe::Output(Output::Handed(_)) if transferred > 0 => Ok(transferred),
            Pipe::Output(Output::Handed(end)) => {
                let mut bytes = Vec::new();
                let allowed = limits.claim(total(memory, iovs)?.min(MAX_TRANSFER))?;
                let transferred = gather(memory, iovs, allowed, &mut bytes)?;
                if transferred == 0 {
                    return Ok(0);
                }
                let transferred = transferred.into();
                let attempt = Attempt { fd: Some(Arc::clone(fd)), transferred, ..Attempt::default() };
                Err(Failure::Ask(Box::new(Ask { request: Request::Write(*end, bytes), attempt })))
            }
        }
    }

    /// Bytes that can be read without asking the embedder.
    pub(crate) fn available(&self) -> Filesize {
        match self {
            Pipe::Input(Input(pending)) => {
                let pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
                (pending.bytes.len() - pending.read) as Filesize
            }
            Pipe::Output(_) => 0,
        }
    }
}

/// Appends the regions of a list to `bytes`, at most so many, and says how many; nothing if that fails.
fn gather(memory: Memory, iovs: List<Iovec>, at_most: u64, bytes: &mut Vec<u8>) -> Result<Size> {
    let before = bytes.len();
    let gathered = append(memory, iovs, at_most, bytes);
    if gathered.is_err() {
        bytes.truncate(before);
    }
    gathered
}

fn append(memory: Memory, iovs: List<Iovec>, at_most: u64, bytes: &mut Vec<u8>) -> Result<Size> {
    let mut left = at_most as Size;
    for index in 0..iovs.len {
        if left == 0 {
            break;
        }
        let iov: Iovec = memory.load_at(iovs, index)?;
        let buf_len = iov.buf_len.min(left);
        if buf_len > 0 {
            memory.append(Iovec { buf_len, ..iov }, bytes)?;
        }
        left -= buf_len;
    }
    Ok(at_most as Size - left)
}
