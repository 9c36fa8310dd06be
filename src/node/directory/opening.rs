//! Opens directories of the host, and reads the limits of those in memory.

use super::path_call::throw;
use crate::core::fs::space::SpaceLimits;
use crate::core::shared_directory::SharedDirectory;
use crate::node::env_state::EnvState;
use crate::node::options::{DirectorySource, require_directory, require_opened};
use crate::node::value::Value;
use crate::sys;
use napi::Result;
use std::sync::Arc;

/// Opens a directory of the host, if Node's permission model allows it.
pub(super) fn open_host(
    state: &EnvState,
    source: &DirectorySource,
    readonly: bool,
) -> Result<Arc<SharedDirectory>> {
    let path = match source {
        DirectorySource::Path(path) => Some(path.as_str()),
        DirectorySource::Fd(_) => None,
    };
    let failed = |errno| throw(state, errno, "open", path, None);
    if let Some(model) = &state.permissions {
        require_directory(&state.env, model, source, readonly)?;
    }
    let directory = source.open(readonly).map_err(|error| failed(error.into()))?;
    if let Some(model) = &state.permissions {
        require_opened(&state.env, model, source, readonly, sys::handle(&directory))?;
    }
    SharedDirectory::host(directory, readonly).map_err(failed)
}

/// Reads the limits of a directory in memory. Those that are undefined have their defaults.
pub(super) fn space_limits(max_bytes: Value<'_>, max_files: Value<'_>) -> Result<SpaceLimits> {
    let limit = |value: Value<'_>, default: u64| -> Result<u64> {
        if value.is_undefined()? { Ok(default) } else { Ok(value.convert::<f64>()? as u64) }
    };
    let SpaceLimits { max_bytes: bytes, max_files: files } = SpaceLimits::default();
    Ok(SpaceLimits { max_bytes: limit(max_bytes, bytes)?, max_files: limit(max_files, files)? })
}
