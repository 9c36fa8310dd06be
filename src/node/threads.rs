//! Threads that a guest starts with `wasi.thread-spawn`. Each runs in a worker. Any thread can start one, and a worker
//! whose thread has ended runs the next.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Threads of a guest.
#[derive(Default)]
pub(crate) struct Threads {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Maximum number of threads at once.
    limit: usize,
    /// Threads that run, and those that wait for a worker.
    threads: usize,
    /// Workers without a thread, also those that are starting.
    idle: usize,
    /// Threads that wait for a worker.
    waiting: VecDeque<Thread>,
    last_id: u32,
    has_ended: bool,
}

/// A thread of a guest.
#[derive(Clone, Copy)]
pub(crate) struct Thread {
    /// The positive number that `thread-spawn` returned.
    pub(crate) id: u32,
    /// The argument of `thread-spawn`.
    pub(crate) argument: u32,
}

/// The next action of a worker.
#[derive(Clone, Copy)]
pub(crate) enum NextThread {
    /// Runs this thread.
    Thread(Thread),
    /// Waits again.
    TimedOut,
    /// Ends, because the guest has ended.
    Ended,
}

/// The largest number of a thread: the upper bits are reserved.
const MAX_ID: u32 = (1 << 29) - 1;

impl Threads {
    /// Allows this number of threads at once.
    pub(crate) fn allow(&self, limit: usize) {
        self.state().limit = limit;
    }

    /// Adds a thread. Returns the thread, and whether the caller has to create a worker. `None` if the limit is reached
    /// or the guest has ended.
    pub(crate) fn add(&self, argument: u32) -> Option<(Thread, bool)> {
        let mut state = self.state();
        if state.has_ended || state.threads >= state.limit {
            return None;
        }
        state.last_id = state.last_id % MAX_ID + 1;
        let thread = Thread { id: state.last_id, argument };
        state.threads += 1;
        state.waiting.push_back(thread);
        self.changed.notify_one();
        let needs_worker = state.waiting.len() > state.idle;
        state.idle += usize::from(needs_worker);
        Some((thread, needs_worker))
    }

    /// Removes a thread for which no worker could be created.
    pub(crate) fn remove(&self, thread: Thread) {
        let mut state = self.state();
        state.idle -= 1;
        // Another worker may have taken the thread.
        if let Some(index) = state.waiting.iter().position(|waiting| waiting.id == thread.id) {
            state.waiting.remove(index);
            state.threads -= 1;
        }
    }

    /// Waits at most `timeout` for a thread, which the calling worker then runs.
    pub(crate) fn wait(&self, timeout: Duration) -> NextThread {
        let is_idle = |state: &mut State| state.waiting.is_empty() && !state.has_ended;
        let waited = self.changed.wait_timeout_while(self.state(), timeout, is_idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.has_ended {
            return NextThread::Ended;
        }
        let Some(thread) = state.waiting.pop_front() else { return NextThread::TimedOut };
        state.idle -= 1;
        NextThread::Thread(thread)
    }

    /// Ends a thread. Its worker is without a thread then.
    pub(crate) fn finish(&self) {
        let mut state = self.state();
        state.threads -= 1;
        state.idle += 1;
    }

    /// Starts no more threads. Workers without a thread end.
    pub(crate) fn end(&self) {
        self.state().has_ended = true;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
