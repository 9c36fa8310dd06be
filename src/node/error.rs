//! Errors as Node makes them: a class, a `code`, a message that names the option and shows what was received.

use super::context::{Context, call};
use crate::sys::errno::Errno;
use napi::bindgen_prelude::{FromNapiValue, JsObjectValue, JsValue, Object, ToNapiValue, Unknown};
use napi::{Env, Error, Result, Status, ValueType, sys};
use std::ptr;

/// Which constructor an error comes from.
#[derive(Clone, Copy, Debug)]
pub enum Class {
    /// `Error`
    Error,
    /// `TypeError`
    TypeError,
    /// `RangeError`
    RangeError,
}

/// Tells napi-rs that an exception is on its way already.
pub fn pending() -> Error {
    Error::from_status(Status::PendingException)
}

/// Makes an error as Node's JavaScript does: the stack names the code.
pub fn create<'env>(env: &'env Env, class: Class, code: &str, message: &str) -> Result<Object<'env>> {
    let name = match class {
        Class::Error => "Error",
        Class::TypeError => "TypeError",
        Class::RangeError => "RangeError",
    };
    let mut error = create_plain(env, class, message)?;
    error.set_named_property("code", code)?;
    let stack: Unknown<'_> = error.get_named_property_unchecked("stack")?;
    if let Some(rest) = string(stack)?.as_deref().and_then(|stack| stack.strip_prefix(name)) {
        // As Node has it: the stack names the code. A data property, like the one V8 makes.
        let stack = env.create_string(format!("{name} [{code}]{rest}"))?;
        let attributes = napi::PropertyAttributes::Writable | napi::PropertyAttributes::Configurable;
        let stack = napi::Property::new().with_utf8_name("stack")?.with_value(&stack);
        error.define_properties(&[stack.with_property_attributes(attributes)])?;
    }
    Ok(error)
}

/// Makes an error as Node's C++ does: the stack does not name a code.
fn create_plain<'env>(env: &'env Env, class: Class, message: &str) -> Result<Object<'env>> {
    let message = env.create_string(message)?;
    let create = match class {
        Class::Error => sys::napi_create_error as unsafe fn(_, _, _, _) -> _,
        Class::TypeError => sys::napi_create_type_error as _,
        Class::RangeError => sys::napi_create_range_error as _,
    };
    let mut error = ptr::null_mut();
    // SAFETY: no code, a message of this environment, and a place for the error.
    napi::check_status!(unsafe { create(env.raw(), ptr::null_mut(), message.raw(), &raw mut error) })?;
    Ok(Object::from_raw(env.raw(), error))
}

/// Throws a value. What it returns is for napi-rs, which then leaves the exception alone.
pub fn throw_value(env: &Env, value: sys::napi_value) -> Error {
    // SAFETY: a value of this environment. If it cannot be thrown, the environment is being torn down.
    unsafe { sys::napi_throw(env.raw(), value) };
    pending()
}

/// Throws an error.
pub fn throw(env: &Env, class: Class, code: &str, message: &str) -> Error {
    match create(env, class, code, message) {
        Ok(error) => throw_value(env, error.raw()),
        Err(error) => error,
    }
}

/// `ERR_INVALID_ARG_TYPE`: `subject` is `The "options" argument`, say, and `expected` `of type object`.
pub fn invalid_type(env: &Env, subject: &str, expected: &str, received: Unknown<'_>) -> Error {
    let message = match describe(env, received) {
        Ok(received) => format!("{subject} must be {expected}. Received {received}"),
        Err(error) => return error,
    };
    throw(env, Class::TypeError, "ERR_INVALID_ARG_TYPE", &message)
}

/// `ERR_INVALID_ARG_VALUE` for a string that has a NUL byte, which a guest would take for its end.
pub fn null_byte(env: &Env, property: &str, received: &str) -> Error {
    let message = format!(
        "The property '{property}' must be a string without null bytes. Received {}",
        quote(received)
    );
    throw(env, Class::TypeError, "ERR_INVALID_ARG_VALUE", &message)
}

/// The error of the native part of the constructor, as uvwasi has it, told in full: `subject` names the option.
pub fn init(env: &Env, errno: Errno, subject: &str, path: Option<&str>) -> Error {
    let throw = || -> Result<Error> {
        let code = format!("UVWASI_{}", errno.name());
        let message = format!("{code}, uvwasi_init: {subject}");
        let mut error = create_plain(env, Class::Error, &message)?;
        error.set_named_property("errno", errno as u32)?;
        error.set_named_property("code", code)?;
        error.set_named_property("syscall", "uvwasi_init")?;
        if let Some(path) = path {
            error.set_named_property("path", path)?;
        }
        Ok(throw_value(env, error.raw()))
    };
    throw().unwrap_or_else(|error| error)
}

