//! `options.trace`: where the guest's calls are logged.

use super::validate::{descriptor, subject};
use crate::node::error::invalid_type;
use crate::node::value::Value;
use napi::{Env, Result, ValueType};
use once_cell::sync::Lazy;

/// Whether the environment enables the option for all sandboxes of the process.
static TRACED: Lazy<bool> = Lazy::new(|| std::env::var_os("CAPWASI_TRACE").is_some_and(|value| value == "1"));

/// The descriptor for `true`: the stderr of the process.
const STDERR: i32 = 2;

/// Reads the option: a boolean, a descriptor, or a function that receives each line. Returns the descriptor or the
/// function; undefined if calls are not logged.
pub(super) fn read<'env>(env: &'env Env, options: Value<'env>) -> Result<Value<'env>> {
    let trace = options.get("trace")?;
    match trace.type_of()? {
        ValueType::Undefined => Value::of(env, TRACED.then_some(STDERR)),
        ValueType::Boolean => Value::of(env, trace.convert::<bool>()?.then_some(STDERR)),
        ValueType::Number => Value::of(env, descriptor(env, trace, "trace", STDERR)?),
        ValueType::Function => Ok(trace),
        _ => Err(invalid_type(env, &subject("trace"), "one of type boolean, number, or function", trace)),
    }
}
