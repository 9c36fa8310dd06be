//! Native functions behind the class `Directory` of lib/directory.js. Most take the number of a directory and one or
//! two paths first, and throw errors like those of node:fs. They accept the number of any directory of this thread, so
//! only lib/directory.js may call them.
#![expect(clippy::cast_precision_loss, reason = "node:fs has the same numbers")]

mod contents;
mod copy;
mod opening;
mod overlay;
mod path_call;
mod trees;
mod walk;

use self::contents::{MAX_SIZE, READING, read_bytes, read_to_end, write_bytes};
use self::opening::{open_host, space_limits};
use self::overlay::{ApplyTo, Changes, Overlay};
use self::path_call::{PathCall, read_directory, relative, retry, throw};
use self::trees::{Contents, CopyTree, IsInside, ReadDir, Remove};
use super::callback::{Callback, RawArgs, add_function, callbacks};
use super::env_state::EnvState;
use super::error::{self, Class};
use super::options::DirectorySource;
use super::value::Value;
use crate::core::access::DirAccess;
use crate::core::shared_directory::SharedDirectory;
use crate::sys::types::{Fdflags, NewTime, Oflags, OpenOptions};
use napi::{Error, Result};
use std::path::Path;
use std::ptr;

fn functions(state: &EnvState) -> Result<Value<'_>> {
    let functions = Value::object(&state.env)?;
    add_function::<Open>(functions, state)?;
    add_function::<Memory>(functions, state)?;
    add_function::<Overlay>(functions, state)?;
    add_function::<Share>(functions, state)?;
    add_function::<Join>(functions, state)?;
    add_function::<Kind>(functions, state)?;
    add_function::<Usage>(functions, state)?;
    add_function::<Close>(functions, state)?;
    add_function::<Stat>(functions, state)?;
    add_function::<ReadDir>(functions, state)?;
    add_function::<MakeDir>(functions, state)?;
    add_function::<RemoveDir>(functions, state)?;
    add_function::<Unlink>(functions, state)?;
    add_function::<Rename>(functions, state)?;
    add_function::<Link>(functions, state)?;
    add_function::<Symlink>(functions, state)?;
    add_function::<ReadLink>(functions, state)?;
    add_function::<Truncate>(functions, state)?;
    add_function::<SetTimes>(functions, state)?;
    add_function::<SetMode>(functions, state)?;
    add_function::<Read>(functions, state)?;
    add_function::<Write>(functions, state)?;
    add_function::<Remove>(functions, state)?;
    add_function::<CopyTree>(functions, state)?;
    add_function::<IsInside>(functions, state)?;
    add_function::<Contents>(functions, state)?;
    add_function::<Changes>(functions, state)?;
    add_function::<ApplyTo>(functions, state)?;
    Ok(functions)
}

