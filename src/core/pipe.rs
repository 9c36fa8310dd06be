//! Pipes between a guest and its embedder, without a descriptor of the system. Pipes never call the embedder: the
//! host functions report [`Outcome::HostCall`](crate::core::outcome::Outcome::HostCall).

use crate::core::limits::{Limit, Limits};
use crate::core::memory::{Iovec, List, Memory, Size};
use crate::sys::errno::{Errno, Result};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Maximum bytes of one read or write. A longer call transfers only this many bytes.
pub(crate) const MAX_TRANSFER: u64 = 16 << 20;

/// Size of a chunk of captured output. [`CaptureBuffer::read`] frees each chunk after copying it.
const CHUNK: usize = 1 << 20;

/// The guest's end of a pipe.
#[derive(Debug)]
pub enum Pipe {
    /// The guest reads.
    Input(Input),
    /// The guest writes.
    Output(Output),
}

/// A callback of the embedder, by its index in the array of callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackSlot {
    /// Returns bytes for stdin.
    Stdin = 0,
    /// Receives bytes of stdout.
    Stdout = 1,
    /// Receives bytes of stderr.
    Stderr = 2,
    /// Returns the realtime clock.
    Realtime = 3,
    /// Returns the monotonic clock.
    Monotonic = 4,
}

impl Pipe {
    /// Returns how many bytes the guest can read without a callback.
    pub(crate) fn available(&self) -> u64 {
        match self {
            Pipe::Input(input) => input.available(),
            Pipe::Output(_) => 0,
        }
    }
}

/// Bytes for the guest to read.
#[derive(Debug)]
pub struct Input(Mutex<InputBuffer>);

#[derive(Debug)]
struct InputBuffer {
    bytes: Arc<Vec<u8>>,
    /// Bytes that the guest has read.
    read: usize,
    /// Whether the callback has reported the end.
    ended: bool,
}

impl Input {
    /// Creates an input that ends after these bytes.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(Mutex::new(InputBuffer { bytes: Arc::new(bytes), read: 0, ended: true }))
    }

    /// Creates an input that a callback fills.
    #[must_use]
    pub fn from_callback() -> Self {
        Self(Mutex::new(InputBuffer { bytes: Arc::default(), read: 0, ended: false }))
    }

    /// Returns all bytes, if no callback provides them.
    pub(crate) fn data(&self) -> Option<Arc<Vec<u8>>> {
        let buffer = self.buffer();
        buffer.ended.then(|| Arc::clone(&buffer.bytes))
    }

    /// Appends bytes from the callback; `None` is the end.
    pub fn push(&self, bytes: Option<Vec<u8>>) {
        let mut buffer = self.buffer();
        match bytes {
            Some(more) if buffer.read == buffer.bytes.len() => {
                *buffer = InputBuffer { bytes: Arc::new(more), read: 0, ended: buffer.ended };
            }
            Some(more) => Arc::make_mut(&mut buffer.bytes).extend(more),
            None => buffer.ended = true,
        }
    }

    /// Copies bytes into guest memory and returns their number. `None` if the callback has to provide bytes first.
    pub(crate) fn read(&self, memory: Memory, iovs: List<Iovec>) -> Result<Option<Size>> {
        let wanted = memory.total_size(iovs)?;
        let mut buffer = self.buffer();
        if buffer.read == buffer.bytes.len() && !buffer.ended && wanted > 0 {
            return Ok(None);
        }
        let mut done = 0;
        for index in 0..iovs.len {
            let rest = &buffer.bytes[buffer.read..];
            if rest.is_empty() {
                break;
            }
            let iov: Iovec = memory.load_at(iovs, index)?;
            let part = &rest[..rest.len().min(iov.buf_len as usize)];
            if !part.is_empty() {
                memory.write(iov.buf, part)?;
            }
            done += part.len();
            buffer.read += part.len();
        }
        Ok(Some(done as Size))
    }

    /// Returns whether the next read needs the callback.
    pub(crate) fn needs_callback(&self) -> bool {
        let buffer = self.buffer();
        buffer.read == buffer.bytes.len() && !buffer.ended
    }

    fn available(&self) -> u64 {
        let buffer = self.buffer();
        (buffer.bytes.len() - buffer.read) as u64
    }

    fn buffer(&self) -> MutexGuard<'_, InputBuffer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Destination of the output of a guest.
#[derive(Debug)]
pub enum Output {
    /// Captured for the embedder.
    Capture(Arc<CaptureBuffer>),
    /// Passed to a callback, write by write.
    Callback(CallbackSlot),
}

/// Captured output that the embedder has not taken yet.
#[derive(Debug)]
pub struct CaptureBuffer {
    captured: Mutex<Captured>,
    /// Number of bytes in `captured`, readable without its lock.
    held: AtomicUsize,
    limit: u64,
}

