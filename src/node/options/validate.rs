//! Checks for all options, like Node's validators.

use super::names;
use crate::node::env_state::EnvState;
use crate::node::error::{self, Class, invalid_type, invalid_value, quote, uvwasi_init_error};
use crate::node::value::Value;
use crate::sys::errno::Errno;
use napi::{Env, Error, Result, ValueType};

/// The largest integer that a number represents exactly.
pub(super) const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

/// Names an option in messages.
pub(super) fn subject(name: &str) -> String {
    format!("The \"options.{name}\" property")
}

/// Requires an object that is not an array; `None` if the option is undefined.
pub(super) fn optional_object<'env>(
    env: &'env Env,
    options: Value<'env>,
    name: &str,
) -> Result<Option<Value<'env>>> {
    let value = options.get(name)?;
    if value.is_undefined()? {
        return Ok(None);
    }
    if !value.is_plain_object()? {
        return Err(invalid_type(env, &subject(name), "of type object", value));
    }
    Ok(Some(value))
}

/// Requires an object whose own enumerable keys are all known; `None` if the option is undefined.
pub(super) fn optional_record<'env>(
    env: &'env Env,
    options: Value<'env>,
    name: &str,
    known: &[&str],
) -> Result<Option<Value<'env>>> {
    let record = optional_object(env, options, name)?;
    if let Some(record) = record {
        reject_collection(env, record, name)?;
        reject_unknown_keys(env, record, name, known)?;
    }
    Ok(record)
}

/// Rejects a Map, a Set or a Date without properties: its contents would be ignored.
pub(super) fn reject_collection(env: &Env, object: Value<'_>, name: &str) -> Result<()> {
    let state = EnvState::of(env)?;
    let is_collection = || state.helpers.function(env, "values", "isCollection");
    if keys(env, object)?.is_empty() && is_collection()?.call(&[object])?.convert()? {
        return Err(invalid_type(env, &subject(name), "a plain object", object));
    }
    Ok(())
}

/// Reads the own enumerable properties with string keys of an object.
pub(super) fn entries<'env>(env: &'env Env, object: Value<'env>) -> Result<Vec<(String, Value<'env>)>> {
    let entries = EnvState::of(env)?.helpers.entries.get(env)?.call(&[object])?;
    let entry = |entry: Result<Value<'env>>| {
        let entry = entry?;
        Ok((entry.element(0)?.convert()?, entry.element(1)?))
    };
    entries.elements()?.map(entry).collect()
}

/// Rejects unknown keys: a misspelt `readonly` must not grant write access.
pub(super) fn reject_unknown_keys(env: &Env, object: Value<'_>, name: &str, known: &[&str]) -> Result<()> {
    for key in keys(env, object)? {
        if !known.contains(&key.as_str()) {
            let suggestion = names::suggestion(env, &key, known)?;
            let suggestion = suggestion.map_or_else(String::new, |text| format!(". {text}"));
            let known = known.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
            let key = quote(&key);
            let message = format!(
                "The property 'options.{name}[{key}]' is unknown, must be one of: {known}{suggestion}"
            );
            return Err(invalid_value(env, &message));
        }
    }
    Ok(())
}

/// Rejects unknown keys of an object that may have an `fd`. An object that inherits its `fd`, such as a `FileHandle`,
/// may have other own properties.
pub(super) fn reject_unknown_keys_unless_handle(
    env: &Env,
    object: Value<'_>,
    name: &str,
    known: &[&str],
) -> Result<()> {
    if object.has("fd")? && !object.has_own("fd")? {
        return Ok(());
    }
    reject_unknown_keys(env, object, name, known)
}

/// Returns the own enumerable string keys of an object. `Object.keys` is ten times faster than Node-API.
pub(super) fn keys(env: &Env, object: Value<'_>) -> Result<Vec<String>> {
    EnvState::of(env)?.helpers.keys.get(env)?.call(&[object])?.convert()
}

/// Reads a file descriptor of the host. Returns `default` if the value is undefined.
pub(super) fn descriptor(env: &Env, value: Value<'_>, name: &str, default: i32) -> Result<i32> {
    if value.is_undefined()? {
        Ok(default)
    } else {
        Ok(integer(env, value, name, 0, i32::MAX.into())? as i32)
    }
}

