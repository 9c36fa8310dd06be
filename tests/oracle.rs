//! The kernel as an oracle: random calls on a directory in memory and on a directory of the host give the same results.

mod common;

use capwasi::core::directory::Directory;
use capwasi::core::fs::changes::Change;
use capwasi::core::fs::memory::MemoryDirectory;
use capwasi::core::fs::space::SpaceLimits;
use capwasi::core::guest::Guest;
use common::{OUT, Random, TestGuest, Tree, UMASK};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

const NAMES: [&str; 5] = ["a", "b", "c", "dir", "link"];

/// Returns a path of a few components.
fn path(random: &mut Random) -> String {
    let mut path = String::new();
    for _ in 0..=random.below(3) {
        if !path.is_empty() {
            path.push_str(random.choose(&["/", "/", "//"]));
        }
        path.push_str(match random.below(12) {
            0 => ".",
            1 => "..",
            _ => random.choose(&NAMES),
        });
    }
    if random.below(10) == 0 {
        path.push('/');
    }
    match random.below(40) {
        0 => path + random.choose(&["", "/"]) + &"x".repeat(random.choose(&NAME_LENGTHS)),
        1 => "x".repeat(random.choose(&NAME_LENGTHS)) + random.choose(&["", "/", "/", "/a"]),
        2 => "/".repeat(random.choose(&PATH_LENGTHS) - path.len()).replace("//", "./") + &path,
        3 => format!("{path}{}", "/".repeat(random.choose(&PATH_LENGTHS) - path.len())),
        _ => path,
    }
}

/// Returns the target of a symlink.
fn target(random: &mut Random) -> String {
    match random.below(10) {
        0 => String::new(),
        1 => "x".repeat(random.choose(&PATH_LENGTHS)),
        _ => path(random),
    }
}

/// Lengths of the longest name, and of one that is too long.
const NAME_LENGTHS: [usize; 2] = [255, 256];
/// Lengths of the longest path, and of one that is too long.
const PATH_LENGTHS: [usize; 2] = [4095, 4096];

const ALL: u64 = 0x0fff_ffff;
const SIZES: [u64; 9] = [0, 1, 5, 100, 4095, 4096, 5000, 70_000, 1 << 33];