callbacks! {
    /// `directory()`: makes the functions for lib/directory.js, which most programs do not need.
    Functions "directory" |state, _args| {
        functions(state).map(Some)
    }

    /// `open(source, readonly)`: opens a directory of the host, by its path or its descriptor.
    Open "open" |state, args| {
        let [source, readonly, ..] = args.read()?;
        let source = match source.string()? {
            Some(path) => DirectorySource::Path(path),
            None => DirectorySource::Fd(source.convert()?),
        };
        let opened = open_host(state, &source, readonly.convert()?)?;
        Value::of(&state.env, state.add_directory(opened)).map(Some)
    }

    /// `memory(umask, maxBytes, maxFiles)`: creates an empty directory in memory.
    Memory "memory" |state, args| {
        let [umask, max_bytes, max_files, ..] = args.read()?;
        let limits = space_limits(max_bytes, max_files)?;
        let directory = SharedDirectory::memory(limits, umask.convert::<u32>()? as u16);
        Value::of(&state.env, state.add_own_directory(directory)).map(Some)
    }

    /// `share(id)`: the handle for other threads.
    Share "share" |state, args| {
        let (directory, _) = read_directory(state, args, "share")?;
        Value::of(&state.env, directory.share()).map(Some)
    }

    /// `join(handle)`: opens the directory with a handle; undefined if there is none.
    Join "join" |state, args| {
        let [handle, ..] = args.read()?;
        let Some(directory) = SharedDirectory::join(&handle.convert::<String>()?) else { return Ok(None) };
        Value::of(&state.env, state.add_directory(directory)).map(Some)
    }

    /// `kind(id)`: the kind of the directory.
    Kind "kind" |state, args| {
        let (directory, _) = read_directory(state, args, "kind")?;
        Value::of(&state.env, directory.directory().kind()).map(Some)
    }

    /// `usage(id)`: the bytes and files in use, as an array.
    Usage "usage" |state, args| {
        let (directory, _) = read_directory(state, args, "usage")?;
        let (bytes, files) = directory.directory().usage();
        Value::of(&state.env, vec![bytes as f64, files as f64]).map(Some)
    }

    /// `close(id)`: closes the directory in this thread.
    Close "close" |state, args| {
        let [id, ..] = args.read()?;
        state.close_directory(id.convert()?);
        Ok(None)
    }

    /// `stat(id, path, follows)`: the arguments of `fs.Stats`, as an array.
    Stat "stat" |state, args| {
        let args = args.read()?;
        let [_, _, follows, ..] = args;
        let follows = follows.convert()?;
        let call = PathCall::read(state, &args, if follows { "stat" } else { "lstat" })?;
        let stat = call.run(|dir, path| dir.attributes(path, follows))?;
        let milliseconds = |time: i64| {
            (time.div_euclid(1_000_000_000) * 1000) as f64 + time.rem_euclid(1_000_000_000) as f64 / 1e6
        };
        Value::of(&state.env, vec![
            stat.dev as f64,
            f64::from(stat.mode),
            stat.nlink as f64,
            f64::from(stat.uid),
            f64::from(stat.gid),
            stat.rdev as f64,
            stat.blksize as f64,
            stat.ino as f64,
            stat.size as f64,
            stat.blocks as f64,
            milliseconds(stat.atim),
            milliseconds(stat.mtim),
            milliseconds(stat.ctim),
            milliseconds(stat.birthtim),
        ])
        .map(Some)
    }

    /// `mkdir(id, path)`
    MakeDir "mkdir" |state, args| {
        let args = args.read()?;
        PathCall::read(state, &args, "mkdir")?.run(DirAccess::create_dir)?;
        Ok(None)
    }

    /// `rmdir(id, path)`
    RemoveDir "rmdir" |state, args| {
        let args = args.read()?;
        PathCall::read(state, &args, "rmdir")?.run(DirAccess::remove_dir)?;
        Ok(None)
    }

    /// `unlink(id, path)`
    Unlink "unlink" |state, args| {
        let args = args.read()?;
        PathCall::read(state, &args, "unlink")?.run(DirAccess::unlink)?;
        Ok(None)
    }

    /// `rename(id, from, to)`
    Rename "rename" |state, args| {
        let args = args.read()?;
        let call = PathCall::read_two(state, &args, "rename")?;
        call.run_two(|dir, from, to| dir.rename(from, dir, to))?;
        Ok(None)
    }

    /// `link(id, existing, path)`
    Link "link" |state, args| {
        let args = args.read()?;
        let call = PathCall::read_two(state, &args, "link")?;
        call.run_two(|dir, from, to| dir.hard_link(from, false, dir, to))?;
        Ok(None)
    }

    /// `symlink(id, target, path)`: stores any target.
    Symlink "symlink" |state, args| {
        let args = args.read()?;
        let call = PathCall::read_two(state, &args, "symlink")?;
        let path = call.dest.as_deref().unwrap_or_default();
        let created = retry(|| call.directory.access().symlink(Path::new(&call.path), relative(path)?));
        created.map_err(|errno| call.throw(errno, path))?;
        Ok(None)
    }

    /// `readlink(id, path)`
    ReadLink "readlink" |state, args| {
        let args = args.read()?;
        let call = PathCall::read(state, &args, "readlink")?;
        let target = call.run(|dir, path| {
            dir.read_link(path, |target| String::from_utf8_lossy(target).into_owned())
        })?;
        Value::of(&state.env, target).map(Some)
    }

    /// `truncate(id, path, length)`
    Truncate "truncate" |state, args| {
        let args = args.read()?;
        let [_, _, length, ..] = args;
        let length = length.convert::<f64>()? as u64;
        let call = PathCall::read(state, &args, "open")?;
        let file = call.open(OpenOptions { reads: true, writes: true, ..READING }, "ftruncate")?;
        file.set_size(length, call.directory.clocks()).map_err(|errno| throw(state, errno, "ftruncate", None, None))?;
        Ok(None)
    }

    /// `utimes(id, path, atime, mtime)`: times in seconds.
    SetTimes "utimes" |state, args| {
        let args = args.read()?;
        let [_, _, atime, mtime, _] = args;
        let time = |seconds: Value<'_>| -> Result<_> {
            // A double has no more than microseconds of a current time.
            let microseconds = (seconds.convert::<f64>()? * 1e6).round() as u64;
            Ok(Some(NewTime::At(microseconds.saturating_mul(1000))))
        };
        let (atime, mtime) = (time(atime)?, time(mtime)?);
        PathCall::read(state, &args, "utime")?.run(|dir, path| dir.set_times(path, true, atime, mtime))?;
        Ok(None)
    }

    /// `chmod(id, path, mode)`
    SetMode "chmod" |state, args| {
        let args = args.read()?;
        let [_, _, mode, ..] = args;
        let mode = mode.convert::<u32>()? & 0o7777;
        PathCall::read(state, &args, "chmod")?.run(|dir, path| dir.set_mode(path, mode))?;
        Ok(None)
    }

    /// `read(id, path)`: the contents of a file, as a Buffer.
    Read "read" |state, args| {
        let args = args.read()?;
        let call = PathCall::read(state, &args, "open")?;
        let file = call.open(READING, "read")?;
        let failed = |errno| throw(state, errno, "read", None, None);
        let size = file.stat().map_err(failed)?.size;
        if size > MAX_SIZE {
            return Err(too_large(state, size));
        }
        if size == 0 {
            let bytes = read_to_end(&file, MAX_SIZE).map_err(failed)?;
            if bytes.len() as u64 > MAX_SIZE {
                return Err(too_large(state, bytes.len() as u64));
            }
            return Value::buffer(&state.env, &bytes).map(Some);
        }
        let size = size as usize;
        let buffer = state.helpers.allocate.get(&state.env)?.call(&[Value::of(&state.env, size as i64)?])?;
        let (address, room) = buffer.bytes()?.unwrap_or((ptr::null_mut(), 0));
        let done = read_bytes(&file, address, room.min(size)).map_err(failed)?;
        if done == size {
            return Ok(Some(buffer));
        }
        // Another program has truncated the file.
        Value::buffer(&state.env, &buffer.copy_bytes()?.unwrap_or_default()[..done]).map(Some)
    }

    /// `write(id, path, bytes, flag, mode)`: creates or opens a file and writes a `Uint8Array`. The flag is `w`, `wx`
    /// or `a`.
    Write "write" |state, args| {
        let args = args.read()?;
        let [_, _, bytes, flag, mode] = args;
        let (flag, mode) = (flag.convert::<String>()?, mode.convert::<u32>()? & 0o7777);
        let call = PathCall::read(state, &args, "open")?;
        let appends = flag == "a";
        let oflags = match flag.as_str() {
            "a" => Oflags::CREAT,
            "wx" => Oflags::CREAT | Oflags::EXCL,
            _ => Oflags::CREAT | Oflags::TRUNC,
        };
        let fdflags = if appends { Fdflags::APPEND } else { Fdflags::empty() };
        let options =
            OpenOptions { reads: false, writes: true, oflags, fdflags, mode: mode as u16, ..READING };
        let file = call.open(options, "write")?;
        let (address, len) = bytes.bytes()?.unwrap_or((ptr::null_mut(), 0));
        let written = write_bytes(&file, address, len, (!appends).then_some(0), call.directory.clocks());
        call.report_growth();
        written.map_err(|errno| throw(state, errno, "write", None, None))?;
        Ok(None)
    }
}

/// Throws `ERR_FS_FILE_TOO_LARGE`.
fn too_large(state: &EnvState, size: u64) -> Error {
    let message = format!("File size ({size}) is greater than 2 GiB");
    error::throw(&state.env, Class::RangeError, "ERR_FS_FILE_TOO_LARGE", &message)
}
