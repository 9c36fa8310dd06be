//! The hot path: the function a guest calls. One callback, made anew by the compiler for each host function, so
//! that the number and types of its arguments are constants in it.

use super::context::{Context, Instance, call};
use super::embedder;
use super::error::{self, Class};
use super::memory::{self, MemoryView};
use super::options::OPTIONS;
use super::termination;
use super::trace;
use crate::core::memory::Memory;
use crate::core::outcome::Outcome;
use crate::core::restart::RestartState;
use crate::core::wait::Wait;
use crate::preview1::abi::{Call, CoreType};
use crate::preview1::imports::{Import, Visitor, preview1, unstable};
use crate::sys::errno::Errno;
use napi::bindgen_prelude::{JsObjectValue, JsValue, Object, Unknown};
use napi::{Env, Error, JsError, Result, Status, ValueType, sys};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::time::Duration;

/// A Node-API callback.
pub type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

/// How long a guest that waits goes without looking whether its worker is to end.
const SLICE: Duration = Duration::from_millis(50);

/// What prelude.js makes the properties of WASI objects of.
pub fn functions(context: &Rc<Context>) -> Result<Object<'_>> {
    let mut functions = Object::new(&context.env)?;
    functions.set_named_property("frame", context.frame.buffer(&context.env)?)?;
    functions.set_named_property("imports", function(context, "imports", imports)?)?;
    functions.set_named_property("exit", function(context, "exit", exit)?)?;
    functions.set_named_property("isRunning", function(context, "isRunning", is_running)?)?;
    functions.set_named_property("setMemory", function(context, "setMemory", set_memory)?)?;
    functions.set_named_property("options", OPTIONS.to_vec())?;
    functions.set_named_property("trace", trace::functions(context)?)?;
    Ok(functions)
}

/// `imports(namespace, tools)`: makes the class of the import objects of a namespace, when it is first needed, as that
/// takes a while. prelude.js has the tools from the start, when nobody can have put others in their place.
unsafe extern "C" fn imports(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guarded(env, || {
        // SAFETY: this is the callback.
        let (context, passed) = unsafe { values(env, info) };
        let context = Context::of(context.env)?;
        match error::text(&context.env, passed[0])?.as_str() {
            "wasi_unstable" => table(&context, passed[1], unstable::visit),
            _ => table(&context, passed[1], preview1::visit),
        }
    })
}

/// Makes the class of the import objects of one namespace, called WASI as node:wasi's. Their functions are JavaScript
/// around native ones, with the names and the lengths that node:wasi's have; 46 of them are made in a tenth of the time
/// that binding takes. What they do, V8 compiles into them: they check the count and the types of the arguments, put
/// them into the frame, and see whether the buffer of the memory is still there, which growth detaches. Nobody else
/// gets hold of the native functions, or of this class, and could pass another's number: what the objects show as
/// their class is not it.
fn table<'env>(
    context: &'env Rc<Context>,
    tools: sys::napi_value,
    visit: impl FnOnce(&mut Table<'env>),
) -> Result<sys::napi_value> {
    let env = &context.env;
    let mut table = Table { context, passed: Ok(vec![tools]), names: Vec::new(), body: Vec::new() };
    visit(&mut table);
    // `self` stays for as long as there is one of the functions, and with it the sandbox that has the number.
    let source = format!(
        "'use strict'; ({{ ints, longs, i32, i64, nothing }}, {names}) => {{
        const Imports = class WASI {{ constructor(id, self) {{ {body} }} }}
        Imports.prototype.constructor = class WASI {{}}
        return Imports }}",
        names = table.names.join(", "),
        body = table.body.join("\n"),
    );
    let make: Unknown<'_> = env.run_script(source)?;
    call(env, make.raw(), None, &table.passed?)
}

struct Table<'env> {
    context: &'env Rc<Context>,
    /// The tools, then the native functions: not in an object, where somebody may have put a setter.
    passed: Result<Vec<sys::napi_value>>,
    names: Vec<&'static str>,
    /// The body of the constructor.
    body: Vec<String>,
}

impl Visitor for Table<'_> {
    fn visit<I: Import>(&mut self) {
        self.add(I::NAME, callback::<I>, I::SIGNATURE.params());
    }
}

