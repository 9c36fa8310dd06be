//! Overlays: the changes of a guest, and a lower directory that stays unchanged.

mod common;

use capwasi::core::directory::Directory;
use capwasi::core::fs::memory::MemoryDirectory;
use capwasi::core::fs::space::SpaceLimits;
use capwasi::sys::errno::Errno;
use common::directories::{
    changes, guest, limits, list, names, over, path_call, rename, stat, symlink, text, write,
};
use common::{CREAT, DIRECTORY, FD_READ, FD_WRITE, FILE, OUT, TRUNC, TestGuest, Tree, UMASK};
use std::collections::BTreeSet;
use std::fs;

/// All rights that a directory passes on, and those to open and create in it.
const INHERITING: u64 = 0x0fff_ffff;
const PATHS: u64 = 1 << 9 | 1 << 10 | 1 << 13;

#[test]
fn a_guest_changes_the_overlay_and_not_the_lower_directory() {
    let tree = Tree::new(&[("a", "lower a"), ("dir/b", "lower b"), ("dir/c", "lower c")]);
    let (overlay, mut guest) = over(&tree, SpaceLimits::default());
    assert_eq!(text(&mut guest, "dir/b"), "lower b");
    assert_eq!(changes(&overlay), [""; 0]);
    write(&mut guest, "dir/b", "upper");
    path_call(&mut guest, "path_unlink_file", "a").unwrap();
    rename(&mut guest, "dir", "moved").unwrap();
    assert_eq!(text(&mut guest, "moved/b"), "upper");
    assert_eq!(text(&mut guest, "moved/c"), "lower c");
    assert_eq!(names(&mut guest, "."), ["moved"]);
    assert_eq!(changes(&overlay), ["- f a", "- d dir", "+ d moved", "+ f moved/b", "+ f moved/c"]);
    assert_eq!((tree.text("a"), tree.text("dir/b")), ("lower a".into(), "lower b".into()));
}

#[test]
fn changes_that_are_undone_are_not_listed() {
    let tree = Tree::new(&[("a", "a"), ("dir/sub/b", "b"), ("empty/", "")]);
    let (overlay, mut guest) = over(&tree, SpaceLimits::default());
    write(&mut guest, "dir/sub/new", "");
    path_call(&mut guest, "path_unlink_file", "dir/sub/new").unwrap();
    for (from, to) in [("a", "x"), ("x", "dir/x"), ("dir/x", "a"), ("dir", "d"), ("d/sub", "s")] {
        rename(&mut guest, from, to).unwrap();
    }
    for (from, to) in [("s", "d/sub"), ("d", "dir")] {
        rename(&mut guest, from, to).unwrap();
    }
    path_call(&mut guest, "path_remove_directory", "empty").unwrap();
    path_call(&mut guest, "path_create_directory", "empty").unwrap();
    assert_eq!(changes(&overlay), [""; 0]);
    assert_eq!(overlay.usage(), (0, 2), "the file, which counts while it is stored, and the new directory");
}

#[test]
fn changes_are_sorted_and_name_the_new_type() {
    let tree = Tree::new(&[("a/x", "x"), ("a-b", "1"), ("f", "f"), ("d/below", "b")]);
    let (overlay, mut guest) = over(&tree, SpaceLimits::default());
    write(&mut guest, "a/x", "changed");
    write(&mut guest, "a-b", "2");
    path_call(&mut guest, "path_unlink_file", "f").unwrap();
    path_call(&mut guest, "path_create_directory", "f").unwrap();
    write(&mut guest, "f/in", "");
    path_call(&mut guest, "path_unlink_file", "d/below").unwrap();
    path_call(&mut guest, "path_remove_directory", "d").unwrap();
    symlink(&mut guest, "a", "d");
    assert_eq!(changes(&overlay), ["~ f a-b", "~ f a/x", "~ l d", "~ d f", "+ f f/in"]);
}

#[test]
fn an_open_lower_file_shows_changes_through_other_descriptors_and_names() {
    let tree = Tree::new(&[("dir/file", "lower")]);
    let (_, mut guest) = over(&tree, SpaceLimits::default());
    let reader = guest.open("dir/file", 0, FILE & !FD_WRITE);
    let writer = guest.open("dir/file", 0, FD_WRITE);
    rename(&mut guest, "dir", "moved").unwrap();
    rename(&mut guest, "moved/file", "file").unwrap();
    guest.write(writer, "UP");
    assert_eq!(guest.read(reader, 10), "UPwer");
    assert_eq!(text(&mut guest, "file"), "UPwer");
    path_call(&mut guest, "path_unlink_file", "file").unwrap();
    guest.write(writer, "PE");
    let at = guest.alloc(8);
    let iovs = guest.iovs(&[(at, 8)]);
    guest.must("fd_pread", &[reader, iovs, 1, 0, OUT]);
    assert_eq!(guest.slice(at, 5), b"UPPEr");
    assert_eq!(tree.text("dir/file"), "lower");
}

