//! Calls that would block: they return a wait, and are restarted with the state of the first call.
#![cfg(unix)]

mod common;

use capwasi::core::guest::Guest;
use capwasi::core::restart::RestartState;
use capwasi::sys::errno::Errno;
use common::waiting::{TIMEOUT, finish, guest_with_stdio};
use common::{CREAT, FD_READ, FD_WRITE, NONBLOCK, OUT, TRUNC, TestGuest, Tree};
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Creates a guest that reads a pipe as descriptor 0.
fn guest_reading_pipe() -> (TestGuest, PipeReader, PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    (guest_with_stdio(&reader), reader, writer)
}

#[test]
fn fd_read_of_an_empty_pipe_waits_for_data() {
    let (mut guest, _reader, mut writer) = guest_reading_pipe();
    let iovs = guest.iovs(&[(2000, 3), (2100, 3)]);
    let args = [0, iovs, 2, OUT];
    let mut wait = guest.expect_wait("fd_read", &args, RestartState::default());
    assert!(!wait.block(Duration::from_millis(5)).unwrap());
    assert_eq!(guest.u32(OUT), 0);
    writer.write_all(b"data").unwrap();
    assert!(wait.block(TIMEOUT).unwrap());
    assert_eq!(finish(&mut guest, "fd_read", &args, wait.restart), Ok(()));
    assert_eq!((guest.u32(OUT), guest.slice(2000, 3), guest.slice(2100, 1)), (4, &b"dat"[..], &b"a"[..]));
    guest.expect_wait("fd_read", &args, RestartState::default());
}

#[test]
fn fd_read_of_an_empty_pipe_returns_0_when_the_writer_closes() {
    let (mut guest, _reader, writer) = guest_reading_pipe();
    let iovs = guest.iovs(&[(2000, 3)]);
    let mut wait = guest.expect_wait("fd_read", &[0, iovs, 1, OUT], RestartState::default());
    drop(writer);
    assert!(wait.block(TIMEOUT).unwrap());
    assert_eq!(finish(&mut guest, "fd_read", &[0, iovs, 1, OUT], wait.restart), Ok(()));
    assert_eq!(guest.u32(OUT), 0);
}

#[test]
fn fd_read_without_buffers_does_not_wait() {
    let (mut guest, _reader, _writer) = guest_reading_pipe();
    guest.must("fd_read", &[0, 2000, 0, OUT]);
}

#[test]
fn fd_read_with_nonblock_fails_with_eagain_and_waits_without_it() {
    let (mut guest, _reader, _writer) = guest_reading_pipe();
    let iovs = guest.iovs(&[(2000, 3)]);
    guest.must("fd_fdstat_set_flags", &[0, NONBLOCK]);
    assert_eq!(guest.call("fd_read", &[0, iovs, 1, OUT]), Err(Errno::Again));
    guest.must("fd_fdstat_set_flags", &[0, 0]);
    guest.expect_wait("fd_read", &[0, iovs, 1, OUT], RestartState::default());
}

#[test]
fn nonblock_of_the_guest_and_of_the_host_are_independent() {
    let (mut guest, reader, _writer) = guest_reading_pipe();
    let iovs = guest.iovs(&[(2000, 3)]);
    guest.must("fd_fdstat_set_flags", &[0, NONBLOCK]);
    let flags = || rustix::fs::fcntl_getfl(&reader).unwrap();
    assert!(!flags().contains(rustix::fs::OFlags::NONBLOCK));
    guest.must("fd_fdstat_set_flags", &[0, 0]);
    rustix::fs::fcntl_setfl(&reader, flags() | rustix::fs::OFlags::NONBLOCK).unwrap();
    guest.expect_wait("fd_read", &[0, iovs, 1, OUT], RestartState::default());
    guest.must("fd_fdstat_get", &[0, OUT]);
    assert_eq!(guest.u16(OUT + 2), 0);
}

/// Returns 1 MiB in which all words are different.
fn mebibyte() -> Vec<u8> {
    (0_u32..1 << 18).flat_map(u32::to_le_bytes).collect()
}