/// One call: its name, arguments, and the start of each string. Strings and buffers are placed in all guests at the
/// same addresses.
fn call(
    random: &mut Random,
    guest: &mut TestGuest,
    fds: u64,
) -> (&'static str, Vec<u64>, Vec<(u64, String)>) {
    let mut strings = Vec::new();
    let mut text = |guest: &mut TestGuest, text: String| {
        let (at, len) = (guest.put(&text), text.len() as u64);
        strings.push((at, text.chars().take(300).collect()));
        (at, len)
    };
    let dir = if random.below(3) == 0 { random.below(fds) } else { 0 };
    let fd = random.below(fds);
    let (at, len) = text(guest, path(random));
    let follow = random.below(2);
    let (name, args) = match random.below(22) {
        0..=4 => {
            let oflags = random.choose(&[0, 0, 1, 1, 1, 2, 4, 5, 8, 9, 13, 3, 10]);
            let rights = random.choose(&[ALL, 2, 64, 66, ALL & !64, 1 << 14, 0x42 | 1 << 22]);
            let flags = random.choose(&[0, 0, 0, 1]);
            ("path_open", vec![dir, follow, at, len, oflags, rights, ALL, flags, OUT])
        }
        5 => ("path_create_directory", vec![dir, at, len]),
        6 => ("path_remove_directory", vec![dir, at, len]),
        7 => ("path_unlink_file", vec![dir, at, len]),
        8 | 9 => {
            let (to, to_len) = text(guest, path(random));
            ("path_rename", vec![dir, at, len, random.below(fds), to, to_len])
        }
        10 => {
            let (to, to_len) = text(guest, path(random));
            ("path_link", vec![dir, follow, at, len, 0, to, to_len])
        }
        11 => {
            let (target, target_len) = text(guest, target(random));
            ("path_symlink", vec![target, target_len, dir, at, len])
        }
        12 => {
            let buf = guest.alloc(64);
            ("path_readlink", vec![dir, at, len, buf, random.choose(&[0, 3, 64]), OUT])
        }
        13 => ("path_filestat_get", vec![dir, follow, at, len, OUT]),
        14 | 15 => {
            let size = random.choose(&[0, 1, 10, 100, 5000]);
            let buf = guest.alloc(size as usize);
            guest.bytes[buf as usize..(buf + size) as usize].fill(b'a' + random.below(26) as u8);
            let iovs = guest.iovs(&[(buf, size / 2), (buf + size / 2, size - size / 2)]);
            if random.below(2) == 0 {
                ("fd_write", vec![fd, iovs, 2, OUT])
            } else {
                ("fd_pwrite", vec![fd, iovs, 2, random.choose(&SIZES), OUT])
            }
        }
        16 | 17 => {
            let size = random.choose(&[0, 1, 10, 100, 9000]);
            let buf = guest.alloc(size as usize);
            let iovs = guest.iovs(&[(buf, size / 3), (buf + size / 3, size - size / 3)]);
            if random.below(2) == 0 {
                ("fd_read", vec![fd, iovs, 2, OUT])
            } else {
                ("fd_pread", vec![fd, iovs, 2, random.choose(&SIZES), OUT])
            }
        }
        18 => ("fd_filestat_set_size", vec![fd, random.choose(&SIZES)]),
        19 => ("fd_seek", vec![fd, random.choose(&[0, 1, 5000, u64::MAX]), random.below(3), OUT]),
        20 => ("fd_allocate", vec![fd, random.choose(&SIZES[..8]), random.choose(&SIZES[..8])]),
        _ => ("fd_filestat_get", vec![fd, OUT]),
    };
    (name, args, strings)
}

/// Returns what a successful call wrote that must be equal: the sizes of directories, the numbers and the times differ.
fn result(guest: &TestGuest, name: &str, args: &[u64]) -> Vec<u8> {
    match name {
        "path_filestat_get" | "fd_filestat_get" => {
            let stat = guest.slice(OUT, 64);
            let is_directory = stat[16] == 3;
            let sizes = if is_directory { &[][..] } else { &stat[24..40] };
            [&stat[16..17], sizes].concat()
        }
        "path_open" | "fd_write" | "fd_pwrite" => guest.slice(OUT, 4).to_vec(),
        "fd_seek" => guest.slice(OUT, 8).to_vec(),
        "fd_read" | "fd_pread" => {
            let (first, len) = (guest.u32(args[1]), guest.u32(OUT));
            [guest.slice(OUT, 4), guest.slice(first, len)].concat()
        }
        "path_readlink" => guest.slice(args[3], guest.u32(OUT)).to_vec(),
        _ => Vec::new(),
    }
}

/// Lists a tree below a descriptor: type, link count and size of each path, and the contents of files and symlinks.
fn tree(guest: &mut TestGuest) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![String::from(".")];
    while let Some(path) = open.pop() {
        let fd = guest.try_open(0, &path, 2, 1 << 14).unwrap();
        let buf = guest.alloc(16_384);
        guest.must("fd_readdir", &[fd, buf, 16_384, 0, OUT]);
        let (mut at, end) = (buf, buf + guest.u32(OUT));
        while at < end {
            let len = guest.u32(at + 16);
            let name = String::from_utf8(guest.slice(at + 24, len).to_vec()).unwrap();
            let kind = guest.slice(at + 20, 1)[0];
            at += 24 + len;
            if name == "." || name == ".." {
                continue;
            }
            let child = format!("{path}/{name}");
            let text = guest.put(&child);
            guest.must("path_filestat_get", &[0, 0, text, child.len() as u64, OUT]);
            let stat = guest.slice(OUT, 64).to_vec();
            assert_eq!(stat[16], kind, "{child}");
            let size = if kind == 3 { 0 } else { u64::from_le_bytes(stat[32..40].try_into().unwrap()) };
            let mut line = format!("{kind} {} {size}", stat[24]);
            if kind == 4 && size < 20_000 {
                let file = guest.try_open(0, &child, 0, 2).unwrap();
                let mut hasher = DefaultHasher::new();
                guest.read(file, size).hash(&mut hasher);
                let _ = write!(line, " {:x}", hasher.finish());
                guest.must("fd_close", &[file]);
            }
            if kind == 3 {
                open.push(child.clone());
            }
            found.insert(child, line);
        }
        guest.must("fd_close", &[fd]);
    }
    found
}

