//! `proc_*` and `sched_yield`.

use crate::core::guest::Guest;
use crate::core::outcome::{HostResult, Outcome};
use crate::preview1::abi::Never;
use crate::sys::errno::Errno;

impl Guest {
    /// Ends the guest with an exit code.
    pub(crate) fn proc_exit(&self, code: u32) -> HostResult<Never> {
        Err(Outcome::Exit(code))
    }

    /// Fails with `ENOTSUP`: a guest cannot signal the process of the host.
    pub(crate) fn proc_raise(&self, _signal: u32) -> HostResult {
        Err(Errno::Notsup.into())
    }

    /// Lets other threads run: `sched_yield`.
    pub(crate) fn sched_yield(&self) -> HostResult {
        std::thread::yield_now();
        Ok(())
    }
}
