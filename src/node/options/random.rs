//! `options.random`: random bytes from a seed.

use super::validate::{MAX_SAFE_INTEGER, integer, optional_record, out_of_range, subject};
use crate::core::random::Random;
use crate::node::error::invalid_type;
use crate::node::value::Value;
use napi::bindgen_prelude::BigInt;
use napi::{Env, Result, ValueType};

/// Reads the option.
pub(super) fn read(env: &Env, options: Value<'_>) -> Result<Option<Random>> {
    let Some(random) = optional_record(env, options, "random", &["seed"])? else {
        return Ok(None);
    };
    let seed = random.get("seed")?;
    match seed.type_of()? {
        ValueType::Undefined => Ok(None),
        ValueType::Number => {
            let number = integer(env, seed, "random.seed", 0, MAX_SAFE_INTEGER)?;
            Ok(Some(seeded(&[number.cast_unsigned()])))
        }
        ValueType::BigInt => {
            let BigInt { sign_bit, words } = seed.convert()?;
            if sign_bit || words.len() > 4 {
                return Err(out_of_range(env, seed, "random.seed", "It must be >= 0n && < 2n ** 256n."));
            }
            Ok(Some(seeded(&words)))
        }
        _ => Err(invalid_type(env, &subject("random.seed"), "one of type number or bigint", seed)),
    }
}

/// Creates a generator from a number of at most four words, lowest word first.
fn seeded(words: &[u64]) -> Random {
    let mut key = [0; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    Random::seeded(key)
}
