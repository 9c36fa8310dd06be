//! Moving bytes between guest memory and files or streams: `fd_read`, `fd_write`, `fd_pread`, `fd_pwrite`.
//! The system reads and writes guest memory itself; nothing is copied on the way.

use crate::core::guest::Wasi;
use crate::core::memory::{List, Memory, Out};
use crate::core::table::{Descriptor, Entry};
use crate::preview1::abi::{Attempt, Transferred};
use crate::preview1::poll::{Interest, Wait};
use crate::preview1::types::{
    Fdflags, Filedelta, Filesize, Filetype, Iovec, Rights, Sdflags, Size, Timestamp, Whence,
};
use crate::preview1::vectored;
use crate::sys;
use crate::sys::errno::{Errno, Failure, Result};
use std::mem::ManuallyDrop;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A regular file that the guest opened. The position is kept here and not by the system, since nobody else
/// shares it: moving or asking for it costs no system call. It is locked while a read or write moves it, as the
/// kernel locks its own.
#[derive(Debug)]
pub struct File {
    handle: std::fs::File,
    position: Mutex<Filesize>,
}

impl File {
    /// A file at its start.
    #[must_use]
    pub fn new(handle: std::fs::File) -> Self {
        Self { handle, position: Mutex::new(0) }
    }

    /// The system's own handle.
    #[must_use]
    pub fn handle(&self) -> sys::Handle<'_> {
        sys::handle(&self.handle)
    }

    /// Moves the position.
    pub fn seek(&self, offset: Filedelta, whence: Whence) -> Result<Filesize> {
        let mut position = self.position();
        let from = match whence {
            Whence::Set => 0,
            Whence::Cur => *position,
            Whence::End => self.size()?,
        };
        let to = from.checked_add_signed(offset).filter(|to| *to <= Filedelta::MAX.cast_unsigned());
        let to = to.ok_or(Errno::Inval)?;
        if to > Filesize::from(u32::MAX) {
            // How long a file can be at most, only its file system knows.
            sys::seek(self.handle(), to.cast_signed(), Whence::Set)?;
        }
        *position = to;
        Ok(to)
    }

    /// Whether it can have so many bytes, which only its file system knows; `FBIG` if it cannot.
    pub fn check_size(&self, size: Filesize) -> std::io::Result<()> {
        let _position = self.position();
        let reached = sys::seek(self.handle(), size.cast_signed(), Whence::Set);
        reached.map(drop).map_err(|_| std::io::ErrorKind::FileTooLarge.into())
    }

    /// Bytes from the position to the end.
    pub fn remaining(&self) -> Result<Filesize> {
        Ok(self.size()?.saturating_sub(*self.position()))
    }

    /// Makes writes go to the end of the file, or to the position, and then does `also`, with no write between.
    pub fn set_append(&self, append: bool, also: impl FnOnce()) -> std::io::Result<()> {
        let _position = self.position();
        sys::set_append(self.handle(), append)?;
        also();
        Ok(())
    }

    fn size(&self) -> Result<Filesize> {
        Ok(sys::stat(self.handle())?.size)
    }

    fn position(&self) -> MutexGuard<'_, Filesize> {
        self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes in an order that the system keeps.
#[derive(Debug)]
pub struct Stream {
    handle: StreamHandle,
    kind: StreamKind,
    /// Whether it is a FIFO that the guest opened for reading without `NONBLOCK`, and no writer has been seen since.
    /// `path_open` did not wait for a writer, so the first read does.
    awaits_writer: AtomicBool,
}

#[derive(Debug)]
enum StreamHandle {
    /// The guest's: closed with its entry.
    Guest(std::fs::File),
    /// The host's, lent to the guest as stdin, stdout or stderr: never closed here.
    Stdio(ManuallyDrop<std::fs::File>),
    /// A socket of the guest's, which not every system closes as it does a file.
    Socket(sys::Socket),
    /// A duplicate of a listening socket of the host's, and whether the guest has shut it down. The socket itself stays
    /// the host's.
    LentListener(sys::Socket, AtomicBool),
}

