//! Passes a termination of JavaScript through native code.
//!
//! `worker.terminate()`, `process.exit()` in a worker, and the timeouts of `node:vm` stop JavaScript with an
//! exception that no JavaScript can catch. Node-API catches this exception when native code calls JavaScript. The
//! termination stays pending in V8, which continues it after the callback returns. If native code creates an error
//! object or clears the exception before that, V8 loses the termination: the worker continues and never ends.
//!
//! Three rules prevent that. `__test__/project/termination.spec.mjs` checks the sources:
//!
//! 1. Native code that JavaScript calls returns through [`scope`] or through `callback::callback_scope`. Both pass each
//!    failure to [`propagate`].
//! 2. Every failed call of Node-API that can run JavaScript is returned as an `Err`, never ignored. Getters, setters,
//!    `toString` and proxies run JavaScript.
//! 3. Only [`catch`] and [`propagate`] clear an exception. The methods of `napi::bindgen_prelude::Function` also clear
//!    exceptions: call functions with `Value::call`.

use super::value::{Value, pending};
use napi::bindgen_prelude::ToNapiValue;
use napi::{Env, Error, Result, sys};
use once_cell::sync::Lazy;
use std::cell::{Cell, RefCell};
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

/// Repeats a termination that was requested while napi-rs registers the addon. napi-rs cannot define the class then:
/// it clears the exception and creates an error object.
#[derive(Clone, Copy)]
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
    // SAFETY: an out pointer for the result.
    unsafe { sys::napi_is_exception_pending(env.raw(), &raw mut is_thrown) };
    if !is_thrown || is_terminating() {
        return None;
    }
    // SAFETY: an out pointer for the exception.
    unsafe { sys::napi_get_and_clear_last_exception(env.raw(), &raw mut thrown) };
    Some(Value::from_raw(env, thrown))
}

/// An environment's instance of V8, for [`stop`]. Null in a program that does not export V8's functions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Isolate(*mut c_void);

// SAFETY: only an address. V8 allows `TerminateExecution` from any thread.
unsafe impl Send for Isolate {}

impl Isolate {
    /// Returns the instance of this thread.
    pub(crate) fn current() -> Self {
        // SAFETY: a Node-API callback runs in the current isolate.
        Self(FUNCTIONS.as_ref().map_or(ptr::null_mut(), |functions| unsafe { (functions.get_current)() }))
    }
}

/// Stops the JavaScript and WebAssembly of another thread, also in `memory.atomic.wait`. The thread must have native
/// code on its stack that calls [`resume`]. Does nothing in a program that does not export V8's functions.
pub(crate) fn stop(isolate: Isolate) {
    if let Some(functions) = FUNCTIONS.as_ref().filter(|_| !isolate.0.is_null()) {
        // SAFETY: the isolate lives, because its thread has native code on its stack.
        unsafe { (functions.terminate_execution)(isolate.0) };
    }
}

/// Continues with JavaScript after [`stop`]. Fails if the environment is about to end, or if `is_stopped` returns that
/// an outer run of this thread was stopped too.
pub(crate) fn resume(env: &Env, is_stopped: impl FnOnce() -> bool) -> Result<()> {
    let (isolate, mut thrown) = (Isolate::current(), ptr::null_mut());
    if let Some(functions) = FUNCTIONS.as_ref().filter(|_| !isolate.0.is_null()) {
        // SAFETY: the current isolate, and an out pointer for an exception, which may be pending.
        unsafe {
            (functions.cancel_terminate_execution)(isolate.0);
            sys::napi_get_and_clear_last_exception(env.raw(), &raw mut thrown);
        }
    }
    if probe(env) == sys::Status::napi_ok && !is_stopped() {
        return Ok(());
    }
    terminate();
    Err(pending())
}

