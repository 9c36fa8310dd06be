//! Backends of directories.

mod apply;
pub mod changes;
mod contents;
mod entries;
pub(crate) mod host;
mod inode;
pub(crate) mod listing;
pub(crate) mod lower;
pub mod memory;
pub(crate) mod memory_file;
mod name;
mod name_map;
mod names;
pub mod path_error;
pub(crate) mod remove;
mod resolve;
pub mod space;
mod volume;
