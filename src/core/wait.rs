//! Waits of calls that would block: for streams, for a time, or both. The callers of the host functions wait.

use crate::core::entry::{Descriptor, Entry};
use crate::core::restart::{Polled, RestartState, Saved};
use crate::sys;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Interest, Readiness, Timestamp};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Streams and a time, one of which has to be ready before a call is restarted.
#[derive(Debug, Default)]
pub struct Wait {
    streams: Vec<(Arc<Entry>, Interest)>,
    /// On the monotonic clock.
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

    /// Returns whether there is nothing to wait for: a long call paused.
    #[must_use]
    pub fn is_pause(&self) -> bool {
        self.streams.is_empty() && self.deadline == Some(0)
    }

    /// Waits for at most `at_most`. Returns whether the call has to be restarted now.
    pub fn block(&mut self, at_most: Duration) -> io::Result<bool> {
        let left = self.deadline.map(|at| Duration::from_nanos(at.saturating_sub(sys::monotonic_now())));
        let readiness = poll(&self.streams, left.map_or(at_most, |left| left.min(at_most)))?;
        let is_due = left.is_some_and(|left| left <= at_most);
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

/// Returns the readiness of each stream, after a wait of at most `at_most` until one is ready: `poll`.
pub(crate) fn poll(streams: &[(Arc<Entry>, Interest)], at_most: Duration) -> io::Result<Vec<Readiness>> {
    if streams.is_empty() && at_most.is_zero() {
        return Ok(Vec::new());
    }
    let handles = streams.iter().map(|(entry, interest)| match &entry.descriptor {
        Descriptor::Stream(stream) => Ok((stream.handle(), *interest)),
        _ => Err(io::Error::from(io::ErrorKind::InvalidInput)),
    });
    let handles = handles.collect::<io::Result<Vec<_>>>()?;
    sys::poll(&handles, at_most)
}

/// Returns whether an operation on a stream would not wait now.
pub(crate) fn is_ready(entry: &Entry, interest: Interest) -> Result<bool> {
    match &entry.descriptor {
        _ if entry.is_shut_down() => Ok(true),
        Descriptor::Stream(stream) => Ok(sys::poll(&[(stream.handle(), interest)], Duration::ZERO)?[0].ready),
        _ => Err(Errno::Inval),
    }
}
