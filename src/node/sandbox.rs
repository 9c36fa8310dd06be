//! A sandbox: a guest with the JavaScript objects that it uses.

use super::helpers::JsHelpers;
use super::memory::MemoryView;
use super::reference::WeakRef;
use super::suspended::Suspended;
use super::timeout::Timeout;
use super::value::Value;
use crate::core::guest::Guest;
use crate::core::memory::Memory;
use crate::core::pipe::CallbackSlot;
use crate::preview1::describe::CallFormat;
use napi::{Env, Error, Result, Status};
use std::cell::{Cell, RefCell};

/// A guest, its memory, and the embedder's callbacks.
#[derive(Debug)]
pub(crate) struct Sandbox {
    pub(crate) guest: Guest,
    /// The memory that was bound last; `None` before `start`.
    memory: RefCell<Option<MemoryView>>,
    /// An array of the embedder's callbacks, by [`CallbackSlot`]. lib/wasi.js keeps the array alive.
    callbacks: RefCell<Option<WeakRef>>,
    /// The option that standard input comes from, for messages.
    pub(crate) input_option: &'static str,
    /// Formats of the calls of its functions, for the option `trace`.
    pub(crate) formats: &'static [CallFormat],
    /// Whether output is captured.
    pub(crate) captures: bool,
    /// Bytes of captured output that were reported to V8.
    reported: Cell<usize>,
    /// Calls of `start` and `initialize` that have not returned.
    running: Cell<u32>,
    /// The call for which the guest is suspended, or is about to be.
    suspended: RefCell<Option<Box<Suspended>>>,
    timeout: RefCell<Option<Timeout>>,
    /// Whether there is a `timeout`.
    has_timeout: Cell<bool>,
}

impl Sandbox {
    /// Bytes by which captured output must grow before the growth is reported to V8.
    const UNREPORTED: usize = 64 << 10;

    /// Creates a sandbox without a memory.
    pub(crate) fn new(
        guest: Guest,
        callbacks: Option<WeakRef>,
        input_option: &'static str,
        formats: &'static [CallFormat],
    ) -> Self {
        Self {
            captures: guest.captured.iter().any(Option::is_some),
            reported: Cell::new(0),
            running: Cell::new(0),
            suspended: RefCell::new(None),
            timeout: RefCell::new(None),
            has_timeout: Cell::new(false),
            guest,
            memory: RefCell::new(None),
            callbacks: RefCell::new(callbacks),
            input_option,
            formats,
        }
    }

    /// Releases the references to JavaScript objects.
    pub(crate) fn release(&self, env: &Env) {
        if let Some(view) = self.memory.take() {
            view.delete(env);
        }
        if let Some(callbacks) = self.callbacks.take() {
            callbacks.delete(env);
        }
        self.cancel(env);
        self.set_timeout(None);
        self.report_captured(env, 0);
    }

    /// Notes the call for which the guest is to be suspended. A call for which it was not suspended in the end, because
    /// JavaScript called the guest without `WebAssembly.promising`, is forgotten.
    pub(crate) fn suspend(&self, env: &Env, call: Suspended) {
        if let Some(old) = self.suspended.replace(Some(Box::new(call))) {
            old.release(env);
        }
    }

    /// Returns the call for which the guest is suspended, and forgets it.
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
        self.timeout.replace(timeout);
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
        self.memory.borrow().as_ref().map(|view| view.bytes)
    }

    /// Binds a memory.
    pub(crate) fn bind(&self, env: &Env, view: MemoryView) -> Memory {
        let bytes = view.bytes;
        if let Some(old) = self.memory.replace(Some(view)) {
            old.delete(env);
        }
        bytes
    }

    /// Looks the bytes of the bound memory up again, because it may have grown. `None` if no memory is bound.
    #[cold]
    pub(crate) fn refresh_memory(&self, env: &Env, helpers: &JsHelpers) -> Result<Option<Memory>> {
        let memory = self.memory.borrow().as_ref().and_then(|view| view.memory(env));
        let Some(memory) = memory else { return Ok(None) };
        let bytes = helpers.memory_bytes.get(env)?.call(&[memory])?;
        Ok(Some(self.bind(env, MemoryView::new(env, memory, bytes)?)))
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

    /// Counts a run until the result is dropped. A `finally` in JavaScript does not run if a timeout of `node:vm` ends
    /// the run.
    pub(crate) fn run(&self) -> Run<'_> {
        self.running.set(self.running.get() + 1);
        Run(&self.running)
    }

    /// Returns whether a call of `start` or `initialize` runs the guest.
    pub(crate) fn is_running(&self) -> bool {
        self.running.get() > 0
    }

    /// Reports the memory of captured output to V8 if it has grown by more than `UNREPORTED`.
    #[inline(always)]
    pub(crate) fn report_growth(&self, env: &Env) {
        if self.captures && self.captured_bytes() > self.reported.get() + Self::UNREPORTED {
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
        self.guest.captured.iter().flatten().map(|buffer| buffer.held()).sum()
    }
}

/// A call of `start` or `initialize` that has not returned.
#[derive(Debug)]
pub(crate) struct Run<'a>(&'a Cell<u32>);

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
