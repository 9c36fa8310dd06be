//! A native callback: its arguments, the state of its environment, and a barrier for panics and exceptions. Every
//! native function is created here, except the class and `install`, which napi-rs creates.

use super::env_state::EnvState;
use super::error;
use super::sandbox::Sandbox;
use super::termination;
use super::value::Value;
use napi::{Env, Error, JsError, Result, Status, sys};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

/// A function for JavaScript.
pub(crate) trait Callback {
    /// Name of the function.
    const NAME: &'static str;

    /// Calls the function. `None` returns undefined to JavaScript.
    fn call<'a>(state: &'a EnvState, args: RawArgs<'a>) -> Result<Option<Value<'a>>>;
}

/// Defines callbacks.
macro_rules! callbacks {
    ($($(#[$doc:meta])* $callback:ident $name:literal |$state:ident, $args:ident| $body:block)*) => {$(
        $(#[$doc])*
        pub(crate) struct $callback;

        impl Callback for $callback {
            const NAME: &'static str = $name;

            fn call<'a>($state: &'a EnvState, $args: RawArgs<'a>) -> Result<Option<Value<'a>>> $body
        }
    )*};
}
pub(crate) use callbacks;

/// Maximum number of arguments that [`RawArgs::read`] reads.
const MAX_CALLBACK_ARGS: usize = 5;

/// Arguments; undefined for those that were not passed.
pub(crate) type CallbackArgs<'a> = [Value<'a>; MAX_CALLBACK_ARGS];

/// Arguments before they are read from Node-API, because reading takes a call.
pub(crate) struct RawArgs<'a> {
    state: &'a EnvState,
    info: sys::napi_callback_info,
}

impl<'a> RawArgs<'a> {
    /// Reads the arguments.
    pub(crate) fn read(self) -> Result<CallbackArgs<'a>> {
        let env = &self.state.env;
        let mut args = [ptr::null_mut(); MAX_CALLBACK_ARGS];
        let (mut len, this, data) = (args.len(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: `trampoline` passes its own callback info; there is room for as many values as `len` says.
        napi::check_status!(unsafe {
            sys::napi_get_cb_info(env.raw(), self.info, &raw mut len, args.as_mut_ptr(), this, data)
        })?;
        Ok(args.map(|raw| Value::from_raw(env, raw)))
    }

    /// Reads the arguments of a function whose first argument is the number of a sandbox. `ERR_WASI_NOT_STARTED` if
    /// that sandbox was released.
    pub(crate) fn read_with_sandbox(self) -> Result<(Rc<Sandbox>, CallbackArgs<'a>)> {
        let state = self.state;
        let args = self.read()?;
        let sandbox = args[0].convert().ok().and_then(|id| state.sandbox(id));
        Ok((sandbox.ok_or_else(|| error::not_started(&state.env))?, args))
    }
}

/// Creates the JavaScript function of a callback.
pub(crate) fn function<C: Callback>(state: &EnvState) -> Result<Value<'_>> {
    let (env, mut function) = (&state.env, ptr::null_mut());
    let data = ptr::from_ref(state).cast_mut().cast();
    // SAFETY: the environment owns the state as its instance data, so the state exists whenever JavaScript runs.
    napi::check_status!(unsafe {
        let (name, len) = (C::NAME.as_ptr().cast(), C::NAME.len().cast_signed());
        sys::napi_create_function(env.raw(), name, len, Some(trampoline::<C>), data, &raw mut function)
    })?;
    Ok(Value::from_raw(env, function))
}

/// Adds the function of a callback to an object, under its name.
pub(crate) fn add_function<C: Callback>(functions: Value<'_>, state: &EnvState) -> Result<()> {
    functions.set(C::NAME, function::<C>(state)?)
}

/// The entry point of a callback for Node-API. There is one for each callback.
unsafe extern "C" fn trampoline<C: Callback>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    callback_scope(env, || {
        // SAFETY: this is a native function of an installed environment.
        let state = unsafe { EnvState::only() }.unwrap_or_else(|| state_of(env, info));
        let result = C::call(state, RawArgs { state, info })?;
        Ok(result.map_or(ptr::null_mut(), Value::raw))
    })
}

/// Returns the state that [`function`] passed.
fn state_of<'a>(env: sys::napi_env, info: sys::napi_callback_info) -> &'a EnvState {
    let mut data = ptr::null_mut();
    let (len, args, this) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: the info of this call; nulls for results that are not wanted.
    unsafe { sys::napi_get_cb_info(env, info, len, args, this, &raw mut data) };
    // SAFETY: the data is the state, which lives as long as its environment.
    unsafe { &*data.cast::<EnvState>() }
}

/// Runs a callback and throws its error. A panic, which is a bug, is thrown as an error too: it must not unwind into
/// Node.
#[inline(always)]
fn callback_scope(env: sys::napi_env, body: impl FnOnce() -> Result<sys::napi_value>) -> sys::napi_value {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => propagate_exception(env, error),
        Err(_) => propagate_exception(env, panic_error(env)),
    }
}

/// Throws an error. If the environment is terminating, nothing can be thrown, and the guest gets an object in place
/// of a number. The conversion of the object to a number calls JavaScript, where V8 carries out the termination.
/// Without this, a guest that only calls host functions would never end.
#[cold]
fn propagate_exception(env: sys::napi_env, error: Error) -> sys::napi_value {
    let env = Env::from_raw(env);
    let error = termination::propagate(&env, error);
    if error.status != Status::PendingException {
        // SAFETY: the environment that called.
        unsafe { JsError::from(error).throw_into(env.raw()) };
        return ptr::null_mut();
    }
    let probe = |state: Rc<EnvState>| state.helpers.termination_probe.get(&env).map(Value::raw);
    EnvState::of(&env).and_then(probe).unwrap_or(ptr::null_mut())
}

#[cold]
fn panic_error(env: sys::napi_env) -> Error {
    let message = "capwasi panicked; this is a bug in capwasi";
    error::throw_plain(&Env::from_raw(env), "ERR_INTERNAL_ASSERTION", message)
}
