//! `options.version`: the version of WASI.

use super::validate::subject;
use crate::node::error::{invalid_received, invalid_type};
use crate::node::value::Value;
use crate::node::version::Version;
use napi::{Env, Result};

/// Reads the option.
pub(super) fn read(env: &Env, options: Value<'_>) -> Result<Version> {
    let version = options.get("version")?;
    if version.is_undefined()? {
        return Ok(Version::Unversioned);
    }
    match version.string()?.as_deref() {
        Some("preview1") => Ok(Version::Preview1),
        Some("unstable") => Ok(Version::Unstable),
        Some(_) => {
            Err(invalid_received(env, "The property 'options.version' unsupported WASI version", version))
        }
        None => Err(invalid_type(env, &subject("version"), "of type string", version)),
    }
}
