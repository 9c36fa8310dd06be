//! `options.preopens`: directories by path or by descriptor.

use super::validate::{boolean, descriptor, entries, reject_unknown_keys, subject, text, url_path};
use crate::core::guest::Guest;
use crate::node::error::{invalid_type, invalid_value, null_byte, quote, uvwasi_init_error};
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
    let preopen = |(name, value): (String, Value<'_>)| {
        let (source, readonly) = if is_description(value)? {
            read_description(env, &property(&name), value)?
        } else {
            let path = match url_path(env, value)? {
                Some(path) => path,
                None => text(env, value)?,
            };
            (PreopenSource::Path(path), false)
        };
        Ok(Preopen { name, source, readonly })
    };
    entries(env, options, "preopens")?.into_iter().map(preopen).collect()
}

/// Names a preopen in messages.
fn property(name: &str) -> String {
    format!("preopens[{}]", quote(name))
}

/// Properties of an object that describes a directory.
const NAMES: [&str; 3] = ["path", "fd", "readonly"];

/// Returns whether an object describes a directory. Other objects are URLs, or converted to strings.
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
    // An object that inherits its descriptor, like a `FileHandle`, has other properties of its own.
    if description.has_own("fd")? || !description.has("fd")? {
        reject_unknown_keys(env, description, property, &NAMES)?;
    }
    let (path, fd) = (description.get("path")?, description.get("fd")?);
    let readonly = boolean(env, description.get("readonly")?, &format!("{property}.readonly"), false)?;
    let source = match (path.is_undefined()?, fd.is_undefined()?) {
        (false, false) => {
            let message = format!("The property 'options.{property}' must have a path or an fd, not both");
            return Err(invalid_value(env, &message));
        }
        (true, false) => PreopenSource::Fd(descriptor(env, fd, &format!("{property}.fd"), -1)?),
        (_, true) => {
            let known = match path.string()? {
                Some(path) => Some(path),
                None => url_path(env, path)?,
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
        let property = format!("options.{}", property(&self.name));
        let problem = match errno {
            Errno::Noent => "no such directory",
            Errno::Notdir => "not a directory",
            _ => "cannot open",
        };
        let (source, path) = match &self.source {
            PreopenSource::Path(path) => (quote(path), Some(path.as_str())),
            PreopenSource::Fd(fd) => (format!("descriptor {fd}"), None),
        };
        uvwasi_init_error(env, errno, &format!("{property}: {problem}: {source}"), path)
    }
}
