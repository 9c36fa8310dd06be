//! `options.random`: random bytes that a seed determines.

use super::{get, object, out_of_range};
use crate::node::error::invalid_type;
use crate::wasi::random::Seeded;
use napi::bindgen_prelude::{BigInt, FromNapiValue, Object, Unknown};
use napi::{Env, Result, ValueType};

/// Reads the option.
pub fn read(env: &Env, options: &Object<'_>) -> Result<Option<Seeded>> {
    let random = get(options, "random")?;
    if random.get_type()? == ValueType::Undefined {
        return Ok(None);
    }
    let random = object(env, random, "The \"options.random\" property")?;
    let seed = get(&random, "seed")?;
    match seed.get_type()? {
        ValueType::Undefined => Ok(None),
        ValueType::Number => number(env, seed).map(Some),
        ValueType::BigInt => bigint(env, seed).map(Some),
        _ => {
            let subject = "The \"options.random.seed\" property";
            Err(invalid_type(env, subject, "one of type number or bigint", seed))
        }
    }
}

fn number(env: &Env, seed: Unknown<'_>) -> Result<Seeded> {
    const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;
    let number = f64::from_unknown(seed)?;
    let expected = if number.fract() != 0.0 || !number.is_finite() {
        "It must be an integer."
    } else if !(0.0..=MAX_SAFE_INTEGER).contains(&number) {
        "It must be >= 0 && <= 9007199254740991."
    } else {
        return Ok(generator(&[number as u64]));
    };
    Err(out_of_range(env, "random.seed", expected, seed))
}

fn bigint(env: &Env, seed: Unknown<'_>) -> Result<Seeded> {
    let BigInt { sign_bit, words } = BigInt::from_unknown(seed)?;
    if sign_bit || words.len() > 4 {
        return Err(out_of_range(env, "random.seed", "It must be >= 0n && < 2n ** 256n.", seed));
    }
    Ok(generator(&words))
}

/// The generator whose key is a number of at most four words, the lowest first.
fn generator(words: &[u64]) -> Seeded {
    let mut key = [0; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    Seeded::new(key)
}
