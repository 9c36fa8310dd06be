//! Clocks of a guest that are functions of the embedder's.

use super::context::call;
use super::error::{self, Class};
use super::memory::WeakRef;
use super::options::clock::nanoseconds;
use crate::wasi::types::{Clockid, Timestamp};
use napi::bindgen_prelude::{JsValue, Unknown};
use napi::{Env, Result, ValueType};
use std::cell::RefCell;

/// The functions, which JavaScript keeps alive as long as one of `wasiImport`'s.
#[derive(Debug, Default)]
pub struct Functions {
    realtime: Option<WeakRef>,
    monotonic: Option<WeakRef>,
}

impl Functions {
    /// Those of the given clocks that are functions.
    pub fn new(env: &Env, [realtime, monotonic]: [Unknown<'_>; 2]) -> Result<Self> {
        let function = |clock: Unknown<'_>| match clock.get_type()? {
            ValueType::Function => WeakRef::new(env, clock.raw()).map(Some),
            _ => Ok(None),
        };
        Ok(Self { realtime: function(realtime)?, monotonic: function(monotonic)? })
    }

    /// Lets go of them.
    pub fn delete(self, env: &Env) {
        for function in [self.realtime, self.monotonic].into_iter().flatten() {
            function.delete(env);
        }
    }
}

/// Asks for the time of a clock. What the function throws stays thrown.
#[cold]
pub fn time(env: &Env, functions: &RefCell<Functions>, clock: Clockid) -> Result<Timestamp> {
    let (function, name) = {
        let functions = functions.borrow();
        let (function, name) = match clock {
            Clockid::Realtime => (&functions.realtime, "realtime"),
            _ => (&functions.monotonic, "monotonic"),
        };
        (function.as_ref().map(|function| function.get(env)), name)
    };
    let function = function.ok_or_else(|| error::not_started(env))?;
    let time = error::unknown(env, call(env, function, None, &[])?)?;
    if let Some(time) = nanoseconds(time)? {
        return Ok(time);
    }
    let received = error::describe(env, time)?;
    let message = format!(
        "Expected a bigint from 0n to 2n ** 64n - 1n to be returned from the \"options.clock.{name}\" function but \
         got {received}."
    );
    Err(error::throw(env, Class::TypeError, "ERR_INVALID_RETURN_VALUE", &message))
}
