//! Calls that cannot go on: they return what they wait for, and are tried again with what they had done.
#![cfg(unix)]

mod common;

use capwasi::core::guest::Guest;
use capwasi::core::outcome::Outcome;
use capwasi::core::restart::RestartState;
use capwasi::sys::errno::Errno;
use common::{NONBLOCK, OUT, TestGuest, Tree};
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(20);

/// A guest with a descriptor of the host's as descriptor 0.
fn with(fd: &impl AsRawFd) -> TestGuest {
    let mut wasi = Guest::default();
    wasi.add_stdio(fd.as_raw_fd()).unwrap();
    TestGuest::new(wasi)
}

/// A guest that reads a pipe as descriptor 0.
fn reading() -> (TestGuest, PipeReader, PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    (with(&reader), reader, writer)
}

fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Tries a call until it need not wait any more, at most 20 seconds.
fn finish(guest: &mut TestGuest, name: &str, args: &[u64], mut restart: RestartState) -> Result<(), Errno> {
    let end = Instant::now() + LONG;
    while Instant::now() < end {
        match guest.call_once(name, args, restart) {
            Ok(()) => return Ok(()),
            Err(Outcome::Errno(errno)) => return Err(errno),
            Err(Outcome::Block(mut wait)) => {
                wait.block(Duration::from_millis(100)).unwrap();
                restart = wait.restart;
            }
            Err(other) => panic!("{name}: {other:?}"),
        }
    }
    panic!("{name} does not end");
}

#[test]
fn reading_an_empty_pipe_waits_for_its_data() {
    let (mut guest, _reader, mut writer) = reading();
    let iovs = guest.iovs(&[(2000, 3), (2100, 3)]);
    let args = [0, iovs, 2, OUT];
    let mut wait = guest.waits("fd_read", &args, RestartState::default());
    assert!(!wait.block(Duration::from_millis(5)).unwrap());
    assert_eq!(guest.u32(OUT), 0);
    writer.write_all(b"data").unwrap();
    assert!(wait.block(LONG).unwrap());
    assert_eq!(finish(&mut guest, "fd_read", &args, wait.restart), Ok(()));
    assert_eq!((guest.u32(OUT), guest.slice(2000, 3), guest.slice(2100, 1)), (4, &b"dat"[..], &b"a"[..]));
    guest.waits("fd_read", &args, RestartState::default());
}

#[test]
fn the_end_of_a_pipe_ends_the_wait() {
    let (mut guest, _reader, writer) = reading();
    let iovs = guest.iovs(&[(2000, 3)]);
    let mut wait = guest.waits("fd_read", &[0, iovs, 1, OUT], RestartState::default());
    drop(writer);
    assert!(wait.block(LONG).unwrap());
    assert_eq!(finish(&mut guest, "fd_read", &[0, iovs, 1, OUT], wait.restart), Ok(()));
    assert_eq!(guest.u32(OUT), 0);
}

#[test]
fn reading_into_no_buffer_does_not_wait() {
    let (mut guest, _reader, _writer) = reading();
    guest.must("fd_read", &[0, 2000, 0, OUT]);
}

#[test]
fn a_guest_that_asked_for_nonblock_is_told_again_and_waits_when_it_takes_that_back() {
    let (mut guest, _reader, _writer) = reading();
    let iovs = guest.iovs(&[(2000, 3)]);
    guest.must("fd_fdstat_set_flags", &[0, NONBLOCK]);
    assert_eq!(guest.call("fd_read", &[0, iovs, 1, OUT]), Err(Errno::Again));
    guest.must("fd_fdstat_set_flags", &[0, 0]);
    guest.waits("fd_read", &[0, iovs, 1, OUT], RestartState::default());
}

#[test]
fn nonblock_of_the_guest_is_not_set_on_the_stream_of_the_host_nor_the_other_way_round() {
    let (mut guest, reader, _writer) = reading();
    let iovs = guest.iovs(&[(2000, 3)]);
    guest.must("fd_fdstat_set_flags", &[0, NONBLOCK]);
    let flags = || rustix::fs::fcntl_getfl(&reader).unwrap();
    assert!(!flags().contains(rustix::fs::OFlags::NONBLOCK));
    guest.must("fd_fdstat_set_flags", &[0, 0]);
    rustix::fs::fcntl_setfl(&reader, flags() | rustix::fs::OFlags::NONBLOCK).unwrap();
    guest.waits("fd_read", &[0, iovs, 1, OUT], RestartState::default());
    guest.must("fd_fdstat_get", &[0, OUT]);
    assert_eq!(guest.u16(OUT + 2), 0);
}

