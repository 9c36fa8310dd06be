//! The part of a guest that its threads share.

use super::mailbox::Mailbox;
use super::runs::Runs;
use super::threads::Threads;
use super::version::Version;
use super::wakeups::{Sleeper, WakeQueue};
use crate::core::cpu_time::CpuTime;
use crate::core::guest::Guest;
use crate::core::handles::Handles;
use crate::core::strings::Strings;
use once_cell::sync::Lazy;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst, fence};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// The end of all threads of a guest.
pub(crate) enum End {
    /// A thread has exited with this code.
    Exit(u32),
    /// A thread has thrown an error, such as a trap.
    Failure { name: String, message: String, stack: String },
}

impl End {
    /// The end by a thread whose error is unknown.
    pub(crate) fn unknown() -> Self {
        let message = "A thread of the guest was terminated".to_owned();
        Self::Failure { name: "Error".to_owned(), message, stack: String::new() }
    }
}

/// A guest, and its options for threads that join it by its handle.
pub(crate) struct World {
    pub(crate) guest: Guest,
    pub(crate) strings: Arc<Strings>,
    pub(crate) version: Version,
    pub(crate) return_on_exit: bool,
    /// The descriptor to which calls are traced.
    pub(crate) trace_fd: Option<i32>,
    /// Output of other threads for the callbacks of the thread that created the guest.
    mailbox: OnceLock<Box<Mailbox>>,
    /// Threads that end together.
    together: OnceLock<Box<Together>>,
    pub(crate) cpu_time: CpuTime,
    /// Bytes of the largest memory that was bound.
    peak_memory: AtomicUsize,
    has_full_heap: AtomicBool,
    /// Threads that are suspended.
    sleepers: Mutex<Vec<Weak<Sleeper>>>,
    end: OnceLock<Box<End>>,
    /// Whether the thread that created the guest has thrown the error that ended it.
    is_reported: AtomicBool,
    is_closed: AtomicBool,
    /// The handle, once the guest is shared.
    handle: OnceLock<String>,
}

/// Threads that end together, with the thread that created the guest.
#[derive(Default)]
pub(crate) struct Together {
    pub(crate) threads: Threads,
    pub(crate) runs: Runs,
}

impl Together {
    /// Stops the runs, and starts no more threads.
    fn end(&self) {
        self.threads.end();
        self.runs.end();
    }
}

static HANDLES: Lazy<Handles<World>> = Lazy::new(Handles::default);

impl World {
    /// Creates the world of a guest with one thread.
    pub(crate) fn new(
        guest: Guest,
        strings: Arc<Strings>,
        version: Version,
        return_on_exit: bool,
        trace_fd: Option<i32>,
    ) -> Self {
        Self {
            guest,
            strings,
            version,
            return_on_exit,
            trace_fd,
            mailbox: OnceLock::new(),
            together: OnceLock::new(),
            cpu_time: CpuTime::default(),
            peak_memory: AtomicUsize::new(0),
            has_full_heap: AtomicBool::new(false),
            sleepers: Mutex::default(),
            end: OnceLock::new(),
            is_reported: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            handle: OnceLock::new(),
        }
    }

    /// Opens the mailbox for the sandbox `id`, which created the guest.
    pub(crate) fn open_mailbox(&self, wakeups: &Arc<WakeQueue>, id: u32) {
        self.mailbox.get_or_init(Box::default).open(wakeups, id);
    }

    /// Returns the mailbox; `None` before it is opened.
    pub(crate) fn mailbox(&self) -> Option<&Mailbox> {
        self.mailbox.get().map(Box::as_ref)
    }

    /// Returns the handle of the guest, the same each time.
    pub(crate) fn share(self: &Arc<Self>) -> &str {
        self.handle.get_or_init(|| HANDLES.add(self))
    }

