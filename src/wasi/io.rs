//! Moving bytes between guest memory and files or streams: `fd_read`, `fd_write`, `fd_pread`, `fd_pwrite`.
//! The system reads and writes guest memory itself; nothing is copied on the way.

use super::Wasi;
use super::abi::Transferred;
use super::errno::{Errno, Result};
use super::memory::{List, Memory, Out};
use super::poll::{Interest, Wait};
use super::sys;
use super::table::{Descriptor, Entry};
use super::transfer;
use super::types::{Fdflags, Filedelta, Filesize, Filetype, Iovec, Rights, Size, Whence};
use std::mem::ManuallyDrop;
use std::net::TcpListener;
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
}

#[derive(Debug)]
enum StreamHandle {
    /// The guest's: closed with its entry.
    Guest(std::fs::File),
    /// The host's, lent to the guest: never closed here.
    Host(ManuallyDrop<std::fs::File>),
    /// A socket of the guest's, which not every system closes as it does a file.
    Socket(sys::Socket),
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
    /// What never makes a reader wait: devices like /dev/null, and the host's files and directories.
    Ready(Filetype),
}

impl Stream {
    /// A stream that the guest opened.
    pub fn guest(handle: std::fs::File) -> std::io::Result<Self> {
        let kind = sys::stream_kind(sys::handle(&handle))?;
        Ok(Self { handle: StreamHandle::Guest(handle), kind })
    }

    /// A stream of the host's that the guest may use. It stays the host's: it is not closed here.
    pub fn host(handle: ManuallyDrop<std::fs::File>) -> std::io::Result<Self> {
        let kind = sys::stream_kind(sys::handle(&*handle))?;
        Ok(Self { handle: StreamHandle::Host(handle), kind })
    }

    /// A socket that listens.
    #[must_use]
    pub fn listener(socket: TcpListener) -> Self {
        Self { handle: StreamHandle::Socket(socket.into()), kind: StreamKind::Listener }
    }

    /// A connection that the guest has accepted.
    pub fn connection(socket: sys::Socket) -> std::io::Result<Self> {
        let kind = sys::stream_kind(sys::socket_handle(&socket))?;
        Ok(Self { handle: StreamHandle::Socket(socket), kind })
    }

    /// The system's own handle.
    #[must_use]
    pub fn handle(&self) -> sys::Handle<'_> {
        match &self.handle {
            StreamHandle::Guest(handle) => sys::handle(handle),
            StreamHandle::Host(handle) => sys::handle(&**handle),
            StreamHandle::Socket(handle) => sys::socket_handle(handle),
        }
    }

    /// Kind of file.
    #[must_use]
    pub fn filetype(&self) -> Filetype {
        match self.kind {
            StreamKind::Pipe => Filetype::Unknown,
            StreamKind::Listener => Filetype::SocketStream,
            StreamKind::Terminal => Filetype::CharacterDevice,
            StreamKind::Socket(filetype) | StreamKind::Ready(filetype) => filetype,
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

    /// Whether the guest has opened a FIFO: as that did not wait for another end, reading does, instead of finding
    /// the end of a stream that has not begun.
    fn is_fifo(&self) -> bool {
        self.kind == StreamKind::Pipe && matches!(self.handle, StreamHandle::Guest(_))
    }

    /// Whether reading or writing may have to wait.
    #[must_use]
    pub fn may_wait(&self) -> bool {
        !matches!(self.kind, StreamKind::Ready(_))
    }
}

impl Wasi {
    /// Reads at the position: `readv`. Of more than [`MAX_IOVECS`](super::abi::MAX_IOVECS) buffers this and all
    /// calls that take buffers say `INVAL`.
    pub fn fd_read(&self, memory: Memory, fd: Arc<Entry>, Out(iovs): Out<List<Iovec>>) -> Result<Size> {
        fd.require(Rights::FD_READ)?;
        match &fd.descriptor {
            Descriptor::File(file) => {
                let mut position = file.position();
                let read = transfer::at(memory, iovs, *position, |buffers, at| {
                    sys::preadv(file.handle(), buffers, at)
                })?;
                *position += Filesize::from(read);
                Ok(read)
            }
            Descriptor::Stream(stream) => {
                if stream.is_fifo() && iovs.len > 0 {
                    Wait::unless_ready(&fd, Interest::Read)?;
                }
                let read = if stream.may_wait() { sys::readv_nowait } else { sys::readv };
                let read = transfer::once(memory, iovs, |buffers| read(stream.handle(), buffers));
                Wait::if_refused(read, &fd, Interest::Read)
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
                    let written = transfer::at(memory, iovs, 0, append)?;
                    *position = sys::seek(file.handle(), 0, Whence::Cur)?;
                    return Ok(written);
                }
                let written = transfer::at(memory, iovs, *position, |buffers, at| {
                    self.limits.write(buffers, |buffers| sys::pwritev(file.handle(), buffers, at))
                })?;
                *position += Filesize::from(written);
                Ok(written)
            }
            Descriptor::Stream(stream) => {
                let write = if stream.may_wait() { sys::writev_nowait } else { sys::writev };
                transfer::all(memory, transferred, &fd, Interest::Write, iovs, |buffers| {
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
        fd: Arc<Entry>,
        Out(iovs): Out<List<Iovec>>,
        offset: Filesize,
    ) -> Result<Size> {
        fd.require(Rights::FD_READ | Rights::FD_SEEK)?;
        let handle = positioned(&fd, offset)?;
        transfer::at(memory, iovs, offset, |buffers, at| sys::preadv(handle, buffers, at))
    }

    /// Writes at `offset`, leaving the position alone: `pwritev`.
    pub fn fd_pwrite(
        &self,
        memory: Memory,
        fd: Arc<Entry>,
        iovs: List<Iovec>,
        offset: Filesize,
    ) -> Result<Size> {
        fd.require(Rights::FD_WRITE | Rights::FD_SEEK)?;
        let handle = positioned(&fd, offset)?;
        transfer::at(memory, iovs, offset, |buffers, at| {
            self.limits.write(buffers, |buffers| sys::pwritev(handle, buffers, at))
        })
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
