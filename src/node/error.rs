//! Errors like those of Node: a class, a `code`, and a message that names the option and describes what was received.

use super::env_state::EnvState;
use super::value::{Value, pending};
use crate::sys::errno::Errno;
use napi::{Env, Error, Result, sys};
use std::ptr;

/// The class of an error.
#[derive(Clone, Copy)]
pub(crate) enum Class {
    Error,
    TypeError,
    RangeError,
}

/// Creates an error as Node's JavaScript does: the stack contains the code.
pub(crate) fn create<'env>(env: &'env Env, class: Class, code: &str, message: &str) -> Result<Value<'env>> {
    let class = match class {
        Class::Error => "Error",
        Class::TypeError => "TypeError",
        Class::RangeError => "RangeError",
    };
    let args = [Value::of(env, class)?, Value::of(env, code)?, Value::of(env, message)?];
    EnvState::of(env)?.helpers.function(env, "values", "nodeError")?.call(&args)
}

/// Creates an error as Node's C++ does: the stack contains no code.
fn create_plain<'env>(env: &'env Env, message: &str) -> Result<Value<'env>> {
    let (message, mut error) = (Value::of(env, message)?, ptr::null_mut());
    // SAFETY: no code, a message of this environment, and an out pointer for the error.
    napi::check_status!(unsafe {
        sys::napi_create_error(env.raw(), ptr::null_mut(), message.raw(), &raw mut error)
    })?;
    Ok(Value::from_raw(env, error))
}

/// Throws a value. The result tells napi-rs that an exception is pending.
pub(crate) fn throw_value(env: &Env, value: Value<'_>) -> Error {
    // SAFETY: a value of this environment. If it cannot be thrown, the environment is being torn down.
    unsafe { sys::napi_throw(env.raw(), value.raw()) };
    pending()
}

/// Throws an error like Node's JavaScript.
pub(crate) fn throw(env: &Env, class: Class, code: &str, message: &str) -> Error {
    match create(env, class, code, message) {
        Ok(error) => throw_value(env, error),
        Err(error) => error,
    }
}

/// Throws an error like Node's C++.
pub(crate) fn throw_plain(env: &Env, code: &str, message: &str) -> Error {
    let throw = || {
        let error = create_plain(env, message)?;
        error.set("code", Value::of(env, code)?)?;
        Ok(throw_value(env, error))
    };
    throw().unwrap_or_else(|error| error)
}

/// Throws `ERR_INVALID_ARG_TYPE`. `subject` is for example `The "options" argument`, and `expected` is `of type
/// object`.
pub(crate) fn invalid_type(env: &Env, subject: &str, expected: &str, received: Value<'_>) -> Error {
    match describe(env, received) {
        Ok(received) => {
            let message = format!("{subject} must be {expected}. Received {received}");
            throw(env, Class::TypeError, "ERR_INVALID_ARG_TYPE", &message)
        }
        Err(error) => error,
    }
}

/// Throws `ERR_INVALID_ARG_VALUE`.
pub(crate) fn invalid_value(env: &Env, message: &str) -> Error {
    throw(env, Class::TypeError, "ERR_INVALID_ARG_VALUE", message)
}

/// Throws `ERR_INVALID_ARG_VALUE` with the received value. `rule` is for example `The property 'options.x' must be
/// short`.
pub(crate) fn invalid_received(env: &Env, rule: &str, received: Value<'_>) -> Error {
    match inspect(env, received) {
        Ok(received) => invalid_value(env, &format!("{rule}. Received {received}")),
        Err(error) => error,
    }
}

/// Throws `ERR_INVALID_ARG_VALUE` for a string with a NUL byte. A guest would see the end of the string there.
pub(crate) fn null_byte(env: &Env, property: &str, received: &str) -> Error {
    let received = quote(received);
    let message =
        format!("The property '{property}' must be a string without null bytes. Received {received}");
    invalid_value(env, &message)
}

/// Throws `ERR_INVALID_RETURN_VALUE` for the result of a callback.
pub(crate) fn invalid_return(env: &Env, expected: &str, option: &str, received: Value<'_>) -> Error {
    match describe(env, received) {
        Ok(received) => {
            let message = format!("Expected {expected} to be returned from {option} but got {received}.");
            throw(env, Class::TypeError, "ERR_INVALID_RETURN_VALUE", &message)
        }
        Err(error) => error,
    }
}

/// Throws the error of node:wasi for a failed `uvwasi_init`, with the message of node:wasi and then `reason`.
pub(crate) fn uvwasi_init_error(env: &Env, errno: Errno, reason: &str, path: Option<&str>) -> Error {
    let throw = || {
        let code = format!("UVWASI_{}", errno.name());
        let error = create_plain(env, &format!("{code}, uvwasi_init: {reason}"))?;
        error.set("errno", Value::of(env, errno as u32)?)?;
        error.set("code", Value::of(env, code)?)?;
        error.set("syscall", Value::of(env, "uvwasi_init")?)?;
        if let Some(path) = path {
            error.set("path", Value::of(env, path)?)?;
        }
        Ok(throw_value(env, error))
    };
    throw().unwrap_or_else(|error| error)
}

/// Throws `ERR_WASI_NOT_STARTED`.
pub(crate) fn not_started(env: &Env) -> Error {
    throw_plain(env, "ERR_WASI_NOT_STARTED", "wasi.start() has not been called")
}

/// Creates `ERR_WASI_TIMEOUT`.
pub(crate) fn timeout(env: &Env, milliseconds: u32) -> Result<Value<'_>> {
    let message = format!("The guest was stopped by its timeout of {milliseconds} ms");
    create(env, Class::Error, "ERR_WASI_TIMEOUT", &message)
}

/// Throws `ERR_WASI_TIMEOUT`.
#[cold]
pub(crate) fn timed_out(env: &Env, milliseconds: u32) -> Error {
    timeout(env, milliseconds).map_or_else(|error| error, |error| throw_value(env, error))
}

/// Describes a value as in Node's messages.
pub(crate) fn describe(env: &Env, value: Value<'_>) -> Result<String> {
    EnvState::of(env)?.helpers.function(env, "values", "describe")?.call(&[value])?.convert()
}

/// Shows a value with `util.inspect`, like Node's messages about values of the right type.
pub(crate) fn inspect(env: &Env, value: Value<'_>) -> Result<String> {
    let inspect = EnvState::of(env)?.helpers.function(env, "values", "inspect")?;
    let inspected = inspect.call(&[value])?.convert::<String>()?;
    Ok(shorten(&inspected))
}

/// Truncates to 128 characters, like Node's messages.
fn shorten(inspected: &str) -> String {
    match inspected.char_indices().nth(128) {
        Some((end, _)) => format!("{}...", &inspected[..end]),
        None => inspected.to_owned(),
    }
}

/// Quotes a string like `util.inspect`.
pub(crate) fn quote(text: &str) -> String {
    let quote = ['\'', '"', '`'].into_iter().find(|quote| !text.contains(*quote)).unwrap_or('\'');
    let mut quoted = String::from(quote);
    for character in text.chars() {
        match character {
            '\n' => quoted += "\\n",
            '\t' => quoted += "\\t",
            '\r' => quoted += "\\r",
            '\x08' => quoted += "\\b",
            '\x0b' => quoted += "\\v",
            '\x0c' => quoted += "\\f",
            '\\' => quoted += "\\\\",
            other if other == quote => quoted.extend(['\\', other]),
            other if other.is_control() => quoted.extend([format!("\\x{:02X}", other as u32)]),
            other => quoted.push(other),
        }
    }
    quoted.push(quote);
    quoted
}
