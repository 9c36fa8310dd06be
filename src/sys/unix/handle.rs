//! Handles.

use std::os::fd::{AsFd, BorrowedFd};

/// The system's own handle of something open.
pub type Handle<'a> = BorrowedFd<'a>;

/// A device that has nothing to read and forgets what is written.
pub const NULL_DEVICE: &str = "/dev/null";

/// The handle of something open.
pub fn handle<T: AsFd>(open: &T) -> Handle<'_> {
    open.as_fd()
}
