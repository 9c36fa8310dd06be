//! Wake-ups of an environment: other threads report that waits have ended, and JavaScript continues the calls.

use super::value::Value;
use crate::core::waker::{Token, Wake};
use napi::{Env, Result, check_status, sys};
use once_cell::unsync::OnceCell;
use std::cell::Cell;
use std::ptr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Maximum number of calls that continue in one task of the event loop.
const BATCH: usize = 256;

/// The wake-ups of one environment.
pub(crate) struct Wakeups {
    env: Env,
    queue: OnceCell<Arc<WakeQueue>>,
    /// Number of guests that wait. They keep the process alive.
    waiting: Cell<u32>,
}

/// Ended waits of an environment. Other threads add to the queue.
#[derive(Default)]
pub(crate) struct WakeQueue {
    woken: Mutex<Vec<Token>>,
    /// Calls JavaScript in the thread of the environment; `None` once the environment ends.
    function: Mutex<Option<ThreadsafeFunction>>,
}

/// A thread of a guest that other threads can wake.
pub(crate) struct Sleeper {
    queue: Arc<WakeQueue>,
    token: Token,
}

struct ThreadsafeFunction(sys::napi_threadsafe_function);

// SAFETY: Node-API's thread-safe functions may be called by any thread.
unsafe impl Send for ThreadsafeFunction {}

impl Sleeper {
    /// The first token of [`Self::for_output`], as in lib/suspending.js.
    const OUTPUT: Token = 1 << 52;

    /// Creates the sleeper of a suspended sandbox. Its token is no token of a wait: lib/suspending.js reads it as
    /// `~id`.
    pub(crate) fn new(queue: Arc<WakeQueue>, id: u32) -> Self {
        Self { queue, token: !Token::from(id) }
    }

    /// Creates the sleeper of a sandbox whose callbacks receive output of other threads.
    pub(crate) fn for_output(queue: Arc<WakeQueue>, id: u32) -> Self {
        Self { queue, token: Self::OUTPUT + Token::from(id) }
    }

    pub(crate) fn wake(&self) {
        self.queue.wake(self.token);
    }

    /// Returns whether the environment of the thread exists.
    pub(crate) fn can_wake(&self) -> bool {
        self.queue.function().is_some()
    }
}

impl Wakeups {
    pub(crate) fn new(env: Env) -> Self {
        Self { env, queue: OnceCell::new(), waiting: Cell::new(0) }
    }

    /// Returns the queue. At the first call creates it with `wake`, a function of lib/suspending.js without arguments.
    pub(crate) fn queue(&self, wake: Value<'_>) -> Result<&Arc<WakeQueue>> {
        self.queue.get_or_try_init(|| {
            let env = self.env.raw();
            let name = Value::of(&self.env, "capwasi")?;
            let mut function = ptr::null_mut();
            // SAFETY: values of this environment, no finalizer, and an out pointer for the function.
            check_status!(unsafe {
                sys::napi_create_threadsafe_function(
                    env,
                    wake.raw(),
                    ptr::null_mut(),
                    name.raw(),
                    0,
                    1,
                    ptr::null_mut(),
                    None,
                    ptr::null_mut(),
                    None,
                    &raw mut function,
                )
            })?;
            // SAFETY: the new function. Only guests that wait keep the process alive.
            check_status!(unsafe { sys::napi_unref_threadsafe_function(env, function) })?;
            let queue = Arc::new(WakeQueue::default());
            *queue.function() = Some(ThreadsafeFunction(function));
            self.env.add_env_cleanup_hook(Arc::clone(&queue), |queue| queue.close())?;
            Ok(queue)
        })
    }

    /// Takes ended waits, at most a batch. Another task takes the rest.
    pub(crate) fn take(&self) -> Vec<Token> {
        let Some(queue) = self.queue.get() else { return Vec::new() };
        let mut woken = queue.woken();
        let batch = woken.len().min(BATCH);
        let taken = woken.drain(..batch).collect();
        let has_more = !woken.is_empty();
        drop(woken);
        if has_more {
            queue.call();
        }
        taken
    }

    /// Keeps the process alive until the result is dropped.
    pub(crate) fn keep_alive(self: &Rc<Self>) -> KeepAlive {
        if self.waiting.replace(self.waiting.get() + 1) == 0 {
            self.set_alive(true);
        }
        KeepAlive(Rc::clone(self))
    }

    fn set_alive(&self, is_alive: bool) {
        let Some(queue) = self.queue.get() else { return };
        if let Some(ThreadsafeFunction(function)) = &*queue.function() {
            let change = if is_alive {
                sys::napi_ref_threadsafe_function
            } else {
                sys::napi_unref_threadsafe_function
            };
            // SAFETY: the function of this environment, which is not closed while the lock is held.
            unsafe { change(self.env.raw(), *function) };
        }
    }
}

/// Keeps the process alive.
pub(crate) struct KeepAlive(Rc<Wakeups>);

impl Drop for KeepAlive {
    fn drop(&mut self) {
        let waiting = &self.0.waiting;
        if waiting.replace(waiting.get() - 1) == 1 {
            self.0.set_alive(false);
        }
    }
}

impl Wake for WakeQueue {
    fn wake(&self, token: Token) {
        let mut woken = self.woken();
        woken.push(token);
        let is_first = woken.len() == 1;
        drop(woken);
        if is_first {
            self.call();
        }
    }
}

impl WakeQueue {
    /// Calls JavaScript, in a task of its own.
    fn call(&self) {
        if let Some(ThreadsafeFunction(function)) = &*self.function() {
            let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
            // SAFETY: the function is not closed while the lock is held, and takes no data.
            unsafe { sys::napi_call_threadsafe_function(*function, ptr::null_mut(), mode) };
        }
    }

    /// Releases the function. The environment ends.
    fn close(&self) {
        if let Some(ThreadsafeFunction(function)) = self.function().take() {
            // SAFETY: the last use of the function.
            unsafe {
                sys::napi_release_threadsafe_function(function, sys::ThreadsafeFunctionReleaseMode::abort)
            };
        }
    }

    fn woken(&self) -> MutexGuard<'_, Vec<Token>> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn function(&self) -> MutexGuard<'_, Option<ThreadsafeFunction>> {
        self.function.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
