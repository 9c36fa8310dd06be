//! Unknown options: detects probable mistakes and suggests names.

use crate::node::error::{invalid_value, quote};
use napi::{Env, Result};
use napi_derive::napi;

/// The options of `new WASI()`.
const OPTIONS: [&str; 14] = [
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

/// Names of nested options and of other APIs in lower case, with advice for the message.
const ELSEWHERE: [(&str, &str); 10] = [
    ("readonly", "Did you mean 'readonly' of a directory in 'preopens'?"),
    ("openfiles", "Did you mean 'limits.openFiles'?"),
    ("output", "Did you mean 'limits.output'?"),
    ("writtenbytes", "Did you mean 'limits.writtenBytes'?"),
    ("seed", "Did you mean 'random.seed'?"),
    ("realtime", "Did you mean 'clock.realtime'?"),
    ("monotonic", "Did you mean 'clock.monotonic'?"),
    ("stdio", "Did you mean 'stdin', 'stdout' and 'stderr'?"),
    ("suspending", "Pass it to getImportObject({ suspending: true })"),
    ("timeout", "Pass it to the method that runs the guest: start(instance, { timeout })"),
];

/// Rejects an unknown option that is probably a mistake, so that a typo cannot silently remove a restriction. Other
/// unknown options are ignored, since programs written for other hosts pass them.
pub(super) fn reject_probable_mistakes(env: &Env, names: &[String]) -> Result<()> {
    for name in names {
        if OPTIONS.contains(&name.as_str()) {
            continue;
        }
        let known = OPTIONS.into_iter().chain(ELSEWHERE.map(|(known, _)| known));
        let advice = match nearest(name, known) {
            None => continue,
            Some(at) if at < OPTIONS.len() => format!("Did you mean {}?", quote(OPTIONS[at])),
            Some(at) => ELSEWHERE[at - OPTIONS.len()].1.to_owned(),
        };
        let property = if is_identifier(name) { format!(".{name}") } else { format!("[{}]", quote(name)) };
        let message = format!("The property 'options{property}' is unknown. {advice}");
        return Err(invalid_value(env, &message));
    }
    Ok(())
}

/// Returns a suggestion for a name that is nearly a known one. The command line uses it as well.
#[napi(catch_unwind)]
pub fn suggestion(name: String, known: Vec<String>) -> Option<String> {
    let at = nearest(&name, known.iter().map(String::as_str))?;
    Some(format!("Did you mean {}?", quote(&known[at])))
}

/// Returns the index of the known name that a name nearly equals.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<usize> {
    let name = plain(name);
    let near = known.enumerate().filter_map(|(at, known)| Some((distance(&name, &plain(known))?, at, known)));
    let (distance, at, known) = near.min_by_key(|(distance, ..)| *distance)?;
    // A short name with two typos may be a different word.
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

/// Returns the number of insertions, deletions, replacements and swaps of adjacent characters between two texts. `None`
/// if the lengths differ by more than two.
fn distance(one: &str, other: &str) -> Option<usize> {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().take(64).collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > 2 {
        return None;
    }
    // Three rows of the table of distances between prefixes (Damerau-Levenshtein).
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