#[cfg(unix)]
#[test]
fn hard_links_of_the_lower_directory_are_one_file() {
    let tree = Tree::new(&[("a", "lower"), ("dir/", "")]);
    fs::hard_link(tree.path().join("a"), tree.path().join("dir/b")).unwrap();
    let (overlay, mut guest) = over(&tree, SpaceLimits::default());
    assert_eq!(stat(&mut guest, "a").2, 2);
    write(&mut guest, "a", "changed");
    assert_eq!(text(&mut guest, "dir/b"), "changed");
    assert_eq!(changes(&overlay), ["~ f a", "~ f dir/b"]);
    path_call(&mut guest, "path_unlink_file", "a").unwrap();
    assert_eq!((text(&mut guest, "dir/b"), stat(&mut guest, "dir/b").2), ("changed".into(), 1));
    assert_eq!(changes(&overlay), ["- f a", "~ f dir/b"]);
    path_call(&mut guest, "path_unlink_file", "dir/b").unwrap();
    assert_eq!(overlay.usage(), (0, 0));
    assert_eq!(changes(&overlay), ["- f a", "- f dir/b"]);
}

#[test]
fn limits_fail_with_enospc() {
    let tree = Tree::new(&[("big", &"x".repeat(100_000)), ("small", "s"), ("other", "o")]);
    let (overlay, mut guest) = over(&tree, limits(64 << 10, 2));
    let fd = guest.open("big", 0, FD_WRITE);
    let at = guest.put("y");
    let iovs = guest.iovs(&[(at, 1)]);
    assert_eq!(guest.call("fd_write", &[fd, iovs, 1, OUT]), Err(Errno::Nospc));
    guest.must("fd_filestat_set_size", &[fd, 10]);
    write(&mut guest, "small", "S");
    assert_eq!(overlay.usage().1, 2);
    assert_eq!(guest.try_open(0, "other", TRUNC, FD_WRITE), Err(Errno::Nospc));
    assert_eq!(guest.try_open(0, "new", CREAT, FD_WRITE), Err(Errno::Nospc));
    assert_eq!(text(&mut guest, "other"), "o");
    assert_eq!(text(&mut guest, "big"), "x".repeat(10));
    for path in ["big", "small", "other"] {
        path_call(&mut guest, "path_unlink_file", path).unwrap();
    }
    guest.must("fd_close", &[fd]);
    assert_eq!(overlay.usage(), (0, 0));
}

#[test]
fn a_listing_during_changes_returns_every_unchanged_name_once() {
    let tree = Tree::new(&[]);
    for index in 0..100 {
        fs::write(tree.path().join(format!("{index:03}")), "lower").unwrap();
    }
    let (_, mut guest) = over(&tree, SpaceLimits::default());
    let mut count = 0;
    let listed = list(&mut guest, ".", |guest, name| {
        if name.len() == 3 {
            write(guest, name, "changed");
            write(guest, &format!("new-{count}"), "");
            count += 1;
        }
    });
    let lower: Vec<_> = listed.iter().filter(|(name, _)| name.len() == 3).collect();
    assert_eq!(lower.len(), 100);
    assert_eq!(lower.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len(), 100);
    for (name, ino) in &listed {
        guest.reset();
        assert_eq!(stat(&mut guest, name).0, *ino, "{name}");
    }
}

#[test]
fn a_listing_during_atomic_replacements_returns_every_name_once() {
    let tree = Tree::new(&[("a", ""), ("b", ""), ("c", ""), ("d", "")]);
    let (_, mut guest) = over(&tree, SpaceLimits::default());
    write(&mut guest, "e", "");
    write(&mut guest, "f", "");
    for _ in 0..2 {
        let mut listed = list(&mut guest, ".", |guest, name| {
            write(guest, "dir-temporary", name);
            rename(guest, "dir-temporary", name).unwrap();
        });
        listed.sort();
        assert_eq!(listed.into_iter().map(|(name, _)| name).collect::<String>(), "abcdef");
    }
    assert_eq!(text(&mut guest, "c"), "c");
}

#[cfg(unix)]
#[test]
fn a_fifo_of_the_lower_directory_can_be_read_and_not_written() {
    let tree = Tree::new(&[]);
    let path = tree.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let (overlay, mut guest) = over(&tree, SpaceLimits::default());
    rename(&mut guest, "fifo", "moved").unwrap();
    let reader = guest.open("moved", 0, FD_READ);
    assert_eq!(guest.try_open(0, "moved", 0, FD_WRITE), Err(Errno::Rofs));
    fs::write(&path, "text").unwrap();
    assert_eq!(guest.read(reader, 10), "text");
    assert_eq!(changes(&overlay), ["- ? fifo", "+ ? moved"]);
    let failed = overlay.apply_to(&Directory::of_host(tree.path()).unwrap()).unwrap_err();
    assert_eq!((failed.errno, &*failed.path), (Errno::Notsup, &b"moved"[..]));
    assert_eq!(tree.names(), ["fifo"]);
}

