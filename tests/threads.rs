//! Threads of one guest: all share the state of the guest. Each has its own memory, or all share one memory.

mod common;

use capwasi::core::guest::Guest;
use capwasi::core::lock::share_objects;
use capwasi::core::memory::Memory;
use capwasi::core::outcome::Outcome;
use capwasi::core::restart::RestartState;
use capwasi::preview1::abi::{Call, MAX_PARAMS};
use capwasi::sys::errno::Errno;
use common::{CREAT, FD_READ, FD_WRITE, FILE, OUT, TestGuest, Tree};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier};

const THREADS: usize = 8;

/// Runs `part` on 8 threads of one guest, which start together, and returns their results.
fn on_threads<T: Send>(guest: &Arc<Guest>, part: impl Fn(usize, TestGuest) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(THREADS);
    share_objects();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (part, barrier) = (&part, &barrier);
                scope.spawn(move || {
                    let guest = TestGuest::new(Arc::clone(guest));
                    barrier.wait();
                    part(thread, guest)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn a_guest_is_send_and_sync() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Guest>();
}

#[test]
fn threads_that_open_files_get_different_numbers() {
    let tree = Tree::new(&[("file", "text")]);
    let guest = TestGuest::in_tree(&tree).state;
    let opened = on_threads(&guest, |_, mut guest| {
        (0..100)
            .map(|_| {
                guest.reset();
                guest.open("file", 0, FD_READ)
            })
            .collect::<Vec<_>>()
    });
    let opened: Vec<_> = opened.into_iter().flatten().collect();
    assert_eq!(opened.iter().copied().collect::<BTreeSet<_>>(), (1..=800).collect());
    let mut guest = TestGuest::new(guest);
    for fd in opened {
        guest.reset();
        assert_eq!(guest.read(fd, 9), "text");
    }
}

#[test]
fn concurrent_opens_closes_and_renumbers_lose_no_number() {
    let tree = Tree::new(&[("file", "text")]);
    let guest = TestGuest::in_tree(&tree).state;
    on_threads(&guest, |thread, mut guest| {
        for round in 0..300 {
            guest.reset();
            let (one, two) = (guest.open("file", 0, FD_READ), guest.open("file", 0, FD_READ));
            assert_ne!(one, two);
            if (round + thread).is_multiple_of(3) {
                guest.must("fd_renumber", &[one, two]);
                assert_eq!(guest.read(two, 9), "text");
                guest.must("fd_close", &[two]);
            } else {
                assert_eq!(guest.read(one, 9), "text");
                guest.must("fd_close", &[one]);
                guest.must("fd_close", &[two]);
            }
        }
    });
    let mut guest = TestGuest::new(guest);
    assert_eq!([1, 2, 3].map(|_| guest.open("file", 0, FD_READ)), [1, 2, 3]);
}

#[test]
fn threads_that_renumber_in_opposite_directions_do_not_deadlock() {
    let tree = Tree::new(&[("file", "text")]);
    let mut guest = TestGuest::in_tree(&tree);
    let (one, two) = (guest.open("file", 0, FD_READ), guest.open("file", 0, FD_READ));
    on_threads(&Arc::clone(&guest.state), |thread, mut guest| {
        for _ in 0..300 {
            let (from, to) = if thread % 2 == 0 { (one, two) } else { (two, one) };
            match guest.call("fd_renumber", &[from, to]) {
                Ok(()) => drop(guest.try_open(0, "file", 0, FD_READ)),
                Err(errno) => assert_eq!(errno, Errno::Badf),
            }
            guest.reset();
        }
    });
    let open = (1..4096).filter(|fd| guest.call("fd_tell", &[*fd, OUT]).is_ok()).collect::<Vec<_>>();
    let lowest = (1..4096).find(|fd| !open.contains(fd)).unwrap();
    assert_eq!(guest.open("file", 0, FD_READ), lowest);
}

#[test]
fn threads_that_read_one_descriptor_get_each_part_once() {
    let text = (0..8000).map(|number| format!("{number:04}")).collect::<Vec<_>>().concat();
    let tree = Tree::new(&[("file", &text)]);
    let mut guest = TestGuest::in_tree(&tree);
    let fd = guest.open("file", 0, FD_READ);
    let parts = on_threads(&Arc::clone(&guest.state), |_, mut guest| {
        let mut parts = Vec::new();
        loop {
            guest.reset();
            let part = guest.read(fd, 4);
            if part.is_empty() {
                return parts;
            }
            parts.push(part);
        }
    });
    let mut parts: Vec<_> = parts.into_iter().flatten().collect();
    parts.sort();
    assert!(parts.concat() == text);
}

#[test]
fn threads_that_write_one_descriptor_do_not_overwrite_each_other() {
    let tree = Tree::new(&[]);
    let mut guest = TestGuest::in_tree(&tree);
    for fdflags in [0, 1] {
        let path = guest.put("file");
        guest.must("path_open", &[0, 0, path, 4, CREAT | 8, FD_WRITE, 0, fdflags, OUT]);
        let fd = guest.u32(OUT);
        on_threads(&Arc::clone(&guest.state), |thread, mut guest| {
            for round in 0..200 {
                guest.reset();
                assert_eq!(guest.write(fd, &format!("{thread}{round:03}")), 4);
            }
        });
        let text = tree.text("file");
        let parts: BTreeSet<_> = text.as_bytes().chunks(4).collect();
        assert_eq!((text.len(), parts.len()), (THREADS * 200 * 4, THREADS * 200));
    }
}

#[test]
fn threads_that_list_one_directory_each_get_every_entry() {
    let names: Vec<_> = (0..300).map(|number| format!("name-{number}")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    let tree = Tree::new(&files);
    let guest = TestGuest::in_tree(&tree).state;
    let mut expected: Vec<_> = names.iter().cloned().chain([".", ".."].map(String::from)).collect();
    expected.sort();
    let listings = on_threads(&guest, |_, mut guest| {
        let (mut cookie, mut listing) = (0, Vec::new());
        loop {
            guest.must("fd_readdir", &[0, 2000, 200, cookie, OUT]);
            let (used, mut at) = (guest.u32(OUT), 2000);
            while at + 24 <= 2000 + used && at + 24 + guest.u32(at + 16) <= 2000 + used {
                let len = guest.u32(at + 16);
                cookie = guest.u64(at);
                listing.push(String::from_utf8(guest.slice(at + 24, len).to_vec()).unwrap());
                at += 24 + len;
            }
            if used < 200 {
                listing.sort();
                return listing;
            }
        }
    });
    for listing in listings {
        assert_eq!(listing, expected);
    }
}

#[test]
fn a_call_on_a_descriptor_that_another_thread_closes_completes_or_fails_with_ebadf() {
    let tree = Tree::new(&[("file", "text"), ("other", "????")]);
    let mut guest = TestGuest::in_tree(&tree);
    let fd = guest.open("file", 0, FILE);
    on_threads(&Arc::clone(&guest.state), |thread, mut guest| {
        for _ in 0..300 {
            guest.reset();
            if thread == 0 {
                guest.must("fd_close", &[fd]);
                assert_eq!(guest.open("file", 0, FILE), fd);
                continue;
            }
            let iovs = guest.iovs(&[(2000, 4)]);
            match guest.call("fd_pread", &[fd, iovs, 1, 0, OUT]) {
                Ok(()) => assert_eq!(guest.slice(2000, 4), b"text"),
                Err(errno) => assert_eq!(errno, Errno::Badf),
            }
        }
    });
}

/// A memory that all threads share, between two guard regions.
struct Shared(Vec<AtomicU64>);

impl Shared {
    const GUARD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    const WORDS: usize = 65_536 / 8;

    fn new() -> Self {
        let word = |at| if at / Self::WORDS == 1 { 0 } else { Self::GUARD };
        Self((0..3 * Self::WORDS).map(word).map(AtomicU64::new).collect())
    }

    fn words(&self) -> &[AtomicU64] {
        &self.0[Self::WORDS..2 * Self::WORDS]
    }

    /// Returns the aligned 32-bit word at an address.
    fn u32_at(&self, at: u64) -> &AtomicU32 {
        let word = self.words()[at as usize / 8].as_ptr().cast::<u32>();
        // SAFETY: the pointer refers to an aligned half of an atomic word, and lives as long as the word.
        unsafe { AtomicU32::from_ptr(word.add(at as usize % 8 / 4)) }
    }

    fn call(&self, guest: &TestGuest, name: &str, args: &[u64]) -> Result<(), Outcome> {
        let mut core = [0; MAX_PARAMS];
        core[..args.len()].copy_from_slice(args);
        let base = self.words().as_ptr().cast_mut().cast();
        // SAFETY: the words are atomic, and borrowed during the call.
        let memory = unsafe { Memory::new(base, Self::WORDS * 8) };
        guest.functions.0[name].1(
            &Call { guest: &guest.state, strings: &guest.strings, memory, restart: RestartState::default() },
            &core,
        )
    }

    /// Asserts that both guards are unchanged, and that `bytes` contains no guard.
    fn assert_guards(&self, bytes: &[u8]) {
        let guards = self.0.iter().filter(|word| word.load(Relaxed) == Self::GUARD).count();
        assert_eq!(guards, 2 * Self::WORDS);
        assert!(!bytes.windows(8).any(|window| window == Self::GUARD.to_ne_bytes()));
    }
}

#[test]
fn a_buffer_list_that_another_thread_rewrites_never_leads_out_of_memory() {
    const LIST: u64 = 1024;
    /// Buffers: two in bounds, one partly and one completely out of bounds.
    const REGIONS: [(u32, u32); 4] = [(65_528, 8), (65_528, 64), (2048, 64), (0xffff_fff8, 16)];
    let tree = Tree::new(&[("file", &"text".repeat(100))]);
    let mut guest = TestGuest::in_tree(&tree);
    let fd = guest.open("file", 0, FILE);
    let shared = Shared::new();
    on_threads(&guest.state, |thread, guest| {
        if thread == 0 {
            // Runs until the other threads have ended: then only this thread and the test refer to the guest.
            let mut regions = REGIONS.iter().cycle();
            while Arc::strong_count(&guest.state) > 2 {
                let (at, len) = regions.next().unwrap();
                // Two stores, so that other threads may see the address of one region with the length of another.
                shared.u32_at(LIST).store(*at, Relaxed);
                shared.u32_at(LIST + 4).store(*len, Relaxed);
            }
        }
        for name in ["fd_pread", "fd_pwrite"].into_iter().cycle().take(3000) {
            match shared.call(&guest, name, &[fd, LIST, 1, 0, OUT]) {
                Ok(()) | Err(Outcome::Errno(Errno::Overflow)) => {}
                other => panic!("{name}: {other:?}"),
            }
        }
    });
    shared.assert_guards(&std::fs::read(tree.path().join("file")).unwrap());
}

#[cfg(unix)]
#[test]
fn a_waiting_thread_does_not_block_other_threads() {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::time::Duration;
    let tree = Tree::new(&[("file", "text")]);
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut guest = Guest::default();
    guest.add_preopen(b"/", tree.path()).unwrap();
    guest.add_stdio(reader.as_raw_fd()).unwrap();
    let mut waiting = TestGuest::new(guest);
    let guest = Arc::clone(&waiting.state);
    let (sender, receiver) = std::sync::mpsc::channel();
    share_objects();
    let thread = std::thread::spawn(move || {
        let iovs = waiting.iovs(&[(2000, 4)]);
        let mut wait = waiting.expect_wait("fd_read", &[1, iovs, 1, OUT], RestartState::default());
        sender.send(()).unwrap();
        assert!(wait.block(Duration::from_secs(20)).unwrap());
        waiting.call("fd_read", &[1, iovs, 1, OUT])
    });
    receiver.recv().unwrap();
    on_threads(&guest, |_, mut guest| {
        for _ in 0..50 {
            guest.reset();
            guest.open("file", 0, FD_READ);
        }
    });
    // fd_close does not block either, although a thread waits for the descriptor.
    TestGuest::new(guest).must("fd_close", &[1]);
    writer.write_all(b"data").unwrap();
    assert_eq!(thread.join().unwrap(), Err(Errno::Badf));
}
