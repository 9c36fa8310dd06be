//! `options.limits`: resource limits.

use super::validate::{MAX_SAFE_INTEGER, integer, optional_record, subject, u64_bigint};
use crate::core::budget::Budget;
use crate::core::limits::Limits;
use crate::node::error::{invalid_type, uvwasi_init_error};
use crate::node::value::Value;
use crate::sys::errno::Errno;
use napi::{Env, Result, ValueType};

/// Larger than the default limit of any system.
const MAX_OPEN_FILES: i64 = 1 << 20;

/// Reads the option.
pub(super) fn read(env: &Env, options: Value<'_>) -> Result<Limits> {
    let mut limits = Limits::default();
    let known = ["openFiles", "output", "writtenBytes"];
    let Some(given) = optional_record(env, options, "limits", &known)? else {
        return Ok(limits);
    };
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

/// Requires that the limit allows the descriptors that the options define.
pub(super) fn require_room(env: &Env, limits: &Limits, sockets: usize, preopens: usize) -> Result<()> {
    let (limit, needed) = (limits.open_files, 3 + sockets + preopens);
    if needed <= limit {
        return Ok(());
    }
    let reason = format!(
        "options.limits.openFiles is {limit}, but the options need {needed} descriptors: 3 for stdio, {sockets} for \
         sockets, {preopens} for preopens"
    );
    Err(uvwasi_init_error(env, Errno::Mfile, &reason, None))
}

/// Reads a number of bytes; `None` if the value is undefined.
fn bytes(env: &Env, value: Value<'_>, name: &str) -> Result<Option<u64>> {
    match value.type_of()? {
        ValueType::Undefined => Ok(None),
        ValueType::Number => Ok(Some(integer(env, value, name, 0, MAX_SAFE_INTEGER)?.cast_unsigned())),
        ValueType::BigInt => u64_bigint(env, value, name).map(Some),
        _ => Err(invalid_type(env, &subject(name), "one of type number or bigint", value)),
    }
}
