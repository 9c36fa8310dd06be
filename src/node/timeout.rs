//! The option `timeout` of a run. The thread that waits for all guests notes the end of the time, which the guest's
//! next call or wait reports.

use super::wakeups::WakeQueue;
use crate::core::waker::{Registration, Token, Wake};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// The timeout of the current run.
pub(crate) struct Timeout {
    pub(crate) milliseconds: u32,
    has_passed: Arc<PassedFlag>,
    registration: Registration,
}

struct PassedFlag {
    has_passed: AtomicBool,
    queue: Arc<WakeQueue>,
}

impl Wake for PassedFlag {
    fn wake(&self, token: Token) {
        self.has_passed.store(true, Relaxed);
        self.queue.wake(token);
    }
}

impl Timeout {
    /// Starts the time.
    pub(crate) fn start(milliseconds: u32, queue: Arc<WakeQueue>) -> io::Result<Self> {
        let has_passed = Arc::new(PassedFlag { has_passed: AtomicBool::new(false), queue });
        let time = Duration::from_millis(milliseconds.into());
        let registration = Registration::after(time, Arc::clone(&has_passed) as Arc<dyn Wake>)?;
        Ok(Self { milliseconds, has_passed, registration })
    }

    /// Returns whether the time is over.
    pub(crate) fn has_passed(&self) -> bool {
        self.has_passed.has_passed.load(Relaxed)
    }

    /// Returns the token of the wake-up at the end of the time.
    pub(crate) fn token(&self) -> Token {
        self.registration.token()
    }
}
