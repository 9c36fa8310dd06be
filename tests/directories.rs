//! Reading directories: many at the same time, each a few entries at a time.

mod common;

use capwasi::core::guest::Guest;
use capwasi::core::lock::share_objects;
#[cfg(target_os = "linux")]
use common::FD_READ;
use common::{DIRECTORY, OUT, TestGuest, Tree};
use std::collections::BTreeSet;
use std::fs;
#[cfg(target_os = "linux")]
use std::path::Path;
use std::sync::Arc;

const FD_READDIR: u64 = 1 << 14;
/// Size of an entry without its name.
const HEAD: u64 = 24;

/// Creates a directory of `count` files, named by their number. Also returns the size of a buffer for one entry.
fn numbered_files(count: usize) -> (Tree, u64) {
    let tree = Tree::new(&[]);
    for index in 0..count {
        fs::write(tree.path().join(format!("{index:06}")), "").unwrap();
    }
    (tree, HEAD + 6)
}

/// Opens descriptor 0 again, for reading entries.
fn reopen(guest: &mut TestGuest) -> u64 {
    guest.reset();
    guest.open(".", DIRECTORY, FD_READDIR)
}

/// Reads the entry at a cookie. Returns its name and the next cookie; `None` at the end.
fn entry(guest: &mut TestGuest, fd: u64, cookie: u64, size: u64) -> Option<(String, u64)> {
    guest.reset();
    let buf = guest.alloc(size as usize);
    guest.must("fd_readdir", &[fd, buf, size, cookie, OUT]);
    let (used, len) = (guest.u32(OUT), guest.u32(buf + 16));
    (used >= HEAD).then(|| {
        let name = String::from_utf8(guest.slice(buf + HEAD, len).to_vec()).unwrap();
        (name, guest.u64(buf))
    })
}

/// Reads all entries from a cookie, one per call. Returns the names and next cookies.
fn entries_from(guest: &mut TestGuest, fd: u64, mut cookie: u64, size: u64) -> Vec<(String, u64)> {
    std::iter::from_fn(|| {
        let entry = entry(guest, fd, cookie, size)?;
        cookie = entry.1;
        Some(entry)
    })
    .collect()
}

/// Counts the descriptors of this process that refer to a directory or to files below it.
#[cfg(target_os = "linux")]
fn open_below(path: &Path) -> usize {
    let path = path.canonicalize().unwrap();
    let open = fs::read_dir("/proc/self/fd").unwrap();
    open.filter(|entry| fs::read_link(entry.as_ref().unwrap().path()).is_ok_and(|to| to.starts_with(&path)))
        .count()
}

#[test]
fn interleaved_reads_of_200_directories_return_every_entry_once() {
    let (tree, size) = numbered_files(20);
    let mut guest = TestGuest::in_tree(&tree);
    let mut reads: Vec<_> = (0..200).map(|_| (reopen(&mut guest), 0, Vec::new())).collect();
    for _ in 0..22 {
        for (fd, cookie, names) in &mut reads {
            let (name, next) = entry(&mut guest, *fd, *cookie, size).unwrap();
            assert_eq!(next, *cookie + 1);
            *cookie = next;
            names.push(name);
        }
    }
    let expected = [&[".".into(), "..".into()], &tree.names()[..]].concat();
    for (fd, cookie, mut names) in reads {
        assert_eq!(entry(&mut guest, fd, cookie, size), None);
        names.sort();
        assert_eq!(names, expected);
    }
}

