//! State of a call that would block and is called again: the restart model of the kernel's `restart_syscall`.

use crate::core::budget::Grant;
use crate::core::clock::ClockReadings;
use crate::core::entry::Entry;
use crate::sys::types::{Clockid, Dircookie, Interest, Readiness, Timestamp};
use std::ops::Deref;
use std::sync::Arc;

/// State that a call needs when it is restarted. A first call has no state, so that the clone of its state is cheap.
#[derive(Clone, Debug, Default)]
pub struct RestartState(Option<Box<Saved>>);

/// Fields of [`RestartState`].
#[derive(Clone, Debug, Default)]
pub struct Saved {
    /// The descriptor that the call started with. The guest may have reused its number since.
    pub(crate) fd: Option<Arc<Entry>>,
    /// Time of the first call, on the monotonic clock.
    pub started: Option<Timestamp>,
    /// Bytes that earlier calls transferred.
    pub bytes_done: u64,
    /// Number of restarts so far, if the call limits them.
    pub(crate) restarts: u64,
    /// Next directory entry to read.
    pub(crate) cookie: Option<Dircookie>,
    /// Whether `path_open` waits for the reader of a FIFO.
    pub(crate) awaits_reader: bool,
    /// Values that clock callbacks returned.
    pub(crate) clock_readings: ClockReadings,
    /// Time that the call slept on fixed clocks, in nanoseconds.
    pub(crate) slept: Timestamp,
    /// Grant of the write budget for the whole call.
    pub(crate) grant: Option<Arc<Grant>>,
    /// Whether the callback for stdin has bytes, if the call has checked.
    pub(crate) is_stdin_ready: Option<bool>,
    /// Readiness of the streams that the call waited for, at the end of the wait.
    pub(crate) polled: Vec<Polled>,
}

/// Readiness of a stream at the end of a wait.
#[derive(Clone, Debug)]
pub(crate) struct Polled {
    /// The stream.
    pub entry: Arc<Entry>,
    /// The event that the wait was for.
    pub interest: Interest,
    /// Its readiness.
    pub readiness: Readiness,
}

/// The fields of a first call.
static NONE: Saved = Saved {
    fd: None,
    started: None,
    bytes_done: 0,
    restarts: 0,
    cookie: None,
    awaits_reader: false,
    clock_readings: ClockReadings::NONE,
    slept: 0,
    grant: None,
    is_stdin_ready: None,
    polled: Vec::new(),
};

impl RestartState {
    /// State of a first call.
    pub const NEW: Self = Self(None);

    /// Returns the state for the restart of a call on `fd`.
    #[must_use]
    pub fn of(fd: &Arc<Entry>) -> Self {
        Saved { fd: Some(Arc::clone(fd)), ..Saved::default() }.into()
    }

    /// Returns the state for the restart of a call on `fd` that has transferred some bytes.
    #[must_use]
    pub(crate) fn after(fd: &Arc<Entry>, bytes_done: u64) -> Self {
        Saved { fd: Some(Arc::clone(fd)), bytes_done, ..Saved::default() }.into()
    }

    /// Adds the time that the callback of a clock returned.
    #[must_use]
    pub fn with_reading(self, clock: Clockid, time: Timestamp) -> Self {
        let mut saved = self.into_saved();
        saved.clock_readings.record(clock, time);
        saved.into()
    }

    /// Adds whether the callback for stdin has bytes.
    #[must_use]
    pub fn with_stdin_ready(self, is_ready: bool) -> Self {
        Saved { is_stdin_ready: Some(is_ready), ..self.into_saved() }.into()
    }

    /// Returns the fields. Convert them back with `into` after changes.
    #[must_use]
    #[inline(never)]
    pub(crate) fn into_saved(self) -> Saved {
        self.0.map_or_else(Saved::default, |saved| *saved)
    }
}

impl From<Saved> for RestartState {
    #[inline(never)]
    fn from(saved: Saved) -> Self {
        Self(Some(Box::new(saved)))
    }
}

impl Deref for RestartState {
    type Target = Saved;

    #[inline]
    fn deref(&self) -> &Saved {
        self.0.as_deref().unwrap_or(&NONE)
    }
}
