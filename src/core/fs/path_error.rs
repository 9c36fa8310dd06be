//! Errors of operations on trees.

use crate::sys::errno::{Errno, Result};

/// Result of an operation on a tree.
pub(crate) type PathResult<T = ()> = std::result::Result<T, PathError>;

/// An error, with the path that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError {
    /// The error.
    pub errno: Errno,
    /// The path, from the directory of the operation.
    pub path: Box<[u8]>,
}

impl PartialEq<Errno> for PathError {
    fn eq(&self, errno: &Errno) -> bool {
        self.errno == *errno
    }
}

/// Adds paths to errors.
pub(crate) trait AtPath<T> {
    /// Adds a path to the error.
    fn at(self, path: &[u8]) -> PathResult<T>;
}

impl<T> AtPath<T> for Result<T> {
    fn at(self, path: &[u8]) -> PathResult<T> {
        self.map_err(|errno| PathError { errno, path: path.into() })
    }
}

/// Appends a component to a path. The empty path and `.` are the directory itself.
pub(crate) fn join(path: &[u8], name: &[u8]) -> Vec<u8> {
    match path {
        _ if name.is_empty() => path.to_vec(),
        b"" | b"." => name.to_vec(),
        _ if path.ends_with(b"/") => [path, name].concat(),
        _ => [path, b"/", name].concat(),
    }
}