/// What a stream is, as far as it matters to reading and writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// A pipe or FIFO.
    Pipe,
    /// A socket, `SocketStream` or `SocketDgram`.
    Socket(Filetype),
    /// A socket that listens, which the guest was given at its start.
    Listener,
    /// A terminal.
    Terminal,
    /// A file, a directory, a block device or a device like /dev/null: never makes a reader wait.
    Ready(Filetype),
    /// Any other device, or any other kind of descriptor.
    Device(Filetype),
}

impl Stream {
    /// A stream that the guest opened.
    pub fn guest(handle: std::fs::File, flags: Fdflags) -> std::io::Result<Self> {
        let kind = sys::stream_kind(sys::handle(&handle))?;
        let awaits_writer = kind == StreamKind::Pipe && !flags.contains(Fdflags::NONBLOCK);
        Ok(Self { awaits_writer: awaits_writer.into(), ..Self::new(StreamHandle::Guest(handle), kind) })
    }

    fn new(handle: StreamHandle, kind: StreamKind) -> Self {
        Self { handle, kind, awaits_writer: AtomicBool::new(false) }
    }

    /// A stream of the host's that the guest may use. It stays the host's: it is not closed here.
    pub fn stdio(handle: ManuallyDrop<std::fs::File>) -> std::io::Result<Self> {
        let kind = sys::stream_kind(sys::handle(&*handle))?;
        Ok(Self::new(StreamHandle::Stdio(handle), kind))
    }

    /// A socket that listens, the guest's own or a duplicate of the host's.
    #[must_use]
    pub fn listener(socket: TcpListener, is_lent: bool) -> Self {
        let handle = if is_lent {
            StreamHandle::LentListener(socket.into(), AtomicBool::new(false))
        } else {
            StreamHandle::Socket(socket.into())
        };
        Self::new(handle, StreamKind::Listener)
    }

    /// A connection that the guest has accepted.
    pub fn connection(socket: sys::Socket) -> std::io::Result<Self> {
        let kind = sys::stream_kind(sys::socket_handle(&socket))?;
        Ok(Self::new(StreamHandle::Socket(socket), kind))
    }

