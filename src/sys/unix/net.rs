//! Sockets.
#![expect(
    unsafe_code,
    reason = "guest memory is received into and sent from; rustix lacks SO_ACCEPTCONN on macOS"
)]

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

/// The handle of a socket.
pub fn socket_handle(socket: &Socket) -> Handle<'_> {
    socket.as_fd()
}

/// A socket of the host's that listens, with a descriptor of its own. What is no socket is `NOTSOCK`, and what does
/// not listen `INVAL`.
pub fn host_listener(fd: i32) -> Result<TcpListener> {
    let socket = handle(&*host_stream(fd)?).try_clone_to_owned()?;
    rustix::net::sockopt::socket_type(&socket)?;
    if is_listening(socket.as_fd()) { Ok(socket.into()) } else { Err(rustix::io::Errno::INVAL.into()) }
}

/// Whether a socket listens for connections.
pub fn is_listening(handle: Handle<'_>) -> bool {
    let (mut listens, mut size): (libc::c_int, _) = (0, size_of::<libc::c_int>() as libc::socklen_t);
    // SAFETY: the option is an int, written to one.
    let returned = unsafe {
        let listens = (&raw mut listens).cast();
        libc::getsockopt(handle.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ACCEPTCONN, listens, &raw mut size)
    };
    returned == 0 && listens != 0
}

/// Accepts a connection, `AGAIN` if there is none.
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

/// A message header for these buffers.
fn message(buffers: &[Buffer]) -> libc::msghdr {
    // SAFETY: a msghdr of zeros is valid: no name, no buffers, no control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = buffers.as_ptr().cast_mut().cast();
    message.msg_iovlen = buffers.len() as _;
    message
}

/// Receives a message if there is one, `AGAIN` if there is none: how many bytes, and whether it had more.
pub fn receive(handle: Handle<'_>, buffers: &[Buffer], flags: Riflags) -> Result<(usize, bool)> {
    let mut message = message(buffers);
    let peek = if flags.contains(Riflags::RECV_PEEK) { libc::MSG_PEEK } else { 0 };
    // SAFETY: the header points at buffers in guest memory, checked by `Memory::address`, that outlive the call.
    let received =
        count(unsafe { libc::recvmsg(handle.as_raw_fd(), &raw mut message, peek | libc::MSG_DONTWAIT) })?;
    Ok((received, message.msg_flags & libc::MSG_TRUNC != 0))
}

/// Sends what there is room for now, `AGAIN` if there is none.
pub fn send(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    let message = message(buffers);
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the header points at buffers in guest memory, checked by `Memory::address`, that outlive the call.
    count(unsafe { libc::sendmsg(handle.as_raw_fd(), &raw const message, flags) })
}

/// Shuts down a socket in one or both directions.
pub fn shutdown(handle: Handle<'_>, how: Sdflags) -> Result<()> {
    let how = match (how.contains(Sdflags::RD), how.contains(Sdflags::WR)) {
        (true, true) => rustix::net::Shutdown::Both,
        (true, false) => rustix::net::Shutdown::Read,
        (false, _) => rustix::net::Shutdown::Write,
    };
    Ok(rustix::net::shutdown(handle, how)?)
}
