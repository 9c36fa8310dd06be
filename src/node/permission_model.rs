//! Node's permission model, as it was when capwasi was loaded.

use super::reference::StrongRef;
use super::value::Value;
use napi::{Env, Result, ValueType};

/// `process.permission` and its `has`. A program cannot replace them after loading.
pub(crate) struct PermissionModel {
    permission: StrongRef,
    has: StrongRef,
    /// Whether this version of Node can restrict the network: Node 25 and later. On older versions `has` denies the
    /// scope `net`, although the network is not restricted.
    pub(crate) restricts_net: bool,
}

impl PermissionModel {
    /// Captures the permission model; `None` if the process does not use it, or only reports violations
    /// (`--permission-audit`).
    pub(crate) fn capture(env: &Env) -> Result<Option<Self>> {
        let process = Value::of(env, env.get_global()?)?.get("process")?;
        if process.type_of()? != ValueType::Object {
            return Ok(None);
        }
        let permission = process.get("permission")?;
        if permission.type_of()? != ValueType::Object {
            return Ok(None);
        }
        let has = permission.get("has")?;
        if !has.is_function()? || is_audit(process)? {
            return Ok(None);
        }
        let version = process.get("versions")?.get("node")?.convert::<String>()?;
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        Ok(Some(Self {
            permission: StrongRef::new(env, permission)?,
            has: StrongRef::new(env, has)?,
            restricts_net: major.is_some_and(|major| major >= 25),
        }))
    }

    /// `process.permission.has(scope, reference)`
    pub(crate) fn has(&self, env: &Env, scope: &str, reference: Option<&str>) -> Result<bool> {
        let has = self.has.get(env)?;
        let (permission, scope) = (self.permission.get(env)?, Value::of(env, scope)?);
        match reference {
            Some(reference) => has.call_on(permission, &[scope, Value::of(env, reference)?])?.convert(),
            None => has.call_on(permission, &[scope])?.convert(),
        }
    }
}

/// Returns whether the permission model only reports what it would deny.
fn is_audit(process: Value<'_>) -> Result<bool> {
    const FLAG: &str = "--permission-audit";
    let flags = process.get("execArgv")?;
    let flags: Vec<String> = if flags.is_array()? { flags.convert()? } else { Vec::new() };
    let inherited = std::env::var("NODE_OPTIONS").unwrap_or_default();
    Ok(flags.iter().map(String::as_str).chain(inherited.split_whitespace()).any(|flag| flag == FLAG))
}
