//! A plan of file operations by a guest that tries to escape, and by a host that moves files meanwhile. Nothing
//! outside the two preopens changes. The guest sees no contents, names or inode numbers of files outside.
//! `tests/fuzz_plans.rs` and the fuzz target `sandbox` run the plan.

mod outside;

use crate::arbitrary::{Result, Unstructured};
use crate::common::{Backend, FD_READ, FD_WRITE, FILE, OUT, TestGuest, Tree};
use capwasi::core::guest::Guest;
use capwasi::core::restart::RestartState;
use outside::Outside;
use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

const OPERATIONS: usize = 40;
/// Contents that no guest may read.
const SECRET: &str = "SECRET";
/// Name that no guest may list.
const UNLISTED: &str = "only-outside";
const BUFFER: u64 = 2048;

/// Components of paths.
const NAMES: &[&str] = &[
    "a",
    "b",
    "c",
    "d",
    "x",
    ".",
    "",
    "..",
    "..",
    "link",
    "up",
    "abs",
    "far",
    "self",
    "deep",
    "proc",
    "trail",
    "secret",
    "inner",
    "outside",
    "limbo",
    "a/c",
    "link/secret",
    "up/x",
    "deep/inner",
    "../secret",
];

/// Symlinks in the preopen `box`. Most of these symlinks lead out of `box`.
const LINKS: &[(&str, &str)] = &[
    ("link", "../outside"),
    ("up", ".."),
    ("far", "a/../../outside/secret"),
    ("self", "."),
    ("deep", "link/dir"),
    ("proc", "/proc/self/root"),
    ("trail", "../outside/"),
    ("a/up", "../.."),
];

/// Runs a plan.
pub fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let mut plan = Plan::new(Backend::choose(u.len()));
    for _ in 0..OPERATIONS {
        if u.is_empty() {
            break;
        }
        plan.step(u)?;
    }
    plan.check();
    Ok(())
}

struct Plan {
    tree: Tree,
    guest: TestGuest,
    /// State of the files outside at the start.
    outside: Outside,
    /// Device and inode numbers that the guest must not see.
    hidden: BTreeSet<(u64, u64)>,
    /// Device of all files. `None` in memory, where an inode number says nothing about the host.
    dev: Option<u64>,
    /// Number of files that the host has moved out of the box.
    moved: usize,
    trace: bool,
}

impl Plan {
    fn new(backend: Backend) -> Self {
        let tree = Tree::new(&[
            ("secret", SECRET),
            ("outside/secret", SECRET),
            ("outside/dir/inner", SECRET),
            ("outside/dir/only-outside", SECRET),
            ("outside/only-outside", SECRET),
            ("limbo/", ""),
            ("box/a/c", "text"),
            ("box/a/d/", ""),
            ("box/b", "text"),
            ("other/x", "text"),
        ]);
        for (name, target) in LINKS {
            symlink(target, tree.path().join("box").join(name)).unwrap();
        }
        symlink(tree.path().join("outside"), tree.path().join("box/abs")).unwrap();
        symlink("../outside/dir", tree.path().join("other/d")).unwrap();
        let mut guest = Guest::default();
        backend.add_preopen(&mut guest, b"/", &tree.path().join("box"));
        backend.add_preopen(&mut guest, b"/other", &tree.path().join("other"));
        let outside = Outside::record(tree.path());
        let mut hidden: BTreeSet<_> = outside.ids().collect();
        for path in [Path::new("/"), tree.path().parent().unwrap(), &tree.path().join("limbo")] {
            let metadata = std::fs::metadata(path).unwrap();
            hidden.insert((metadata.dev(), metadata.ino()));
        }
        let dev = (backend != Backend::Memory).then(|| tree.path().metadata().unwrap().dev());
        let trace = std::env::var_os("CAPWASI_TRACE").is_some();
        Self { tree, guest: TestGuest::new(guest), outside, hidden, dev, moved: 0, trace }
    }

