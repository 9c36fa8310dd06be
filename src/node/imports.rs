//! The hot path: the function a guest calls. One callback, made anew by the compiler for each host function, so
//! that the number and types of its arguments are constants in it.

use super::context::{Context, Instance, call};
use super::embedder;
use super::error::{self, Class};
use super::memory::MemoryView;
use super::trace;
use crate::wasi::abi::{Attempt, Call, CoreArgs, CoreType, MAX_PARAMS};
use crate::wasi::errno::{Errno, Failure};
use crate::wasi::memory::Memory;
use crate::wasi::poll::Wait;
use crate::wasi::{Import, Visitor, preview1, unstable};
use napi::bindgen_prelude::{Function, JsObjectValue, JsValue, Object, Unknown};
use napi::{Env, Error, JsError, Result, Status, ValueType, sys};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::time::Duration;

/// A Node-API callback.
pub type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

/// How long a guest that waits goes without looking whether its worker is to end.
const SLICE: Duration = Duration::from_millis(50);

/// What prelude.js makes the properties of WASI objects of: for each namespace a class of import objects, and
/// functions.
pub fn functions(context: &Rc<Context>) -> Result<Object<'_>> {
    let mut functions = Object::new(&context.env)?;
    functions.set_named_property("wasi_snapshot_preview1", table(context, preview1::visit)?)?;
    functions.set_named_property("wasi_unstable", table(context, unstable::visit)?)?;
    functions.set_named_property("exit", function(context, "exit", exit)?)?;
    functions.set_named_property("setMemory", function(context, "setMemory", set_memory)?)?;
    functions.set_named_property("trace", trace::functions(context)?)?;
    Ok(functions)
}

/// Makes the class of the import objects of one namespace, called WASI as node:wasi's. Their functions are JavaScript
/// around native ones, to which they pass the number of the sandbox: so they have the names and the lengths that
/// node:wasi's have, 46 of them are made in a tenth of the time that binding takes, and V8 calls the native function
/// more directly than through a bound one. Nobody else gets hold of the native functions, or of this class, and could
/// pass another's number: what the objects show as their class is not it.
fn table<'env>(context: &'env Rc<Context>, visit: impl FnOnce(&mut Table<'env>)) -> Result<sys::napi_value> {
    let env = &context.env;
    let mut table = Table { context, natives: Object::new(env), names: Vec::new(), body: Vec::new() };
    visit(&mut table);
    // The number stays that of the sandbox for as long as there is one of the functions, which all share their scope.
    let source = format!(
        "'use strict'; ({{ {names} }}) => {{
        const Imports = class WASI {{ constructor(id, self) {{ self.scope = () => self\n{body} }} }}
        Imports.prototype.constructor = class WASI {{}}
        return Imports }}",
        names = table.names.join(", "),
        body = table.body.join("\n"),
    );
    let make: Function<'_, Object<'_>, Unknown<'_>> = env.run_script(source)?;
    Ok(make.call(table.natives?)?.raw())
}

struct Table<'env> {
    context: &'env Rc<Context>,
    natives: Result<Object<'env>>,
    names: Vec<&'static str>,
    /// The body of the constructor.
    body: Vec<String>,
}

impl Visitor for Table<'_> {
    fn visit<I: Import>(&mut self) {
        self.add(I::NAME, callback::<I>, I::SIGNATURE.params().len());
    }
}

impl Table<'_> {
    /// Adds a function. One of it, while the compiler makes a `visit` for each function.
    fn add(&mut self, name: &'static str, callback: Callback, params: usize) {
        let Ok(natives) = &mut self.natives else { return };
        let added = function(self.context, name, callback)
            .and_then(|function| natives.set_named_property(name, function));
        if let Err(error) = added {
            self.natives = Err(error);
        }
        let (count, inval) = (params, Errno::Inval as u16);
        let params = (0..count).map(|at| format!("a{at}")).collect::<Vec<_>>().join(", ");
        let call = format!("arguments.length === {count} ? {name}(id, {params}) : {inval}");
        self.names.push(name);
        self.body.push(format!(
            "this.{name} = {{ 'bound {name}'({params}) {{ return {call} }} }}['bound {name}']"
        ));
    }
}

