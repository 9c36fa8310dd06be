//! Backends of directories.

mod contents;
pub mod host;
mod inode;
pub mod memory;
mod resolve;
pub mod space;
