//! Outcomes of a host function besides success.

use crate::core::budget::Grant;
use crate::core::entry::Entry;
use crate::core::limits::{Limit, Limits};
use crate::core::memory::Size;
use crate::core::pipe::CallbackSlot;
use crate::core::restart::{RestartState, Saved};
use crate::core::wait::{Wait, is_ready};
use crate::sys::errno::Errno;
use crate::sys::types::{Clockid, Interest, Timestamp};
use std::sync::Arc;

/// Result of a host function.
pub(crate) type HostResult<T = ()> = Result<T, Outcome>;

/// Outcome of a host function that did not succeed.
#[derive(Debug)]
pub enum Outcome {
    /// The call failed with this errno.
    Errno(Errno),
    /// The call would block. It is restarted after the wait.
    Block(Box<Wait>),
    /// The call needs a callback of the embedder. It is restarted afterwards.
    HostCall(Box<HostCall>),
    /// The call needs the time of the embedder's realtime or monotonic clock. It is restarted with that time.
    ReadClock(Clockid),
    /// The guest exits with this code.
    Exit(u32),
}

impl<E: Into<Errno>> From<E> for Outcome {
    fn from(error: E) -> Self {
        Outcome::Errno(error.into())
    }
}

impl Outcome {
    /// Waits for a stream; `EAGAIN` if the guest set `NONBLOCK`.
    pub(crate) fn wait_for(fd: &Arc<Entry>, interest: Interest, restart: RestartState) -> Self {
        Self::wait_until(fd, interest, None, restart)
    }

    /// Waits for a stream, at most until a deadline on the monotonic clock; `EAGAIN` if the guest set `NONBLOCK`.
    pub(crate) fn wait_until(
        fd: &Arc<Entry>,
        interest: Interest,
        deadline: Option<Timestamp>,
        restart: RestartState,
    ) -> Self {
        if fd.is_nonblocking() {
            return Outcome::Errno(Errno::Again);
        }
        let restart = Saved { fd: Some(Arc::clone(fd)), ..restart.into_saved() }.into();
        Outcome::Block(Box::new(Wait::new(vec![(Arc::clone(fd), interest)], deadline, restart)))
    }

    /// Waits until a deadline on the monotonic clock.
    pub(crate) fn sleep_until(deadline: Timestamp, restart: RestartState) -> Self {
        Outcome::Block(Box::new(Wait::new(Vec::new(), Some(deadline), restart)))
    }

    /// Pauses a long call, so that the caller can notice its termination.
    pub(crate) fn pause(restart: RestartState) -> Self {
        Self::sleep_until(0, restart)
    }

    /// Waits for a stream unless it is ready now.
    pub(crate) fn wait_unless_ready(fd: &Arc<Entry>, interest: Interest) -> HostResult {
        if is_ready(fd, interest)? { Ok(()) } else { Err(Self::wait_for(fd, interest, RestartState::NEW)) }
    }

    /// Turns an `EAGAIN` of the system into a wait. The host may have made a shared stream nonblocking.
    pub(crate) fn wait_on_would_block<T>(
        result: HostResult<T>,
        fd: &Arc<Entry>,
        interest: Interest,
    ) -> HostResult<T> {
        match result {
            Err(Outcome::Errno(Errno::Again)) => Err(Self::wait_for(fd, interest, RestartState::NEW)),
            result => result,
        }
    }
}

/// A pending call of a callback for stdin, stdout or stderr.
#[derive(Debug)]
pub enum HostCall {
    /// Reads up to `size` bytes for the input pipe `fd`, to be passed to
    /// [`Input::push`](crate::core::pipe::Input::push). The call is then restarted with [`RestartState::of`] `fd`.
    ReadStdin { fd: Arc<Entry>, size: Size },
    /// Checks whether the callback for stdin has bytes now. The call is then restarted with the answer in
    /// [`Saved::is_stdin_ready`].
    PollStdin(RestartState),
    /// Passes output to a callback.
    WriteOutput(OutputWrite),
}

/// Output for a callback. If the callback throws, this value is dropped, which charges all bytes to the write budget.
#[derive(Debug)]
pub struct OutputWrite {
    /// The callback.
    pub slot: CallbackSlot,
    /// Bytes that the guest wrote.
    pub bytes: Vec<u8>,
    pub(crate) fd: Arc<Entry>,
    pub(crate) grant: Grant,
}

impl OutputWrite {
    /// Ends the write after the callback accepted the first `accepted` bytes. Returns the state for the restart, or
    /// `EDQUOT` if the callback accepted no byte. Only the accepted bytes are charged to the write budget.
    pub fn finish(mut self, limits: &Limits, accepted: usize) -> Result<RestartState, Errno> {
        if accepted < self.bytes.len() {
            self.bytes.truncate(accepted);
            limits.note_exceeded(Limit::Output);
        }
        match self.bytes.len() {
            0 => Err(Errno::Dquot),
            accepted => Ok(RestartState::after(&self.fd, accepted as u64)),
        }
    }
}

impl Drop for OutputWrite {
    fn drop(&mut self) {
        self.grant.commit(self.bytes.len() as u64);
    }
}