/// A mebibyte of which every part is recognisable.
fn mebibyte() -> Vec<u8> {
    (0_u32..1 << 18).flat_map(u32::to_le_bytes).collect()
}

/// Has the guest send a mebibyte from three buffers, through a stream with less room: how many bytes the first
/// restart got rid of, and that all arrive once and in order.
fn send_in_part(mut guest: TestGuest, mut peer: impl Read + Send, name: &str, flags: &[u64]) {
    let data = mebibyte();
    guest.bytes = vec![0; 1 << 21];
    guest.set(1 << 20, &data);
    let third = 349_525;
    let iovs =
        guest.iovs(&[(1 << 20, third), ((1 << 20) + third, third), ((1 << 20) + 2 * third, third + 1)]);
    let args: Vec<_> = [0, iovs, 3].into_iter().chain(flags.iter().copied()).chain([OUT]).collect();
    let mut wait = guest.waits(name, &args, RestartState::default());
    let sent = wait.restart.bytes_done as usize;
    assert!(sent > 0 && sent < data.len(), "{sent}");
    assert!(!wait.block(Duration::from_millis(5)).unwrap());
    assert_eq!(guest.u32(OUT), 0);
    // Without more room there is no progress, and nothing is sent twice.
    assert_eq!(guest.waits(name, &args, wait.restart.clone()).restart.bytes_done as usize, sent);

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
fn a_write_that_finds_too_little_room_in_a_pipe_goes_on_where_it_stopped() {
    let (reader, writer) = std::io::pipe().unwrap();
    send_in_part(with(&writer), reader, "fd_write", &[]);
}

#[test]
fn a_send_that_finds_too_little_room_in_a_socket_goes_on_where_it_stopped() {
    let (here, there) = UnixStream::pair().unwrap();
    send_in_part(with(&here), there, "sock_send", &[0]);
}

#[test]
fn a_send_of_a_guest_that_asked_for_nonblock_tells_how_much_there_was_room_for() {
    let (here, _there) = UnixStream::pair().unwrap();
    let mut guest = with(&here);
    guest.bytes = vec![0; 1 << 21];
    guest.must("fd_fdstat_set_flags", &[0, NONBLOCK]);
    let iovs = guest.iovs(&[(1 << 20, 1 << 20)]);
    guest.must("sock_send", &[0, iovs, 1, 0, OUT]);
    assert!((1..1 << 20).contains(&guest.u32(OUT)));
    assert_eq!(guest.call("sock_send", &[0, iovs, 1, 0, OUT]), Err(Errno::Again));
}

#[test]
fn writing_to_a_reader_that_has_gone_is_pipe() {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut guest = with(&writer);
    drop(reader);
    let iovs = guest.iovs(&[(2000, 3)]);
    assert_eq!(guest.call("fd_write", &[0, iovs, 1, OUT]), Err(Errno::Pipe));
    let (here, there) = UnixStream::pair().unwrap();
    let mut guest = with(&here);
    drop(there);
    let iovs = guest.iovs(&[(2000, 3)]);
    assert_eq!(guest.call("sock_send", &[0, iovs, 1, 0, OUT]), Err(Errno::Pipe));
}

#[test]
fn a_span_of_time_counts_from_the_first_attempt() {
    let mut guest = TestGuest::new(Guest::default());
    let subscription = guest.subscription(9, 0, 1, 60_000_000, 0);
    let args = [subscription, 4000, 1, OUT];
    let began = Instant::now();
    let mut wait = guest.waits("poll_oneoff", &args, RestartState::default());
    assert!(wait.restart.started.is_some());
    assert!(!wait.block(Duration::from_millis(5)).unwrap());
    let mut again = guest.waits("poll_oneoff", &args, wait.restart.clone());
    assert_eq!(again.restart.started, wait.restart.started);
    assert!(again.block(LONG).unwrap());
    assert_eq!(finish(&mut guest, "poll_oneoff", &args, again.restart), Ok(()));
    assert!(began.elapsed() >= Duration::from_millis(60), "{:?}", began.elapsed());
    assert_eq!((guest.u32(OUT), guest.u64(4000), guest.u16(4008), guest.bytes[4010]), (1, 9, 0, 0));
    // The same subscription, long ago: due at once. Asked anew, it is waited for.
    assert!(guest.call_once("poll_oneoff", &args, wait.restart).is_ok());
    guest.waits("poll_oneoff", &args, RestartState::default());
}

#[test]
fn a_deadline_is_the_same_at_every_attempt() {
    for clock in [0, 1] {
        let mut guest = TestGuest::new(Guest::default());
        guest.must("clock_time_get", &[clock, 0, OUT]);
        let deadline = guest.u64(OUT) + 30_000_000;
        let subscription = guest.subscription(9, 0, clock as u32, deadline, 1);
        let args = [subscription, 4000, 1, OUT];
        let wait = guest.waits("poll_oneoff", &args, RestartState::default());
        assert_eq!(finish(&mut guest, "poll_oneoff", &args, wait.restart), Ok(()));
        guest.must("clock_time_get", &[clock, 0, OUT]);
        assert!(guest.u64(OUT) >= deadline);
    }
}

#[test]
fn a_poll_waits_for_all_its_subjects_at_once_and_answers_the_one_that_came() {
    let (mut guest, _reader, mut writer) = reading();
    let subscriptions = guest.subscription(1, 0, 1, u64::MAX, 0);
    guest.subscription(2, 1, 0, 0, 0);
    let args = [subscriptions, 4000, 2, OUT];
    let mut wait = guest.waits("poll_oneoff", &args, RestartState::default());
    assert!(!wait.block(Duration::from_millis(5)).unwrap());
    writer.write_all(b"12345").unwrap();
    assert!(wait.block(LONG).unwrap());
    assert_eq!(finish(&mut guest, "poll_oneoff", &args, wait.restart), Ok(()));
    assert_eq!((guest.u32(OUT), guest.u64(4000), guest.bytes[4010], guest.u64(4016)), (1, 2, 1, 5));
    drop(writer);
    guest.must("poll_oneoff", &args);
    assert_eq!((guest.u64(4016), guest.u16(4024)), (5, 1), "five bytes are left, and the peer is gone");
}

#[test]
fn a_poll_of_what_never_waits_is_answered_at_once() {
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

#[test]
fn accepting_waits_for_a_connection_and_gives_it_the_lowest_number() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut guest = with(&listener);
    let mut wait = guest.waits("sock_accept", &[0, 0, OUT], RestartState::default());
    assert!(!wait.block(Duration::from_millis(5)).unwrap());
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert!(wait.block(LONG).unwrap());
    assert_eq!(finish(&mut guest, "sock_accept", &[0, 0, OUT], wait.restart), Ok(()));
    assert_eq!(guest.u32(OUT), 1);
    assert_eq!(guest.write(1, "hello"), 5);
    guest.must("fd_close", &[1]);
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
}

/// A guest with a listening socket as descriptor 0, and the address of that.
fn listening() -> (TestGuest, SocketAddr) {
    let mut wasi = Guest::default();
    wasi.add_socket("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = wasi.addresses[0];
    (TestGuest::new(wasi), address)
}

/// The flags that `fd_fdstat_get` shows.
fn flags(guest: &mut TestGuest, fd: u64) -> u64 {
    guest.must("fd_fdstat_get", &[fd, OUT]);
    guest.u16(OUT + 2).into()
}

const ACCEPT: &[u64] = &[0, 0, OUT];

#[test]
fn sock_accept_without_a_look_at_the_flags_waits() {
    let (mut guest, address) = listening();
    let mut wait = guest.waits("sock_accept", ACCEPT, RestartState::default());
    let _client = TcpStream::connect(address).unwrap();
    assert!(wait.block(LONG).unwrap());
    assert_eq!(finish(&mut guest, "sock_accept", ACCEPT, wait.restart), Ok(()));
    // A connection does not make the next call wait less.
    guest.waits("sock_accept", ACCEPT, RestartState::default());
}

#[test]
fn sock_accept_waits_after_other_questions_about_the_socket() {
    let (mut guest, _) = listening();
    guest.must("fd_prestat_get", &[0, OUT]);
    guest.must("fd_filestat_get", &[0, OUT]);
    guest.waits("sock_accept", ACCEPT, RestartState::default());
}

#[test]
fn a_listening_socket_shows_nonblock_and_sock_accept_then_fails_with_eagain() {
    let (mut guest, address) = listening();
    let mut wait = guest.waits("sock_accept", ACCEPT, RestartState::default());
    assert_eq!(flags(&mut guest, 0), NONBLOCK);
    assert_eq!(guest.call("sock_accept", ACCEPT), Err(Errno::Again));
    let _client = TcpStream::connect(address).unwrap();
    assert!(wait.block(LONG).unwrap());
    guest.must("sock_accept", ACCEPT);
    assert_eq!(guest.call("sock_accept", ACCEPT), Err(Errno::Again));
}

#[test]
fn a_listening_socket_of_the_host_shows_nonblock_too() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut wasi = Guest::default();
    wasi.add_host_socket(listener.as_raw_fd()).unwrap();
    let mut guest = TestGuest::new(wasi);
    guest.waits("sock_accept", ACCEPT, RestartState::default());
    assert_eq!(flags(&mut guest, 0), NONBLOCK);
    assert_eq!(guest.call("sock_accept", ACCEPT), Err(Errno::Again));
    assert!(!rustix::fs::fcntl_getfl(&listener).unwrap().contains(rustix::fs::OFlags::NONBLOCK));
}

#[test]
fn sock_accept_obeys_the_flags_that_the_guest_sets() {
    let (mut guest, _) = listening();
    guest.must("fd_fdstat_set_flags", &[0, NONBLOCK]);
    assert_eq!(guest.call("sock_accept", ACCEPT), Err(Errno::Again));
    guest.must("fd_fdstat_set_flags", &[0, 0]);
    guest.waits("sock_accept", ACCEPT, RestartState::default());
    // For good, also after a look.
    assert_eq!(flags(&mut guest, 0), 0);
    guest.waits("sock_accept", ACCEPT, RestartState::default());
}

#[test]
fn fd_fdstat_get_of_one_listening_socket_leaves_the_other_waiting() {
    let mut wasi = Guest::default();
    for _ in 0..2 {
        wasi.add_socket("127.0.0.1:0".parse().unwrap()).unwrap();
    }
    let mut guest = TestGuest::new(wasi);
    assert_eq!(flags(&mut guest, 1), NONBLOCK);
    guest.waits("sock_accept", ACCEPT, RestartState::default());
    // The state goes with the socket, not with the number.
    guest.must("fd_renumber", &[1, 0]);
    assert_eq!(guest.call("sock_accept", ACCEPT), Err(Errno::Again));
}

#[test]
fn an_accepted_connection_has_nonblock_only_if_sock_accept_asked_for_it() {
    for asked in [0, NONBLOCK] {
        let (mut guest, address) = listening();
        let _client = TcpStream::connect(address).unwrap();
        assert_eq!(finish(&mut guest, "sock_accept", &[0, asked, OUT], RestartState::default()), Ok(()));
        let fd = guest.u32(OUT);
        let iovs = guest.iovs(&[(2000, 3)]);
        if asked == 0 {
            guest.waits("fd_read", &[fd, iovs, 1, OUT], RestartState::default());
        } else {
            assert_eq!(guest.call("fd_read", &[fd, iovs, 1, OUT]), Err(Errno::Again));
        }
        assert_eq!(flags(&mut guest, fd), asked);
    }
}

#[test]
fn a_connection_that_no_number_is_left_for_is_mfile() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tree = Tree::new(&[]);
    let mut wasi = Guest::default();
    wasi.add_stdio(listener.as_raw_fd()).unwrap();
    for _ in 1..4096 {
        wasi.add_preopen(b"/", tree.path()).unwrap();
    }
    let mut guest = TestGuest::new(wasi);
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert_eq!(finish(&mut guest, "sock_accept", &[0, 0, OUT], RestartState::default()), Err(Errno::Mfile));
}