    /// Returns whether the guest has a handle.
    pub(crate) fn is_shared(&self) -> bool {
        self.handle.get().is_some()
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

    /// Ends all threads by the exit of one. The only thread of a guest without a handle ends just its run.
    pub(crate) fn exit(self: &Arc<Self>, code: u32) {
        if self.together().is_some() || self.is_shared() || Arc::strong_count(self) > 1 {
            self.end_by(End::Exit(code));
        }
    }

    /// Makes the end of one thread the end of all, and allows this number of threads.
    pub(crate) fn end_together(&self, limit: usize) {
        let together = self.together.get_or_init(Box::default);
        together.threads.allow(limit);
        // The fence ensures that a thread which ends or closes the guest finds `together`, or that this thread sees it.
        fence(SeqCst);
        if self.end().is_some() {
            together.end();
        } else if self.is_closed() {
            together.threads.end();
        }
    }

    /// Returns the threads and their runs, if the end of one thread is the end of all.
    pub(crate) fn together(&self) -> Option<&Together> {
        self.together.get().map(Box::as_ref)
    }

    /// Returns the threads that the guest starts; `None` if it may start none.
    pub(crate) fn threads(&self) -> Option<&Threads> {
        self.together().map(|together| &together.threads)
    }

    /// Ends all threads.
    pub(crate) fn end_by(&self, end: End) {
        let _ = self.end.set(Box::new(end));
        fence(SeqCst);
        if let Some(together) = self.together() {
            together.end();
        }
        self.wake_sleepers();
    }

    /// Returns the end of all threads.
    #[inline(always)]
    pub(crate) fn end(&self) -> Option<&End> {
        self.end.get().map(Box::as_ref)
    }

    /// Notes that the error which ended the guest is reported. Returns whether the error was reported before.
    pub(crate) fn report(&self) -> bool {
        self.is_reported.swap(true, Relaxed)
    }

    /// Notes the size of a memory that was bound.
    pub(crate) fn note_memory(&self, bytes: usize) {
        self.peak_memory.fetch_max(bytes, Relaxed);
    }

    /// Returns the bytes of the largest memory that was bound.
    pub(crate) fn peak_memory(&self) -> usize {
        self.peak_memory.load(Relaxed)
    }

    /// Notes that the heap of a thread is full.
    pub(crate) fn note_full_heap(&self) {
        self.has_full_heap.store(true, Relaxed);
    }

    /// Returns whether the heap of a thread is full.
    pub(crate) fn has_full_heap(&self) -> bool {
        self.has_full_heap.load(Relaxed)
    }

    /// Closes the descriptors. Ends the waits for streams.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Relaxed);
        // Threads that end from now on report no errors.
        self.report();
        fence(SeqCst);
        self.end_threads();
        self.guest.table.clear();
        self.wake_sleepers();
    }

    /// Starts no more threads.
    pub(crate) fn end_threads(&self) {
        if let Some(threads) = self.threads() {
            threads.end();
        }
    }

    /// Returns whether a wait is over because the guest has ended, or because the streams of the wait are closed.
    pub(crate) fn ends_wait(&self, is_for_streams: bool) -> bool {
        self.end.get().is_some() || is_for_streams && self.is_closed()
    }

    /// Adds a suspended thread, which the end of the guest and `close` wake. The thread then checks `ends_wait`: the
    /// guest may have ended before.
    pub(crate) fn add_sleeper(&self, sleeper: &Arc<Sleeper>) {
        let mut sleepers = self.sleepers();
        sleepers.retain(|sleeper| sleeper.strong_count() > 0);
        sleepers.push(Arc::downgrade(sleeper));
    }

    fn wake_sleepers(&self) {
        let sleepers: Vec<_> = self.sleepers().iter().filter_map(Weak::upgrade).collect();
        for sleeper in sleepers {
            sleeper.wake();
        }
    }

    fn sleepers(&self) -> MutexGuard<'_, Vec<Weak<Sleeper>>> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether the descriptors are closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Relaxed)
    }

    /// Returns whether no thread can join any more.
    fn has_ended(&self) -> bool {
        self.is_closed() || self.end.get().is_some()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.get() {
            HANDLES.remove(handle);
        }
    }
}
