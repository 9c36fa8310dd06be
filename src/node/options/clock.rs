//! `options.clock`: clocks of the embedder's.

use super::{get, object, out_of_range, refuse_others};
use crate::core::clock::Source;
use crate::node::error::invalid_type;
use crate::sys::types::Timestamp;
use napi::bindgen_prelude::{BigInt, FromNapiValue, Object, Unknown};
use napi::{Env, Result, ValueType};

/// The two clocks, the realtime one first: where their time comes from, and what was given for that.
pub type Clocks<'env> = ([Source; 2], [Unknown<'env>; 2]);

/// Reads the option.
pub fn read<'env>(env: &Env, options: &Object<'env>) -> Result<Clocks<'env>> {
    let clock = get(options, "clock")?;
    if clock.get_type()? == ValueType::Undefined {
        return Ok(([Source::System; 2], [clock; 2]));
    }
    let clock = object(env, clock, "The \"options.clock\" property")?;
    refuse_others(env, &clock, "clock", &["realtime", "monotonic"])?;
    let (realtime, monotonic) = (get(&clock, "realtime")?, get(&clock, "monotonic")?);
    let sources = [source(env, realtime, "clock.realtime")?, source(env, monotonic, "clock.monotonic")?];
    Ok((sources, [realtime, monotonic]))
}

fn source(env: &Env, clock: Unknown<'_>, name: &str) -> Result<Source> {
    match clock.get_type()? {
        ValueType::Undefined => Ok(Source::System),
        ValueType::Function => Ok(Source::Callback),
        ValueType::BigInt => match nanoseconds(clock)? {
            Some(time) => Ok(Source::Fixed(time)),
            None => Err(out_of_range(env, clock, name, "It must be >= 0n && < 2n ** 64n.")),
        },
        _ => {
            let subject = format!("The \"options.{name}\" property");
            Err(invalid_type(env, &subject, "one of type bigint or function", clock))
        }
    }
}

/// A time, if the value is one.
pub fn nanoseconds(value: Unknown<'_>) -> Result<Option<Timestamp>> {
    if value.get_type()? != ValueType::BigInt {
        return Ok(None);
    }
    let (_, time, lossless) = BigInt::from_unknown(value)?.get_u64();
    Ok(lossless.then_some(time))
}
