//! `sock_*`, for sockets of the option `sockets`, and for connections that the guest accepted.

use crate::core::entry::{Descriptor, Entry};
use crate::core::guest::Guest;
use crate::core::memory::{Iovec, List, Memory, Size};
use crate::core::outcome::{HostResult, Outcome};
use crate::core::restart::RestartState;
use crate::core::rights::Rights;
use crate::core::stream::Stream;
use crate::core::table::{Fd, OpenEntry};
use crate::preview1::abi::Out;
use crate::preview1::types::Roflags;
use crate::preview1::vectored::{read_write_once, until_done};
use crate::sys;
use crate::sys::buffers::Buffer;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Fdflags, Filetype, Interest, Riflags, Sdflags};

impl Guest {
    /// Accepts a connection: `accept4`. `NONBLOCK` in `flags` applies to the new descriptor.
    pub(crate) fn sock_accept(&self, fd: OpenEntry<'_>, flags: Fdflags) -> HostResult<Fd> {
        let socket = socket(&fd, Rights::SOCK_ACCEPT)?;
        if socket.is_shut_down() {
            return Err(Errno::Inval.into());
        }
        // A socket that does not listen never becomes ready; `accept` reports its error.
        if sys::is_listening(socket.handle()) {
            Outcome::wait_unless_ready(&fd, Interest::Read)?;
        }
        let reservation = self.reserve()?;
        let connection = sys::accept(socket.handle()).map_err(Into::into);
        let connection = Outcome::wait_on_would_block(connection, &fd, Interest::Read)?;
        let connection = Descriptor::Stream(Stream::connection(connection)?);
        Ok(reservation.fill(Entry::new(connection, Rights::ALL, Rights::empty(), flags & Fdflags::NONBLOCK)))
    }

    /// Receives a message: `recvmsg`. Returns the number of bytes, and whether the message was longer than the
    /// buffers.
    pub(crate) fn sock_recv(
        &self,
        memory: Memory,
        restart: &RestartState,
        fd: OpenEntry<'_>,
        Out(ri_data): Out<List<Iovec>>,
        ri_flags: Riflags,
    ) -> HostResult<(Size, Roflags)> {
        let socket = socket(&fd, Rights::FD_READ)?;
        let mut truncated = false;
        let receive = |buffers: &[Buffer]| {
            let (bytes, more) = sys::receive(socket.handle(), buffers, ri_flags)?;
            truncated = more;
            Ok(bytes)
        };
        let waits_for_all =
            ri_flags.contains(Riflags::RECV_WAITALL) && !ri_flags.contains(Riflags::RECV_PEEK);
        let received = if waits_for_all && socket.filetype() == Filetype::SocketStream {
            until_done(memory, restart, &fd, Interest::Read, ri_data, receive)?
        } else {
            let received = read_write_once(memory, ri_data, receive);
            Outcome::wait_on_would_block(received, &fd, Interest::Read)?
        };
        Ok((received, if truncated { Roflags::RECV_DATA_TRUNCATED } else { Roflags::empty() }))
    }

    /// Sends a message: `sendmsg`. The witx defines no flags: any flag is `EINVAL`.
    pub(crate) fn sock_send(
        &self,
        memory: Memory,
        restart: &RestartState,
        fd: OpenEntry<'_>,
        si_data: List<Iovec>,
        si_flags: u32,
    ) -> HostResult<Size> {
        if si_flags != 0 {
            return Err(Errno::Inval.into());
        }
        let socket = socket(&fd, Rights::FD_WRITE)?;
        until_done(memory, restart, &fd, Interest::Write, si_data, |buffers| {
            self.limits.write(buffers, |buffers| Ok(sys::send(socket.handle(), buffers)?))
        })
    }

    /// Shuts down one or both directions: `shutdown`. Stdio is `ENOTSOCK`: the guest may only read and write there.
    pub(crate) fn sock_shutdown(&self, fd: OpenEntry<'_>, how: Sdflags) -> HostResult {
        if matches!(&fd.descriptor, Descriptor::Stream(stream) if stream.is_stdio()) {
            return Err(Errno::Notsock.into());
        }
        let socket = socket(&fd, Rights::SOCK_SHUTDOWN)?;
        if how.is_empty() {
            return Err(Errno::Inval.into());
        }
        Ok(socket.shutdown(how)?)
    }
}

/// Returns the socket of a descriptor with these rights. `ENOTSOCK` for other files.
fn socket(fd: &Entry, rights: Rights) -> Result<&Stream> {
    match &fd.descriptor {
        Descriptor::Stream(stream) if stream.is_socket() => {
            fd.require(rights)?;
            Ok(stream)
        }
        _ => Err(Errno::Notsock),
    }
}
