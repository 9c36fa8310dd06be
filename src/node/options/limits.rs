//! `options.limits`: what the guest may use up.

use super::{MAX_SAFE_INTEGER, get, integer, object, out_of_range, refuse_others};
use crate::core::budget::Budget;
use crate::core::limits::Limits;
use crate::node::error::invalid_type;
use napi::bindgen_prelude::{BigInt, FromNapiValue, Object, Unknown};
use napi::{Env, Result, ValueType};

/// More descriptors than any system lets a process have by default.
const MAX_OPEN_FILES: i64 = 1 << 20;

/// Reads the option.
pub fn read(env: &Env, options: &Object<'_>) -> Result<Limits> {
    let mut limits = Limits::default();
    let given = get(options, "limits")?;
    if given.get_type()? == ValueType::Undefined {
        return Ok(limits);
    }
    let given = object(env, given, "The \"options.limits\" property")?;
    refuse_others(env, &given, "limits", &["openFiles", "output", "writtenBytes"])?;
    let open_files = get(&given, "openFiles")?;
    if open_files.get_type()? != ValueType::Undefined {
        limits.open_files = integer(env, open_files, "limits.openFiles", 1, MAX_OPEN_FILES)? as usize;
    }
    if let Some(output) = bytes(env, get(&given, "output")?, "limits.output")? {
        limits.output = output;
    }
    let written_bytes = bytes(env, get(&given, "writtenBytes")?, "limits.writtenBytes")?;
    limits.written_bytes = written_bytes.map_or_else(Budget::default, Budget::new);
    Ok(limits)
}

/// A number of bytes, `None` if it is undefined.
fn bytes(env: &Env, value: Unknown<'_>, name: &str) -> Result<Option<u64>> {
    match value.get_type()? {
        ValueType::Undefined => Ok(None),
        ValueType::Number => Ok(Some(integer(env, value, name, 0, MAX_SAFE_INTEGER)?.cast_unsigned())),
        ValueType::BigInt => match BigInt::from_unknown(value)?.get_u64() {
            (false, bytes, true) => Ok(Some(bytes)),
            _ => Err(out_of_range(env, value, name, &format!("It must be >= 0n && <= {}n.", u64::MAX))),
        },
        _ => {
            let subject = format!("The \"options.{name}\" property");
            Err(invalid_type(env, &subject, "one of type number or bigint", value))
        }
    }
}
