//! `options.random`: random bytes that a seed determines.

use super::{MAX_SAFE_INTEGER, get, integer, object, out_of_range, refuse_others};
use crate::core::random::Random;
use crate::node::error::invalid_type;
use napi::bindgen_prelude::{BigInt, FromNapiValue, Object, Unknown};
use napi::{Env, Result, ValueType};

/// Reads the option.
pub fn read(env: &Env, options: &Object<'_>) -> Result<Option<Random>> {
    let random = get(options, "random")?;
    if random.get_type()? == ValueType::Undefined {
        return Ok(None);
    }
    let random = object(env, random, "The \"options.random\" property")?;
    refuse_others(env, &random, "random", &["seed"])?;
    let seed = get(&random, "seed")?;
    match seed.get_type()? {
        ValueType::Undefined => Ok(None),
        ValueType::Number => {
            let number = integer(env, seed, "random.seed", 0, MAX_SAFE_INTEGER)?;
            Ok(Some(generator(&[number.cast_unsigned()])))
        }
        ValueType::BigInt => bigint(env, seed).map(Some),
        _ => {
            let subject = "The \"options.random.seed\" property";
            Err(invalid_type(env, subject, "one of type number or bigint", seed))
        }
    }
}

fn bigint(env: &Env, seed: Unknown<'_>) -> Result<Random> {
    let BigInt { sign_bit, words } = BigInt::from_unknown(seed)?;
    if sign_bit || words.len() > 4 {
        return Err(out_of_range(env, seed, "random.seed", "It must be >= 0n && < 2n ** 256n."));
    }
    Ok(generator(&words))
}

/// The generator whose key is a number of at most four words, the lowest first.
fn generator(words: &[u64]) -> Random {
    let mut key = [0; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    Random::seeded(key)
}
