//! Reading directories: many of them, each a little at a time.

mod common;

use capwasi::core::guest::Guest;
use common::{DIRECTORY, FD_READ, OUT, TestGuest, Tree};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

const FD_READDIR: u64 = 1 << 14;
/// Size of an entry less its name.
const HEAD: u64 = 24;

/// A directory of so many files, which are called by their number, and how long to make a buffer for one.
fn numbered(count: usize) -> (Tree, u64) {
    let tree = Tree::new(&[]);
    for index in 0..count {
        fs::write(tree.path().join(format!("{index:06}")), "").unwrap();
    }
    (tree, HEAD + 6)
}

/// Opens descriptor 0 again, to be read.
fn reopen(guest: &mut TestGuest) -> u64 {
    guest.reset();
    guest.open(".", DIRECTORY, FD_READDIR)
}

/// Reads the entry at a cookie: its name and the next cookie, `None` at the end.
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

/// All names from a cookie on, read one by one, and each cookie that followed.
fn rest(guest: &mut TestGuest, fd: u64, mut cookie: u64, size: u64) -> Vec<(String, u64)> {
    std::iter::from_fn(|| {
        let entry = entry(guest, fd, cookie, size)?;
        cookie = entry.1;
        Some(entry)
    })
    .collect()
}

/// Descriptors of the host's that are of a directory or below it.
#[cfg(target_os = "linux")]
fn open_below(path: &Path) -> usize {
    let path = path.canonicalize().unwrap();
    let open = fs::read_dir("/proc/self/fd").unwrap();
    open.filter(|entry| fs::read_link(entry.as_ref().unwrap().path()).is_ok_and(|to| to.starts_with(&path)))
        .count()
}

#[test]
fn of_200_directories_read_in_turns_each_gives_every_entry_once() {
    let (tree, size) = numbered(20);
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
fn a_directory_set_aside_for_others_goes_on_where_it_was_though_what_was_read_is_gone() {
    let (tree, size) = numbered(3000);
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
    let mut seen: Vec<_> = rest(&mut guest, fd, cookie, size).into_iter().map(|(name, _)| name).collect();
    seen.sort();
    assert_eq!(seen, left);
}

#[test]
fn a_directory_can_be_read_from_any_cookie_while_others_are_read() {
    let (tree, size) = numbered(100);
    let mut guest = TestGuest::in_tree(&tree);
    let fd = reopen(&mut guest);
    let all = rest(&mut guest, fd, 0, size);
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
            assert_eq!(rest(&mut guest, fd, to as u64, size), all[to..], "from {at} to {to}");
        }
    }
}

#[test]
fn threads_that_read_the_same_directories_each_get_the_entry_of_their_cookie() {
    let (tree, size) = numbered(30);
    let mut wasi = Guest::default();
    wasi.add_preopen(b"/", tree.path()).unwrap();
    let wasi = Arc::new(wasi);
    let fds: Vec<_> = (0..150).map(|_| reopen(&mut TestGuest::new(Arc::clone(&wasi)))).collect();
    std::thread::scope(|scope| {
        for start in 0..4 {
            let (wasi, fds) = (Arc::clone(&wasi), &fds);
            scope.spawn(move || {
                let mut guest = TestGuest::new(wasi);
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
fn reading_directories_takes_no_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let (tree, size) = numbered(10);
    let mut guest = TestGuest::in_tree(&tree);
    let fds: Vec<_> = (0..4095).map(|_| reopen(&mut guest)).collect();
    assert_eq!(guest.try_open(0, ".", DIRECTORY, FD_READ), Err(capwasi::sys::errno::Errno::Mfile));
    for fd in fds {
        entry(&mut guest, fd, 5, size).unwrap();
    }
    assert_eq!(open_below(tree.path()), 4096);
    guest.wasi.table.clear();
    assert_eq!(open_below(tree.path()), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn many_directories_of_70000_entries_that_are_being_read_take_less_than_48_mib() {
    let (tree, size) = numbered(70_000);
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
    let kept = resident().saturating_sub(before);
    assert!(kept < 48 << 20, "{kept} bytes");
    let fd = fds[129];
    let mut seen = BTreeSet::new();
    for cookie in [5, 69_990, 65_000, 5, 65_540, 2] {
        let (name, next) = entry(&mut guest, fd, cookie, size).unwrap();
        assert_eq!(next, cookie + 1);
        seen.insert((cookie, name));
    }
    assert_eq!(seen.len(), 5);
}
