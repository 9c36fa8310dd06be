//! Directories in memory and overlays that several threads change at the same time.

mod common;

use capwasi::core::directory::Directory;
use capwasi::core::fs::memory::MemoryDirectory;
use capwasi::core::fs::space::SpaceLimits;
use capwasi::core::lock::share_objects;
use capwasi::sys::errno::Errno;
use common::directories::{guest, link, names, over, path_call, rename, stat, text, write};
use common::{CREAT, FD_READ, FD_WRITE, TestGuest, Tree, UMASK};
use std::sync::{Arc, Barrier};

const FD_FILESTAT_SET_TIMES: u64 = 1 << 23;

/// Creates, renames, links and removes files with 4 threads, and checks that no entry is lost.
fn hammer(directory: &MemoryDirectory, lower_files: u64) {
    const THREADS: usize = 4;
    const FILES: usize = 200;
    let barrier = Barrier::new(THREADS);
    let state = Arc::clone(&guest(directory).state);
    share_objects();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (barrier, state) = (&barrier, &state);
            scope.spawn(move || {
                let mut guest = TestGuest::new(Arc::clone(state));
                barrier.wait();
                for file in 0..FILES {
                    guest.reset();
                    let (own, moved) = (format!("{thread}-{file}"), format!("dir/{thread}-{file}"));
                    write(&mut guest, &own, &own);
                    rename(&mut guest, &own, &moved).unwrap();
                    // All threads use these names.
                    let shared = ["s/1", "s/2", "s/3", "l1", "l2"];
                    let (from, to) = (shared[file % 5], shared[(file / 5 + thread) % 5]);
                    let _ = guest.try_open(0, from, CREAT, FD_WRITE).map(|fd| guest.must("fd_close", &[fd]));
                    let _ = rename(&mut guest, from, to);
                    let _ = path_call(&mut guest, "path_unlink_file", shared[(file + thread) % 5]);
                    let _ = rename(&mut guest, "s", "t");
                    let _ = rename(&mut guest, "t", "s");
                    if file % 20 == 0 {
                        names(&mut guest, ".");
                    }
                    if file % 2 == 0 {
                        link(&mut guest, &moved, &own);
                        path_call(&mut guest, "path_unlink_file", &moved).unwrap();
                        rename(&mut guest, &own, &moved).unwrap();
                    }
                }
            });
        }
    });
    let mut guest = guest(directory);
    for thread in 0..THREADS {
        for file in 0..FILES {
            guest.reset();
            let path = format!("dir/{thread}-{file}");
            assert_eq!((text(&mut guest, &path), stat(&mut guest, &path).2), (path[4..].into(), 1));
        }
    }
    assert_eq!(names(&mut guest, "dir").len(), THREADS * FILES);
    for path in ["s/1", "s/2", "s/3", "l1", "l2"] {
        if path_call(&mut guest, "path_unlink_file", path).is_ok() {
            assert_eq!(path_call(&mut guest, "path_unlink_file", path), Err(Errno::Noent));
        }
    }
    for name in names(&mut guest, "dir") {
        path_call(&mut guest, "path_unlink_file", &format!("dir/{name}")).unwrap();
    }
    assert_eq!(names(&mut guest, "s"), [""; 0]);
    for name in names(&mut guest, ".") {
        path_call(&mut guest, "path_remove_directory", &name).unwrap();
    }
    assert_eq!(directory.usage(), (0, 0), "of {lower_files} lower files");
}

#[test]
fn threads_lose_no_entry_in_memory() {
    let directory = MemoryDirectory::new(SpaceLimits::default(), UMASK, 0);
    let mut guest = guest(&directory);
    for path in ["dir", "s"] {
        path_call(&mut guest, "path_create_directory", path).unwrap();
    }
    hammer(&directory, 0);
}

#[test]
fn threads_lose_no_entry_in_an_overlay() {
    let tree = Tree::new(&[("dir/", ""), ("s/1", "1"), ("s/2", "2"), ("l1", "1"), ("l2", "2")]);
    let (overlay, _) = over(&tree, SpaceLimits::default());
    hammer(&overlay, 4);
    assert_eq!(tree.names(), ["dir", "l1", "l2", "s"]);
}