#[test]
fn accepting_from_a_socket_that_does_not_listen_is_inval_and_not_waited_for() {
    let (client, _server) = connected();
    assert_eq!(with(&client).call("sock_accept", &[0, 0, OUT]), Err(Errno::Inval));
}

#[test]
fn receiving_waits_and_with_waitall_keeps_what_came_until_all_is_there() {
    let (mut client, server) = connected();
    let mut guest = with(&server);
    let iovs = guest.iovs(&[(2000, 4), (2100, 4)]);
    let args = |flags| [0, iovs, 2, flags, OUT, OUT + 4];
    guest.waits("sock_recv", &args(0), RestartState::default());
    let mut wait = guest.waits("sock_recv", &args(2), RestartState::default());
    assert_eq!(wait.restart.bytes_done, 0);
    client.write_all(b"abcde").unwrap();
    assert!(wait.block(LONG).unwrap());
    let wait = guest.waits("sock_recv", &args(2), wait.restart);
    assert_eq!(wait.restart.bytes_done, 5);
    client.write_all(b"fghij").unwrap();
    assert_eq!(finish(&mut guest, "sock_recv", &args(2), wait.restart), Ok(()));
    assert_eq!((guest.u32(OUT), guest.slice(2000, 4), guest.slice(2100, 4)), (8, &b"abcd"[..], &b"efgh"[..]));
    drop(client);
    assert_eq!(finish(&mut guest, "sock_recv", &args(2), RestartState::default()), Ok(()));
    assert_eq!((guest.u32(OUT), guest.slice(2000, 4)), (2, &b"ijcd"[..]));
}

