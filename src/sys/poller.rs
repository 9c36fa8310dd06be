//! Waits for many streams at once: epoll, kqueue, or the completion port of Windows.
#![expect(unsafe_code, reason = "the system does not notice that a registered stream is closed")]

use super::Handle;
use super::types::Interest;
use polling::{Event, Events, Poller as Port};
use std::io::Result;
use std::time::Duration;

/// A set of streams. Each wait for a stream ends with its first event.
#[derive(Debug)]
pub(crate) struct Poller {
    port: Port,
}

#[cfg(unix)]
mod source {
    use crate::sys::Handle;
    use std::os::fd::{AsRawFd, RawFd};

    pub(super) fn key(handle: Handle<'_>) -> usize {
        handle.as_raw_fd().cast_unsigned() as usize
    }

    pub(super) fn raw(handle: Handle<'_>) -> std::io::Result<RawFd> {
        Ok(handle.as_raw_fd())
    }

    pub(super) fn borrow(handle: Handle<'_>) -> Handle<'_> {
        handle
    }
}

#[cfg(windows)]
mod source {
    use crate::sys::{Handle, is_socket};
    use std::io::{Error, ErrorKind, Result};
    use std::os::windows::io::{AsRawHandle, BorrowedSocket, RawSocket};

    pub(super) fn key(handle: Handle<'_>) -> usize {
        handle.as_raw_handle() as usize
    }

    /// Returns the socket. `Unsupported` for pipes and consoles, for which a completion port cannot wait.
    pub(super) fn raw(handle: Handle<'_>) -> Result<RawSocket> {
        if is_socket(handle) {
            Ok(handle.as_raw_handle() as RawSocket)
        } else {
            Err(Error::from(ErrorKind::Unsupported))
        }
    }

    pub(super) fn borrow(handle: Handle<'_>) -> BorrowedSocket<'_> {
        // SAFETY: `raw` has checked that the handle is a socket, and it stays open while it is borrowed.
        unsafe { BorrowedSocket::borrow_raw(handle.as_raw_handle() as RawSocket) }
    }
}

/// Identifies the stream behind a handle in a [`Poller`].
pub(crate) fn key(handle: Handle<'_>) -> usize {
    source::key(handle)
}

fn event(handle: Handle<'_>, interests: impl Iterator<Item = Interest>) -> Event {
    let mut event = Event::none(key(handle));
    for interest in interests {
        event.readable |= interest == Interest::Read;
        event.writable |= interest == Interest::Write;
    }
    event
}

impl Poller {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { port: Port::new()? })
    }

    /// Adds a stream. Fails if the system cannot wait for streams of this type.
    pub(crate) fn add(&self, handle: Handle<'_>, interest: Interest) -> Result<()> {
        let source = source::raw(handle)?;
        // SAFETY: the waker deletes the stream before it drops the entry that keeps the handle open.
        unsafe { self.port.add(source, event(handle, std::iter::once(interest))) }
    }

    /// Changes the events of a stream that was added.
    pub(crate) fn modify(&self, handle: Handle<'_>, interests: impl Iterator<Item = Interest>) -> Result<()> {
        self.port.modify(source::borrow(handle), event(handle, interests))
    }

    /// Removes a stream. Ignores errors: if the host has closed the descriptor, the system has removed it.
    pub(crate) fn delete(&self, handle: Handle<'_>) {
        let _ = self.port.delete(source::borrow(handle));
    }

    /// Waits until a stream has an event, `timeout` has passed, or [`notify`](Self::notify) is called. Adds the keys of
    /// the streams that have events.
    pub(crate) fn wait(&self, timeout: Option<Duration>, events: &mut Vec<usize>) -> Result<()> {
        let mut found = Events::new();
        self.port.wait(&mut found, timeout)?;
        events.extend(found.iter().map(|event| event.key));
        Ok(())
    }

    /// Ends the current wait, or the next one.
    pub(crate) fn notify(&self) {
        // Fails only if the system has no memory. The wait then lasts until its timeout.
        let _ = self.port.notify();
    }
}
