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
    /// Empties the mailbox on the thread with the callbacks. `None` before the guest is shared, and once its sandbox is
    /// released.
    waker: Option<Waker>,
}

/// A function that other threads call. It does not keep the process alive: the threads that write do.
type Waker = ThreadsafeFunction<(), Unknown<'static>, (), Status, false, true>;

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
        let room = limits.output.saturating_sub(queue.bytes).min(write.bytes.len() as u64);
        if room > 0 {
            queue.bytes += room;
            queue.writes.push_back((write.slot, write.bytes[..room as usize].to_vec()));
        }
        let status =
            queue.waker.as_ref().map(|waker| waker.call((), ThreadsafeFunctionCallMode::NonBlocking));
        drop(queue);
        match status {
            Some(Status::Closing) => Err(Errno::Pipe),
            _ => write.finish(limits, room as usize),
        }
    }

    /// Removes the first write.
    pub(crate) fn take(&self) -> Option<(CallbackSlot, Vec<u8>)> {
        let mut queue = self.queue();
        let (slot, bytes) = queue.writes.pop_front()?;
        queue.bytes -= bytes.len() as u64;
        Some((slot, bytes))
    }
}
