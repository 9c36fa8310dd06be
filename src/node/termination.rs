//! Keeps a termination of JavaScript going through native code.
//!
//! `worker.terminate()`, `process.exit()` in a worker, and the timeouts of `node:vm` stop JavaScript with an exception
//! that no JavaScript can catch. Node-API catches this exception when native code has called the JavaScript. V8 still
//! has the termination pending then, and continues it when the callback returns. V8 loses the termination if native code
//! makes an error object or clears the exception first: the worker would continue, and never end.
//!
//! Three rules follow. `__test__/project/termination.spec.mjs` checks the sources for them:
//!
//! 1. Native code that JavaScript calls returns through [`scope`] or through `callback::callback_scope`. Both pass each
//!    failure to [`propagate`].
//! 2. Every failed call of Node-API that can run JavaScript is returned as an `Err`, never ignored. A getter, a setter, a
//!    `toString` and a proxy are JavaScript, too.
//! 3. Only [`catch`] and [`propagate`] clear an exception. The methods of `napi::bindgen_prelude::Function` do so
//!    as well: call functions with `Value::call`.

use super::value::{Value, pending};
use napi::bindgen_prelude::ToNapiValue;
use napi::{Env, Error, Result, sys};
use once_cell::sync::Lazy;
use std::ffi::{CStr, c_void};
use std::ptr;

/// Runs native code that JavaScript has called.
pub(crate) fn scope<T>(env: &Env, body: impl FnOnce() -> Result<T>) -> Result<T> {
    body().map_err(|error| propagate(env, error))
}

/// Returns the error for napi-rs. A pending exception or termination stays pending.
#[cold]
pub(crate) fn propagate(env: &Env, error: Error) -> Error {
    if is_terminating() {
        return pending();
    }
    let thrown = catch(env);
    let status = match thrown {
        // SAFETY: a value of this environment.
        Some(thrown) => unsafe { sys::napi_throw(env.raw(), thrown.raw()) },
        None => probe(env),
    };
    if status != sys::Status::napi_ok {
        terminate();
        return pending();
    }
    if thrown.is_some() { pending() } else { error }
}

/// Requests again a termination that came during napi-rs's own registration. napi-rs clears the exception, and then
/// makes an error object because it cannot define the class.
#[derive(Clone, Copy, Debug)]
pub struct Registration;

impl ToNapiValue for Registration {
    unsafe fn to_napi_value(env: sys::napi_env, _: Self) -> Result<sys::napi_value> {
        let env = Env::from_raw(env);
        if is_terminating() || probe(&env) != sys::Status::napi_ok {
            terminate();
        }
        Value::undefined(&env).map(Value::raw)
    }
}

/// Clears the pending exception and returns it; `None` if there is none, or if JavaScript is being terminated.
pub(crate) fn catch(env: &Env) -> Option<Value<'_>> {
    let (mut is_thrown, mut thrown) = (false, ptr::null_mut());
    // SAFETY: a place for the answer.
    unsafe { sys::napi_is_exception_pending(env.raw(), &raw mut is_thrown) };
    if !is_thrown || is_terminating() {
        return None;
    }
    // SAFETY: a place for the exception.
    unsafe { sys::napi_get_and_clear_last_exception(env.raw(), &raw mut thrown) };
    Some(Value::from_raw(env, thrown))
}

/// Makes a call without an effect, which fails in an environment that is about to end.
fn probe(env: &Env) -> sys::napi_status {
    let (mut value, mut equal) = (ptr::null_mut(), false);
    // SAFETY: a value of this environment, and a place for the answer.
    unsafe {
        sys::napi_get_undefined(env.raw(), &raw mut value);
        sys::napi_strict_equals(env.raw(), value, value, &raw mut equal)
    }
}

/// `static Isolate* v8::Isolate::GetCurrent()`, under its mangled name.
#[cfg(not(windows))]
const GET_CURRENT: &CStr = c"_ZN2v87Isolate10GetCurrentEv";
#[cfg(windows)]
const GET_CURRENT: &CStr = c"?GetCurrent@Isolate@v8@@SAPEAV12@XZ";

/// `void v8::Isolate::TerminateExecution()`.
#[cfg(not(windows))]
const TERMINATE_EXECUTION: &CStr = c"_ZN2v87Isolate18TerminateExecutionEv";
#[cfg(windows)]
const TERMINATE_EXECUTION: &CStr = c"?TerminateExecution@Isolate@v8@@QEAAXXZ";

/// `bool v8::Isolate::IsExecutionTerminating()`.
#[cfg(not(windows))]
const IS_EXECUTION_TERMINATING: &CStr = c"_ZN2v87Isolate22IsExecutionTerminatingEv";
#[cfg(windows)]
const IS_EXECUTION_TERMINATING: &CStr = c"?IsExecutionTerminating@Isolate@v8@@QEAA_NXZ";

/// The address of a function that the program exports, null if there is none.
#[cfg(not(windows))]
fn exported(name: &CStr) -> *const c_void {
    // SAFETY: a look-up by name in the process, which changes nothing.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

/// The address of a function that the program exports, null if there is none.
#[cfg(windows)]
fn exported(name: &CStr) -> *const c_void {
    use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
    // SAFETY: a look-up by name in the program's own module, which is never unloaded.
    let function = unsafe { GetProcAddress(GetModuleHandleW(ptr::null()), name.as_ptr().cast()) };
    function.map_or(ptr::null(), |function| function as *const c_void)
}

type GetCurrent = unsafe extern "C" fn() -> *mut c_void;
type TerminateExecution = unsafe extern "C" fn(*mut c_void);
type IsExecutionTerminating = unsafe extern "C" fn(*mut c_void) -> bool;

/// Functions that V8 exports for addons in C++.
struct Isolate {
    get_current: GetCurrent,
    terminate_execution: TerminateExecution,
    is_execution_terminating: IsExecutionTerminating,
}

/// `None` in a program that does not export them.
static ISOLATE: Lazy<Option<Isolate>> = Lazy::new(|| {
    let functions = [GET_CURRENT, TERMINATE_EXECUTION, IS_EXECUTION_TERMINATING].map(exported);
    if functions.iter().any(|function| function.is_null()) {
        return None;
    }
    let [get_current, terminate_execution, is_execution_terminating] = functions;
    // SAFETY: the mangled names hold the signatures; `this` is passed as the first argument.
    unsafe {
        Some(Isolate {
            get_current: std::mem::transmute::<*const c_void, GetCurrent>(get_current),
            terminate_execution: std::mem::transmute::<*const c_void, TerminateExecution>(
                terminate_execution,
            ),
            is_execution_terminating: std::mem::transmute::<*const c_void, IsExecutionTerminating>(
                is_execution_terminating,
            ),
        })
    }
});

/// Requests that V8 terminates JavaScript at its next call.
fn terminate() {
    if let Some(isolate) = &*ISOLATE {
        // SAFETY: a Node-API callback runs in the current isolate.
        unsafe { (isolate.terminate_execution)((isolate.get_current)()) };
    }
}

/// Returns whether V8 continues to terminate JavaScript once native code returns.
fn is_terminating() -> bool {
    // SAFETY: a Node-API callback runs in the current isolate.
    ISOLATE
        .as_ref()
        .is_some_and(|isolate| unsafe { (isolate.is_execution_terminating)((isolate.get_current)()) })
}
