//! A sandbox: one thread of a guest with the JavaScript objects that it uses.

use super::helpers::JsHelpers;
use super::memory::MemoryView;
use super::reference::WeakRef;
use super::suspended::Suspended;
use super::timeout::Timeout;
use super::value::Value;
use super::world::World;
use crate::core::cpu_time::Counting;
use crate::core::guest::Guest;
use crate::core::memory::Memory;
use crate::core::pipe::CallbackSlot;
use crate::core::restart::RestartState;
use crate::core::strings::Strings;
use crate::preview1::abi::Call;
use napi::{Env, Error, Result, Status};
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// One thread of a guest, its memory, and the embedder's callbacks.
pub(crate) struct Sandbox {
    pub(crate) world: Arc<World>,
    pub(crate) strings: Arc<Strings>,
    /// Whether another sandbox has created the guest.
    pub(crate) has_joined: bool,
    pub(crate) return_on_exit: bool,
    /// The memory that was bound last; `None` before `start`.
    memory: RefCell<Option<MemoryView>>,
    /// The bytes of `memory`. A copy, which a call reads without borrowing the view.
    bytes: Cell<Option<Memory>>,
    /// An array of the embedder's callbacks, by [`CallbackSlot`]. The state of the WASI object
    /// (lib/state.js) keeps the array alive.
    callbacks: RefCell<Option<WeakRef>>,
    /// The option that standard input comes from, for messages.
    pub(crate) input_option: &'static str,
    /// Whether this sandbox reports captured output to V8.
    pub(crate) captures: bool,
    /// Bytes of captured output that JavaScript has read, by descriptor.
    pub(crate) read: [Cell<u64>; 3],
    /// Bytes of captured output that were reported to V8.
    reported: Cell<usize>,
    /// Calls of `start` and `initialize` that have not returned.
    running: Cell<u32>,
    /// The call for which the guest is suspended, or is about to be.
    suspended: RefCell<Option<Box<Suspended>>>,
    timeout: RefCell<Option<Box<Timeout>>>,
    /// Whether there is a `timeout`.
    has_timeout: Cell<bool>,
}

impl Sandbox {
    /// Bytes by which captured output must grow before the growth is reported to V8.
    const UNREPORTED: usize = 64 << 10;

    /// Creates the first sandbox of a guest, without a memory.
    pub(crate) fn new(world: World, callbacks: Option<WeakRef>, input_option: &'static str) -> Self {
        let captures = world.guest.captured.iter().any(Option::is_some);
        Self {
            captures,
            input_option,
            callbacks: RefCell::new(callbacks),
            ..Self::of(Arc::new(world), false)
        }
    }

    /// Creates another sandbox of a guest, with the same arguments and environment.
    pub(crate) fn joining(world: Arc<World>) -> Self {
        world.guest.captured.iter().flatten().for_each(|capture| capture.keep());
        Self::of(world, true)
    }

    fn of(world: Arc<World>, has_joined: bool) -> Self {
        let taken = |fd: usize| world.guest.captured[fd].as_ref().map_or(0, |capture| capture.taken());
        Self {
            read: [0, 1, 2].map(|fd| Cell::new(taken(fd))),
            strings: Arc::clone(&world.strings),
            has_joined,
            return_on_exit: world.return_on_exit,
            memory: RefCell::new(None),
            bytes: Cell::new(None),
            callbacks: RefCell::new(None),
            input_option: "stdin",
            captures: false,
            reported: Cell::new(0),
            running: Cell::new(0),
            suspended: RefCell::new(None),
            timeout: RefCell::new(None),
            has_timeout: Cell::new(false),
            world,
        }
    }

