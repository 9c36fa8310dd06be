//! Node's permission model: whether this program may make a sandbox and give it these directories.

use super::preopens::{DirAccess, Preopen};
use super::sockets::Socket;
use crate::node::context::{StrongRef, call};
use crate::node::error::{self, Class};
use crate::sys;
use napi::bindgen_prelude::{FromNapiValue, JsObjectValue, JsValue, Object, Unknown};
use napi::{Env, Result, ValueType};
use std::path::{Component, MAIN_SEPARATOR_STR, Path, PathBuf};

/// `process.permission` and its `has`, as they were when the addon was loaded: a program cannot replace them afterwards.
#[derive(Debug)]
pub struct Permissions {
    permission: StrongRef,
    has: StrongRef,
    /// Whether this Node restricts the network: since Node 25. An older one says of it that it is not permitted.
    knows_net: bool,
}

/// A permission that Node knows.
#[derive(Clone, Copy, Debug)]
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

/// The permissions that a guest's use of a directory needs.
fn scopes(preopen: &Preopen) -> &'static [Scope] {
    if preopen.readonly { &[READ] } else { &[READ, WRITE] }
}

impl Permissions {
    /// Captures `process.permission` if the process has the permission model.
    pub fn capture(env: &Env) -> Result<Option<Self>> {
        let process: Unknown<'_> = env.get_global()?.get_named_property_unchecked("process")?;
        if process.get_type()? != ValueType::Object {
            return Ok(None);
        }
        let permission: Unknown<'_> =
            Object::from_unknown(process)?.get_named_property_unchecked("permission")?;
        if permission.get_type()? != ValueType::Object {
            return Ok(None);
        }
        let has: Unknown<'_> = Object::from_unknown(permission)?.get_named_property_unchecked("has")?;
        if has.get_type()? != ValueType::Function {
            return Ok(None);
        }
        if is_audit(process)? {
            return Ok(None);
        }
        let versions: Object<'_> = Object::from_unknown(process)?.get_named_property_unchecked("versions")?;
        let version: String = versions.get_named_property_unchecked("node")?;
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        let [permission, has] = [permission, has].map(|value| StrongRef::new(env, value.raw()));
        let knows_net = major.is_some_and(|major| major >= 25);
        Ok(Some(Self { permission: permission?, has: has?, knows_net }))
    }

