//! Moving bytes between guest memory and files or streams: `fd_read`, `fd_write`, `fd_pread`, `fd_pwrite`.
//! The system reads and writes guest memory itself; nothing is copied on the way.

use super::Wasi;
use super::abi::Attempt;
use super::errno::{Errno, Failure, Result};
use super::memory::{List, Memory};
use super::poll::{Interest, Wait};
use super::sys;
use super::table::{Descriptor, Entry};
use super::types::{Fdflags, Filedelta, Filesize, Filetype, Iovec, Rights, Size, Whence};
use std::io::ErrorKind;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A regular file that the guest opened. The position is kept here and not by the system, since nobody else
/// shares it: moving or asking for it costs no system call.
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

    /// Bytes from the position to the end.
    pub fn remaining(&self) -> Result<Filesize> {
        Ok(self.size()?.saturating_sub(*self.position()))
    }

    /// Makes writes go to the end of the file, or to the position.
    pub fn set_append(&self, append: bool) -> std::io::Result<()> {
        sys::set_append(self.handle(), append)
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
}

/// What a stream is, as far as it matters to reading and writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// A pipe or FIFO.
    Pipe,
    /// A socket, `SocketStream` or `SocketDgram`.
    Socket(Filetype),
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

    /// The system's own handle.
    #[must_use]
    pub fn handle(&self) -> sys::Handle<'_> {
        match &self.handle {
            StreamHandle::Guest(handle) => sys::handle(handle),
            StreamHandle::Host(handle) => sys::handle(&**handle),
        }
    }

    /// Kind of file.
    #[must_use]
    pub fn filetype(&self) -> Filetype {
        match self.kind {
            StreamKind::Pipe => Filetype::Unknown,
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
        matches!(self.kind, StreamKind::Socket(_))
    }

    /// Whether reading or writing may have to wait.
    #[must_use]
    pub fn may_wait(&self) -> bool {
        !matches!(self.kind, StreamKind::Ready(_))
    }
}

impl Wasi {
    /// Reads at the position: `readv`.
    pub fn fd_read(&self, memory: Memory, fd: Arc<Entry>, iovs: List<Iovec>) -> Result<Size> {
        fd.require(Rights::FD_READ)?;
        match &fd.descriptor {
            Descriptor::File(file) => {
                let mut position = file.position();
                let read = transfer_at(memory, iovs, *position, |buffers, at| {
                    sys::preadv(file.handle(), buffers, at)
                })?;
                *position += Filesize::from(read);
                Ok(read)
            }
            Descriptor::Stream(stream) => {
                if stream.may_wait() && iovs.len > 0 {
                    Wait::unless_ready(&fd, Interest::Read)?;
                }
                let read = transfer(memory, iovs, |buffers| sys::readv(stream.handle(), buffers));
                Wait::if_refused(read, &fd, Interest::Read)
            }
            Descriptor::Dir(_) => Err(Errno::Isdir.into()),
        }
    }

    /// Writes at the position, or at the end of a file opened for that: `writev`.
    pub fn fd_write(
        &self,
        memory: Memory,
        attempt: Attempt,
        fd: Arc<Entry>,
        iovs: List<Iovec>,
    ) -> Result<Size> {
        fd.require(Rights::FD_WRITE)?;
        match &fd.descriptor {
            Descriptor::File(file) => {
                let mut position = file.position();
                if fd.flags().contains(Fdflags::APPEND) {
                    let written = transfer(memory, iovs, |buffers| sys::appendv(file.handle(), buffers))?;
                    *position = sys::seek(file.handle(), 0, Whence::Cur)?;
                    return Ok(written);
                }
                let written = transfer_at(memory, iovs, *position, |buffers, at| {
                    sys::pwritev(file.handle(), buffers, at)
                })?;
                *position += Filesize::from(written);
                Ok(written)
            }
            Descriptor::Stream(stream) => {
                let write = if stream.may_wait() { sys::writev_nowait } else { sys::writev };
                let write = |buffers: &[sys::Buffer]| write(stream.handle(), buffers);
                transfer_all(memory, attempt, &fd, Interest::Write, iovs, write)
            }
            Descriptor::Dir(_) => Err(Errno::Isdir.into()),
        }
    }

