//! Guests that pass arbitrary values: every call returns without a panic, and writes nothing outside memory. The plan
//! is the same in each run.

mod common;

use capwasi::core::guest::Guest;
use capwasi::core::memory::Memory;
use capwasi::core::outcome::Outcome;
use capwasi::core::pipe::{CallbackSlot, CaptureBuffer, Input, Output, Pipe};
use capwasi::core::restart::RestartState;
use capwasi::preview1::abi::{Call, CoreType, MAX_PARAMS};
use capwasi::sys::errno::Errno;
use common::{CREAT, FILE, Function, Functions, Random, TestGuest, Tree};
use std::path::Path;
use std::sync::Arc;

const GUARD: usize = 4096;
const SIZE: usize = 65_536;
const GUARD_BYTE: u8 = 0xa5;

/// Returns 32-bit values that are meaningful for some parameters: descriptors, counts, flags, and offsets near both
/// limits of memory and of 32 bits.
fn words() -> Vec<u64> {
    let size = SIZE as u64;
    let mut words: Vec<u64> = (0..12).collect();
    words.extend([16, 24, 48, 64, 100, 255, 256, 1024, 2000, 4095, 4096, 4097, 0x1fff_ffff, 0x2000_0000]);
    words.extend(size - 66..size + 9);
    words.extend(0x7fff_fffe..0x8000_0002);
    words.extend(0xffff_fff0..=0xffff_ffff);
    words
}

/// 64-bit values. `fd_allocate` cannot allocate any of these lengths on a disk.
const LONGS: &[u64] = &[
    0,
    1,
    2,
    8,
    64,
    4096,
    (1 << 62) - 1,
    1 << 62,
    i64::MAX as u64,
    1 << 63,
    (1 << 63) + 1,
    u64::MAX - 1,
    u64::MAX,
];

/// A memory between two guard regions.
struct Guarded(Vec<u8>);

impl Guarded {
    fn new() -> Self {
        Self(vec![GUARD_BYTE; GUARD + SIZE + GUARD])
    }

    /// Writes paths, iovecs, small numbers and random bytes to some places, so that pointers often point at valid data.
    fn scramble(&mut self, random: &mut Random, places: usize) {
        for _ in 0..places {
            let at = random.next() as usize % (SIZE / 8) * 8;
            let bytes = match random.next() % 6 {
                0 => [0; 8],
                1 => *random.choose(&[
                    b"dir/../f",
                    b"file\0\0\0\0",
                    b"../../..",
                    b"////////",
                    b"link/dir",
                    b"././././",
                ]),
                2 => {
                    let (at, len) =
                        (random.next() % (SIZE as u64 + 16), random.choose(&[0, 1, 4, 8, 64, 5000]));
                    (at | len << 32).to_le_bytes()
                }
                3 => random.choose(&[0_u64, 1, 2, 3, 1 << 40]).to_le_bytes(),
                _ => random.next().to_le_bytes(),
            };
            self.0[GUARD + at..][..8].copy_from_slice(&bytes);
        }
    }

    fn call(&mut self, guest: &Guest, name: &str, function: Function, args: &[u64]) {
        let mut core = [0; MAX_PARAMS];
        core[..args.len()].copy_from_slice(args);
        // SAFETY: the vector is borrowed during the call, and does not move.
        let memory = unsafe { Memory::new(self.0.as_mut_ptr().add(GUARD), SIZE) };
        let strings = &common::strings(&["a", "", &"long ".repeat(100)], &["A=b"]);
        let call = Call { guest, strings, memory, restart: RestartState::default() };
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| function(&call, &core)));
        match result.unwrap_or_else(|_| panic!("{name} {args:?} panicked")) {
            Ok(()) | Err(Outcome::Errno(_) | Outcome::Block(_) | Outcome::HostCall(_)) => {}
            Err(Outcome::ReadClock(_)) => panic!("{name} reads a callback clock"),
            Err(Outcome::Exit(_)) => assert_eq!(name, "proc_exit"),
        }
        let guards = [&self.0[..GUARD], &self.0[GUARD + SIZE..]];
        assert!(guards == [&[GUARD_BYTE; GUARD][..]; 2], "{name} {args:?} wrote outside memory");
    }
}

/// A file that has to stay open while the guest uses its descriptor.
type HostFile = Box<dyn std::any::Any>;

