//! Resource limits of a guest, which its threads share.

mod common;

use capwasi::core::budget::Budget;
use capwasi::core::guest::Guest;
use capwasi::core::limits::Limit;
use capwasi::core::lock::share_objects;
use capwasi::sys::errno::Errno;
use common::{CREAT, FD_READ, FD_WRITE, FILE, OUT, TestGuest, Tree};
use std::sync::Arc;

/// Creates a guest whose descriptor 0 is a directory, and that may write `bytes` bytes.
fn writer(tree: &Tree, bytes: u64) -> TestGuest {
    let mut guest = Guest::default();
    guest.limits.written_bytes = Budget::new(bytes);
    guest.add_preopen(b"/", tree.path()).unwrap();
    TestGuest::new(guest)
}

#[test]
fn path_open_beyond_the_limit_fails_with_emfile_and_creates_nothing() {
    let tree = Tree::new(&[("file", "text")]);
    let mut guest = Guest::default();
    guest.limits.open_files = 3;
    guest.add_preopen(b"/", tree.path()).unwrap();
    let mut guest = TestGuest::new(guest);
    for _ in 0..100 {
        guest.reset();
        assert_eq!(guest.try_open(0, "missing", 0, FD_READ), Err(Errno::Noent));
    }
    assert_eq!([1, 2].map(|_| guest.open("file", 0, FD_READ)), [1, 2]);
    assert_eq!(guest.state.limits.exceeded(), None);
    assert_eq!(guest.try_open(0, "new", CREAT, FD_WRITE), Err(Errno::Mfile));
    assert_eq!(guest.state.limits.exceeded(), Some(Limit::OpenFiles));
    assert_eq!(tree.names(), ["file"]);
    guest.must("fd_renumber", &[2, 1]);
    assert_eq!(guest.open("file", 0, FD_READ), 2);
    assert_eq!(guest.try_open(0, "file", 0, FD_READ), Err(Errno::Mfile));
}

#[test]
fn threads_together_open_no_more_descriptors_than_the_limit() {
    let tree = Tree::new(&[("file", "text")]);
    let mut guest = Guest::default();
    guest.limits.open_files = 100;
    guest.add_preopen(b"/", tree.path()).unwrap();
    let guest = Arc::new(guest);
    let opened = on_threads(&guest, |_, mut guest| {
        (0..100).filter(|_| guest.try_open(0, "file", 0, FD_READ).is_ok()).count()
    });
    assert_eq!(opened.into_iter().sum::<usize>(), 99);
    assert_eq!(guest.limits.exceeded(), Some(Limit::OpenFiles));
}

