//! `fd_read`, `fd_write`, `fd_pread`, `fd_pwrite`. The system accesses guest memory directly, without copies.

use crate::core::clock::Clocks;
use crate::core::entry::{Descriptor, Entry};
use crate::core::file::File;
use crate::core::guest::Guest;
use crate::core::memory::{Iovec, List, Memory, Size};
use crate::core::outcome::{HostCall, HostResult, Outcome, OutputWrite};
use crate::core::pipe::{CallbackSlot, Input, MAX_TRANSFER, Output, Pipe, gather};
use crate::core::restart::{RestartState, Saved};
use crate::core::rights::Rights;
use crate::core::stream::Stream;
use crate::core::table::OpenEntry;
use crate::preview1::abi::Out;
use crate::preview1::vectored::{at_offset, read_write_once, until_done};
use crate::sys;
use crate::sys::buffers::Buffer;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Fdflags, Filedelta, Filesize, Interest, Timestamp};
use std::sync::Arc;

impl Guest {
    /// Reads at the position: `readv`. All vectored calls fail with `EINVAL` for more than
    /// [`MAX_IOVECS`](crate::preview1::abi::MAX_IOVECS) buffers.
    pub(crate) fn fd_read(
        &self,
        memory: Memory,
        restart: &RestartState,
        fd: OpenEntry<'_>,
        Out(iovs): Out<List<Iovec>>,
    ) -> HostResult<Size> {
        fd.require(Rights::FD_READ)?;
        match &fd.descriptor {
            Descriptor::File(file) => {
                let mut position = file.position();
                let read = |buffers: &[Buffer], at| file.data().read_at(buffers, at);
                let read = at_offset(memory, restart, iovs, *position, read)?;
                *position += read.moved;
                read.finish(&fd)
            }
            Descriptor::Stream(stream) if stream.may_wait() => {
                read_stream(memory, restart, &fd, stream, iovs)
            }
            Descriptor::Stream(stream) => {
                let read = |buffers: &[Buffer], _| stream.read_now(buffers);
                at_offset(memory, restart, iovs, 0, read)?.finish(&fd)
            }
            Descriptor::Pipe(Pipe::Input(input)) => read_input(memory, &fd, input, iovs),
            Descriptor::Pipe(Pipe::Output(_)) => Err(Errno::Badf.into()),
            Descriptor::Dir(_) => Err(Errno::Isdir.into()),
        }
    }

    /// Writes at the position, or at the end of a file in append mode: `writev`.
    pub(crate) fn fd_write(
        &self,
        memory: Memory,
        restart: &RestartState,
        fd: OpenEntry<'_>,
        iovs: List<Iovec>,
    ) -> HostResult<Size> {
        fd.require(Rights::FD_WRITE)?;
        match &fd.descriptor {
            Descriptor::File(file) => self.write_file(memory, restart, &fd, file, iovs),
            Descriptor::Stream(stream) => {
                until_done(memory, restart, &fd, Interest::Write, iovs, |buffers| {
                    self.limits.write(buffers, |buffers| stream.write_now(buffers))
                })
            }
            Descriptor::Pipe(Pipe::Output(Output::Capture(buffer))) => {
                Ok(buffer.write(memory, &self.limits, iovs)?)
            }
            Descriptor::Pipe(Pipe::Output(Output::Callback(slot))) => {
                self.write_to_callback(memory, restart, &fd, *slot, iovs)
            }
            Descriptor::Pipe(Pipe::Input(_)) => Err(Errno::Badf.into()),
            Descriptor::Dir(_) => Err(Errno::Isdir.into()),
        }
    }

    fn write_file(
        &self,
        memory: Memory,
        restart: &RestartState,
        fd: &Arc<Entry>,
        file: &File,
        iovs: List<Iovec>,
    ) -> HostResult<Size> {
        let mut position = file.position();
        let data = file.data();
        if fd.flags().contains(Fdflags::APPEND) {
            let append = |buffers: &[Buffer], _| {
                self.limits.write(buffers, |buffers| data.append(buffers, &self.clocks))
            };
            let written = at_offset(memory, restart, iovs, 0, append)?;
            // Without a byte, the position stays.
            if written.moved > 0 {
                *position = data.append_end()?;
            }
            return written.finish(fd);
        }
        let write = |buffers: &[Buffer], at| {
            self.limits.write(buffers, |buffers| data.write_at(buffers, at, &self.clocks))
        };
        let written = at_offset(memory, restart, iovs, *position, write)?;
        *position += written.moved;
        written.finish(fd)
    }

    /// Passes a copy of the buffers to a callback of the embedder. The restarted call returns the number of bytes
    /// that the callback accepted.
    fn write_to_callback(
        &self,
        memory: Memory,
        restart: &RestartState,
        fd: &Arc<Entry>,
        slot: CallbackSlot,
        iovs: List<Iovec>,
    ) -> HostResult<Size> {
        if restart.bytes_done > 0 {
            return Ok(restart.bytes_done as Size);
        }
        let mut bytes = Vec::new();
        let grant = self.limits.charge_pipe(memory.total_size(iovs)?.min(MAX_TRANSFER))?;
        if gather(memory, iovs, grant.size(), &mut bytes)? == 0 {
            return Ok(0);
        }
        let write = OutputWrite { slot, bytes, fd: Arc::clone(fd), grant };
        Err(Outcome::HostCall(Box::new(HostCall::WriteOutput(write))))
    }

