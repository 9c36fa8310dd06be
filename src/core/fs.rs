//! Backends of directories.

pub mod host;
