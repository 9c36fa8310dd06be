//! Clocks of a guest: the system's, fixed ones, or callbacks of the embedder.

use crate::sys;
use crate::sys::errno::Result;
use crate::sys::types::{Clockid, NewTime, Timestamp};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Source of a clock's time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The system.
    #[default]
    System,
    /// A fixed time, which advances only when the guest sleeps.
    Fixed(Timestamp),
    /// A callback of the embedder.
    Callback,
}

/// Clocks of a guest. CPU-time clocks follow a monotonic clock that is fixed or a callback. They start at 0.
#[derive(Debug, Default)]
pub struct Clocks {
    realtime: Source,
    monotonic: Source,
    /// Total time that the guest slept on fixed clocks, in nanoseconds.
    slept: AtomicU64,
    /// First value that the callback of the monotonic clock returned.
    first_reading: OnceLock<Timestamp>,
}

/// Values that clock callbacks returned during a call.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClockReadings {
    realtime: Option<Timestamp>,
    monotonic: Option<Timestamp>,
}

impl ClockReadings {
    /// No values, as a constant.
    pub(crate) const NONE: Self = Self { realtime: None, monotonic: None };

    /// Records the time of a clock.
    pub(crate) fn record(&mut self, clock: Clockid, time: Timestamp) {
        match clock {
            Clockid::Realtime => self.realtime = Some(time),
            _ => self.monotonic = Some(time),
        }
    }
}

/// Time of a clock, or the clock whose callback must be called first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The time.
    Time(Timestamp),
    /// The callback of this clock is needed.
    NeedsCallback(Clockid),
}

impl Clocks {
    /// Creates clocks with these sources.
    #[must_use]
    pub fn new(realtime: Source, monotonic: Source) -> Self {
        Self { realtime, monotonic, ..Self::default() }
    }

    /// Returns whether two guests with these clocks read the same times. False for callbacks.
    pub(crate) fn are_equal(&self, other: &Self) -> bool {
        let sources = [self.realtime, self.monotonic];
        !sources.contains(&Source::Callback) && sources == [other.realtime, other.monotonic]
    }

    /// Returns the source of a clock.
    pub(crate) fn source(&self, clock: Clockid) -> Source {
        match clock {
            Clockid::Realtime => self.realtime,
            Clockid::Monotonic | Clockid::ProcessCputimeId | Clockid::ThreadCputimeId => self.monotonic,
        }
    }

    /// Returns the resolution of a clock in nanoseconds: `clock_getres`.
    pub(crate) fn resolution(&self, clock: Clockid) -> Result<Timestamp> {
        match self.source(clock) {
            Source::System => Ok(sys::clock_resolution(clock)?),
            Source::Fixed(_) | Source::Callback => Ok(1),
        }
    }

    /// Reads a clock: `clock_gettime`. `readings` are the values that callbacks have returned during the call.
    #[inline]
    pub(crate) fn read(&self, clock: Clockid, readings: ClockReadings) -> Result<Reading> {
        Ok(match self.source(clock) {
            Source::System => Reading::Time(sys::clock_time(clock)?),
            Source::Fixed(start) => Reading::Time(self.read_fixed(clock, start)),
            Source::Callback => self.read_callback(clock, readings),
        })
    }

    #[cold]
    fn read_fixed(&self, clock: Clockid, start: Timestamp) -> Timestamp {
        let slept = self.slept.load(Relaxed);
        if is_cpu_time(clock) { slept } else { start.saturating_add(slept) }
    }

    #[cold]
    fn read_callback(&self, clock: Clockid, readings: ClockReadings) -> Reading {
        if clock == Clockid::Realtime {
            return readings.realtime.map_or(Reading::NeedsCallback(clock), Reading::Time);
        }
        let Some(now) = readings.monotonic else {
            return Reading::NeedsCallback(Clockid::Monotonic);
        };
        let first_reading = *self.first_reading.get_or_init(|| now);
        Reading::Time(if is_cpu_time(clock) { now.saturating_sub(first_reading) } else { now })
    }

    /// Advances fixed clocks by `time` nanoseconds.
    pub(crate) fn sleep(&self, time: Timestamp) {
        let later = |slept: Timestamp| Some(slept.saturating_add(time));
        let _ = self.slept.fetch_update(Relaxed, Relaxed, later);
    }

    /// Returns the current time for files in memory: the fixed realtime clock, or the system's.
    pub(crate) fn realtime(&self) -> Timestamp {
        match self.file_time() {
            NewTime::At(time) => time,
            NewTime::Now => sys::clock_time(Clockid::Realtime).unwrap_or(0),
        }
    }

    /// Returns the current time for file times: the time of the fixed clock if there is one, otherwise the system's.
    pub(crate) fn file_time(&self) -> NewTime {
        match self.realtime {
            Source::Fixed(start) => NewTime::At(start.saturating_add(self.slept.load(Relaxed))),
            Source::System | Source::Callback => NewTime::Now,
        }
    }
}

/// Returns whether a clock counts CPU time.
pub(crate) fn is_cpu_time(clock: Clockid) -> bool {
    matches!(clock, Clockid::ProcessCputimeId | Clockid::ThreadCputimeId)
}