    /// Releases the references to JavaScript objects.
    pub(crate) fn release(&self, env: &Env) {
        self.bytes.set(None);
        if let Some(view) = self.memory.take() {
            view.delete(env);
        }
        if !self.has_joined {
            if let Some(mailbox) = self.world.mailbox() {
                mailbox.close();
            }
            self.world.end_threads();
        }
        if let Some(callbacks) = self.callbacks.take() {
            callbacks.delete(env);
        }
        self.cancel(env);
        self.set_timeout(None);
        self.report_captured(env, 0);
    }

    /// Stores the call for which the guest is to be suspended. Replaces a call for which the guest could not be
    /// suspended, because JavaScript called the guest without `WebAssembly.promising`.
    pub(crate) fn suspend(&self, env: &Env, call: Suspended) {
        if let Some(old) = self.suspended.replace(Some(Box::new(call))) {
            old.release(env);
        }
    }

    /// Removes and returns the call for which the guest is suspended.
    pub(crate) fn take_suspended(&self) -> Option<Suspended> {
        self.suspended.take().map(|call| *call)
    }

    /// Cancels the wait of the guest, which never continues.
    pub(crate) fn cancel(&self, env: &Env) {
        if let Some(call) = self.take_suspended() {
            call.release(env);
        }
    }

    /// Starts or ends the timeout of a run.
    pub(crate) fn set_timeout(&self, timeout: Option<Timeout>) {
        self.has_timeout.set(timeout.is_some());
        self.timeout.replace(timeout.map(Box::new));
    }

    /// Returns the milliseconds of the timeout if they are over.
    #[inline(always)]
    pub(crate) fn passed_timeout(&self) -> Option<u32> {
        if self.has_timeout.get() { self.passed_milliseconds() } else { None }
    }

    #[cold]
    fn passed_milliseconds(&self) -> Option<u32> {
        let timeout = self.timeout.borrow();
        timeout.as_ref().filter(|timeout| timeout.has_passed()).map(|timeout| timeout.milliseconds)
    }

    /// Returns the bound memory, as of the last look-up; `None` if no memory is bound.
    #[inline(always)]
    pub(crate) fn memory(&self) -> Option<Memory> {
        self.bytes.get()
    }

