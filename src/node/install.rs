//! Connects lib/wasi.js and native code, once per environment.

use super::callback::{Callback, RawArgs, add_function, callbacks, function};
use super::env_state::EnvState;
use super::helpers::JsHelpers;
use super::imports::AddFunctions;
use super::methods::{
    Addresses, Bind, Captured, Close, Deliver, Exceeded, Exit, IsExit, IsRunning, Join, Share, Start,
};
use super::value::Value;
use super::{directory, processes, spawning, suspend, termination, trace};
use crate::core::lock;
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result, sys};
use napi_derive::napi;

/// Receives the functions of lib/wasi.js that native code calls, and returns the function `natives`. Later calls return
/// undefined: the native functions accept the number of any sandbox, so no other code may get them.
#[napi(catch_unwind)]
pub fn install(env: Env, helpers: Unknown<'_>) -> Result<sys::napi_value> {
    termination::scope(&env, || {
        if EnvState::is_installed(&env)? {
            return Value::undefined(&env).map(Value::raw);
        }
        // SAFETY: threads share objects with locks or counters only by handles and bindings, which call
        // `share_objects`. Cached handles of directories, and the streams that the waiting thread has, have neither.
        unsafe { lock::confine_objects() };
        let helpers = JsHelpers::read(&env, Value::from_unknown(&env, helpers))?;
        let state = EnvState::install(env, helpers)?;
        Ok(function::<Natives>(&state)?.raw())
    })
}

callbacks! {
    /// `natives()`: creates the native functions for lib/. Creating them while the module loads would slow loading.
    Natives "natives" |state, _args| {
        functions(state).map(Some)
    }
}

fn functions(state: &EnvState) -> Result<Value<'_>> {
    let functions = Value::object(&state.env)?;
    functions.set("buffer", state.arguments.buffer(&state.env)?)?;
    add_function::<AddFunctions>(functions, state)?;
    add_function::<Bind>(functions, state)?;
    add_function::<Start>(functions, state)?;
    add_function::<IsRunning>(functions, state)?;
    add_function::<Exit>(functions, state)?;
    add_function::<IsExit>(functions, state)?;
    add_function::<Share>(functions, state)?;
    add_function::<Join>(functions, state)?;
    add_function::<Deliver>(functions, state)?;
    add_function::<Close>(functions, state)?;
    add_function::<Captured>(functions, state)?;
    add_function::<Exceeded>(functions, state)?;
    add_function::<Addresses>(functions, state)?;
    add_function::<directory::Functions>(functions, state)?;
    add_function::<suspend::Functions>(functions, state)?;
    add_function::<trace::Functions>(functions, state)?;
    add_function::<spawning::Functions>(functions, state)?;
    add_function::<processes::Functions>(functions, state)?;
    Ok(functions)
}
