//! A plan of file operations by a guest that wants out, and by a host that moves things under its feet. Whatever
//! it says, nothing outside the two preopens changes, and nothing outside is seen: no content, no name, no
//! serial number. `tests/fuzz_plans.rs` and the fuzz target `sandbox` run it.

mod outside;

use crate::arbitrary::{Result, Unstructured};
use crate::common::{FD_READ, FD_WRITE, FILE, OUT, TestGuest, Tree};
use capwasi::core::guest::Guest;
use capwasi::core::restart::RestartState;
use outside::Outside;
use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

const OPERATIONS: usize = 40;
/// What no guest may read, and the name that none may list.
const SECRET: &str = "SECRET";
const UNLISTED: &str = "only-outside";
const BUFFER: u64 = 2048;

/// Names that paths are made of.
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

/// What the host has in the box: links, most of them out of it.
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
    let mut plan = Plan::new();
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
    /// What is outside, as it was.
    outside: Outside,
    /// Device and serial number of what is not to be seen.
    unseen: BTreeSet<(u64, u64)>,
    /// The device that everything is on.
    dev: u64,
    /// How much the host has moved out of the box.
    moved: usize,
    trace: bool,
}

impl Plan {
    fn new() -> Self {
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
        let mut wasi = Guest::default();
        wasi.add_preopen(b"/", &tree.path().join("box")).unwrap();
        wasi.add_preopen(b"/other", &tree.path().join("other")).unwrap();
        let outside = Outside::of(tree.path());
        let mut unseen: BTreeSet<_> = outside.ids().collect();
        for path in [Path::new("/"), tree.path().parent().unwrap(), &tree.path().join("limbo")] {
            let metadata = std::fs::metadata(path).unwrap();
            unseen.insert((metadata.dev(), metadata.ino()));
        }
        let dev = tree.path().metadata().unwrap().dev();
        let trace = std::env::var_os("CAPWASI_TRACE").is_some();
        Self { tree, guest: TestGuest::new(wasi), outside, unseen, dev, moved: 0, trace }
    }

    /// What has been outside from the start is as it was, and nothing has come to it.
    fn check(&self) {
        assert_eq!(Outside::of(self.tree.path()), self.outside);
        let limbo = std::fs::read_dir(self.tree.path().join("limbo")).unwrap().count();
        assert!(limbo <= self.moved, "a guest has put something where its host had moved a directory");
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

    /// A call: whether it succeeded.
    fn call(&mut self, name: &str, args: &[u64]) -> bool {
        let answer = self.guest.call_until_done(name, args, RestartState::default());
        if self.trace {
            eprintln!("{name} {args:x?} {answer:?}");
        }
        answer.is_ok()
    }

    fn path(&mut self, u: &mut Unstructured<'_>) -> Result<[u64; 2]> {
        let path = self.text(u)?;
        Ok([self.guest.put(&path), path.len() as u64])
    }

    /// A path: a few names, now and then absolute or with a slash at the end.
    fn text(&self, u: &mut Unstructured<'_>) -> Result<String> {
        let shape = u.arbitrary::<u8>()?;
        let mut path = match shape >> 5 {
            0 => "/".to_owned(),
            1 if shape & 0x10 != 0 => format!("{}/", self.tree.path().display()),
            _ => String::new(),
        };
        for at in 0..[1, 1, 2, 3][usize::from(shape % 4)] {
            if at > 0 {
                path.push('/');
            }
            path.push_str(u.choose(NAMES)?);
        }
        if shape & 0x18 == 0x18 {
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
                self.unlike_outside();
            }
        }
        Ok(())
    }

