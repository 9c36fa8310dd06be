//! The calls of each family: successful calls with raw core values, and numbers outside their enumeration.

mod common;

use capwasi::core::guest::Guest;
use capwasi::core::outcome::Outcome;
use capwasi::core::restart::RestartState;
use capwasi::core::strings::Strings;
use capwasi::sys::errno::Errno;
use common::{CREAT, DIRECTORY, EXCL, FD_READ, FD_WRITE, FILE, OUT, TRUNC, TestGuest, Tree};

const SECOND: u64 = 1_000_000_000;

fn guest_with_strings() -> TestGuest {
    TestGuest::new(Guest::default()).with_strings(&["program", "", "\u{e9}"], &["KEY=value"])
}

#[test]
fn args_get_writes_nul_terminated_strings_in_order() {
    let mut guest = guest_with_strings();
    guest.must("args_sizes_get", &[OUT, OUT + 4]);
    assert_eq!((guest.u32(OUT), guest.u32(OUT + 4)), (3, 12));
    let (pointers, buffer) = (guest.alloc(12), guest.alloc(12));
    guest.must("args_get", &[pointers, buffer]);
    assert_eq!([0, 4, 8].map(|at| guest.u32(pointers + at) - buffer), [0, 8, 9]);
    assert_eq!(guest.slice(buffer, 12), b"program\0\0\xc3\xa9\0");
}

#[test]
fn environ_get_writes_nul_terminated_strings() {
    let mut guest = guest_with_strings();
    guest.must("environ_sizes_get", &[OUT, OUT + 4]);
    assert_eq!((guest.u32(OUT), guest.u32(OUT + 4)), (1, 10));
    guest.must("environ_get", &[2000, 2008]);
    assert_eq!(guest.u32(2000), 2008);
    assert_eq!(guest.slice(2008, 10), b"KEY=value\0");
}

#[test]
fn an_argument_with_a_nul_byte_fails_with_einval() {
    let mut strings = Strings::default();
    assert_eq!(strings.args.push(b"a\0b"), Err(Errno::Inval));
    let mut guest = TestGuest::new(Guest::default());
    guest.strings = strings.into();
    guest.must("args_sizes_get", &[OUT, OUT + 4]);
    assert_eq!(guest.u32(OUT), 0);
}

#[test]
fn every_clock_returns_a_time_and_a_resolution() {
    let mut guest = TestGuest::new(Guest::default());
    for clock in 0..4 {
        guest.must("clock_res_get", &[clock, OUT]);
        assert!((1..=SECOND).contains(&guest.u64(OUT)), "clock {clock}");
        guest.must("clock_time_get", &[clock, u64::MAX, OUT]);
        let first = guest.u64(OUT);
        guest.must("clock_time_get", &[clock, 0, OUT]);
        assert!(guest.u64(OUT) >= first || clock == 0, "clock {clock}");
    }
}

#[test]
fn random_get_fills_the_buffer_and_nothing_else() {
    let mut guest = TestGuest::new(Guest::default());
    for len in [0, 1, 7, 511, 512, 513, 5000] {
        guest.bytes.fill(0);
        guest.must("random_get", &[3001, len]);
        let (before, rest) = guest.bytes.split_at(3001);
        let (buffer, after) = rest.split_at(len as usize);
        assert!(before.iter().chain(after).all(|byte| *byte == 0), "{len}");
        assert!(len < 16 || buffer.iter().any(|byte| *byte != 0), "{len}");
    }
}

#[test]
fn proc_exit_returns_its_code_and_proc_raise_fails_with_enotsup() {
    let mut guest = TestGuest::new(Guest::default());
    for code in [0, 7, u32::MAX] {
        let exit = guest.call_once("proc_exit", &[code.into()], RestartState::default());
        assert!(matches!(exit, Err(Outcome::Exit(exited)) if exited == code), "{exit:?}");
    }
    for signal in [0, 9, 15, 255, 0xffff_ffff] {
        assert_eq!(guest.call("proc_raise", &[signal]), Err(Errno::Notsup));
    }
    guest.must("sched_yield", &[]);
}