    /// Requires that the program may make a sandbox, listen on these sockets, and use the directories that these preopens
    /// name.
    pub fn require(&self, env: &Env, sockets: &[Socket], preopens: &[Preopen]) -> Result<()> {
        if !self.has(env, WASI, None)? {
            return Err(denied(env, WASI, None));
        }
        let listens = sockets.iter().any(|socket| matches!(socket, Socket::Address(_)));
        if listens && self.knows_net && !self.has(env, NET, None)? {
            return Err(denied(env, NET, None));
        }
        for preopen in preopens {
            match &preopen.place {
                DirAccess::Path(path) => {
                    let path = resolve(Path::new(path));
                    for scope in scopes(preopen) {
                        if !self.allows(env, *scope, &path)? {
                            return Err(denied(env, *scope, Some(&path)));
                        }
                    }
                }
                // A descriptor that cannot be borrowed is reported when it is opened.
                DirAccess::Fd(fd) => {
                    if let Ok(directory) = sys::host_stream(*fd) {
                        self.require_opened(env, preopen, sys::handle(&*directory))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Requires that the program may use the directory that was opened for a preopen. A symlink in its path can lead
    /// elsewhere.
    pub fn require_opened(&self, env: &Env, preopen: &Preopen, opened: sys::Handle<'_>) -> Result<()> {
        let opened = sys::path_of(opened);
        for scope in scopes(preopen) {
            let allowed = match (&opened, &preopen.place) {
                (None, _) => self.allows_everything(env, *scope)?,
                (Some(opened), DirAccess::Fd(_)) => self.allows(env, *scope, opened)?,
                (Some(opened), DirAccess::Path(path)) => {
                    self.allows(env, *scope, opened)? || self.contains(env, *scope, path, opened)?
                }
            };
            if !allowed {
                return Err(denied(env, *scope, opened.as_deref()));
            }
        }
        Ok(())
    }

    /// Returns whether an opened directory is inside the largest allowed directory that `path` leads through. That
    /// directory can itself be named through symlinks: macOS's /tmp is one.
    fn contains(&self, env: &Env, scope: Scope, path: &str, opened: &Path) -> Result<bool> {
        let path = resolve(Path::new(path));
        let mut largest = None;
        for ancestor in path.ancestors() {
            if self.allows(env, scope, ancestor)? {
                largest = Some(ancestor);
            }
        }
        let largest = largest.and_then(|directory| directory.canonicalize().ok());
        Ok(largest.is_some_and(|directory| opened.starts_with(directory)))
    }

    /// Returns whether the program may use a directory and everything below. Node can allow a directory alone: one that
    /// did not exist when the process started.
    fn allows(&self, env: &Env, scope: Scope, directory: &Path) -> Result<bool> {
        let directory = without_verbatim_prefix(directory.to_string_lossy().into_owned());
        let separator = if directory.ends_with(MAIN_SEPARATOR_STR) { "" } else { MAIN_SEPARATOR_STR };
        let anything = format!("{directory}{separator}*");
        Ok(self.has(env, scope, Some(&directory))? && self.has(env, scope, Some(&anything))?)
    }

    /// Returns whether the program may use every path. On Node 20, `has` without a path is about the working directory.
    fn allows_everything(&self, env: &Env, scope: Scope) -> Result<bool> {
        Ok(self.has(env, scope, None)? && self.allows(env, scope, &resolve(Path::new("/")))?)
    }

    fn has(&self, env: &Env, scope: Scope, reference: Option<&str>) -> Result<bool> {
        let mut args = vec![env.create_string(scope.name)?.raw()];
        if let Some(reference) = reference {
            args.push(env.create_string(reference)?.raw());
        }
        let allowed = call(env, self.has.get(env)?, Some(self.permission.get(env)?), &args)?;
        // SAFETY: `has` returned a value of this environment.
        unsafe { bool::from_napi_value(env.raw(), allowed) }
    }
}

/// Whether the permission model only reports what it would deny.
fn is_audit(process: Unknown<'_>) -> Result<bool> {
    const FLAG: &str = "--permission-audit";
    let flags: Unknown<'_> = Object::from_unknown(process)?.get_named_property_unchecked("execArgv")?;
    let flags = if flags.is_array()? { Vec::<String>::from_unknown(flags)? } else { Vec::new() };
    let inherited = std::env::var("NODE_OPTIONS").unwrap_or_default();
    Ok(flags.iter().map(String::as_str).chain(inherited.split_whitespace()).any(|flag| flag == FLAG))
}

/// `ERR_ACCESS_DENIED`
fn denied(env: &Env, scope: Scope, resource: Option<&Path>) -> napi::Error {
    let throw = || -> Result<napi::Error> {
        let message =
            format!("Access to this API has been restricted. Use {} to manage permissions.", scope.flag);
        let resource = resource.map(|path| without_verbatim_prefix(path.to_string_lossy().into_owned()));
        let mut error = error::create(env, Class::Error, "ERR_ACCESS_DENIED", &message)?;
        error.set_named_property("permission", scope.permission)?;
        error.set_named_property("resource", resource.unwrap_or_default())?;
        Ok(error::throw_value(env, error.raw()))
    };
    throw().unwrap_or_else(|error| error)
}

/// Makes a path absolute and resolves `.` and `..` as text, as Node does before it looks at its lists.
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

/// Returns a path of Windows as its programs write it: `C:\x` for `\\?\C:\x`, `\\server\x` for `\\?\UNC\server\x`.
fn without_verbatim_prefix(path: String) -> String {
    if !cfg!(windows) {
        return path;
    }
    match path.strip_prefix(r"\\?\UNC\") {
        Some(share) => format!(r"\\{share}"),
        None => path.strip_prefix(r"\\?\").map(str::to_owned).unwrap_or(path),
    }
}
