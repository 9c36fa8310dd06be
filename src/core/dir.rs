//! Open directories of a guest.

use crate::core::directory::{DirReader, Directory};
use crate::sys::dir::DirBudget;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// An open directory, and the position that `fd_readdir` has reached.
#[derive(Debug)]
pub struct Dir {
    directory: Directory,
    /// Name for the guest, if the directory is a preopen.
    name: Option<Box<[u8]>>,
    reader: Mutex<DirReader>,
}

impl Dir {
    /// Creates the descriptor of a directory that the guest opened.
    #[must_use]
    pub(crate) fn new(directory: Directory, budget: DirBudget) -> Self {
        let reader = Mutex::new(directory.reader(budget));
        Self { directory, name: None, reader }
    }

    /// Creates the descriptor of a preopen.
    #[must_use]
    pub(crate) fn preopen(directory: Directory, name: &[u8], budget: DirBudget) -> Self {
        Self { name: Some(name.into()), ..Self::new(directory, budget) }
    }

    /// Returns the name for the guest, if the directory is a preopen.
    #[must_use]
    pub(crate) fn preopen_name(&self) -> Option<&[u8]> {
        self.name.as_deref()
    }

    /// Returns the directory.
    #[must_use]
    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Locks the position.
    pub(crate) fn reader(&self) -> MutexGuard<'_, DirReader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
