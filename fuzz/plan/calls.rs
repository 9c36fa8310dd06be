//! A plan of raw calls: a memory with random contents, functions of either import table, and arguments of any kind.
//! Every call returns without a panic, writes nothing outside memory, and writes nothing at all on failure.
//! `tests/fuzz_plans.rs` and the fuzz target `calls` run the plan.

use crate::arbitrary::{Result, Unstructured};
use crate::common::{Backend, CREAT, FILE, Function, Functions, TestGuest, Tree, strings};
use capwasi::core::guest::Guest;
use capwasi::core::memory::Memory;
use capwasi::core::outcome::Outcome;
use capwasi::core::restart::RestartState;
use capwasi::preview1::abi::{Call, CoreArgs, CoreType, MAX_PARAMS};
use std::io::{PipeReader, PipeWriter, Write};
use std::os::fd::AsRawFd;
use std::sync::{Arc, LazyLock};

const GUARD: usize = 4096;
const GUARD_BYTE: u8 = 0xa5;
const SIZE: usize = 16_384;
const CALLS: usize = 48;

/// Offsets of the initial contents of memory: paths in slots, then iovecs, then subscriptions.
const PATHS_AT: usize = 0x100;
const PATH_SLOT: usize = 32;
const IOVS_AT: usize = 0x400;
const SUBSCRIPTIONS_AT: usize = 0x800;
/// Offset of most results.
const OUT_AT: usize = 0x1000;

const PATHS: &[&str] = &[
    "file",
    "dir",
    "dir/inner",
    "new",
    "new/er",
    ".",
    "..",
    "link",
    "link/outside",
    "dir/../file",
    "../outside",
    "/",
    "dir/",
    "loop",
    "file/",
    "\u{e9}\0",
];

/// Parameters of each function, so that many calls pass the checks: `f` is a descriptor, `p` a path, `v` iovecs, `b` a
/// buffer, `s` subscriptions, `o` an address for a result, `n` a number, `w` a 64-bit number.
const PARAMETERS: &[(&str, &str)] = &[
    ("args_get", "oo"),
    ("args_sizes_get", "oo"),
    ("clock_res_get", "no"),
    ("clock_time_get", "nwo"),
    ("environ_get", "oo"),
    ("environ_sizes_get", "oo"),
    ("fd_advise", "fwwn"),
    ("fd_allocate", "fww"),
    ("fd_close", "f"),
    ("fd_datasync", "f"),
    ("fd_fdstat_get", "fo"),
    ("fd_fdstat_set_flags", "fn"),
    ("fd_fdstat_set_rights", "fww"),
    ("fd_filestat_get", "fo"),
    ("fd_filestat_set_size", "fw"),
    ("fd_filestat_set_times", "fwwn"),
    ("fd_pread", "fvwo"),
    ("fd_prestat_get", "fo"),
    ("fd_prestat_dir_name", "fb"),
    ("fd_pwrite", "fvwo"),
    ("fd_read", "fvo"),
    ("fd_readdir", "fbwo"),
    ("fd_renumber", "ff"),
    ("fd_seek", "fwno"),
    ("fd_sync", "f"),
    ("fd_tell", "fo"),
    ("fd_write", "fvo"),
    ("path_create_directory", "fp"),
    ("path_filestat_get", "fnpo"),
    ("path_filestat_set_times", "fnpwwn"),
    ("path_link", "fnpfp"),
    ("path_open", "fnpnwwno"),
    ("path_readlink", "fpbo"),
    ("path_remove_directory", "fp"),
    ("path_rename", "fpfp"),
    ("path_symlink", "pfp"),
    ("path_unlink_file", "fp"),
    ("poll_oneoff", "sono"),
    ("proc_exit", "n"),
    ("proc_raise", "n"),
    ("random_get", "b"),
    ("sched_yield", ""),
    ("sock_accept", "fno"),
    ("sock_recv", "fvnoo"),
    ("sock_send", "fvno"),
    ("sock_shutdown", "fn"),
];

static TABLES: LazyLock<[Functions; 2]> = LazyLock::new(|| [Functions::preview1(), Functions::unstable()]);

