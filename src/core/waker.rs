//! Waits that block no thread of the caller. One thread of the process waits for all streams and deadlines, and calls
//! back once a call may be restarted.

use crate::core::entry::{Descriptor, Entry};
use crate::core::wait::{Wait, poll_streams};
use crate::sys;
use crate::sys::Handle;
use crate::sys::poller::{self, Poller};
use crate::sys::types::{Interest, Timestamp};
use once_cell::sync::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, thread};

/// Identifies a wait in this process. Tokens are never reused.
pub type Token = u64;

/// Receives the ends of waits. Called by any thread.
pub trait Wake: Send + Sync {
    /// The streams of a wait may be ready, or its deadline has passed.
    fn wake(&self, token: Token);
}

/// A wait of the process. Dropping the value cancels the wait.
pub struct Registration {
    waker: &'static Waker,
    token: Token,
}

impl Registration {
    /// Calls `wake` once `wait` may have ended.
    pub fn of(wait: &Wait, wake: Arc<dyn Wake>) -> io::Result<Self> {
        Waker::get()?.register(wait.streams(), wait.deadline(), wake)
    }

    /// Calls `wake` after `time`.
    pub fn after(time: Duration, wake: Arc<dyn Wake>) -> io::Result<Self> {
        let time = Timestamp::try_from(time.as_nanos()).unwrap_or(Timestamp::MAX);
        Waker::get()?.register(&[], Some(sys::monotonic_now().saturating_add(time)), wake)
    }

    /// Returns the token.
    #[must_use]
    pub fn token(&self) -> Token {
        self.token
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let removed = self.waker.registry().remove(self.token, &self.waker.poller);
        // Without the lock, because this may close a file.
        drop(removed);
    }
}

/// Maximum number of threads that wait for streams which a [`Poller`] rejects.
const MAX_HELPERS: usize = 16;

/// The longest wait of a helper before it looks for new streams.
const HELPER_SLICE: Duration = Duration::from_millis(10);

/// The waits of the process, and the thread that waits for them.
struct Waker {
    poller: Poller,
    registry: Mutex<Registry>,
    /// Notified when a helper gets a stream.
    helpers: Condvar,
    last: AtomicU64,
}

type Streams = Vec<(Arc<Entry>, Interest)>;

#[derive(Default)]
struct Registry {
    waits: BTreeMap<Token, Registered>,
    /// The waits for each stream in the poller, by [`poller::key`].
    sources: BTreeMap<usize, Vec<(Token, Interest)>>,
    /// Deadlines in order, on the monotonic clock.
    deadlines: BTreeSet<(Timestamp, Token)>,
    /// The streams of each helper thread.
    helpers: Vec<BTreeMap<Token, Streams>>,
}

struct Registered {
    wake: Arc<dyn Wake>,
    /// Streams in the poller.
    streams: Streams,
    deadline: Option<Timestamp>,
    /// The helper that has the other streams.
    helper: Option<usize>,
}

impl Waker {
    /// Returns the waker of the process, and starts its thread at the first call.
    fn get() -> io::Result<&'static Self> {
        static WAKER: OnceCell<Waker> = OnceCell::new();
        static THREAD: OnceCell<()> = OnceCell::new();
        let waker = WAKER.get_or_try_init(|| {
            let (poller, last) = (Poller::new()?, AtomicU64::new(0));
            Ok::<_, io::Error>(Self { poller, registry: Mutex::default(), helpers: Condvar::new(), last })
        })?;
        THREAD.get_or_try_init(|| spawn("capwasi-wait", move || waker.run()))?;
        Ok(waker)
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn register(
        &'static self,
        streams: &[(Arc<Entry>, Interest)],
        deadline: Option<Timestamp>,
        wake: Arc<dyn Wake>,
    ) -> io::Result<Registration> {
        let token = self.last.fetch_add(1, Relaxed) + 1;
        let mut registry = self.registry();
        let (mut polled, mut others) = (Streams::new(), Streams::new());
        for (entry, interest) in streams {
            let accepted = registry.add(token, entry, *interest, &self.poller).is_ok();
            let list = if accepted { &mut polled } else { &mut others };
            list.push((Arc::clone(entry), *interest));
        }
        let registered = Registered { wake, streams: polled, deadline, helper: None };
        registry.waits.insert(token, registered);
        if let Some(deadline) = deadline {
            let is_earliest = registry.deadlines.first().is_none_or(|(earliest, _)| deadline < *earliest);
            registry.deadlines.insert((deadline, token));
            if is_earliest {
                self.poller.notify();
            }
        }
        if !others.is_empty() {
            let helper = self.helper(&mut registry);
            let helper = helper.inspect_err(|_| drop(registry.remove(token, &self.poller)))?;
            registry.helpers[helper].insert(token, others);
            if let Some(registered) = registry.waits.get_mut(&token) {
                registered.helper = Some(helper);
            }
            self.helpers.notify_all();
        }
        Ok(Registration { waker: self, token })
    }

