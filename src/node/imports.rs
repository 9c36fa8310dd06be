//! The hot path: the function a guest calls. One callback, made anew by the compiler for each host function, so
//! that the number and types of its arguments are constants in it.

use super::context::{Context, Instance, Symbol, call};
use super::error::{self, Class};
use super::memory::MemoryView;
use crate::wasi::abi::{Attempt, Call, CoreArgs, CoreType, MAX_PARAMS};
use crate::wasi::errno::{Errno, Failure};
use crate::wasi::memory::Memory;
use crate::wasi::poll::Wait;
use crate::wasi::{Import, Visitor, preview1, unstable};
use napi::bindgen_prelude::{JsObjectValue, JsValue, Object, Unknown};
use napi::{Env, Error, JsError, Property, PropertyAttributes, Result, Status, sys};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::time::Duration;

/// A Node-API callback.
type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

/// How long a guest that waits goes without looking whether its worker is to end.
const SLICE: Duration = Duration::from_millis(50);

/// Makes the functions that prelude.js binds for each WASI object: to the object, and to its number.
pub fn functions(context: &Rc<Context>) -> Result<Object<'_>> {
    let env = &context.env;
    let mut functions = Object::new(env)?;
    functions.set_named_property("preview1", table(context, preview1::visit)?)?;
    functions.set_named_property("unstable", table(context, unstable::visit)?)?;
    let exit = function(context, "wasiReturnOnProcExit", 1, return_on_proc_exit)?;
    functions.set_named_property("wasiReturnOnProcExit", exit)?;
    functions.set_named_property("setMemory", function(context, "setMemory", 1, set_memory)?)?;
    Ok(functions)
}

/// Makes one function for each import of a table.
fn table<'env>(context: &'env Rc<Context>, visit: impl FnOnce(&mut Functions<'env>)) -> Result<Object<'env>> {
    let mut functions = Functions { context, result: Object::new(&context.env) };
    visit(&mut functions);
    functions.result
}

struct Functions<'env> {
    context: &'env Rc<Context>,
    result: Result<Object<'env>>,
}

impl Visitor for Functions<'_> {
    fn visit<I: Import>(&mut self) {
        if let Ok(object) = &mut self.result {
            let params = I::SIGNATURE.params().len();
            let added = function(self.context, I::NAME, params, callback::<I>)
                .and_then(|function| object.set_named_property(I::NAME, function));
            if let Err(error) = added {
                self.result = Err(error);
            }
        }
    }
}

/// Makes a function of so many parameters, besides the number it is bound to.
fn function(context: &Rc<Context>, name: &str, params: usize, callback: Callback) -> Result<sys::napi_value> {
    let env = &context.env;
    let mut function = ptr::null_mut();
    let data = Rc::as_ptr(context).cast_mut().cast();
    // SAFETY: the environment owns the context as its instance data, so it is there whenever JavaScript runs.
    napi::check_status!(unsafe {
        let (name, len) = (name.as_ptr().cast(), name.len().cast_signed());
        sys::napi_create_function(env.raw(), name, len, Some(callback), data, &raw mut function)
    })?;
    let length = env.create_uint32(params as u32 + 1)?;
    let length = Property::new().with_utf8_name("length")?.with_value(&length);
    let length = length.with_property_attributes(PropertyAttributes::Configurable);
    Object::from_raw(env.raw(), function).define_properties(&[length])?;
    Ok(function)
}

/// The arguments of a callback, and whose it is.
struct Arguments<'a> {
    context: &'a Context,
    this: sys::napi_value,
    /// The number it is bound to, then what the guest passed, as far as the function has parameters.
    values: [sys::napi_value; MAX_PARAMS + 1],
    /// How many the guest passed.
    count: usize,
}