    /// The system's own handle.
    #[must_use]
    pub fn handle(&self) -> sys::Handle<'_> {
        match &self.handle {
            StreamHandle::Guest(handle) => sys::handle(handle),
            StreamHandle::Stdio(handle) => sys::handle(&**handle),
            StreamHandle::Socket(socket) | StreamHandle::LentListener(socket, _) => {
                sys::socket_handle(socket)
            }
        }
    }

    /// Kind of file.
    #[must_use]
    pub fn filetype(&self) -> Filetype {
        match self.kind {
            StreamKind::Pipe => Filetype::Unknown,
            StreamKind::Listener => Filetype::SocketStream,
            StreamKind::Terminal => Filetype::CharacterDevice,
            StreamKind::Socket(filetype) | StreamKind::Ready(filetype) | StreamKind::Device(filetype) => {
                filetype
            }
        }
    }

    /// Whether it is a terminal.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.kind == StreamKind::Terminal
    }

    /// Whether it is a socket.
    #[must_use]
    pub fn is_socket(&self) -> bool {
        matches!(self.kind, StreamKind::Socket(_) | StreamKind::Listener)
    }

    /// Whether it is a socket that the guest was given to accept connections from.
    #[must_use]
    pub fn is_listener(&self) -> bool {
        self.kind == StreamKind::Listener
    }

    /// Whether it is lent by the host as stdin, stdout or stderr.
    #[must_use]
    pub fn is_stdio(&self) -> bool {
        matches!(self.handle, StreamHandle::Stdio(_))
    }

    /// Whether it has a position that can be moved, as files and some devices have.
    #[must_use]
    pub fn is_seekable(&self) -> bool {
        matches!(self.kind, StreamKind::Ready(_) | StreamKind::Device(_))
    }

    /// Whether the guest has shut down a listener that stays the host's.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        matches!(&self.handle, StreamHandle::LentListener(_, is_shut_down) if is_shut_down.load(Relaxed))
    }

    /// Shuts down a socket. Of a lent listener only the guest's entry is shut down, which then behaves as on Linux:
    /// `accept` is `EINVAL`, and a second shutdown `ENOTCONN`.
    pub fn shutdown(&self, how: Sdflags) -> std::result::Result<(), Errno> {
        match &self.handle {
            StreamHandle::LentListener(_, is_shut_down) => {
                let was_shut_down = is_shut_down.fetch_or(how.contains(Sdflags::RD), Relaxed);
                if was_shut_down { Err(Errno::Notconn) } else { Ok(()) }
            }
            _ => Ok(sys::shutdown(self.handle(), how)?),
        }
    }

    /// Reads available bytes. read(2) decides whether there is nothing yet or an end; poll(2) only decides when to try
    /// again.
    fn read(&self, memory: Memory, attempt: &Attempt, fd: &Arc<Entry>, iovs: List<Iovec>) -> Result<Size> {
        let read = || vectored::once(memory, iovs, |buffers| sys::readv_nowait(self.handle(), buffers));
        let mut result = read();
        let awaits_writer = matches!(result, Ok(0))
            && self.awaits_writer.load(Relaxed)
            && !fd.is_nonblocking()
            && vectored::total(memory, iovs)? > 0;
        if awaits_writer {
            // No byte, and no writer that has been and gone: the stream has not begun.
            Wait::unless_ready(fd, Interest::Read)?;
            // A writer may have come after the first read.
            result = read();
        }
        if let Err(Failure::Errno(Errno::Again)) = result {
            return self.wait_to_read(attempt, fd);
        }
        self.awaits_writer.store(false, Relaxed);
        result
    }

    /// Waits for something to read; at a terminal that is set to give up (VMIN 0), no longer than that does.
    #[cold]
    fn wait_to_read(&self, attempt: &Attempt, fd: &Arc<Entry>) -> Result<Size> {
        self.awaits_writer.store(false, Relaxed);
        let Some(patience) = self.is_terminal().then(|| sys::read_timeout(self.handle())).flatten() else {
            return Err(Wait::on(fd, Interest::Read, Attempt::default()));
        };
        let (started, now) = (attempt.started, sys::monotonic_now());
        let started = started.unwrap_or(now);
        let deadline = started.saturating_add(patience.as_nanos() as Timestamp);
        if now >= deadline {
            return Ok(0);
        }
        let attempt = Attempt { started: Some(started), ..Attempt::default() };
        Err(Wait::on_until(fd, Interest::Read, deadline, attempt))
    }

    /// Whether reading or writing may have to wait.
    #[must_use]
    pub fn may_wait(&self) -> bool {
        !matches!(self.kind, StreamKind::Ready(_))
    }
}

impl Wasi {
    /// Reads at the position: `readv`. Of more than [`MAX_IOVECS`](crate::preview1::abi::MAX_IOVECS) buffers this and all
    /// calls that take buffers say `INVAL`.
    pub fn fd_read(
        &self,
        memory: Memory,
        attempt: Attempt,
        fd: Arc<Entry>,
        Out(iovs): Out<List<Iovec>>,
    ) -> Result<Size> {
        fd.require(Rights::FD_READ)?;
        let transferred = Transferred(attempt.transferred as Size);
        match &fd.descriptor {
            Descriptor::File(file) => {
                let mut position = file.position();
                let read = vectored::at(memory, transferred, iovs, *position, |buffers, at| {
                    sys::preadv(file.handle(), buffers, at)
                })?;
                *position += read.moved;
                read.finish(&fd)
            }
            Descriptor::Stream(stream) if stream.may_wait() => stream.read(memory, &attempt, &fd, iovs),
            Descriptor::Stream(stream) => {
                let read = |buffers: &[sys::Buffer], _| sys::readv(stream.handle(), buffers);
                vectored::at(memory, transferred, iovs, 0, read)?.finish(&fd)
            }
            Descriptor::Pipe(pipe) => pipe.read(memory, &fd, iovs),
            Descriptor::Dir(_) => Err(Errno::Isdir.into()),
        }
    }

