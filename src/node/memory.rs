//! The view of a guest's `WebAssembly.Memory`. The functions of `wasiImport` detect a detached buffer before each
//! call.

use super::reference::WeakRef;
use super::value::Value;
use crate::core::memory::Memory;
use napi::{Env, Error, Result, Status};

/// The memory that is bound to a sandbox.
#[derive(Debug)]
pub(crate) struct MemoryView {
    /// The `WebAssembly.Memory`.
    memory: WeakRef,
    /// The bytes at the last look-up. If another thread grows the memory, the new bytes are out of bounds until the
    /// next look-up.
    pub(crate) bytes: Memory,
}

impl MemoryView {
    /// Creates the view of a memory. `array` is a `Uint8Array` of all its bytes: in some engines, native code can
    /// access a `SharedArrayBuffer` only through an array.
    pub(crate) fn new(env: &Env, memory: Value<'_>, array: Value<'_>) -> Result<Self> {
        let Some((base, size)) = array.bytes()? else {
            return Err(Error::from_status(Status::InvalidArg));
        };
        // SAFETY: the engine returned base and size. The bytes stay mapped while the memory lives and its buffer is
        // not detached. The calling guest keeps the memory alive, and its import function has checked that the buffer
        // is not detached. After each call of JavaScript, native code looks the bytes up again.
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