impl Arguments<'_> {
    /// Reads so many arguments and the number.
    #[inline(always)]
    fn read(env: sys::napi_env, info: sys::napi_callback_info, params: usize) -> Self {
        let mut count = params + 1;
        let mut values = [ptr::null_mut(); MAX_PARAMS + 1];
        let (mut this, mut data) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: `info` is that of the callback, which `function` gave the context as its data.
        unsafe {
            let (count, values) = (&raw mut count, values.as_mut_ptr());
            sys::napi_get_cb_info(env, info, count, values, &raw mut this, &raw mut data);
        }
        // SAFETY: see above; the context lives as long as its environment.
        Self { context: unsafe { &*data.cast::<Context>() }, this, values, count: count.saturating_sub(1) }
    }

    /// The sandbox that the function is bound to.
    #[inline]
    fn instance(&self) -> Option<Rc<Instance>> {
        let mut id = 0;
        // SAFETY: the first value is there, if only as undefined.
        unsafe { sys::napi_get_value_uint32(self.context.env.raw(), self.values[0], &raw mut id) };
        self.context.instance(id)
    }

    /// The core values, `None` if there are not as many as the function takes or one is of another type.
    #[inline(always)]
    fn core<I: Import>(&self) -> Option<CoreArgs> {
        let params = I::SIGNATURE;
        let params = params.params();
        if self.count != params.len() {
            return None;
        }
        let mut core = [0; MAX_PARAMS];
        for (at, param) in params.iter().enumerate() {
            let value = self.values[at + 1];
            core[at] = match param {
                CoreType::I32 => u64::from(i32_argument(&self.context.env, value)?),
                CoreType::I64 => i64_argument(&self.context.env, value)?,
            };
        }
        Some(core)
    }
}

/// An i32, which WebAssembly passes as a signed number and JavaScript may pass as an unsigned one. -0, like
/// a fraction, is none.
#[inline]
fn i32_argument(env: &Env, value: sys::napi_value) -> Option<u32> {
    let mut number = 0.0;
    // SAFETY: a value of this environment.
    let status = unsafe { sys::napi_get_value_double(env.raw(), value, &raw mut number) };
    let integer = number as i64;
    let (low, high) = (i64::from(i32::MIN), i64::from(u32::MAX));
    if status != sys::Status::napi_ok || integer < low || integer > high {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "33 bits fit in a double")]
    let exact = (integer as f64).to_bits() == number.to_bits();
    exact.then_some(integer as u32)
}

/// An i64, which is a `BigInt` of any size, modulo 2^64.
#[inline]
fn i64_argument(env: &Env, value: sys::napi_value) -> Option<u64> {
    let (mut number, mut lossless) = (0, false);
    // SAFETY: a value of this environment.
    let status =
        unsafe { sys::napi_get_value_bigint_int64(env.raw(), value, &raw mut number, &raw mut lossless) };
    (status == sys::Status::napi_ok).then_some(number.cast_unsigned())
}

/// An errno, or 0, as a number; null, which is undefined, if the environment is being torn down.
#[inline]
fn number(env: sys::napi_env, errno: u32) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: a place for the value.
    unsafe { sys::napi_create_uint32(env, errno, &raw mut value) };
    value
}

/// What a guest calls.
unsafe extern "C" fn callback<I: Import>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    guarded(env, info, I::SIGNATURE.params().len(), |arguments| {
        Ok(number(env, answer::<I>(arguments)?.map_or(0, |errno| errno as u32)))
    })
}

