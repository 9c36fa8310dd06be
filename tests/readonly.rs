//! Directories that a guest may read but not change, next to writable ones.

mod common;

use capwasi::core::guest::Guest;
use capwasi::sys;
use capwasi::sys::errno::Errno;
use common::{CREAT, DIRECTORY, EXCL, FD_READ, FD_WRITE, FILE, OUT, TRUNC, TestGuest, Tree};

const FILES: &[(&str, &str)] = &[("file", "text"), ("empty/", ""), ("sub/inner", "inside")];
/// A path at a fixed address: address and length.
const FILE_PATH: [u64; 2] = [2000, 4];
const NEW: [u64; 2] = [2010, 3];
const EMPTY: [u64; 2] = [2020, 5];
/// Stands for the descriptor under test.
const TESTED: u64 = u64::MAX;
/// The descriptor of a writable directory.
const WRITABLE: u64 = 1;

/// Creates a guest with one tree as descriptor 0, read-only or not, and a writable tree as descriptor 1.
fn guest_with_trees(tree: &Tree, other: &Tree, readonly: bool) -> TestGuest {
    let mut guest = Guest::default();
    guest.add_directory(b"/ro", sys::open_directory(tree.path(), readonly).unwrap(), readonly).unwrap();
    guest.add_preopen(b"/rw", other.path()).unwrap();
    let mut guest = TestGuest::new(guest);
    for ([at, _], path) in [(FILE_PATH, "file"), (NEW, "new"), (EMPTY, "empty")] {
        guest.set(at, path.as_bytes());
    }
    guest
}

/// Returns everything in a tree: names, contents and times.
fn snapshot(tree: &Tree) -> Vec<String> {
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
        change("path_open", &[&[TESTED, 0], &path, &[oflags, rights, 0, 0, OUT]])
    };
    vec![
        change("path_create_directory", &[&[TESTED], &NEW]),
        change("path_filestat_set_times", &[&[TESTED, 0], &FILE_PATH, &[0, 0, 5]]),
        change("path_link", &[&[TESTED, 0], &FILE_PATH, &[TESTED], &NEW]),
        change("path_link", &[&[WRITABLE, 0], &FILE_PATH, &[TESTED], &NEW]),
        change("path_rename", &[&[TESTED], &FILE_PATH, &[TESTED], &NEW]),
        change("path_rename", &[&[TESTED], &FILE_PATH, &[WRITABLE], &NEW]),
        change("path_rename", &[&[WRITABLE], &FILE_PATH, &[TESTED], &FILE_PATH]),
        change("path_remove_directory", &[&[TESTED], &EMPTY]),
        change("path_unlink_file", &[&[TESTED], &FILE_PATH]),
        #[cfg(unix)]
        change("path_symlink", &[&FILE_PATH, &[TESTED], &NEW]),
        open(NEW, CREAT, FD_WRITE),
        open(NEW, CREAT, FD_READ),
        open(NEW, CREAT | EXCL, 0),
        open(FILE_PATH, TRUNC, FD_WRITE),
        open(FILE_PATH, TRUNC, FD_READ),
        open(FILE_PATH, TRUNC, 0),
        open(FILE_PATH, TRUNC | CREAT, FD_READ),
    ]
}

/// Checks that each change succeeds in a writable tree, and fails with `EROFS` and without an effect in a read-only
/// tree.
fn check_changes(changes: Vec<Change>, tested: impl Fn(&mut TestGuest) -> u64) {
    for (name, args) in changes {
        for readonly in [false, true] {
            let (tree, other) = (Tree::new(FILES), Tree::new(FILES));
            let before = (snapshot(&tree), snapshot(&other));
            let mut guest = guest_with_trees(&tree, &other, readonly);
            let fd = tested(&mut guest);
            let args: Vec<_> = args.iter().map(|arg| if *arg == TESTED { fd } else { *arg }).collect();
            let expected = if readonly { Err(Errno::Rofs) } else { Ok(()) };
            assert_eq!(guest.call(name, &args), expected, "{name} {args:?}");
            let unchanged = (snapshot(&tree), snapshot(&other)) == before;
            assert_eq!(unchanged, readonly, "{name} {args:?}");
        }
    }
}

#[test]
fn every_change_in_a_read_only_directory_fails_with_erofs() {
    check_changes(changes_by_path(), |_| 0);
}

#[test]
fn a_directory_opened_through_a_read_only_one_is_read_only_even_after_renumbering() {
    check_changes(changes_by_path(), |guest| guest.open("sub/..", 0, 0));
    check_changes(changes_by_path(), |guest| {
        let (one, other) = (guest.try_open(0, ".", 0, 0).unwrap(), guest.try_open(1, ".", 0, 0).unwrap());
        guest.must("fd_renumber", &[one, other]);
        other
    });
}

