//! Handles of preopened directories, shared by all guests of the process: any number of guests needs one handle.

use crate::core::fs::host::HostDirectory;
use crate::sys;
use crate::sys::dir::DirHandle;
use once_cell::sync::Lazy;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Device and inode numbers. Most file systems, but not all, keep them unique.
pub(crate) type FileId = (u64, u64);

/// Shared handles by the path where the directory was last seen, and by whether they are read-only.
static SHARED: Lazy<Mutex<HashMap<(PathBuf, bool), CachedHandle>>> = Lazy::new(Mutex::default);

struct CachedHandle {
    dir: Weak<DirHandle>,
    id: FileId,
    /// One directory can be mounted twice, and be writable through one mount only.
    mount: u64,
}

/// Returns the cached handle of the same directory, or caches the new one. Directories are the same if both handles
/// have the same path, mount, device and inode number at this moment. Read-only preopens have separate handles, since
/// reading through them leaves access times unchanged.
pub(crate) fn shared_handle(
    directory: std::fs::File,
    readonly: bool,
) -> std::io::Result<(HostDirectory, FileId)> {
    let dir = Arc::new(DirHandle::new(directory));
    let stat = sys::stat(dir.handle())?;
    let id = (stat.dev, stat.ino);
    let (Some(mount), Some(path)) = (sys::mount_id(dir.handle()), sys::path_of(dir.handle())) else {
        return Ok((HostDirectory::shared(dir), id));
    };
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (path, readonly);
    let known = shared.get(&key).filter(|known| known.id == id && known.mount == mount);
    if let Some(known) = known.and_then(|known| known.dir.upgrade())
        && sys::path_of(known.handle()).is_some_and(|now| now == key.0)
    {
        return Ok((HostDirectory::shared(known), id));
    }
    shared.retain(|_, known| known.dir.strong_count() > 0);
    shared.insert(key, CachedHandle { dir: Arc::downgrade(&dir), id, mount });
    Ok((HostDirectory::shared(dir), id))
}
