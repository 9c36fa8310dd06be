//! `options.clock`: clocks of the embedder.

use super::validate::{optional_object, out_of_range, reject_unknown_keys, subject};
use crate::core::clock::Source;
use crate::node::error::invalid_type;
use crate::node::value::Value;
use napi::{Env, Result, ValueType};

/// The sources of the realtime and the monotonic clock, and the values of the option for them.
pub(super) type Clocks<'env> = ([Source; 2], [Value<'env>; 2]);

/// Reads the option.
pub(super) fn read<'env>(env: &'env Env, options: Value<'env>) -> Result<Clocks<'env>> {
    let Some(clock) = optional_object(env, options, "clock")? else {
        return Ok(([Source::System; 2], [Value::undefined(env)?; 2]));
    };
    reject_unknown_keys(env, clock, "clock", &["realtime", "monotonic"])?;
    let (realtime, monotonic) = (clock.get("realtime")?, clock.get("monotonic")?);
    let sources = [source(env, realtime, "clock.realtime")?, source(env, monotonic, "clock.monotonic")?];
    Ok((sources, [realtime, monotonic]))
}

fn source(env: &Env, clock: Value<'_>, name: &str) -> Result<Source> {
    match clock.type_of()? {
        ValueType::Undefined => Ok(Source::System),
        ValueType::Function => Ok(Source::Callback),
        ValueType::BigInt => match clock.u64()? {
            Some(time) => Ok(Source::Fixed(time)),
            None => Err(out_of_range(env, clock, name, "It must be >= 0n && < 2n ** 64n.")),
        },
        _ => Err(invalid_type(env, &subject(name), "one of type bigint or function", clock)),
    }
}
