//! Requires the permissions of Node's permission model for a sandbox, its sockets and its directories.

use super::sockets::Socket;
use super::source::DirectorySource;
use crate::node::error::{self, Class};
use crate::node::permission_model::PermissionModel;
use crate::node::value::Value;
use crate::sys;
use napi::{Env, Error, Result};
use std::path::{Component, MAIN_SEPARATOR_STR, Path, PathBuf};

/// A permission that Node knows.
#[derive(Clone, Copy)]
struct Scope {
    /// The name that `has` takes.
    name: &'static str,
    /// The name in errors.
    permission: &'static str,
    /// The flag that grants it.
    flag: &'static str,
}

const WASI: Scope = Scope { name: "wasi", permission: "WASI", flag: "--allow-wasi" };
const NET: Scope = Scope { name: "net", permission: "Net", flag: "--allow-net" };
const READ: Scope = Scope { name: "fs.read", permission: "FileSystemRead", flag: "--allow-fs-read" };
const WRITE: Scope = Scope { name: "fs.write", permission: "FileSystemWrite", flag: "--allow-fs-write" };

/// The permissions that the use of a directory needs.
fn scopes(readonly: bool) -> &'static [Scope] {
    if readonly { &[READ] } else { &[READ, WRITE] }
}

/// Requires that the program may create a sandbox, and listen on these sockets.
pub(super) fn require(env: &Env, model: &PermissionModel, sockets: &[Socket]) -> Result<()> {
    if !model.has(env, WASI.name, None)? {
        return Err(denied(env, WASI, None));
    }
    let listens = sockets.iter().any(|socket| matches!(socket, Socket::Address(_)));
    if listens && model.restricts_net && !model.has(env, NET.name, None)? {
        return Err(denied(env, NET, None));
    }
    Ok(())
}

/// Requires that the program may use a directory.
pub(crate) fn require_directory(
    env: &Env,
    model: &PermissionModel,
    source: &DirectorySource,
    readonly: bool,
) -> Result<()> {
    match source {
        DirectorySource::Path(path) => {
            let path = resolve(Path::new(path));
            for scope in scopes(readonly) {
                if !allows(env, model, *scope, &path)? {
                    return Err(denied(env, *scope, Some(&path)));
                }
            }
            Ok(())
        }
        // A descriptor that cannot be borrowed is reported when it is opened.
        DirectorySource::Fd(fd) => match sys::host_stream(*fd) {
            Ok(directory) => require_opened(env, model, source, readonly, sys::handle(&*directory)),
            Err(_) => Ok(()),
        },
    }
}

/// Requires that the program may use the directory that was opened. A symlink in its path can lead elsewhere.
pub(crate) fn require_opened(
    env: &Env,
    model: &PermissionModel,
    source: &DirectorySource,
    readonly: bool,
    opened: sys::Handle<'_>,
) -> Result<()> {
    let opened = sys::path_of(opened);
    for scope in scopes(readonly) {
        let allowed = match (&opened, source) {
            (None, _) => allows_everything(env, model, *scope)?,
            (Some(opened), DirectorySource::Fd(_)) => allows(env, model, *scope, opened)?,
            (Some(opened), DirectorySource::Path(path)) => {
                allows(env, model, *scope, opened)? || contains(env, model, *scope, path, opened)?
            }
        };
        if !allowed {
            return Err(denied(env, *scope, opened.as_deref()));
        }
    }
    Ok(())
}

/// Returns whether an opened directory is inside the topmost allowed directory among the ancestors of `path`. Resolves
/// the symlinks of that ancestor: `/tmp` on macOS is a symlink.
fn contains(env: &Env, model: &PermissionModel, scope: Scope, path: &str, opened: &Path) -> Result<bool> {
    let path = resolve(Path::new(path));
    let mut largest = None;
    for ancestor in path.ancestors() {
        if allows(env, model, scope, ancestor)? {
            largest = Some(ancestor);
        }
    }
    let largest = largest.and_then(|directory| directory.canonicalize().ok());
    Ok(largest.is_some_and(|directory| opened.starts_with(directory)))
}

/// Returns whether the program may use a directory and everything below. A directory that did not exist when the
/// process started can be allowed without its contents.
fn allows(env: &Env, model: &PermissionModel, scope: Scope, directory: &Path) -> Result<bool> {
    let directory = without_verbatim_prefix(directory.to_string_lossy().into_owned());
    let separator = if directory.ends_with(MAIN_SEPARATOR_STR) { "" } else { MAIN_SEPARATOR_STR };
    let anything = format!("{directory}{separator}*");
    Ok(model.has(env, scope.name, Some(&directory))? && model.has(env, scope.name, Some(&anything))?)
}

/// Returns whether the program may use every path. On Node 20, `has` without a path checks only the working directory.
fn allows_everything(env: &Env, model: &PermissionModel, scope: Scope) -> Result<bool> {
    Ok(model.has(env, scope.name, None)? && allows(env, model, scope, &resolve(Path::new("/")))?)
}

/// Throws `ERR_ACCESS_DENIED`.
fn denied(env: &Env, scope: Scope, resource: Option<&Path>) -> Error {
    let throw = || -> Result<Error> {
        let message =
            format!("Access to this API has been restricted. Use {} to manage permissions.", scope.flag);
        let resource = resource.map(|path| without_verbatim_prefix(path.to_string_lossy().into_owned()));
        let error = error::create(env, Class::Error, "ERR_ACCESS_DENIED", &message)?;
        error.set("permission", Value::of(env, scope.permission)?)?;
        error.set("resource", Value::of(env, resource.unwrap_or_default())?)?;
        Ok(error::throw_value(env, error))
    };
    throw().unwrap_or_else(|error| error)
}

/// Makes a path absolute and resolves `.` and `..` as text, as Node does before a check.
fn resolve(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut resolved = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::ParentDir => drop(resolved.pop()),
            Component::CurDir => {}
            other => resolved.push(other),
        }
    }
    resolved
}

/// Returns a Windows path in its usual form: `C:\x` for `\\?\C:\x`, `\\server\x` for `\\?\UNC\server\x`.
fn without_verbatim_prefix(path: String) -> String {
    if !cfg!(windows) {
        return path;
    }
    match path.strip_prefix(r"\\?\UNC\") {
        Some(share) => format!(r"\\{share}"),
        None => path.strip_prefix(r"\\?\").map(str::to_owned).unwrap_or(path),
    }
}
