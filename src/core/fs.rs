//! Backends of directories.

pub mod host;
pub mod memory;
mod contents;
mod inode;
mod resolve;
pub mod space;