#[test]
fn a_file_can_be_written_sought_and_read() {
    let tree = Tree::new(&[]);
    let mut guest = TestGuest::in_tree(&tree);
    let fd = guest.open("file", CREAT | EXCL, FILE);
    assert_eq!(guest.write(fd, "hello world"), 11);
    guest.must("fd_tell", &[fd, OUT]);
    assert_eq!(guest.u64(OUT), 11);
    guest.must("fd_seek", &[fd, (-5_i64).cast_unsigned(), 2, OUT]);
    assert_eq!(guest.u64(OUT), 6);
    assert_eq!(guest.read(fd, 100), "world");
    assert_eq!(guest.read(fd, 100), "");
    guest.must("fd_sync", &[fd]);
    guest.must("fd_datasync", &[fd]);
    assert_eq!(tree.text("file"), "hello world");
}

#[test]
fn vectored_calls_use_buffers_in_list_order_even_if_they_overlap() {
    let tree = Tree::new(&[("file", "0123456789")]);
    let mut guest = TestGuest::in_tree(&tree);
    let fd = guest.open("file", 0, FILE);
    let iovs = guest.iovs(&[(3000, 2), (2000, 0), (2000, 3), (2001, 1)]);
    guest.must("fd_pread", &[fd, iovs, 4, 4, OUT]);
    assert_eq!((guest.u32(OUT), guest.slice(3000, 2), guest.slice(2000, 3)), (6, &b"45"[..], &b"698"[..]));
    guest.must("fd_pwrite", &[fd, iovs, 4, 1, OUT]);
    assert_eq!(guest.u32(OUT), 6);
    assert_eq!(tree.text("file"), "0456989789");
    guest.must("fd_tell", &[fd, OUT]);
    assert_eq!(guest.u64(OUT), 0);
}

#[test]
fn a_transfer_of_3000_buffers_is_complete() {
    let tree = Tree::new(&[]);
    let mut guest = TestGuest::in_tree(&tree);
    let fd = guest.open("file", CREAT, FILE);
    let text: String = (0..3000).map(|at| char::from(b'a' + (at % 26) as u8)).collect();
    let at = guest.put(&text);
    let regions: Vec<_> = (0..3000).map(|index| (at + index, 1)).collect();
    let iovs = guest.iovs(&regions);
    guest.must("fd_write", &[fd, iovs, 3000, OUT]);
    assert_eq!(guest.u32(OUT), 3000);
    assert_eq!(tree.text("file"), text);
    guest.bytes[at as usize..][..3000].fill(0);
    guest.must("fd_pread", &[fd, iovs, 3000, 0, OUT]);
    assert_eq!((guest.u32(OUT), guest.slice(at, 3000)), (3000, text.as_bytes()));
}

#[test]
fn more_than_1048576_buffers_fail_with_einval_or_eoverflow_if_out_of_bounds() {
    const MAX: u64 = 1 << 20;
    let tree = Tree::new(&[]);
    let mut guest = TestGuest::in_tree(&tree);
    guest.bytes.resize(4096 + 8 * (MAX as usize + 1), 0);
    let fd = guest.open("file", CREAT, FILE);
    let (iovs, last) = (4096, 4096 + 8 * (MAX - 1));
    guest.set(512, b"the last");
    guest.set(last, &[0, 2, 0, 0, 8, 0, 0, 0]);
    guest.must("fd_write", &[fd, iovs, MAX, OUT]);
    assert_eq!((guest.u32(OUT), tree.text("file").as_str()), (8, "the last"));
    let calls: &[(&str, &[u64])] =
        &[("fd_pread", &[0]), ("fd_pwrite", &[0]), ("fd_read", &[]), ("fd_write", &[])];
    for (name, offset) in calls {
        for (count, errno) in [(MAX + 1, Errno::Inval), (MAX + 2, Errno::Overflow)] {
            let args = [&[fd, iovs, count], *offset, &[OUT]].concat();
            assert_eq!(guest.call(name, &args), Err(errno), "{name} of {count}");
        }
    }
    assert_eq!(tree.text("file"), "the last");
}