#[derive(Debug, Default)]
struct Captured {
    chunks: VecDeque<Vec<u8>>,
    /// Bytes that the embedder has taken.
    taken: u64,
    /// Whether several threads read the bytes.
    is_kept: bool,
}

impl Captured {
    /// Returns the chunk that the next `len` bytes are appended to.
    fn chunk_for(&mut self, len: usize) -> &mut Vec<u8> {
        let capacity = match self.chunks.back() {
            // The first chunk grows with its contents, so that short output needs little memory.
            None => Some(0),
            Some(last) if last.is_empty() || last.len() + len <= CHUNK => None,
            // `Memory::append` allocates a larger chunk after the bounds check.
            Some(_) => Some(if len > CHUNK { 0 } else { CHUNK }),
        };
        if let Some(capacity) = capacity {
            self.chunks.push_back(Vec::with_capacity(capacity));
        }
        let last = self.chunks.len() - 1;
        &mut self.chunks[last]
    }
}

impl CaptureBuffer {
    /// Creates a buffer that captures at most `limit` bytes, including bytes already taken.
    #[must_use]
    pub fn at_most(limit: u64) -> Self {
        Self { captured: Mutex::default(), held: AtomicUsize::new(0), limit }
    }

    /// Returns how many bytes can be taken.
    #[inline]
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.load(Relaxed)
    }

    /// Returns how many bytes the guest has written.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.captured().taken + self.held() as u64
    }

    /// Returns how many bytes were taken, and can no longer be read.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.captured().taken
    }

    /// Keeps all bytes from now on, so that several threads can read them.
    pub fn keep(&self) {
        self.captured().is_kept = true;
    }

    /// Reads `count` bytes, or fewer at the end, from a position in the output. `copy` receives the bytes piece by
    /// piece. Takes the bytes unless they are kept; the position must then be the number of bytes taken so far.
    pub fn read(&self, position: u64, count: usize, mut copy: impl FnMut(&[u8])) {
        let mut captured = self.captured();
        if !captured.is_kept {
            return self.take(&mut captured, count, copy);
        }
        let mut skip = position.saturating_sub(captured.taken) as usize;
        let mut left = count;
        for chunk in &captured.chunks {
            let rest = &chunk[skip.min(chunk.len())..];
            let part = &rest[..rest.len().min(left)];
            copy(part);
            left -= part.len();
            skip -= chunk.len() - rest.len();
        }
    }

    fn take(&self, captured: &mut Captured, count: usize, mut copy: impl FnMut(&[u8])) {
        let mut left = count;
        while left > 0
            && let Some(mut chunk) = captured.chunks.pop_front()
        {
            let part = chunk.len().min(left);
            copy(&chunk[..part]);
            left -= part;
            if part < chunk.len() {
                chunk.drain(..part);
                captured.chunks.push_front(chunk);
            }
        }
        captured.taken += (count - left) as u64;
        if self.held.fetch_sub(count - left, Relaxed) == count - left {
            captured.chunks = VecDeque::new();
        }
    }

    /// Captures what a guest writes; `EDQUOT` if the buffer is full.
    pub(crate) fn write(&self, memory: Memory, limits: &Limits, iovs: List<Iovec>) -> Result<Size> {
        let mut captured = self.captured();
        let wanted = memory.total_size(iovs)?.min(MAX_TRANSFER);
        let room = wanted.min(self.limit.saturating_sub(captured.taken + self.held() as u64));
        if room < wanted {
            limits.note_exceeded(Limit::Output);
        }
        if room == 0 && wanted > 0 {
            return Err(Errno::Dquot);
        }
        let grant = limits.charge_pipe(room)?;
        let gathered = gather(memory, iovs, grant.size(), captured.chunk_for(room as usize))?;
        grant.commit(gathered.into());
        self.held.fetch_add(gathered as usize, Relaxed);
        Ok(gathered)
    }

    fn captured(&self) -> MutexGuard<'_, Captured> {
        self.captured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Appends the contents of at most `limit` bytes of guest buffers to `bytes` and returns their number. Leaves `bytes`
/// unchanged if that fails.
pub(crate) fn gather(memory: Memory, iovs: List<Iovec>, limit: u64, bytes: &mut Vec<u8>) -> Result<Size> {
    let before = bytes.len();
    let gathered = append(memory, iovs, limit, bytes);
    if gathered.is_err() {
        bytes.truncate(before);
    }
    gathered
}

fn append(memory: Memory, iovs: List<Iovec>, limit: u64, bytes: &mut Vec<u8>) -> Result<Size> {
    let mut left = limit as Size;
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
    Ok(limit as Size - left)
}
