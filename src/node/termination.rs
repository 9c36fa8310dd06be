//! Keeping a worker's end an end. `worker.terminate()`, and `process.exit()` in a worker, stop JavaScript with an
//! exception that nobody can catch, but Node-API catches it all the same when native code has called that
//! JavaScript, and Node-API itself has nothing to throw it on with. Without this, a worker whose guest was
//! stopped would go on behind `start()`. V8's own function asks for the end anew; it is exported for C++ addons.

use super::error::pending;
use napi::{Env, Error, Status, sys};
use once_cell::sync::Lazy;
use std::ffi::{CStr, c_void};
use std::ptr;

/// The error to return after a call of JavaScript has failed: what was thrown is still on its way, or else
/// JavaScript is being terminated, and goes on being.
pub fn failed(env: &Env, status: sys::napi_status) -> Error {
    if !matches!(status, sys::Status::napi_pending_exception | sys::Status::napi_cannot_run_js) {
        return Error::from_status(Status::from(status));
    }
    let mut thrown = ptr::null_mut();
    // SAFETY: a place for what was thrown, which is thrown again: that fails only if JavaScript may not run.
    let status = unsafe {
        sys::napi_get_and_clear_last_exception(env.raw(), &raw mut thrown);
        sys::napi_throw(env.raw(), thrown)
    };
    if status != sys::Status::napi_ok {
        terminate();
    }
    pending()
}

/// `static Isolate* v8::Isolate::GetCurrent()`, as compilers there name it.
#[cfg(not(windows))]
const GET_CURRENT: &CStr = c"_ZN2v87Isolate10GetCurrentEv";
#[cfg(windows)]
const GET_CURRENT: &CStr = c"?GetCurrent@Isolate@v8@@SAPEAV12@XZ";

/// `void v8::Isolate::TerminateExecution()`.
#[cfg(not(windows))]
const TERMINATE_EXECUTION: &CStr = c"_ZN2v87Isolate18TerminateExecutionEv";
#[cfg(windows)]
const TERMINATE_EXECUTION: &CStr = c"?TerminateExecution@Isolate@v8@@QEAAXXZ";

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

fn terminate() {
    type GetCurrent = unsafe extern "C" fn() -> *mut c_void;
    type TerminateExecution = unsafe extern "C" fn(*mut c_void);

    static FUNCTIONS: Lazy<Option<(GetCurrent, TerminateExecution)>> = Lazy::new(|| {
        let (get_current, terminate) = (exported(GET_CURRENT), exported(TERMINATE_EXECUTION));
        if get_current.is_null() || terminate.is_null() {
            return None;
        }
        // SAFETY: the mangled names hold the signatures; `this` is passed as the first argument.
        unsafe {
            Some((
                std::mem::transmute::<*const c_void, GetCurrent>(get_current),
                std::mem::transmute::<*const c_void, TerminateExecution>(terminate),
            ))
        }
    });
    if let Some((get_current, terminate)) = *FUNCTIONS {
        // SAFETY: a Node-API callback runs in the current isolate.
        unsafe { terminate(get_current()) };
    }
}