#[test]
fn threads_lose_no_entry_in_an_overlay_of_an_overlay() {
    let tree = Tree::new(&[("dir/", ""), ("s/1", "1"), ("s/2", "2"), ("l1", "1"), ("l2", "2")]);
    let (below, mut guest) = over(&tree, SpaceLimits::default());
    write(&mut guest, "s/1", "changed");
    let usage = below.usage();
    let overlay = Directory::Memory(below.clone()).overlay(SpaceLimits::default(), UMASK).unwrap();
    hammer(&overlay, 4);
    assert_eq!(below.usage(), usage);
}

/// Runs two functions at the same time, each with a guest that has the directory as descriptor 0.
fn race(
    directory: &MemoryDirectory,
    one: impl FnOnce(&mut TestGuest) + Send,
    other: impl FnOnce(&mut TestGuest),
) {
    let mut guests = [guest(directory), guest(directory)];
    let [first, second] = &mut guests;
    share_objects();
    std::thread::scope(|scope| {
        scope.spawn(|| one(first));
        other(second);
    });
}

#[cfg(unix)]
#[test]
fn threads_that_look_up_and_remove_hard_links_of_the_lower_directory_do_not_deadlock() {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    let tree = Tree::new(&[]);
    let paths: Vec<_> = (0..1000).flat_map(|index| [format!("a-{index}"), format!("b-{index}")]).collect();
    for pair in paths.chunks(2) {
        std::fs::write(tree.path().join(&pair[0]), "").unwrap();
        std::fs::hard_link(tree.path().join(&pair[0]), tree.path().join(&pair[1])).unwrap();
    }
    let (overlay, _) = over(&tree, SpaceLimits::default());
    let is_done = AtomicBool::new(false);
    let look_up = |guest: &mut TestGuest| {
        let fd = guest.open("a-0", 0, FD_READ);
        while !is_done.load(Relaxed) {
            guest.reset();
            let _ = rename(guest, "a-0", "a-0");
        }
        guest.must("fd_close", &[fd]);
    };
    race(&overlay, look_up, |guest| {
        for path in paths.iter().rev() {
            guest.reset();
            path_call(guest, "path_unlink_file", path).unwrap();
        }
        is_done.store(true, Relaxed);
    });
    assert_eq!(names(&mut guest(&overlay), "."), [""; 0]);
    assert_eq!(overlay.usage(), (0, 0));
}

#[test]
fn a_file_that_is_replaced_while_its_times_change_stays_replaced() {
    let tree = Tree::new(&[]);
    let paths: Vec<_> = (0..2000).map(|index| index.to_string()).collect();
    for path in &paths {
        std::fs::write(tree.path().join(path), "old").unwrap();
    }
    let (overlay, mut guest) = over(&tree, SpaceLimits::default());
    for path in &paths {
        write(&mut guest, &format!("new-{path}"), "new");
    }
    let barrier = Barrier::new(2);
    let set_times = |guest: &mut TestGuest| {
        for (index, path) in paths.iter().enumerate() {
            guest.reset();
            let fd = guest.open(path, 0, FD_READ | FD_FILESTAT_SET_TIMES);
            barrier.wait();
            // Varies the step of the other thread during which this call runs.
            (0..index % 200 * 20).for_each(|_| std::hint::spin_loop());
            guest.must("fd_filestat_set_times", &[fd, 0, 0, 1]);
            barrier.wait();
            guest.must("fd_close", &[fd]);
        }
    };
    race(&overlay, set_times, |guest| {
        for path in &paths {
            guest.reset();
            barrier.wait();
            rename(guest, &format!("new-{path}"), path).unwrap();
            barrier.wait();
        }
    });
    for path in &paths {
        assert_eq!(text(&mut guest, path), "new");
    }
    assert_eq!(overlay.usage().1, 2000);
}

#[test]
fn a_path_that_another_thread_creates_and_removes_can_always_be_created() {
    let directory = MemoryDirectory::new(SpaceLimits::default(), UMASK, 0);
    let create = |guest: &mut TestGuest| {
        for _ in 0..20_000 {
            guest.reset();
            let fd = guest.open("file", CREAT, FD_WRITE);
            guest.must("fd_close", &[fd]);
        }
    };
    race(&directory, create, |guest| {
        for _ in 0..20_000 {
            guest.reset();
            let fd = guest.open("file", CREAT, FD_WRITE);
            guest.must("fd_close", &[fd]);
            let _ = path_call(guest, "path_unlink_file", "file");
        }
    });
    assert!(directory.usage().1 <= 1);
}