/// Throws an error as Node's C++ does.
pub fn throw_plain(env: &Env, class: Class, code: &str, message: &str) -> Error {
    let throw = || -> Result<Error> {
        let mut error = create_plain(env, class, message)?;
        error.set_named_property("code", code)?;
        Ok(throw_value(env, error.raw()))
    };
    throw().unwrap_or_else(|error| error)
}

/// `ERR_WASI_NOT_STARTED`
pub fn not_started(env: &Env) -> Error {
    throw_plain(env, Class::Error, "ERR_WASI_NOT_STARTED", "wasi.start() has not been called")
}

/// Marks the errors that end a guest, so that nobody else's can be taken for one.
static EXIT: sys::napi_type_tag =
    sys::napi_type_tag { lower: 0x6361_7077_6173_6900, upper: 0x7072_6f63_5f65_7869 };

/// What `proc_exit` throws when the process should have ended and has not: whoever called into the guest sees it.
pub fn exit(env: &Env, code: sys::napi_value) -> Result<Object<'_>> {
    let error = create(env, Class::Error, "ERR_WASI_EXIT", "The guest has exited")?;
    // SAFETY: values of this environment.
    napi::check_status!(unsafe {
        let name = c"exitCode".as_ptr();
        sys::napi_set_named_property(env.raw(), error.raw(), name, code)
    })?;
    Ok(error)
}

/// What `proc_exit` throws when `start` is to return: that catches it, and whoever else calls into the guest sees it.
pub fn caught_exit(env: &Env, code: sys::napi_value) -> Result<sys::napi_value> {
    let error = exit(env, code)?;
    // SAFETY: an object just made, that has no tag yet.
    napi::check_status!(unsafe { sys::napi_type_tag_object(env.raw(), error.raw(), &raw const EXIT) })?;
    Ok(error.raw())
}

/// Whether a value that was thrown is one of [`caught_exit`].
pub fn is_exit(env: &Env, thrown: sys::napi_value) -> bool {
    let (mut is_error, mut is_exit) = (false, false);
    // SAFETY: a value of this environment; only of an object is a tag asked.
    unsafe {
        sys::napi_is_error(env.raw(), thrown, &raw mut is_error);
        if is_error {
            sys::napi_check_object_type_tag(env.raw(), thrown, &raw const EXIT, &raw mut is_exit);
        }
    }
    is_exit
}

/// The text of a JavaScript string, `None` if it is none.
pub fn string(value: Unknown<'_>) -> Result<Option<String>> {
    match value.get_type()? {
        ValueType::String => Ok(Some(String::from_unknown(value)?)),
        _ => Ok(None),
    }
}

/// What Node says of a value it did not expect.
pub fn describe(env: &Env, value: Unknown<'_>) -> Result<String> {
    let context = Context::of(*env)?;
    text_from(env, context.prelude()?.describe.get(env)?, value)
}

/// `String(value)`, which also takes symbols.
pub fn to_text(env: &Env, value: Unknown<'_>) -> Result<String> {
    let context = Context::of(*env)?;
    text_from(env, context.prelude()?.text.get(env)?, value)
}

/// The path of a `URL` of any realm, `None` for any other value.
pub fn url_path(env: &Env, value: Unknown<'_>) -> Result<Option<String>> {
    let context = Context::of(*env)?;
    let path = call(env, context.prelude()?.url_path.get(env)?, None, &[value.raw()])?;
    // SAFETY: the function returned a value of this environment.
    string(unsafe { Unknown::from_raw_unchecked(env.raw(), path) })
}

/// The string that a function makes of a value.
fn text_from(env: &Env, function: sys::napi_value, value: Unknown<'_>) -> Result<String> {
    text(env, call(env, function, None, &[value.raw()])?)
}

/// The text of what is a JavaScript string.
pub fn text(env: &Env, string: sys::napi_value) -> Result<String> {
    // SAFETY: a value of this environment.
    unsafe { String::from_napi_value(env.raw(), string) }
}

/// What is inspected as Node's messages show it: no more than 128 characters.
pub fn shorten(inspected: &str) -> String {
    match inspected.char_indices().nth(128) {
        Some((end, _)) => format!("{}...", &inspected[..end]),
        None => inspected.to_owned(),
    }
}

/// A string as `util.inspect` shows it.
pub fn quote(text: &str) -> String {
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

/// A value as napi-rs wants it.
pub fn unknown(env: &Env, value: impl ToNapiValue) -> Result<Unknown<'_>> {
    // SAFETY: the conversion gives a value of this environment.
    unsafe { Ok(Unknown::from_raw_unchecked(env.raw(), ToNapiValue::to_napi_value(env.raw(), value)?)) }
}
