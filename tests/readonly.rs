//! Directories that a guest may read and not change, beside those that it may.

mod common;

use capwasi::core::guest::Guest;
use capwasi::sys;
use capwasi::sys::errno::Errno;
use common::{CREAT, DIRECTORY, EXCL, FD_READ, FD_WRITE, FILE, OUT, TRUNC, TestGuest, Tree};

const FILES: &[(&str, &str)] = &[("file", "text"), ("empty/", ""), ("sub/inner", "inside")];
/// A path, at an address that `guest` puts it at.
const FILE_PATH: [u64; 2] = [2000, 4];
const NEW: [u64; 2] = [2010, 3];
const EMPTY: [u64; 2] = [2020, 5];
/// The descriptor that is attacked, and one of a writable directory.
const IT: u64 = u64::MAX;
const WRITABLE: u64 = 1;

/// A guest with one tree as descriptor 0, read-only or not, and another as 1, which it may write.
fn guest(tree: &Tree, other: &Tree, readonly: bool) -> TestGuest {
    let mut wasi = Guest::default();
    wasi.add_directory(b"/it", sys::open_directory(tree.path(), readonly).unwrap(), readonly).unwrap();
    wasi.add_preopen(b"/rw", other.path()).unwrap();
    let mut guest = TestGuest::new(wasi);
    for ([at, _], path) in [(FILE_PATH, "file"), (NEW, "new"), (EMPTY, "empty")] {
        guest.set(at, path.as_bytes());
    }
    guest
}

/// All there is in a tree: names, contents and times.
fn seen(tree: &Tree) -> Vec<String> {
    let mut seen = vec![];
    let mut directories = vec![tree.path().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let content = std::fs::read(&path).unwrap_or_default();
            seen.push(format!("{} {:?} {content:?}", path.display(), metadata.modified()));
            if metadata.is_dir() {
                directories.push(path);
            }
        }
    }
    seen.sort();
    seen
}