/// Reads an integer from `min` to `max`, which a number must represent exactly.
pub(super) fn integer(env: &Env, value: Value<'_>, name: &str, min: i64, max: i64) -> Result<i64> {
    if value.type_of()? != ValueType::Number {
        return Err(invalid_type(env, &subject(name), "of type number", value));
    }
    let number = value.convert::<f64>()?;
    if number.fract() != 0.0 || !number.is_finite() {
        return Err(out_of_range(env, value, name, "It must be an integer."));
    }
    // `as i64` saturates, so a larger value stays out of range.
    let integer = number as i64;
    if !(min..=max).contains(&integer) {
        return Err(out_of_range(env, value, name, &format!("It must be >= {min} && <= {max}.")));
    }
    Ok(integer)
}

/// Reads a bigint from 0 to 2^64 - 1.
pub(super) fn u64_bigint(env: &Env, value: Value<'_>, name: &str) -> Result<u64> {
    value.u64()?.ok_or_else(|| out_of_range(env, value, name, "It must be >= 0n && < 2n ** 64n."))
}

/// Throws `ERR_OUT_OF_RANGE`.
pub(super) fn out_of_range(env: &Env, value: Value<'_>, name: &str, expected: &str) -> Error {
    let received = match (text(env, value), value.type_of()) {
        (Ok(text), Ok(ValueType::BigInt)) => format!("{}n", group_digits(&text)),
        (Ok(text), _) => group_digits(&text),
        (Err(error), _) => return error,
    };
    let message = format!("The value of \"options.{name}\" is out of range. {expected} Received {received}");
    error::throw(env, Class::RangeError, "ERR_OUT_OF_RANGE", &message)
}

/// Reads a boolean. Returns `default` if the value is undefined.
pub(super) fn boolean(env: &Env, value: Value<'_>, name: &str, default: bool) -> Result<bool> {
    match value.type_of()? {
        ValueType::Undefined => Ok(default),
        ValueType::Boolean => value.convert(),
        _ => Err(invalid_type(env, &subject(name), "of type boolean", value)),
    }
}

/// `String(value)`, which also accepts symbols.
pub(super) fn text(env: &Env, value: Value<'_>) -> Result<String> {
    EnvState::of(env)?.helpers.text.get(env)?.call(&[value])?.convert()
}

/// Returns the path of a `URL` of any realm; `None` for any other value.
pub(super) fn url_path(env: &Env, value: Value<'_>, name: &str) -> Result<Option<String>> {
    let name = Value::of(env, format!("options.{name}"))?;
    EnvState::of(env)?.helpers.function(env, "values", "urlPath")?.call(&[value, name])?.string()
}

/// Throws the error for a descriptor, a directory or an address that cannot be used. `otherwise` is the reason for all
/// other errnos.
pub(super) fn unusable(
    env: &Env,
    errno: Errno,
    name: &str,
    otherwise: &str,
    source: &str,
    path: Option<&str>,
) -> Error {
    let reason = match errno {
        Errno::Badf => "not open",
        Errno::Noent => "no such directory",
        Errno::Notdir => "not a directory",
        Errno::Acces => "permission denied",
        Errno::Mfile | Errno::Nfile => "too many open files in this process or system",
        Errno::Addrinuse => "address already in use",
        Errno::Addrnotavail => "this machine has no such address",
        _ => otherwise,
    };
    uvwasi_init_error(env, errno, &format!("options.{name}: {reason}: {source}"), path)
}

/// Groups the digits of an integer beyond 2^32 like Node: `4_294_967_297`. Other numbers stay unchanged.
fn group_digits(number: &str) -> String {
    const LIMIT: &str = "4294967296";
    let digits = number.trim_start_matches('-');
    let is_integer = digits.bytes().all(|digit| digit.is_ascii_digit());
    // JavaScript writes no leading zeros: the longer number is larger.
    if !is_integer || (digits.len(), digits) <= (LIMIT.len(), LIMIT) {
        return number.to_owned();
    }
    let mut grouped = number[..number.len() - digits.len()].to_owned();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push('_');
        }
        grouped.push(digit);
    }
    grouped
}
