//! Shared by the tests: temporary directories, and guests that consist of a memory and the functions they import.
#![allow(dead_code, reason = "each test uses a part of the module")]

pub mod directories;
#[cfg(unix)]
pub mod waiting;

use capwasi::core::directory::Directory;
use capwasi::core::fs::memory::MemoryDirectory;
use capwasi::core::fs::space::SpaceLimits;
use capwasi::core::guest::Guest;
use capwasi::core::lock;
use capwasi::core::memory::Memory;
use capwasi::core::outcome::Outcome;
use capwasi::core::restart::RestartState;
use capwasi::core::strings::Strings;
use capwasi::core::wait::Wait;
use capwasi::preview1::abi::{Call, CoreArgs, MAX_PARAMS, Signature};
use capwasi::preview1::imports::{Import, Visitor, preview1, unstable};
use capwasi::sys::errno::Errno;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A host function with its arguments as core values.
pub type Function = fn(&Call<'_>, &CoreArgs) -> Result<(), Outcome>;

/// An import table by name.
#[derive(Clone, Default)]
pub struct Functions(pub BTreeMap<&'static str, (Signature, Function)>);

impl Visitor for Functions {
    fn visit<I: Import>(&mut self) {
        let function: Function = I::call;
        assert!(
            self.0.insert(I::NAME, (I::SIGNATURE, function)).is_none(),
            "{} is in the table twice",
            I::NAME
        );
    }
}

impl Functions {
    pub fn preview1() -> Self {
        let mut functions = Self::default();
        preview1::visit(&mut functions);
        functions
    }

    pub fn unstable() -> Self {
        let mut functions = Self::default();
        unstable::visit(&mut functions);
        functions
    }
}

/// A temporary directory, removed on drop.
pub struct Tree(PathBuf);

impl Tree {
    /// Creates a directory with these files and contents. A name that ends in a slash is a directory.
    pub fn new(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("capwasi-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let tree = Self(std::env::temp_dir().join(name));
        std::fs::create_dir(&tree.0).unwrap();
        for (name, content) in files {
            let path = tree.0.join(name);
            if name.ends_with('/') {
                std::fs::create_dir_all(path).unwrap();
            } else {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content).unwrap();
            }
        }
        tree
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }

    /// Returns the sorted names in the directory.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Backends of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Host,
    Memory,
    Overlay,
}

impl Backend {
    /// Chooses a backend by a number.
    pub fn choose(number: usize) -> Self {
        [Backend::Host, Backend::Memory, Backend::Overlay][number % 3]
    }

    /// Adds a directory of the host as a preopen: itself, a copy in memory, or an overlay.
    pub fn add_preopen(self, guest: &mut Guest, name: &[u8], path: &Path) {
        let added = match self {
            Backend::Host => guest.add_preopen(name, path),
            Backend::Memory => guest.add_memory(name, copy_in_memory(path), false),
            Backend::Overlay => {
                let lower = Directory::of_host(path).unwrap();
                guest.add_memory(name, lower.overlay(SpaceLimits::default(), UMASK).unwrap(), false)
            }
        };
        added.unwrap();
    }
}

/// Copies a directory of the host into memory, except symlinks with an absolute target, which no guest can create.
fn copy_in_memory(path: &Path) -> MemoryDirectory {
    fn copy(guest: &mut TestGuest, from: &Path, to: &str) {
        for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            guest.reset();
            let name = format!("{to}{}", entry.file_name().into_string().unwrap());
            let (at, len) = (guest.put(&name), name.len() as u64);
            let filetype = entry.file_type().unwrap();
            if filetype.is_symlink() {
                let target =
                    std::fs::read_link(entry.path()).unwrap().into_os_string().into_string().unwrap();
                let target_at = guest.put(&target);
                let _ = guest.call("path_symlink", &[target_at, target.len() as u64, 0, at, len]);
            } else if filetype.is_dir() {
                guest.must("path_create_directory", &[0, at, len]);
                copy(guest, &entry.path(), &format!("{name}/"));
            } else {
                let fd = guest.open(&name, CREAT, FD_WRITE);
                guest.write(fd, &std::fs::read_to_string(entry.path()).unwrap());
                guest.must("fd_close", &[fd]);
            }
        }
    }
    let memory = MemoryDirectory::new(SpaceLimits::default(), UMASK, 0);
    let mut guest = Guest::default();
    guest.add_memory(b"/", memory.clone(), false).unwrap();
    copy(&mut TestGuest::new(guest), path, "");
    memory
}

/// Address of results. Never allocated.
pub const OUT: u64 = 64;

/// Permission bits that new files and directories in memory lack.
pub const UMASK: u16 = 0o022;
const SCRATCH: usize = 1024;

pub const FD_READ: u64 = 1 << 1;
pub const FD_SEEK: u64 = 1 << 2;
pub const FD_TELL: u64 = 1 << 5;
pub const FD_WRITE: u64 = 1 << 6;
/// All rights of a regular file.
pub const FILE: u64 = 0x08e0_01ff;
pub const CREAT: u64 = 1;
pub const DIRECTORY: u64 = 2;
pub const EXCL: u64 = 4;
pub const TRUNC: u64 = 8;
pub const NONBLOCK: u64 = 4;

/// A pseudo-random generator (xorshift64*).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }

    pub fn choose<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len() as u64) as usize]
    }
}

