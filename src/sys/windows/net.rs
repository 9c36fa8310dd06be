//! Sockets: TCP sockets of the option `sockets`, and connections accepted on them. On Windows no descriptor of Node
//! is a socket.

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

/// Borrows the handle of a socket.
pub fn socket_handle(socket: &Socket) -> Handle<'_> {
    let handle = ptr::without_provenance_mut::<()>(socket.as_raw_socket() as usize);
    // SAFETY: a socket is a kernel handle. It stays open while `socket` is borrowed.
    unsafe { BorrowedHandle::borrow_raw(handle as RawHandle) }
}

fn raw(handle: Handle<'_>) -> SOCKET {
    handle.as_raw_handle().addr()
}

/// Converts a handle to a socket type of `std`, without closing the handle on drop.
fn borrow_as<T: FromRawSocket>(handle: Handle<'_>) -> ManuallyDrop<T> {
    // SAFETY: `ManuallyDrop` never closes the socket, and callers use the value while the handle is borrowed. Calls
    // on a handle that is not a socket fail.
    ManuallyDrop::new(unsafe { T::from_raw_socket(raw(handle) as RawSocket) })
}

/// Converts the result of a socket call.
fn check(returned: i32) -> Result<()> {
    if returned == 0 { Ok(()) } else { Err(Error::last_os_error()) }
}

fn socket_option(handle: Handle<'_>, option: i32) -> Result<i32> {
    let (mut value, mut size) = (0_i32, size_of::<i32>() as i32);
    // SAFETY: `value` has room for `size` bytes, and the call writes at most `size` bytes.
    check(unsafe { getsockopt(raw(handle), SOL_SOCKET, option, (&raw mut value).cast(), &raw mut size) })?;
    Ok(value)
}

/// Returns whether a handle is a socket. `GetFileType` reports sockets as pipes.
pub fn is_socket(handle: Handle<'_>) -> bool {
    socket_option(handle, SO_TYPE).is_ok()
}

/// Returns whether a socket listens for connections: `SO_ACCEPTCONN`.
pub fn is_listening(handle: Handle<'_>) -> bool {
    socket_option(handle, SO_ACCEPTCONN).is_ok_and(|listens| listens != 0)
}

/// Fails with `ENOTSOCK`: no descriptor of the host is a socket on Windows.
pub fn host_listener(fd: i32) -> Result<TcpListener> {
    host_stream(fd)?;
    Err(Error::from_raw_os_error(WSAENOTSOCK))
}

/// Accepts a connection as a nonblocking socket: `accept`. `EAGAIN` if there is none.
pub fn accept(handle: Handle<'_>) -> Result<Socket> {
    let (connection, _) = borrow_as::<TcpListener>(handle).accept()?;
    connection.set_nonblocking(true)?;
    Ok(connection.into())
}

fn vector(buffers: &[Buffer]) -> SmallVec<[WSABUF; 8]> {
    let one =
        |buffer: &Buffer| WSABUF { len: u32::try_from(buffer.len).unwrap_or(u32::MAX), buf: buffer.address };
    buffers.iter().map(one).collect()
}

/// Receives without waiting: `WSARecv`. Returns the number of bytes, and false: a stream has no messages to truncate.
/// `EAGAIN` if nothing has arrived.
pub fn receive(handle: Handle<'_>, buffers: &[Buffer], flags: Riflags) -> Result<(usize, bool)> {
    let vector = vector(buffers);
    // WSARecv with only empty buffers would block.
    if vector.iter().all(|buffer| buffer.len == 0) {
        return Ok((0, false));
    }
    let mut flags = if flags.contains(Riflags::RECV_PEEK) { MSG_PEEK as u32 } else { 0 };
    let (buffers, len, mut received) = (vector.as_ptr(), vector.len() as u32, 0);
    // SAFETY: `Memory::address` checked each buffer. The guest memory outlives the call.
    match check(unsafe {
        WSARecv(raw(handle), buffers, len, &raw mut received, &raw mut flags, ptr::null_mut(), None)
    }) {
        // Other systems report the end after shutdown for reading.
        Err(error) if error.raw_os_error() == Some(WSAESHUTDOWN) => Ok((0, false)),
        result => result.map(|()| (received as usize, false)),
    }
}

/// Sends without waiting: `WSASend`. `EAGAIN` if there is no room.
pub fn send(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    let vector = vector(buffers);
    let (buffers, len, mut sent) = (vector.as_ptr(), vector.len() as u32, 0);
    // SAFETY: `Memory::address` checked each buffer. The guest memory outlives the call.
    check(unsafe { WSASend(raw(handle), buffers, len, &raw mut sent, 0, ptr::null_mut(), None) })?;
    Ok(sent as usize)
}

/// Shuts down a socket in one or both directions: `shutdown`. `ENOTSOCK` for other handles.
pub fn shutdown(handle: Handle<'_>, directions: Sdflags) -> Result<()> {
    if !is_socket(handle) {
        return Err(Error::from_raw_os_error(WSAENOTSOCK));
    }
    borrow_as::<TcpStream>(handle).shutdown(
        match (directions.contains(Sdflags::RD), directions.contains(Sdflags::WR)) {
            (true, true) => Shutdown::Both,
            (true, false) => Shutdown::Read,
            (false, _) => Shutdown::Write,
        },
    )
}

/// Returns the number of bytes that can be read now: `FIONREAD`. 0 if the system does not know.
pub fn readable_bytes(handle: Handle<'_>) -> Filesize {
    let mut bytes = 0;
    // SAFETY: the call writes a u32, to `bytes`.
    let result = check(unsafe { ioctlsocket(raw(handle), FIONREAD, &raw mut bytes) });
    result.map_or(0, |()| Filesize::from(bytes))
}

/// Returns whether a socket is ready now: `WSAPoll`.
pub fn ready(handle: Handle<'_>, interest: Interest) -> Readiness {
    let events = match interest {
        Interest::Read => POLLRDNORM,
        Interest::Write => POLLWRNORM,
    };
    let mut poll = WSAPOLLFD { fd: raw(handle), events, revents: 0 };
    // SAFETY: `poll` is one structure, as the count says.
    let result = unsafe { WSAPoll(&raw mut poll, 1, 0) };
    // After an error the socket counts as ready: the following call reports the error.
    Readiness { ready: result != 0, hangup: poll.revents & POLLHUP != 0 }
}
