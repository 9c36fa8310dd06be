//! Calls of `Directory` with paths, and their errors.

use super::contents::opened_file;
use crate::core::access::DirAccess;
use crate::core::directory::PATH_MAX;
use crate::core::file::FileData;
use crate::core::fs::path_error::PathError;
use crate::core::shared_directory::SharedDirectory;
use crate::node::callback::{CallbackArgs, RawArgs};
use crate::node::env_state::EnvState;
use crate::node::error;
use crate::node::value::Value;
use crate::sys;
use crate::sys::errno::{self, Errno};
use crate::sys::types::OpenOptions;
use napi::{Error, Result};
use std::path::Path;
use std::sync::Arc;

/// Maximum attempts of a call that fails with `EAGAIN` because of renames.
const MAX_ATTEMPTS: usize = 100;

/// A call with one or two paths in a directory.
pub(super) struct PathCall<'a> {
    state: &'a EnvState,
    id: u32,
    syscall: &'static str,
    pub(super) directory: Arc<SharedDirectory>,
    pub(super) path: String,
    pub(super) dest: Option<String>,
}

impl<'a> PathCall<'a> {
    /// Reads the number of a directory and a path.
    pub(super) fn read(state: &'a EnvState, args: &CallbackArgs<'_>, syscall: &'static str) -> Result<Self> {
        Self::new(state, args, syscall, None)
    }

    /// Reads the number of a directory and two paths.
    pub(super) fn read_two(
        state: &'a EnvState,
        args: &CallbackArgs<'_>,
        syscall: &'static str,
    ) -> Result<Self> {
        Self::new(state, args, syscall, Some(args[2].convert()?))
    }

    fn new(
        state: &'a EnvState,
        args: &CallbackArgs<'_>,
        syscall: &'static str,
        dest: Option<String>,
    ) -> Result<Self> {
        let (id, path) = (args[0].convert()?, args[1].convert::<String>()?);
        match state.directory(id) {
            Some(directory) => Ok(Self { state, id, syscall, directory, path, dest }),
            None => Err(throw(state, Errno::Badf, syscall, Some(&path), dest.as_deref())),
        }
    }

    /// Makes a call with the path.
    pub(super) fn run<'s, T>(
        &'s self,
        mut call: impl FnMut(DirAccess<'s>, &Path) -> errno::Result<T>,
    ) -> Result<T> {
        retry(|| call(self.directory.access(), relative(&self.path)?))
            .map_err(|errno| self.throw(errno, &self.path))
    }

    /// Makes a call with both paths.
    pub(super) fn run_two<T>(
        &self,
        mut call: impl FnMut(DirAccess<'_>, &Path, &Path) -> errno::Result<T>,
    ) -> Result<T> {
        let dest = self.dest.as_deref().unwrap_or_default();
        retry(|| call(self.directory.access(), relative(&self.path)?, relative(dest)?)).map_err(|errno| {
            let from = relative(&self.path).and_then(|path| self.directory.access().stat(path, false));
            let from_escapes = matches!(from, Err(Errno::Notcapable));
            self.throw(errno, if from_escapes { &self.path } else { dest })
        })
    }

    /// Opens a regular file. `syscall` is the call that fails on any other file.
    pub(super) fn open(&self, options: OpenOptions, syscall: &str) -> Result<FileData> {
        let opened = self.run(|dir, path| dir.open(path, options))?;
        opened_file(opened).map_err(|errno| throw(self.state, errno, syscall, None, None))
    }

    /// Returns the path from the directory.
    pub(super) fn bytes(&self) -> Result<&[u8]> {
        self.relative_bytes(&self.path)
    }

    /// Returns the second path from the directory.
    pub(super) fn dest_bytes(&self) -> Result<&[u8]> {
        self.relative_bytes(self.dest.as_deref().unwrap_or_default())
    }

    fn relative_bytes<'p>(&self, path: &'p str) -> Result<&'p [u8]> {
        let relative = relative(path).map_err(|errno| self.throw(errno, path))?;
        Ok(relative.as_os_str().as_encoded_bytes())
    }

    /// Reports the memory that the directory has grown by to V8.
    pub(super) fn report_growth(&self) {
        self.state.report_directory(self.id);
    }

    /// Throws an error of the call. `escaping` is the path that leads out of the directory, if one does.
    pub(super) fn throw(&self, errno: Errno, escaping: &str) -> Error {
        match errno {
            Errno::Notcapable => throw(self.state, errno, self.syscall, Some(escaping), None),
            _ => throw(self.state, errno, self.syscall, Some(&self.path), self.dest.as_deref()),
        }
    }

    /// Throws an error of the path `top` of this call, or of a path below it.
    pub(super) fn throw_below(&self, error: &PathError, top: &[u8]) -> Error {
        if *error.path == *top {
            return self.throw(error.errno, &self.path);
        }
        throw_at(self.state, error, self.syscall)
    }
}

/// Reads the number of a directory, and returns the directory and all arguments.
pub(super) fn read_directory<'a>(
    state: &'a EnvState,
    args: RawArgs<'a>,
    syscall: &str,
) -> Result<(Arc<SharedDirectory>, CallbackArgs<'a>)> {
    let args = args.read()?;
    let directory = state.directory(args[0].convert()?);
    Ok((directory.ok_or_else(|| throw(state, Errno::Badf, syscall, None, None))?, args))
}

/// Throws an error like those of node:fs.
pub(super) fn throw(
    state: &EnvState,
    errno: Errno,
    syscall: &str,
    path: Option<&str>,
    dest: Option<&str>,
) -> Error {
    let env = &state.env;
    let text = |text: Option<&str>| text.map_or_else(|| Value::undefined(env), |text| Value::of(env, text));
    let create = || {
        let args = [Value::of(env, errno.name())?, Value::of(env, syscall)?, text(path)?, text(dest)?];
        Ok(error::throw_value(env, state.helpers.function(env, "fsError", "fsError")?.call(&args)?))
    };
    create().unwrap_or_else(|error| error)
}

/// Throws an error of an operation on a tree, with its path.
pub(super) fn throw_at(state: &EnvState, error: &PathError, syscall: &str) -> Error {
    /// Bytes of a path that is too long for a message.
    const SHOWN: usize = 100;
    let path = String::from_utf8_lossy(&error.path);
    let path = if path.len() < PATH_MAX {
        path
    } else {
        format!("{}…", String::from_utf8_lossy(&error.path[..SHOWN])).into()
    };
    throw(state, error.errno, syscall, Some(&path), None)
}

/// Makes a call, and makes it again while renames interfere.
pub(super) fn retry<T, E: PartialEq<Errno>>(
    mut call: impl FnMut() -> std::result::Result<T, E>,
) -> std::result::Result<T, E> {
    for _ in 1..MAX_ATTEMPTS {
        match call() {
            Err(error) if error == Errno::Again => {}
            result => return result,
        }
    }
    call()
}

/// Returns a path relative to the directory, which a leading `/` stands for. `ENOENT` for an empty path.
pub(super) fn relative(path: &str) -> errno::Result<&Path> {
    let inside = path.trim_start_matches('/');
    match (inside, path) {
        ("", "") => Err(Errno::Noent),
        ("", _) => Ok(Path::new(".")),
        _ => Ok(sys::path(inside.as_bytes())?),
    }
}