    /// Returns the helper for the next stream: an idle one, a new one, or the one with the fewest streams.
    fn helper(&'static self, registry: &mut Registry) -> io::Result<usize> {
        let len = registry.helpers.len();
        let least = (0..len).min_by_key(|helper| registry.helpers[*helper].len());
        match least {
            Some(helper) if registry.helpers[helper].is_empty() || len == MAX_HELPERS => Ok(helper),
            _ => {
                spawn("capwasi-helper", move || self.help(len))?;
                registry.helpers.push(BTreeMap::new());
                Ok(len)
            }
        }
    }

    /// The thread that waits for streams and deadlines.
    fn run(&self) {
        let mut keys = Vec::new();
        loop {
            let deadline = self.registry().deadlines.first().map(|(deadline, _)| *deadline);
            let left = deadline.map(|at| Duration::from_nanos(at.saturating_sub(sys::monotonic_now())));
            keys.clear();
            if self.poller.wait(left, &mut keys).is_err() {
                // Without memory the system cannot wait. A pause lets other threads free some.
                thread::sleep(HELPER_SLICE);
            }
            let registry = self.registry();
            let mut ended = Vec::new();
            for key in &keys {
                ended.extend(registry.sources.get(key).into_iter().flatten().map(|(token, _)| *token));
            }
            let now = sys::monotonic_now();
            ended.extend(registry.deadlines.iter().take_while(|(at, _)| *at <= now).map(|(_, token)| *token));
            self.end(registry, &ended);
        }
    }

    /// A thread that waits for streams which the poller rejects.
    fn help(&self, helper: usize) {
        loop {
            let mut registry = self.registry();
            while registry.helpers.get(helper).is_none_or(BTreeMap::is_empty) {
                registry = self.helpers.wait(registry).unwrap_or_else(PoisonError::into_inner);
            }
            let waits = registry.helpers[helper].clone();
            drop(registry);
            let streams: Streams = waits.values().flatten().cloned().collect();
            // After an error, the restarted calls report it.
            let Ok(readiness) = poll_streams(&streams, HELPER_SLICE) else {
                self.end(self.registry(), &waits.into_keys().collect::<Vec<_>>());
                continue;
            };
            let tokens = waits.iter().flat_map(|(token, streams)| streams.iter().map(|_| *token));
            let ready = tokens.zip(readiness).filter(|(_, readiness)| readiness.ready);
            let ended: Vec<_> = ready.map(|(token, _)| token).collect();
            self.end(self.registry(), &ended);
        }
    }

    /// Ends waits, and calls back without the lock.
    fn end(&self, mut registry: MutexGuard<'_, Registry>, tokens: &[Token]) {
        let mut ended = Vec::new();
        for token in tokens {
            ended.extend(registry.remove(*token, &self.poller).map(|registered| (*token, registered)));
        }
        drop(registry);
        for (token, registered) in ended {
            registered.wake.wake(token);
        }
    }
}

impl Registry {
    /// Adds a wait for a stream to the poller.
    fn add(
        &mut self,
        token: Token,
        entry: &Arc<Entry>,
        interest: Interest,
        poller: &Poller,
    ) -> io::Result<()> {
        let handle = handle(entry)?;
        let waits = self.sources.entry(poller::key(handle)).or_default();
        let result = if waits.is_empty() {
            poller.add(handle, interest)
        } else if waits.iter().any(|(_, other)| *other == interest) {
            Ok(())
        } else {
            poller.modify(handle, waits.iter().map(|(_, other)| *other).chain([interest]))
        };
        match &result {
            Ok(()) => waits.push((token, interest)),
            Err(_) if waits.is_empty() => drop(self.sources.remove(&poller::key(handle))),
            Err(_) => {}
        }
        result
    }

    /// Removes a wait; `None` if it has ended.
    fn remove(&mut self, token: Token, poller: &Poller) -> Option<Registered> {
        let registered = self.waits.remove(&token)?;
        if let Some(deadline) = registered.deadline {
            self.deadlines.remove(&(deadline, token));
        }
        if let Some(helper) = registered.helper {
            self.helpers[helper].remove(&token);
        }
        for (entry, _) in &registered.streams {
            let Ok(handle) = handle(entry) else { continue };
            let Some(waits) = self.sources.get_mut(&poller::key(handle)) else { continue };
            waits.retain(|(other, _)| *other != token);
            if waits.is_empty() {
                poller.delete(handle);
                self.sources.remove(&poller::key(handle));
            } else {
                // The first event ended the wait of the system for all.
                let _ = poller.modify(handle, waits.iter().map(|(_, other)| *other));
            }
        }
        Some(registered)
    }
}

fn handle(entry: &Entry) -> io::Result<Handle<'_>> {
    match &entry.descriptor {
        Descriptor::Stream(stream) => Ok(stream.handle()),
        _ => Err(io::Error::from(io::ErrorKind::InvalidInput)),
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    sys::keep_loaded();
    thread::Builder::new().name(name.to_owned()).stack_size(128 << 10).spawn(body).map(drop)
}
