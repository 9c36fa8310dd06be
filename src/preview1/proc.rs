//! `proc_*` and `sched_yield`.

use crate::core::guest::Wasi;
use crate::preview1::abi::Never;
use crate::sys::errno::{Errno, Failure, Result};

impl Wasi {
    /// Ends the guest.
    pub fn proc_exit(&self, code: u32) -> Result<Never> {
        Err(Failure::Exit(code))
    }

    /// Would signal the process, which is the host's: `NOTSUP`, whatever the signal.
    pub fn proc_raise(&self, _signal: u32) -> Result {
        Err(Errno::Notsup.into())
    }

    /// Lets other threads run: `sched_yield`.
    pub fn sched_yield(&self) -> Result {
        std::thread::yield_now();
        Ok(())
    }
}