/// Makes a native function.
pub fn function(context: &Rc<Context>, name: &str, callback: Callback) -> Result<sys::napi_value> {
    let mut function = ptr::null_mut();
    let data = Rc::as_ptr(context).cast_mut().cast();
    // SAFETY: the environment owns the context as its instance data, so it is there whenever JavaScript runs.
    napi::check_status!(unsafe {
        let (name, len) = (name.as_ptr().cast(), name.len().cast_signed());
        sys::napi_create_function(context.env.raw(), name, len, Some(callback), data, &raw mut function)
    })?;
    Ok(function)
}

/// What a callback is called with: the number of the sandbox, then what the guest passed.
pub type Values = [sys::napi_value; MAX_PARAMS + 1];

/// Reads the first so many values, in place, and tells whose callback it is.
///
/// # Safety
///
/// `info` must be that of a callback that `function` made, which is running.
#[inline(always)]
pub unsafe fn values<'a>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    values: &mut Values,
    len: usize,
) -> &'a Context {
    let (mut len, mut data) = (len.min(values.len()), ptr::null_mut());
    // SAFETY: as promised; what was not passed is undefined.
    unsafe {
        let (len, values) = (&raw mut len, values.as_mut_ptr());
        sys::napi_get_cb_info(env, info, len, values, ptr::null_mut(), &raw mut data);
    }
    // SAFETY: `function` gave the context as the data, and it lives as long as its environment.
    unsafe { &*data.cast::<Context>() }
}

/// The sandbox whose number came first.
#[inline(always)]
pub fn instance(context: &Context, values: &Values) -> Option<Rc<Instance>> {
    let mut id = 0;
    // SAFETY: a value of this environment.
    unsafe { sys::napi_get_value_uint32(context.env.raw(), values[0], &raw mut id) };
    context.instance(id)
}

/// The core values of the arguments, `None` if one is of another type.
#[inline(always)]
fn core_arguments<I: Import>(env: &Env, values: &Values) -> Option<CoreArgs> {
    let mut core = [0; MAX_PARAMS];
    for (at, param) in I::SIGNATURE.params().iter().enumerate() {
        core[at] = match param {
            CoreType::I32 => u64::from(i32_argument(env, values[at + 1])?),
            CoreType::I64 => i64_argument(env, values[at + 1])?,
        };
    }
    Some(core)
}

/// An i32, which WebAssembly passes as a signed number and JavaScript may pass as an unsigned one. -0, like
/// a fraction, is none.
#[inline]
pub fn i32_argument(env: &Env, value: sys::napi_value) -> Option<u32> {
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
pub fn i64_argument(env: &Env, value: sys::napi_value) -> Option<u64> {
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
    guarded(env, || {
        let mut passed = [ptr::null_mut(); MAX_PARAMS + 1];
        // SAFETY: this is the callback.
        let context = unsafe { values(env, info, &mut passed, I::SIGNATURE.params().len() + 1) };
        Ok(number(env, answer::<I>(context, &passed)?.map_or(0, |errno| errno as u32)))
    })
}

/// Runs a callback. An error becomes an exception, and so does a panic, which would be a mistake of ours and must
/// not unwind into Node.
#[inline(always)]
pub fn guarded(env: sys::napi_env, body: impl FnOnce() -> Result<sys::napi_value>) -> sys::napi_value {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => rethrow(env, error),
        Err(_) => rethrow(env, panicked(env)),
    }
}

/// Calls the host function and says what the guest is to be told: nothing went wrong, or an errno; an `Err`
/// is for JavaScript.
#[inline(always)]
fn answer<I: Import>(context: &Context, values: &Values) -> Result<Option<Errno>> {
    let env = &context.env;
    let Some(core) = core_arguments::<I>(env, values) else {
        return Ok(Some(Errno::Inval));
    };
    let Some(instance) = instance(context, values) else {
        return Err(error::not_started(env));
    };
    let memory = bound_memory(context, &instance)?;
    let mut call = Call { wasi: &instance.wasi, memory, attempt: Attempt::FIRST };
    loop {
        let failure = match I::call(&call, &core) {
            Ok(()) => return Ok(None),
            Err(failure) => failure,
        };
        match failure {
            Failure::Errno(Errno::Overflow) => match grown(context, &instance, call.memory)? {
                Some(grown) => call.memory = grown,
                None => return Ok(Some(Errno::Overflow)),
            },
            Failure::Errno(errno) => return Ok(Some(errno)),
            Failure::Wait(wait) => wait_in_place(context, &instance, &mut call, *wait)?,
            Failure::Ask(ask) => {
                embedder::answer(context, &instance, &ask)?;
                go_on(context, &instance, &mut call, ask.attempt)?;
            }
            Failure::Time(clock) => {
                let time = embedder::time(context, &instance, clock)?;
                let mut attempt = std::mem::take(&mut call.attempt);
                attempt.told.tell(clock, time);
                go_on(context, &instance, &mut call, attempt)?;
            }
            Failure::Exit(status) => return Err(exit_process(env, status)),
        }
    }
}