/// Returns arguments and an environment.
pub fn strings(args: &[&str], env: &[&str]) -> Arc<Strings> {
    let mut strings = Strings::default();
    for arg in args {
        strings.args.push(arg.as_bytes()).unwrap();
    }
    for variable in env {
        strings.env.push(variable.as_bytes()).unwrap();
    }
    Arc::new(strings)
}

/// A guest: its state, its memory, and the functions that it imports.
pub struct TestGuest {
    pub state: Arc<Guest>,
    pub strings: Arc<Strings>,
    pub functions: Functions,
    pub bytes: Vec<u8>,
    top: usize,
}

impl TestGuest {
    /// Creates a guest with a memory of two pages.
    pub fn new(state: impl Into<Arc<Guest>>) -> Self {
        // SAFETY: tests that share an object call `share_objects` before.
        unsafe { lock::confine_objects() };
        Self {
            state: state.into(),
            strings: Arc::default(),
            functions: Functions::preview1(),
            bytes: vec![0; 2 * 65_536],
            top: SCRATCH,
        }
    }

    /// Creates a guest whose descriptor 0 is a directory.
    pub fn in_tree(tree: &Tree) -> Self {
        let mut guest = Guest::default();
        guest.add_preopen(b"/", tree.path()).unwrap();
        Self::new(guest)
    }

    /// Replaces the arguments and the environment.
    pub fn with_strings(mut self, args: &[&str], env: &[&str]) -> Self {
        self.strings = strings(args, env);
        self
    }

    /// Imports `wasi_unstable` instead.
    pub fn unstable(mut self) -> Self {
        self.functions = Functions::unstable();
        self
    }

