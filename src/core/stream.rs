//! Streams: stdio, pipes, sockets, terminals and devices. The system tracks the position of a stream that has one.

use crate::sys::buffers::Buffer;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Fdflags, Filetype, NewTime, Sdflags, StreamKind};
use crate::sys::{self, Handle, Socket};
use std::io;
use std::mem::ManuallyDrop;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// A stream.
#[derive(Debug)]
pub struct Stream {
    handle: StreamHandle,
    kind: StreamKind,
    /// Whether the first read waits for a writer: the guest opened a FIFO for reading, without `NONBLOCK`, and no
    /// writer was seen yet.
    awaits_writer: AtomicBool,
    /// Whether the file is one of the lower directory of an overlay, which never changes.
    is_lower: bool,
}

#[derive(Debug)]
enum StreamHandle {
    /// A file that the guest opened. Closed with the descriptor.
    Guest(std::fs::File),
    /// Stdin, stdout or stderr of the host. Never closed.
    Stdio(ManuallyDrop<std::fs::File>),
    /// A socket of the guest. On Windows, sockets and files are closed by different calls.
    Socket(Socket),
    /// A duplicate of a listening socket of the host, and whether the guest has shut it down.
    HostListener(Socket, AtomicBool),
}

impl Stream {
    fn new(handle: StreamHandle, kind: StreamKind) -> Self {
        Self { handle, kind, awaits_writer: AtomicBool::new(false), is_lower: false }
    }

    /// Creates a stream that the guest opened.
    pub fn guest(handle: std::fs::File, flags: Fdflags) -> io::Result<Self> {
        let kind = sys::stream_kind(sys::handle(&handle))?;
        let awaits_writer = kind == StreamKind::Pipe && !flags.contains(Fdflags::NONBLOCK);
        Ok(Self { awaits_writer: awaits_writer.into(), ..Self::new(StreamHandle::Guest(handle), kind) })
    }

    /// Marks the stream as a file of the lower directory of an overlay.
    pub(crate) fn of_lower(self) -> Self {
        Self { is_lower: true, ..self }
    }

    /// Creates a stream from a descriptor of the host, which is never closed.
    pub fn stdio(handle: ManuallyDrop<std::fs::File>) -> io::Result<Self> {
        let kind = sys::stream_kind(sys::handle(&*handle))?;
        Ok(Self::new(StreamHandle::Stdio(handle), kind))
    }

    /// Creates a listening socket: one of the guest, or with `is_host` a duplicate of a socket of the host.
    #[must_use]
    pub(crate) fn listener(socket: TcpListener, is_host: bool) -> Self {
        let handle = if is_host {
            StreamHandle::HostListener(socket.into(), AtomicBool::new(false))
        } else {
            StreamHandle::Socket(socket.into())
        };
        Self::new(handle, StreamKind::Listener)
    }

    /// Creates a connection that the guest accepted.
    pub fn connection(socket: Socket) -> io::Result<Self> {
        let kind = sys::stream_kind(sys::socket_handle(&socket))?;
        Ok(Self::new(StreamHandle::Socket(socket), kind))
    }

    /// Returns the system's handle.
    #[must_use]
    pub(crate) fn handle(&self) -> Handle<'_> {
        match &self.handle {
            StreamHandle::Guest(handle) => sys::handle(handle),
            StreamHandle::Stdio(handle) => sys::handle(&**handle),
            StreamHandle::Socket(socket) | StreamHandle::HostListener(socket, _) => {
                sys::socket_handle(socket)
            }
        }
    }

    /// Returns the file type.
    #[must_use]
    pub(crate) fn filetype(&self) -> Filetype {
        match self.kind {
            StreamKind::Pipe => Filetype::Unknown,
            StreamKind::Listener => Filetype::SocketStream,
            StreamKind::Terminal => Filetype::CharacterDevice,
            StreamKind::Socket(filetype) | StreamKind::Ready(filetype) | StreamKind::Device(filetype) => {
                filetype
            }
        }
    }

    /// Returns whether the stream is a terminal.
    #[must_use]
    pub(crate) fn is_terminal(&self) -> bool {
        self.kind == StreamKind::Terminal
    }

    /// Returns whether the stream is a socket.
    #[must_use]
    pub(crate) fn is_socket(&self) -> bool {
        matches!(self.kind, StreamKind::Socket(_) | StreamKind::Listener)
    }

    /// Returns whether the stream is a listening socket of the option `sockets`.
    #[must_use]
    pub(crate) fn is_listener(&self) -> bool {
        self.kind == StreamKind::Listener
    }

    /// Returns whether the stream is stdin, stdout or stderr of the host.
    #[must_use]
    pub(crate) fn is_stdio(&self) -> bool {
        matches!(self.handle, StreamHandle::Stdio(_))
    }

    /// Returns whether the stream may have a position, as files and some devices have.
    #[must_use]
    pub(crate) fn is_seekable(&self) -> bool {
        matches!(self.kind, StreamKind::Ready(_) | StreamKind::Device(_))
    }

    /// Returns whether a read or write may have to wait.
    #[must_use]
    pub(crate) fn may_wait(&self) -> bool {
        !matches!(self.kind, StreamKind::Ready(_))
    }

    /// Returns whether the guest has shut down a listener that belongs to the host.
    #[must_use]
    pub(crate) fn is_shut_down(&self) -> bool {
        matches!(&self.handle, StreamHandle::HostListener(_, is_shut_down) if is_shut_down.load(Relaxed))
    }

    /// Shuts down a socket: `shutdown`. A listener of the host stays open for the host. Only this descriptor then
    /// behaves like a socket that was shut down on Linux: `accept` fails with `EINVAL`, and a second shutdown with
    /// `ENOTCONN`.
    pub(crate) fn shutdown(&self, directions: Sdflags) -> Result {
        match &self.handle {
            StreamHandle::HostListener(_, is_shut_down) => {
                let was_shut_down = is_shut_down.fetch_or(directions.contains(Sdflags::RD), Relaxed);
                if was_shut_down { Err(Errno::Notconn) } else { Ok(()) }
            }
            _ => Ok(sys::shutdown(self.handle(), directions)?),
        }
    }

    /// Sets the times: `futimens`. `EROFS` for a file of a lower directory.
    pub(crate) fn set_times(&self, atim: Option<NewTime>, mtim: Option<NewTime>) -> Result {
        if self.is_lower && (atim.is_some() || mtim.is_some()) {
            return Err(Errno::Rofs);
        }
        Ok(sys::set_times(self.handle(), atim, mtim)?)
    }

    /// Reads available bytes. `EAGAIN` if there are none yet.
    pub fn read_now(&self, buffers: &[Buffer]) -> Result<usize> {
        let read = if self.may_wait() { sys::readv_nowait } else { sys::readv };
        Ok(read(self.handle(), buffers)?)
    }

    /// Writes as many bytes as fit. `EAGAIN` if there is no room.
    pub fn write_now(&self, buffers: &[Buffer]) -> Result<usize> {
        let write = if self.may_wait() { sys::writev_nowait } else { sys::writev };
        Ok(write(self.handle(), buffers)?)
    }

    /// Returns whether the first read has to wait for a writer.
    pub(crate) fn awaits_writer(&self) -> bool {
        self.awaits_writer.load(Relaxed)
    }

    /// Notes that a writer has been seen.
    pub(crate) fn note_writer(&self) {
        self.awaits_writer.store(false, Relaxed);
    }
}