    /// Reads at `offset`, leaving the position alone: `preadv`.
    pub fn fd_pread(
        &self,
        memory: Memory,
        fd: Arc<Entry>,
        iovs: List<Iovec>,
        offset: Filesize,
    ) -> Result<Size> {
        fd.require(Rights::FD_READ | Rights::FD_SEEK)?;
        let handle = positioned(&fd, offset)?;
        transfer_at(memory, iovs, offset, |buffers, at| sys::preadv(handle, buffers, at))
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
        transfer_at(memory, iovs, offset, |buffers, at| sys::pwritev(handle, buffers, at))
    }
}

/// Transfers as [`transfer`] does, waiting until all is done; or what can be done at once, if the guest asked
/// for `NONBLOCK`.
pub(super) fn transfer_all(
    memory: Memory,
    attempt: Attempt,
    fd: &Arc<Entry>,
    interest: Interest,
    iovs: List<Iovec>,
    mut io: impl FnMut(&[sys::Buffer]) -> std::io::Result<usize>,
) -> Result<Size> {
    let mut transferred = attempt.transferred;
    loop {
        match transfer_after(memory, iovs, transferred, |buffers, _| io(buffers)) {
            Ok(moved) => {
                transferred += moved.bytes;
                if moved.all || moved.bytes == 0 || transferred as usize >= MAX_BYTES {
                    return Ok(transferred);
                }
            }
            Err(Failure::Errno(Errno::Again)) if !fd.flags().contains(Fdflags::NONBLOCK) => {
                return Err(Wait::on(fd, interest, Attempt { transferred, ..attempt }));
            }
            Err(_) if transferred > 0 => return Ok(transferred),
            Err(failure) => return Err(failure),
        }
    }
}

/// The handle to read or write at an offset: a position past 63 bits is `INVAL`.
fn positioned(fd: &Entry, offset: Filesize) -> Result<sys::Handle<'_>> {
    if offset > Filedelta::MAX.cast_unsigned() {
        return Err(Errno::Inval.into());
    }
    match &fd.descriptor {
        Descriptor::Dir(_) => Err(Errno::Isdir.into()),
        other => Ok(other.handle()),
    }
}

/// Bytes after which a transfer stops, as in the system calls themselves; so two together fit in 32 bits.
const MAX_BYTES: usize = 0x7fff_f000;

/// What a transfer did.
pub(super) struct Moved {
    /// Bytes moved.
    pub bytes: Size,
    /// Whether those are all it was asked for.
    all: bool,
}

/// Calls `io` with the buffers in guest memory, as often as it takes, until it does less than it was asked.
pub(super) fn transfer(
    memory: Memory,
    iovs: List<Iovec>,
    mut io: impl FnMut(&[sys::Buffer]) -> std::io::Result<usize>,
) -> Result<Size> {
    Ok(transfer_after(memory, iovs, 0, |buffers, _| io(buffers))?.bytes)
}

/// As `transfer`, from the position `start` in a file on.
fn transfer_at(
    memory: Memory,
    iovs: List<Iovec>,
    start: Filesize,
    mut io: impl FnMut(&[sys::Buffer], Filesize) -> std::io::Result<usize>,
) -> Result<Size> {
    let io = |buffers: &[sys::Buffer], done| io(buffers, start.saturating_add(done));
    Ok(transfer_after(memory, iovs, 0, io)?.bytes)
}

/// As `transfer`, passing over the first `skip` bytes of the buffers, and telling `io` how many bytes are done.
fn transfer_after(
    memory: Memory,
    iovs: List<Iovec>,
    skip: Size,
    mut io: impl FnMut(&[sys::Buffer], Filesize) -> std::io::Result<usize>,
) -> Result<Moved> {
    let mut skip = skip as usize;
    let mut done = 0;
    let mut index = 0;
    while index < iovs.len {
        let mut buffers = sys::Buffers::new();
        let mut asked = 0;
        while index < iovs.len && !buffers.is_full() {
            let iov: Iovec = memory.load_at(iovs, index)?;
            let (address, len) = (memory.address(iov)?, iov.buf_len as usize);
            let skipped = skip.min(len);
            skip -= skipped;
            buffers.push(sys::Buffer::new(address.wrapping_add(skipped), len - skipped));
            asked += len - skipped;
            index += 1;
        }
        let moved = loop {
            match io(buffers.as_slice(), done as Filesize) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        match moved {
            Ok(moved) => {
                done += moved;
                if moved < asked || done >= MAX_BYTES {
                    return Ok(Moved { bytes: done as Size, all: false });
                }
            }
            Err(_) if done > 0 => return Ok(Moved { bytes: done as Size, all: false }),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Moved { bytes: done as Size, all: true })
}
