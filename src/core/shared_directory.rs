//! Directories that JavaScript opened. The threads of the process share them by handles that cannot be guessed.

use crate::core::access::{Access, DirAccess};
use crate::core::clock::Clocks;
use crate::core::directory::Directory;
use crate::core::fs::memory::MemoryDirectory;
use crate::core::fs::space::SpaceLimits;
use crate::core::guest::Guest;
use crate::core::handles::Handles;
use crate::core::preopens::shared_handle;
use crate::sys::errno::Result;
use once_cell::sync::Lazy;
use std::sync::{Arc, OnceLock};

/// A directory that JavaScript opened, for its own calls and for any number of guests: a [`Directory`] with its access
/// and with the clocks of the system.
#[derive(Debug)]
pub(crate) struct SharedDirectory {
    directory: Directory,
    access: Access,
    clocks: Clocks,
    /// The handle, once the directory is shared.
    handle: OnceLock<String>,
}

static HANDLES: Lazy<Handles<SharedDirectory>> = Lazy::new(Handles::default);

impl SharedDirectory {
    fn new(directory: Directory, access: Access) -> Arc<Self> {
        Arc::new(Self { directory, access, clocks: Clocks::default(), handle: OnceLock::new() })
    }

    /// Wraps a directory of the host.
    pub(crate) fn host(directory: std::fs::File, readonly: bool) -> Result<Arc<Self>> {
        let (directory, _) = shared_handle(directory, readonly)?;
        Ok(Self::new(Directory::Host(directory), Access::from_readonly(readonly)))
    }

    /// Creates an empty directory in memory.
    #[must_use]
    pub(crate) fn memory(limits: SpaceLimits, umask: u16) -> Arc<Self> {
        let directory = MemoryDirectory::new(limits, umask, Clocks::default().realtime());
        Self::new(Directory::Memory(directory), Access::ReadWrite)
    }

    /// Creates an overlay over a directory. `ELOOP` if too many overlays are over each other.
    pub fn overlay(lower: &Self, limits: SpaceLimits, umask: u16) -> Result<Arc<Self>> {
        let directory = lower.directory.clone().overlay(limits, umask)?;
        Ok(Self::new(Directory::Memory(directory), Access::ReadWrite))
    }

    /// Returns the directory for calls with a path.
    #[must_use]
    pub(crate) fn access(&self) -> DirAccess<'_> {
        DirAccess::new(&self.directory, self.access, &self.clocks)
    }

    /// Returns the directory.
    #[must_use]
    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Returns whether nothing can be changed through this directory.
    #[must_use]
    pub(crate) fn is_readonly(&self) -> bool {
        self.access == Access::ReadOnly
    }

    /// Returns the clocks.
    #[must_use]
    pub(crate) fn clocks(&self) -> &Clocks {
        &self.clocks
    }

    /// Returns the handle of the directory, the same each time.
    pub(crate) fn share(self: &Arc<Self>) -> &str {
        self.handle.get_or_init(|| HANDLES.add(self))
    }

    /// Returns the directory with a handle; `None` for a handle that is unknown, or whose directory is closed.
    #[must_use]
    pub(crate) fn join(handle: &str) -> Option<Arc<Self>> {
        HANDLES.get(handle)
    }
}

impl Guest {
    /// Adds a shared directory as the next descriptor, with a name for the guest.
    pub(crate) fn add_shared_directory(
        &mut self,
        name: &[u8],
        shared: &SharedDirectory,
        readonly: bool,
    ) -> Result {
        let stat = shared.directory.own_stat()?;
        let readonly = readonly || shared.is_readonly();
        self.add_dir(name, shared.directory.clone(), (stat.dev, stat.ino), readonly)
    }
}

impl Drop for SharedDirectory {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.get() {
            HANDLES.remove(handle);
        }
    }
}
