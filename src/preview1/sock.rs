//! `sock_*`: on a socket that the host handed to the guest, or that the guest accepted from one.

use crate::core::guest::Wasi;
use crate::core::memory::{List, Memory, Out};
use crate::core::stream::Stream;
use crate::core::table::{Descriptor, Entry};
use crate::preview1::abi::Transferred;
use crate::preview1::poll::{Interest, Wait};
use crate::preview1::types::{Fd, Fdflags, Filetype, Iovec, Riflags, Rights, Roflags, Sdflags, Size};
use crate::preview1::vectored;
use crate::sys;
use crate::sys::errno::{Errno, Result};
use std::sync::Arc;

impl Wasi {
    /// Accepts a connection: `accept4`. `NONBLOCK` in `flags` is for the new descriptor.
    pub fn sock_accept(&self, fd: Arc<Entry>, flags: Fdflags) -> Result<Fd> {
        let socket = socket(&fd, Rights::SOCK_ACCEPT)?;
        if socket.is_shut_down() {
            return Err(Errno::Inval.into());
        }
        // One that does not listen says so at once, and would be waited for in vain.
        if sys::is_listening(socket.handle()) {
            Wait::unless_ready(&fd, Interest::Read)?;
        }
        let number = self.reserve()?;
        let connection = sys::accept(socket.handle()).map_err(Into::into);
        let connection = Stream::connection(Wait::if_refused(connection, &fd, Interest::Read)?)?;
        let (rights, flags) = (Rights::ALL, flags & Fdflags::NONBLOCK);
        Ok(number.fill(Entry::new(Descriptor::Stream(connection), rights, Rights::empty(), flags)))
    }

    /// Receives a message: `recvmsg`. How many bytes, and whether the message had more.
    pub fn sock_recv(
        &self,
        memory: Memory,
        transferred: Transferred,
        fd: Arc<Entry>,
        Out(ri_data): Out<List<Iovec>>,
        ri_flags: Riflags,
    ) -> Result<(Size, Roflags)> {
        let socket = socket(&fd, Rights::FD_READ)?;
        let mut truncated = false;
        let receive = |buffers: &[sys::Buffer]| {
            let (bytes, more) = sys::receive(socket.handle(), buffers, ri_flags)?;
            truncated = more;
            Ok(bytes)
        };
        let whole = ri_flags.contains(Riflags::RECV_WAITALL) && !ri_flags.contains(Riflags::RECV_PEEK);
        let received = if whole && socket.filetype() == Filetype::SocketStream {
            vectored::all(memory, transferred, &fd, Interest::Read, ri_data, receive)?
        } else {
            Wait::if_refused(vectored::once(memory, ri_data, receive), &fd, Interest::Read)?
        };
        Ok((received, if truncated { Roflags::RECV_DATA_TRUNCATED } else { Roflags::empty() }))
    }

    /// Sends a message: `sendmsg`. No flags are defined: any is `EINVAL`.
    pub fn sock_send(
        &self,
        memory: Memory,
        transferred: Transferred,
        fd: Arc<Entry>,
        si_data: List<Iovec>,
        si_flags: u32,
    ) -> Result<Size> {
        if si_flags != 0 {
            return Err(Errno::Inval.into());
        }
        let socket = socket(&fd, Rights::FD_WRITE)?;
        vectored::all(memory, transferred, &fd, Interest::Write, si_data, |buffers| {
            self.limits.write(buffers, |buffers| sys::send(socket.handle(), buffers))
        })
    }

    /// Shuts down one or both directions: `shutdown`. Stdio is lent to be read and written, so it counts as no socket.
    pub fn sock_shutdown(&self, fd: Arc<Entry>, how: Sdflags) -> Result {
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

/// The socket that a descriptor is, `NOTSOCK` if it is none.
fn socket(fd: &Entry, rights: Rights) -> Result<&Stream> {
    match &fd.descriptor {
        Descriptor::Stream(stream) if stream.is_socket() => {
            fd.require(rights)?;
            Ok(stream)
        }
        _ => Err(Errno::Notsock.into()),
    }
}
