//! What a traced sandbox calls besides its host functions: prelude.js puts the lines together of what these say of a
//! call before and after it.

use super::context::{Context, Instance};
use super::imports::{Values, function, guarded, instance, renew, values, wait_until};
use crate::core::memory::Memory;
use crate::core::stream::Stream;
use crate::preview1::abi::{CoreArgs, MAX_PARAMS};
use crate::preview1::describe::{CallFormat, Format};
use crate::sys::buffers::Buffer;
use crate::sys::types::Interest;
use crate::sys::{host_stream, poll, writev, writev_nowait};
use napi::bindgen_prelude::{JsObjectValue, JsValue, Object, Unknown};
use napi::{Env, Error, Result, Status, sys};
use std::io::ErrorKind;
use std::ptr;
use std::rc::Rc;
use std::time::Duration;

/// The functions, for prelude.js.
pub fn functions(context: &Rc<Context>) -> Result<sys::napi_value> {
    let mut functions = Object::new(&context.env)?;
    functions.set_named_property("call", function(context, "call", call)?)?;
    functions.set_named_property("result", function(context, "result", result)?)?;
    functions.set_named_property("write", function(context, "write", write)?)?;
    Ok(functions.raw())
}

/// `call(id, at, args)`: what the function at this place of the table is called with.
unsafe extern "C" fn call(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guarded(env, || {
        // SAFETY: the callback's own.
        let (context, passed) = unsafe { values(env, info) };
        let (shown, memory, core) = subject(context, &passed)?;
        Ok(context.env.create_string(shown.call(memory, core.as_ref()))?.raw())
    })
}

/// `result(id, at, args, outcome, nanoseconds)`: what came of the call, and how long it took.
unsafe extern "C" fn result(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guarded(env, || {
        // SAFETY: the callback's own.
        let (context, passed) = unsafe { values(env, info) };
        let (shown, memory, core) = subject(context, &passed)?;
        let errno = i32_argument(&context.env, passed[3]);
        let elapsed = Duration::from_nanos(i64_argument(&context.env, passed[4]).unwrap_or_default());
        let result = shown.result(memory, core.as_ref(), errno, elapsed);
        Ok(context.env.create_string(result)?.raw())
    })
}

/// What is traced: of which sandbox, which of its functions, and the arguments, if they are numbers.
#[cold]
fn subject(context: &Context, passed: &Values) -> Result<(&'static CallFormat, Memory, Option<CoreArgs>)> {
    let env = &context.env;
    let found = instance(context, passed).zip(i32_argument(env, passed[1]));
    let shown = found.as_ref().and_then(|(instance, at)| instance.shown.get(*at as usize));
    let (Some((instance, _)), Some(shown)) = (&found, shown) else {
        return Err(Error::from_status(Status::InvalidArg));
    };
    let args = Object::from_raw(env.raw(), passed[2]);
    let width: usize = shown.args.iter().map(Format::width).sum::<usize>() + shown.result.pointers();
    let mut core = [0; MAX_PARAMS];
    let mut known = true;
    for (at, value) in (0..).zip(&mut core[..width]) {
        let argument = args.get_element::<Unknown<'_>>(at)?.raw();
        let number = i32_argument(env, argument).map(u64::from).or_else(|| i64_argument(env, argument));
        known &= number.is_some();
        *value = number.unwrap_or_default();
    }
    Ok((shown, memory(context, instance)?, known.then_some(core)))
}

/// An i32, which WebAssembly passes as a signed number and JavaScript may pass as an unsigned one. -0, like
/// a fraction, is none.
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
fn i64_argument(env: &Env, value: sys::napi_value) -> Option<u64> {
    let (mut number, mut lossless) = (0, false);
    // SAFETY: a value of this environment.
    let status =
        unsafe { sys::napi_get_value_bigint_int64(env.raw(), value, &raw mut number, &raw mut lossless) };
    (status == sys::Status::napi_ok).then_some(number.cast_unsigned())
}

/// The memory that is bound; before that, one in which nothing lies.
fn memory(context: &Context, instance: &Instance) -> Result<Memory> {
    let bound = instance.memory.borrow().is_some();
    if bound { renew(context, instance) } else { Ok(Memory::default()) }
}

/// `write(line)`: writes a line to the process's stderr, at once. What cannot be written nobody reads.
unsafe extern "C" fn write(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guarded(env, || {
        // SAFETY: the callback's own.
        let (context, passed) = unsafe { values(env, info) };
        let line = super::error::text(&context.env, passed[0])? + "\n";
        if let Ok(stderr) = host_stream(2).and_then(Stream::stdio) {
            write_all(context, &stderr, line.into_bytes())?;
        }
        Ok(ptr::null_mut())
    })
}

/// Writes to what may have no room for a while. Lines of threads do not mix, up to the 4,096 bytes that a pipe takes as one.
fn write_all(context: &Context, stderr: &Stream, mut line: Vec<u8>) -> Result<()> {
    let write = if stderr.may_wait() { writev_nowait } else { writev };
    let mut written = 0;
    while written < line.len() {
        let rest = &mut line[written..];
        match write(stderr.handle(), &[Buffer::new(rest.as_mut_ptr(), rest.len())]) {
            Ok(more) => written += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                wait_until(
                    context,
                    |slice| Ok(poll(&[(stderr.handle(), Interest::Write)], slice)?[0].ready),
                )?;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    Ok(())
}
