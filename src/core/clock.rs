//! `clock_*`, and where a guest's time comes from: the system, or what the embedder has put in its place.

use crate::core::guest::Wasi;
use crate::preview1::fd::NewTime;
use crate::preview1::types::{Clockid, Timestamp};
use crate::sys;
use crate::sys::errno::{Failure, Result};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Where the time of a clock comes from.
#[derive(Clone, Copy, Debug, Default)]
pub enum Source {
    /// The system.
    #[default]
    System,
    /// It starts at this time, and goes on only by what the guest sleeps.
    Fixed(Timestamp),
    /// Whoever calls is asked, by [`Failure::Time`].
    Asked,
}

/// A guest's clocks. Those of the processor follow a monotonic clock that is not the system's: they tell the time
/// since it began.
#[derive(Debug, Default)]
pub struct Clocks {
    realtime: Source,
    monotonic: Source,
    /// How long the guest has slept against a clock that is fixed.
    slept: AtomicU64,
    /// What was told first of the monotonic clock.
    began: OnceLock<Timestamp>,
}

/// What has been told of clocks that are asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    realtime: Option<Timestamp>,
    monotonic: Option<Timestamp>,
}

impl Told {
    /// Nothing yet.
    pub(crate) const NOTHING: Self = Self { realtime: None, monotonic: None };

    /// Tells the time of a clock.
    pub fn tell(&mut self, clock: Clockid, time: Timestamp) {
        match clock {
            Clockid::Realtime => self.realtime = Some(time),
            _ => self.monotonic = Some(time),
        }
    }
}

impl Wasi {
    /// Resolution of a clock: `clock_getres`.
    pub fn clock_res_get(&self, clock: Clockid) -> Result<Timestamp> {
        match self.clocks.source(clock) {
            Source::System => Ok(sys::clock_resolution(clock)?),
            Source::Fixed(_) | Source::Asked => Ok(1),
        }
    }

    /// Time of a clock: `clock_gettime`. It is always read to the last digit, whatever the precision asked.
    pub fn clock_time_get(&self, told: Told, clock: Clockid, _precision: Timestamp) -> Result<Timestamp> {
        self.clocks.now(clock, told)
    }
}

impl Clocks {
    /// Clocks that get their time there.
    #[must_use]
    pub fn new(realtime: Source, monotonic: Source) -> Self {
        Self { realtime, monotonic, ..Self::default() }
    }

    /// Where the time of a clock comes from.
    pub(crate) fn source(&self, clock: Clockid) -> Source {
        match clock {
            Clockid::Realtime => self.realtime,
            Clockid::Monotonic | Clockid::ProcessCputimeId | Clockid::ThreadCputimeId => self.monotonic,
        }
    }

    /// Time of a clock.
    #[inline]
    pub(crate) fn now(&self, clock: Clockid, told: Told) -> Result<Timestamp> {
        match self.source(clock) {
            Source::System => Ok(sys::clock_time(clock)?),
            Source::Fixed(start) => Ok(self.fixed(clock, start)),
            Source::Asked => self.told(clock, told),
        }
    }

    /// Asks for the time of a clock, if it is one that is asked and has not told it yet.
    pub(crate) fn ask(&self, clock: Clockid, told: Told) -> Result {
        match self.source(clock) {
            Source::Asked => self.told(clock, told).map(drop),
            Source::System | Source::Fixed(_) => Ok(()),
        }
    }

    #[cold]
    fn fixed(&self, clock: Clockid, start: Timestamp) -> Timestamp {
        let slept = self.slept.load(Relaxed);
        if clock.is_of_processor() { slept } else { start.saturating_add(slept) }
    }

    #[cold]
    fn told(&self, clock: Clockid, told: Told) -> Result<Timestamp> {
        if clock == Clockid::Realtime {
            return told.realtime.ok_or(Failure::Time(clock));
        }
        let now = told.monotonic.ok_or(Failure::Time(Clockid::Monotonic))?;
        let began = *self.began.get_or_init(|| now);
        Ok(if clock.is_of_processor() { now.saturating_sub(began) } else { now })
    }

    /// Lets the clocks that are fixed go on.
    pub(crate) fn sleep(&self, time: Timestamp) {
        let later = |slept: Timestamp| Some(slept.saturating_add(time));
        let _ = self.slept.fetch_update(Relaxed, Relaxed, later);
    }

    /// What a file whose times are set to the present is to have.
    pub(crate) fn file_time(&self) -> NewTime {
        match self.realtime {
            Source::Fixed(start) => NewTime::At(start.saturating_add(self.slept.load(Relaxed))),
            Source::System | Source::Asked => NewTime::Now,
        }
    }
}

impl Clockid {
    /// Whether it counts the time that a processor is at work.
    pub(crate) fn is_of_processor(self) -> bool {
        matches!(self, Clockid::ProcessCputimeId | Clockid::ThreadCputimeId)
    }
}
