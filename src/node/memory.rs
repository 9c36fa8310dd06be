//! The view of a guest's `WebAssembly.Memory`: found when it is bound, and again when it has grown. That it is still
//! there, the functions that the guest calls see by themselves (imports.rs, prelude.js), for next to nothing.

use super::context::{Context, call};
use crate::core::memory::Memory;
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

/// A guest's memory.
#[derive(Debug)]
pub struct MemoryView {
    /// The `WebAssembly.Memory`.
    pub memory: WeakRef,
    /// Where its bytes were when it was looked at, and how many. Of a memory that other threads have grown since, what
    /// lies past them is not there until it is looked at anew.
    pub bytes: Memory,
}

impl MemoryView {
    /// That of a memory which such an array covers.
    pub fn new(env: &Env, memory: sys::napi_value, array: sys::napi_value) -> Result<Self> {
        let bytes = bytes(env, array)?;
        Ok(Self { memory: WeakRef::new(env, memory)?, bytes })
    }

    /// Lets go of it.
    pub fn delete(self, env: &Env) {
        self.memory.delete(env);
    }
}

/// A typed array that covers a memory as it is now, since some engines do not let us look into a `SharedArrayBuffer` but
/// through one; `None` if it is no `WebAssembly.Memory`.
pub fn array(context: &Context, memory: sys::napi_value) -> Result<Option<sys::napi_value>> {
    let env = &context.env;
    let array = call(env, context.prelude()?.bytes.get(env)?, None, &[memory])?;
    let mut kind = 0;
    // SAFETY: a value of this environment.
    napi::check_status!(unsafe { sys::napi_typeof(env.raw(), array, &raw mut kind) })?;
    Ok((kind != sys::ValueType::napi_undefined).then_some(array))
}

/// Where the engine has the bytes that a typed array covers.
fn bytes(env: &Env, array: sys::napi_value) -> Result<Memory> {
    let (mut base, mut size) = (ptr::null_mut(), 0);
    let (kind, buffer, offset) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: a typed array of this environment; nulls for what is not asked.
    napi::check_status!(unsafe {
        let (base, size) = (&raw mut base, &raw mut size);
        sys::napi_get_typedarray_info(env.raw(), array, kind, size, base, buffer, offset)
    })?;
    // SAFETY: base and size are the engine's own. It keeps the bytes mapped as long as the memory lives and its buffer is
    // not detached. Whoever calls native code for a guest has that memory, and has made sure that the buffer is not;
    // after JavaScript has run in between, native code itself looks at the memory anew.
    Ok(unsafe { Memory::new(base.cast(), size) })
}
