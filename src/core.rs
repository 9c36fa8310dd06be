//! Everything that a guest has, independent of the ABI: directories, files, streams, pipes, descriptors, clocks, random
//! bytes, limits, waits.

pub mod access;
pub mod budget;
pub mod clock;
pub mod dir;
pub mod directory;
pub mod entry;
pub mod file;
pub mod fs;
pub mod guest;
pub mod layout;
pub mod limits;
pub mod memory;
pub mod open_directory;
pub mod outcome;
pub mod pipe;
mod preopens;
pub mod random;
pub mod restart;
pub mod rights;
pub mod stream;
pub mod strings;
pub mod table;
pub mod wait;
