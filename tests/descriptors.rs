//! Descriptors: their numbers, their limit, their rights.

mod common;

use capwasi::core::guest::Guest;
use capwasi::core::rights::Rights;
use capwasi::sys::errno::Errno;
use common::{CREAT, FD_READ, FD_SEEK, FD_TELL, FD_WRITE, FILE, OUT, TestGuest, Tree};

#[test]
fn path_open_returns_the_lowest_free_number() {
    let tree = Tree::new(&[("file", "text")]);
    let mut guest = TestGuest::in_tree(&tree);
    assert_eq!([1, 2, 3, 4, 5].map(|_| guest.open("file", 0, FD_READ)), [1, 2, 3, 4, 5]);
    for fd in [4, 2, 3] {
        guest.must("fd_close", &[fd]);
    }
    assert_eq!([2, 3, 4, 6].map(|_| guest.open("file", 0, FD_READ)), [2, 3, 4, 6]);
}

#[test]
fn fd_renumber_frees_the_old_number_and_closes_the_target() {
    let tree = Tree::new(&[("one", "1"), ("two", "2"), ("three", "3")]);
    let mut guest = TestGuest::in_tree(&tree);
    let [one, two] = ["one", "two"].map(|path| guest.open(path, 0, FD_READ));
    guest.must("fd_renumber", &[two, one]);
    assert_eq!(guest.read(one, 9), "2");
    assert_eq!(guest.call("fd_tell", &[two, OUT]), Err(Errno::Badf));
    assert_eq!(guest.open("three", 0, FD_READ), two);
    assert_eq!(guest.read(two, 9), "3");
}

#[test]
fn fd_renumber_of_a_closed_number_fails_with_ebadf_and_changes_nothing() {
    let tree = Tree::new(&[("file", "text")]);
    let mut guest = TestGuest::in_tree(&tree);
    let fd = guest.open("file", 0, FD_READ);
    for (from, to) in [(fd, 2), (2, fd), (2, 2), (fd, 4096), (0xffff_ffff, fd), (fd, 0x8000_0000)] {
        assert_eq!(guest.call("fd_renumber", &[from, to]), Err(Errno::Badf), "{from} to {to}");
    }
    guest.must("fd_renumber", &[fd, fd]);
    assert_eq!(guest.read(fd, 9), "text");
    assert_eq!(guest.open("file", 0, FD_READ), fd + 1);
}

#[test]
fn every_call_on_a_closed_number_fails_with_ebadf() {
    let tree = Tree::new(&[("file", "text")]);
    let mut guest = TestGuest::in_tree(&tree);
    let fd = guest.open("file", 0, FILE);
    guest.must("fd_close", &[fd]);
    // `None` stands for the descriptor. At 2000 is a path of one byte; lists of iovecs are empty.
    guest.set(2000, b"x");
    let d = None;
    let n = |number: u64| Some(number);
    let calls: &[(&str, &[Option<u64>])] = &[
        ("fd_advise", &[d, n(0), n(0), n(0)]),
        ("fd_allocate", &[d, n(0), n(1)]),
        ("fd_close", &[d]),
        ("fd_datasync", &[d]),
        ("fd_fdstat_get", &[d, n(OUT)]),
        ("fd_fdstat_set_flags", &[d, n(0)]),
        ("fd_fdstat_set_rights", &[d, n(0), n(0)]),
        ("fd_filestat_get", &[d, n(OUT)]),
        ("fd_filestat_set_size", &[d, n(0)]),
        ("fd_filestat_set_times", &[d, n(0), n(0), n(0)]),
        ("fd_pread", &[d, n(2000), n(0), n(0), n(OUT)]),
        ("fd_prestat_get", &[d, n(OUT)]),
        ("fd_prestat_dir_name", &[d, n(2000), n(1)]),
        ("fd_pwrite", &[d, n(2000), n(0), n(0), n(OUT)]),
        ("fd_read", &[d, n(2000), n(0), n(OUT)]),
        ("fd_readdir", &[d, n(2000), n(1), n(0), n(OUT)]),
        ("fd_renumber", &[d, n(0)]),
        ("fd_renumber", &[n(0), d]),
        ("fd_seek", &[d, n(0), n(0), n(OUT)]),
        ("fd_sync", &[d]),
        ("fd_tell", &[d, n(OUT)]),
        ("fd_write", &[d, n(2000), n(0), n(OUT)]),
        ("path_create_directory", &[d, n(2000), n(1)]),
        ("path_filestat_get", &[d, n(0), n(2000), n(1), n(OUT)]),
        ("path_filestat_set_times", &[d, n(0), n(2000), n(1), n(0), n(0), n(0)]),
        ("path_link", &[d, n(0), n(2000), n(1), n(0), n(2000), n(1)]),
        ("path_link", &[n(0), n(0), n(2000), n(1), d, n(2000), n(1)]),
        ("path_open", &[d, n(0), n(2000), n(1), n(0), n(0), n(0), n(0), n(OUT)]),
        ("path_readlink", &[d, n(2000), n(1), n(2100), n(1), n(OUT)]),
        ("path_remove_directory", &[d, n(2000), n(1)]),
        ("path_rename", &[d, n(2000), n(1), n(0), n(2000), n(1)]),
        ("path_rename", &[n(0), n(2000), n(1), d, n(2000), n(1)]),
        ("path_symlink", &[n(2000), n(1), d, n(2000), n(1)]),
        ("path_unlink_file", &[d, n(2000), n(1)]),
        ("sock_accept", &[d, n(0), n(OUT)]),
        ("sock_recv", &[d, n(2000), n(0), n(0), n(OUT), n(OUT + 4)]),
        ("sock_send", &[d, n(2000), n(0), n(0), n(OUT)]),
        ("sock_shutdown", &[d, n(1)]),
    ];
    for (name, args) in calls {
        for number in [fd, fd + 1, 4096, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] {
            let args: Vec<_> = args.iter().map(|arg| arg.unwrap_or(number)).collect();
            assert_eq!(guest.call(name, &args), Err(Errno::Badf), "{name} {args:?}");
        }
    }
}

