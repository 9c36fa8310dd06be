//! Linux and macOS.

mod clock;
mod errno;
mod io;
mod net;
mod open;
mod path;
mod resolve;

pub use clock::{clock_resolution, clock_time, monotonic_now};
pub use errno::errno;
pub use io::*;
pub use net::{Socket, accept, host_listener, is_listening, receive, send, shutdown, socket_handle};
pub use open::open;
pub use path::*;
pub use resolve::without_trailing_slashes;

use std::os::fd::{AsFd, BorrowedFd};

/// The system's own handle of something open.
pub type Handle<'a> = BorrowedFd<'a>;

/// A device that has nothing to read and forgets what is written.
pub const NULL_DEVICE: &str = "/dev/null";

/// The handle of something open.
pub fn handle<T: AsFd>(open: &T) -> Handle<'_> {
    open.as_fd()
}