#[cfg(unix)]
#[test]
fn a_device_of_the_lower_directory_can_be_read_and_not_changed() {
    const FD_FILESTAT_SET_TIMES: u64 = 1 << 23;
    let lower = Directory::of_host(std::path::Path::new("/dev")).unwrap();
    let overlay = lower.overlay(SpaceLimits::default(), UMASK).unwrap();
    let mut guest = guest(&overlay);
    let fd = guest.open("zero", 0, FD_READ | FD_FILESTAT_SET_TIMES);
    assert_eq!(guest.read(fd, 2), "\0\0");
    assert_eq!(guest.call("fd_filestat_set_times", &[fd, 0, 1, 1 << 2]), Err(Errno::Rofs));
    assert_eq!(guest.try_open(0, "zero", 0, FD_WRITE), Err(Errno::Rofs));
}

#[cfg(unix)]
#[test]
fn apply_to_follows_no_link_and_keeps_holes_times_and_permissions() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink as host_symlink};
    let (lower, outside) = (Tree::new(&[("dir/old", "1"), ("x", "x")]), Tree::new(&[("f", "outside")]));
    fs::set_permissions(lower.path().join("dir/old"), fs::Permissions::from_mode(0o755)).unwrap();
    let (overlay, mut guest) = over(&lower, SpaceLimits::default());
    write(&mut guest, "dir/old", "2");
    write(&mut guest, "dir/sparse", "");
    let fd = guest.open("dir/sparse", 0, FILE);
    guest.must("fd_filestat_set_size", &[fd, 1 << 30]);
    let at = guest.put("end");
    let iovs = guest.iovs(&[(at, 3)]);
    guest.must("fd_pwrite", &[fd, iovs, 1, 1 << 29, OUT]);
    guest.must("fd_filestat_set_times", &[fd, 5, 7_000_000_000, 1 | 4]);
    path_call(&mut guest, "path_unlink_file", "x").unwrap();
    path_call(&mut guest, "path_create_directory", "x").unwrap();
    write(&mut guest, "x/f", "inside");

    let target = Tree::new(&[]);
    host_symlink(outside.path(), target.path().join("dir")).unwrap();
    host_symlink(outside.path(), target.path().join("x")).unwrap();
    overlay.apply_to(&Directory::of_host(target.path()).unwrap()).unwrap();
    assert_eq!(outside.text("f"), "outside");
    assert_eq!(outside.names(), ["f"]);
    assert_eq!(target.names(), ["dir", "x"]);
    assert_eq!((target.text("dir/old"), target.text("x/f")), ("2".into(), "inside".into()));
    let stat = |path: &str| fs::symlink_metadata(target.path().join(path)).unwrap();
    assert_eq!(stat("dir/old").mode() & 0o777, 0o755);
    assert_eq!((stat("dir/sparse").len(), stat("dir/sparse").mtime()), (1 << 30, 7));
    assert!(stat("dir/sparse").blocks() < 1000);
}

#[cfg(unix)]
#[test]
fn an_overlay_holds_no_descriptor_of_a_changed_directory() {
    let tree = Tree::new(&[]);
    for index in 0..300 {
        fs::create_dir(tree.path().join(format!("{index}"))).unwrap();
    }
    let (overlay, mut guest) = over(&tree, SpaceLimits::default());
    let open = || fs::read_dir("/dev/fd").unwrap().count();
    let before = open();
    for index in 0..300 {
        write(&mut guest, &format!("{index}/file"), "");
    }
    assert!(open() < before + 100, "other tests open descriptors, too");
    assert_eq!(changes(&overlay).len(), 300);
}

#[test]
fn overlays_over_each_other_are_limited() {
    let mut directory = Directory::Memory(MemoryDirectory::new(SpaceLimits::default(), UMASK, 0));
    for _ in 0..31 {
        let overlay = directory.overlay(SpaceLimits::default(), UMASK).unwrap();
        write(&mut guest(&overlay), "file", "text");
        directory = Directory::Memory(overlay);
    }
    let failed = directory.overlay(SpaceLimits::default(), UMASK);
    assert_eq!(failed.map(drop), Err(Errno::Loop));
}

