//! Descriptions of calls for the option `trace`. lib/trace.js joins the descriptions to lines.

use super::callback::{Callback, RawArgs, add_function, callbacks};
use super::dispatch::refresh_memory;
use super::env_state::EnvState;
use super::value::Value;
use super::wait::wait_in_slices;
use crate::core::memory::Memory;
use crate::core::stream::Stream;
use crate::preview1::abi::{CoreArgs, MAX_PARAMS};
use crate::preview1::describe::{CallFormat, Format};
use crate::sys::buffers::Buffer;
use crate::sys::types::Interest;
use crate::sys::{host_stream, poll, writev, writev_nowait};
use napi::bindgen_prelude::BigInt;
use napi::{Error, Result, Status, ValueType};
use std::io::ErrorKind;
use std::time::Duration;

callbacks! {
    /// `trace()`: makes the functions for lib/trace.js, which most programs do not need.
    Functions "trace" |state, _args| {
        functions(state).map(Some)
    }
}

/// Returns the functions.
fn functions(state: &EnvState) -> Result<Value<'_>> {
    let functions = Value::object(&state.env)?;
    add_function::<DescribeCall>(functions, state)?;
    add_function::<DescribeResult>(functions, state)?;
    add_function::<Write>(functions, state)?;
    Ok(functions)
}

/// `call(id, index, args)`: describes the arguments of a call. `index` is the index of the function in the import
/// table.
struct DescribeCall;

impl Callback for DescribeCall {
    const NAME: &'static str = "call";

    fn call<'a>(state: &'a EnvState, args: RawArgs<'a>) -> Result<Option<Value<'a>>> {
        let call = TracedCall::read(state, args)?;
        Value::of(&state.env, call.format.call(call.memory, call.core.as_ref())).map(Some)
    }
}

/// `result(id, index, args, errno, nanoseconds)`: describes the result of a call, and how long the call took.
struct DescribeResult;

impl Callback for DescribeResult {
    const NAME: &'static str = "result";

    fn call<'a>(state: &'a EnvState, args: RawArgs<'a>) -> Result<Option<Value<'a>>> {
        let call = TracedCall::read(state, args)?;
        let elapsed = Duration::from_nanos(i64_argument(call.elapsed)?.unwrap_or_default());
        let errno = i32_argument(call.errno)?;
        Value::of(&state.env, call.format.result(call.memory, call.core.as_ref(), errno, elapsed)).map(Some)
    }
}

/// A call that is traced.
struct TracedCall<'a> {
    format: &'static CallFormat,
    memory: Memory,
    /// The arguments, if all are numbers.
    core: Option<CoreArgs>,
    errno: Value<'a>,
    elapsed: Value<'a>,
}

impl<'a> TracedCall<'a> {
    fn read(state: &'a EnvState, args: RawArgs<'a>) -> Result<Self> {
        let (sandbox, [_, index, arguments, errno, elapsed]) = args.read_with_sandbox()?;
        let format =
            i32_argument(index)?.and_then(|index| sandbox.world.version.call_formats().get(index as usize));
        let format = format.ok_or_else(|| Error::from_status(Status::InvalidArg))?;
        let width: usize = format.args.iter().map(Format::width).sum::<usize>() + format.result.pointers();
        let mut core = [0; MAX_PARAMS];
        let mut are_numbers = true;
        for (index, word) in (0..).zip(&mut core[..width]) {
            let argument = arguments.element(index)?;
            let number = match i32_argument(argument)? {
                Some(number) => Some(number.into()),
                None => i64_argument(argument)?,
            };
            are_numbers &= number.is_some();
            *word = number.unwrap_or_default();
        }
        // Before a memory is bound, every pointer is out of bounds.
        let is_bound = sandbox.memory().is_some();
        let memory = if is_bound { refresh_memory(state, &sandbox)? } else { Memory::default() };
        Ok(Self { format, memory, core: are_numbers.then_some(core), errno, elapsed })
    }
}

/// Returns an i32. WebAssembly passes it as a signed number, and JavaScript may pass it as an unsigned one. `None`
/// for -0, a fraction, or any other value.
fn i32_argument(value: Value<'_>) -> Result<Option<u32>> {
    if value.type_of()? != ValueType::Number {
        return Ok(None);
    }
    let number = value.convert::<f64>()?;
    let integer = number as i64;
    let (low, high) = (i64::from(i32::MIN), i64::from(u32::MAX));
    if integer < low || integer > high {
        return Ok(None);
    }
    #[expect(clippy::cast_precision_loss, reason = "33 bits fit in a double")]
    let exact = (integer as f64).to_bits() == number.to_bits();
    Ok(exact.then_some(integer as u32))
}

/// Returns an i64, which is a bigint of any size, modulo 2^64; `None` for any other value.
fn i64_argument(value: Value<'_>) -> Result<Option<u64>> {
    if value.type_of()? != ValueType::BigInt {
        return Ok(None);
    }
    let BigInt { sign_bit, words } = value.convert()?;
    let low = words.first().copied().unwrap_or_default();
    Ok(Some(if sign_bit { low.wrapping_neg() } else { low }))
}

/// `write(line, fd)`: writes a line to a descriptor of the host. Ignores errors.
struct Write;

impl Callback for Write {
    const NAME: &'static str = "write";

    fn call<'a>(state: &'a EnvState, args: RawArgs<'a>) -> Result<Option<Value<'a>>> {
        let [line, fd, ..] = args.read()?;
        let line = line.convert::<String>()? + "\n";
        if let Ok(stream) = host_stream(fd.convert()?).and_then(Stream::stdio) {
            write_all(state, &stream, line.into_bytes())?;
        }
        Ok(None)
    }
}

/// Writes all bytes, and waits while there is no room. A pipe takes up to 4,096 bytes in one piece, so that shorter
/// lines of several threads do not mix.
fn write_all(state: &EnvState, stream: &Stream, mut line: Vec<u8>) -> Result<()> {
    let write = if stream.may_wait() { writev_nowait } else { writev };
    let mut written = 0;
    while written < line.len() {
        let rest = &mut line[written..];
        // SAFETY: the line outlives the call.
        let buffer = unsafe { Buffer::new(rest.as_mut_ptr(), rest.len()) };
        match write(stream.handle(), &[buffer]) {
            Ok(more) => written += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                wait_in_slices(state, |slice| {
                    Ok(poll(&[(stream.handle(), Interest::Write)], slice)?[0].ready)
                })?;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    Ok(())
}
