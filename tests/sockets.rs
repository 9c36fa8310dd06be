//! Sockets of a guest: `sock_accept` and `sock_recv`, and the flag `NONBLOCK` of listeners.
#![cfg(unix)]

mod common;

use capwasi::core::guest::Guest;
use capwasi::core::restart::RestartState;
use capwasi::sys::errno::Errno;
use common::waiting::{TIMEOUT, connected, finish, guest_with_stdio};
use common::{NONBLOCK, OUT, TestGuest, Tree};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

#[test]
fn sock_accept_waits_for_a_connection_and_returns_the_lowest_number() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut guest = guest_with_stdio(&listener);
    let mut wait = guest.expect_wait("sock_accept", &[0, 0, OUT], RestartState::default());
    assert!(!wait.block(Duration::from_millis(5)).unwrap());
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert!(wait.block(TIMEOUT).unwrap());
    assert_eq!(finish(&mut guest, "sock_accept", &[0, 0, OUT], wait.restart), Ok(()));
    assert_eq!(guest.u32(OUT), 1);
    assert_eq!(guest.write(1, "hello"), 5);
    guest.must("fd_close", &[1]);
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
}

/// Creates a guest with a listening socket as descriptor 0. Also returns the address.
fn guest_with_listener() -> (TestGuest, SocketAddr) {
    let mut guest = Guest::default();
    guest.add_socket("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = guest.addresses[0];
    (TestGuest::new(guest), address)
}

/// Returns the flags of `fd_fdstat_get`.
fn flags(guest: &mut TestGuest, fd: u64) -> u64 {
    guest.must("fd_fdstat_get", &[fd, OUT]);
    guest.u16(OUT + 2).into()
}

const ACCEPT: &[u64] = &[0, 0, OUT];

#[test]
fn sock_accept_waits_if_the_flags_were_never_read() {
    let (mut guest, address) = guest_with_listener();
    let mut wait = guest.expect_wait("sock_accept", ACCEPT, RestartState::default());
    let _client = TcpStream::connect(address).unwrap();
    assert!(wait.block(TIMEOUT).unwrap());
    assert_eq!(finish(&mut guest, "sock_accept", ACCEPT, wait.restart), Ok(()));
    // The next call also waits.
    guest.expect_wait("sock_accept", ACCEPT, RestartState::default());
}

#[test]
fn sock_accept_waits_after_fd_prestat_get_and_fd_filestat_get() {
    let (mut guest, _) = guest_with_listener();
    guest.must("fd_prestat_get", &[0, OUT]);
    guest.must("fd_filestat_get", &[0, OUT]);
    guest.expect_wait("sock_accept", ACCEPT, RestartState::default());
}

#[test]
fn sock_accept_fails_with_eagain_after_fd_fdstat_get_returned_nonblock() {
    let (mut guest, address) = guest_with_listener();
    let mut wait = guest.expect_wait("sock_accept", ACCEPT, RestartState::default());
    assert_eq!(flags(&mut guest, 0), NONBLOCK);
    assert_eq!(guest.call("sock_accept", ACCEPT), Err(Errno::Again));
    let _client = TcpStream::connect(address).unwrap();
    assert!(wait.block(TIMEOUT).unwrap());
    guest.must("sock_accept", ACCEPT);
    assert_eq!(guest.call("sock_accept", ACCEPT), Err(Errno::Again));
}

#[test]
fn fd_fdstat_get_of_a_host_listener_returns_nonblock() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut guest = Guest::default();
    guest.add_host_socket(listener.as_raw_fd()).unwrap();
    let mut guest = TestGuest::new(guest);
    guest.expect_wait("sock_accept", ACCEPT, RestartState::default());
    assert_eq!(flags(&mut guest, 0), NONBLOCK);
    assert_eq!(guest.call("sock_accept", ACCEPT), Err(Errno::Again));
    assert!(!rustix::fs::fcntl_getfl(&listener).unwrap().contains(rustix::fs::OFlags::NONBLOCK));
}

#[test]
fn sock_accept_obeys_the_flags_that_the_guest_sets() {
    let (mut guest, _) = guest_with_listener();
    guest.must("fd_fdstat_set_flags", &[0, NONBLOCK]);
    assert_eq!(guest.call("sock_accept", ACCEPT), Err(Errno::Again));
    guest.must("fd_fdstat_set_flags", &[0, 0]);
    guest.expect_wait("sock_accept", ACCEPT, RestartState::default());
    // Reading the flags does not change that.
    assert_eq!(flags(&mut guest, 0), 0);
    guest.expect_wait("sock_accept", ACCEPT, RestartState::default());
}

