//! Guests that pass anything at all: whatever the numbers, a call answers, does not panic, and touches no byte
//! outside memory. The plan is the same at each run.

mod common;

use capwasi::core::guest::Guest;
use capwasi::core::memory::Memory;
use capwasi::core::outcome::Outcome;
use capwasi::core::pipe::{CallbackSlot, CaptureBuffer, Input, Output, Pipe};
use capwasi::core::restart::RestartState;
use capwasi::preview1::abi::{Call, CoreType, MAX_PARAMS};
use capwasi::sys::errno::Errno;
use common::{CREAT, FILE, Function, Functions, TestGuest, Tree};
use std::path::Path;
use std::sync::Arc;

const GUARD: usize = 4096;
const SIZE: usize = 65_536;
const GUARD_BYTE: u8 = 0xa5;

/// xorshift64*
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[(self.next() % values.len() as u64) as usize]
    }
}

/// Words that mean something somewhere: descriptors, counts, flags; places at both ends of memory and of
/// 32 bits.
fn words() -> Vec<u64> {
    let size = SIZE as u64;
    let mut words: Vec<u64> = (0..12).collect();
    words.extend([16, 24, 48, 64, 100, 255, 256, 1024, 2000, 4095, 4096, 4097, 0x1fff_ffff, 0x2000_0000]);
    words.extend(size - 66..size + 9);
    words.extend(0x7fff_fffe..0x8000_0002);
    words.extend(0xffff_fff0..=0xffff_ffff);
    words
}

/// No length that a disk could have room for: `fd_allocate` takes it.
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

/// A memory between two guards.
struct Guarded(Vec<u8>);

impl Guarded {
    fn new() -> Self {
        Self(vec![GUARD_BYTE; GUARD + SIZE + GUARD])
    }

    /// Writes paths, iovecs, small numbers and noise to some places, so that what is pointed at often means
    /// something.
    fn stir(&mut self, random: &mut Random, places: usize) {
        for _ in 0..places {
            let at = random.next() as usize % (SIZE / 8) * 8;
            let bytes = match random.next() % 6 {
                0 => [0; 8],
                1 => *random.of(&[
                    b"dir/../f",
                    b"file\0\0\0\0",
                    b"../../..",
                    b"////////",
                    b"link/dir",
                    b"././././",
                ]),
                2 => {
                    let (at, len) = (random.next() % (SIZE as u64 + 16), random.of(&[0, 1, 4, 8, 64, 5000]));
                    (at | len << 32).to_le_bytes()
                }
                3 => random.of(&[0_u64, 1, 2, 3, 1 << 40]).to_le_bytes(),
                _ => random.next().to_le_bytes(),
            };
            self.0[GUARD + at..][..8].copy_from_slice(&bytes);
        }
    }

    fn call(&mut self, wasi: &Guest, name: &str, function: Function, args: &[u64]) {
        let mut core = [0; MAX_PARAMS];
        core[..args.len()].copy_from_slice(args);
        // SAFETY: the vector is borrowed as long as the call takes, and stays where it is.
        let memory = unsafe { Memory::new(self.0.as_mut_ptr().add(GUARD), SIZE) };
        let call = Call { guest: wasi, memory, restart: RestartState::default() };
        let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| function(&call, &core)));
        match answer.unwrap_or_else(|_| panic!("{name} {args:?} panicked")) {
            Ok(()) | Err(Outcome::Errno(_) | Outcome::Block(_) | Outcome::HostCall(_)) => {}
            Err(Outcome::ReadClock(_)) => panic!("{name} asks for the time"),
            Err(Outcome::Exit(_)) => assert_eq!(name, "proc_exit"),
        }
        let guards = [&self.0[..GUARD], &self.0[GUARD + SIZE..]];
        assert!(guards == [&[GUARD_BYTE; GUARD][..]; 2], "{name} {args:?} wrote outside memory");
    }
}

/// Something of the host's that is lent to a guest.
type Lent = Box<dyn std::any::Any>;