#[test]
fn a_write_of_no_bytes_is_no_change() {
    let tree = Tree::new(&[("file", "text")]);
    let (overlay, mut guest) = over(&tree, limits(1 << 20, 100));
    let before = stat(&mut guest, "file");
    for appends in [0, 1] {
        guest.reset();
        let (at, iovs) = (guest.put("file"), guest.iovs(&[(0, 0)]));
        guest.must("path_open", &[0, 0, at, 4, 0, FD_READ | FD_WRITE, 0, appends, OUT]);
        let fd = guest.u32(OUT);
        guest.must("fd_write", &[fd, iovs, 1, OUT]);
        guest.must("fd_close", &[fd]);
    }
    assert_eq!(stat(&mut guest, "file"), before);
    assert_eq!(overlay.changes().unwrap().len(), 0);
    assert_eq!(overlay.usage(), (0, 0));
}

#[test]
fn a_directory_with_any_number_of_hidden_names_is_listed_and_removed() {
    let lower = MemoryDirectory::new(SpaceLimits::default(), UMASK, 0);
    let mut below = guest(&lower);
    path_call(&mut below, "path_create_directory", "dir").unwrap();
    // More entries than one read returns.
    let files = || (0..70_000).map(|index| format!("dir/{index}"));
    for path in files() {
        below.reset();
        let fd = below.open(&path, CREAT, FD_WRITE);
        below.must("fd_close", &[fd]);
    }
    let overlay = Directory::Memory(lower).overlay(SpaceLimits::default(), UMASK).unwrap();
    let mut guest = guest(&overlay);
    for path in files() {
        guest.reset();
        path_call(&mut guest, "path_unlink_file", &path).unwrap();
    }
    assert_eq!(names(&mut guest, "dir"), [""; 0]);
    write(&mut guest, "dir/new", "");
    assert_eq!(names(&mut guest, "dir"), ["new"]);
    path_call(&mut guest, "path_unlink_file", "dir/new").unwrap();
    path_call(&mut guest, "path_remove_directory", "dir").unwrap();
    assert_eq!(changes(&overlay), ["- d dir"]);
}

#[test]
fn an_allocation_without_space_changes_nothing() {
    let directory = MemoryDirectory::new(limits(8192 + 16, 1), UMASK, 0);
    let mut guest = guest(&directory);
    let fd = guest.open("file", CREAT, FILE);
    guest.write(fd, "text");
    assert_eq!(guest.call("fd_allocate", &[fd, 4096, 8192]), Err(Errno::Nospc));
    assert_eq!((directory.usage(), stat(&mut guest, "file").3), ((16, 1), 4));
    guest.must("fd_allocate", &[fd, 4096, 4096]);
    assert_eq!((directory.usage(), stat(&mut guest, "file").3), ((8192, 1), 8192));
    assert_eq!(text(&mut guest, "file").trim_end_matches('\0'), "text");
}

/// Opens a directory at a depth, and creates those that are missing.
fn descend(guest: &mut TestGuest, levels: usize) -> u64 {
    (0..levels).fold(0, |parent, _| {
        guest.reset();
        let path = guest.put("a");
        let _ = guest.call("path_create_directory", &[parent, path, 1]);
        guest.must("path_open", &[parent, 0, path, 1, DIRECTORY, PATHS, INHERITING, 0, OUT]);
        let directory = guest.u32(OUT);
        if parent != 0 {
            guest.must("fd_close", &[parent]);
        }
        directory
    })
}

#[test]
fn a_tree_of_100_000_levels_is_renamed_and_dropped_without_recursion() {
    let tree = Tree::new(&[]);
    let (overlay, mut guest) = over(&tree, SpaceLimits::default());
    descend(&mut guest, 100_000);
    rename(&mut guest, "a", "b").unwrap();
    assert_eq!(overlay.changes().unwrap_err(), Errno::Nametoolong, "paths of 4096 bytes and more");
    let target = MemoryDirectory::new(SpaceLimits::default(), UMASK, 0);
    let failed = overlay.apply_to(&Directory::Memory(target.clone())).unwrap_err();
    assert_eq!((failed.errno, failed.path.len()), (Errno::Nametoolong, 4097));
    assert_eq!(target.usage(), (0, 0));
}

#[test]
fn a_file_below_any_number_of_lower_directories_is_stored() {
    let memory = MemoryDirectory::new(SpaceLimits::default(), UMASK, 0);
    descend(&mut guest(&memory), 3000);
    let overlay = Directory::Memory(memory).overlay(SpaceLimits::default(), UMASK).unwrap();
    let mut above = guest(&overlay);
    let deepest = descend(&mut above, 3000);
    above.try_open(deepest, "file", CREAT, FD_WRITE).unwrap();
    drop(above);
    let mut again = guest(&overlay);
    let deepest = descend(&mut again, 3000);
    again.try_open(deepest, "file", 0, FD_READ).unwrap();
    assert_eq!(overlay.usage(), (0, 1));
}
