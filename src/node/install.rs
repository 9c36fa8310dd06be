//! Connects lib/wasi.js and native code, once per environment.

use super::callback::{Callback, function};
use super::directory::Functions;
use super::env_state::EnvState;
use super::helpers::JsHelpers;
use super::imports::AddFunctions;
use super::methods::{
    Addresses, Bind, Captured, Close, Deliver, Exceeded, Exit, IsExit, IsRunning, Join, Share, Start,
};
use super::suspend::{Cancel, Finish, Restart, SetTimeout, Suspend, TimeoutError, Woken};
use super::value::Value;
use super::{spawning, termination, trace};
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result, sys};
use napi_derive::napi;

/// Receives the functions of lib/wasi.js that native code calls, and returns the native functions for lib/wasi.js.
/// Later calls return undefined: the native functions accept the number of any sandbox, so no other code may get them.
#[napi(catch_unwind)]
pub fn install(env: Env, helpers: Unknown<'_>) -> Result<sys::napi_value> {
    termination::scope(&env, || {
        if EnvState::is_installed(&env)? {
            return Value::undefined(&env).map(Value::raw);
        }
        let helpers = JsHelpers::read(&env, Value::from_unknown(&env, helpers))?;
        let state = EnvState::install(env, helpers)?;
        Ok(functions(&state)?.raw())
    })
}

fn functions(state: &EnvState) -> Result<Value<'_>> {
    fn add<C: Callback>(functions: Value<'_>, state: &EnvState) -> Result<()> {
        functions.set(C::NAME, function::<C>(state)?)
    }
    let functions = Value::object(&state.env)?;
    functions.set("buffer", state.arguments.buffer(&state.env)?)?;
    add::<AddFunctions>(functions, state)?;
    add::<Bind>(functions, state)?;
    add::<Start>(functions, state)?;
    add::<IsRunning>(functions, state)?;
    add::<Exit>(functions, state)?;
    add::<IsExit>(functions, state)?;
    add::<Share>(functions, state)?;
    add::<Join>(functions, state)?;
    add::<Deliver>(functions, state)?;
    add::<Close>(functions, state)?;
    add::<Captured>(functions, state)?;
    add::<Exceeded>(functions, state)?;
    add::<Addresses>(functions, state)?;
    add::<Functions>(functions, state)?;
    add::<Suspend>(functions, state)?;
    add::<Restart>(functions, state)?;
    add::<Finish>(functions, state)?;
    add::<Cancel>(functions, state)?;
    add::<Woken>(functions, state)?;
    add::<SetTimeout>(functions, state)?;
    add::<TimeoutError>(functions, state)?;
    functions.set("trace", trace::functions(state)?)?;
    functions.set("threads", spawning::functions(state)?)?;
    Ok(functions)
}