/// Sends 1 MiB from three buffers through a stream with less room. Checks that the first call sends a part, and that
/// all bytes arrive once and in order.
fn check_partial_send(mut guest: TestGuest, mut peer: impl Read + Send, name: &str, flags: &[u64]) {
    let data = mebibyte();
    guest.bytes = vec![0; 1 << 21];
    guest.set(1 << 20, &data);
    let third = 349_525;
    let iovs =
        guest.iovs(&[(1 << 20, third), ((1 << 20) + third, third), ((1 << 20) + 2 * third, third + 1)]);
    let args: Vec<_> = [0, iovs, 3].into_iter().chain(flags.iter().copied()).chain([OUT]).collect();
    let mut wait = guest.expect_wait(name, &args, RestartState::default());
    let sent = wait.restart.bytes_done as usize;
    assert!(sent > 0 && sent < data.len(), "{sent}");
    assert!(!wait.block(Duration::from_millis(5)).unwrap());
    assert_eq!(guest.u32(OUT), 0);
    // Without more room there is no progress, and no byte is sent twice.
    assert_eq!(guest.expect_wait(name, &args, wait.restart.clone()).restart.bytes_done as usize, sent);

    let received = std::thread::scope(|scope| {
        let receiving = scope.spawn(|| {
            let mut received = vec![0; data.len()];
            peer.read_exact(&mut received).unwrap();
            received
        });
        assert_eq!(finish(&mut guest, name, &args, wait.restart), Ok(()));
        receiving.join().unwrap()
    });
    assert_eq!(guest.u32(OUT), 1 << 20);
    assert!(received == data);
}

#[cfg(target_os = "linux")]
#[test]
fn fd_write_to_a_full_pipe_continues_after_the_bytes_written() {
    let (reader, writer) = std::io::pipe().unwrap();
    check_partial_send(guest_with_stdio(&writer), reader, "fd_write", &[]);
}

#[test]
fn sock_send_to_a_full_socket_continues_after_the_bytes_sent() {
    let (here, there) = UnixStream::pair().unwrap();
    check_partial_send(guest_with_stdio(&here), there, "sock_send", &[0]);
}

#[test]
fn sock_send_with_nonblock_returns_the_bytes_that_fit() {
    let (here, _there) = UnixStream::pair().unwrap();
    let mut guest = guest_with_stdio(&here);
    guest.bytes = vec![0; 1 << 21];
    guest.must("fd_fdstat_set_flags", &[0, NONBLOCK]);
    let iovs = guest.iovs(&[(1 << 20, 1 << 20)]);
    guest.must("sock_send", &[0, iovs, 1, 0, OUT]);
    assert!((1..1 << 20).contains(&guest.u32(OUT)));
    assert_eq!(guest.call("sock_send", &[0, iovs, 1, 0, OUT]), Err(Errno::Again));
}

#[test]
fn a_write_without_a_reader_fails_with_epipe() {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut guest = guest_with_stdio(&writer);
    drop(reader);
    let iovs = guest.iovs(&[(2000, 3)]);
    assert_eq!(guest.call("fd_write", &[0, iovs, 1, OUT]), Err(Errno::Pipe));
    let (here, there) = UnixStream::pair().unwrap();
    let mut guest = guest_with_stdio(&here);
    drop(there);
    let iovs = guest.iovs(&[(2000, 3)]);
    assert_eq!(guest.call("sock_send", &[0, iovs, 1, 0, OUT]), Err(Errno::Pipe));
}

#[test]
fn a_relative_timeout_counts_from_the_first_call() {
    let mut guest = TestGuest::new(Guest::default());
    let subscription = guest.subscription(9, 0, 1, 60_000_000, 0);
    let args = [subscription, 4000, 1, OUT];
    let start = Instant::now();
    let mut wait = guest.expect_wait("poll_oneoff", &args, RestartState::default());
    assert!(wait.restart.started.is_some());
    assert!(!wait.block(Duration::from_millis(5)).unwrap());
    let mut again = guest.expect_wait("poll_oneoff", &args, wait.restart.clone());
    assert_eq!(again.restart.started, wait.restart.started);
    assert!(again.block(TIMEOUT).unwrap());
    assert_eq!(finish(&mut guest, "poll_oneoff", &args, again.restart), Ok(()));
    assert!(start.elapsed() >= Duration::from_millis(60), "{:?}", start.elapsed());
    assert_eq!((guest.u32(OUT), guest.u64(4000), guest.u16(4008), guest.bytes[4010]), (1, 9, 0, 0));
    // The restarted call uses the start time of the first call, so the timeout has passed. A new call waits.
    assert!(guest.call_once("poll_oneoff", &args, wait.restart).is_ok());
    guest.expect_wait("poll_oneoff", &args, RestartState::default());
}