/// Runs `part` on 8 threads of a guest and returns their results.
fn on_threads<T: Send>(guest: &Arc<Guest>, part: impl Fn(usize, TestGuest) -> T + Sync) -> Vec<T> {
    share_objects();
    std::thread::scope(|scope| {
        let part = &part;
        let start = |thread| scope.spawn(move || part(thread, TestGuest::new(Arc::clone(guest))));
        let threads: Vec<_> = (0..8).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn threads_together_write_exactly_the_limit() {
    let tree = Tree::new(&[]);
    let guest = writer(&tree, 100_001).state;
    let written = on_threads(&guest, |thread, mut guest| {
        let fd = guest.open(&thread.to_string(), CREAT, FILE);
        let text = guest.put("seventeen letters");
        let iovs = guest.iovs(&[(text, 17), (text, 0), (text, 17)]);
        let mut written = 0;
        while guest.call("fd_write", &[fd, iovs, 3, OUT]) == Ok(()) {
            written += guest.u32(OUT);
        }
        assert_eq!(guest.call("fd_write", &[fd, iovs, 3, OUT]), Err(Errno::Dquot));
        written
    });
    assert_eq!(written.iter().sum::<u64>(), 100_001);
    let sizes = tree.names().into_iter().map(|name| tree.text(&name).len() as u64);
    assert_eq!(sizes.collect::<Vec<_>>(), written);
    assert_eq!(guest.limits.exceeded(), Some(Limit::WrittenBytes));
}

#[test]
fn fd_allocate_beyond_the_budget_fails_with_edquot() {
    let tree = Tree::new(&[]);
    let mut guest = writer(&tree, 10);
    let fd = guest.open("file", CREAT, FILE);
    assert_eq!(guest.call("fd_allocate", &[fd, 0, 0]), Err(Errno::Inval));
    assert_eq!(guest.state.limits.exceeded(), None);
    assert_eq!(guest.call("fd_allocate", &[fd, 0, 11]), Err(Errno::Dquot));
    guest.must("fd_allocate", &[fd, 0, 4]);
    assert_eq!(guest.write(fd, "123456789"), 6);
    assert_eq!(guest.call("fd_allocate", &[fd, 0, 1]), Err(Errno::Dquot));
    assert_eq!(tree.text("file"), "123456");
}

#[cfg(unix)]
#[test]
fn fd_allocate_reports_other_errors_before_edquot() {
    use std::os::fd::AsRawFd;
    const MAX: u64 = i64::MAX as u64;
    let tree = Tree::new(&[("file", "text")]);
    let null = std::fs::File::options().write(true).open("/dev/null").unwrap();
    let mut guests = [Budget::new(3), Budget::default()].map(|limit| {
        let mut guest = Guest::default();
        guest.limits.written_bytes = limit;
        guest.add_preopen(b"/", tree.path()).unwrap();
        guest.add_stdio(null.as_raw_fd()).unwrap();
        let mut guest = TestGuest::new(guest);
        assert_eq!((guest.open("file", 0, FD_READ), guest.open("file", 0, FILE)), (2, 3));
        guest
    });
    // The maximum size of a file depends on the file system.
    let probe = guests[1].open("probe", CREAT, FILE);
    let too_long = guests[1].call("fd_allocate", &[probe, MAX / 2, 4]);
    for (fd, offset, len, expected) in [
        (1, 0, 4, Err(Errno::Notcapable)),
        (2, 0, 4, Err(Errno::Badf)),
        (2, 0, 0, Err(Errno::Inval)),
        (3, 0, 0, Err(Errno::Inval)),
        (3, MAX + 1, 4, Err(Errno::Inval)),
        (3, 0, u64::MAX, Err(Errno::Inval)),
        (3, MAX, MAX, Err(Errno::Fbig)),
        (3, MAX - 2, 4, Err(Errno::Fbig)),
        (3, MAX / 2, 4, if too_long == Err(Errno::Fbig) { too_long } else { Err(Errno::Dquot) }),
        (3, 0, 4, Err(Errno::Dquot)),
    ] {
        let [limited, unlimited] = &mut guests;
        assert_eq!(limited.call("fd_allocate", &[fd, offset, len]), expected, "{fd} {offset} {len}");
        let is_quota = expected == Err(Errno::Dquot);
        assert_eq!(limited.state.limits.exceeded().is_some(), is_quota);
        assert!(
            is_quota || unlimited.call("fd_allocate", &[fd, offset, len]) == expected,
            "{fd} {offset} {len}"
        );
    }
    assert_eq!(guests[0].write(3, "abcd"), 3);
    assert_eq!(tree.text("file"), "abct");
}

#[test]
fn a_write_of_3000_buffers_ends_at_the_byte_of_the_limit() {
    let tree = Tree::new(&[]);
    for limit in [0, 1, 1023, 1024, 1025, 2048, 2999, 3000] {
        let mut guest = writer(&tree, limit);
        let fd = guest.open("file", CREAT, FILE);
        let text = guest.put("x");
        let iovs = guest.iovs(&vec![(text, 1); 3000]);
        let expected = if limit == 0 { Err(Errno::Dquot) } else { Ok(()) };
        assert_eq!(guest.call("fd_pwrite", &[fd, iovs, 3000, 0, OUT]), expected);
        assert_eq!(tree.text("file").len() as u64, limit);
        assert_eq!(guest.state.limits.exceeded().is_some(), limit < 3000, "{limit}");
    }
}

#[cfg(unix)]
#[test]
fn bytes_that_a_pipe_has_no_room_for_are_not_charged() {
    use capwasi::core::restart::RestartState;
    use std::io::Read;
    use std::os::fd::AsRawFd;
    let (mut reader, pipe) = std::io::pipe().unwrap();
    let mut guest = Guest::default();
    guest.limits.written_bytes = Budget::new(90_000);
    guest.add_stdio(pipe.as_raw_fd()).unwrap();
    let mut guest = TestGuest::new(guest);
    let text = guest.alloc(100_000);
    let iovs = guest.iovs(&[(text, 100_000)]);
    let wait = guest.expect_wait("fd_write", &[0, iovs, 1, OUT], RestartState::default());
    let first = wait.restart.bytes_done as usize;
    assert!(first > 0 && first < 90_000);
    assert_eq!(guest.state.limits.exceeded(), None);
    guest.expect_wait("fd_write", &[0, iovs, 1, OUT], wait.restart.clone());
    reader.read_exact(&mut vec![0; first]).unwrap();
    guest.call_once("fd_write", &[0, iovs, 1, OUT], wait.restart).unwrap();
    assert_eq!(guest.u32(OUT), 90_000);
    assert_eq!(guest.call("fd_write", &[0, iovs, 1, OUT]), Err(Errno::Dquot));
    assert_eq!(guest.state.limits.exceeded(), Some(Limit::WrittenBytes));
    drop((guest, pipe));
    let mut rest = vec![];
    reader.read_to_end(&mut rest).unwrap();
    assert_eq!(first + rest.len(), 90_000);
}

#[cfg(unix)]
#[test]
fn sock_send_charges_the_write_budget() {
    use std::io::Read;
    use std::os::fd::AsRawFd;
    let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut guest = Guest::default();
    guest.limits.written_bytes = Budget::new(5);
    guest.add_stdio(ours.as_raw_fd()).unwrap();
    let mut guest = TestGuest::new(guest);
    let text = guest.put("abc");
    let iovs = guest.iovs(&[(text, 3)]);
    for (expected, sent) in [(Ok(()), 3), (Ok(()), 2), (Err(Errno::Dquot), 2)] {
        assert_eq!(guest.call("sock_send", &[0, iovs, 1, 0, OUT]), expected);
        assert_eq!(guest.u32(OUT), sent);
    }
    assert_eq!(guest.call("fd_write", &[0, iovs, 1, OUT]), Err(Errno::Dquot));
    drop((guest, ours));
    let mut received = String::new();
    theirs.read_to_string(&mut received).unwrap();
    assert_eq!(received, "abcab");
}
