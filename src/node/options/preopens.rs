//! `options.preopens`: directories by path or by descriptor.

use super::validate::{
    boolean, descriptor, entries, optional_object, reject_collection, reject_unknown_keys,
    reject_unknown_keys_unless_handle, subject, text, unusable, url_path,
};
use crate::core::guest::Guest;
use crate::node::error::{Class, inspect, invalid_received, invalid_type, null_byte, quote, throw};
use crate::node::value::Value;
use crate::sys;
use crate::sys::errno::Errno;
use napi::{Env, Error, Result, ValueType};
use std::path::Path;

/// A directory for the guest.
#[derive(Debug)]
pub(super) struct Preopen {
    /// The path of the directory in the guest.
    name: String,
    pub(super) source: PreopenSource,
    pub(super) readonly: bool,
}

/// The directory of the host.
#[derive(Debug)]
pub(super) enum PreopenSource {
    Path(String),
    Fd(i32),
}

/// Reads the option.
pub(super) fn read(env: &Env, options: Value<'_>) -> Result<Vec<Preopen>> {
    let Some(preopens) = optional_object(env, options, "preopens")? else {
        return Ok(Vec::new());
    };
    reject_collection(env, preopens, "preopens")?;
    let preopen = |(name, value): (String, Value<'_>)| {
        let property = property(&name);
        let (source, readonly) = if is_description(value)? {
            read_description(env, &property, value)?
        } else {
            (PreopenSource::Path(read_path(env, &property, value)?), false)
        };
        Ok(Preopen { name, source, readonly })
    };
    entries(env, preopens)?.into_iter().map(preopen).collect()
}

/// Names a preopen in messages.
fn property(name: &str) -> String {
    format!("preopens[{}]", quote(name))
}

/// Properties of an object that describes a directory.
const NAMES: [&str; 3] = ["path", "fd", "readonly"];

/// Reads a path: a string, a URL, or another value that node:wasi converts to a string.
fn read_path(env: &Env, property: &str, value: Value<'_>) -> Result<String> {
    if let Some(path) = value.string()? {
        return Ok(path);
    }
    if let Some(path) = url_path(env, value, property)? {
        return Ok(path);
    }
    if let Some(path) = converted_path(env, value)? {
        return Ok(path);
    }
    if value.is_plain_object()? {
        reject_unknown_keys(env, value, property, &NAMES)?;
    }
    Err(invalid_preopen(env, property, value))
}

/// Converts a value to a string, as node:wasi does. `None` if the string is empty, or only names a type, as `[object
/// Object]` does.
fn converted_path(env: &Env, value: Value<'_>) -> Result<Option<String>> {
    let converts = match value.type_of()? {
        ValueType::Symbol => false,
        ValueType::Function => value.has_own("toString")?,
        ValueType::Object => value.has("toString")?,
        _ => return text(env, value).map(Some),
    };
    if !converts {
        return Ok(None);
    }
    let path = text(env, value)?;
    Ok((!path.is_empty() && !path.starts_with("[object ")).then_some(path))
}

/// Throws `ERR_INVALID_ARG_TYPE` for a value that does not name a directory.
fn invalid_preopen(env: &Env, property: &str, value: Value<'_>) -> Error {
    match inspect(env, value) {
        Ok(received) => {
            let message = format!(
                "{} must be of type string, an instance of URL, or an object with a 'path' or an 'fd'. Received \
                 {received}",
                subject(property)
            );
            throw(env, Class::TypeError, "ERR_INVALID_ARG_TYPE", &message)
        }
        Err(error) => error,
    }
}

/// Returns whether an object describes a directory by its properties. Any other object is a URL, or is converted to a
/// string.
fn is_description(value: Value<'_>) -> Result<bool> {
    if value.type_of()? != ValueType::Object {
        return Ok(false);
    }
    for name in NAMES {
        if value.has(name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn read_description(env: &Env, property: &str, description: Value<'_>) -> Result<(PreopenSource, bool)> {
    reject_unknown_keys_unless_handle(env, description, property, &NAMES)?;
    let (path, fd) = (description.get("path")?, description.get("fd")?);
    let readonly = boolean(env, description.get("readonly")?, &format!("{property}.readonly"), false)?;
    let source = match (path.is_undefined()?, fd.is_undefined()?) {
        (false, false) => {
            let rule = format!("The property 'options.{property}' must have a 'path' or an 'fd', not both");
            return Err(invalid_received(env, &rule, description));
        }
        (true, true) => return Err(invalid_preopen(env, property, description)),
        (true, false) => PreopenSource::Fd(descriptor(env, fd, &format!("{property}.fd"), -1)?),
        (false, true) => {
            let known = match path.string()? {
                Some(path) => Some(path),
                None => url_path(env, path, &format!("{property}.path"))?,
            };
            PreopenSource::Path(known.ok_or_else(|| {
                let subject = subject(&format!("{property}.path"));
                invalid_type(env, &subject, "of type string or an instance of URL", path)
            })?)
        }
    };
    Ok((source, readonly))
}

impl Preopen {
    /// Opens the directory.
    pub(super) fn open(&self, env: &Env) -> Result<std::fs::File> {
        let property = format!("options.{}", property(&self.name));
        let path = match &self.source {
            PreopenSource::Path(path) => Some(path.as_str()),
            PreopenSource::Fd(_) => None,
        };
        for text in [Some(self.name.as_str()), path].into_iter().flatten() {
            if text.contains('\0') {
                return Err(null_byte(env, &property, text));
            }
        }
        let directory = match &self.source {
            PreopenSource::Path(path) => sys::open_directory(Path::new(path), self.readonly),
            PreopenSource::Fd(fd) => sys::reopen_directory(*fd, self.readonly),
        };
        directory.map_err(|error| self.failure(env, error.into()))
    }

    /// Gives the opened directory to a guest.
    pub(super) fn add_to(&self, env: &Env, guest: &mut Guest, directory: std::fs::File) -> Result<()> {
        let added = guest.add_directory(self.name.as_bytes(), directory, self.readonly);
        added.map_err(|errno| self.failure(env, errno))
    }

    fn failure(&self, env: &Env, errno: Errno) -> Error {
        let (source, path) = match &self.source {
            PreopenSource::Path(path) if path.starts_with("file:") => (
                format!("{} (a file: URL must be a URL object, not a string)", quote(path)),
                Some(path.as_str()),
            ),
            PreopenSource::Path(path) => (quote(path), Some(path.as_str())),
            PreopenSource::Fd(fd) => (format!("descriptor {fd}"), None),
        };
        unusable(env, errno, &property(&self.name), "cannot open", &source, path)
    }
}
