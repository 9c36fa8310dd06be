//! The part of a guest that its threads share.

use super::mailbox::Mailbox;
use super::version::Version;
use crate::core::guest::Guest;
use crate::core::handles::Handles;
use crate::core::strings::Strings;
use once_cell::sync::Lazy;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// A guest, and its options for threads that join it by its handle.
pub(crate) struct World {
    pub(crate) guest: Guest,
    pub(crate) strings: Arc<Strings>,
    pub(crate) version: Version,
    pub(crate) return_on_exit: bool,
    /// Whether calls are traced to standard error.
    pub(crate) traces: bool,
    /// Output of other threads for the callbacks of the thread that created the guest.
    pub(crate) mailbox: Mailbox,
    exit_code: OnceLock<u32>,
    is_closed: AtomicBool,
    /// The handle, once the guest is shared.
    handle: OnceLock<String>,
}

static HANDLES: Lazy<Handles<World>> = Lazy::new(Handles::default);

impl World {
    /// Creates the world of a guest with one thread.
    pub(crate) fn new(
        guest: Guest,
        strings: Arc<Strings>,
        version: Version,
        return_on_exit: bool,
        traces: bool,
    ) -> Self {
        Self {
            guest,
            strings,
            version,
            return_on_exit,
            traces,
            mailbox: Mailbox::default(),
            exit_code: OnceLock::new(),
            is_closed: AtomicBool::new(false),
            handle: OnceLock::new(),
        }
    }

    /// Returns the handle of the guest, the same each time.
    pub(crate) fn share(self: &Arc<Self>) -> &str {
        self.handle.get_or_init(|| HANDLES.add(self))
    }

    /// Returns the guest with a handle; `None` for a handle that is unknown, or whose guest has ended.
    pub(crate) fn by_handle(handle: &str) -> Option<Arc<Self>> {
        HANDLES.get(handle).filter(|world| !world.has_ended())
    }

    /// Returns whether a thread with the world `other` may join this one: the options define the same guest.
    pub(crate) fn accepts(&self, other: &Self) -> bool {
        !self.has_ended()
            && self.version.namespace() == other.version.namespace()
            && self.guest.has_equal_options(&other.guest)
    }

    /// Ends all threads of a guest by the exit of one. Without other threads, the caller ends its only run.
    pub(crate) fn exit(self: &Arc<Self>, code: u32) {
        if self.has_other_threads() {
            let _ = self.exit_code.set(code);
        }
    }

    /// Returns the exit code, if a thread has ended all by its exit.
    #[inline(always)]
    pub(crate) fn exit_code(&self) -> Option<u32> {
        self.exit_code.get().copied()
    }

    /// Closes the descriptors. Waits for them end.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Relaxed);
        self.guest.table.clear();
    }

    /// Returns whether the descriptors are closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Relaxed)
    }

    /// Returns whether no thread can join any more.
    fn has_ended(&self) -> bool {
        self.is_closed() || self.exit_code.get().is_some()
    }

    fn has_other_threads(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) > 1
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.get() {
            HANDLES.remove(handle);
        }
    }
}
