//! The view of a guest's `WebAssembly.Memory`. lib/imports.js detects a detached buffer before each call.

use super::reference::WeakRef;
use super::value::Value;
use crate::core::memory::Memory;
use napi::{Env, Error, Result, Status};

/// The memory that is bound to a sandbox.
#[derive(Debug)]
pub(crate) struct MemoryView {
    /// The `WebAssembly.Memory`.
    memory: WeakRef,
    /// The bytes at the last look-up. Bytes that another thread has added since are out of bounds until the next one.
    pub(crate) bytes: Memory,
}

impl MemoryView {
    /// Makes the view of a memory that the `Uint8Array` covers. Some engines do not give native code access to a
    /// `SharedArrayBuffer` except through an array.
    pub(crate) fn new(env: &Env, memory: Value<'_>, array: Value<'_>) -> Result<Self> {
        let Some((base, size)) = array.bytes()? else {
            return Err(Error::from_status(Status::InvalidArg));
        };
        // SAFETY: base and size are the engine's. It keeps the bytes mapped while the memory lives and its buffer is not
        // detached. A caller of native code for a guest holds that memory, and lib/imports.js has checked that the
        // buffer is not detached. After JavaScript has run in between, native code itself looks the bytes up again.
        let bytes = unsafe { Memory::new(base, size) };
        Ok(Self { memory: WeakRef::new(env, memory)?, bytes })
    }

    /// Returns the `WebAssembly.Memory`; `None` if it has been collected.
    pub(crate) fn memory<'env>(&self, env: &'env Env) -> Option<Value<'env>> {
        self.memory.get(env)
    }

    /// Deletes the reference to the memory.
    pub(crate) fn delete(self, env: &Env) {
        self.memory.delete(env);
    }
}