/// The memory the guest is bound to, as it is now.
#[inline(always)]
pub fn bound_memory(context: &Context, instance: &Instance) -> Result<Memory> {
    let Some(memory) = instance.memory.borrow().as_ref().map(|view| view.get(&context.env)) else {
        return Err(error::not_started(&context.env));
    };
    memory.map_or_else(|| renew(context, instance), Ok)
}

/// Looks at the memory anew: it has grown, or it is empty.
#[cold]
fn renew(context: &Context, instance: &Instance) -> Result<Memory> {
    let env = &context.env;
    let memory = instance.memory.borrow().as_ref().map_or(ptr::null_mut(), |view| view.memory(env));
    let view = if memory.is_null() { None } else { MemoryView::new(context, memory)? };
    let now = view.as_ref().and_then(|view| view.get(env)).unwrap_or_default();
    bind(instance, env, view);
    Ok(now)
}

/// What a shared memory has become, if it has grown since `known`, which another thread may have done.
#[cold]
fn grown(context: &Context, instance: &Instance, known: Memory) -> Result<Option<Memory>> {
    if !instance.memory.borrow().as_ref().is_some_and(MemoryView::is_shared) {
        return Ok(None);
    }
    let now = renew(context, instance)?;
    Ok((now.size() > known.size()).then_some(now))
}

fn bind(instance: &Instance, env: &Env, view: Option<MemoryView>) {
    if let Some(old) = instance.memory.replace(view) {
        old.delete(env);
    }
}

/// Waits until the call can be tried again; an exception if the worker is to end meanwhile.
#[cold]
fn wait_in_place(context: &Context, instance: &Instance, waiting: &mut Call<'_>, wait: Wait) -> Result<()> {
    let idle = context.prelude()?.idle.get(&context.env)?;
    loop {
        call(&context.env, idle, None, &[])?;
        // What the system has against the wait it will tell the call, too.
        if wait.block(SLICE).unwrap_or(true) {
            break;
        }
    }
    go_on(context, instance, waiting, wait.attempt)
}

/// Prepares a call to be made again, in the memory as it is now.
#[cold]
fn go_on(context: &Context, instance: &Instance, call: &mut Call<'_>, attempt: Attempt) -> Result<()> {
    call.attempt = attempt;
    call.memory = bound_memory(context, instance)?;
    Ok(())
}

/// Ends the process, or the worker, as JavaScript does: with its `exit` event and what is still to be written. If
/// `process.exit` has been replaced by what returns, or by no function, the guest does not go on all the same.
#[cold]
fn exit_process(env: &Env, status: u32) -> Error {
    let end = || -> Result<Error> {
        let process: Object<'_> = env.get_global()?.get_named_property_unchecked("process")?;
        let exit: Unknown<'_> = process.get_named_property_unchecked("exit")?;
        let status = env.create_int32(status.cast_signed())?;
        if exit.get_type()? == ValueType::Function {
            call(env, exit.raw(), Some(process.raw()), &[status.raw()])?;
        }
        Ok(error::throw_value(env, error::exit(env, status.raw())?.raw()))
    };
    end().unwrap_or_else(|error| error)
}

/// Ends the guest of a sandbox whose `start` is to return.
unsafe extern "C" fn exit(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guarded(env, || {
        let mut passed = [ptr::null_mut(); MAX_PARAMS + 1];
        // SAFETY: this is the callback.
        let context = unsafe { values(env, info, &mut passed, 1) };
        Err(error::throw_value(&context.env, error::caught_exit(&context.env, passed[0])?))
    })
}

/// Binds a memory to a sandbox.
unsafe extern "C" fn set_memory(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guarded(env, || {
        let mut passed = [ptr::null_mut(); MAX_PARAMS + 1];
        // SAFETY: this is the callback.
        let context = unsafe { values(env, info, &mut passed, 2) };
        let env = &context.env;
        let instance = instance(context, &passed).ok_or_else(|| error::not_started(env))?;
        let view = MemoryView::new(context, passed[1])?;
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