/// Runs a plan.
pub fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let tree = Tree::new(&[("box/file", "some text"), ("box/dir/inner", "inner"), ("outside", "untouched")]);
    std::os::unix::fs::symlink("..", tree.path().join("box/link")).unwrap();
    std::os::unix::fs::symlink("loop", tree.path().join("box/loop")).unwrap();
    // The length chooses the backend, so that the seeds of the corpus stay valid.
    let backend = Backend::choose(u.len());
    let (guest, _files) = guest_with_files(&tree, backend);
    let table = &TABLES[usize::from(u.ratio(1, 4)?)];
    let mut memory = Guarded::new(SIZE - usize::from(u.arbitrary::<u8>()? % 24));
    for _ in 0..CALLS {
        if u.is_empty() {
            break;
        }
        for _ in 0..u.arbitrary::<u8>()? % 4 {
            memory.patch(u)?;
        }
        let index = u.choose_index(table.0.len())?;
        let (name, (signature, function)) = table.0.iter().nth(index).expect("an index within the table");
        let mut args = if u.ratio(3, 4)? { plausible(u, name)? } else { arbitrary(u, signature.params())? };
        assert_eq!(args.len(), signature.params().len(), "{name}");
        if *name == "fd_allocate" {
            // Avoids sizes that a disk may have room for.
            args[1..]
                .iter_mut()
                .filter(|arg| (1 << 20..1 << 62).contains(*arg))
                .for_each(|arg| *arg &= 0xffff);
        }
        memory.call(&guest, name, *function, &args);
    }
    assert_eq!(tree.names(), ["box", "outside"]);
    assert_eq!(tree.text("outside"), "untouched");
    if backend != Backend::Host {
        assert_eq!(tree.text("box/file"), "some text");
        assert_eq!(tree.text("box/dir/inner"), "inner");
    }
    Ok(())
}

/// Creates a guest with pipes, a device, a preopen, and a file and a directory in it. The returned files must outlive
/// the guest.
fn guest_with_files(tree: &Tree, backend: Backend) -> (Arc<Guest>, impl Sized) {
    let mut guest = Guest::default();
    let (stdin, mut feed): (PipeReader, PipeWriter) = std::io::pipe().unwrap();
    feed.write_all(b"standard input").unwrap();
    let (drain, stdout) = std::io::pipe().unwrap();
    let null = std::fs::File::options().read(true).write(true).open("/dev/null").unwrap();
    guest.add_stdio(stdin.as_raw_fd()).unwrap();
    guest.add_stdio(stdout.as_raw_fd()).unwrap();
    guest.add_stdio(null.as_raw_fd()).unwrap();
    backend.add_preopen(&mut guest, b"/", &tree.path().join("box"));
    let mut guest = TestGuest::new(guest);
    guest.try_open(3, "file", CREAT, FILE).unwrap();
    guest.try_open(3, "dir", 0, 0).unwrap();
    (guest.state, (stdin, feed, drain, stdout, null))
}

/// Returns arguments that are valid or nearly valid for the function.
fn plausible(u: &mut Unstructured<'_>, name: &str) -> Result<Vec<u64>> {
    let (_, kinds) =
        PARAMETERS.iter().find(|(function, _)| *function == name).expect("every function has parameters");
    let mut args = Vec::with_capacity(MAX_PARAMS);
    for kind in kinds.bytes() {
        match kind {
            b'f' => args.push(u64::from(u.arbitrary::<u8>()? % 10)),
            b'p' => {
                let index = u.choose_index(PATHS.len())?;
                args.extend([(PATHS_AT + index * PATH_SLOT) as u64, PATHS[index].len() as u64]);
            }
            b'v' => args.extend([IOVS_AT as u64 + 8 * u.int_in_range(0..=8)?, u.int_in_range(0..=6)?]),
            b'b' => args.extend([place(u)?, u64::from(u.arbitrary::<u16>()? % 600)]),
            b's' => args.push(SUBSCRIPTIONS_AT as u64),
            b'o' => args.push(place(u)?),
            b'n' => args.push(u64::from(u.arbitrary::<u8>()? % 20)),
            _ => args.push(wide(u)?),
        }
    }
    Ok(args)
}

/// Returns arguments of any value.
fn arbitrary(u: &mut Unstructured<'_>, params: &[CoreType]) -> Result<Vec<u64>> {
    params
        .iter()
        .map(|param| match param {
            CoreType::I32 => Ok(match u.arbitrary::<u8>()? % 6 {
                0 => u64::from(u.arbitrary::<u8>()?),
                1 => SIZE as u64 - 80 + u64::from(u.arbitrary::<u8>()? % 96),
                2 => place(u)?,
                3 => u64::from(u.arbitrary::<u16>()?),
                4 => *u.choose(&[
                    0x1fff_ffff,
                    0x2000_0001,
                    0x7fff_ffff,
                    0x8000_0000,
                    0xffff_ff00,
                    0xffff_ffff,
                ])?,
                _ => u64::from(u.arbitrary::<u32>()?),
            }),
            CoreType::I64 => wide(u),
        })
        .collect()
}

/// Returns an offset for a result. Some are in the initial contents, and some at the end of memory.
fn place(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match u.arbitrary::<u8>()? {
        at @ 0..200 => (OUT_AT + usize::from(at) * 16) as u64,
        200..230 => (PATHS_AT + usize::from(u.arbitrary::<u8>()?) * 8) as u64,
        _ => SIZE as u64 - u64::from(u.arbitrary::<u8>()?),
    })
}

