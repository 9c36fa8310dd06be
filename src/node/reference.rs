//! References to JavaScript objects that outlive a call.

use super::value::Value;
use napi::{Env, Result, sys};
use std::ptr;

/// Keeps an object alive: until `delete`, or as long as the environment.
pub(crate) struct StrongRef(sys::napi_ref);

impl StrongRef {
    pub(crate) fn new(env: &Env, object: Value<'_>) -> Result<Self> {
        create(env, object, 1).map(Self)
    }

    /// Returns the object.
    pub(crate) fn get<'env>(&self, env: &'env Env) -> Result<Value<'env>> {
        let mut value = ptr::null_mut();
        // SAFETY: the reference lives as long as its environment.
        napi::check_status!(unsafe { sys::napi_get_reference_value(env.raw(), self.0, &raw mut value) })?;
        Ok(Value::from_raw(env, value))
    }

    /// Deletes the reference.
    pub(crate) fn delete(self, env: &Env) {
        delete(env, self.0);
    }
}

/// Refers to an object that JavaScript keeps alive. A strong reference would need a finalizer to delete it, and
/// finalizers do not run while a program creates sandboxes in a loop.
pub(crate) struct WeakRef(sys::napi_ref);

impl WeakRef {
    pub(crate) fn new(env: &Env, object: Value<'_>) -> Result<Self> {
        create(env, object, 0).map(Self)
    }

    /// Returns the object; `None` if it has been collected.
    #[inline]
    pub(crate) fn get<'env>(&self, env: &'env Env) -> Option<Value<'env>> {
        let mut value = ptr::null_mut();
        // SAFETY: the reference lives until `delete`, which consumes it.
        unsafe { sys::napi_get_reference_value(env.raw(), self.0, &raw mut value) };
        (!value.is_null()).then(|| Value::from_raw(env, value))
    }

    /// Deletes the reference.
    pub(crate) fn delete(self, env: &Env) {
        delete(env, self.0);
    }
}

fn delete(env: &Env, reference: sys::napi_ref) {
    // SAFETY: made by `create` in this environment. `delete` consumes the only owner.
    unsafe { sys::napi_delete_reference(env.raw(), reference) };
}

fn create(env: &Env, object: Value<'_>, count: u32) -> Result<sys::napi_ref> {
    let mut reference = ptr::null_mut();
    // SAFETY: an object of this environment, and an out pointer for the reference.
    napi::check_status!(unsafe {
        sys::napi_create_reference(env.raw(), object.raw(), count, &raw mut reference)
    })?;
    Ok(reference)
}