type Change = (&'static str, Vec<u64>);

fn change(name: &'static str, args: &[&[u64]]) -> Change {
    (name, args.concat())
}

fn changes_by_path() -> Vec<Change> {
    let open = |path: [u64; 2], oflags, rights| {
        change("path_open", &[&[IT, 0], &path, &[oflags, rights, 0, 0, OUT]])
    };
    vec![
        change("path_create_directory", &[&[IT], &NEW]),
        change("path_filestat_set_times", &[&[IT, 0], &FILE_PATH, &[0, 0, 5]]),
        change("path_link", &[&[IT, 0], &FILE_PATH, &[IT], &NEW]),
        change("path_link", &[&[WRITABLE, 0], &FILE_PATH, &[IT], &NEW]),
        change("path_rename", &[&[IT], &FILE_PATH, &[IT], &NEW]),
        change("path_rename", &[&[IT], &FILE_PATH, &[WRITABLE], &NEW]),
        change("path_rename", &[&[WRITABLE], &FILE_PATH, &[IT], &FILE_PATH]),
        change("path_remove_directory", &[&[IT], &EMPTY]),
        change("path_unlink_file", &[&[IT], &FILE_PATH]),
        #[cfg(unix)]
        change("path_symlink", &[&FILE_PATH, &[IT], &NEW]),
        open(NEW, CREAT, FD_WRITE),
        open(NEW, CREAT, FD_READ),
        open(NEW, CREAT | EXCL, 0),
        open(FILE_PATH, TRUNC, FD_WRITE),
        open(FILE_PATH, TRUNC, FD_READ),
        open(FILE_PATH, TRUNC, 0),
        open(FILE_PATH, TRUNC | CREAT, FD_READ),
    ]
}

/// What each change does to a tree that the guest may write, and what it is answered in one that it may not.
fn check(changes: Vec<Change>, it: impl Fn(&mut TestGuest) -> u64) {
    for (name, args) in changes {
        for readonly in [false, true] {
            let (tree, other) = (Tree::new(FILES), Tree::new(FILES));
            let before = (seen(&tree), seen(&other));
            let mut guest = guest(&tree, &other, readonly);
            let fd = it(&mut guest);
            let args: Vec<_> = args.iter().map(|arg| if *arg == IT { fd } else { *arg }).collect();
            let expected = if readonly { Err(Errno::Rofs) } else { Ok(()) };
            assert_eq!(guest.call(name, &args), expected, "{name} {args:?}");
            let unchanged = (seen(&tree), seen(&other)) == before;
            assert_eq!(unchanged, readonly, "{name} {args:?}");
        }
    }
}

#[test]
fn what_changes_a_directory_is_rofs_in_a_read_only_one_and_changes_nothing() {
    check(changes_by_path(), |_| 0);
}

#[test]
fn a_directory_opened_in_a_read_only_one_is_read_only_wherever_its_number_comes_from() {
    check(changes_by_path(), |guest| guest.open("sub/..", 0, 0));
    check(changes_by_path(), |guest| {
        let (one, other) = (guest.try_open(0, ".", 0, 0).unwrap(), guest.try_open(1, ".", 0, 0).unwrap());
        guest.must("fd_renumber", &[one, other]);
        other
    });
}

#[test]
fn what_changes_a_file_is_rofs_if_it_was_opened_in_a_read_only_directory() {
    let changes = vec![change("fd_filestat_set_times", &[&[IT, 0, 0, 5]])];
    check(changes.clone(), |guest| guest.open("file", 0, FD_READ));
    check(changes, |guest| guest.open("empty", 0, 0));
    let (tree, other) = (Tree::new(FILES), Tree::new(FILES));
    let mut guest = guest(&tree, &other, true);
    for rights in [0, FD_READ] {
        let fd = guest.open("file", 0, rights);
        assert_eq!(guest.call("fd_filestat_set_size", &[fd, 1]), Err(Errno::Rofs));
        assert_eq!(guest.call("fd_allocate", &[fd, 0, 100]), Err(Errno::Rofs));
        assert_eq!(guest.call("fd_write", &[fd, 3000, 0, OUT]), Err(Errno::Badf));
        assert_eq!(guest.call("fd_pwrite", &[fd, 3000, 0, 0, OUT]), Err(Errno::Badf));
    }
    for rights in [FILE, FD_WRITE, FD_READ | FD_WRITE, 1, 1 << 8, 1 << 22] {
        assert_eq!(guest.try_open(0, "file", 0, rights), Err(Errno::Rofs), "{rights:x}");
    }
    assert_eq!(tree.text("file"), "text");
}

#[test]
fn creat_in_a_read_only_directory_opens_what_is_there_and_makes_nothing() {
    let (tree, other) = (Tree::new(FILES), Tree::new(FILES));
    let mut guest = guest(&tree, &other, true);
    let fd = guest.open("file", CREAT, FD_READ);
    assert_eq!(guest.read(fd, 9), "text");
    for (path, oflags, expected) in [
        ("file", CREAT | EXCL, Errno::Exist),
        ("sub", CREAT | EXCL, Errno::Exist),
        ("sub", CREAT, Errno::Isdir),
        ("sub/", CREAT, Errno::Isdir),
        ("file/", CREAT, Errno::Isdir),
        ("missing/", CREAT, Errno::Isdir),
        ("missing", CREAT, Errno::Rofs),
        ("missing", CREAT | EXCL, Errno::Rofs),
        ("missing", 0, Errno::Noent),
        ("missing/x", CREAT, Errno::Noent),
        ("missing/x/", CREAT, Errno::Noent),
        ("file/x", CREAT, Errno::Notdir),
        ("../x", CREAT, Errno::Notcapable),
        ("../x", CREAT | EXCL, Errno::Notcapable),
    ] {
        assert_eq!(guest.try_open(0, path, oflags, FD_READ), Err(expected), "{path} {oflags}");
    }
    assert_eq!(tree.names(), ["empty", "file", "sub"]);
}

#[test]
fn what_cannot_be_opened_to_be_changed_is_told_before_rofs() {
    let (tree, other) = (Tree::new(FILES), Tree::new(FILES));
    let mut guest = guest(&tree, &other, true);
    for (path, oflags, expected) in [
        ("file", 0, Errno::Rofs),
        ("file", CREAT, Errno::Rofs),
        ("file", CREAT | EXCL, Errno::Exist),
        ("file", DIRECTORY, Errno::Notdir),
        ("file/", 0, Errno::Notdir),
        ("sub", 0, Errno::Isdir),
        ("sub", DIRECTORY, Errno::Isdir),
        ("sub", TRUNC, Errno::Isdir),
        ("missing", 0, Errno::Noent),
        ("missing", TRUNC, Errno::Noent),
        ("missing", CREAT, Errno::Rofs),
        ("missing/x", CREAT, Errno::Noent),
        ("../x", 0, Errno::Notcapable),
    ] {
        assert_eq!(guest.try_open(0, path, oflags, FD_WRITE), Err(expected), "{path} {oflags}");
    }
}

/// Paths that a call which makes, touches or removes something finds something wrong with, also where it may.
#[test]
fn what_is_wrong_with_a_path_is_told_before_rofs() {
    let (tree, other) = (Tree::new(FILES), Tree::new(FILES));
    let mut guest = guest(&tree, &other, true);
    let before = (seen(&tree), seen(&other));
    let make: fn(&[u64]) -> Vec<Change> = |path| {
        vec![
            change("path_create_directory", &[&[IT], path]),
            #[cfg(unix)]
            change("path_symlink", &[&FILE_PATH, &[IT], path]),
            change("path_link", &[&[WRITABLE, 0], &FILE_PATH, &[IT], path]),
        ]
    };
    let touch: fn(&[u64]) -> Vec<Change> = |path| {
        vec![
            change("path_filestat_set_times", &[&[IT, 0], path, &[0, 0, 5]]),
            change("path_link", &[&[IT, 0], path, &[WRITABLE], &NEW]),
        ]
    };
    let unlink: fn(&[u64]) -> Vec<Change> = |path| vec![change("path_unlink_file", &[&[IT], path])];
    let rmdir: fn(&[u64]) -> Vec<Change> = |path| vec![change("path_remove_directory", &[&[IT], path])];
    let rename: fn(&[u64]) -> Vec<Change> = |path| {
        vec![
            change("path_rename", &[&[IT], path, &[WRITABLE], &NEW]),
            change("path_rename", &[&[WRITABLE], &FILE_PATH, &[IT], path]),
        ]
    };
    for (changes, path, expected) in [
        (make, "file", Errno::Exist),
        (make, "sub/", Errno::Exist),
        (make, "sub/inner", Errno::Exist),
        (make, "sub/..", Errno::Exist),
        (make, "new", Errno::Rofs),
        (make, "sub/new", Errno::Rofs),
        (make, "missing/x", Errno::Noent),
        (make, "file/x", Errno::Notdir),
        (make, "../x", Errno::Notcapable),
        (touch, "file", Errno::Rofs),
        (touch, "missing", Errno::Noent),
        (touch, "file/x", Errno::Notdir),
        (touch, "..", Errno::Notcapable),
        (unlink, "missing", Errno::Rofs),
        (unlink, "sub", Errno::Rofs),
        (unlink, "missing/x", Errno::Noent),
        (unlink, "file/x", Errno::Notdir),
        (unlink, "sub/..", Errno::Isdir),
        (unlink, "../x", Errno::Notcapable),
        (rmdir, "missing", Errno::Rofs),
        (rmdir, "sub", Errno::Rofs),
        (rmdir, "missing/x", Errno::Noent),
        (rmdir, ".", Errno::Inval),
        (rmdir, "sub/./", Errno::Inval),
        (rmdir, "sub/..", Errno::Notempty),
        (rmdir, "..", Errno::Notcapable),
        (rename, "missing", Errno::Rofs),
        (rename, "missing/x", Errno::Noent),
        (rename, "sub/.", Errno::Busy),
        (rename, "sub/../", Errno::Busy),
        (rename, "../x", Errno::Notcapable),
    ] {
        let at = guest.put(path);
        for (name, args) in changes(&[at, path.len() as u64]) {
            let args: Vec<_> = args.iter().map(|arg| if *arg == IT { 0 } else { *arg }).collect();
            assert_eq!(guest.call(name, &args), Err(expected), "{name} {path}");
        }
        guest.reset();
    }
    assert_eq!((seen(&tree), seen(&other)), before);
}

#[test]
fn times_that_are_left_as_they_are_change_nothing() {
    let (tree, other) = (Tree::new(FILES), Tree::new(FILES));
    let mut guest = guest(&tree, &other, true);
    guest.must("path_filestat_set_times", &[&[0, 0][..], &FILE_PATH, &[5, 5, 0]].concat());
    let fd = guest.open("file", 0, FD_READ);
    guest.must("fd_filestat_set_times", &[fd, 5, 5, 0]);
    let missing = [&[0, 0][..], &NEW, &[5, 5, 0]].concat();
    assert_eq!(guest.call("path_filestat_set_times", &missing), Err(Errno::Noent));
}

#[test]
fn the_rights_of_a_read_only_directory_are_those_of_any_other() {
    let (tree, other) = (Tree::new(FILES), Tree::new(FILES));
    let mut guest = guest(&tree, &other, true);
    let mut rights = |fd| {
        guest.must("fd_fdstat_get", &[fd, OUT]);
        (guest.u64(OUT + 8), guest.u64(OUT + 16))
    };
    assert_eq!(rights(0), rights(1));
}

#[cfg(unix)]
#[test]
fn a_preopen_may_be_a_descriptor_which_stays_the_hosts() {
    use std::os::fd::AsRawFd;
    let tree = Tree::new(FILES);
    let open = std::fs::File::open(tree.path()).unwrap();
    let mut wasi = Guest::default();
    wasi.add_directory(b"/", sys::reopen_directory(open.as_raw_fd(), true).unwrap(), true).unwrap();
    let mut guest = TestGuest::new(wasi);
    guest.must("fd_close", &[0]);
    assert!(open.metadata().unwrap().is_dir());
    let errno = |fd| Errno::from(sys::reopen_directory(fd, true).unwrap_err());
    let file = std::fs::File::open(tree.path().join("file")).unwrap();
    assert_eq!(errno(file.as_raw_fd()), Errno::Notdir);
    let (reader, _writer) = std::io::pipe().unwrap();
    assert_eq!(errno(reader.as_raw_fd()), Errno::Notdir);
    assert_eq!([-1, i32::MIN, i32::MAX].map(errno), [Errno::Badf; 3]);
}