    /// Checks that the files outside are unchanged, and that there are no new ones.
    fn check(&self) {
        assert_eq!(Outside::record(self.tree.path()), self.outside);
        let limbo = std::fs::read_dir(self.tree.path().join("limbo")).unwrap().count();
        assert!(limbo <= self.moved, "the guest has created a file in a directory that the host moved out");
    }

    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        self.guest.reset();
        match u.arbitrary::<u8>()? % 16 {
            0..=3 => self.open(u),
            4 => self.one_path(u),
            5 | 6 => self.two_paths(u),
            7 => self.symlink(u),
            8 => self.stat(u),
            9 => self.readlink(u),
            10 | 11 => self.transfer(u),
            12 => self.readdir(u),
            13 => self.file(u),
            14 => self.number(u),
            _ => self.host(u),
        }
    }

    /// Makes a call and returns whether it succeeded.
    fn call(&mut self, name: &str, args: &[u64]) -> bool {
        let result = self.guest.call_until_done(name, args, RestartState::default());
        if self.trace {
            eprintln!("{name} {args:x?} {result:?}");
        }
        result.is_ok()
    }

    fn path(&mut self, u: &mut Unstructured<'_>) -> Result<[u64; 2]> {
        let path = self.text(u)?;
        Ok([self.guest.put(&path), path.len() as u64])
    }

    /// Returns a path of a few components, sometimes absolute or with a trailing slash.
    fn text(&self, u: &mut Unstructured<'_>) -> Result<String> {
        let choice = u.arbitrary::<u8>()?;
        let mut path = match choice >> 5 {
            0 => "/".to_owned(),
            1 if choice & 0x10 != 0 => format!("{}/", self.tree.path().display()),
            _ => String::new(),
        };
        for at in 0..[1, 1, 2, 3][usize::from(choice % 4)] {
            if at > 0 {
                path.push('/');
            }
            path.push_str(u.choose(NAMES)?);
        }
        if choice & 0x18 == 0x18 {
            path.push('/');
        }
        if self.trace {
            eprintln!("path {path:?}");
        }
        Ok(path)
    }

    fn open(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (dir, follows) = (fd(u)?, u.arbitrary::<u8>()? & 1);
        let [path, len] = self.path(u)?;
        let flags = u.arbitrary::<u8>()?;
        let rights = [0, FD_READ, FD_WRITE, FILE, FILE & !FD_WRITE, 0, FD_READ | FD_WRITE, FILE];
        let rights = rights[usize::from(flags >> 4 & 7)];
        let oflags = u64::from(flags & 15);
        let fdflags = u64::from(u.arbitrary::<u8>()? & 31);
        if self.call("path_open", &[dir, follows.into(), path, len, oflags, rights, 0, fdflags, OUT]) {
            let opened = self.guest.u32(OUT);
            if self.call("fd_filestat_get", &[opened, OUT]) {
                self.check_stat_is_inside();
            }
        }
        Ok(())
    }

    /// Checks that the attributes at `OUT` are not those of a file outside.
    fn check_stat_is_inside(&self) {
        let seen = (self.guest.u64(OUT), self.guest.u64(OUT + 8));
        assert!(!self.hidden.contains(&seen), "the guest saw device and inode {seen:?}");
    }

    fn one_path(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let names =
            ["path_create_directory", "path_remove_directory", "path_unlink_file", "path_filestat_set_times"];
        let (name, dir) = (*u.choose(&names)?, fd(u)?);
        let [path, len] = self.path(u)?;
        if name == "path_filestat_set_times" {
            let flags = u.arbitrary::<u8>()?;
            let (follows, set) = (u64::from(flags & 1), u64::from(flags >> 1 & 15));
            self.call(name, &[dir, follows, path, len, 1 << 40, 1 << 41, set]);
        } else {
            self.call(name, &[dir, path, len]);
        }
        Ok(())
    }

    fn two_paths(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (old_dir, new_dir, flags) = (fd(u)?, fd(u)?, u.arbitrary::<u8>()?);
        let [old, old_len] = self.path(u)?;
        let [new, new_len] = self.path(u)?;
        if flags & 2 == 0 {
            self.call("path_rename", &[old_dir, old, old_len, new_dir, new, new_len]);
        } else {
            self.call("path_link", &[old_dir, (flags & 1).into(), old, old_len, new_dir, new, new_len]);
        }
        Ok(())
    }

    fn symlink(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let dir = fd(u)?;
        let [target, target_len] = self.path(u)?;
        let [path, len] = self.path(u)?;
        self.call("path_symlink", &[target, target_len, dir, path, len]);
        Ok(())
    }

    fn stat(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (dir, follows) = (fd(u)?, u.arbitrary::<u8>()? & 1);
        let [path, len] = self.path(u)?;
        if self.call("path_filestat_get", &[dir, follows.into(), path, len, OUT]) {
            self.check_stat_is_inside();
        }
        Ok(())
    }

    fn readlink(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let dir = fd(u)?;
        let [path, len] = self.path(u)?;
        let buf = self.guest.alloc(BUFFER as usize);
        self.call("path_readlink", &[dir, path, len, buf, BUFFER, OUT]);
        Ok(())
    }

    /// Reads or writes an open file.
    fn transfer(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (fd, choice) = (fd(u)?, u.arbitrary::<u8>()?);
        let text = self.guest.put("written by a test guest!!");
        let buf = self.guest.alloc(BUFFER as usize);
        let region = if choice & 1 == 0 { (buf, BUFFER) } else { (text, 25) };
        let iovs = self.guest.iovs(&[region]);
        let offset = u64::from(choice >> 4);
        match choice & 3 {
            0 => self.call("fd_read", &[fd, iovs, 1, OUT]),
            1 => self.call("fd_write", &[fd, iovs, 1, OUT]),
            2 => self.call("fd_pread", &[fd, iovs, 1, offset, OUT]),
            _ => self.call("fd_pwrite", &[fd, iovs, 1, offset, OUT]),
        };
        self.check_absent(buf, SECRET);
        Ok(())
    }

    /// Checks that a buffer does not contain a word.
    fn check_absent(&self, buf: u64, word: &str) {
        let read = self.guest.slice(buf, BUFFER);
        assert!(!read.windows(word.len()).any(|seen| seen == word.as_bytes()), "the guest read {word}");
    }

    fn readdir(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (fd, cookie) = (fd(u)?, u64::from(u.arbitrary::<u8>()? % 4));
        let buf = self.guest.alloc(BUFFER as usize);
        if self.call("fd_readdir", &[fd, buf, BUFFER, cookie, OUT]) {
            self.check_absent(buf, UNLISTED);
            let end = buf + self.guest.u32(OUT);
            let mut at = buf;
            while at + 24 <= end {
                let (ino, len) = (self.guest.u64(at + 8), self.guest.u32(at + 16));
                let is_hidden = self.dev.is_some_and(|dev| self.hidden.contains(&(dev, ino)));
                assert!(!is_hidden, "the guest listed inode {ino}");
                at += 24 + len;
            }
        }
        Ok(())
    }

    /// Makes a call on an open file other than reading and writing.
    fn file(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (fd, choice) = (fd(u)?, u.arbitrary::<u8>()?);
        let some = u64::from(choice >> 3);
        match choice % 6 {
            0 => self.call("fd_filestat_set_size", &[fd, some]),
            1 => self.call("fd_filestat_set_times", &[fd, 1 << 40, 1 << 41, some & 15]),
            2 => self.call("fd_allocate", &[fd, some, 64]),
            3 => self.call("fd_fdstat_set_flags", &[fd, some]),
            4 => self.call("fd_seek", &[fd, 0, 0, OUT]),
            _ => {
                if self.call("fd_filestat_get", &[fd, OUT]) {
                    self.check_stat_is_inside();
                }
                true
            }
        };
        Ok(())
    }

    /// Closes or renumbers a descriptor.
    fn number(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (from, to) = (fd(u)?, fd(u)?);
        match u.arbitrary::<u8>()? & 1 {
            0 => self.call("fd_close", &[from.max(2)]),
            _ => self.call("fd_renumber", &[from.max(2), to]),
        };
        Ok(())
    }

    /// Moves a file out of `box`, and sometimes replaces it with a symlink to the outside. Or moves a file back. Uses
    /// only names directly in the box, so that the host itself follows no symlink.
    fn host(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let name = *u.choose(&["a", "b", "c", "d", "link", "x"])?;
        let choice = u.arbitrary::<u8>()?;
        let (inside, limbo) = (self.tree.path().join("box").join(name), self.tree.path().join("limbo"));
        if self.trace {
            eprintln!("the host: {name} {}", choice % 3);
        }
        if choice % 3 == 2 {
            let back = limbo.join(usize::from(choice >> 4).to_string());
            if inside.symlink_metadata().is_err() {
                let _ = std::fs::rename(back, inside);
            }
            return Ok(());
        }
        if std::fs::rename(&inside, limbo.join(self.moved.to_string())).is_ok() {
            self.moved += 1;
        }
        if choice % 3 == 1 {
            symlink("../outside", inside).unwrap();
        }
        Ok(())
    }
}

/// Returns a descriptor number, which may be closed. More than half of them are 0, the box.
fn fd(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(u64::from(u.arbitrary::<u8>()? % 16).saturating_sub(8))
}