/// Runs a callback. An error becomes an exception, and so does a panic, which would be a mistake of ours and must
/// not unwind into Node.
#[inline(always)]
fn guarded(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    params: usize,
    body: impl FnOnce(&Arguments<'_>) -> Result<sys::napi_value>,
) -> sys::napi_value {
    match catch_unwind(AssertUnwindSafe(|| body(&Arguments::read(env, info, params)))) {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => rethrow(env, error),
        Err(_) => rethrow(env, panicked(env)),
    }
}

/// Calls the host function and says what the guest is to be told: nothing went wrong, or an errno; an `Err`
/// is for JavaScript.
#[inline(always)]
fn answer<I: Import>(arguments: &Arguments<'_>) -> Result<Option<Errno>> {
    let env = &arguments.context.env;
    let Some(core) = arguments.core::<I>() else {
        return Ok(Some(Errno::Inval));
    };
    let Some(instance) = arguments.instance() else {
        return Err(error::not_started(env));
    };
    let memory = bound_memory(arguments, &instance)?;
    let mut call = Call { wasi: &instance.wasi, memory, attempt: Attempt::default() };
    loop {
        let failure = match I::call(&call, &core) {
            Ok(()) => return Ok(None),
            Err(failure) => failure,
        };
        match failure {
            Failure::Errno(Errno::Overflow) => match grown(arguments, &instance, call.memory)? {
                Some(grown) => call.memory = grown,
                None => return Ok(Some(Errno::Overflow)),
            },
            Failure::Errno(errno) => return Ok(Some(errno)),
            Failure::Wait(wait) => {
                wait_in_place(arguments.context, &wait)?;
                call.attempt = wait.attempt;
                call.memory = bound_memory(arguments, &instance)?;
            }
            Failure::Exit(status) => return exit_process(env, status),
        }
    }
}

/// The memory the guest is bound to, as it is now.
#[inline(always)]
fn bound_memory(arguments: &Arguments<'_>, instance: &Instance) -> Result<Memory> {
    let env = &arguments.context.env;
    let Some(memory) = instance.memory.borrow().as_ref().map(|view| view.get(env)) else {
        return Err(error::not_started(env));
    };
    memory.map_or_else(|| renew(arguments, instance), Ok)
}

/// Looks at the memory anew: it has grown, or it is empty.
#[cold]
fn renew(arguments: &Arguments<'_>, instance: &Instance) -> Result<Memory> {
    let env = &arguments.context.env;
    let memory = instance.memory.borrow().as_ref().map_or(ptr::null_mut(), |view| view.memory(env));
    let view =
        if memory.is_null() { None } else { MemoryView::new(arguments.context, memory, arguments.this)? };
    let now = view.as_ref().and_then(|view| view.get(env)).unwrap_or_default();
    bind(instance, env, view);
    Ok(now)
}

/// What a shared memory has become, if it has grown since `known`, which another thread may have done.
#[cold]
fn grown(arguments: &Arguments<'_>, instance: &Instance, known: Memory) -> Result<Option<Memory>> {
    if !instance.memory.borrow().as_ref().is_some_and(MemoryView::is_shared) {
        return Ok(None);
    }
    let now = renew(arguments, instance)?;
    Ok((now.size() > known.size()).then_some(now))
}

fn bind(instance: &Instance, env: &Env, view: Option<MemoryView>) {
    if let Some(old) = instance.memory.replace(view) {
        old.delete(env);
    }
}

/// Waits until the call can be tried again; an exception if the worker is to end meanwhile.
#[cold]
fn wait_in_place(context: &Context, wait: &Wait) -> Result<()> {
    let idle = context.prelude()?.idle.get(&context.env)?;
    loop {
        call(&context.env, idle, None, &[])?;
        // What the system has against the wait it will tell the call, too.
        if wait.block(SLICE).unwrap_or(true) {
            return Ok(());
        }
    }
}

/// Ends the process, or the worker, as JavaScript does: with its `exit` event and what is still to be written.
#[cold]
fn exit_process(env: &Env, status: u32) -> Result<Option<Errno>> {
    let process: Object<'_> = env.get_global()?.get_named_property_unchecked("process")?;
    let exit: Unknown<'_> = process.get_named_property_unchecked("exit")?;
    let status = env.create_int32(status.cast_signed())?;
    call(env, exit.raw(), Some(process.raw()), &[status.raw()])?;
    Ok(None)
}

/// `proc_exit` when `start` is to return: records what it was given, whatever that is, and ends the guest.
unsafe extern "C" fn return_on_proc_exit(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    guarded(env, info, 1, |arguments| {
        let env = &arguments.context.env;
        let code = arguments.values[1];
        let key = arguments.context.symbol(Symbol::ExitCode)?;
        // SAFETY: values of this environment; the function is bound to its WASI object.
        napi::check_status!(unsafe { sys::napi_set_property(env.raw(), arguments.this, key, code) })?;
        Err(error::throw_value(env, error::exit(env, code)?))
    })
}

/// Binds a memory to a WASI object.
unsafe extern "C" fn set_memory(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guarded(env, info, 1, |arguments| {
        let env = &arguments.context.env;
        let instance = arguments.instance().ok_or_else(|| error::not_started(env))?;
        let view = MemoryView::new(arguments.context, arguments.values[1], arguments.this)?;
        if view.is_none() {
            let message = "\"instance.exports.memory\" property must be a WebAssembly.Memory object";
            return Err(error::throw_plain(env, Class::TypeError, "ERR_INVALID_ARG_TYPE", message));
        }
        bind(&instance, env, view);
        Ok(ptr::null_mut())
    })
}

/// Lets an exception go on its way. If none is, the worker is being terminated; then a guest that asks for a
/// number is given an object, because converting that calls JavaScript, and there the termination strikes. A
/// loop that calls nothing else would never meet it.
#[cold]
fn rethrow(env: sys::napi_env, error: Error) -> sys::napi_value {
    if error.status != Status::PendingException {
        // SAFETY: the environment that called.
        unsafe { JsError::from(error).throw_into(env) };
        return ptr::null_mut();
    }
    let idle = Context::of(Env::from_raw(env)).and_then(|context| context.prelude()?.idle.get(&context.env));
    idle.unwrap_or(ptr::null_mut())
}

#[cold]
fn panicked(env: sys::napi_env) -> Error {
    let message = "capwasi panicked; this is a bug in capwasi";
    error::throw(&Env::from_raw(env), Class::Error, "ERR_INTERNAL_ASSERTION", message)
}
