//! Descriptors of the host: stdio, which a guest may read and write, and listening sockets, which it may accept from.
#![cfg(unix)]

mod common;

use capwasi::core::guest::Guest;
use capwasi::sys::errno::Errno;
use common::{FD_READ, FD_SEEK, FD_WRITE, OUT, TestGuest, Tree};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

const SOCK_SHUTDOWN: u64 = 1 << 28;

/// Creates a guest with these descriptors of the host as its first ones.
fn guest_with_stdio(fds: &[&dyn AsRawFd]) -> TestGuest {
    let mut guest = Guest::default();
    for fd in fds {
        guest.add_stdio(fd.as_raw_fd()).unwrap();
    }
    TestGuest::new(guest)
}

fn open_log(tree: &Tree) -> File {
    OpenOptions::new().append(true).read(true).open(tree.path().join("log")).unwrap()
}

fn rights(guest: &mut TestGuest, fd: u64) -> u64 {
    guest.must("fd_fdstat_get", &[fd, OUT]);
    guest.u64(OUT + 8)
}

#[test]
fn a_log_file_as_stdout_allows_only_appending() {
    let tree = Tree::new(&[("log", "earlier\n")]);
    let (log, before) = (open_log(&tree), std::fs::metadata(tree.path().join("log")).unwrap());
    let mut guest = guest_with_stdio(&[&log]);
    let text = guest.put("x");
    let iovs = guest.iovs(&[(text, 1)]);
    for (name, args) in [
        ("fd_filestat_set_size", &[0, 0][..]),
        ("fd_filestat_set_size", &[0, 1000]),
        ("fd_allocate", &[0, 0, 4096]),
        ("fd_filestat_set_times", &[0, 1, 1, 5]),
        ("fd_filestat_set_times", &[0, 1, 1, 10]),
        ("fd_pwrite", &[0, iovs, 1, 0, OUT]),
    ] {
        assert_eq!(guest.call(name, args), Err(Errno::Notcapable), "{name}");
    }
    let after = std::fs::metadata(tree.path().join("log")).unwrap();
    assert_eq!(after.modified().unwrap(), before.modified().unwrap());
    assert_eq!(tree.text("log"), "earlier\n");
    for advice in 0..6 {
        guest.must("fd_advise", &[0, 0, 0, advice]);
    }
    guest.must("fd_sync", &[0]);
    guest.must("fd_datasync", &[0]);
    guest.must("fd_filestat_get", &[0, OUT]);
    assert_eq!(guest.write(0, "later\n"), 6);
    assert_eq!(tree.text("log"), "earlier\nlater\n");
}

#[test]
fn fd_pwrite_to_a_stdout_file_without_append_succeeds() {
    let tree = Tree::new(&[("file", "0123456789")]);
    let file = OpenOptions::new().write(true).open(tree.path().join("file")).unwrap();
    let mut guest = guest_with_stdio(&[&file]);
    let text = guest.put("ab");
    let iovs = guest.iovs(&[(text, 2)]);
    guest.must("fd_pwrite", &[0, iovs, 1, 3, OUT]);
    assert_eq!(tree.text("file"), "012ab56789");
    assert_eq!(guest.call("fd_filestat_set_size", &[0, 0]), Err(Errno::Notcapable));
}

#[test]
fn a_host_file_has_the_rights_of_its_open_mode() {
    let tree = Tree::new(&[("log", "x")]);
    let path = tree.path().join("log");
    let (reader, both) =
        (File::open(&path).unwrap(), File::options().read(true).write(true).open(&path).unwrap());
    let appender = OpenOptions::new().append(true).open(&path).unwrap();
    let mut guest = guest_with_stdio(&[&reader, &appender, &both]);
    let directions = [0, 1, 2].map(|fd| rights(&mut guest, fd) & (FD_READ | FD_WRITE));
    assert_eq!(directions, [FD_READ, FD_WRITE, FD_READ | FD_WRITE]);
    assert!([0, 1, 2].iter().all(|fd| rights(&mut guest, *fd) & FD_SEEK != 0));
    let iovs = guest.iovs(&[(2000, 1)]);
    assert_eq!(guest.call("fd_write", &[0, iovs, 1, OUT]), Err(Errno::Badf));
    assert_eq!(guest.call("fd_read", &[1, iovs, 1, OUT]), Err(Errno::Badf));
}

#[test]
fn sock_shutdown_of_a_stdout_socket_fails_with_enotsock() {
    let (mut host, mut peer) = UnixStream::pair().unwrap();
    let mut guest = guest_with_stdio(&[&host]);
    for how in 1..4 {
        assert_eq!(guest.call("sock_shutdown", &[0, how]), Err(Errno::Notsock));
    }
    assert_eq!(rights(&mut guest, 0) & SOCK_SHUTDOWN, 0);
    assert_eq!(guest.write(0, "guest "), 6);
    host.write_all(b"host").unwrap();
    let mut text = [0; 10];
    peer.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"guest host");
    peer.write_all(b"answer").unwrap();
    assert_eq!(guest.read(0, 6), "answer");
}

#[test]
fn sock_shutdown_of_a_host_listener_affects_only_that_descriptor() {
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = host.local_addr().unwrap();
    let mut guest = Guest::default();
    guest.add_host_socket(host.as_raw_fd()).unwrap();
    guest.add_host_socket(host.as_raw_fd()).unwrap();
    let mut guest = TestGuest::new(guest);
    let _client = TcpStream::connect(address).unwrap();
    guest.must("sock_shutdown", &[0, 2]);
    guest.must("sock_accept", &[0, 0, OUT]);
    guest.must("sock_shutdown", &[0, 1]);
    assert_eq!(guest.call("sock_accept", &[0, 0, OUT]), Err(Errno::Inval));
    assert_eq!(guest.call("sock_shutdown", &[0, 3]), Err(Errno::Notconn));
    let subscription = guest.subscription(7, 1, 0, 0, 0);
    guest.must("poll_oneoff", &[subscription, 2000, 1, OUT]);
    assert_eq!((guest.u32(OUT), guest.u64(2000), guest.u16(2008), guest.u16(2024)), (1, 7, 0, 1));
    let _other = TcpStream::connect(address).unwrap();
    guest.must("sock_accept", &[1, 0, OUT]);
    let _third = TcpStream::connect(address).unwrap();
    assert!(host.accept().is_ok());
}

#[test]
fn sock_shutdown_of_a_guest_listener_refuses_connections() {
    let mut guest = Guest::default();
    guest.add_socket("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut guest = TestGuest::new(guest);
    let address = guest.state.addresses[0];
    guest.must("sock_shutdown", &[0, 3]);
    assert_eq!(guest.call("sock_accept", &[0, 0, OUT]), Err(Errno::Inval));
    assert!(cfg!(not(target_os = "linux")) || TcpStream::connect(address).is_err());
}

#[test]
fn a_directory_or_device_as_stdin_has_no_rights_to_paths_or_changes() {
    // Rights for paths, sizes, times, allocation and sockets.
    const FORBIDDEN: u64 = 1 << 8 | 0xfff << 9 | 0x1f << 22 | 3 << 28;
    let tree = Tree::new(&[]);
    let (dir, null) =
        (File::open(tree.path()).unwrap(), File::options().read(true).write(true).open("/dev/null").unwrap());
    let mut guest = guest_with_stdio(&[&dir, &null]);
    for fd in 0..2 {
        assert_eq!(rights(&mut guest, fd) & FORBIDDEN, 0, "{fd}");
    }
    guest.must("fd_sync", &[0]);
    guest.must("fd_datasync", &[0]);
}
