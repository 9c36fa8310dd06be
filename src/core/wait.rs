//! Waits of calls that would block: for streams, for a deadline, or both. The caller of a host function performs the
//! wait.

use crate::core::entry::{Descriptor, Entry};
use crate::core::restart::{Polled, RestartState, Saved};
use crate::sys;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Interest, Readiness, Timestamp};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Streams and a deadline that a call waits for. The call is restarted once a stream is ready or the deadline has
/// passed.
#[derive(Debug, Default)]
pub struct Wait {
    streams: Vec<(Arc<Entry>, Interest)>,
    /// Nanoseconds of the monotonic clock.
    deadline: Option<Timestamp>,
    /// State for the restart.
    pub restart: RestartState,
}

impl Wait {
    /// Waits for any of some streams, or until a deadline on the monotonic clock.
    #[must_use]
    pub(crate) fn new(
        streams: Vec<(Arc<Entry>, Interest)>,
        deadline: Option<Timestamp>,
        restart: RestartState,
    ) -> Self {
        Self { streams, deadline, restart }
    }

    /// Returns whether the call waits for streams, or for the callback of stdin.
    #[cfg(feature = "node")]
    pub(crate) fn is_for_streams(&self) -> bool {
        !self.streams.is_empty() || self.is_for_stdin()
    }

    /// Returns whether the call waits for the callback of stdin.
    #[cfg(feature = "node")]
    pub(crate) fn is_for_stdin(&self) -> bool {
        self.restart.is_stdin_ready == Some(false)
    }

    /// Returns whether this is only a pause of a long call.
    #[must_use]
    pub fn is_pause(&self) -> bool {
        self.streams.is_empty() && self.deadline == Some(0)
    }

    /// Returns the streams, and the event of each that ends the wait.
    pub(crate) fn streams(&self) -> &[(Arc<Entry>, Interest)] {
        &self.streams
    }

    /// Returns the deadline, in nanoseconds of the monotonic clock.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    /// Waits at most `timeout`. Returns whether to restart the call now. In that case records the readiness of the
    /// streams in [`restart`](Self::restart), so that the restarted call does not depend on later changes.
    pub fn block(&mut self, timeout: Duration) -> io::Result<bool> {
        let left = self.deadline.map(|at| Duration::from_nanos(at.saturating_sub(sys::monotonic_now())));
        let readiness = poll_streams(&self.streams, left.map_or(timeout, |left| left.min(timeout)))?;
        let is_due = left.is_some_and(|left| left <= timeout);
        let is_ready = readiness.iter().any(|stream| stream.ready)
            || self.streams.iter().any(|(entry, _)| entry.is_shut_down());
        if is_ready || is_due {
            let streams = std::mem::take(&mut self.streams);
            let polled = streams.into_iter().zip(readiness);
            let polled = polled.map(|((entry, interest), readiness)| Polled { entry, interest, readiness });
            let saved = std::mem::take(&mut self.restart).into_saved();
            self.restart = Saved { polled: polled.collect(), ..saved }.into();
        }
        Ok(is_ready || is_due)
    }
}

/// Waits at most `timeout` until a stream is ready, and returns the readiness of all: `poll`.
pub(crate) fn poll_streams(
    streams: &[(Arc<Entry>, Interest)],
    timeout: Duration,
) -> io::Result<Vec<Readiness>> {
    if streams.is_empty() && timeout.is_zero() {
        return Ok(Vec::new());
    }
    let handles = streams.iter().map(|(entry, interest)| match &entry.descriptor {
        Descriptor::Stream(stream) => Ok((stream.handle(), *interest)),
        _ => Err(io::Error::from(io::ErrorKind::InvalidInput)),
    });
    let handles = handles.collect::<io::Result<Vec<_>>>()?;
    sys::poll(&handles, timeout)
}

/// Returns whether an operation on a stream would not wait now.
pub(crate) fn is_ready(entry: &Entry, interest: Interest) -> Result<bool> {
    match &entry.descriptor {
        _ if entry.is_shut_down() => Ok(true),
        Descriptor::Stream(stream) => Ok(sys::poll(&[(stream.handle(), interest)], Duration::ZERO)?[0].ready),
        _ => Err(Errno::Inval),
    }
}