#[test]
fn more_than_65536_subscriptions_fail_with_einval_or_eoverflow_if_out_of_bounds() {
    const MAX: u64 = 1 << 16;
    for (mut guest, size) in
        [(TestGuest::new(Guest::default()), 48), (TestGuest::new(Guest::default()).unstable(), 56)]
    {
        let events = 4096 + size * (MAX + 1);
        guest.bytes.resize((events + 32 * (MAX + 1)) as usize, 0);
        guest.must("poll_oneoff", &[4096, events, MAX, OUT]);
        assert_eq!(guest.u32(OUT), MAX);
        assert_eq!(guest.call("poll_oneoff", &[4096, events, MAX + 1, OUT]), Err(Errno::Inval));
        assert_eq!(guest.call("poll_oneoff", &[4096, events, MAX + 2, OUT]), Err(Errno::Overflow));
    }
}

#[test]
fn filestat_get_returns_the_size_and_times_that_were_set() {
    let tree = Tree::new(&[("file", "12345")]);
    let mut guest = TestGuest::in_tree(&tree);
    let fd = guest.open("file", 0, FILE);
    guest.must("fd_filestat_set_size", &[fd, 2]);
    assert_eq!(tree.text("file"), "12");
    guest.must("fd_allocate", &[fd, 0, 100]);
    guest.must("fd_advise", &[fd, 0, 100, 3]);
    guest.must("fd_filestat_set_times", &[fd, SECOND + 1, 2 * SECOND + 2, 1 | 4]);
    guest.must("fd_filestat_get", &[fd, OUT]);
    assert_eq!((guest.bytes[OUT as usize + 16], guest.u64(OUT + 24), guest.u64(OUT + 32)), (4, 1, 100));
    #[cfg(unix)]
    assert_eq!((guest.u64(OUT + 40), guest.u64(OUT + 48)), (SECOND + 1, 2 * SECOND + 2));
    let path = guest.put("file");
    guest.must("path_filestat_set_times", &[0, 0, path, 4, 3 * SECOND + 300, 0, 1]);
    guest.must("path_filestat_get", &[0, 0, path, 4, OUT + 64]);
    assert_eq!(guest.u64(OUT + 64 + 40), 3 * SECOND + 300);
    assert_eq!(guest.slice(OUT, 40), guest.slice(OUT + 64, 40));
    assert_eq!(guest.u64(OUT + 48), guest.u64(OUT + 64 + 48));
}

#[test]
fn paths_can_be_created_linked_renamed_listed_and_removed() {
    let tree = Tree::new(&[("file", "text")]);
    let mut guest = TestGuest::in_tree(&tree);
    let (file, dir, hard, moved) =
        (guest.put("file"), guest.put("dir"), guest.put("dir/hard"), guest.put("moved"));
    guest.must("path_create_directory", &[0, dir, 3]);
    guest.must("path_link", &[0, 0, file, 4, 0, hard, 8]);
    guest.must("path_rename", &[0, file, 4, 0, moved, 5]);
    assert_eq!(tree.names(), ["dir", "moved"]);
    assert_eq!(guest.call("path_remove_directory", &[0, dir, 3]), Err(Errno::Notempty));
    guest.must("path_unlink_file", &[0, hard, 8]);
    guest.must("path_remove_directory", &[0, dir, 3]);
    assert_eq!(tree.names(), ["moved"]);
    guest.must("fd_readdir", &[0, 4000, 1000, 0, OUT]);
    assert_eq!(guest.u32(OUT), 24 * 3 + 1 + 2 + 5);
    assert_eq!(guest.slice(4000 + 24, 1), b".");
    assert_eq!(guest.slice(4025 + 24, 2), b"..");
    assert_eq!(guest.slice(4051 + 24, 5), b"moved");
    assert_eq!((guest.u64(4000), guest.u64(4025), guest.u64(4051)), (1, 2, 3));
}

