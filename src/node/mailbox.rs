//! Output of the other threads of a guest, on its way to the callbacks of the thread that created the guest. A thread
//! that writes does not wait for the callback, because the other thread may be waiting for it.

use super::wakeups::{Sleeper, WakeQueue};
use crate::core::limits::Limits;
use crate::core::outcome::OutputWrite;
use crate::core::pipe::CallbackSlot;
use crate::core::restart::RestartState;
use crate::sys::errno::Errno;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Output that the callbacks have not received yet, in the order of the writes.
#[derive(Default)]
pub(crate) struct Mailbox(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    writes: VecDeque<(CallbackSlot, Vec<u8>)>,
    /// Bytes in `writes`.
    bytes: u64,
    /// Whether the sleeper was woken, and has not started to empty the mailbox.
    is_woken: bool,
    /// Empties the mailbox on the thread with the callbacks. `None` before the guest is shared, and once its sandbox is
    /// released. It does not keep the process alive: the threads that write do.
    sleeper: Option<Sleeper>,
}

/// Number of writes that count only by their bytes.
const FREE_WRITES: usize = 1024;
/// Bytes by which each further write counts in addition: the memory that the queue needs for a short write.
const WRITE_SIZE: u64 = 64;

impl Queue {
    /// Wakes the thread with the callbacks, unless it was woken or there is no output.
    fn wake(&mut self) {
        if let Some(sleeper) = self.sleeper.as_ref().filter(|_| !self.is_woken && !self.writes.is_empty()) {
            self.is_woken = true;
            sleeper.wake();
        }
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

    /// Opens the mailbox of the sandbox with a number. `wakeups` calls the thread of the sandbox.
    pub(crate) fn open(&self, wakeups: &Arc<WakeQueue>, id: u32) {
        self.queue().sleeper.get_or_insert_with(|| Sleeper::for_output(Arc::clone(wakeups), id));
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
        if !queue.sleeper.as_ref().is_some_and(Sleeper::can_wake) {
            return Err(Errno::Pipe);
        }
        let room = limits.output.saturating_sub(queue.size()).min(write.bytes.len() as u64);
        if room > 0 {
            queue.bytes += room;
            queue.writes.push_back((write.slot, write.bytes[..room as usize].to_vec()));
        }
        queue.wake();
        drop(queue);
        write.finish(limits, room as usize)
    }

    /// Notes that the thread with the callbacks has started to empty the mailbox. The next write wakes it again.
    pub(crate) fn note_wake(&self) {
        self.queue().is_woken = false;
    }

    /// Wakes the thread with the callbacks, if there is output.
    pub(crate) fn wake(&self) {
        self.queue().wake();
    }

    /// Removes the first write.
    pub(crate) fn take(&self) -> Option<(CallbackSlot, Vec<u8>)> {
        let mut queue = self.queue();
        let (slot, bytes) = queue.writes.pop_front()?;
        queue.bytes -= bytes.len() as u64;
        Some((slot, bytes))
    }
}