impl Table<'_> {
    /// Adds a function. One of it, while the compiler makes a `visit` for each function.
    fn add(&mut self, name: &'static str, callback: Callback, params: &[CoreType]) {
        let Ok(passed) = &mut self.passed else { return };
        match function(self.context, name, callback) {
            Ok(function) => passed.push(function),
            Err(error) => self.passed = Err(error),
        }
        let (count, inval) = (params.len(), Errno::Inval as u16);
        let names = (1..=count).map(|at| format!("a{at}")).collect::<Vec<_>>().join(", ");
        let check = |(at, param): (usize, &CoreType)| match param {
            CoreType::I32 => format!(" && i32(a{at})"),
            CoreType::I64 => format!(" && i64(a{at})"),
        };
        let write = |(at, param): (usize, &CoreType)| match param {
            CoreType::I32 => format!("ints[{}] = a{at}; ", 2 * at),
            CoreType::I64 => format!("longs[{at}] = a{at}; "),
        };
        let checks = (1..).zip(params).map(check).collect::<String>();
        let writes = (1..).zip(params).map(write).collect::<String>();
        self.names.push(name);
        // From where the memory is seen to be there, nothing is called but native code: an engine lets other JavaScript
        // run (a debugger's, for one) where a function begins. The native function returns nothing, or what `rethrow`
        // returns while a worker is being terminated. An exception ends the run, if there is one. It is stored without
        // a call, because a guest could leave no stack for one. With `bytes` empty, each later call of the run begins
        // with `look`.
        self.body.push(format!(
            "this.{name} = {{ 'bound {name}'({names}) {{
                if (!(arguments.length === {count}{checks})) {{ self.check(); return {inval} }}
                if (self.bytes[0] === undefined) self.look()
                {writes}ints[0] = id
                try {{
                const ending = {name}()
                return ending === undefined ? ints[0] : ending
                }} catch (thrown) {{
                    self.bytes = nothing
                    throw self.run === undefined ? thrown : (self.run.end ??= {{ thrown }}).thrown
                }}
            }} }}['bound {name}']"
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

/// How many values a callback that is no guest's is called with, at most.
const MAX_VALUES: usize = 5;

/// What such a callback is called with.
pub type Values = [sys::napi_value; MAX_VALUES];

/// Whose callback it is.
///
/// # Safety
///
/// `info` must be that of a callback that `function` made, which is running.
#[inline(always)]
unsafe fn context<'a>(env: sys::napi_env, info: sys::napi_callback_info) -> &'a Context {
    let mut data = ptr::null_mut();
    let (len, values, this) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: as promised; nulls for what is not asked.
    unsafe { sys::napi_get_cb_info(env, info, len, values, this, &raw mut data) };
    // SAFETY: `function` gave the context as the data, and it lives as long as its environment.
    unsafe { &*data.cast::<Context>() }
}

