//! Unknown options: detects probable mistakes and suggests names.

use crate::node::env_state::EnvState;
use crate::node::error::{invalid_value, quote};
use crate::node::value::Value;
use napi::{Env, Result};

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
        let advice = match nearest(env, name, known.collect())? {
            None => continue,
            Some(at) if at < OPTIONS.len() => did_you_mean(OPTIONS[at]),
            Some(at) => ELSEWHERE[at - OPTIONS.len()].1.to_owned(),
        };
        let property = if is_identifier(name) { format!(".{name}") } else { format!("[{}]", quote(name)) };
        let message = format!("The property 'options{property}' is unknown. {advice}");
        return Err(invalid_value(env, &message));
    }
    Ok(())
}

/// Returns a suggestion for an unknown name; `None` if no known name is similar.
pub(super) fn suggestion(env: &Env, name: &str, known: &[&str]) -> Result<Option<String>> {
    Ok(nearest(env, name, known.to_vec())?.map(|at| did_you_mean(known[at])))
}

fn did_you_mean(name: &str) -> String {
    format!("Did you mean {}?", quote(name))
}

/// Returns the index of the known name that a name nearly equals.
fn nearest(env: &Env, name: &str, known: Vec<&str>) -> Result<Option<usize>> {
    let state = EnvState::of(env)?;
    let nearest = state.helpers.function(env, "names", "nearest")?;
    let index = nearest.call(&[Value::of(env, name)?, Value::of(env, known)?])?;
    Ok(index.convert::<Option<u32>>()?.map(|index| index as usize))
}

fn is_identifier(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$')
}