    /// Describes a call of the guest.
    #[inline(always)]
    pub(crate) fn call(&self, memory: Memory, restart: RestartState) -> Call<'_> {
        Call { guest: &self.world.guest, strings: &self.strings, memory, restart }
    }

    /// Returns whether the guest has ended, or its timeout is over.
    #[inline(always)]
    pub(crate) fn is_over(&self) -> bool {
        self.world.end().is_some() || self.passed_timeout().is_some()
    }

    /// Binds a memory. Returns the guest of another thread that this sandbox joins by that, if there is one. A guest
    /// with a handle joins no other: the handle would then be that of an abandoned guest.
    pub(crate) fn bind(&self, env: &Env, mut view: MemoryView) -> Option<Arc<World>> {
        self.world.note_memory(view.bytes.size());
        self.bytes.set(Some(view.bytes));
        let mut memory = self.memory.borrow_mut();
        let joins = !self.has_joined && !self.world.is_shared();
        let joined = view.bind(memory.as_mut(), &self.world, joins);
        if let Some(old) = memory.replace(view) {
            old.delete(env);
        }
        joined
    }

    /// Returns the sandbox that replaces this one and continues in another guest.
    pub(crate) fn moved_to(&self, world: Arc<World>) -> Self {
        Self {
            strings: Arc::clone(&self.strings),
            return_on_exit: self.return_on_exit,
            memory: RefCell::new(self.memory.take()),
            bytes: Cell::new(self.bytes.take()),
            suspended: RefCell::new(self.suspended.take()),
            timeout: RefCell::new(self.timeout.take()),
            has_timeout: Cell::new(self.has_timeout.get()),
            ..Self::joining(world)
        }
    }

    /// Returns the sandbox that replaces this one after it has left its guest: all its descriptors are closed.
    pub(crate) fn left(&self) -> Self {
        if let Some(view) = &mut *self.memory.borrow_mut() {
            view.unbind();
        }
        let mut guest = Guest::default();
        guest.captured.clone_from(&self.world.guest.captured);
        let World { version, return_on_exit, trace_fd, .. } = *self.world;
        let world = World::new(guest, Arc::clone(&self.strings), version, return_on_exit, trace_fd);
        world.close();
        self.moved_to(Arc::new(world))
    }

    /// Looks the bytes of the bound memory up again, because it may have grown. `None` if no memory is bound.
    #[cold]
    pub(crate) fn refresh_memory(&self, env: &Env, helpers: &JsHelpers) -> Result<Option<Memory>> {
        let memory = self.memory.borrow().as_ref().and_then(|view| view.memory(env));
        let Some(memory) = memory else { return Ok(None) };
        let bytes = helpers.memory_bytes.get(env)?.call(&[memory])?;
        self.bind(env, MemoryView::new(env, memory, bytes)?);
        Ok(self.memory())
    }

    /// Calls a callback of the embedder. Throws its exception.
    pub(crate) fn call_back<'env>(
        &self,
        env: &'env Env,
        slot: CallbackSlot,
        args: &[Value<'_>],
    ) -> Result<Value<'env>> {
        let callbacks = self.callbacks.borrow().as_ref().and_then(|callbacks| callbacks.get(env));
        let callbacks = callbacks.ok_or_else(|| Error::from_status(Status::GenericFailure))?;
        callbacks.element(slot as u32)?.call(args)
    }

    /// Passes output to a callback of the embedder, and returns its result: with `can_wait` it may be a promise. Throws
    /// its exception.
    pub(crate) fn pass_output<'env>(
        &self,
        env: &'env Env,
        slot: CallbackSlot,
        bytes: &[u8],
        can_wait: bool,
    ) -> Result<Value<'env>> {
        let limit = self.world.guest.limits.output.min(i64::MAX as u64) as i64;
        let args = [Value::buffer(env, bytes)?, Value::of(env, limit)?, Value::of(env, can_wait)?];
        self.call_back(env, slot, &args)
    }

    /// Counts a run, and its processor time, until the result is dropped. A `finally` in JavaScript does not run if a
    /// timeout of `node:vm` ends the run.
    pub(crate) fn run(&self) -> Run<'_> {
        let running = &self.running;
        let is_first = running.replace(running.get() + 1) == 0;
        Run { running, _time: is_first.then(|| self.world.cpu_time.count()).flatten() }
    }

    /// Returns whether a call of `start` or `initialize` runs the guest.
    pub(crate) fn is_running(&self) -> bool {
        self.running.get() > 0
    }

    /// Returns whether the memory of captured output has grown by more than `UNREPORTED` since the last report to V8.
    #[inline(always)]
    pub(crate) fn has_unreported_output(&self) -> bool {
        self.captures && self.captured_bytes() > self.reported.get() + Self::UNREPORTED
    }

    /// Reports the memory of captured output to V8, once it has grown by more than `UNREPORTED`.
    pub(crate) fn report_growth(&self, env: &Env) {
        if self.has_unreported_output() {
            self.report_captured(env, self.captured_bytes());
        }
    }

    /// Reports the memory of captured output to V8, which uses the number to schedule garbage collection.
    #[cold]
    pub(crate) fn report_captured(&self, env: &Env, bytes: usize) {
        let change = bytes as i64 - self.reported.get() as i64;
        if change != 0 && env.adjust_external_memory(change).is_ok() {
            self.reported.set(bytes);
        }
    }

    /// Returns how many bytes of captured output native code holds.
    pub(crate) fn captured_bytes(&self) -> usize {
        self.world.guest.captured.iter().flatten().map(|buffer| buffer.held()).sum()
    }
}

/// A call of `start` or `initialize` that has not returned.
pub(crate) struct Run<'a> {
    running: &'a Cell<u32>,
    _time: Option<Counting<'a>>,
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.running.set(self.running.get() - 1);
    }
}
