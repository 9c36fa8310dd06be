//! Threads of one guest: one world, each thread with its own memory and calls, or all in one memory.

mod common;

use capwasi::core::guest::Guest;
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

/// Runs a part on each of 8 threads, which share one world and start together: what they return.
fn together<T: Send>(wasi: &Arc<Guest>, part: impl Fn(usize, TestGuest) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (part, barrier) = (&part, &barrier);
                scope.spawn(move || {
                    let guest = TestGuest::new(Arc::clone(wasi));
                    barrier.wait();
                    part(thread, guest)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn a_world_can_be_sent_to_a_thread_and_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Guest>();
}

#[test]
fn descriptors_opened_by_several_threads_are_all_different() {
    let tree = Tree::new(&[("file", "text")]);
    let wasi = TestGuest::in_tree(&tree).wasi;
    let opened = together(&wasi, |_, mut guest| {
        (0..100)
            .map(|_| {
                guest.reset();
                guest.open("file", 0, FD_READ)
            })
            .collect::<Vec<_>>()
    });
    let opened: Vec<_> = opened.into_iter().flatten().collect();
    assert_eq!(opened.iter().copied().collect::<BTreeSet<_>>(), (1..=800).collect());
    let mut guest = TestGuest::new(wasi);
    for fd in opened {
        guest.reset();
        assert_eq!(guest.read(fd, 9), "text");
    }
}

#[test]
fn opening_closing_and_renumbering_at_once_loses_no_number() {
    let tree = Tree::new(&[("file", "text")]);
    let wasi = TestGuest::in_tree(&tree).wasi;
    together(&wasi, |thread, mut guest| {
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
    let mut guest = TestGuest::new(wasi);
    assert_eq!([1, 2, 3].map(|_| guest.open("file", 0, FD_READ)), [1, 2, 3]);
}

#[test]
fn threads_that_renumber_crosswise_neither_stop_nor_break_the_table() {
    let tree = Tree::new(&[("file", "text")]);
    let mut guest = TestGuest::in_tree(&tree);
    let (one, two) = (guest.open("file", 0, FD_READ), guest.open("file", 0, FD_READ));
    let wasi = Arc::clone(&guest.wasi);
    together(&wasi, |thread, mut guest| {
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
    let parts = together(&Arc::clone(&guest.wasi), |_, mut guest| {
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
        together(&Arc::clone(&guest.wasi), |thread, mut guest| {
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
fn threads_that_list_one_descriptor_each_see_all_of_it() {
    let names: Vec<_> = (0..300).map(|number| format!("name-{number}")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    let tree = Tree::new(&files);
    let wasi = TestGuest::in_tree(&tree).wasi;
    let mut expected: Vec<_> = names.iter().cloned().chain([".", ".."].map(String::from)).collect();
    expected.sort();
    let listings = together(&wasi, |_, mut guest| {
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
fn a_descriptor_closed_by_one_thread_is_badf_to_the_others_or_still_itself_in_a_call_under_way() {
    let tree = Tree::new(&[("file", "text"), ("other", "????")]);
    let mut guest = TestGuest::in_tree(&tree);
    let fd = guest.open("file", 0, FILE);
    together(&Arc::clone(&guest.wasi), |thread, mut guest| {
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

/// A memory that all threads are in, between two guards.
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

    /// The number of 32 bits at an address.
    fn half(&self, at: u64) -> &AtomicU32 {
        let word = self.words()[at as usize / 8].as_ptr().cast::<u32>();
        // SAFETY: one of the aligned halves of an atomic word, which lives as long as it.
        unsafe { AtomicU32::from_ptr(word.add(at as usize % 8 / 4)) }
    }

    fn call(&self, guest: &TestGuest, name: &str, args: &[u64]) -> Result<(), Outcome> {
        let mut core = [0; MAX_PARAMS];
        core[..args.len()].copy_from_slice(args);
        let base = self.words().as_ptr().cast_mut().cast();
        // SAFETY: the words are atomic, and borrowed for as long as the call takes.
        let memory = unsafe { Memory::new(base, Self::WORDS * 8) };
        guest.functions.0[name].1(
            &Call { guest: &guest.wasi, memory, restart: RestartState::default() },
            &core,
        )
    }

    /// Neither is a guard written to, nor is one in `bytes`.
    fn assert_kept(&self, bytes: &[u8]) {
        let guards = self.0.iter().filter(|word| word.load(Relaxed) == Self::GUARD).count();
        assert_eq!(guards, 2 * Self::WORDS);
        assert!(!bytes.windows(8).any(|window| window == Self::GUARD.to_ne_bytes()));
    }
}

#[test]
fn a_list_that_another_thread_rewrites_leads_no_call_out_of_memory() {
    const LIST: u64 = 1024;
    /// A buffer, inside of memory and then partly or wholly outside.
    const REGIONS: [(u32, u32); 4] = [(65_528, 8), (65_528, 64), (2048, 64), (0xffff_fff8, 16)];
    let tree = Tree::new(&[("file", &"text".repeat(100))]);
    let mut guest = TestGuest::in_tree(&tree);
    let fd = guest.open("file", 0, FILE);
    let shared = Shared::new();
    together(&guest.wasi, |thread, guest| {
        if thread == 0 {
            // Until the others have gone: the world is this thread's and the test's.
            let mut regions = REGIONS.iter().cycle();
            while Arc::strong_count(&guest.wasi) > 2 {
                let (at, len) = regions.next().unwrap();
                // One after the other, so that there are also pairs of one region's address and another's length.
                shared.half(LIST).store(*at, Relaxed);
                shared.half(LIST + 4).store(*len, Relaxed);
            }
        }
        for name in ["fd_pread", "fd_pwrite"].into_iter().cycle().take(3000) {
            match shared.call(&guest, name, &[fd, LIST, 1, 0, OUT]) {
                Ok(()) | Err(Outcome::Errno(Errno::Overflow)) => {}
                other => panic!("{name}: {other:?}"),
            }
        }
    });
    shared.assert_kept(&std::fs::read(tree.path().join("file")).unwrap());
}

#[cfg(unix)]
#[test]
fn a_thread_that_waits_keeps_no_other_from_its_calls() {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::time::Duration;
    let tree = Tree::new(&[("file", "text")]);
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut wasi = Guest::default();
    wasi.add_preopen(b"/", tree.path()).unwrap();
    wasi.add_stdio(reader.as_raw_fd()).unwrap();
    let mut waiting = TestGuest::new(wasi);
    let wasi = Arc::clone(&waiting.wasi);
    let (waits, waited) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let iovs = waiting.iovs(&[(2000, 4)]);
        let mut wait = waiting.waits("fd_read", &[1, iovs, 1, OUT], RestartState::default());
        waits.send(()).unwrap();
        assert!(wait.block(Duration::from_secs(20)).unwrap());
        waiting.call("fd_read", &[1, iovs, 1, OUT])
    });
    waited.recv().unwrap();
    together(&wasi, |_, mut guest| {
        for _ in 0..50 {
            guest.reset();
            guest.open("file", 0, FD_READ);
        }
    });
    // Not even from closing what it waits for.
    TestGuest::new(wasi).must("fd_close", &[1]);
    writer.write_all(b"data").unwrap();
    assert_eq!(thread.join().unwrap(), Err(Errno::Badf));
}
