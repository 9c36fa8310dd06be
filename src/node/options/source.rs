//! A directory of the host, by path or by descriptor: in `options.preopens` and in `Directory.open()`.

use crate::sys;
use std::io::Result;
use std::path::Path;

/// Names a directory of the host.
pub(crate) enum DirectorySource {
    Path(String),
    Fd(i32),
}

impl DirectorySource {
    /// Opens the directory.
    pub(crate) fn open(&self, readonly: bool) -> Result<std::fs::File> {
        match self {
            DirectorySource::Path(path) => sys::open_directory(Path::new(path), readonly),
            DirectorySource::Fd(fd) => sys::reopen_directory(*fd, readonly),
        }
    }
}
