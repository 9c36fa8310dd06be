//! `stdin`, `stdout` and `stderr`: a descriptor of the host's, or what the embedder gives and takes itself.

use super::descriptor;
use crate::core::guest::Guest;
use crate::core::pipe::{CallbackSlot, CaptureBuffer, Input, Output, Pipe};
use crate::node::context::{Context, call};
use crate::node::embedder::bytes_of;
use crate::node::error::{self, Class};
use crate::sys::errno::Errno;
use napi::bindgen_prelude::{JsObjectValue, JsValue, Object, Unknown};
use napi::{Env, Result, ValueType};
use std::sync::Arc;

/// The options, in the order of the descriptors.
pub const NAMES: [&str; 3] = ["stdin", "stdout", "stderr"];
const ENDS: [CallbackSlot; 3] = [CallbackSlot::Stdin, CallbackSlot::Stdout, CallbackSlot::Stderr];

/// What one of the three is.
pub enum Stdio<'env> {
    /// A descriptor of the host's.
    Descriptor(i32),
    /// Nothing.
    Ignored,
    /// All there is to read.
    Data(Vec<u8>),
    /// What is written is kept.
    CaptureBuffer,
    /// A function that gives or takes bytes.
    Function(Unknown<'env>),
}

/// Reads the three options and `input`. Also returns which of them standard input comes from.
pub fn read<'env>(env: &'env Env, options: &Object<'env>) -> Result<([Stdio<'env>; 3], &'static str)> {
    let stdin = read_one(env, options, 0)?;
    let (stdout, stderr) = (read_one(env, options, 1)?, read_one(env, options, 2)?);
    let input = read_input(env, options, stdin.is_some())?;
    let option = if input.is_some() { "input" } else { "stdin" };
    let or_own = |stdio: Option<Stdio<'env>>, fd| stdio.unwrap_or(Stdio::Descriptor(fd));
    Ok(([or_own(input.or(stdin), 0), or_own(stdout, 1), or_own(stderr, 2)], option))
}

/// Reads one of the three options; `None` if it is not given.
fn read_one<'env>(env: &'env Env, options: &Object<'env>, end: usize) -> Result<Option<Stdio<'env>>> {
    let (name, own) = (NAMES[end], end as i32);
    let value: Unknown<'env> = options.get_named_property_unchecked(name)?;
    match value.get_type()? {
        ValueType::Undefined => return Ok(None),
        ValueType::Number => return Ok(Some(Stdio::Descriptor(descriptor(env, value, name, own)?))),
        _ => {}
    }
    let meant = meaning(env, if end == 0 { "input" } else { "output" }, value)?;
    let stdio = match error::string(meant)?.as_deref() {
        Some("inherit") => Some(Stdio::Descriptor(own)),
        Some("ignore") => Some(Stdio::Ignored),
        Some(_) => Some(Stdio::CaptureBuffer),
        None => given(env, meant)?,
    };
    stdio.ok_or_else(|| refuse(env, value, end)).map(Some)
}

/// Reads the option `input`: data for standard input; `None` if it is not given.
fn read_input<'env>(env: &'env Env, options: &Object<'env>, has_stdin: bool) -> Result<Option<Stdio<'env>>> {
    let value: Unknown<'env> = options.get_named_property_unchecked("input")?;
    if value.get_type()? == ValueType::Undefined {
        return Ok(None);
    }
    if has_stdin {
        let message = "The property 'options.input' cannot be given together with 'options.stdin'";
        return Err(error::throw(env, Class::TypeError, "ERR_INVALID_ARG_VALUE", message));
    }
    let data = given(env, meaning(env, "data", value)?)?;
    let expected = "a string, an ArrayBuffer, a view of one, or an iterable of those";
    data.ok_or_else(|| error::invalid_type(env, "The \"options.input\" property", expected, value)).map(Some)
}

/// Calls a function of stdio.js with a value.
fn meaning<'env>(env: &'env Env, function: &str, value: Unknown<'env>) -> Result<Unknown<'env>> {
    let context = Context::of(*env)?;
    let function: Unknown<'_> = context.stdio()?.get_named_property_unchecked(function)?;
    let meant = call(env, function.raw(), None, &[value.raw()])?;
    // SAFETY: the function returned a value of this environment.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), meant) })
}

/// Returns bytes, or a function that gives or takes them; `None` for any other value.
fn given<'env>(env: &Env, meant: Unknown<'env>) -> Result<Option<Stdio<'env>>> {
    Ok(match meant.get_type()? {
        ValueType::Function => Some(Stdio::Function(meant)),
        ValueType::Object => Some(Stdio::Data(bytes_of(env, meant.raw())?.unwrap_or_default())),
        _ => None,
    })
}

/// What node:wasi says of what is no number, and then what else may be given here.
fn refuse(env: &Env, value: Unknown<'_>, end: usize) -> napi::Error {
    let received = match error::describe(env, value) {
        Ok(received) => received,
        Err(error) => return error,
    };
    let others = if end == 0 {
        "'inherit', 'ignore', a string, an ArrayBuffer, a view of one, an iterable of those, or a function"
    } else {
        "'inherit', 'ignore', 'pipe', a stream.Writable, or a function"
    };
    let message = format!(
        "The \"options.{}\" property must be of type number. Received {received}. It may also be {others}",
        NAMES[end],
    );
    error::throw(env, Class::TypeError, "ERR_INVALID_ARG_TYPE", &message)
}

impl<'env> Stdio<'env> {
    /// The function it is, if it is one.
    pub fn function(&self) -> Option<Unknown<'env>> {
        match self {
            Stdio::Function(function) => Some(*function),
            _ => None,
        }
    }

    /// What messages say of it.
    pub fn subject(&self, end: usize) -> String {
        match self {
            Stdio::Descriptor(fd) => format!("options.{} is the descriptor {fd}", NAMES[end]),
            _ => format!("options.{} cannot be had", NAMES[end]),
        }
    }
}

/// Gives a guest its stdin, stdout or stderr.
pub fn add(wasi: &mut Guest, stdio: &mut Stdio<'_>, end: usize) -> std::result::Result<(), Errno> {
    match stdio {
        Stdio::Descriptor(fd) => wasi.add_stdio(*fd),
        Stdio::Ignored => wasi.add_null(),
        Stdio::Data(bytes) => wasi.add_pipe(Pipe::Input(Input::from_bytes(std::mem::take(bytes)))),
        Stdio::CaptureBuffer => {
            let kept = Arc::new(CaptureBuffer::at_most(wasi.limits.output));
            wasi.captured[end] = Some(Arc::clone(&kept));
            wasi.add_pipe(Pipe::Output(Output::Capture(kept)))
        }
        Stdio::Function(_) if end == 0 => wasi.add_pipe(Pipe::Input(Input::from_callback())),
        Stdio::Function(_) => wasi.add_pipe(Pipe::Output(Output::Callback(ENDS[end]))),
    }
}
