//! Pointers out of bounds fail with `EOVERFLOW` before a call has an effect. A call that fails writes no results.

mod common;

use capwasi::core::guest::Guest;
use capwasi::core::pipe::{CaptureBuffer, Input, Output, Pipe};
use capwasi::sys::errno::Errno;
use common::{CREAT, FD_READ, FILE, OUT, TRUNC, TestGuest, Tree};
use std::sync::Arc;

/// Creates a directory, and a guest with that directory as descriptor 0 and its `file` as descriptor 1.
fn fixture() -> (Tree, TestGuest) {
    let tree = Tree::new(&[("file", "text"), ("other", "other"), ("empty/", "")]);
    let mut guest = TestGuest::in_tree(&tree);
    assert_eq!(guest.open("file", 0, FILE), 1);
    guest.bytes.fill(0);
    guest.set(2000, b"file");
    guest.set(2010, b"new");
    guest.set(2020, b"empty");
    guest.set(2030, b"other");
    (tree, guest)
}

/// A call: its name, valid arguments, and for each pointer among them its index and the size of its object.
type PointerCall = (&'static str, &'static [u64], &'static [(usize, u64)]);

/// Every call that takes a pointer. Iovecs are at 2100, with 4 bytes at 2200. Subscriptions are at 2300.
const CALLS: &[PointerCall] = &[
    ("args_sizes_get", &[OUT, OUT], &[(0, 4), (1, 4)]),
    ("environ_sizes_get", &[OUT, OUT], &[(0, 4), (1, 4)]),
    ("clock_res_get", &[0, OUT], &[(1, 8)]),
    ("clock_time_get", &[0, 0, OUT], &[(2, 8)]),
    ("random_get", &[OUT, 16], &[(0, 16)]),
    ("fd_fdstat_get", &[1, OUT], &[(1, 24)]),
    ("fd_filestat_get", &[1, OUT], &[(1, 64)]),
    ("fd_prestat_get", &[0, OUT], &[(1, 8)]),
    ("fd_prestat_dir_name", &[0, OUT, 1], &[(1, 1)]),
    ("fd_read", &[1, 2100, 1, OUT], &[(1, 8), (3, 4)]),
    ("fd_pread", &[1, 2100, 1, 0, OUT], &[(1, 8), (4, 4)]),
    ("fd_write", &[1, 2100, 1, OUT], &[(1, 8), (3, 4)]),
    ("fd_pwrite", &[1, 2100, 1, 0, OUT], &[(1, 8), (4, 4)]),
    ("fd_readdir", &[0, 2200, 100, 0, OUT], &[(1, 100), (4, 4)]),
    ("fd_seek", &[1, 2, 0, OUT], &[(3, 8)]),
    ("fd_tell", &[1, OUT], &[(1, 8)]),
    ("path_create_directory", &[0, 2010, 3], &[(1, 3)]),
    ("path_filestat_get", &[0, 0, 2000, 4, OUT], &[(2, 4), (4, 64)]),
    ("path_filestat_set_times", &[0, 0, 2000, 4, 1, 1, 5], &[(2, 4)]),
    ("path_link", &[0, 0, 2000, 4, 0, 2010, 3], &[(2, 4), (5, 3)]),
    ("path_open", &[0, 0, 2010, 3, CREAT, FILE, 0, 0, OUT], &[(2, 3), (8, 4)]),
    ("path_open", &[0, 0, 2000, 4, TRUNC, FILE, 0, 0, OUT], &[(2, 4), (8, 4)]),
    ("path_readlink", &[0, 2000, 4, 2200, 100, OUT], &[(1, 4), (3, 100), (5, 4)]),
    ("path_remove_directory", &[0, 2020, 5], &[(1, 5)]),
    ("path_rename", &[0, 2000, 4, 0, 2010, 3], &[(1, 4), (4, 3)]),
    ("path_symlink", &[2000, 4, 0, 2010, 3], &[(0, 4), (3, 3)]),
    ("path_unlink_file", &[0, 2030, 5], &[(1, 5)]),
    ("poll_oneoff", &[2300, 2400, 1, OUT], &[(0, 48), (1, 32), (3, 4)]),
];

#[test]
fn a_pointer_out_of_bounds_fails_with_eoverflow_before_any_effect() {
    let (tree, mut guest) = fixture();
    let iov = guest.iovs(&[(2200, 4)]);
    let iov = guest.slice(iov, 8).to_vec();
    guest.set(2100, &iov);
    let end = guest.end();
    let before = guest.bytes.clone();
    for (name, valid, pointers) in CALLS {
        for (index, size) in *pointers {
            for bad in
                [end - size + 1, end, end + 8, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff - size + 1, 0xffff_ffff]
            {
                let mut args = valid.to_vec();
                args[*index] = bad;
                assert_eq!(guest.call(name, &args), Err(Errno::Overflow), "{name} {args:?}");
                assert!(guest.bytes == before, "{name} {args:?} wrote to memory");
            }
        }
    }
    assert_eq!(tree.names(), ["empty", "file", "other"]);
    assert_eq!((tree.text("file"), tree.text("other")), ("text".to_owned(), "other".to_owned()));
    assert_eq!(guest.call("fd_close", &[2]), Err(Errno::Badf));
    guest.must("fd_tell", &[1, OUT]);
    assert_eq!(guest.u64(OUT), 0);
    let modified = std::fs::metadata(tree.path().join("file")).unwrap().modified().unwrap();
    assert!(modified.elapsed().unwrap().as_secs() < 3600, "the times of the file were changed");
}

#[test]
fn a_pointer_to_the_last_bytes_of_memory_succeeds() {
    for (name, valid, pointers) in CALLS {
        for (index, size) in *pointers {
            let (_tree, mut guest) = fixture();
            guest.set(2100, &[0x98, 8, 0, 0, 4, 0, 0, 0]);
            let mut args = valid.to_vec();
            args[*index] = guest.end() - size;
            guest
                .bytes
                .copy_within(valid[*index] as usize..(valid[*index] + size) as usize, args[*index] as usize);
            let expected = if *name == "path_readlink" { Err(Errno::Inval) } else { Ok(()) };
            assert_eq!(guest.call(name, &args), expected, "{name} {args:?}");
        }
    }
}

#[test]
fn a_length_beyond_memory_fails_with_eoverflow() {
    let (tree, mut guest) = fixture();
    let before = guest.bytes.clone();
    // The number is the index of a length or count, which follows its pointer.
    for (name, valid, index) in [
        ("random_get", &[2000, 0][..], 1),
        ("fd_prestat_dir_name", &[0, 2000, 0], 2),
        ("fd_read", &[1, 2000, 0, OUT], 2),
        ("fd_write", &[1, 2000, 0, OUT], 2),
        ("fd_pread", &[1, 2000, 0, 0, OUT], 2),
        ("fd_pwrite", &[1, 2000, 0, 0, OUT], 2),
        ("fd_readdir", &[0, 2000, 0, 0, OUT], 2),
        ("path_create_directory", &[0, 2010, 0], 2),
        ("path_readlink", &[0, 2000, 4, 2200, 0, OUT], 4),
        ("path_symlink", &[2000, 0, 0, 2010, 3], 1),
        ("path_open", &[0, 0, 2010, 0, CREAT, FILE, 0, 0, OUT], 3),
        ("poll_oneoff", &[2000, 2000, 0, OUT], 2),
    ] {
        for bad in [guest.end(), 0x1000_0000, 0x2000_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_ffff]
        {
            let mut args = valid.to_vec();
            args[index] = bad;
            assert_eq!(guest.call(name, &args), Err(Errno::Overflow), "{name} {args:?}");
        }
    }
    assert!(guest.bytes == before);
    assert_eq!(tree.names(), ["empty", "file", "other"]);
}

#[test]
fn one_buffer_out_of_bounds_fails_the_whole_transfer() {
    let (tree, mut guest) = fixture();
    let end = guest.end();
    for bad in [
        (end - 3, 4),
        (end, 1),
        (end + 1, 0),
        (0, end + 1),
        (0xffff_ffff, 1),
        (0xffff_fffc, 8),
        (0x8000_0000, 0x8000_0000),
    ] {
        for regions in [vec![bad], vec![(2200, 4), bad], vec![bad, (2200, 4)]] {
            guest.reset();
            let iovs = guest.iovs(&regions);
            let count = regions.len() as u64;
            for (name, offset) in
                [("fd_read", None), ("fd_write", None), ("fd_pread", Some(0)), ("fd_pwrite", Some(0))]
            {
                let args: Vec<_> = [1, iovs, count].into_iter().chain(offset).chain([OUT]).collect();
                assert_eq!(guest.call(name, &args), Err(Errno::Overflow), "{name} {regions:?}");
                assert_eq!((guest.u32(OUT), guest.slice(2200, 4)), (0, &[0; 4][..]), "{name} {regions:?}");
            }
            assert_eq!(guest.call("sock_send", &[1, iovs, count, 0, OUT]), Err(Errno::Overflow));
            assert_eq!(guest.call("sock_recv", &[1, iovs, count, 0, OUT, OUT + 4]), Err(Errno::Overflow));
        }
    }
    assert_eq!(tree.text("file"), "text");
}

#[test]
fn a_call_that_fails_writes_no_results() {
    let (_tree, mut guest) = fixture();
    guest.set(2100, &[0x98, 8, 0, 0, 4, 0, 0, 0]);
    let before = guest.bytes.clone();
    for (name, args) in [
        ("clock_res_get", &[4, 2500][..]),
        ("clock_time_get", &[4, 0, 2500]),
        ("fd_fdstat_get", &[9, 2500]),
        ("fd_filestat_get", &[9, 2500]),
        ("fd_prestat_get", &[1, 2500]),
        ("fd_prestat_dir_name", &[0, 2500, 0]),
        ("fd_read", &[0, 2100, 1, 2500]),
        ("fd_pread", &[1, 2100, 1, 1 << 63, 2500]),
        ("fd_write", &[0, 2100, 1, 2500]),
        ("fd_pwrite", &[1, 2100, 1, 1 << 63, 2500]),
        ("fd_readdir", &[1, 2500, 100, 0, 2600]),
        ("fd_seek", &[1, 0, 3, 2500]),
        ("fd_seek", &[1, 1 << 63, 0, 2500]),
        ("fd_tell", &[0, 2500]),
        ("path_filestat_get", &[0, 0, 2010, 3, 2500]),
        ("path_open", &[0, 0, 2010, 3, 0, FD_READ, 0, 0, 2500]),
        ("path_readlink", &[0, 2000, 4, 2500, 100, 2600]),
        ("poll_oneoff", &[2300, 2400, 0, 2500]),
        ("sock_accept", &[1, 0, 2500]),
        ("sock_recv", &[1, 2100, 1, 0, 2500, 2504]),
        ("sock_send", &[1, 2100, 1, 0, 2500]),
    ] {
        assert!(guest.call(name, args).is_err(), "{name} {args:?}");
        assert!(guest.bytes == before, "{name} {args:?}");
    }
}

#[test]
fn poll_oneoff_with_an_unknown_type_writes_no_events() {
    let (_tree, mut guest) = fixture();
    let subscriptions = guest.subscription(1, 0, 1, 0, 0);
    guest.subscription(2, 9, 0, 0, 0);
    let before = guest.bytes.clone();
    assert_eq!(guest.call("poll_oneoff", &[subscriptions, 2400, 2, OUT]), Err(Errno::Inval));
    assert!(guest.bytes == before);
}

#[test]
fn results_may_overwrite_their_arguments() {
    let (_tree, mut guest) = fixture();
    guest.must("path_filestat_get", &[0, 0, 2000, 4, 2000]);
    assert_eq!(guest.u64(2000 + 32), 4);
    let subscriptions = guest.subscription(7, 0, 1, 0, 0);
    guest.must("poll_oneoff", &[subscriptions, subscriptions, 1, subscriptions]);
    assert_eq!(guest.u32(subscriptions), 1);
    let iovs = guest.iovs(&[(2600, 4)]);
    guest.must("fd_read", &[1, iovs, 1, iovs]);
    assert_eq!((guest.u32(iovs), guest.slice(2600, 4)), (4, &b"text"[..]));
}

/// Makes no system call that Miri lacks, so that Miri can check the accesses of `core/memory.rs`.
#[test]
fn objects_at_the_end_of_memory_fit_or_fail_with_eoverflow_at_every_alignment() {
    let output = Arc::new(CaptureBuffer::at_most(u64::MAX));
    let mut guest = Guest::default();
    guest.add_pipe(Pipe::Input(Input::from_bytes(vec![7; 4096]))).unwrap();
    guest.add_pipe(Pipe::Output(Output::Capture(output))).unwrap();
    let mut guest = TestGuest::new(guest).with_strings(&["program"], &[]);
    guest.bytes = vec![0; 3000];
    let end = guest.end();
    let due = guest.subscription(9, 0, 1, 0, 0);
    let calls: &[(&str, &[u64], usize, u64)] = &[
        ("args_sizes_get", &[OUT, OUT], 1, 4),
        ("args_get", &[OUT, OUT], 1, 8),
        ("clock_time_get", &[1, 0, OUT], 2, 8),
        ("random_get", &[OUT, 13], 0, 13),
        ("fd_fdstat_get", &[0, OUT], 1, 24),
        ("fd_filestat_get", &[0, OUT], 1, 64),
        ("poll_oneoff", &[due, OUT, 1, OUT], 1, 32),
        ("poll_oneoff", &[due, OUT, 1, OUT], 3, 4),
    ];
    for (name, args, index, size) in calls {
        for distance in 0..size + 9 {
            let mut args = args.to_vec();
            args[*index] = end - distance;
            let expected = if distance < *size { Err(Errno::Overflow) } else { Ok(()) };
            assert_eq!(guest.call(name, &args), expected, "{name} {args:?}");
        }
    }
    for name in ["fd_read", "fd_write"] {
        let fd = u64::from(name == "fd_write");
        for (distance, len) in (0..20).flat_map(|distance| (0..20).map(move |len| (distance, len))) {
            guest.reset();
            let iovs = guest.iovs(&[(end - distance, len), (1500 + distance, len)]);
            let expected = if distance < len { Err(Errno::Overflow) } else { Ok(()) };
            assert_eq!(guest.call(name, &[fd, iovs, 2, OUT]), expected, "{name} {distance} {len}");
        }
    }
}

/// The largest memory. Untouched pages take no space.
#[cfg(all(unix, target_pointer_width = "64"))]
#[test]
fn the_last_bytes_of_a_4_gib_memory_are_usable() {
    let (_tree, mut guest) = fixture();
    guest.bytes = vec![0; 1 << 32];
    let end = guest.end();
    guest.must("args_sizes_get", &[end - 4, end - 8]);
    guest.must("clock_time_get", &[1, 0, end - 8]);
    guest.must("fd_filestat_get", &[1, end - 64]);
    assert_eq!(guest.u64(end - 32), 4);
    guest.set(end - 4, b"file");
    guest.must("path_filestat_get", &[0, 0, end - 4, 4, OUT]);
    let iovs = guest.iovs(&[(end - 4, 4)]);
    guest.must("fd_read", &[1, iovs, 1, OUT]);
    assert_eq!(guest.slice(end - 4, 4), b"text");
    guest.must("fd_prestat_dir_name", &[0, end - 1, 1]);
    assert_eq!(guest.slice(end - 1, 1), b"/");
    guest.must("fd_readdir", &[0, end - 51, 51, 0, OUT]);
    assert_eq!((guest.u32(OUT), guest.slice(end - 2, 2)), (51, &b".."[..]));
}

#[cfg(all(unix, target_pointer_width = "64"))]
#[test]
fn random_get_fills_a_4_gib_memory_to_its_end() {
    let mut guest = fixture().1;
    guest.bytes = vec![0; 1 << 32];
    let end = guest.end();
    guest.must("random_get", &[end - 1000, 1000]);
    for (at, len) in [(end - 1, 2), (end - 8, 0xffff_ffff), (0xffff_ffff, 2)] {
        assert_eq!(guest.call("random_get", &[at, len]), Err(Errno::Overflow));
    }
}
