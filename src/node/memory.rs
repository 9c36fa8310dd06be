//! The view of a guest's `WebAssembly.Memory`. The functions of `wasiImport` detect a detached buffer before each
//! call.

use super::bindings::Binding;
use super::reference::{StrongRef, WeakRef};
use super::value::Value;
use super::world::World;
use crate::core::memory::Memory;
use napi::{Env, Error, Result, Status};
use std::sync::Arc;

/// The memory that is bound to a sandbox.
pub(crate) struct MemoryView {
    /// The `WebAssembly.Memory`.
    memory: WeakRef,
    /// The bytes at the last look-up. If another thread grows the memory, the new bytes are out of bounds until the
    /// next look-up.
    pub(crate) bytes: Memory,
    /// A memory that threads can share.
    shared: Option<Box<SharedMemory>>,
}

struct SharedMemory {
    /// The array of all bytes. It keeps the memory at its address, without keeping other objects alive.
    array: StrongRef,
    /// `None` before the memory is bound.
    binding: Option<Binding>,
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
        let array =
            (array.is_shared()? && !base.is_null()).then(|| StrongRef::new(env, array)).transpose()?;
        let shared = array.map(|array| Box::new(SharedMemory { array, binding: None }));
        Ok(Self { memory: WeakRef::new(env, memory)?, bytes, shared })
    }

    /// Returns the `WebAssembly.Memory`; `None` if it has been collected.
    pub(crate) fn memory<'env>(&self, env: &'env Env) -> Option<Value<'env>> {
        self.memory.get(env)
    }

    /// Binds a memory that threads can share. Continues the binding of a previous view of the same memory. If there was
    /// no view and with `joins`, returns the world of another thread that the sandbox joins, if there is one.
    pub(crate) fn bind(
        &mut self,
        previous: Option<&mut Self>,
        world: &Arc<World>,
        joins: bool,
    ) -> Option<Arc<World>> {
        let shared = self.shared.as_mut()?;
        let address = self.bytes.start();
        let joins = joins && previous.is_none();
        let previous = previous.and_then(|view| view.shared.as_mut()?.binding.take());
        if let Some(binding) = previous.filter(|binding| binding.is_at(address)) {
            shared.binding = Some(binding);
            return None;
        }
        let (binding, joined) = Binding::new(address, world, joins);
        shared.binding = Some(binding);
        (!Arc::ptr_eq(&joined, world)).then_some(joined)
    }

    /// Ends the binding: other sandboxes cannot join by it.
    pub(crate) fn unbind(&mut self) {
        if let Some(shared) = &mut self.shared {
            shared.binding = None;
        }
    }

    /// Deletes the references to the memory.
    pub(crate) fn delete(self, env: &Env) {
        self.memory.delete(env);
        if let Some(shared) = self.shared {
            let SharedMemory { array, binding } = *shared;
            drop(binding);
            array.delete(env);
        }
    }
}
