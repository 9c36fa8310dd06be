//! Sockets: TCP ones, which the guest was given or has accepted. No descriptor of Node's can be one on Windows.

use crate::sys::types::{Filesize, Interest, Readiness, Riflags, Sdflags};
use crate::sys::windows::buffer::Buffer;
use crate::sys::windows::handle::Handle;
use crate::sys::windows::host::host_stream;
use smallvec::SmallVec;
use std::io::{Error, Result};
use std::mem::ManuallyDrop;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::windows::io::{
    AsRawHandle, AsRawSocket, BorrowedHandle, FromRawSocket, OwnedSocket, RawHandle, RawSocket,
};
use std::ptr;
use windows_sys::Win32::Networking::WinSock::{
    FIONREAD, MSG_PEEK, POLLHUP, POLLRDNORM, POLLWRNORM, SO_ACCEPTCONN, SO_TYPE, SOCKET, SOL_SOCKET, WSABUF,
    WSAENOTSOCK, WSAESHUTDOWN, WSAPOLLFD, WSAPoll, WSARecv, WSASend, getsockopt, ioctlsocket,
};

/// A socket.
pub type Socket = OwnedSocket;

/// The handle of a socket.
pub fn socket_handle(socket: &Socket) -> Handle<'_> {
    let handle = ptr::without_provenance_mut::<()>(socket.as_raw_socket() as usize);
    // SAFETY: sockets are handles of the kernel's, and this one is open as long as the socket is borrowed. Nobody
    // closes what is borrowed.
    unsafe { BorrowedHandle::borrow_raw(handle as RawHandle) }
}

fn raw(handle: Handle<'_>) -> SOCKET {
    handle.as_raw_handle().addr()
}

/// What a socket is to the standard library, which is not to close it.
fn lent<T: FromRawSocket>(handle: Handle<'_>) -> ManuallyDrop<T> {
    // SAFETY: it is never closed here, and used while it is borrowed only. What is no socket, the system refuses.
    ManuallyDrop::new(unsafe { T::from_raw_socket(raw(handle) as RawSocket) })
}

/// What a call of the system's returned: whether it worked.
fn check(returned: i32) -> Result<()> {
    if returned == 0 { Ok(()) } else { Err(Error::last_os_error()) }
}

fn option(handle: Handle<'_>, option: i32) -> Result<i32> {
    let (mut value, mut size) = (0_i32, size_of::<i32>() as i32);
    // SAFETY: these options are of four bytes, written to as many.
    check(unsafe { getsockopt(raw(handle), SOL_SOCKET, option, (&raw mut value).cast(), &raw mut size) })?;
    Ok(value)
}

/// Whether something open is a socket, which the system calls a pipe.
pub fn is_socket(handle: Handle<'_>) -> bool {
    option(handle, SO_TYPE).is_ok()
}

/// Whether a socket listens for connections.
pub fn is_listening(handle: Handle<'_>) -> bool {
    option(handle, SO_ACCEPTCONN).is_ok_and(|listens| listens != 0)
}

/// A socket of the host's that listens: none can be had.
pub fn host_listener(fd: i32) -> Result<TcpListener> {
    host_stream(fd)?;
    Err(Error::from_raw_os_error(WSAENOTSOCK))
}

/// Accepts a connection, `AGAIN` if there is none.
pub fn accept(handle: Handle<'_>) -> Result<Socket> {
    let (connection, _) = lent::<TcpListener>(handle).accept()?;
    connection.set_nonblocking(true)?;
    Ok(connection.into())
}

fn vector(buffers: &[Buffer]) -> SmallVec<[WSABUF; 8]> {
    let one =
        |buffer: &Buffer| WSABUF { len: u32::try_from(buffer.len).unwrap_or(u32::MAX), buf: buffer.address };
    buffers.iter().map(one).collect()
}

/// Receives what there is now, `AGAIN` if there is nothing: how many bytes. No message has more.
pub fn receive(handle: Handle<'_>, buffers: &[Buffer], flags: Riflags) -> Result<(usize, bool)> {
    let vector = vector(buffers);
    // Else it would wait for what it does not take.
    if vector.iter().all(|buffer| buffer.len == 0) {
        return Ok((0, false));
    }
    let mut flags = if flags.contains(Riflags::RECV_PEEK) { MSG_PEEK as u32 } else { 0 };
    let (buffers, len, mut received) = (vector.as_ptr(), vector.len() as u32, 0);
    // SAFETY: each buffer is memory of the guest, checked by `Memory::address`, that outlives the call.
    match check(unsafe {
        WSARecv(raw(handle), buffers, len, &raw mut received, &raw mut flags, ptr::null_mut(), None)
    }) {
        // What has been shut down for reading is at its end, on other systems.
        Err(error) if error.raw_os_error() == Some(WSAESHUTDOWN) => Ok((0, false)),
        result => result.map(|()| (received as usize, false)),
    }
}

/// Sends what there is room for now, `AGAIN` if there is none.
pub fn send(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    let vector = vector(buffers);
    let (buffers, len, mut sent) = (vector.as_ptr(), vector.len() as u32, 0);
    // SAFETY: each buffer is memory of the guest, checked by `Memory::address`, that outlives the call.
    check(unsafe { WSASend(raw(handle), buffers, len, &raw mut sent, 0, ptr::null_mut(), None) })?;
    Ok(sent as usize)
}

/// Shuts down a socket in one or both directions.
pub fn shutdown(handle: Handle<'_>, how: Sdflags) -> Result<()> {
    if !is_socket(handle) {
        return Err(Error::from_raw_os_error(WSAENOTSOCK));
    }
    lent::<TcpStream>(handle).shutdown(match (how.contains(Sdflags::RD), how.contains(Sdflags::WR)) {
        (true, true) => Shutdown::Both,
        (true, false) => Shutdown::Read,
        (false, _) => Shutdown::Write,
    })
}

/// Bytes that can be read now, 0 where the system cannot tell.
pub fn readable_bytes(handle: Handle<'_>) -> Filesize {
    let mut bytes = 0;
    // SAFETY: a place for the number of bytes.
    let told = check(unsafe { ioctlsocket(raw(handle), FIONREAD, &raw mut bytes) });
    told.map_or(0, |()| Filesize::from(bytes))
}

/// Whether a socket is ready.
pub fn ready(handle: Handle<'_>, interest: Interest) -> Readiness {
    let events = match interest {
        Interest::Read => POLLRDNORM,
        Interest::Write => POLLWRNORM,
    };
    let mut poll = WSAPOLLFD { fd: raw(handle), events, revents: 0 };
    // SAFETY: one such structure, and no time to wait.
    let answered = unsafe { WSAPoll(&raw mut poll, 1, 0) };
    // What cannot be asked is ready: reading says why.
    Readiness { ready: answered != 0, hangup: poll.revents & POLLHUP != 0 }
}
