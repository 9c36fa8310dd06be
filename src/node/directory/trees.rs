//! Calls of `Directory` that work on trees. Each ends only when the whole tree is done.

use super::contents::{READING, opened_file, read_to_end};
use super::copy::{Failure, Reason, copy_tree};
use super::path_call::{PathCall, read_directory, retry, throw, throw_at};
use super::walk::{TreeEntry, walk};
use crate::core::access::DirAccess;
use crate::core::fs::path_error::PathError;
use crate::core::fs::remove::remove_path;
use crate::core::opened::Opened;
use crate::node::callback::{Callback, RawArgs, callbacks};
use crate::node::env_state::EnvState;
use crate::node::error::{self, Class};
use crate::node::value::Value;
use crate::sys;
use crate::sys::errno::Errno;
use crate::sys::types::{Filetype, Oflags, OpenOptions};
use napi::{Error, Result};

callbacks! {
    /// `readdir(id, path, recursive)`: directory, name and type of each entry, in one array. The directory is relative
    /// to the path.
    ReadDir "readdir" |state, args| {
        let args = args.read()?;
        let [_, _, recursive, ..] = args;
        let call = PathCall::read(state, &args, "scandir")?;
        let top = call.bytes()?;
        let recursive = recursive.convert()?;
        let entries =
            walk(call.directory.access(), top, recursive).map_err(|error| call.throw_below(&error, top))?;
        let array = Value::array(&state.env, entries.len() * 3)?;
        for (index, entry) in (0..).step_by(3).zip(&entries) {
            array.set_element(index, text(state, &entry.directory)?)?;
            array.set_element(index + 1, text(state, &entry.name)?)?;
            array.set_element(index + 2, Value::of(&state.env, entry.filetype as u32)?)?;
        }
        Ok(Some(array))
    }

    /// `rm(id, path, recursive, force)`: removes a file or tree. Returns false for a directory without `recursive`.
    Remove "rm" |state, args| {
        let args = args.read()?;
        let [_, _, recursive, force, _] = args;
        let (recursive, force) = (recursive.convert::<bool>()?, force.convert::<bool>()?);
        let call = PathCall::read(state, &args, "rm")?;
        let path = call.bytes()?;
        let removed = retry(|| remove_path(call.directory.access(), path, recursive));
        match removed {
            Err(error) if error == Errno::Noent && force => Value::of(&state.env, true).map(Some),
            removed => {
                let removed = removed.map_err(|error| call.throw_below(&error, path))?;
                Value::of(&state.env, removed).map(Some)
            }
        }
    }

    /// `cp(id, from, to)`: copies a file or tree. If a file would replace a directory or the reverse, returns both
    /// paths and whether the source is the directory.
    CopyTree "cp" |state, args| {
        let args = args.read()?;
        let call = PathCall::read_two(state, &args, "cp")?;
        let (from, to) = (call.bytes()?, call.dest_bytes()?);
        let copied = copy_tree(call.directory.access(), from, to, call.directory.clocks());
        call.report_growth();
        let Err(Failure { from, to, reason }) = copied else { return Ok(None) };
        match reason {
            Reason::OtherType { is_directory } => {
                let array = Value::array(&state.env, 3)?;
                array.set_element(0, text(state, &from)?)?;
                array.set_element(1, text(state, &to.unwrap_or_default())?)?;
                array.set_element(2, Value::of(&state.env, is_directory)?)?;
                Ok(Some(array))
            }
            Reason::Errno(errno) => {
                let dest = to.as_deref().map(String::from_utf8_lossy);
                Err(throw(state, errno, "cp", Some(&String::from_utf8_lossy(&from)), dest.as_deref()))
            }
        }
    }

    /// `isInside(id, path, directory)`: whether a directory is the file at a path, or below it.
    IsInside "isInside" |state, args| {
        let args = args.read()?;
        let call = PathCall::read_two(state, &args, "cp")?;
        let is_inside = call.run_two(|dir, path, directory| {
            let stat = dir.stat(path, false)?;
            let options = OpenOptions { oflags: Oflags::DIRECTORY, ..READING };
            let Opened::Directory(directory) = dir.open(directory, options)? else {
                return Err(Errno::Notdir);
            };
            let is_same = |id| id == (stat.dev, stat.ino);
            let own = directory.own_stat()?;
            Ok(is_same((own.dev, own.ino)) || directory.parent_ino(is_same)?.is_some())
        })?;
        Value::of(&state.env, is_inside).map(Some)
    }

    /// `contents(id, maxLength)`: directory, name and contents of each entry, in one array. The contents are text,
    /// `null` for a directory, and undefined for a FIFO, socket or device.
    Contents "contents" |state, args| {
        let (directory, args) = read_directory(state, args, "scandir")?;
        let max = args[1].convert::<f64>()? as u64;
        let dir = directory.access();
        let entries = walk(dir, b".", true).map_err(|error| throw_at(state, &error, "scandir"))?;
        let array = Value::array(&state.env, entries.len() * 3)?;
        for (index, entry) in (0..).step_by(3).zip(&entries) {
            array.set_element(index, text(state, &entry.directory)?)?;
            array.set_element(index + 1, text(state, &entry.name)?)?;
            if let Some(contents) = contents(state, dir, entry, max)? {
                array.set_element(index + 2, contents)?;
            }
        }
        Ok(Some(array))
    }
}

/// Returns the contents of an entry; `None` for a FIFO, socket or device. `ERR_FS_FILE_TOO_LARGE` for a file of more
/// than `max` bytes.
fn contents<'a>(
    state: &'a EnvState,
    dir: DirAccess<'_>,
    entry: &TreeEntry,
    max: u64,
) -> Result<Option<Value<'a>>> {
    let path = entry.path();
    let failed = |syscall| {
        let path = &path;
        move |errno| throw_at(state, &PathError { errno, path: path.as_slice().into() }, syscall)
    };
    let name = sys::path(&path).map_err(|error| failed("open")(error.into()))?;
    let value = match entry.filetype {
        Filetype::Directory => Value::null(&state.env)?,
        Filetype::SymbolicLink => {
            let target = dir.read_link(name, |target| format!("-> {}", String::from_utf8_lossy(target)));
            Value::of(&state.env, target.map_err(failed("readlink"))?)?
        }
        Filetype::RegularFile => {
            let file = dir.open(name, OpenOptions { follows: false, ..READING }).and_then(opened_file);
            let file = file.map_err(failed("open"))?;
            let size = file.stat().map_err(failed("read"))?.size;
            if size > max {
                return Err(too_large(state, size, &path));
            }
            let bytes = read_to_end(&file, max).map_err(failed("read"))?;
            if bytes.len() as u64 > max {
                return Err(too_large(state, bytes.len() as u64, &path));
            }
            text(state, &bytes)?
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// Throws `ERR_FS_FILE_TOO_LARGE` with the path of a file that is too large for a string.
fn too_large(state: &EnvState, size: u64, path: &[u8]) -> Error {
    let message = format!("File size ({size}) is greater than the maximum length of a string");
    let create = || {
        let error = error::create(&state.env, Class::RangeError, "ERR_FS_FILE_TOO_LARGE", &message)?;
        error.set("path", text(state, path)?)?;
        Ok(error::throw_value(&state.env, error))
    };
    create().unwrap_or_else(|error| error)
}

/// Converts bytes to text. Bytes that are not UTF-8 become U+FFFD.
fn text<'a>(state: &'a EnvState, bytes: &[u8]) -> Result<Value<'a>> {
    Value::of(&state.env, &*String::from_utf8_lossy(bytes))
}
