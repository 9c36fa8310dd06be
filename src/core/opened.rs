//! Opened paths.

use crate::core::file::FileData;
use crate::core::stream::Stream;

/// An opened path, by type of file. `D` is the type of directories.
#[derive(Debug)]
pub(crate) enum Opened<D> {
    /// A directory.
    Directory(D),
    /// A regular file.
    File(FileData),
    /// Any other file.
    Stream(Stream),
}