#[cfg(unix)]
#[test]
fn a_symlink_is_followed_only_with_symlink_follow() {
    let tree = Tree::new(&[("file", "text")]);
    let mut guest = TestGuest::in_tree(&tree);
    let (file, link) = (guest.put("file"), guest.put("link"));
    guest.must("path_symlink", &[file, 4, 0, link, 4]);
    guest.must("path_readlink", &[0, link, 4, 2000, 100, OUT]);
    assert_eq!((guest.u32(OUT), guest.slice(2000, 5)), (4, &b"file\0"[..]));
    for (follow, filetype) in [(0, 7), (1, 4)] {
        guest.must("path_filestat_get", &[0, follow, link, 4, OUT]);
        assert_eq!(guest.bytes[OUT as usize + 16], filetype);
    }
    assert_eq!(guest.call("path_open", &[0, 0, link, 4, 0, FD_READ, 0, 0, OUT]), Err(Errno::Loop));
    guest.must("path_open", &[0, 1, link, 4, 0, FD_READ, 0, 0, OUT]);
}

#[test]
fn path_open_obeys_its_flags() {
    let tree = Tree::new(&[("file", "text"), ("dir/", "")]);
    let mut guest = TestGuest::in_tree(&tree);
    assert_eq!(guest.try_open(0, "file", CREAT | EXCL, FD_WRITE), Err(Errno::Exist));
    assert_eq!(guest.try_open(0, "new", 0, FD_WRITE), Err(Errno::Noent));
    assert_eq!(guest.try_open(0, "file", DIRECTORY, FD_READ), Err(Errno::Notdir));
    assert_eq!(guest.try_open(0, "dir", 0, FD_WRITE), Err(Errno::Isdir));
    assert_eq!(guest.try_open(0, "new", CREAT | DIRECTORY, FD_READ), Err(Errno::Inval));
    assert_eq!(tree.names(), ["dir", "file"]);
    assert_eq!(tree.text("file"), "text");
    guest.open("file", TRUNC, FD_WRITE);
    assert_eq!(tree.text("file"), "");
}

#[test]
fn an_unknown_enumeration_number_fails_with_einval() {
    let tree = Tree::new(&[("file", "text")]);
    let mut guest = TestGuest::in_tree(&tree);
    let fd = guest.open("file", 0, FILE);
    for number in [0x100, 0x1_0000, 0x8000_0000, 0xffff_ffff] {
        assert_eq!(guest.call("clock_time_get", &[number, 0, OUT]), Err(Errno::Inval));
        assert_eq!(guest.call("clock_res_get", &[number, OUT]), Err(Errno::Inval));
        assert_eq!(guest.call("fd_seek", &[fd, 0, number, OUT]), Err(Errno::Inval));
        assert_eq!(guest.call("fd_advise", &[fd, 0, 0, number]), Err(Errno::Inval));
    }
    assert_eq!(guest.call("clock_time_get", &[4, 0, OUT]), Err(Errno::Inval));
    assert_eq!(guest.call("fd_seek", &[fd, 0, 3, OUT]), Err(Errno::Inval));
    assert_eq!(guest.call("fd_advise", &[fd, 0, 0, 6]), Err(Errno::Inval));
    let subscription = guest.subscription(0, 3, 0, 0, 0);
    assert_eq!(guest.call("poll_oneoff", &[subscription, 4000, 1, OUT]), Err(Errno::Inval));
    assert_eq!(guest.call("fd_filestat_set_times", &[fd, 0, 0, 1 | 2]), Err(Errno::Inval));
    assert_eq!(guest.call("fd_filestat_set_times", &[fd, 0, 0, 4 | 8]), Err(Errno::Inval));
}

#[test]
fn snapshot_0_numbers_whence_from_cur() {
    let tree = Tree::new(&[("file", "0123456789")]);
    let mut guest = TestGuest::in_tree(&tree).unstable();
    let fd = guest.open("file", 0, FILE);
    for (offset, whence, expected) in [(4, 2, 4), (3, 0, 7), (-1, 1, 9), (0, 2, 0)] {
        guest.must("fd_seek", &[fd, i64::cast_unsigned(offset), whence, OUT]);
        assert_eq!(guest.u64(OUT), expected);
    }
    assert_eq!(guest.call("fd_seek", &[fd, 0, 3, OUT]), Err(Errno::Inval));
}