#[test]
fn an_absolute_timeout_is_the_same_at_every_restart() {
    for clock in [0, 1] {
        let mut guest = TestGuest::new(Guest::default());
        guest.must("clock_time_get", &[clock, 0, OUT]);
        let deadline = guest.u64(OUT) + 30_000_000;
        let subscription = guest.subscription(9, 0, clock as u32, deadline, 1);
        let args = [subscription, 4000, 1, OUT];
        let wait = guest.expect_wait("poll_oneoff", &args, RestartState::default());
        assert_eq!(finish(&mut guest, "poll_oneoff", &args, wait.restart), Ok(()));
        guest.must("clock_time_get", &[clock, 0, OUT]);
        assert!(guest.u64(OUT) >= deadline);
    }
}

#[test]
fn poll_oneoff_waits_for_all_subscriptions_and_reports_the_one_that_is_ready() {
    let (mut guest, _reader, mut writer) = guest_reading_pipe();
    let subscriptions = guest.subscription(1, 0, 1, u64::MAX, 0);
    guest.subscription(2, 1, 0, 0, 0);
    let args = [subscriptions, 4000, 2, OUT];
    let mut wait = guest.expect_wait("poll_oneoff", &args, RestartState::default());
    assert!(!wait.block(Duration::from_millis(5)).unwrap());
    writer.write_all(b"12345").unwrap();
    assert!(wait.block(TIMEOUT).unwrap());
    assert_eq!(finish(&mut guest, "poll_oneoff", &args, wait.restart), Ok(()));
    assert_eq!((guest.u32(OUT), guest.u64(4000), guest.bytes[4010], guest.u64(4016)), (1, 2, 1, 5));
    drop(writer);
    guest.must("poll_oneoff", &args);
    assert_eq!((guest.u64(4016), guest.u16(4024)), (5, 1), "five bytes are left, and the peer has hung up");
}

#[test]
fn poll_oneoff_reports_a_stream_that_ended_the_wait_even_if_another_reader_took_the_bytes() {
    let (mut guest, mut reader, mut writer) = guest_reading_pipe();
    let subscription = guest.subscription(1, 1, 0, 0, 0);
    let args = [subscription, 4000, 1, OUT];
    let mut wait = guest.expect_wait("poll_oneoff", &args, RestartState::default());
    writer.write_all(b"12345").unwrap();
    assert!(wait.block(TIMEOUT).unwrap());
    reader.read_exact(&mut [0; 5]).unwrap();
    guest.call_once("poll_oneoff", &args, wait.restart).unwrap();
    assert_eq!((guest.u32(OUT), guest.u64(4000), guest.bytes[4010], guest.u64(4016)), (1, 1, 1, 0));
    guest.expect_wait("poll_oneoff", &args, RestartState::default());
}

#[test]
fn poll_oneoff_waits_again_if_the_stream_that_ended_the_wait_was_replaced() {
    let ((reader, mut writer), (other, _other_writer)) = (std::io::pipe().unwrap(), std::io::pipe().unwrap());
    let mut guest = Guest::default();
    guest.add_stdio(reader.as_raw_fd()).unwrap();
    guest.add_stdio(other.as_raw_fd()).unwrap();
    let mut guest = TestGuest::new(guest);
    let subscription = guest.subscription(1, 1, 0, 0, 0);
    let args = [subscription, 4000, 1, OUT];
    let mut wait = guest.expect_wait("poll_oneoff", &args, RestartState::default());
    writer.write_all(b"12345").unwrap();
    assert!(wait.block(TIMEOUT).unwrap());
    guest.must("fd_renumber", &[1, 0]);
    guest.expect_wait("poll_oneoff", &args, wait.restart);
}

#[test]
fn poll_oneoff_of_a_file_returns_at_once() {
    let tree = Tree::new(&[("file", "text")]);
    let mut guest = TestGuest::in_tree(&tree);
    let subscriptions = guest.subscription(1, 1, 0, 0, 0);
    guest.subscription(2, 2, 77, 0, 0);
    guest.subscription(3, 0, 1, u64::MAX, 0);
    guest.subscription(4, 0, 9, 0, 0);
    guest.must("poll_oneoff", &[subscriptions, 4000, 4, OUT]);
    let event = |guest: &TestGuest, at| (guest.u64(at), guest.u16(at + 8), guest.bytes[at as usize + 10]);
    assert_eq!(guest.u32(OUT), 3);
    assert_eq!(event(&guest, 4000), (1, 0, 1));
    assert_eq!(event(&guest, 4032), (2, Errno::Badf as u16, 2));
    assert_eq!(event(&guest, 4064), (4, Errno::Inval as u16, 0));
}