    /// Writes at the position, or at the end of a file opened for that: `writev`.
    pub fn fd_write(
        &self,
        memory: Memory,
        transferred: Transferred,
        fd: Arc<Entry>,
        iovs: List<Iovec>,
    ) -> Result<Size> {
        fd.require(Rights::FD_WRITE)?;
        match &fd.descriptor {
            Descriptor::File(file) => {
                let mut position = file.position();
                if fd.flags().contains(Fdflags::APPEND) {
                    let append = |buffers: &[sys::Buffer], _| {
                        self.limits.write(buffers, |buffers| sys::appendv(file.handle(), buffers))
                    };
                    let written = vectored::at(memory, transferred, iovs, 0, append)?;
                    *position = sys::seek(file.handle(), 0, Whence::Cur)?;
                    return written.finish(&fd);
                }
                let written = vectored::at(memory, transferred, iovs, *position, |buffers, at| {
                    self.limits.write(buffers, |buffers| sys::pwritev(file.handle(), buffers, at))
                })?;
                *position += written.moved;
                written.finish(&fd)
            }
            Descriptor::Stream(stream) => {
                let write = if stream.may_wait() { sys::writev_nowait } else { sys::writev };
                vectored::all(memory, transferred, &fd, Interest::Write, iovs, |buffers| {
                    self.limits.write(buffers, |buffers| write(stream.handle(), buffers))
                })
            }
            Descriptor::Pipe(pipe) => pipe.write(memory, &self.limits, transferred, &fd, iovs),
            Descriptor::Dir(_) => Err(Errno::Isdir.into()),
        }
    }

    /// Reads at `offset`, leaving the position alone: `preadv`.
    pub fn fd_pread(
        &self,
        memory: Memory,
        transferred: Transferred,
        fd: Arc<Entry>,
        Out(iovs): Out<List<Iovec>>,
        offset: Filesize,
    ) -> Result<Size> {
        fd.require(Rights::FD_READ | Rights::FD_SEEK)?;
        let handle = positioned(&fd, offset)?;
        let start = transferred.behind(offset);
        let read = |buffers: &[sys::Buffer], at| sys::preadv(handle, buffers, at);
        vectored::at(memory, transferred, iovs, start, read)?.finish(&fd)
    }

    /// Writes at `offset`, leaving the position alone: `pwritev`.
    pub fn fd_pwrite(
        &self,
        memory: Memory,
        transferred: Transferred,
        fd: Arc<Entry>,
        iovs: List<Iovec>,
        offset: Filesize,
    ) -> Result<Size> {
        fd.require(Rights::FD_WRITE | Rights::FD_SEEK)?;
        // A log that is lent to be appended to. Linux would append; other systems would overwrite.
        let is_log = matches!(&fd.descriptor, Descriptor::Stream(stream) if stream.is_stdio())
            && fd.flags().contains(Fdflags::APPEND);
        if is_log {
            return Err(Errno::Notcapable.into());
        }
        let handle = positioned(&fd, offset)?;
        let write = |buffers: &[sys::Buffer], at| {
            self.limits.write(buffers, |buffers| sys::pwritev(handle, buffers, at))
        };
        vectored::at(memory, transferred, iovs, transferred.behind(offset), write)?.finish(&fd)
    }
}

/// The handle to read or write at an offset: a position past 63 bits is `INVAL`.
fn positioned(fd: &Entry, offset: Filesize) -> Result<sys::Handle<'_>> {
    if offset > Filedelta::MAX.cast_unsigned() {
        return Err(Errno::Inval.into());
    }
    match &fd.descriptor {
        Descriptor::Dir(_) => Err(Errno::Isdir.into()),
        Descriptor::Pipe(_) => Err(Errno::Spipe.into()),
        other => Ok(other.handle()?),
    }
}
