//! The processor time of threads.
#![expect(unsafe_code, reason = "rustix has no clocks of other threads")]

use crate::sys::types::Timestamp;
use std::io::{Error, Result};
use std::mem::MaybeUninit;

/// The clock of a thread. Other threads can read it while the thread lives.
#[derive(Debug)]
pub struct ThreadClock(
    #[cfg(target_os = "linux")] libc::clockid_t,
    #[cfg(target_os = "macos")] libc::mach_port_t,
);

#[cfg(target_os = "linux")]
impl ThreadClock {
    /// Returns the clock of the calling thread: `pthread_getcpuclockid`.
    pub fn current() -> Result<Self> {
        let mut clock = MaybeUninit::uninit();
        // SAFETY: the calling thread, and an out pointer for the clock.
        match unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), clock.as_mut_ptr()) } {
            // SAFETY: the call has written the clock.
            0 => Ok(Self(unsafe { clock.assume_init() })),
            errno => Err(Error::from_raw_os_error(errno)),
        }
    }

    /// Returns the processor time of the thread in nanoseconds.
    pub fn time(&self) -> Result<Timestamp> {
        let mut time = MaybeUninit::<libc::timespec>::uninit();
        // SAFETY: an out pointer for the time. The clock of a thread that has ended is an error.
        if unsafe { libc::clock_gettime(self.0, time.as_mut_ptr()) } != 0 {
            return Err(Error::last_os_error());
        }
        // SAFETY: the call has written the time.
        let time = unsafe { time.assume_init() };
        Ok(time.tv_sec as Timestamp * 1_000_000_000 + time.tv_nsec as Timestamp)
    }
}

#[cfg(target_os = "macos")]
impl ThreadClock {
    /// Returns the clock of the calling thread.
    pub fn current() -> Result<Self> {
        // SAFETY: the calling thread. The port belongs to the thread.
        Ok(Self(unsafe { libc::pthread_mach_thread_np(libc::pthread_self()) }))
    }

    /// Returns the processor time of the thread in nanoseconds: `thread_info`.
    pub fn time(&self) -> Result<Timestamp> {
        let mut info = MaybeUninit::<libc::thread_basic_info>::uninit();
        let mut count = libc::THREAD_BASIC_INFO_COUNT;
        let flavor = libc::THREAD_BASIC_INFO as libc::thread_flavor_t;
        // SAFETY: an out pointer for a structure of `count` integers. The port of a thread that has ended is an error.
        let result = unsafe { libc::thread_info(self.0, flavor, info.as_mut_ptr().cast(), &raw mut count) };
        if result != libc::KERN_SUCCESS {
            return Err(Error::from(std::io::ErrorKind::NotFound));
        }
        // SAFETY: the call has written the structure.
        let info = unsafe { info.assume_init() };
        let nanoseconds = |time: libc::time_value_t| {
            time.seconds as Timestamp * 1_000_000_000 + time.microseconds as Timestamp * 1_000
        };
        Ok(nanoseconds(info.user_time) + nanoseconds(info.system_time))
    }
}
