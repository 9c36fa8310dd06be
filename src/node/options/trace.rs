//! `options.trace`: where the guest's calls are logged.

use super::validate::subject;
use crate::node::error::invalid_type;
use crate::node::value::Value;
use napi::{Env, Result, ValueType};
use once_cell::sync::Lazy;

/// Whether the environment enables the option for all sandboxes of the process.
static TRACED: Lazy<bool> = Lazy::new(|| std::env::var_os("CAPWASI_TRACE").is_some_and(|value| value == "1"));

/// Reads the option: `false`, `true` for the stderr of the process, or a function that gets each line.
pub(super) fn read<'env>(env: &'env Env, options: Value<'env>) -> Result<Value<'env>> {
    let trace = options.get("trace")?;
    match trace.type_of()? {
        ValueType::Undefined => Value::of(env, *TRACED),
        ValueType::Boolean | ValueType::Function => Ok(trace),
        _ => Err(invalid_type(env, &subject("trace"), "one of type boolean or function", trace)),
    }
}
