//! Unknown options: which of them are probably mistakes, and what to suggest.

use crate::node::context::{Context, call};
use crate::node::error::{self, Class, quote};
use napi::bindgen_prelude::{FromNapiValue, JsValue, Object};
use napi::{Env, Result};

/// The options of `new WASI()`.
pub const OPTIONS: [&str; 14] = [
    "version",
    "args",
    "env",
    "preopens",
    "stdin",
    "stdout",
    "stderr",
    "input",
    "sockets",
    "clock",
    "random",
    "limits",
    "trace",
    "returnOnExit",
];

/// Names of nested options and of other APIs, in lower case, with the advice for the message.
const ELSEWHERE: [(&str, &str); 9] = [
    ("readonly", "Did you mean 'readonly' of a directory in 'preopens'?"),
    ("openfiles", "Did you mean 'limits.openFiles'?"),
    ("output", "Did you mean 'limits.output'?"),
    ("writtenbytes", "Did you mean 'limits.writtenBytes'?"),
    ("seed", "Did you mean 'random.seed'?"),
    ("realtime", "Did you mean 'clock.realtime'?"),
    ("monotonic", "Did you mean 'clock.monotonic'?"),
    ("stdio", "Did you mean 'stdin', 'stdout' and 'stderr'?"),
    ("timeout", "A guest runs until it returns: run it in a worker, and terminate that"),
];

/// Rejects an unknown option that is probably a mistake, so that a typo cannot silently remove a restriction. Other
/// unknown options are ignored, since programs written for other hosts pass them.
pub fn refuse_mistakes(env: &Env, options: &Object<'_>) -> Result<()> {
    for name in unknown_options(env, options)? {
        let known = OPTIONS.into_iter().chain(ELSEWHERE.map(|(known, _)| known));
        let advice = match nearest(&name, known) {
            None => continue,
            Some(at) if at < OPTIONS.len() => format!("Did you mean {}?", quote(OPTIONS[at])),
            Some(at) => ELSEWHERE[at - OPTIONS.len()].1.to_owned(),
        };
        let property = if is_identifier(&name) { format!(".{name}") } else { format!("[{}]", quote(&name)) };
        let message = format!("The property 'options{property}' is unknown. {advice}");
        return Err(error::throw(env, Class::TypeError, "ERR_INVALID_ARG_VALUE", &message));
    }
    Ok(())
}

/// Returns the own names that are not options. JavaScript finds them in a tenth of the time that Node-API takes.
fn unknown_options(env: &Env, options: &Object<'_>) -> Result<Vec<String>> {
    let context = Context::of(*env)?;
    let unknown = call(env, context.prelude()?.unknown_options.get(env)?, None, &[options.raw()])?;
    // SAFETY: the function returned a value of this environment, an array of strings or undefined.
    let unknown: Option<_> = unsafe { FromNapiValue::from_napi_value(env.raw(), unknown)? };
    Ok(unknown.unwrap_or_default())
}

/// Returns what a message asks about a name, if it is nearly a known one.
pub fn suggestion(name: &str, known: &[&str]) -> Option<String> {
    let at = nearest(name, known.iter().copied())?;
    Some(format!("Did you mean {}?", quote(known[at])))
}

/// Returns which of some known names is nearly this one.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<usize> {
    let name = plain(name);
    let near = known.enumerate().filter_map(|(at, known)| Some((distance(&name, &plain(known))?, at, known)));
    let (distance, at, known) = near.min_by_key(|(distance, ..)| *distance)?;
    // A mistake in a short name makes another word.
    let mistakes = if known.len() > 5 { 2 } else { 1 };
    (distance <= mistakes).then_some(at)
}

/// Returns a name in lower case, without `_` and `-`.
fn plain(name: &str) -> String {
    name.chars().filter(|character| !matches!(character, '_' | '-')).flat_map(char::to_lowercase).collect()
}

fn is_identifier(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$')
}

/// Counts the characters to insert, remove, replace, or swap with the next one, to make one text of the other. `None`
/// if the lengths differ by more than two.
fn distance(one: &str, other: &str) -> Option<usize> {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().take(64).collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > 2 {
        return None;
    }
    // Three rows of the table of distances between beginnings.
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut least = (above[j] + usize::from(a != b)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied()
}
