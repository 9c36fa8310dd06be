//! Clocks.

use crate::sys::types::{Clockid, Timestamp};
use std::io::Result;

fn clock(clock: Clockid) -> rustix::time::ClockId {
    match clock {
        Clockid::Realtime => rustix::time::ClockId::Realtime,
        Clockid::Monotonic => rustix::time::ClockId::Monotonic,
        Clockid::ProcessCputimeId => rustix::time::ClockId::ProcessCPUTime,
        Clockid::ThreadCputimeId => rustix::time::ClockId::ThreadCPUTime,
    }
}

fn nanoseconds(time: rustix::time::Timespec) -> Timestamp {
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

/// Returns the time of a clock in nanoseconds: `clock_gettime`.
pub fn clock_time(id: Clockid) -> Result<Timestamp> {
    Ok(nanoseconds(rustix::time::clock_gettime(clock(id))))
}

/// Returns the resolution of a clock in nanoseconds: `clock_getres`.
pub fn clock_resolution(id: Clockid) -> Result<Timestamp> {
    Ok(nanoseconds(rustix::time::clock_getres(clock(id))))
}

/// Returns the time of the monotonic clock in nanoseconds.
pub fn monotonic_now() -> Timestamp {
    nanoseconds(rustix::time::clock_gettime(rustix::time::ClockId::Monotonic))
}