    /// Reads at `offset` and leaves the position unchanged: `preadv`.
    pub(crate) fn fd_pread(
        &self,
        memory: Memory,
        restart: &RestartState,
        fd: OpenEntry<'_>,
        Out(iovs): Out<List<Iovec>>,
        offset: Filesize,
    ) -> HostResult<Size> {
        fd.require(Rights::FD_READ | Rights::FD_SEEK)?;
        let seekable = Seekable::new(&fd, offset)?;
        let start = offset.saturating_add(restart.bytes_done);
        let read = |buffers: &[Buffer], at| seekable.read_at(buffers, at);
        at_offset(memory, restart, iovs, start, read)?.finish(&fd)
    }

    /// Writes at `offset` and leaves the position unchanged: `pwritev`.
    pub(crate) fn fd_pwrite(
        &self,
        memory: Memory,
        restart: &RestartState,
        fd: OpenEntry<'_>,
        iovs: List<Iovec>,
        offset: Filesize,
    ) -> HostResult<Size> {
        fd.require(Rights::FD_WRITE | Rights::FD_SEEK)?;
        // A log file of the host in append mode. Linux would append, other systems would overwrite.
        let is_log = matches!(&fd.descriptor, Descriptor::Stream(stream) if stream.is_stdio())
            && fd.flags().contains(Fdflags::APPEND);
        if is_log {
            return Err(Errno::Notcapable.into());
        }
        let seekable = Seekable::new(&fd, offset)?;
        let start = offset.saturating_add(restart.bytes_done);
        let write = |buffers: &[Buffer], at| {
            self.limits.write(buffers, |buffers| seekable.write_at(buffers, at, &self.clocks))
        };
        at_offset(memory, restart, iovs, start, write)?.finish(&fd)
    }
}

/// Reads available bytes. Only the result of `read` distinguishes the end from a lack of bytes; `poll` only decides
/// when to restart.
fn read_stream(
    memory: Memory,
    restart: &RestartState,
    fd: &Arc<Entry>,
    stream: &Stream,
    iovs: List<Iovec>,
) -> HostResult<Size> {
    let read = || read_write_once(memory, iovs, |buffers| stream.read_now(buffers));
    let mut result = read();
    let awaits_writer = matches!(result, Ok(0))
        && stream.awaits_writer()
        && !fd.is_nonblocking()
        && memory.total_size(iovs)? > 0;
    if awaits_writer {
        // No writer has opened the FIFO yet.
        Outcome::wait_unless_ready(fd, Interest::Read)?;
        // A writer may have opened the FIFO after the first read.
        result = read();
    }
    if let Err(Outcome::Errno(Errno::Again)) = result {
        return wait_to_read(restart, fd, stream);
    }
    stream.note_writer();
    result
}

/// Waits for input. A terminal with VMIN 0 waits no longer than its timeout.
#[cold]
fn wait_to_read(restart: &RestartState, fd: &Arc<Entry>, stream: &Stream) -> HostResult<Size> {
    stream.note_writer();
    let timeout = if stream.is_terminal() { sys::read_timeout(stream.handle()) } else { None };
    let Some(timeout) = timeout else {
        return Err(Outcome::wait_for(fd, Interest::Read, RestartState::NEW));
    };
    let now = sys::monotonic_now();
    let started = restart.started.unwrap_or(now);
    let deadline = started.saturating_add(timeout.as_nanos() as Timestamp);
    if now >= deadline {
        return Ok(0);
    }
    let restart = Saved { started: Some(started), ..Saved::default() }.into();
    Err(Outcome::wait_until(fd, Interest::Read, Some(deadline), restart))
}

/// Reads from a pipe of the embedder.
fn read_input(memory: Memory, fd: &Arc<Entry>, input: &Input, iovs: List<Iovec>) -> HostResult<Size> {
    if let Some(done) = input.read(memory, iovs)? {
        return Ok(done);
    }
    let size = memory.total_size(iovs)?.min(MAX_TRANSFER) as Size;
    Err(Outcome::HostCall(Box::new(HostCall::ReadStdin { fd: Arc::clone(fd), size })))
}

/// A file or stream that is read or written at an offset.
enum Seekable<'a> {
    File(&'a File),
    Stream(&'a Stream),
}

impl<'a> Seekable<'a> {
    /// Returns the file or stream; `EINVAL` for an offset beyond 63 bits.
    fn new(fd: &'a Entry, offset: Filesize) -> Result<Self> {
        if offset > Filedelta::MAX.cast_unsigned() {
            return Err(Errno::Inval);
        }
        match &fd.descriptor {
            Descriptor::Dir(_) => Err(Errno::Isdir),
            Descriptor::Pipe(_) => Err(Errno::Spipe),
            Descriptor::File(file) => Ok(Seekable::File(file)),
            Descriptor::Stream(stream) => Ok(Seekable::Stream(stream)),
        }
    }

    fn read_at(&self, buffers: &[Buffer], offset: Filesize) -> Result<usize> {
        match self {
            Seekable::File(file) => file.data().read_at(buffers, offset),
            Seekable::Stream(stream) => Ok(sys::preadv(stream.handle(), buffers, offset)?),
        }
    }

    fn write_at(&self, buffers: &[Buffer], offset: Filesize, clocks: &Clocks) -> Result<usize> {
        match self {
            Seekable::File(file) => file.data().write_at(buffers, offset, clocks),
            Seekable::Stream(stream) => Ok(sys::pwritev(stream.handle(), buffers, offset)?),
        }
    }
}