#[test]
fn snapshot_0_stores_a_filestat_in_56_bytes() {
    let tree = Tree::new(&[("file", "0123456789")]);
    let mut guest = TestGuest::in_tree(&tree).unstable();
    let fd = guest.open("file", 0, FILE);
    let path = guest.put("file");
    for (name, args) in
        [("fd_filestat_get", &[fd, 2000][..]), ("path_filestat_get", &[0, 0, path, 4, 2000][..])]
    {
        guest.bytes[2000..2064].fill(0xaa);
        guest.must(name, args);
        assert_eq!((guest.bytes[2016], guest.u32(2020), guest.u64(2024)), (4, 1, 10), "{name}");
        assert_eq!(guest.slice(2056, 8), [0xaa; 8], "{name}");
    }
}

#[test]
fn snapshot_0_polls_subscriptions_of_56_bytes() {
    let tree = Tree::new(&[("file", "0123456789")]);
    let mut guest = TestGuest::in_tree(&tree).unstable();
    let fd = guest.open("file", 0, FILE);
    let at = guest.alloc(2 * 56);
    // A clock: an identifier, the monotonic clock, timeout 0 and no flags.
    guest.set(at, &7_u64.to_le_bytes());
    guest.set(at + 16, &u64::MAX.to_le_bytes());
    guest.set(at + 24, &1_u32.to_le_bytes());
    // A descriptor.
    guest.set(at + 56, &8_u64.to_le_bytes());
    guest.set(at + 56 + 8, &[1]);
    guest.set(at + 56 + 16, &(fd as u32).to_le_bytes());
    guest.must("poll_oneoff", &[at, 4000, 2, OUT]);
    assert_eq!(guest.u32(OUT), 2);
    assert_eq!((guest.u64(4000), guest.u16(4008), guest.bytes[4010]), (7, 0, 0));
    assert_eq!((guest.u64(4032), guest.u16(4040), guest.bytes[4042], guest.u64(4048)), (8, 0, 1, 10));
}

#[test]
fn an_unknown_flag_fails_with_einval_in_every_call() {
    let tree = Tree::new(&[("file", "text")]);
    let mut guest = TestGuest::in_tree(&tree);
    let fd = guest.open("file", 0, FILE);
    let path = guest.put("file");
    let new = guest.put("new");
    let iovs = guest.iovs(&[(2000, 1)]);
    for (name, args) in [
        ("fd_fdstat_set_flags", &[fd, 1 << 5][..]),
        ("fd_fdstat_set_flags", &[fd, 1 << 16]),
        ("fd_filestat_set_times", &[fd, 0, 0, 1 << 4]),
        ("path_filestat_get", &[0, 2, path, 4, OUT]),
        ("path_filestat_set_times", &[0, 1 << 31, path, 4, 0, 0, 0]),
        ("path_filestat_set_times", &[0, 0, path, 4, 0, 0, 1 << 4]),
        ("path_link", &[0, 2, path, 4, 0, new, 3]),
        ("path_open", &[0, 2, path, 4, 0, FD_READ, 0, 0, OUT]),
        ("path_open", &[0, 0, new, 3, CREAT | 1 << 4, FD_WRITE, 0, 0, OUT]),
        ("path_open", &[0, 0, new, 3, CREAT, FD_WRITE, 0, 1 << 5, OUT]),
        ("sock_accept", &[fd, 1 << 5, OUT]),
        ("sock_recv", &[fd, iovs, 1, 1 << 2, OUT, OUT + 4]),
        ("sock_send", &[fd, iovs, 1, 1, OUT]),
        ("sock_shutdown", &[fd, 1 << 2]),
    ] {
        assert_eq!(guest.call(name, args), Err(Errno::Inval), "{name} {args:?}");
    }
    assert_eq!(tree.names(), ["file"]);
    let subscription = guest.subscription(0, 0, 0, 0, 2);
    guest.must("poll_oneoff", &[subscription, 2000, 1, OUT]);
    assert_eq!((guest.u32(OUT), guest.u16(2008)), (1, Errno::Inval as u16));
}