#[test]
fn path_open_beyond_4096_descriptors_fails_with_emfile_until_one_is_closed() {
    let tree = Tree::new(&[("file", "text")]);
    let mut guest = Guest::default();
    for number in 0..4095 {
        guest.add_preopen(number.to_string().as_bytes(), tree.path()).unwrap();
    }
    let mut guest = TestGuest::new(guest);
    assert_eq!(guest.open("file", 0, FD_READ), 4095);
    assert_eq!(guest.try_open(0, "file", 0, FD_READ), Err(Errno::Mfile));
    assert_eq!(guest.read(4095, 9), "text");
    guest.must("fd_close", &[7]);
    assert_eq!(guest.open("file", 0, FD_READ), 7);
    assert_eq!(guest.try_open(4094, "file", 0, FD_READ), Err(Errno::Mfile));
    guest.must("fd_prestat_dir_name", &[4094, 2000, 4]);
    assert_eq!(guest.slice(2000, 4), b"4094");
}

#[cfg(unix)]
#[test]
fn a_preopen_is_the_directory_at_its_path_at_that_moment() {
    let tree = Tree::new(&[("dir/first", "")]);
    let (dir, moved) = (tree.path().join("dir"), tree.path().join("moved"));
    let mut guest = Guest::default();
    guest.add_preopen(b"/", &dir).unwrap();
    std::fs::rename(&dir, &moved).unwrap();
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("second"), "").unwrap();
    guest.add_preopen(b"/", &dir).unwrap();
    std::fs::remove_file(dir.join("second")).unwrap();
    std::fs::remove_dir(&dir).unwrap();
    std::fs::rename(&moved, &dir).unwrap();
    guest.add_preopen(b"/", &dir).unwrap();
    std::fs::write(dir.join("third"), "").unwrap();
    let mut guest = TestGuest::new(guest);
    for (fd, name, errno) in
        [(0, "first", None), (0, "third", None), (1, "third", Some(Errno::Noent)), (2, "third", None)]
    {
        assert_eq!(guest.try_open(fd, name, 0, FD_READ).err(), errno, "{name} in {fd}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn preopens_of_one_directory_share_a_handle_whatever_their_path() {
    let tree = Tree::new(&[("dir/file", "")]);
    std::os::unix::fs::symlink("dir", tree.path().join("link")).unwrap();
    let mut guest = Guest::default();
    for path in ["dir", "link", "dir/../dir/.", "dir"] {
        guest.add_preopen(b"/", &tree.path().join(path)).unwrap();
    }
    let dir = tree.path().join("dir").canonicalize().unwrap();
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let links = open.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
    assert_eq!(links.filter(|to| *to == dir).count(), 1);
}

#[test]
fn add_preopen_beyond_4096_descriptors_fails_with_emfile() {
    let tree = Tree::new(&[]);
    let mut guest = Guest::default();
    for _ in 0..4096 {
        guest.add_preopen(b"/", tree.path()).unwrap();
    }
    assert_eq!(guest.add_preopen(b"/", tree.path()), Err(Errno::Mfile));
}

#[test]
fn add_preopen_of_a_missing_path_or_a_file_fails() {
    let tree = Tree::new(&[("file", "text")]);
    let mut guest = Guest::default();
    assert_eq!(guest.add_preopen(b"/", &tree.path().join("missing")), Err(Errno::Noent));
    assert_eq!(guest.add_preopen(b"/", &tree.path().join("file")), Err(Errno::Notdir));
    assert_eq!(TestGuest::new(guest).call("fd_prestat_get", &[0, OUT]), Err(Errno::Badf));
}

#[test]
fn opening_and_closing_5000_times_leaks_no_descriptor() {
    let tree = Tree::new(&[("file", "text")]);
    let mut guest = TestGuest::in_tree(&tree);
    for _ in 0..5000 {
        guest.reset();
        let fd = guest.open("file", 0, FD_READ);
        assert_eq!(fd, 1);
        guest.must("fd_close", &[fd]);
    }
}

/// Names of rights, and a call that needs them: on a file, or in a directory with the paths of `check_rights`.
type RightsOfCall = (&'static str, &'static str, &'static [u64]);

fn bits(names: &str) -> u64 {
    names.split(' ').map(|name| Rights::from_name(name).unwrap().bits()).sum()
}

/// Checks each call on a new descriptor. Without one of its rights the call fails with `ENOTCAPABLE`. With these rights
/// only it succeeds.
fn check_rights(calls: &[RightsOfCall], open: impl Fn(&mut TestGuest) -> u64) {
    for (names, name, args) in calls {
        let needed = bits(names);
        let without = names.split(' ').map(|name| (!bits(name), Err(Errno::Notcapable)));
        for (rights, expected) in without.chain([(needed, Ok(()))]) {
            let tree = Tree::new(&[("file", "text"), ("empty/", "")]);
            #[cfg(unix)]
            std::os::unix::fs::symlink("file", tree.path().join("link")).unwrap();
            let mut guest = TestGuest::in_tree(&tree);
            for (at, path) in [(2000, "new"), (2010, "file"), (2020, "empty"), (2030, "link")] {
                guest.set(at, path.as_bytes());
            }
            let fd = open(&mut guest);
            guest.must("fd_fdstat_get", &[fd, OUT]);
            let (base, inheriting) = (guest.u64(OUT + 8), guest.u64(OUT + 16));
            assert_eq!(base & needed, needed, "{name}");
            guest.must("fd_fdstat_set_rights", &[fd, base & rights, inheriting]);
            let args: Vec<_> = args.iter().map(|arg| if *arg == u64::MAX { fd } else { *arg }).collect();
            assert_eq!(guest.call(name, &args), expected, "{name} {args:?} {names}");
        }
    }
}

const SELF: u64 = u64::MAX;

#[test]
fn each_call_on_a_file_needs_exactly_its_own_rights() {
    let calls: &[RightsOfCall] = &[
        ("FD_ADVISE", "fd_advise", &[SELF, 0, 0, 0]),
        ("FD_ALLOCATE", "fd_allocate", &[SELF, 0, 1]),
        ("FD_DATASYNC", "fd_datasync", &[SELF]),
        ("FD_FDSTAT_SET_FLAGS", "fd_fdstat_set_flags", &[SELF, 1]),
        ("FD_FILESTAT_GET", "fd_filestat_get", &[SELF, OUT]),
        ("FD_FILESTAT_SET_SIZE", "fd_filestat_set_size", &[SELF, 1]),
        ("FD_FILESTAT_SET_TIMES", "fd_filestat_set_times", &[SELF, 0, 0, 5]),
        ("FD_READ", "fd_read", &[SELF, 3000, 0, OUT]),
        ("FD_READ FD_SEEK", "fd_pread", &[SELF, 3000, 0, 0, OUT]),
        ("FD_SEEK", "fd_seek", &[SELF, 1, 0, OUT]),
        ("FD_SYNC", "fd_sync", &[SELF]),
        ("FD_TELL", "fd_tell", &[SELF, OUT]),
        ("FD_TELL", "fd_seek", &[SELF, 0, 1, OUT]),
        ("FD_WRITE", "fd_write", &[SELF, 3000, 0, OUT]),
        ("FD_WRITE FD_SEEK", "fd_pwrite", &[SELF, 3000, 0, 0, OUT]),
    ];
    check_rights(calls, |guest| guest.open("file", 0, FILE));
}

#[test]
fn each_call_on_a_directory_needs_exactly_its_own_rights() {
    let calls: &[RightsOfCall] = &[
        ("FD_READDIR", "fd_readdir", &[0, 3000, 1000, 0, OUT]),
        ("PATH_CREATE_DIRECTORY", "path_create_directory", &[0, 2000, 3]),
        ("PATH_FILESTAT_GET", "path_filestat_get", &[0, 0, 2010, 4, OUT]),
        ("PATH_FILESTAT_SET_TIMES", "path_filestat_set_times", &[0, 0, 2010, 4, 0, 0, 5]),
        ("PATH_LINK_SOURCE PATH_LINK_TARGET", "path_link", &[0, 0, 2010, 4, 0, 2000, 3]),
        ("PATH_OPEN", "path_open", &[0, 0, 2010, 4, 0, FD_READ, 0, 0, OUT]),
        ("PATH_OPEN PATH_CREATE_FILE", "path_open", &[0, 0, 2000, 3, CREAT, FD_WRITE, 0, 0, OUT]),
        ("PATH_OPEN PATH_FILESTAT_SET_SIZE", "path_open", &[0, 0, 2010, 4, 8, FD_WRITE, 0, 0, OUT]),
        #[cfg(unix)]
        ("PATH_READLINK", "path_readlink", &[0, 2030, 4, 3000, 10, OUT]),
        ("PATH_REMOVE_DIRECTORY", "path_remove_directory", &[0, 2020, 5]),
        ("PATH_RENAME_SOURCE PATH_RENAME_TARGET", "path_rename", &[0, 2010, 4, 0, 2000, 3]),
        #[cfg(unix)]
        ("PATH_SYMLINK", "path_symlink", &[2010, 4, 0, 2000, 3]),
        ("PATH_UNLINK_FILE", "path_unlink_file", &[0, 2010, 4]),
    ];
    check_rights(calls, |_| 0);
}

#[test]
fn fd_fdstat_set_rights_removes_rights_and_never_adds_any() {
    let tree = Tree::new(&[("file", "text")]);
    let mut guest = TestGuest::in_tree(&tree);
    let fd = guest.open("file", 0, FD_READ | FD_SEEK | FD_TELL);
    guest.must("fd_fdstat_set_rights", &[fd, FD_READ | FD_TELL, 0]);
    for more in [FD_READ | FD_SEEK, FD_READ | FD_WRITE, 1 << 40, u64::MAX] {
        assert_eq!(guest.call("fd_fdstat_set_rights", &[fd, more, 0]), Err(Errno::Notcapable));
        assert_eq!(guest.call("fd_fdstat_set_rights", &[fd, 0, more]), Err(Errno::Notcapable));
        guest.must("fd_fdstat_get", &[fd, OUT]);
        assert_eq!((guest.u64(OUT + 8), guest.u64(OUT + 16)), (FD_READ | FD_TELL, 0));
    }
    assert_eq!(guest.read(fd, 9), "text");
    guest.must("fd_fdstat_set_rights", &[fd, 0, 0]);
    assert_eq!(guest.call("fd_tell", &[fd, OUT]), Err(Errno::Notcapable));
    guest.must("fd_close", &[fd]);
}

#[test]
fn rights_removed_from_inheriting_can_neither_be_requested_nor_inherited() {
    let tree = Tree::new(&[("dir/file", "text")]);
    let mut guest = TestGuest::in_tree(&tree);
    let dir = guest.open("dir", 0, 0);
    guest.must("fd_fdstat_get", &[dir, OUT]);
    let (base, inheriting) = (guest.u64(OUT + 8), guest.u64(OUT + 16));
    guest.must("fd_fdstat_set_rights", &[dir, base, inheriting & !FD_WRITE & !FD_SEEK]);
    assert_eq!(guest.try_open(dir, "file", 0, FD_READ | FD_WRITE), Err(Errno::Notcapable));
    assert_eq!(guest.try_open(dir, "file", 0, 1 << 40), Err(Errno::Notcapable));
    let fd = guest.try_open(dir, "file", 0, FD_READ).unwrap();
    assert_eq!(guest.call("fd_seek", &[fd, 1, 0, OUT]), Err(Errno::Notcapable));
    assert_eq!(guest.read(fd, 9), "text");
    let inner = guest.try_open(dir, ".", 0, 0).unwrap();
    assert_eq!(guest.try_open(inner, "file", 0, FD_WRITE), Err(Errno::Notcapable));
}

#[test]
fn a_direction_not_opened_fails_with_ebadf_and_a_removed_one_with_enotcapable() {
    let tree = Tree::new(&[("file", "text")]);
    let mut guest = TestGuest::in_tree(&tree);
    let (reader, writer) = (guest.open("file", 0, FD_READ), guest.open("file", 0, FD_WRITE));
    assert_eq!(guest.call("fd_write", &[reader, 3000, 0, OUT]), Err(Errno::Badf));
    assert_eq!(guest.call("fd_read", &[writer, 3000, 0, OUT]), Err(Errno::Badf));
    let both = guest.open("file", 0, FD_READ | FD_WRITE);
    guest.must("fd_fdstat_set_rights", &[both, FD_READ, 0]);
    assert_eq!(guest.call("fd_write", &[both, 3000, 0, OUT]), Err(Errno::Notcapable));
}
