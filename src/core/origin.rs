//! Origins of the descriptors that a guest starts with.

use crate::core::pipe::{Output, Pipe};
use crate::core::preopens::FileId;
use std::sync::Arc;

/// Origin of a descriptor that the options define. Two guests with equal options have equal origins.
#[derive(Debug)]
pub(crate) enum Origin {
    /// A descriptor of the host, which the guest uses by its number.
    Host(i32),
    /// A descriptor of the host, of which the guest has a duplicate, and the socket that it refers to.
    HostSocket(i32, FileId),
    /// `/dev/null`
    Null,
    /// Data for the guest to read.
    Data(Arc<Vec<u8>>),
    /// Captured output.
    Capture,
    /// A directory.
    Directory(Box<DirectoryOrigin>),
    /// A callback of the embedder, or a socket that only this guest has. Equal to no other origin.
    Unique,
}

/// A directory of the option `preopens`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DirectoryOrigin {
    pub(crate) name: Box<[u8]>,
    pub(crate) id: FileId,
    pub(crate) readonly: bool,
}

impl Origin {
    /// Returns the origin of a pipe that nothing was read from.
    pub(crate) fn of_pipe(pipe: &Pipe) -> Self {
        match pipe {
            Pipe::Input(input) => input.data().map_or(Origin::Unique, Origin::Data),
            Pipe::Output(Output::Capture(_)) => Origin::Capture,
            Pipe::Output(Output::Callback(_)) => Origin::Unique,
        }
    }

    /// Returns whether the descriptors of two guests have the same origin.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Origin::Host(fd), Origin::Host(other)) => fd == other,
            (Origin::HostSocket(fd, id), Origin::HostSocket(other, other_id)) => {
                (fd, id) == (other, other_id)
            }
            (Origin::Null, Origin::Null) | (Origin::Capture, Origin::Capture) => true,
            (Origin::Data(bytes), Origin::Data(other)) => bytes == other,
            (Origin::Directory(directory), Origin::Directory(other)) => directory == other,
            _ => false,
        }
    }
}