/// A directory that must behave as one of the host.
struct Side {
    name: &'static str,
    guest: TestGuest,
}

impl Side {
    fn new(name: &'static str, directory: &Directory) -> Self {
        let mut guest = Guest::default();
        match directory {
            Directory::Memory(memory) => guest.add_memory(b"/", memory.clone(), false).unwrap(),
            Directory::Host(_) => unreachable!("host directories are added by path"),
        }
        Self::of(name, TestGuest::new(guest))
    }

    fn on_host(name: &'static str, tree: &Tree) -> Self {
        Self::of(name, TestGuest::in_tree(tree))
    }

    fn of(name: &'static str, mut guest: TestGuest) -> Self {
        guest.bytes.resize(4 << 20, 0);
        Self { name, guest }
    }
}

/// Bytes of guest memory that hold the arguments of a call.
const INPUT: usize = 64 << 10;

const LIMITS: SpaceLimits = SpaceLimits { max_bytes: 1 << 40, max_files: 1 << 40 };

fn memory() -> Directory {
    Directory::Memory(MemoryDirectory::new(LIMITS, UMASK, 0))
}

fn overlay(lower: &Directory) -> Directory {
    Directory::Memory(lower.clone().overlay(LIMITS, UMASK).unwrap())
}

/// Returns the entries that differ.
fn differences(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> [Vec<String>; 2] {
    let only = |one: &BTreeMap<String, String>, other: &BTreeMap<String, String>| {
        let missing = one.iter().filter(|(path, line)| other.get(*path) != Some(line));
        missing.map(|(path, line)| format!("{path}: {line}")).collect()
    };
    [only(one, other), only(other, one)]
}

/// Makes random calls on all sides. Every side must behave as the first.
fn run(seed: u64, random: &mut Random, calls: usize, sides: &mut [Side]) {
    let mut log = Vec::new();
    for step in 0..calls {
        for side in &mut *sides {
            side.guest.reset();
        }
        let (host, others) = sides.split_first_mut().unwrap();
        let (name, args, strings) = call(random, &mut host.guest, 9);
        log.push(format!("{name} {args:x?} {strings:?}"));
        let start = log.len().saturating_sub(40);
        let input = host.guest.bytes[..INPUT].to_vec();
        let call = |guest: &mut TestGuest| {
            let errno = guest.call(name, &args);
            let result = if errno.is_ok() { result(guest, name, &args) } else { Vec::new() };
            (errno, result)
        };
        let expected = call(&mut host.guest);
        for side in &mut *others {
            side.guest.bytes[..INPUT].copy_from_slice(&input);
            let found = call(&mut side.guest);
            // With two paths, either error may come first.
            let both_failed = expected.0.is_err() && found.0.is_err();
            if both_failed && matches!(name, "path_link" | "path_rename") {
                continue;
            }
            assert_eq!(
                expected,
                found,
                "seed {seed} step {step}: host, {}\n{}",
                side.name,
                log[start..].join("\n")
            );
        }
        if name == "path_open" && expected.0.is_ok() && host.guest.u32(OUT) >= 8 {
            let fd = 1 + random.below(8);
            for side in &mut *sides {
                side.guest.must("fd_close", &[fd]);
            }
        }
        if step % 50 == 49 {
            let (host, others) = sides.split_first_mut().unwrap();
            let expected = tree(&mut host.guest);
            for side in others {
                let different = differences(&expected, &tree(&mut side.guest));
                let none: [Vec<String>; 2] = Default::default();
                assert_eq!(
                    different,
                    none,
                    "seed {seed} step {step}: {}\n{}",
                    side.name,
                    log[start..].join("\n")
                );
            }
        }
    }
}

/// Checks that a directory equals the overlay after the changes of the overlay were applied to it.
fn check_apply(seed: u64, side: &mut Side, overlay: &Directory, target: &Directory, mut found: Side) {
    let Directory::Memory(overlay) = overlay else { unreachable!() };
    let expected = without_links(tree(&mut side.guest));
    let applied = overlay.apply_to(target);
    assert_eq!(applied, Ok(()), "seed {seed}: {}", side.name);
    let found = without_links(tree(&mut found.guest));
    let none: [Vec<String>; 2] = Default::default();
    assert_eq!(differences(&expected, &found), none, "seed {seed}: {} applied", side.name);
}

fn changes(overlay: &Directory) -> Vec<Change> {
    let Directory::Memory(overlay) = overlay else { unreachable!() };
    overlay.changes().unwrap()
}

/// Removes link counts: a hard link to an unchanged file is applied as a copy.
fn without_links(tree: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let without = |line: String| {
        let (kind, rest) = line.split_once(' ').unwrap();
        let (_, rest) = rest.split_once(' ').unwrap();
        format!("{kind} {rest}")
    };
    tree.into_iter().map(|(path, line)| (path, without(line))).collect()
}

/// Makes random calls on directories of all kinds, and then on overlays over them.
fn run_all(seed: u64, calls: usize) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let [host, empty, lower_host] = [(); 3].map(|()| Tree::new(&[]));
    let open = |tree: &Tree| Directory::of_host(tree.path()).unwrap();
    let (lower_memory, lower_overlay) = (memory(), overlay(&open(&empty)));
    let mut lower = [
        Side::on_host("host", &host),
        Side::on_host("another host directory", &lower_host),
        Side::new("memory", &lower_memory),
        Side::new("overlay over nothing", &lower_overlay),
    ];
    run(seed, &mut random, calls, &mut lower);
    let before = lower.each_mut().map(|side| tree(&mut side.guest));
    assert!(empty.names().is_empty());

    let overlays = [&open(&lower_host), &lower_memory, &lower_overlay].map(overlay);
    let mut sides = [
        Side::on_host("host", &host),
        Side::new("overlay over a host directory", &overlays[0]),
        Side::new("overlay over memory", &overlays[1]),
        Side::new("overlay over an overlay", &overlays[2]),
    ];
    run(seed, &mut random, calls, &mut sides);
    for (side, from) in sides.iter_mut().skip(1).zip(&overlays) {
        let target = overlay(&open(&lower_host));
        check_apply(seed, side, from, &target, Side::new("target", &target));
        assert_eq!(changes(&target), changes(from), "seed {seed}: {}", side.name);
    }
    for (side, before) in lower.iter_mut().zip(before).skip(1) {
        let none: [Vec<String>; 2] = Default::default();
        assert_eq!(
            differences(&before, &tree(&mut side.guest)),
            none,
            "seed {seed}: {} was changed",
            side.name
        );
    }
    // Sometimes the target is the lower directory itself.
    let index = (seed % 3) as usize;
    let found = Side::on_host("target", &lower_host);
    check_apply(seed, &mut sides[1 + index], &overlays[index], &open(&lower_host), found);
}

#[test]
fn random_calls_on_directories_in_memory_and_overlays_give_the_results_of_the_host() {
    let seeds = std::env::var("ORACLE_SEEDS").map_or(20, |seeds| seeds.parse().unwrap());
    for seed in 1..=seeds {
        run_all(seed, 500);
    }
}
