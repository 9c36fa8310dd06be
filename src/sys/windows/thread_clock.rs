//! The processor time of threads.

use crate::sys::types::Timestamp;
use crate::sys::windows::clock::thread_time;
use crate::sys::windows::handle::check;
use std::io::Result;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use windows_sys::Win32::System::Threading::{
    GetCurrentThreadId, OpenThread, THREAD_QUERY_LIMITED_INFORMATION,
};

/// The clock of a thread. Other threads can read it.
#[derive(Debug)]
pub struct ThreadClock(OwnedHandle);

impl ThreadClock {
    /// Returns the clock of the calling thread: `OpenThread`.
    pub fn current() -> Result<Self> {
        // SAFETY: the calls take no pointers.
        let handle = unsafe { OpenThread(THREAD_QUERY_LIMITED_INFORMATION, 0, GetCurrentThreadId()) };
        check((!handle.is_null()).into())?;
        // SAFETY: a new handle without another owner.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(handle) }))
    }

    /// Returns the processor time of the thread in nanoseconds: `GetThreadTimes`.
    pub fn time(&self) -> Result<Timestamp> {
        thread_time(self.0.as_raw_handle())
    }
}