    /// Returns the size of the memory.
    pub fn end(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Calls a function once, with the state of a restart.
    pub fn call_once(&mut self, name: &str, args: &[u64], restart: RestartState) -> Result<(), Outcome> {
        let (signature, function) = self.functions.0[name];
        assert_eq!(args.len(), signature.params().len(), "{name}");
        let mut core = [0; MAX_PARAMS];
        core[..args.len()].copy_from_slice(args);
        // SAFETY: the vector is borrowed during the call, and does not move.
        let memory = unsafe { Memory::new(self.bytes.as_mut_ptr(), self.bytes.len()) };
        function(&Call { guest: &self.state, strings: &self.strings, memory, restart }, &core)
    }

    /// Calls a function that does not wait. Restarts a long call that pauses.
    pub fn call(&mut self, name: &str, args: &[u64]) -> Result<(), Errno> {
        self.call_until_done(name, args, RestartState::default())
    }

    /// Restarts a call while it pauses. Panics if the call waits or needs a callback.
    pub fn call_until_done(&mut self, name: &str, args: &[u64], restart: RestartState) -> Result<(), Errno> {
        match self.call_once(name, args, restart) {
            Ok(()) => Ok(()),
            Err(Outcome::Errno(errno)) => Err(errno),
            Err(Outcome::Block(wait)) if wait.is_pause() => self.call_until_done(name, args, wait.restart),
            Err(Outcome::Block(wait)) => panic!("{name} would wait: {wait:?}"),
            Err(Outcome::HostCall(call)) => panic!("{name} needs a callback: {call:?}"),
            Err(Outcome::ReadClock(clock)) => panic!("{name} needs the callback of {clock:?}"),
            Err(Outcome::Exit(code)) => panic!("{name} exits with {code}"),
        }
    }

    /// Calls a function that has to wait.
    pub fn expect_wait(&mut self, name: &str, args: &[u64], restart: RestartState) -> Wait {
        match self.call_once(name, args, restart) {
            Err(Outcome::Block(wait)) => *wait,
            other => panic!("{name} does not wait: {other:?}"),
        }
    }

    /// Calls a function that must succeed.
    pub fn must(&mut self, name: &str, args: &[u64]) {
        assert_eq!(self.call(name, args), Ok(()), "{name} {args:?}");
    }

    /// Allocates zeroed memory and returns its address.
    pub fn alloc(&mut self, size: usize) -> u64 {
        let at = self.top.next_multiple_of(8);
        self.top = at + size;
        self.bytes[at..at + size].fill(0);
        at as u64
    }

    /// Frees all allocations.
    pub fn reset(&mut self) {
        self.top = SCRATCH;
    }

    /// Copies bytes into memory and returns their address.
    pub fn put(&mut self, bytes: impl AsRef<[u8]>) -> u64 {
        let bytes = bytes.as_ref();
        let at = self.alloc(bytes.len());
        self.bytes[at as usize..][..bytes.len()].copy_from_slice(bytes);
        at
    }

    /// Stores an array of iovecs for these regions (address, length) and returns its address.
    pub fn iovs(&mut self, regions: &[(u64, u64)]) -> u64 {
        let words: Vec<u8> = regions
            .iter()
            .flat_map(|(at, len)| [*at as u32, *len as u32])
            .flat_map(u32::to_le_bytes)
            .collect();
        self.put(words)
    }

    pub fn slice(&self, at: u64, len: u64) -> &[u8] {
        &self.bytes[at as usize..(at + len) as usize]
    }

    pub fn u16(&self, at: u64) -> u16 {
        u16::from_le_bytes(self.slice(at, 2).try_into().unwrap())
    }

    pub fn u32(&self, at: u64) -> u64 {
        u64::from(u32::from_le_bytes(self.slice(at, 4).try_into().unwrap()))
    }

    pub fn u64(&self, at: u64) -> u64 {
        u64::from_le_bytes(self.slice(at, 8).try_into().unwrap())
    }

    pub fn set(&mut self, at: u64, bytes: &[u8]) {
        self.bytes[at as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    /// Opens a path in the directory `dir` and returns the new descriptor.
    pub fn try_open(&mut self, dir: u64, path: &str, oflags: u64, rights: u64) -> Result<u64, Errno> {
        let at = self.put(path);
        self.call("path_open", &[dir, 0, at, path.len() as u64, oflags, rights, 0, 0, OUT])?;
        Ok(self.u32(OUT))
    }

    /// Opens a path in descriptor 0. Panics if that fails.
    pub fn open(&mut self, path: &str, oflags: u64, rights: u64) -> u64 {
        self.try_open(0, path, oflags, rights).unwrap()
    }

    /// Writes text and returns the number of bytes written.
    pub fn write(&mut self, fd: u64, text: &str) -> u64 {
        let at = self.put(text);
        let iovs = self.iovs(&[(at, text.len() as u64)]);
        self.must("fd_write", &[fd, iovs, 1, OUT]);
        self.u32(OUT)
    }

    /// Reads up to `len` bytes of text.
    pub fn read(&mut self, fd: u64, len: u64) -> String {
        let at = self.alloc(len as usize);
        let iovs = self.iovs(&[(at, len)]);
        self.must("fd_read", &[fd, iovs, 1, OUT]);
        String::from_utf8(self.slice(at, self.u32(OUT)).to_vec()).unwrap()
    }

    /// Stores a subscription of preview1 and returns its address. `source` is a descriptor or a clock.
    pub fn subscription(&mut self, userdata: u64, tag: u8, source: u32, timeout: u64, flags: u16) -> u64 {
        let at = self.alloc(48);
        self.set(at, &userdata.to_le_bytes());
        self.set(at + 8, &[tag]);
        self.set(at + 16, &source.to_le_bytes());
        self.set(at + 24, &timeout.to_le_bytes());
        self.set(at + 40, &flags.to_le_bytes());
        at
    }
}
