//! Sockets.
#![expect(unsafe_code, reason = "sockets transfer guest memory; rustix lacks SO_ACCEPTCONN on macOS")]

use crate::sys::types::{Riflags, Sdflags};
use crate::sys::unix::buffer::Buffer;
use crate::sys::unix::handle::{Handle, handle};
use crate::sys::unix::host::host_stream;
use crate::sys::unix::transfer::count;
use std::io::Result;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// A socket.
pub type Socket = OwnedFd;

/// Borrows the descriptor of a socket.
pub fn socket_handle(socket: &Socket) -> Handle<'_> {
    socket.as_fd()
}

/// Duplicates a listening socket of the host: `dup`. `ENOTSOCK` for another file, `EINVAL` for a socket that does not
/// listen.
pub fn host_listener(fd: i32) -> Result<TcpListener> {
    let socket = handle(&*host_stream(fd)?).try_clone_to_owned()?;
    rustix::net::sockopt::socket_type(&socket)?;
    if is_listening(socket.as_fd()) { Ok(socket.into()) } else { Err(rustix::io::Errno::INVAL.into()) }
}

/// Returns whether a socket listens for connections: `SO_ACCEPTCONN`.
pub fn is_listening(handle: Handle<'_>) -> bool {
    let (mut listens, mut size): (libc::c_int, _) = (0, size_of::<libc::c_int>() as libc::socklen_t);
    // SAFETY: the kernel writes the option, an int, to `listens`, and its size to `size`.
    let returned = unsafe {
        let listens = (&raw mut listens).cast();
        libc::getsockopt(handle.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ACCEPTCONN, listens, &raw mut size)
    };
    returned == 0 && listens != 0
}

/// Accepts a connection as a nonblocking socket: `accept4`. `EAGAIN` if there is none.
pub fn accept(handle: Handle<'_>) -> Result<Socket> {
    #[cfg(target_os = "linux")]
    let socket = {
        let flags = rustix::net::SocketFlags::CLOEXEC | rustix::net::SocketFlags::NONBLOCK;
        rustix::net::accept_with(handle, flags)?
    };
    #[cfg(not(target_os = "linux"))]
    let socket = {
        let socket = rustix::net::accept(handle)?;
        rustix::io::ioctl_fioclex(&socket)?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        socket
    };
    Ok(socket)
}

/// Returns the header of a message with these buffers.
fn message(buffers: &[Buffer]) -> libc::msghdr {
    // SAFETY: a zeroed `msghdr` is valid: no name, no buffers, no control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = buffers.as_ptr().cast_mut().cast();
    message.msg_iovlen = buffers.len() as _;
    message
}

/// Receives without waiting: `recvmsg(MSG_DONTWAIT)`. Returns the number of bytes, and whether the message was longer
/// than the buffers. `EAGAIN` if nothing has arrived.
pub fn receive(handle: Handle<'_>, buffers: &[Buffer], flags: Riflags) -> Result<(usize, bool)> {
    let mut message = message(buffers);
    let peek = if flags.contains(Riflags::RECV_PEEK) { libc::MSG_PEEK } else { 0 };
    // SAFETY: the header refers to `buffers`. `Memory::address` checked each buffer; the guest memory outlives the
    // call.
    let received =
        count(unsafe { libc::recvmsg(handle.as_raw_fd(), &raw mut message, peek | libc::MSG_DONTWAIT) })?;
    Ok((received, message.msg_flags & libc::MSG_TRUNC != 0))
}

/// Sends without waiting: `sendmsg(MSG_DONTWAIT)`. `EAGAIN` if there is no room.
pub fn send(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    let message = message(buffers);
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the header refers to `buffers`. `Memory::address` checked each buffer; the guest memory outlives the
    // call.
    count(unsafe { libc::sendmsg(handle.as_raw_fd(), &raw const message, flags) })
}

/// Shuts down a socket in one or both directions: `shutdown`.
pub fn shutdown(handle: Handle<'_>, directions: Sdflags) -> Result<()> {
    let how = match (directions.contains(Sdflags::RD), directions.contains(Sdflags::WR)) {
        (true, true) => rustix::net::Shutdown::Both,
        (true, false) => rustix::net::Shutdown::Read,
        (false, _) => rustix::net::Shutdown::Write,
    };
    Ok(rustix::net::shutdown(handle, how)?)
}
