//! `clock_*`.

use super::Wasi;
use super::errno::Result;
use super::sys;
use super::types::{Clockid, Timestamp};

impl Wasi {
    /// Resolution of a clock: `clock_getres`.
    pub fn clock_res_get(&self, clock: Clockid) -> Result<Timestamp> {
        Ok(sys::clock_resolution(clock)?)
    }

    /// Time of a clock: `clock_gettime`. It is always read to the last digit, whatever the precision asked.
    pub fn clock_time_get(&self, clock: Clockid, _precision: Timestamp) -> Result<Timestamp> {
        now(clock)
    }
}

/// Time of a clock.
pub(super) fn now(clock: Clockid) -> Result<Timestamp> {
    Ok(sys::clock_time(clock)?)
}