fn wide(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match u.arbitrary::<u8>()? % 6 {
        0 | 1 => u64::from(u.arbitrary::<u8>()?),
        2 => *u.choose(&[(1 << 62) - 1, 1 << 62, (1 << 63) - 1, 1 << 63, u64::MAX - 1, u64::MAX])?,
        3 => FILE,
        4 => u64::from(u.arbitrary::<u32>()?),
        _ => u.arbitrary()?,
    })
}

/// A memory between two guard regions.
struct Guarded {
    bytes: Vec<u8>,
    size: usize,
}

impl Guarded {
    fn new(size: usize) -> Self {
        let mut memory = Self { bytes: vec![0; GUARD + SIZE + GUARD], size };
        for (index, path) in PATHS.iter().enumerate() {
            memory.set(PATHS_AT + index * PATH_SLOT, path.as_bytes());
        }
        for index in 0..14 {
            let region = [OUT_AT as u32 + 100 * index, [5, 0, 64, 300][index as usize % 4]];
            memory.set(IOVS_AT + 8 * index as usize, &region.map(u32::to_le_bytes).concat());
        }
        for index in 0..20_u8 {
            // In both layouts, of 48 and 56 bytes, the type is byte 8. The rest are small numbers.
            let at = SUBSCRIPTIONS_AT + usize::from(index) * 48;
            memory.set(
                at,
                &[[index; 8], [index % 3, 0, 0, 0, 0, 0, 0, 0], [index % 6, 0, 0, 0, 0, 0, 0, 0]].concat(),
            );
        }
        memory.bytes[..GUARD].fill(GUARD_BYTE);
        memory.bytes[GUARD + size..].fill(GUARD_BYTE);
        memory
    }

    fn set(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[GUARD + at..][..bytes.len()].copy_from_slice(bytes);
    }

    /// Writes up to eight arbitrary bytes at an arbitrary offset.
    fn patch(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let at = match u.arbitrary::<u8>()? {
            near @ 0..=127 => IOVS_AT + usize::from(near) * 4,
            near @ 128..=199 => SUBSCRIPTIONS_AT + usize::from(near - 128) * 8,
            _ => usize::from(u.arbitrary::<u16>()?) % (self.size - 8),
        };
        let len = u.int_in_range(1..=8)?;
        let mut bytes = [0; 8];
        u.fill_buffer(&mut bytes[..len])?;
        self.set(at, &bytes[..len]);
        Ok(())
    }

    /// Makes a call. If the call would wait, restarts it once, as after the end of the wait.
    fn call(&mut self, guest: &Guest, name: &str, function: Function, args: &[u64]) {
        let mut core = [0; MAX_PARAMS];
        core[..args.len()].copy_from_slice(args);
        if std::env::var_os("CAPWASI_TRACE").is_some() {
            eprintln!("{name} {args:x?}");
        }
        if let Err(Outcome::Block(wait)) =
            self.call_once(guest, name, function, &core, RestartState::default())
        {
            let _ = self.call_once(guest, name, function, &core, wait.restart);
        }
    }

    fn call_once(
        &mut self,
        guest: &Guest,
        name: &str,
        function: Function,
        core: &CoreArgs,
        restart: RestartState,
    ) -> std::result::Result<(), Outcome> {
        let before = self.bytes.clone();
        // SAFETY: the vector is borrowed during the call, and does not move.
        let memory = unsafe { Memory::new(self.bytes.as_mut_ptr().add(GUARD), self.size) };
        let strings = &strings(&["program", "", "-x"], &["A=b"]);
        let result = function(&Call { guest, strings, memory, restart }, core);
        let end = GUARD + self.size;
        assert!(self.bytes[..GUARD] == before[..GUARD], "{name} {core:x?} wrote before memory");
        assert!(self.bytes[end..] == before[end..], "{name} {core:x?} wrote beyond memory");
        match &result {
            Ok(()) | Err(Outcome::Block(_) | Outcome::HostCall(_)) => {}
            Err(Outcome::ReadClock(clock)) => panic!("{name} reads the callback of {clock:?}"),
            Err(Outcome::Exit(_)) => assert_eq!(name, "proc_exit"),
            Err(Outcome::Errno(errno)) => {
                assert!((1..=76).contains(&(*errno as u16)), "{name} {core:x?} {errno:?}");
                // If the events overlap the subscriptions, an event can make the next subscription invalid.
                let events = if name == "poll_oneoff" { events(core) } else { 0..0 };
                let changed = |at: &usize| !events.contains(at) && self.bytes[*at] != before[*at];
                let written = self.bytes != before && (GUARD..end).any(|at| changed(&at));
                assert!(!written, "{name} {core:x?} failed with {errno:?} and wrote");
            }
        }
        result
    }
}

/// Returns the range of the events of `poll_oneoff`, with the guard added.
fn events(core: &CoreArgs) -> std::ops::Range<usize> {
    let at = GUARD + core[1] as usize;
    at..at.saturating_add(core[2] as usize * 32)
}