#[test]
fn fd_readdir_continues_at_its_cookie_after_other_reads_and_removals() {
    let (tree, size) = numbered_files(3000);
    let mut guest = TestGuest::in_tree(&tree);
    let fd = reopen(&mut guest);
    let mut read = BTreeSet::new();
    let mut cookie = 0;
    for _ in 0..2000 {
        let (name, next) = entry(&mut guest, fd, cookie, size).unwrap();
        cookie = next;
        read.insert(name);
    }
    for _ in 0..64 {
        let other = reopen(&mut guest);
        entry(&mut guest, other, 2, size).unwrap();
    }
    for name in read.iter().filter(|name| !name.starts_with('.')) {
        fs::remove_file(tree.path().join(name)).unwrap();
    }
    let left = tree.names();
    assert_eq!(left.len(), 1002);
    let mut seen: Vec<_> =
        entries_from(&mut guest, fd, cookie, size).into_iter().map(|(name, _)| name).collect();
    seen.sort();
    assert_eq!(seen, left);
}

#[test]
fn fd_readdir_from_any_cookie_works_while_other_directories_are_read() {
    let (tree, size) = numbered_files(100);
    let mut guest = TestGuest::in_tree(&tree);
    let fd = reopen(&mut guest);
    let all = entries_from(&mut guest, fd, 0, size);
    for (at, to) in [(50, 10), (50, 50), (50, 90), (2, 0), (90, 1), (10, 101), (7, 102)] {
        entry(&mut guest, fd, all[at].1, size).unwrap();
        let others: Vec<_> = (0..64).map(|_| reopen(&mut guest)).collect();
        for other in &others {
            entry(&mut guest, *other, 2, size).unwrap();
        }
        for other in others {
            guest.must("fd_close", &[other]);
        }
        for _ in 0..2 {
            assert_eq!(entries_from(&mut guest, fd, to as u64, size), all[to..], "from {at} to {to}");
        }
    }
}

#[test]
fn threads_reading_the_same_directories_get_the_entry_of_their_cookie() {
    let (tree, size) = numbered_files(30);
    let mut guest = Guest::default();
    guest.add_preopen(b"/", tree.path()).unwrap();
    let guest = Arc::new(guest);
    let fds: Vec<_> = (0..150).map(|_| reopen(&mut TestGuest::new(Arc::clone(&guest)))).collect();
    share_objects();
    std::thread::scope(|scope| {
        for start in 0..4 {
            let (guest, fds) = (Arc::clone(&guest), &fds);
            scope.spawn(move || {
                let mut guest = TestGuest::new(guest);
                for index in 0..600 {
                    let (fd, cookie) = (fds[(start * 37 + index * 7) % fds.len()], 2 + index as u64 % 30);
                    let (name, next) = entry(&mut guest, fd, cookie, size).unwrap();
                    assert_eq!((name.len(), next), (6, cookie + 1));
                }
            });
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn fd_readdir_opens_no_host_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let (tree, size) = numbered_files(10);
    let mut guest = TestGuest::in_tree(&tree);
    let fds: Vec<_> = (0..4095).map(|_| reopen(&mut guest)).collect();
    assert_eq!(guest.try_open(0, ".", DIRECTORY, FD_READ), Err(capwasi::sys::errno::Errno::Mfile));
    for fd in fds {
        entry(&mut guest, fd, 5, size).unwrap();
    }
    assert_eq!(open_below(tree.path()), 4096);
    guest.state.table.clear();
    assert_eq!(open_below(tree.path()), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn reading_130_directories_of_70000_entries_takes_less_than_48_mib() {
    let (tree, size) = numbered_files(70_000);
    let mut guest = TestGuest::in_tree(&tree);
    let resident = || {
        let statm = fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    };
    let fds: Vec<_> = (0..130).map(|_| reopen(&mut guest)).collect();
    let before = resident();
    for fd in &fds {
        entry(&mut guest, *fd, 65_000, size).unwrap();
    }
    let growth = resident().saturating_sub(before);
    assert!(growth < 48 << 20, "{growth} bytes");
    let fd = fds[129];
    let mut seen = BTreeSet::new();
    for cookie in [5, 69_990, 65_000, 5, 65_540, 2] {
        let (name, next) = entry(&mut guest, fd, cookie, size).unwrap();
        assert_eq!(next, cookie + 1);
        seen.insert((cookie, name));
    }
    assert_eq!(seen.len(), 5);
}