/// Makes a call of Node-API that has no effect. The call fails in an environment that is about to end.
fn probe(env: &Env) -> sys::napi_status {
    let (mut value, mut equal) = (ptr::null_mut(), false);
    // SAFETY: a value of this environment, and an out pointer for the result.
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

/// `void v8::Isolate::CancelTerminateExecution()`.
#[cfg(not(windows))]
const CANCEL_TERMINATE_EXECUTION: &CStr = c"_ZN2v87Isolate24CancelTerminateExecutionEv";
#[cfg(windows)]
const CANCEL_TERMINATE_EXECUTION: &CStr = c"?CancelTerminateExecution@Isolate@v8@@QEAAXXZ";

/// `bool v8::Isolate::IsExecutionTerminating()`.
#[cfg(not(windows))]
const IS_EXECUTION_TERMINATING: &CStr = c"_ZN2v87Isolate22IsExecutionTerminatingEv";
#[cfg(windows)]
const IS_EXECUTION_TERMINATING: &CStr = c"?IsExecutionTerminating@Isolate@v8@@QEAA_NXZ";

/// `void v8::Isolate::AddNearHeapLimitCallback(size_t (*)(void*, size_t, size_t), void*)`.
#[cfg(not(windows))]
const ADD_NEAR_HEAP_LIMIT_CALLBACK: &CStr = c"_ZN2v87Isolate24AddNearHeapLimitCallbackEPFmPvmmES1_";
#[cfg(windows)]
const ADD_NEAR_HEAP_LIMIT_CALLBACK: &CStr = c"?AddNearHeapLimitCallback@Isolate@v8@@QEAAXP6A_KPEAX_K1@Z0@Z";

/// Returns the address of a function that the program exports, or null.
#[cfg(not(windows))]
fn exported(name: &CStr) -> *const c_void {
    // SAFETY: a look-up by name in the process, which changes nothing.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

/// Returns the address of a function that the program exports, or null.
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
struct Functions {
    get_current: GetCurrent,
    terminate_execution: TerminateExecution,
    cancel_terminate_execution: TerminateExecution,
    is_execution_terminating: IsExecutionTerminating,
}

/// V8's functions; `None` in a program that does not export them.
static FUNCTIONS: Lazy<Option<Functions>> = Lazy::new(|| {
    let names = [GET_CURRENT, TERMINATE_EXECUTION, CANCEL_TERMINATE_EXECUTION, IS_EXECUTION_TERMINATING];
    let functions = names.map(exported);
    if functions.iter().any(|function| function.is_null()) {
        return None;
    }
    let [get_current, terminate_execution, cancel_terminate_execution, is_execution_terminating] = functions;
    // SAFETY: the mangled names contain the signatures. C++ passes `this` as the first argument.
    unsafe {
        Some(Functions {
            get_current: std::mem::transmute::<*const c_void, GetCurrent>(get_current),
            terminate_execution: std::mem::transmute::<*const c_void, TerminateExecution>(
                terminate_execution,
            ),
            cancel_terminate_execution: std::mem::transmute::<*const c_void, TerminateExecution>(
                cancel_terminate_execution,
            ),
            is_execution_terminating: std::mem::transmute::<*const c_void, IsExecutionTerminating>(
                is_execution_terminating,
            ),
        })
    }
});

/// Bytes by which the heap of a thread may exceed its limit once, until V8 has terminated JavaScript. If that is not
/// enough, V8 ends the process: it does not interrupt a loop that only allocates large arrays. An array of WebAssembly
/// has at most 1 GiB.
const HEAP_RESERVE: usize = 1088 << 20;

thread_local! {
    /// Called when the heap of this thread is full. `None` before [`guard_heap`].
    static ON_FULL_HEAP: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
    static IS_HEAP_FULL: Cell<bool> = const { Cell::new(false) };
}

type NearHeapLimitCallback = extern "C" fn(*mut c_void, usize, usize) -> usize;
type AddNearHeapLimitCallback = unsafe extern "C" fn(*mut c_void, NearHeapLimitCallback, *mut c_void);

/// Calls `on_full` when the heap of this thread has reached its limit, and terminates JavaScript then. Replaces an
/// earlier `on_full`. Does nothing in a program that does not export V8's functions.
pub(crate) fn guard_heap(on_full: impl Fn() + 'static) {
    let is_first = ON_FULL_HEAP.replace(Some(Box::new(on_full))).is_none();
    let (add, isolate) = (exported(ADD_NEAR_HEAP_LIMIT_CALLBACK), Isolate::current());
    if !is_first || add.is_null() || isolate.0.is_null() {
        return;
    }
    // SAFETY: the mangled name contains the signature. C++ passes `this` as the first argument.
    let add = unsafe { std::mem::transmute::<*const c_void, AddNearHeapLimitCallback>(add) };
    // SAFETY: the current isolate. The callback uses no data.
    unsafe { add(isolate.0, near_heap_limit, ptr::null_mut()) };
}

/// Called by V8, in the thread of the heap. Returns the new limit. Must not use the heap.
extern "C" fn near_heap_limit(_data: *mut c_void, current: usize, _initial: usize) -> usize {
    ON_FULL_HEAP.with(|on_full| {
        if let Ok(Some(on_full)) = on_full.try_borrow().as_deref() {
            on_full();
        }
    });
    terminate();
    if IS_HEAP_FULL.replace(true) { current } else { current.saturating_add(HEAP_RESERVE) }
}

/// Requests that V8 terminates JavaScript at its next call.
fn terminate() {
    stop(Isolate::current());
}

/// Returns whether V8 continues to terminate JavaScript once native code returns.
fn is_terminating() -> bool {
    // SAFETY: a Node-API callback runs in the current isolate.
    FUNCTIONS
        .as_ref()
        .is_some_and(|functions| unsafe { (functions.is_execution_terminating)((functions.get_current)()) })
}