/// A world with every kind of descriptor there is, and what it is lent, which must outlive it.
fn world(path: &Path) -> (Guest, Vec<Lent>) {
    let mut wasi = Guest::default();
    for arg in ["a", "", "long ".repeat(100).as_str()] {
        wasi.args.push(arg.as_bytes()).unwrap();
    }
    wasi.env.push(b"A=b").unwrap();
    wasi.add_preopen(b"/", path).unwrap();
    #[cfg(unix)]
    let lent = lend(&mut wasi);
    #[cfg(not(unix))]
    let lent = Vec::new();
    let mut guest = TestGuest::new(wasi);
    guest.open("file", CREAT, FILE);
    guest.open("dir", 0, 0);
    let mut wasi = Arc::into_inner(guest.wasi).unwrap();
    wasi.add_pipe(Pipe::Input(Input::from_bytes(b"input".to_vec()))).unwrap();
    wasi.add_pipe(Pipe::Input(Input::from_callback())).unwrap();
    wasi.add_pipe(Pipe::Output(Output::Capture(Arc::new(CaptureBuffer::at_most(SIZE as u64))))).unwrap();
    wasi.add_pipe(Pipe::Output(Output::Callback(CallbackSlot::Stdout))).unwrap();
    (wasi, lent)
}

/// Lends pipes, sockets and a device.
#[cfg(unix)]
fn lend(wasi: &mut Guest) -> Vec<Lent> {
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;
    fn lend_one(wasi: &mut Guest, open: impl AsRawFd + 'static) -> Lent {
        wasi.add_stdio(open.as_raw_fd()).unwrap();
        Box::new(open)
    }
    let (reader, writer) = std::io::pipe().unwrap();
    let (here, there) = UnixStream::pair().unwrap();
    if cfg!(not(target_os = "linux")) {
        // Where a write of more than there is room for would wait in the system.
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        rustix::io::ioctl_fionbio(&here, true).unwrap();
    }
    let null = std::fs::File::options().read(true).write(true).open("/dev/null").unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    vec![
        lend_one(wasi, reader),
        lend_one(wasi, writer),
        lend_one(wasi, here),
        lend_one(wasi, listener),
        lend_one(wasi, null),
        Box::new(there),
    ]
}

/// Arguments for these parameters, each from one of the lists.
fn arguments(random: &mut Random, params: &[CoreType], words: &[u64]) -> Vec<u64> {
    let any = |param: &CoreType| match param {
        CoreType::I32 => random.of(words),
        CoreType::I64 => random.of(LONGS),
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
        let (wasi, lent) = world(&tree.path().join("box"));
        let params = signature.params();
        guarded.stir(&mut random, SIZE / 8);
        // Each parameter at each of its values, beside others that are mostly good.
        for (index, param) in params.iter().enumerate() {
            for value in if *param == CoreType::I32 { &words[..] } else { LONGS } {
                let mut args =
                    arguments(&mut random, params, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 64, 2000]);
                args[index] = *value;
                guarded.stir(&mut random, 32);
                guarded.call(&wasi, name, *function, &args);
            }
        }
        for _ in 0..600 {
            let args = arguments(&mut random, params, &words);
            guarded.stir(&mut random, 32);
            guarded.call(&wasi, name, *function, &args);
        }
        drop((wasi, lent));
        assert_eq!(
            (tree.names(), tree.text("outside")),
            (vec!["box".into(), "outside".into()], "untouched".into())
        );
    }
}

#[test]
fn whatever_a_guest_passes_to_preview1_is_answered() {
    attack(&Functions::preview1(), 0x9e37_79b9_7f4a_7c15);
}

#[test]
fn whatever_a_guest_passes_to_unstable_is_answered() {
    attack(&Functions::unstable(), 0xd1b5_4a32_d192_ed03);
}

#[test]
fn a_guest_without_a_descriptor_or_a_byte_of_memory_is_answered() {
    let wasi = Guest::default();
    for (name, (signature, function)) in Functions::preview1().0 {
        let mut core = [0; MAX_PARAMS];
        core[0] = 1;
        let call = Call { guest: &wasi, memory: Memory::default(), restart: RestartState::default() };
        let answer = function(&call, &core);
        let pointers = signature.params().len() > 1;
        match answer {
            Ok(()) => assert_eq!(name, "sched_yield"),
            Err(Outcome::Exit(status)) => assert_eq!((name, status), ("proc_exit", 1)),
            Err(Outcome::Errno(Errno::Overflow)) => assert!(pointers, "{name}"),
            Err(Outcome::Errno(errno)) => {
                assert!(matches!(errno, Errno::Badf | Errno::Notsup), "{name} {errno:?}");
            }
            Err(Outcome::Block(_) | Outcome::HostCall(_) | Outcome::ReadClock(_)) => panic!("{name} waits"),
        }
    }
}