/// Creates a FIFO, and a guest with its directory as descriptor 0.
fn guest_with_fifo() -> (Tree, TestGuest) {
    let tree = Tree::new(&[]);
    let path = tree.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    let guest = TestGuest::in_tree(&tree);
    (tree, guest)
}

/// Returns the arguments of a `path_open` of the FIFO.
fn open_fifo_args(guest: &mut TestGuest, rights: u64, flags: u64) -> Vec<u64> {
    let path = guest.put("fifo");
    vec![0, 0, path, 4, 0, rights, 0, flags, OUT]
}

const FD_FDSTAT_SET_FLAGS: u64 = 1 << 3;

#[test]
fn fd_read_of_a_nonblock_fifo_without_a_writer_returns_0() {
    let (_tree, mut guest) = guest_with_fifo();
    let args = open_fifo_args(&mut guest, FD_READ | FD_FDSTAT_SET_FLAGS, NONBLOCK);
    guest.must("path_open", &args);
    let fd = guest.u32(OUT);
    assert_eq!(guest.read(fd, 4), "");
    guest.must("fd_fdstat_set_flags", &[fd, 0]);
    assert_eq!(guest.read(fd, 4), "");
}

#[test]
fn fd_read_of_a_fifo_waits_for_its_first_writer() {
    let (tree, mut guest) = guest_with_fifo();
    let args = open_fifo_args(&mut guest, FD_READ, 0);
    guest.must("path_open", &args);
    let fd = guest.u32(OUT);
    let iovs = guest.iovs(&[(2000, 4)]);
    let args = [fd, iovs, 1, OUT];
    let mut wait = guest.expect_wait("fd_read", &args, RestartState::default());
    assert!(!wait.block(Duration::from_millis(5)).unwrap());
    assert_eq!(guest.read(fd, 0), "");
    let open = || std::fs::OpenOptions::new().write(true).open(tree.path().join("fifo")).unwrap();
    drop(open());
    finish(&mut guest, "fd_read", &args, wait.restart).unwrap();
    assert_eq!(guest.u32(OUT), 0);
    assert_eq!(guest.read(fd, 4), "");
    open().write_all(b"text").unwrap();
    assert_eq!(guest.read(fd, 4), "text");
    assert_eq!(guest.read(fd, 4), "");
}

#[test]
fn path_open_of_a_fifo_for_writing_waits_for_a_reader_or_fails_with_enxio() {
    let (tree, mut guest) = guest_with_fifo();
    let args = open_fifo_args(&mut guest, FD_WRITE, 0);
    let wait = guest.expect_wait("path_open", &args, RestartState::default());
    let nonblocking = open_fifo_args(&mut guest, FD_WRITE, NONBLOCK);
    assert_eq!(guest.call("path_open", &nonblocking), Err(Errno::Nxio));
    let path = tree.path().join("fifo");
    let reader = std::thread::spawn(move || std::fs::read_to_string(path).unwrap());
    finish(&mut guest, "path_open", &args, wait.restart).unwrap();
    let fd = guest.u32(OUT);
    assert_eq!(guest.write(fd, "through"), 7);
    guest.must("fd_close", &[fd]);
    assert_eq!(reader.join().unwrap(), "through");
}

#[test]
fn fd_read_of_a_stdin_fifo_without_a_writer_returns_0() {
    use std::os::unix::fs::OpenOptionsExt;
    let (tree, _) = guest_with_fifo();
    let path = tree.path().join("fifo");
    let fifo = std::fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).unwrap();
    assert_eq!(guest_with_stdio(&fifo).read(0, 4), "");
}

#[test]
fn a_file_that_replaces_a_fifo_during_path_open_is_not_changed() {
    let (tree, mut guest) = guest_with_fifo();
    let mut args = open_fifo_args(&mut guest, FD_WRITE, 0);
    args[4] = CREAT | TRUNC;
    let path = tree.path().join("fifo");
    let wait = guest.expect_wait("path_open", &args, RestartState::default());
    std::fs::remove_file(&path).unwrap();
    assert_eq!(finish(&mut guest, "path_open", &args, wait.restart.clone()), Err(Errno::Noent));
    assert!(!path.exists());
    std::fs::write(&path, "text").unwrap();
    assert_eq!(finish(&mut guest, "path_open", &args, wait.restart), Err(Errno::Noent));
    assert_eq!(tree.text("fifo"), "text");
}