#[test]
fn a_datagram_is_received_whole_or_said_to_be_cut_and_never_joined_to_another() {
    let (here, there) = UnixDatagram::pair().unwrap();
    let mut guest = with(&here);
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
fn waitall_does_not_join_datagrams() {
    let (here, there) = UnixDatagram::pair().unwrap();
    let mut guest = with(&here);
    let iovs = guest.iovs(&[(2000, 4)]);
    there.send(b"a").unwrap();
    there.send(b"b").unwrap();
    let received = guest.call_once("sock_recv", &[0, iovs, 1, 2, OUT, OUT + 4], RestartState::default());
    assert!(received.is_ok(), "{received:?}");
    assert_eq!((guest.u32(OUT), guest.slice(2000, 1)), (1, &b"a"[..]));
}

/// A FIFO in a directory that is descriptor 0 of a guest.
fn fifo() -> (Tree, TestGuest) {
    let tree = Tree::new(&[]);
    let path = tree.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    let guest = TestGuest::in_tree(&tree);
    (tree, guest)
}

fn open_fifo(guest: &mut TestGuest, rights: u64, flags: u64) -> Vec<u64> {
    let path = guest.put("fifo");
    vec![0, 0, path, 4, 0, rights, 0, flags, OUT]
}

const FD_FDSTAT_SET_FLAGS: u64 = 1 << 3;

#[test]
fn a_fifo_opened_with_nonblock_that_nobody_writes_to_is_at_its_end() {
    let (_tree, mut guest) = fifo();
    let args = open_fifo(&mut guest, common::FD_READ | FD_FDSTAT_SET_FLAGS, NONBLOCK);
    guest.must("path_open", &args);
    let fd = guest.u32(OUT);
    assert_eq!(guest.read(fd, 4), "");
    guest.must("fd_fdstat_set_flags", &[fd, 0]);
    assert_eq!(guest.read(fd, 4), "");
}

#[test]
fn a_fifo_opened_without_nonblock_is_waited_for_until_a_writer_has_come() {
    let (tree, mut guest) = fifo();
    let args = open_fifo(&mut guest, common::FD_READ, 0);
    guest.must("path_open", &args);
    let fd = guest.u32(OUT);
    let iovs = guest.iovs(&[(2000, 4)]);
    let args = [fd, iovs, 1, OUT];
    let mut wait = guest.waits("fd_read", &args, RestartState::default());
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
fn opening_a_fifo_to_write_waits_for_its_reader_or_is_enxio_with_nonblock() {
    let (tree, mut guest) = fifo();
    let args = open_fifo(&mut guest, common::FD_WRITE, 0);
    let wait = guest.waits("path_open", &args, RestartState::default());
    let nonblocking = open_fifo(&mut guest, common::FD_WRITE, NONBLOCK);
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
fn a_fifo_as_stdin_that_nobody_writes_to_is_at_its_end() {
    use std::os::unix::fs::OpenOptionsExt;
    let (tree, _) = fifo();
    let path = tree.path().join("fifo");
    let fifo = std::fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).unwrap();
    assert_eq!(with(&fifo).read(0, 4), "");
}

#[test]
fn a_file_that_takes_the_place_of_a_fifo_whose_reader_is_awaited_is_not_touched() {
    let (tree, mut guest) = fifo();
    let mut args = open_fifo(&mut guest, common::FD_WRITE, 0);
    args[4] = common::CREAT | common::TRUNC;
    let path = tree.path().join("fifo");
    let wait = guest.waits("path_open", &args, RestartState::default());
    std::fs::remove_file(&path).unwrap();
    assert_eq!(finish(&mut guest, "path_open", &args, wait.restart.clone()), Err(Errno::Noent));
    assert!(!path.exists());
    std::fs::write(&path, "text").unwrap();
    assert_eq!(finish(&mut guest, "path_open", &args, wait.restart), Err(Errno::Noent));
    assert_eq!(tree.text("fifo"), "text");
}
