//! The view of a guest's `WebAssembly.Memory`: found once, looked at on each call, renewed after growth.

use super::context::{Context, call};
use crate::wasi::memory::Memory;
use napi::{Env, Result, sys};
use std::ffi::c_void;
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
    /// Its `ArrayBuffer`; or, for a shared one, a `Uint8Array` over its `SharedArrayBuffer`, which some
    /// runtimes do not let us look into otherwise.
    view: WeakRef,
    shared: bool,
}

impl MemoryView {
    /// Looks at a memory; `None` if it is no `WebAssembly.Memory`. `owner` keeps the memory and the view alive.
    pub fn new(context: &Context, memory: sys::napi_value, owner: sys::napi_value) -> Result<Option<Self>> {
        let (env, prelude) = (&context.env, context.prelude()?);
        let Ok(buffer) = call(env, prelude.buffer.get(env)?, None, &[memory]) else {
            let mut exception = ptr::null_mut();
            // SAFETY: a place for what was thrown: that this is no Memory.
            napi::check_status!(unsafe {
                sys::napi_get_and_clear_last_exception(env.raw(), &raw mut exception)
            })?;
            return Ok(None);
        };
        let mut unshared = false;
        // SAFETY: a value of this environment.
        napi::check_status!(unsafe { sys::napi_is_arraybuffer(env.raw(), buffer, &raw mut unshared) })?;
        let view = if unshared { buffer } else { call(env, prelude.bytes.get(env)?, None, &[buffer])? };
        call(env, prelude.keep.get(env)?, None, &[owner, memory, view])?;
        Ok(Some(Self {
            memory: WeakRef::new(env, memory)?,
            view: WeakRef::new(env, view)?,
            shared: !unshared,
        }))
    }

    /// The memory as it is now. An `ArrayBuffer` that has been detached by growth has size 0, as has an empty
    /// memory; a shared one never moves, and what lies past the size known here is not there until `renew`.
    #[inline]
    pub fn get(&self, env: &Env) -> Option<Memory> {
        let view = self.view.get(env);
        let (mut base, mut size) = (ptr::null_mut::<c_void>(), 0);
        // SAFETY: `view` is null, which is refused, or what `new` made: a typed array or an ArrayBuffer.
        let status = unsafe {
            if self.shared {
                let (none, unused) = (ptr::null_mut(), ptr::null_mut());
                let (base, size) = (&raw mut base, &raw mut size);
                sys::napi_get_typedarray_info(env.raw(), view, none, size, base, unused, ptr::null_mut())
            } else {
                sys::napi_get_arraybuffer_info(env.raw(), view, &raw mut base, &raw mut size)
            }
        };
        // SAFETY: V8 keeps the buffer mapped as long as JavaScript cannot run, which it cannot during a call
        // before `get` is called again; a shared one as long as it lives. Base and size are the engine's own.
        (status == sys::Status::napi_ok && size != 0).then(|| unsafe { Memory::new(base.cast(), size) })
    }

    /// The `WebAssembly.Memory`, null once it is gone.
    pub fn memory(&self, env: &Env) -> sys::napi_value {
        self.memory.get(env)
    }

    /// Whether other threads can grow it without our noticing.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Lets go of it.
    pub fn delete(self, env: &Env) {
        self.memory.delete(env);
        self.view.delete(env);
    }
}
