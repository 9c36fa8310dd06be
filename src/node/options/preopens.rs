//! `options.preopens`: directories by path or by descriptor, which the guest may change or not.

use super::{bool_or, descriptor, entries, get, refuse_others};
use crate::core::guest::Guest;
use crate::node::context::Context;
use crate::node::error::{self, Class, invalid_type, null_byte, quote};
use crate::sys;
use napi::bindgen_prelude::{FromNapiValue, JsObjectValue, Object, Unknown};
use napi::{Env, Result, ValueType};
use std::path::Path;

/// A directory for the guest.
#[derive(Debug)]
pub struct Preopen {
    /// What the guest knows it by.
    name: String,
    pub(super) place: DirAccess,
    pub(super) readonly: bool,
}

/// Where it is on the host's side.
#[derive(Debug)]
pub(super) enum DirAccess {
    Path(String),
    Fd(i32),
}

/// Reads the option.
pub fn read(env: &Env, options: &Object<'_>) -> Result<Vec<Preopen>> {
    let preopen = |(name, value): (String, Unknown<'_>)| {
        let (place, readonly) = match description(value)? {
            Some(description) => described(env, &property(&name), &description)?,
            None => match error::url_path(env, value)? {
                Some(path) => (DirAccess::Path(path), false),
                None => (DirAccess::Path(error::to_text(env, value)?), false),
            },
        };
        Ok(Preopen { name, place, readonly })
    };
    entries(env, options, "preopens")?.into_iter().map(preopen).collect()
}

/// What a preopen is called in messages.
fn property(name: &str) -> String {
    format!("preopens[{}]", quote(name))
}

/// What describes a directory.
const NAMES: [&str; 3] = ["path", "fd", "readonly"];

/// An object that describes a directory. Any other is a `URL`, or made a string.
fn description(value: Unknown<'_>) -> Result<Option<Object<'_>>> {
    if value.get_type()? != ValueType::Object {
        return Ok(None);
    }
    let object = Object::from_unknown(value)?;
    for name in NAMES {
        if object.has_named_property(name)? {
            return Ok(Some(object));
        }
    }
    Ok(None)
}

fn described(env: &Env, property: &str, description: &Object<'_>) -> Result<(DirAccess, bool)> {
    // Not of what inherits its descriptor, as a `FileHandle` does, which has properties of its own for other things.
    if description.has_own_property("fd")? || !description.has_named_property("fd")? {
        refuse_others(env, description, property, &NAMES)?;
    }
    let (path, fd) = (get(description, "path")?, get(description, "fd")?);
    let readonly = bool_or(env, get(description, "readonly")?, &format!("{property}.readonly"), false)?;
    let absent = [path.get_type()?, fd.get_type()?].map(|kind| kind == ValueType::Undefined);
    let place = match absent {
        [false, false] => {
            let message = format!("The property 'options.{property}' must have a path or an fd, not both");
            return Err(error::throw(env, Class::TypeError, "ERR_INVALID_ARG_VALUE", &message));
        }
        [true, false] => DirAccess::Fd(descriptor(env, fd, &format!("{property}.fd"), -1)?),
        [_, true] => match error::string(path)? {
            Some(path) => DirAccess::Path(path),
            None => DirAccess::Path(error::url_path(env, path)?.ok_or_else(|| {
                let subject = format!("The \"options.{property}.path\" property");
                invalid_type(env, &subject, "of type string or an instance of URL", path)
            })?),
        },
    };
    Ok((place, readonly))
}

impl Preopen {
    /// Gives it to the guest.
    pub fn add(&self, env: &Env, wasi: &mut Guest) -> Result<()> {
        let property = format!("options.{}", property(&self.name));
        let (subject, path) = match &self.place {
            DirAccess::Path(path) => (format!("{property} is the path {}", quote(path)), Some(path.as_str())),
            DirAccess::Fd(fd) => (format!("{property} is the descriptor {fd}"), None),
        };
        for text in [Some(self.name.as_str()), path].into_iter().flatten() {
            if text.contains('\0') {
                return Err(null_byte(env, &property, text));
            }
        }
        let directory = match &self.place {
            DirAccess::Path(path) => sys::open_directory(Path::new(path), self.readonly),
            DirAccess::Fd(fd) => sys::reopen_directory(*fd, self.readonly),
        };
        let failed = |errno| error::init(env, errno, &subject, path);
        let directory = directory.map_err(|error| failed(error.into()))?;
        if let Some(permissions) = &Context::of(*env)?.permissions {
            permissions.require_opened(env, self, sys::handle(&directory))?;
        }
        wasi.add_directory(self.name.as_bytes(), directory, self.readonly).map_err(failed)
    }
}
