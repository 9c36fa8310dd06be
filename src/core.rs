//! Everything that a guest has, independent of the ABI: directories, files, streams, pipes, descriptors, clocks,
//! random bytes, limits, waits.

pub(crate) mod access;
pub mod budget;
pub mod clock;
#[cfg(feature = "node")]
pub(crate) mod cpu_time;
pub(crate) mod dir;
pub mod directory;
pub mod entry;
pub(crate) mod file;
pub mod fs;
pub mod guest;
#[cfg(feature = "node")]
pub(crate) mod handles;
pub mod layout;
pub mod limits;
pub mod lock;
pub mod memory;
pub(crate) mod opened;
pub(crate) mod origin;
pub mod outcome;
pub mod pipe;
mod preopens;
pub mod random;
pub mod restart;
pub mod rights;
#[cfg(feature = "node")]
pub(crate) mod shared_directory;
pub(crate) mod stream;
pub mod strings;
pub mod table;
pub mod wait;
pub mod waker;
