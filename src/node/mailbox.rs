//! Output of the other threads of a guest, on its way to the callbacks of the thread that created the guest. A thread
//! that writes does not wait for the callback, because the other thread may be waiting for it.

use super::value::Value;
use crate::core::limits::Limits;
use crate::core::outcome::OutputWrite;
use crate::core::pipe::CallbackSlot;
use crate::core::restart::RestartState;
use crate::sys::errno::Errno;
use napi::bindgen_prelude::Unknown;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Result, Status};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Output that the callbacks have not received yet, in the order of the writes.
#[derive(Default)]
pub(crate) struct Mailbox(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    writes: VecDeque<(CallbackSlot, Vec<u8>)>,
    /// Bytes in `writes`.
    bytes: u64,
    /// Whether the waker was called, and has not started to empty the mailbox.
    is_called: bool,
    /// Empties the mailbox on the thread with the callbacks. `None` before the guest is shared, and once its sandbox is
    /// released.
    waker: Option<Waker>,
}

/// A function that other threads call. It does not keep the process alive: the threads that write do.
type Waker = ThreadsafeFunction<(), Unknown<'static>, (), Status, false, true>;

/// Number of writes that count only by their bytes.
const FREE_WRITES: usize = 1024;
/// Bytes by which each further write counts in addition: the memory that the queue needs for a short write.
const WRITE_SIZE: u64 = 64;

impl Queue {
    /// Calls the waker, unless it was called or there is no output. Returns whether the thread with the callbacks ends.
    fn call(&mut self) -> bool {
        let Some(waker) = self.waker.as_ref().filter(|_| !self.is_called && !self.writes.is_empty()) else {
            return false;
        };
        self.is_called = true;
        waker.call((), ThreadsafeFunctionCallMode::NonBlocking) == Status::Closing
    }

    /// Returns the number of bytes that count towards the limit.
    fn size(&self) -> u64 {
        self.bytes + WRITE_SIZE * self.writes.len().saturating_sub(FREE_WRITES) as u64
    }
}

impl Mailbox {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the mailbox. `deliver` is a function of JavaScript that empties the mailbox.
    pub(crate) fn open(&self, deliver: Value<'_>) -> Result<()> {
        self.queue().waker = Some(deliver.convert()?);
        Ok(())
    }

    /// Returns whether the mailbox is open.
    pub(crate) fn is_open(&self) -> bool {
        self.queue().waker.is_some()
    }

    /// Closes the mailbox, because its callbacks are released.
    pub(crate) fn close(&self) {
        let queue = std::mem::take(&mut *self.queue());
        drop(queue);
    }

    /// Queues output of another thread. Keeps at most `limits.output` bytes: `EDQUOT` if none fit. `EPIPE` if the
    /// callbacks are released.
    pub(crate) fn post(
        &self,
        limits: &Limits,
        write: OutputWrite,
    ) -> std::result::Result<RestartState, Errno> {
        let mut queue = self.queue();
        if queue.waker.is_none() {
            return Err(Errno::Pipe);
        }
        let room = limits.output.saturating_sub(queue.size()).min(write.bytes.len() as u64);
        if room > 0 {
            queue.bytes += room;
            queue.writes.push_back((write.slot, write.bytes[..room as usize].to_vec()));
        }
        let is_closing = queue.call();
        drop(queue);
        if is_closing { Err(Errno::Pipe) } else { write.finish(limits, room as usize) }
    }

    /// Notes that the waker has started to empty the mailbox. The next write calls it again.
    pub(crate) fn note_call(&self) {
        self.queue().is_called = false;
    }

    /// Calls the waker, if there is output.
    pub(crate) fn call(&self) {
        self.queue().call();
    }

    /// Removes the first write.
    pub(crate) fn take(&self) -> Option<(CallbackSlot, Vec<u8>)> {
        let mut queue = self.queue();
        let (slot, bytes) = queue.writes.pop_front()?;
        queue.bytes -= bytes.len() as u64;
        Some((slot, bytes))
    }
}
