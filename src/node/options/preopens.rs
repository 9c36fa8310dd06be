//! `options.preopens`: directories by path or by descriptor, and those that JavaScript has open.

use super::permission;
use super::source::DirectorySource;
use super::validate::{
    boolean, descriptor, entries, optional_object, reject_collection, reject_unknown_keys,
    reject_unknown_keys_unless_handle, subject, text, unusable, url_path,
};
use crate::core::guest::Guest;
use crate::core::shared_directory::SharedDirectory;
use crate::node::env_state::EnvState;
use crate::node::error::{
    Class, inspect, invalid_received, invalid_type, null_byte, quote, throw, uvwasi_init_error,
};
use crate::node::permission_model::PermissionModel;
use crate::node::value::Value;
use crate::sys;
use crate::sys::errno::Errno;
use napi::{Env, Error, Result, ValueType};
use std::sync::Arc;

/// A directory for the guest.
pub(super) struct Preopen {
    /// The path of the directory in the guest.
    name: String,
    source: PreopenSource,
    readonly: bool,
}

enum PreopenSource {
    /// A directory of the host, which is opened for the guest.
    Host(DirectorySource),
    /// A directory that JavaScript has open.
    Open(Arc<SharedDirectory>),
}

/// Reads the option.
pub(super) fn read(env: &Env, options: Value<'_>) -> Result<Vec<Preopen>> {
    let Some(preopens) = optional_object(env, options, "preopens")? else {
        return Ok(Vec::new());
    };
    reject_collection(env, preopens, "preopens")?;
    let preopen = |(name, value): (String, Value<'_>)| {
        let property = property(&name);
        let (source, readonly) = if let Some(directory) = open_directory(env, &property, value)? {
            (PreopenSource::Open(directory), false)
        } else if is_description(value)? {
            read_description(env, &property, value)?
        } else {
            (PreopenSource::Host(DirectorySource::Path(read_path(env, &property, value)?)), false)
        };
        Ok(Preopen { name, source, readonly })
    };
    entries(env, preopens)?.into_iter().map(preopen).collect()
}

/// Returns the directory of a `Directory`; `None` for any other value.
fn open_directory(env: &Env, property: &str, value: Value<'_>) -> Result<Option<Arc<SharedDirectory>>> {
    if value.type_of()? != ValueType::Object {
        return Ok(None);
    }
    let state = EnvState::of(env)?;
    let id = state.helpers.directory_id.get(env)?.call(&[value])?;
    if id.is_undefined()? {
        return Ok(None);
    }
    let closed = || {
        let reason = format!("options.{property}: cannot open: the Directory is closed");
        uvwasi_init_error(env, Errno::Badf, &reason, None)
    };
    state.directory(id.convert()?).ok_or_else(closed).map(Some)
}

/// Names a preopen in messages.
fn property(name: &str) -> String {
    format!("preopens[{}]", quote(name))
}

/// Properties of an object that describes a directory.
const NAMES: [&str; 4] = ["path", "fd", "directory", "readonly"];

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
                "{} must be of type string, an instance of URL or Directory, or an object with a 'path', an 'fd' or a \
                 'directory'. Received {received}",
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
    let directory = description.get("directory")?;
    let given = [path, fd, directory].map(|value| value.is_undefined().map(|is_undefined| !is_undefined));
    let [has_path, has_fd, has_directory] = given;
    let (has_path, has_fd, has_directory) = (has_path?, has_fd?, has_directory?);
    if u8::from(has_path) + u8::from(has_fd) + u8::from(has_directory) > 1 {
        let rule =
            format!("The property 'options.{property}' must have only one of 'path', 'fd' and 'directory'");
        return Err(invalid_received(env, &rule, description));
    }
    if has_directory {
        let property = format!("{property}.directory");
        let open = open_directory(env, &property, directory)?;
        let expected = "an instance of Directory";
        let open = open.ok_or_else(|| invalid_type(env, &subject(&property), expected, directory))?;
        return Ok((PreopenSource::Open(open), readonly));
    }
    let source = match (has_path, has_fd) {
        (false, false) => return Err(invalid_preopen(env, property, description)),
        (_, true) => DirectorySource::Fd(descriptor(env, fd, &format!("{property}.fd"), -1)?),
        (true, false) => {
            let known = match path.string()? {
                Some(path) => Some(path),
                None => url_path(env, path, &format!("{property}.path"))?,
            };
            DirectorySource::Path(known.ok_or_else(|| {
                let subject = subject(&format!("{property}.path"));
                invalid_type(env, &subject, "of type string or an instance of URL", path)
            })?)
        }
    };
    Ok((PreopenSource::Host(source), readonly))
}

impl Preopen {
    /// Requires that the program may use the directory. `Directory.open()` has checked one that is open.
    pub(super) fn require(&self, env: &Env, model: &PermissionModel) -> Result<()> {
        match &self.source {
            PreopenSource::Host(source) => permission::require_directory(env, model, source, self.readonly),
            PreopenSource::Open(_) => Ok(()),
        }
    }

    /// Opens the directory, and gives it to a guest.
    pub(super) fn add_to(&self, env: &Env, model: Option<&PermissionModel>, guest: &mut Guest) -> Result<()> {
        let property = format!("options.{}", property(&self.name));
        let path = match &self.source {
            PreopenSource::Host(DirectorySource::Path(path)) => Some(path.as_str()),
            PreopenSource::Host(DirectorySource::Fd(_)) | PreopenSource::Open(_) => None,
        };
        for text in [Some(self.name.as_str()), path].into_iter().flatten() {
            if text.contains('\0') {
                return Err(null_byte(env, &property, text));
            }
        }
        let name = self.name.as_bytes();
        let added = match &self.source {
            PreopenSource::Host(source) => {
                let opened = source.open(self.readonly).map_err(|error| self.failure(env, error.into()))?;
                if let Some(model) = model {
                    permission::require_opened(env, model, source, self.readonly, sys::handle(&opened))?;
                }
                guest.add_directory(name, opened, self.readonly)
            }
            PreopenSource::Open(directory) => guest.add_shared_directory(name, directory, self.readonly),
        };
        added.map_err(|errno| self.failure(env, errno))
    }

    fn failure(&self, env: &Env, errno: Errno) -> Error {
        let (source, path) = match &self.source {
            PreopenSource::Host(DirectorySource::Path(path)) if path.starts_with("file:") => (
                format!("{} (a file: URL must be a URL object, not a string)", quote(path)),
                Some(path.as_str()),
            ),
            PreopenSource::Host(DirectorySource::Path(path)) => (quote(path), Some(path.as_str())),
            PreopenSource::Host(DirectorySource::Fd(fd)) => (format!("descriptor {fd}"), None),
            PreopenSource::Open(_) => ("a Directory".to_owned(), None),
        };
        unusable(env, errno, &property(&self.name), "cannot open", &source, path)
    }
}
