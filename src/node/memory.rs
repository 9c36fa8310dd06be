//! The view of a guest's `WebAssembly.Memory`: found once, looked at on each call, renewed after growth.

use super::context::{Context, call};
use crate::wasi::memory::Memory;
use napi::{Env, Result, sys};
use std::ptr;

/// A weak reference: what it refers to is kept alive by JavaScript, not by us. A strong one could only be let
/// go by a finalizer, and those do not run while a program makes sandbox after sandbox without a pause.
#[derive(Debug)]
pub struct WeakRef(sys::napi_ref);

impl WeakRef {
    /// Refers to an object.
    pub fn new(env: &Env, object: sys::napi_value) -> Result<Self> {
        let mut reference = ptr::null_mut();
        // SAFETY: an object of this environment.
        napi::check_status!(unsafe { sys::napi_create_reference(env.raw(), object, 0, &raw mut reference) })?;
        Ok(Self(reference))
    }

    /// The object, null once it is gone.
    #[inline]
    pub fn get(&self, env: &Env) -> sys::napi_value {
        let mut value = ptr::null_mut();
        // SAFETY: the reference lives until `delete`, which takes it.
        unsafe { sys::napi_get_reference_value(env.raw(), self.0, &raw mut value) };
        value
    }

    /// Lets go of the reference itself.
    pub fn delete(self, env: &Env) {
        // SAFETY: made by `new` in this environment and not used again.
        unsafe { sys::napi_delete_reference(env.raw(), self.0) };
    }
}

/// A guest's memory, as JavaScript has it.
#[derive(Debug)]
pub struct MemoryView {
    /// The `WebAssembly.Memory`.
    memory: WeakRef,
    view: View,
}

#[derive(Debug)]
enum View {
    /// The `ArrayBuffer` of a memory, which growth detaches.
    Own(WeakRef),
    /// Where a shared memory is, as long as it lives, and how large it was when it was looked at.
    Shared(Memory),
}

impl MemoryView {
    /// Looks at a memory; `None` if it is no `WebAssembly.Memory`.
    pub fn new(context: &Context, memory: sys::napi_value) -> Result<Option<Self>> {
        let (env, prelude) = (&context.env, context.prelude()?);
        let Ok(buffer) = call(env, prelude.buffer.get(env)?, None, &[memory]) else {
            let mut exception = ptr::null_mut();
            // SAFETY: a place for what was thrown: that this is no Memory.
            napi::check_status!(unsafe {
                sys::napi_get_and_clear_last_exception(env.raw(), &raw mut exception)
            })?;
            return Ok(None);
        };
        let mut own = false;
        // SAFETY: a value of this environment.
        napi::check_status!(unsafe { sys::napi_is_arraybuffer(env.raw(), buffer, &raw mut own) })?;
        let view = if own {
            View::Own(WeakRef::new(env, buffer)?)
        } else {
            // Some runtimes do not let us look into a SharedArrayBuffer but through a typed array.
            View::Shared(typed_array(env, call(env, prelude.bytes.get(env)?, None, &[buffer])?)?)
        };
        Ok(Some(Self { memory: WeakRef::new(env, memory)?, view }))
    }

    /// The memory as it is now. An `ArrayBuffer` that has been detached by growth has size 0, as has an empty
    /// memory; of a shared one, what lies past the size known here is not there until it is looked at anew.
    #[inline(always)]
    pub fn get(&self, env: &Env) -> Option<Memory> {
        let memory = match &self.view {
            View::Own(buffer) => array_buffer(env, buffer.get(env))?,
            // What the reference gives keeps the memory alive for the time of the call.
            View::Shared(memory) => (!self.memory.get(env).is_null()).then_some(*memory)?,
        };
        (memory.size() != 0).then_some(memory)
    }

    /// The `WebAssembly.Memory`, null once it is gone.
    pub fn memory(&self, env: &Env) -> sys::napi_value {
        self.memory.get(env)
    }

    /// Whether other threads can grow it without our noticing.
    pub fn is_shared(&self) -> bool {
        matches!(self.view, View::Shared(_))
    }

    /// Lets go of it.
    pub fn delete(self, env: &Env) {
        self.memory.delete(env);
        if let View::Own(buffer) = self.view {
            buffer.delete(env);
        }
    }
}

/// Where the engine has the bytes of an `ArrayBuffer`; `None` for null.
#[inline(always)]
fn array_buffer(env: &Env, buffer: sys::napi_value) -> Option<Memory> {
    let (mut base, mut size) = (ptr::null_mut(), 0);
    // SAFETY: null, which is refused, or an ArrayBuffer of this environment.
    let status = unsafe { sys::napi_get_arraybuffer_info(env.raw(), buffer, &raw mut base, &raw mut size) };
    // SAFETY: the engine keeps the buffer mapped as long as JavaScript cannot run, which it cannot during a call
    // before `MemoryView::get` is called again. Base and size are the engine's own.
    (status == sys::Status::napi_ok).then(|| unsafe { Memory::new(base.cast(), size) })
}

/// Where the engine has the bytes of a typed array that covers a shared memory.
fn typed_array(env: &Env, array: sys::napi_value) -> Result<Memory> {
    let (mut base, mut size) = (ptr::null_mut(), 0);
    let (kind, buffer, offset) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: a typed array of this environment; nulls for what is not asked.
    napi::check_status!(unsafe {
        let (base, size) = (&raw mut base, &raw mut size);
        sys::napi_get_typedarray_info(env.raw(), array, kind, size, base, buffer, offset)
    })?;
    // SAFETY: a shared memory never moves nor shrinks, and `MemoryView::get` sees to it that it is alive. Base and
    // size are the engine's own.
    Ok(unsafe { Memory::new(base.cast(), size) })
}
