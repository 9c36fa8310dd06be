//! Clocks and file times. Windows counts in units of 100 ns since 1601.

use crate::sys::types::{Clockid, Timestamp};
use crate::sys::windows::handle::{check, wide};
use std::io::Result;
use windows_sys::Win32::Foundation::{FILETIME, HANDLE};
use windows_sys::Win32::System::Performance::{QueryPerformanceCounter, QueryPerformanceFrequency};
use windows_sys::Win32::System::SystemInformation::GetSystemTimePreciseAsFileTime;
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetCurrentThread, GetProcessTimes, GetThreadTimes,
};

/// Nanoseconds of a `FILETIME` unit.
const FILETIME_UNIT: u64 = 100;

/// Units from 1601 to 1970.
const UNIX_EPOCH: u64 = 116_444_736_000_000_000;

fn units(time: FILETIME) -> u64 {
    wide(time.dwHighDateTime, time.dwLowDateTime)
}

/// Converts a file time to nanoseconds since 1970. Earlier times become 0.
pub fn since_unix_epoch(units: u64) -> Timestamp {
    units.saturating_sub(UNIX_EPOCH).saturating_mul(FILETIME_UNIT)
}

/// Converts nanoseconds since 1970 to a file time.
pub fn filetime(time: Timestamp) -> FILETIME {
    let units = time / FILETIME_UNIT + UNIX_EPOCH;
    FILETIME { dwLowDateTime: units as u32, dwHighDateTime: (units >> 32) as u32 }
}

/// Returns the current time: `GetSystemTimePreciseAsFileTime`.
pub fn now() -> FILETIME {
    let mut time = FILETIME::default();
    // SAFETY: the call writes one FILETIME, to `time`.
    unsafe { GetSystemTimePreciseAsFileTime(&raw mut time) };
    time
}

/// Returns the time of a clock in nanoseconds.
pub fn clock_time(id: Clockid) -> Result<Timestamp> {
    let [mut created, mut exited, mut kernel, mut user] = [FILETIME::default(); 4];
    let (created, exited) = (&raw mut created, &raw mut exited);
    match id {
        Clockid::Realtime => return Ok(since_unix_epoch(units(now()))),
        Clockid::Monotonic => return Ok(monotonic_now()),
        // SAFETY: the pseudo handle of this process is always valid. The call writes four FILETIMEs.
        Clockid::ProcessCputimeId => check(unsafe {
            GetProcessTimes(GetCurrentProcess(), created, exited, &raw mut kernel, &raw mut user)
        })?,
        // SAFETY: the call takes no pointers.
        Clockid::ThreadCputimeId => return thread_time(unsafe { GetCurrentThread() }),
    }
    Ok((units(kernel) + units(user)) * FILETIME_UNIT)
}

/// Returns the processor time of a thread in nanoseconds: `GetThreadTimes`.
pub(crate) fn thread_time(thread: HANDLE) -> Result<Timestamp> {
    let [mut created, mut exited, mut kernel, mut user] = [FILETIME::default(); 4];
    // SAFETY: the call writes four FILETIMEs. It fails for a handle of another type.
    check(unsafe {
        GetThreadTimes(thread, &raw mut created, &raw mut exited, &raw mut kernel, &raw mut user)
    })?;
    Ok((units(kernel) + units(user)) * FILETIME_UNIT)
}

/// Returns the resolution of a clock in nanoseconds. CPU time is counted in ticks of the system, 64 per second.
pub fn clock_resolution(id: Clockid) -> Result<Timestamp> {
    Ok(match id {
        Clockid::Realtime => FILETIME_UNIT,
        Clockid::Monotonic => 1_000_000_000_u64.div_ceil(frequency()),
        Clockid::ProcessCputimeId | Clockid::ThreadCputimeId => 1_000_000_000 / 64,
    })
}

/// Returns the time of the monotonic clock in nanoseconds: `QueryPerformanceCounter`.
pub fn monotonic_now() -> Timestamp {
    let mut count = 0;
    // SAFETY: the call writes an i64, to `count`. It cannot fail since Windows XP.
    unsafe { QueryPerformanceCounter(&raw mut count) };
    (u128::from(count.cast_unsigned()) * 1_000_000_000 / u128::from(frequency())) as Timestamp
}

/// Returns the counts per second, at least 1.
fn frequency() -> u64 {
    let mut frequency = 0;
    // SAFETY: the call writes an i64, to `frequency`. It cannot fail since Windows XP.
    unsafe { QueryPerformanceFrequency(&raw mut frequency) };
    frequency.cast_unsigned().max(1)
}