#[test]
fn fd_fdstat_get_of_one_listener_does_not_affect_another() {
    let mut guest = Guest::default();
    for _ in 0..2 {
        guest.add_socket("127.0.0.1:0".parse().unwrap()).unwrap();
    }
    let mut guest = TestGuest::new(guest);
    assert_eq!(flags(&mut guest, 1), NONBLOCK);
    guest.expect_wait("sock_accept", ACCEPT, RestartState::default());
    // The state belongs to the socket, not to the number.
    guest.must("fd_renumber", &[1, 0]);
    assert_eq!(guest.call("sock_accept", ACCEPT), Err(Errno::Again));
}

#[test]
fn a_connection_has_nonblock_only_if_sock_accept_requests_it() {
    for requested in [0, NONBLOCK] {
        let (mut guest, address) = guest_with_listener();
        let _client = TcpStream::connect(address).unwrap();
        assert_eq!(finish(&mut guest, "sock_accept", &[0, requested, OUT], RestartState::default()), Ok(()));
        let fd = guest.u32(OUT);
        let iovs = guest.iovs(&[(2000, 3)]);
        if requested == 0 {
            guest.expect_wait("fd_read", &[fd, iovs, 1, OUT], RestartState::default());
        } else {
            assert_eq!(guest.call("fd_read", &[fd, iovs, 1, OUT]), Err(Errno::Again));
        }
        assert_eq!(flags(&mut guest, fd), requested);
    }
}

#[test]
fn sock_accept_without_a_free_number_fails_with_emfile() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tree = Tree::new(&[]);
    let mut guest = Guest::default();
    guest.add_stdio(listener.as_raw_fd()).unwrap();
    for _ in 1..4096 {
        guest.add_preopen(b"/", tree.path()).unwrap();
    }
    let mut guest = TestGuest::new(guest);
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert_eq!(finish(&mut guest, "sock_accept", &[0, 0, OUT], RestartState::default()), Err(Errno::Mfile));
}

#[test]
fn sock_accept_on_a_connection_fails_with_einval_without_waiting() {
    let (client, _server) = connected();
    assert_eq!(guest_with_stdio(&client).call("sock_accept", &[0, 0, OUT]), Err(Errno::Inval));
}

#[test]
fn sock_recv_with_waitall_waits_until_the_buffers_are_full() {
    let (mut client, server) = connected();
    let mut guest = guest_with_stdio(&server);
    let iovs = guest.iovs(&[(2000, 4), (2100, 4)]);
    let args = |flags| [0, iovs, 2, flags, OUT, OUT + 4];
    guest.expect_wait("sock_recv", &args(0), RestartState::default());
    let mut wait = guest.expect_wait("sock_recv", &args(2), RestartState::default());
    assert_eq!(wait.restart.bytes_done, 0);
    client.write_all(b"abcde").unwrap();
    assert!(wait.block(TIMEOUT).unwrap());
    let wait = guest.expect_wait("sock_recv", &args(2), wait.restart);
    assert_eq!(wait.restart.bytes_done, 5);
    client.write_all(b"fghij").unwrap();
    assert_eq!(finish(&mut guest, "sock_recv", &args(2), wait.restart), Ok(()));
    assert_eq!((guest.u32(OUT), guest.slice(2000, 4), guest.slice(2100, 4)), (8, &b"abcd"[..], &b"efgh"[..]));
    drop(client);
    assert_eq!(finish(&mut guest, "sock_recv", &args(2), RestartState::default()), Ok(()));
    assert_eq!((guest.u32(OUT), guest.slice(2000, 4)), (2, &b"ijcd"[..]));
}

#[test]
fn sock_recv_returns_one_datagram_and_reports_truncation() {
    let (here, there) = UnixDatagram::pair().unwrap();
    let mut guest = guest_with_stdio(&here);
    let iovs = guest.iovs(&[(2000, 4)]);
    for text in ["one", "four", "fives"] {
        there.send(text.as_bytes()).unwrap();
    }
    for (text, truncated) in [("one", 0), ("four", 0), ("five", 1)] {
        guest.must("sock_recv", &[0, iovs, 1, 0, OUT, OUT + 4]);
        assert_eq!((guest.slice(2000, guest.u32(OUT)), guest.u16(OUT + 4)), (text.as_bytes(), truncated));
    }
}

#[test]
fn sock_recv_with_waitall_does_not_join_datagrams() {
    let (here, there) = UnixDatagram::pair().unwrap();
    let mut guest = guest_with_stdio(&here);
    let iovs = guest.iovs(&[(2000, 4)]);
    there.send(b"a").unwrap();
    there.send(b"b").unwrap();
    let received = guest.call_once("sock_recv", &[0, iovs, 1, 2, OUT, OUT + 4], RestartState::default());
    assert!(received.is_ok(), "{received:?}");
    assert_eq!((guest.u32(OUT), guest.slice(2000, 1)), (1, &b"a"[..]));
}
