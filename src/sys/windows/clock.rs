//! Clocks, and times of files: Windows counts in steps of 100 ns, and from 1601.

use crate::sys::types::{Clockid, Timestamp};
use crate::sys::windows::handle::{check, wide};
use std::io::Result;
use windows_sys::Win32::Foundation::FILETIME;
use windows_sys::Win32::System::Performance::{QueryPerformanceCounter, QueryPerformanceFrequency};
use windows_sys::Win32::System::SystemInformation::GetSystemTimePreciseAsFileTime;
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetCurrentThread, GetProcessTimes, GetThreadTimes,
};

const STEP: u64 = 100;

/// Steps from 1601 to 1970.
const UNIX_EPOCH: u64 = 116_444_736_000_000_000;

fn steps(time: FILETIME) -> u64 {
    wide(time.dwHighDateTime, time.dwLowDateTime)
}

/// Nanoseconds since the Unix epoch, 0 for what was before.
pub fn since_unix_epoch(steps: u64) -> Timestamp {
    steps.saturating_sub(UNIX_EPOCH).saturating_mul(STEP)
}

/// A time of a file.
pub fn filetime(time: Timestamp) -> FILETIME {
    let steps = time / STEP + UNIX_EPOCH;
    FILETIME { dwLowDateTime: steps as u32, dwHighDateTime: (steps >> 32) as u32 }
}

/// The time of the moment.
pub fn now() -> FILETIME {
    let mut time = FILETIME::default();
    // SAFETY: a place for the time.
    unsafe { GetSystemTimePreciseAsFileTime(&raw mut time) };
    time
}

/// Time of a clock.
pub fn clock_time(id: Clockid) -> Result<Timestamp> {
    let [mut created, mut exited, mut kernel, mut user] = [FILETIME::default(); 4];
    let (created, exited) = (&raw mut created, &raw mut exited);
    match id {
        Clockid::Realtime => return Ok(since_unix_epoch(steps(now()))),
        Clockid::Monotonic => return Ok(monotonic_now()),
        // SAFETY: the process itself, and four places for times.
        Clockid::ProcessCputimeId => check(unsafe {
            GetProcessTimes(GetCurrentProcess(), created, exited, &raw mut kernel, &raw mut user)
        })?,
        // SAFETY: the thread itself, and four places for times.
        Clockid::ThreadCputimeId => check(unsafe {
            GetThreadTimes(GetCurrentThread(), created, exited, &raw mut kernel, &raw mut user)
        })?,
    }
    Ok((steps(kernel) + steps(user)) * STEP)
}

/// Resolution of a clock. The processor's are counted in ticks of the system, 64 in a second.
pub fn clock_resolution(id: Clockid) -> Result<Timestamp> {
    Ok(match id {
        Clockid::Realtime => STEP,
        Clockid::Monotonic => 1_000_000_000_u64.div_ceil(frequency()),
        Clockid::ProcessCputimeId | Clockid::ThreadCputimeId => 1_000_000_000 / 64,
    })
}

/// Time of the monotonic clock.
pub fn monotonic_now() -> Timestamp {
    let mut count = 0;
    // SAFETY: a place for the count. It cannot fail since Windows XP.
    unsafe { QueryPerformanceCounter(&raw mut count) };
    (u128::from(count.cast_unsigned()) * 1_000_000_000 / u128::from(frequency())) as Timestamp
}

/// Counts in a second, at least one.
fn frequency() -> u64 {
    let mut frequency = 0;
    // SAFETY: a place for the frequency. It cannot fail since Windows XP.
    unsafe { QueryPerformanceFrequency(&raw mut frequency) };
    frequency.cast_unsigned().max(1)
}