#[test]
fn every_change_of_a_file_opened_through_a_read_only_directory_fails_with_erofs() {
    let changes = vec![change("fd_filestat_set_times", &[&[TESTED, 0, 0, 5]])];
    check_changes(changes.clone(), |guest| guest.open("file", 0, FD_READ));
    check_changes(changes, |guest| guest.open("empty", 0, 0));
    let (tree, other) = (Tree::new(FILES), Tree::new(FILES));
    let mut guest = guest_with_trees(&tree, &other, true);
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
fn creat_in_a_read_only_directory_opens_existing_files_and_creates_none() {
    let (tree, other) = (Tree::new(FILES), Tree::new(FILES));
    let mut guest = guest_with_trees(&tree, &other, true);
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
fn path_open_for_writing_reports_other_errors_before_erofs() {
    let (tree, other) = (Tree::new(FILES), Tree::new(FILES));
    let mut guest = guest_with_trees(&tree, &other, true);
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

#[test]
fn path_calls_report_other_errors_before_erofs() {
    let (tree, other) = (Tree::new(FILES), Tree::new(FILES));
    let mut guest = guest_with_trees(&tree, &other, true);
    let before = (snapshot(&tree), snapshot(&other));
    let create: fn(&[u64]) -> Vec<Change> = |path| {
        vec![
            change("path_create_directory", &[&[TESTED], path]),
            #[cfg(unix)]
            change("path_symlink", &[&FILE_PATH, &[TESTED], path]),
            change("path_link", &[&[WRITABLE, 0], &FILE_PATH, &[TESTED], path]),
        ]
    };
    let set_times: fn(&[u64]) -> Vec<Change> = |path| {
        vec![
            change("path_filestat_set_times", &[&[TESTED, 0], path, &[0, 0, 5]]),
            change("path_link", &[&[TESTED, 0], path, &[WRITABLE], &NEW]),
        ]
    };
    let unlink: fn(&[u64]) -> Vec<Change> = |path| vec![change("path_unlink_file", &[&[TESTED], path])];
    let rmdir: fn(&[u64]) -> Vec<Change> = |path| vec![change("path_remove_directory", &[&[TESTED], path])];
    let rename: fn(&[u64]) -> Vec<Change> = |path| {
        vec![
            change("path_rename", &[&[TESTED], path, &[WRITABLE], &NEW]),
            change("path_rename", &[&[WRITABLE], &FILE_PATH, &[TESTED], path]),
        ]
    };
    for (changes, path, expected) in [
        (create, "file", Errno::Exist),
        (create, "sub/", Errno::Exist),
        (create, "sub/inner", Errno::Exist),
        (create, "sub/..", Errno::Exist),
        (create, "new", Errno::Rofs),
        (create, "sub/new", Errno::Rofs),
        (create, "missing/x", Errno::Noent),
        (create, "file/x", Errno::Notdir),
        (create, "../x", Errno::Notcapable),
        (set_times, "file", Errno::Rofs),
        (set_times, "missing", Errno::Noent),
        (set_times, "file/x", Errno::Notdir),
        (set_times, "..", Errno::Notcapable),
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
            let args: Vec<_> = args.iter().map(|arg| if *arg == TESTED { 0 } else { *arg }).collect();
            assert_eq!(guest.call(name, &args), Err(expected), "{name} {path}");
        }
        guest.reset();
    }
    assert_eq!((snapshot(&tree), snapshot(&other)), before);
}

#[test]
fn set_times_without_a_time_succeeds_in_a_read_only_directory() {
    let (tree, other) = (Tree::new(FILES), Tree::new(FILES));
    let mut guest = guest_with_trees(&tree, &other, true);
    guest.must("path_filestat_set_times", &[&[0, 0][..], &FILE_PATH, &[5, 5, 0]].concat());
    let fd = guest.open("file", 0, FD_READ);
    guest.must("fd_filestat_set_times", &[fd, 5, 5, 0]);
    let missing = [&[0, 0][..], &NEW, &[5, 5, 0]].concat();
    assert_eq!(guest.call("path_filestat_set_times", &missing), Err(Errno::Noent));
}

#[test]
fn a_read_only_directory_has_the_same_rights_as_any_other() {
    let (tree, other) = (Tree::new(FILES), Tree::new(FILES));
    let mut guest = guest_with_trees(&tree, &other, true);
    let mut rights = |fd| {
        guest.must("fd_fdstat_get", &[fd, OUT]);
        (guest.u64(OUT + 8), guest.u64(OUT + 16))
    };
    assert_eq!(rights(0), rights(1));
}

#[cfg(unix)]
#[test]
fn a_preopen_by_host_descriptor_leaves_that_descriptor_open() {
    use std::os::fd::AsRawFd;
    let tree = Tree::new(FILES);
    let directory = std::fs::File::open(tree.path()).unwrap();
    let mut guest = Guest::default();
    guest.add_directory(b"/", sys::reopen_directory(directory.as_raw_fd(), true).unwrap(), true).unwrap();
    let mut guest = TestGuest::new(guest);
    guest.must("fd_close", &[0]);
    assert!(directory.metadata().unwrap().is_dir());
    let errno = |fd| Errno::from(sys::reopen_directory(fd, true).unwrap_err());
    let file = std::fs::File::open(tree.path().join("file")).unwrap();
    assert_eq!(errno(file.as_raw_fd()), Errno::Notdir);
    let (reader, _writer) = std::io::pipe().unwrap();
    assert_eq!(errno(reader.as_raw_fd()), Errno::Notdir);
    assert_eq!([-1, i32::MIN, i32::MAX].map(errno), [Errno::Badf; 3]);
}