/// What a callback is called with, what was not passed being undefined, and whose it is.
///
/// # Safety
///
/// As for `context`.
pub unsafe fn values<'a>(env: sys::napi_env, info: sys::napi_callback_info) -> (&'a Context, Values) {
    let mut values = [ptr::null_mut(); MAX_VALUES];
    let (mut len, this, data) = (values.len(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: as promised; room for as many values as `len` says.
    unsafe {
        sys::napi_get_cb_info(env, info, &raw mut len, values.as_mut_ptr(), this, data);
        (context(env, info), values)
    }
}

/// The sandbox whose number came first.
pub fn instance(context: &Context, values: &Values) -> Option<Rc<Instance>> {
    let mut id = 0;
    // SAFETY: a value of this environment.
    unsafe { sys::napi_get_value_uint32(context.env.raw(), values[0], &raw mut id) };
    context.instance(id)
}

/// What a guest calls: all of it is in the frame.
unsafe extern "C" fn callback<I: Import>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    guarded(env, || {
        // SAFETY: this is the callback.
        let context = unsafe { context(env, info) };
        let answer = answer::<I>(context)?;
        context.frame.answer(answer.map_or(0, |errno| errno as u32));
        Ok(ptr::null_mut())
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
fn answer<I: Import>(context: &Context) -> Result<Option<Errno>> {
    let env = &context.env;
    let core = context.frame.arguments(I::SIGNATURE.params());
    let Some(instance) = context.instance(context.frame.id()) else {
        return Err(error::not_started(env));
    };
    let memory = bound_memory(context, &instance)?;
    let mut call = Call { guest: &instance.wasi, memory, restart: RestartState::NEW };
    loop {
        let failure = match I::call(&call, &core) {
            Ok(()) => {
                instance.account_growth(env);
                return Ok(None);
            }
            Err(failure) => failure,
        };
        match failure {
            Outcome::Errno(Errno::Overflow) => match grown(context, &instance, call.memory)? {
                Some(grown) => call.memory = grown,
                None => return Ok(Some(Errno::Overflow)),
            },
            Outcome::Errno(errno) => return Ok(Some(errno)),
            Outcome::Block(wait) => wait_in_place(context, &instance, &mut call, *wait)?,
            Outcome::HostCall(host_call) => {
                match env.run_in_scope(|| embedder::run_host_call(context, &instance, *host_call))? {
                    Ok(restart) => go_on(context, &instance, &mut call, restart)?,
                    Err(errno) => return Ok(Some(errno)),
                }
            }
            Outcome::ReadClock(clock) => {
                let time = embedder::time(context, &instance, clock)?;
                let restart = std::mem::take(&mut call.restart).with_reading(clock, time);
                go_on(context, &instance, &mut call, restart)?;
            }
            Outcome::Exit(status) => return Err(exit_process(env, status)),
        }
    }
}

/// The memory the guest is bound to, as it was when it was last looked at.
#[inline(always)]
fn bound_memory(context: &Context, instance: &Instance) -> Result<Memory> {
    let bytes = instance.memory.borrow().as_ref().map(|view| view.bytes);
    bytes.ok_or_else(|| error::not_started(&context.env))
}

/// Looks at the memory anew: it may have grown.
#[cold]
pub fn renew(context: &Context, instance: &Instance) -> Result<Memory> {
    let env = &context.env;
    let memory = instance.memory.borrow().as_ref().map_or(ptr::null_mut(), |view| view.memory.get(env));
    let Some(array) = memory::array(context, memory)? else {
        return Err(error::not_started(env));
    };
    Ok(bind(instance, env, MemoryView::new(env, memory, array)?))
}

/// What the memory has become, if it has grown since `known`: another thread may have done that, if it is shared.
#[cold]
fn grown(context: &Context, instance: &Instance, known: Memory) -> Result<Option<Memory>> {
    let now = renew(context, instance)?;
    Ok((now.size() > known.size()).then_some(now))
}

fn bind(instance: &Instance, env: &Env, view: MemoryView) -> Memory {
    let bytes = view.bytes;
    if let Some(old) = instance.memory.replace(Some(view)) {
        old.delete(env);
    }
    bytes
}

/// Waits until the call can be tried again; an exception if the worker is to end meanwhile.
#[cold]
fn wait_in_place(
    context: &Context,
    instance: &Instance,
    waiting: &mut Call<'_>,
    mut wait: Wait,
) -> Result<()> {
    wait_until(context, |slice| wait.block(slice))?;
    go_on(context, instance, waiting, wait.restart)
}

/// Waits slice by slice until `is_over`, which waits for one; an exception if the worker is to end meanwhile.
pub fn wait_until(
    context: &Context,
    mut is_over: impl FnMut(Duration) -> std::io::Result<bool>,
) -> Result<()> {
    let idle = context.prelude()?.idle.get(&context.env)?;
    loop {
        context.env.run_in_scope(|| call(&context.env, idle, None, &[]).map(drop))?;
        // What the system has against the wait it will tell who tries again, too.
        if is_over(SLICE).unwrap_or(true) {
            return Ok(());
        }
    }
}

/// Prepares a call to be made again, in the memory as it is now.
#[cold]
fn go_on(context: &Context, instance: &Instance, call: &mut Call<'_>, restart: RestartState) -> Result<()> {
    call.restart = restart;
    call.memory = renew(context, instance)?;
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
        // SAFETY: this is the callback.
        let (context, passed) = unsafe { values(env, info) };
        Err(error::throw_value(&context.env, error::caught_exit(&context.env, passed[0])?))
    })
}

/// `isRunning(id)`: whether a sandbox is in `start` or `initialize`.
unsafe extern "C" fn is_running(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guarded(env, || {
        // SAFETY: this is the callback.
        let (context, passed) = unsafe { values(env, info) };
        let is_running = instance(context, &passed).is_some_and(|instance| instance.is_running());
        Ok(error::unknown(&context.env, is_running)?.raw())
    })
}

/// Binds a memory to a sandbox, and returns the array through which its bytes were found.
unsafe extern "C" fn set_memory(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guarded(env, || {
        // SAFETY: this is the callback.
        let (context, passed) = unsafe { values(env, info) };
        let env = &context.env;
        let instance = instance(context, &passed).ok_or_else(|| error::not_started(env))?;
        let Some(array) = memory::array(context, passed[1])? else {
            let message = "\"instance.exports.memory\" property must be a WebAssembly.Memory object";
            return Err(error::throw_plain(env, Class::TypeError, "ERR_INVALID_ARG_TYPE", message));
        };
        bind(&instance, env, MemoryView::new(env, passed[1], array)?);
        Ok(array)
    })
}

/// Lets an exception go on its way. If none is, the worker is being terminated; then a guest that asks for a
/// number is given an object, because converting that calls JavaScript, and there the termination strikes. A
/// loop that calls nothing else would never meet it.
#[cold]
fn rethrow(env: sys::napi_env, error: Error) -> sys::napi_value {
    let error = termination::propagate(&Env::from_raw(env), error);
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
