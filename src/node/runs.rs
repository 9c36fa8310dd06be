//! Runs of the threads of a guest that end together: the end of one stops all.

use super::termination::{self, Isolate};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Runs that can be stopped.
#[derive(Default)]
pub(crate) struct Runs(Mutex<State>);

#[derive(Default)]
struct State {
    runs: Vec<Run>,
    last_id: u64,
    has_ended: bool,
}

struct Run {
    id: u64,
    isolate: Isolate,
    is_stopped: bool,
}

impl Runs {
    /// Adds a run of this thread. `None` if the guest has ended.
    pub(crate) fn enter(&self) -> Option<u64> {
        let mut state = self.state();
        if state.has_ended {
            return None;
        }
        state.last_id += 1;
        let id = state.last_id;
        state.runs.push(Run { id, isolate: Isolate::current(), is_stopped: false });
        Some(id)
    }

    /// Removes a run, and returns whether it was stopped.
    pub(crate) fn leave(&self, id: u64) -> bool {
        let mut state = self.state();
        let index = state.runs.iter().position(|run| run.id == id);
        index.is_some_and(|index| state.runs.swap_remove(index).is_stopped)
    }

    /// Returns whether a run was stopped.
    pub(crate) fn is_stopped(&self, id: u64) -> bool {
        self.state().runs.iter().any(|run| run.id == id && run.is_stopped)
    }

    /// Stops the runs of all other threads. The thread of each run then calls [`termination::resume`].
    pub(crate) fn end(&self) {
        let (mut state, current) = (self.state(), Isolate::current());
        state.has_ended = true;
        for run in &mut state.runs {
            if run.isolate != current && !run.is_stopped {
                run.is_stopped = true;
                termination::stop(run.isolate);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
