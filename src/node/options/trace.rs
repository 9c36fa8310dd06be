//! `options.trace`: whether the guest's calls are told, and to whom.

use crate::node::error;
use napi::bindgen_prelude::{JsObjectValue, JsValue, Object, Unknown};
use napi::{Env, Result, ValueType, sys};
use once_cell::sync::Lazy;

/// Whether the environment asks for it in all sandboxes of the process.
static TRACED: Lazy<bool> = Lazy::new(|| std::env::var_os("CAPWASI_TRACE").is_some_and(|value| value == "1"));

/// Reads it: `false`, `true` for the process's stderr, or the function that gets each line.
pub fn read(env: &Env, options: &Object<'_>) -> Result<sys::napi_value> {
    let trace: Unknown<'_> = options.get_named_property_unchecked("trace")?;
    match trace.get_type()? {
        ValueType::Undefined => Ok(error::unknown(env, *TRACED)?.raw()),
        ValueType::Boolean | ValueType::Function => Ok(trace.raw()),
        _ => {
            let subject = "The \"options.trace\" property";
            Err(error::invalid_type(env, subject, "one of type boolean or function", trace))
        }
    }
}
