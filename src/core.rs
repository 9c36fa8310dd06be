//! What a guest has, with no ABI: directories, files, streams, pipes, descriptors, clocks, random bytes, limits.

pub mod clock;
pub mod dir;
pub mod directory;
pub mod guest;
pub mod limits;
pub mod memory;
pub mod pipe;
pub mod random;
pub mod stream;
pub mod strings;
pub mod table;
