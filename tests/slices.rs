//! Long calls pause, so that their thread can be terminated, and then continue.

mod common;

#[cfg(target_os = "linux")]
use capwasi::core::budget::Budget;
#[cfg(unix)]
use capwasi::core::guest::Guest;
use capwasi::core::outcome::Outcome;
use capwasi::core::restart::RestartState;
use common::{CREAT, DIRECTORY, FD_READ, FILE, OUT, TestGuest, Tree};
use std::fs;

const MIB: u64 = 1 << 20;

/// Makes a call, restarts it until it ends, and returns the number of pauses.
fn pauses(guest: &mut TestGuest, name: &str, args: &[u64]) -> usize {
    let (mut restart, mut pauses) = (RestartState::default(), 0);
    loop {
        match guest.call_once(name, args, restart) {
            Ok(()) => return pauses,
            Err(Outcome::Block(wait)) if wait.is_pause() => {
                restart = wait.restart;
                pauses += 1;
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// Creates a guest with a memory of 48 MiB, and a file of 40 MiB whose bytes depend on their offset.
fn fixture() -> (Tree, TestGuest, u64) {
    let tree = Tree::new(&[]);
    let bytes: Vec<u8> = (0..40 * MIB).map(|at| (at >> 12) as u8).collect();
    fs::write(tree.path().join("file"), bytes).unwrap();
    let mut guest = TestGuest::in_tree(&tree);
    guest.bytes = vec![0; (48 * MIB) as usize];
    let fd = guest.open("file", 0, FILE);
    (tree, guest, fd)
}

#[test]
fn a_read_of_40_mib_pauses_twice_and_transfers_every_byte_once() {
    let (tree, mut guest, fd) = fixture();
    let file = fs::read(tree.path().join("file")).unwrap();
    // One buffer ends 3 bytes before the first pause. The second pause splits the other.
    for regions in [vec![(MIB, 40 * MIB)], vec![(MIB, 16 * MIB - 3), (17 * MIB - 3, 24 * MIB + 3)]] {
        let iovs = guest.iovs(&regions);
        let count = regions.len() as u64;
        guest.bytes[MIB as usize..].fill(0);
        assert_eq!(pauses(&mut guest, "fd_pread", &[fd, iovs, count, 0, OUT]), 2);
        assert_eq!(guest.u32(OUT), 40 * MIB);
        assert!(guest.slice(MIB, 40 * MIB) == file);
        guest.must("fd_seek", &[fd, 0, 0, OUT]);
        guest.bytes[MIB as usize..].fill(0);
        assert_eq!(pauses(&mut guest, "fd_read", &[fd, iovs, count, OUT]), 2);
        assert_eq!(guest.u32(OUT), 40 * MIB);
        assert!(guest.slice(MIB, 40 * MIB) == file);
        guest.must("fd_tell", &[fd, OUT]);
        assert_eq!(guest.u64(OUT), 40 * MIB);
    }
}

#[test]
fn a_read_of_exactly_16_mib_or_up_to_the_end_does_not_pause() {
    let (_tree, mut guest, fd) = fixture();
    let iovs = guest.iovs(&[(MIB, 16 * MIB)]);
    assert_eq!(pauses(&mut guest, "fd_pread", &[fd, iovs, 1, 0, OUT]), 0);
    assert_eq!(guest.u32(OUT), 16 * MIB);
    let iovs = guest.iovs(&[(MIB, 44 * MIB)]);
    assert_eq!(pauses(&mut guest, "fd_pread", &[fd, iovs, 1, 39 * MIB, OUT]), 0);
    assert_eq!(guest.u32(OUT), MIB);
}

#[test]
fn a_write_of_40_mib_pauses_twice_and_transfers_every_byte_once() {
    let (tree, mut guest, fd) = fixture();
    let file = fs::read(tree.path().join("file")).unwrap();
    let iovs = guest.iovs(&[(MIB, 40 * MIB)]);
    pauses(&mut guest, "fd_pread", &[fd, iovs, 1, 0, OUT]);
    let copy = guest.open("copy", CREAT, FILE);
    assert_eq!(pauses(&mut guest, "fd_write", &[copy, iovs, 1, OUT]), 2);
    assert_eq!(guest.u32(OUT), 40 * MIB);
    assert!(fs::read(tree.path().join("copy")).unwrap() == file);
    assert_eq!(pauses(&mut guest, "fd_pwrite", &[copy, iovs, 1, 40 * MIB, OUT]), 2);
    assert_eq!(fs::metadata(tree.path().join("copy")).unwrap().len(), 80 * MIB);
    guest.must("fd_fdstat_set_flags", &[copy, 1]);
    assert_eq!(pauses(&mut guest, "fd_write", &[copy, iovs, 1, OUT]), 2);
    assert_eq!(fs::metadata(tree.path().join("copy")).unwrap().len(), 120 * MIB);
    guest.must("fd_tell", &[copy, OUT]);
    assert_eq!(guest.u64(OUT), 120 * MIB);
}

#[cfg(unix)]
#[test]
fn a_read_of_40_mib_from_a_stdin_file_is_complete() {
    use std::os::fd::AsRawFd;
    let (tree, ..) = fixture();
    let file = fs::File::open(tree.path().join("file")).unwrap();
    let mut guest = Guest::default();
    guest.add_stdio(file.as_raw_fd()).unwrap();
    let mut guest = TestGuest::new(guest);
    guest.bytes = vec![0; (48 * MIB) as usize];
    let iovs = guest.iovs(&[(MIB, 44 * MIB)]);
    assert_eq!(pauses(&mut guest, "fd_read", &[0, iovs, 1, OUT]), 2);
    assert_eq!(guest.u32(OUT), 40 * MIB);
    assert!(guest.slice(MIB, 40 * MIB) == fs::read(tree.path().join("file")).unwrap());
}

#[cfg(target_os = "linux")]
#[test]
fn fd_allocate_of_600_mib_pauses_twice_and_charges_its_range_once() {
    let tree = Tree::new(&[]);
    let writer = |budget| {
        let mut guest = Guest::default();
        guest.limits.written_bytes = Budget::new(budget);
        guest.add_preopen(b"/", tree.path()).unwrap();
        TestGuest::new(guest)
    };
    let mut guest = writer(700 * MIB);
    let fd = guest.open("file", CREAT, FILE);
    assert_eq!(pauses(&mut guest, "fd_allocate", &[fd, 5, 600 * MIB]), 2);
    assert_eq!(fs::metadata(tree.path().join("file")).unwrap().len(), 600 * MIB + 5);
    assert_eq!(guest.call("fd_allocate", &[fd, 0, 101 * MIB]), Err(capwasi::sys::errno::Errno::Dquot));
    guest.must("fd_allocate", &[fd, 0, 100 * MIB]);
    // A restart succeeds with the charged bytes, even if the right was removed meanwhile.
    let mut guest = writer(300 * MIB);
    let fd = guest.open("file", CREAT, FILE);
    let args = [fd, 0, 300 * MIB];
    let wait = guest.expect_wait("fd_allocate", &args, RestartState::default());
    guest.must("fd_fdstat_set_rights", &[fd, 0, 0]);
    guest.call_once("fd_allocate", &args, wait.restart).unwrap();
    // A range beyond the maximum file size fails before a part of it is allocated.
    let fd = guest.open("other", CREAT, FILE);
    assert!(guest.call("fd_allocate", &[fd, 0, i64::MAX as u64]).is_err());
    assert_eq!(fs::metadata(tree.path().join("other")).unwrap().len(), 0);
}

#[test]
fn fd_readdir_of_70000_entries_pauses_and_returns_each_entry_once() {
    let tree = Tree::new(&[("dir/", "")]);
    for number in 0..70_000 {
        fs::write(tree.path().join(format!("dir/{number:05}")), "").unwrap();
    }
    let mut guest = TestGuest::in_tree(&tree);
    guest.bytes = vec![0; (8 * MIB) as usize];
    let fd = guest.open("dir", DIRECTORY, FD_READ | 1 << 14);
    let size = 7 * MIB;
    let mut names = Vec::new();
    assert!(pauses(&mut guest, "fd_readdir", &[fd, MIB, size, 0, OUT]) > 0);
    let (mut at, end) = (MIB, MIB + guest.u32(OUT));
    assert!(end < MIB + size);
    let mut cookies = Vec::new();
    while at < end {
        let len = guest.u32(at + 16);
        cookies.push(guest.u64(at));
        names.push(String::from_utf8(guest.slice(at + 24, len).to_vec()).unwrap());
        at += 24 + len;
    }
    assert_eq!(cookies, (1..=70_002).collect::<Vec<_>>());
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 70_002);
    // A search for an entry far after the last read entry also pauses.
    let other = guest.open("dir", DIRECTORY, FD_READ | 1 << 14);
    assert!(pauses(&mut guest, "fd_readdir", &[other, MIB, 100, 69_999, OUT]) > 0);
    assert_eq!(guest.u64(MIB), 70_000);
}
