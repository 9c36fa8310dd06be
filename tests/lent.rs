//! What the host lends: its standard streams, to be read and written, and its listening sockets, to accept from.
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

/// A guest with these descriptors of the host's as its first ones.
fn lent(fds: &[&dyn AsRawFd]) -> TestGuest {
    let mut wasi = Guest::default();
    for fd in fds {
        wasi.add_stdio(fd.as_raw_fd()).unwrap();
    }
    TestGuest::new(wasi)
}

fn log(tree: &Tree) -> File {
    OpenOptions::new().append(true).read(true).open(tree.path().join("log")).unwrap()
}

fn rights(guest: &mut TestGuest, fd: u64) -> u64 {
    guest.must("fd_fdstat_get", &[fd, OUT]);
    guest.u64(OUT + 8)
}

#[test]
fn a_log_as_stdout_is_appended_to_and_changed_in_no_other_way() {
    let tree = Tree::new(&[("log", "earlier\n")]);
    let (log, before) = (log(&tree), std::fs::metadata(tree.path().join("log")).unwrap());
    let mut guest = lent(&[&log]);
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
fn a_file_as_stdout_that_is_not_appended_to_takes_positioned_writes() {
    let tree = Tree::new(&[("file", "0123456789")]);
    let file = OpenOptions::new().write(true).open(tree.path().join("file")).unwrap();
    let mut guest = lent(&[&file]);
    let text = guest.put("ab");
    let iovs = guest.iovs(&[(text, 2)]);
    guest.must("fd_pwrite", &[0, iovs, 1, 3, OUT]);
    assert_eq!(tree.text("file"), "012ab56789");
    assert_eq!(guest.call("fd_filestat_set_size", &[0, 0]), Err(Errno::Notcapable));
}

#[test]
fn rights_of_a_lent_file_are_those_it_was_opened_with() {
    let tree = Tree::new(&[("log", "x")]);
    let path = tree.path().join("log");
    let (reader, both) =
        (File::open(&path).unwrap(), File::options().read(true).write(true).open(&path).unwrap());
    let appender = OpenOptions::new().append(true).open(&path).unwrap();
    let mut guest = lent(&[&reader, &appender, &both]);
    let directions = [0, 1, 2].map(|fd| rights(&mut guest, fd) & (FD_READ | FD_WRITE));
    assert_eq!(directions, [FD_READ, FD_WRITE, FD_READ | FD_WRITE]);
    assert!([0, 1, 2].iter().all(|fd| rights(&mut guest, *fd) & FD_SEEK != 0));
    let iovs = guest.iovs(&[(2000, 1)]);
    assert_eq!(guest.call("fd_write", &[0, iovs, 1, OUT]), Err(Errno::Badf));
    assert_eq!(guest.call("fd_read", &[1, iovs, 1, OUT]), Err(Errno::Badf));
}

#[test]
fn a_socket_as_stdout_cannot_be_shut_down() {
    let (mut host, mut peer) = UnixStream::pair().unwrap();
    let mut guest = lent(&[&host]);
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
fn a_lent_listener_that_a_guest_shuts_down_is_shut_for_that_guest_only() {
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = host.local_addr().unwrap();
    let mut wasi = Guest::default();
    wasi.add_host_socket(host.as_raw_fd()).unwrap();
    wasi.add_host_socket(host.as_raw_fd()).unwrap();
    let mut guest = TestGuest::new(wasi);
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
fn a_listener_of_the_guests_own_is_really_shut_down() {
    let mut wasi = Guest::default();
    wasi.add_socket("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut guest = TestGuest::new(wasi);
    let address = guest.wasi.addresses[0];
    guest.must("sock_shutdown", &[0, 3]);
    assert_eq!(guest.call("sock_accept", &[0, 0, OUT]), Err(Errno::Inval));
    assert!(cfg!(not(target_os = "linux")) || TcpStream::connect(address).is_err());
}

#[test]
fn rights_of_a_directory_or_device_as_stdin_are_those_that_a_call_grants() {
    // Paths, sizes, times, allocation, and what is for sockets.
    const REFUSED: u64 = 1 << 8 | 0xfff << 9 | 0x1f << 22 | 3 << 28;
    let tree = Tree::new(&[]);
    let (dir, null) =
        (File::open(tree.path()).unwrap(), File::options().read(true).write(true).open("/dev/null").unwrap());
    let mut guest = lent(&[&dir, &null]);
    for fd in 0..2 {
        assert_eq!(rights(&mut guest, fd) & REFUSED, 0, "{fd}");
    }
    guest.must("fd_sync", &[0]);
    guest.must("fd_datasync", &[0]);
}
