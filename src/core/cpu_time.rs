//! The processor time of a guest: of all its threads, while they run.

use crate::sys::ThreadClock;
use crate::sys::types::Timestamp;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The processor time of a guest.
#[derive(Debug, Default)]
pub(crate) struct CpuTime(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Nanoseconds of the runs that have ended.
    ended: Timestamp,
    running: Vec<Run>,
    last_id: u64,
}

/// A thread that runs the guest.
#[derive(Debug)]
struct Run {
    id: u64,
    clock: ThreadClock,
    /// The time of the clock when the run began.
    start: Timestamp,
}

impl Run {
    /// Returns the time since the beginning; 0 if the clock cannot be read.
    fn time(&self) -> Timestamp {
        self.clock.time().map_or(0, |now| now.saturating_sub(self.start))
    }
}

/// Counts the time of this thread until it is dropped.
#[derive(Debug)]
pub(crate) struct Counting<'a> {
    time: &'a CpuTime,
    id: u64,
}

impl CpuTime {
    /// Counts the time of this thread until the result is dropped; `None` if the system has no clock for the thread.
    pub(crate) fn count(&self) -> Option<Counting<'_>> {
        let clock = ThreadClock::current().ok()?;
        let start = clock.time().ok()?;
        let mut state = self.state();
        state.last_id += 1;
        let id = state.last_id;
        state.running.push(Run { id, clock, start });
        Some(Counting { time: self, id })
    }

    /// Returns the time in nanoseconds so far.
    pub(crate) fn total(&self) -> Timestamp {
        let state = self.state();
        state.ended + state.running.iter().map(Run::time).sum::<Timestamp>()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        let mut state = self.time.state();
        if let Some(index) = state.running.iter().position(|run| run.id == self.id) {
            let run = state.running.swap_remove(index);
            state.ended += run.time();
            if state.running.is_empty() {
                state.running = Vec::new();
            }
        }
    }
}