/// Creates a guest with every kind of descriptor. The returned files must outlive the guest.
fn guest_with_everything(path: &Path) -> (Guest, Vec<HostFile>) {
    let mut guest = Guest::default();
    guest.add_preopen(b"/", path).unwrap();
    #[cfg(unix)]
    let files = add_host_files(&mut guest);
    #[cfg(not(unix))]
    let files = Vec::new();
    let mut guest = TestGuest::new(guest);
    guest.open("file", CREAT, FILE);
    guest.open("dir", 0, 0);
    let mut guest = Arc::into_inner(guest.state).unwrap();
    guest.add_pipe(Pipe::Input(Input::from_bytes(b"input".to_vec()))).unwrap();
    guest.add_pipe(Pipe::Input(Input::from_callback())).unwrap();
    guest.add_pipe(Pipe::Output(Output::Capture(Arc::new(CaptureBuffer::at_most(SIZE as u64))))).unwrap();
    guest.add_pipe(Pipe::Output(Output::Callback(CallbackSlot::Stdout))).unwrap();
    (guest, files)
}

/// Adds pipes, sockets and a device.
#[cfg(unix)]
fn add_host_files(guest: &mut Guest) -> Vec<HostFile> {
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;
    fn add(guest: &mut Guest, file: impl AsRawFd + 'static) -> HostFile {
        guest.add_stdio(file.as_raw_fd()).unwrap();
        Box::new(file)
    }
    let (reader, writer) = std::io::pipe().unwrap();
    let (here, there) = UnixStream::pair().unwrap();
    if cfg!(not(target_os = "linux")) {
        // Other systems have no nonblocking write on a blocking descriptor: a large write would wait.
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        rustix::io::ioctl_fionbio(&here, true).unwrap();
    }
    let null = std::fs::File::options().read(true).write(true).open("/dev/null").unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    vec![
        add(guest, reader),
        add(guest, writer),
        add(guest, here),
        add(guest, listener),
        add(guest, null),
        Box::new(there),
    ]
}

/// Chooses arguments for these parameters.
fn arguments(random: &mut Random, params: &[CoreType], words: &[u64]) -> Vec<u64> {
    let any = |param: &CoreType| match param {
        CoreType::I32 => random.choose(words),
        CoreType::I64 => random.choose(LONGS),
    };
    params.iter().map(any).collect()
}

fn attack(table: &Functions, seed: u64) {
    let words = words();
    let mut random = Random(seed);
    let mut guarded = Guarded::new();
    for (name, (signature, function)) in &table.0 {
        let tree = Tree::new(&[("box/file", "text"), ("box/dir/inner", "inner"), ("outside", "untouched")]);
        #[cfg(unix)]
        std::os::unix::fs::symlink("..", tree.path().join("box/link")).unwrap();
        let (guest, files) = guest_with_everything(&tree.path().join("box"));
        let params = signature.params();
        guarded.scramble(&mut random, SIZE / 8);
        // Each value of each parameter. The other arguments are mostly valid.
        for (index, param) in params.iter().enumerate() {
            for value in if *param == CoreType::I32 { &words[..] } else { LONGS } {
                let mut args =
                    arguments(&mut random, params, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 64, 2000]);
                args[index] = *value;
                guarded.scramble(&mut random, 32);
                guarded.call(&guest, name, *function, &args);
            }
        }
        for _ in 0..600 {
            let args = arguments(&mut random, params, &words);
            guarded.scramble(&mut random, 32);
            guarded.call(&guest, name, *function, &args);
        }
        drop((guest, files));
        assert_eq!(
            (tree.names(), tree.text("outside")),
            (vec!["box".into(), "outside".into()], "untouched".into())
        );
    }
}

#[test]
fn any_arguments_to_preview1_return_without_panic_or_stray_write() {
    attack(&Functions::preview1(), 0x9e37_79b9_7f4a_7c15);
}

#[test]
fn any_arguments_to_unstable_return_without_panic_or_stray_write() {
    attack(&Functions::unstable(), 0xd1b5_4a32_d192_ed03);
}

#[test]
fn calls_of_a_guest_without_memory_and_descriptors_fail_with_an_errno() {
    let guest = Guest::default();
    for (name, (signature, function)) in Functions::preview1().0 {
        let mut core = [0; MAX_PARAMS];
        core[0] = 1;
        let call = Call {
            guest: &guest,
            strings: &Arc::default(),
            memory: Memory::default(),
            restart: RestartState::default(),
        };
        let result = function(&call, &core);
        let has_pointers = signature.params().len() > 1;
        match result {
            Ok(()) => assert_eq!(name, "sched_yield"),
            Err(Outcome::Exit(status)) => assert_eq!((name, status), ("proc_exit", 1)),
            Err(Outcome::Errno(Errno::Overflow)) => assert!(has_pointers, "{name}"),
            Err(Outcome::Errno(errno)) => {
                assert!(matches!(errno, Errno::Badf | Errno::Notsup), "{name} {errno:?}");
            }
            Err(Outcome::Block(_) | Outcome::HostCall(_) | Outcome::ReadClock(_)) => {
                panic!("{name} would wait")
            }
        }
    }
}
