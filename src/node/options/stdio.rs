//! `stdin`, `stdout`, `stderr` and `input`: a descriptor of the host, data, a callback, or captured output.

use super::validate::{descriptor, subject, unusable};
use crate::core::guest::Guest;
use crate::core::pipe::{CallbackSlot, CaptureBuffer, Input, Output, Pipe};
use crate::node::env_state::EnvState;
use crate::node::error::{Class, describe, invalid_received, invalid_type, throw, uvwasi_init_error};
use crate::node::value::Value;
use crate::sys::errno::Errno;
use napi::{Env, Error, Result, ValueType};
use std::sync::Arc;

/// The options, by the number of the descriptor.
const NAMES: [&str; 3] = ["stdin", "stdout", "stderr"];
const SLOTS: [CallbackSlot; 3] = [CallbackSlot::Stdin, CallbackSlot::Stdout, CallbackSlot::Stderr];

/// The value of one option.
pub(super) enum Stdio<'env> {
    /// A descriptor of the host.
    Descriptor(i32),
    /// Nothing to read; output is discarded.
    Null,
    /// All bytes to read.
    Data(Vec<u8>),
    /// Output is captured.
    Capture,
    /// A function that returns or receives bytes.
    Callback(Value<'env>),
}

/// Reads the three options and `input`. Also returns the option that standard input comes from.
pub(super) fn read<'env>(env: &'env Env, options: Value<'env>) -> Result<([Stdio<'env>; 3], &'static str)> {
    let stdin = read_one(env, options, 0)?;
    let (stdout, stderr) = (read_one(env, options, 1)?, read_one(env, options, 2)?);
    let input = read_input(env, options, stdin.is_some())?;
    let option = if input.is_some() { "input" } else { "stdin" };
    let or_inherited = |stdio: Option<Stdio<'env>>, fd| stdio.unwrap_or(Stdio::Descriptor(fd));
    Ok(([or_inherited(input.or(stdin), 0), or_inherited(stdout, 1), or_inherited(stderr, 2)], option))
}

/// Reads one of the three options; `None` if it is undefined.
fn read_one<'env>(env: &'env Env, options: Value<'env>, fd: usize) -> Result<Option<Stdio<'env>>> {
    let value = options.get(NAMES[fd])?;
    match value.type_of()? {
        ValueType::Undefined => return Ok(None),
        ValueType::Number => {
            return Ok(Some(Stdio::Descriptor(descriptor(env, value, NAMES[fd], fd as i32)?)));
        }
        _ => {}
    }
    let converted = convert(env, if fd == 0 { "input" } else { "output" }, value)?;
    let stdio = match converted.string()?.as_deref() {
        Some("inherit") => Some(Stdio::Descriptor(fd as i32)),
        Some("ignore") => Some(Stdio::Null),
        Some(_) => Some(Stdio::Capture),
        None => data_or_callback(converted)?,
    };
    stdio.ok_or_else(|| reject(env, value, fd)).map(Some)
}

/// Reads the option `input`, which is data for standard input; `None` if it is undefined.
fn read_input<'env>(env: &'env Env, options: Value<'env>, has_stdin: bool) -> Result<Option<Stdio<'env>>> {
    let value = options.get("input")?;
    if value.is_undefined()? {
        return Ok(None);
    }
    if has_stdin {
        let rule = "The property 'options.input' cannot be given together with 'options.stdin': remove \
                    'options.stdin' to use this input";
        return Err(invalid_received(env, rule, value));
    }
    let data = data_or_callback(convert(env, "data", value)?)?;
    let expected = "a string, an ArrayBuffer, a view of one, or an iterable of those";
    data.ok_or_else(|| invalid_type(env, &subject("input"), expected, value)).map(Some)
}

/// Converts a value by a function of lib/stdio.js.
fn convert<'env>(env: &'env Env, function: &str, value: Value<'env>) -> Result<Value<'env>> {
    EnvState::of(env)?.helpers.function(env, "stdio", function)?.call(&[value])
}

/// Returns bytes, or a function that returns or receives bytes; `None` for any other value.
fn data_or_callback(converted: Value<'_>) -> Result<Option<Stdio<'_>>> {
    Ok(match converted.type_of()? {
        ValueType::Function => Some(Stdio::Callback(converted)),
        ValueType::Object => Some(Stdio::Data(converted.copy_bytes()?.unwrap_or_default())),
        _ => None,
    })
}

/// Rejects a value with node:wasi's message for a value that is not a number, followed by the other accepted types.
fn reject(env: &Env, value: Value<'_>, fd: usize) -> Error {
    let others = if fd == 0 {
        "'inherit', 'ignore', a string, an ArrayBuffer, a view of one, an iterable or async iterable \
         of those, a stream, or a function"
    } else {
        "'inherit', 'ignore', 'pipe', a stream.Writable, a WritableStream, or a function"
    };
    match describe(env, value) {
        Ok(received) => {
            let name = subject(NAMES[fd]);
            let message =
                format!("{name} must be of type number. Received {received}. It may also be {others}");
            throw(env, Class::TypeError, "ERR_INVALID_ARG_TYPE", &message)
        }
        Err(error) => error,
    }
}

impl<'env> Stdio<'env> {
    /// Returns the callback, if there is one.
    pub(super) fn callback(&self) -> Option<Value<'env>> {
        match self {
            Stdio::Callback(callback) => Some(*callback),
            _ => None,
        }
    }

    /// Throws the error for a failure to give the guest this stream.
    pub(super) fn failure(&self, env: &Env, errno: Errno, fd: usize) -> Error {
        let name = NAMES[fd];
        match self {
            Stdio::Descriptor(host_fd) => {
                unusable(env, errno, name, "cannot use", &format!("descriptor {host_fd}"), None)
            }
            _ => uvwasi_init_error(env, errno, &format!("options.{name}: could not be opened"), None),
        }
    }

    /// Gives a guest its stdin, stdout or stderr.
    pub(super) fn add_to(&mut self, guest: &mut Guest, fd: usize) -> std::result::Result<(), Errno> {
        match self {
            Stdio::Descriptor(fd) => guest.add_stdio(*fd),
            Stdio::Null => guest.add_null(),
            Stdio::Data(bytes) => guest.add_pipe(Pipe::Input(Input::from_bytes(std::mem::take(bytes)))),
            Stdio::Capture => {
                let capture = Arc::new(CaptureBuffer::at_most(guest.limits.output));
                guest.captured[fd] = Some(Arc::clone(&capture));
                guest.add_pipe(Pipe::Output(Output::Capture(capture)))
            }
            Stdio::Callback(_) if fd == 0 => guest.add_pipe(Pipe::Input(Input::from_callback())),
            Stdio::Callback(_) => guest.add_pipe(Pipe::Output(Output::Callback(SLOTS[fd]))),
        }
    }
}
