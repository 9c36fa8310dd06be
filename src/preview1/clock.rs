//! `clock_*`.

use crate::core::clock::Reading;
use crate::core::guest::Guest;
use crate::core::outcome::{HostResult, Outcome};
use crate::core::restart::RestartState;
use crate::sys::types::{Clockid, Timestamp};

impl Guest {
    /// Returns the resolution of a clock in nanoseconds: `clock_getres`.
    pub(crate) fn clock_res_get(&self, clock: Clockid) -> HostResult<Timestamp> {
        Ok(self.clocks.resolution(clock)?)
    }

    /// Returns the time of a clock in nanoseconds: `clock_gettime`. Ignores the precision: the time is always exact.
    pub(crate) fn clock_time_get(
        &self,
        restart: &RestartState,
        clock: Clockid,
        _precision: Timestamp,
    ) -> HostResult<Timestamp> {
        match self.clocks.read(clock, restart.clock_readings)? {
            Reading::Time(time) => Ok(time),
            Reading::NeedsCallback(clock) => Err(Outcome::ReadClock(clock)),
        }
    }
}
