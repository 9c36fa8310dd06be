//! `options.limits`: resource limits.

use super::validate::{
    MAX_SAFE_INTEGER, integer, optional_object, out_of_range, reject_unknown_keys, subject,
};
use crate::core::budget::Budget;
use crate::core::limits::Limits;
use crate::node::error::invalid_type;
use crate::node::value::Value;
use napi::{Env, Result, ValueType};

/// More descriptors than any system allows a process by default.
const MAX_OPEN_FILES: i64 = 1 << 20;

/// Reads the option.
pub(super) fn read(env: &Env, options: Value<'_>) -> Result<Limits> {
    let mut limits = Limits::default();
    let Some(given) = optional_object(env, options, "limits")? else {
        return Ok(limits);
    };
    reject_unknown_keys(env, given, "limits", &["openFiles", "output", "writtenBytes"])?;
    let open_files = given.get("openFiles")?;
    if !open_files.is_undefined()? {
        limits.open_files = integer(env, open_files, "limits.openFiles", 1, MAX_OPEN_FILES)? as usize;
    }
    if let Some(output) = bytes(env, given.get("output")?, "limits.output")? {
        limits.output = output;
    }
    let written_bytes = bytes(env, given.get("writtenBytes")?, "limits.writtenBytes")?;
    limits.written_bytes = written_bytes.map_or_else(Budget::default, Budget::new);
    Ok(limits)
}

/// Reads a number of bytes; `None` if the value is undefined.
fn bytes(env: &Env, value: Value<'_>, name: &str) -> Result<Option<u64>> {
    match value.type_of()? {
        ValueType::Undefined => Ok(None),
        ValueType::Number => Ok(Some(integer(env, value, name, 0, MAX_SAFE_INTEGER)?.cast_unsigned())),
        ValueType::BigInt => match value.u64()? {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(out_of_range(env, value, name, &format!("It must be >= 0n && <= {}n.", u64::MAX))),
        },
        _ => Err(invalid_type(env, &subject(name), "one of type number or bigint", value)),
    }
}
