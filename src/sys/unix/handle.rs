//! Descriptors.

use std::os::fd::{AsFd, BorrowedFd};

/// A borrowed descriptor.
pub type Handle<'a> = BorrowedFd<'a>;

/// A device that reads as empty and discards output.
pub const NULL_DEVICE: &str = "/dev/null";

/// Borrows the descriptor of an open file.
pub fn handle<T: AsFd>(open: &T) -> Handle<'_> {
    open.as_fd()
}