    /// The attributes just asked for are not those of something outside.
    fn unlike_outside(&self) {
        let seen = (self.guest.u64(OUT), self.guest.u64(OUT + 8));
        assert!(!self.unseen.contains(&seen), "the guest has seen {seen:?}");
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
            self.unlike_outside();
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

    /// Reads or writes.
    fn transfer(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (fd, how) = (fd(u)?, u.arbitrary::<u8>()?);
        let text = self.guest.put("what the guest has to say");
        let buf = self.guest.alloc(BUFFER as usize);
        let region = if how & 1 == 0 { (buf, BUFFER) } else { (text, 25) };
        let iovs = self.guest.iovs(&[region]);
        let offset = u64::from(how >> 4);
        match how & 3 {
            0 => self.call("fd_read", &[fd, iovs, 1, OUT]),
            1 => self.call("fd_write", &[fd, iovs, 1, OUT]),
            2 => self.call("fd_pread", &[fd, iovs, 1, offset, OUT]),
            _ => self.call("fd_pwrite", &[fd, iovs, 1, offset, OUT]),
        };
        self.without(buf, SECRET);
        Ok(())
    }

    fn without(&self, buf: u64, word: &str) {
        let read = self.guest.slice(buf, BUFFER);
        assert!(!read.windows(word.len()).any(|seen| seen == word.as_bytes()), "the guest has read {word}");
    }

    fn readdir(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (fd, cookie) = (fd(u)?, u64::from(u.arbitrary::<u8>()? % 4));
        let buf = self.guest.alloc(BUFFER as usize);
        if self.call("fd_readdir", &[fd, buf, BUFFER, cookie, OUT]) {
            self.without(buf, UNLISTED);
            let end = buf + self.guest.u32(OUT);
            let mut at = buf;
            while at + 24 <= end {
                let (ino, len) = (self.guest.u64(at + 8), self.guest.u32(at + 16));
                assert!(!self.unseen.contains(&(self.dev, ino)), "the guest has listed {ino}");
                at += 24 + len;
            }
        }
        Ok(())
    }

    /// What can be done with an open file, but for its content.
    fn file(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (fd, how) = (fd(u)?, u.arbitrary::<u8>()?);
        let some = u64::from(how >> 3);
        match how % 6 {
            0 => self.call("fd_filestat_set_size", &[fd, some]),
            1 => self.call("fd_filestat_set_times", &[fd, 1 << 40, 1 << 41, some & 15]),
            2 => self.call("fd_allocate", &[fd, some, 64]),
            3 => self.call("fd_fdstat_set_flags", &[fd, some]),
            4 => self.call("fd_seek", &[fd, 0, 0, OUT]),
            _ => {
                if self.call("fd_filestat_get", &[fd, OUT]) {
                    self.unlike_outside();
                }
                true
            }
        };
        Ok(())
    }

    fn number(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (from, to) = (fd(u)?, fd(u)?);
        match u.arbitrary::<u8>()? & 1 {
            0 => self.call("fd_close", &[from.max(2)]),
            _ => self.call("fd_renumber", &[from.max(2), to]),
        };
        Ok(())
    }

    /// The host moves something out of the box, and maybe puts a link to the outside there, or brings something
    /// back. It takes names right in the box only, so that no link leads it astray.
    fn host(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let name = *u.choose(&["a", "b", "c", "d", "link", "x"])?;
        let how = u.arbitrary::<u8>()?;
        let (inside, limbo) = (self.tree.path().join("box").join(name), self.tree.path().join("limbo"));
        if self.trace {
            eprintln!("the host: {name} {}", how % 3);
        }
        if how % 3 == 2 {
            let back = limbo.join(usize::from(how >> 4).to_string());
            if inside.symlink_metadata().is_err() {
                let _ = std::fs::rename(back, inside);
            }
            return Ok(());
        }
        if std::fs::rename(&inside, limbo.join(self.moved.to_string())).is_ok() {
            self.moved += 1;
        }
        if how % 3 == 1 {
            symlink("../outside", inside).unwrap();
        }
        Ok(())
    }
}

/// A descriptor, which may be open: the box more often than not.
fn fd(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(u64::from(u.arbitrary::<u8>()? % 16).saturating_sub(8))
}
