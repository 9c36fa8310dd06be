//! Helpers of the tests of directories in memory and overlays: calls of guests by path, and lists of changes.

use super::{CREAT, DIRECTORY, FD_READ, FD_WRITE, OUT, TRUNC, TestGuest, Tree, UMASK};
use capwasi::core::directory::Directory;
use capwasi::core::fs::changes::{Change, ChangeKind};
use capwasi::core::fs::memory::MemoryDirectory;
use capwasi::core::fs::space::SpaceLimits;
use capwasi::core::guest::Guest;
use capwasi::sys::errno::Errno;

const FD_READDIR: u64 = 1 << 14;

pub fn limits(max_bytes: u64, max_files: u64) -> SpaceLimits {
    SpaceLimits { max_bytes, max_files }
}

/// Creates an overlay over a directory of the host, and a guest with the overlay as descriptor 0.
pub fn over(tree: &Tree, limits: SpaceLimits) -> (MemoryDirectory, TestGuest) {
    let overlay = Directory::of_host(tree.path()).unwrap().overlay(limits, UMASK).unwrap();
    let guest = guest(&overlay);
    (overlay, guest)
}

pub fn guest(directory: &MemoryDirectory) -> TestGuest {
    let mut state = Guest::default();
    state.add_memory(b"/", directory.clone(), false).unwrap();
    TestGuest::new(state)
}

pub fn path_call(guest: &mut TestGuest, name: &str, path: &str) -> Result<(), Errno> {
    let at = guest.put(path);
    guest.call(name, &[0, at, path.len() as u64])
}

pub fn rename(guest: &mut TestGuest, from: &str, to: &str) -> Result<(), Errno> {
    let (at, to_at) = (guest.put(from), guest.put(to));
    guest.call("path_rename", &[0, at, from.len() as u64, 0, to_at, to.len() as u64])
}

pub fn link(guest: &mut TestGuest, from: &str, to: &str) {
    let (at, to_at) = (guest.put(from), guest.put(to));
    guest.must("path_link", &[0, 0, at, from.len() as u64, 0, to_at, to.len() as u64]);
}

pub fn symlink(guest: &mut TestGuest, target: &str, path: &str) {
    let (at, path_at) = (guest.put(target), guest.put(path));
    guest.must("path_symlink", &[at, target.len() as u64, 0, path_at, path.len() as u64]);
}

pub fn write(guest: &mut TestGuest, path: &str, text: &str) {
    guest.reset();
    let fd = guest.open(path, CREAT | TRUNC, FD_WRITE);
    assert_eq!(guest.write(fd, text), text.len() as u64);
    guest.must("fd_close", &[fd]);
}

pub fn text(guest: &mut TestGuest, path: &str) -> String {
    guest.reset();
    let fd = guest.open(path, 0, FD_READ);
    let text = guest.read(fd, 1000);
    guest.must("fd_close", &[fd]);
    text
}

/// Returns the attributes of a path: inode number, type, link count, size and modification time.
pub fn stat(guest: &mut TestGuest, path: &str) -> (u64, u8, u64, u64, u64) {
    let at = guest.put(path);
    guest.must("path_filestat_get", &[0, 0, at, path.len() as u64, OUT]);
    (
        guest.u64(OUT + 8),
        guest.slice(OUT + 16, 1)[0],
        guest.u64(OUT + 24),
        guest.u64(OUT + 32),
        guest.u64(OUT + 48),
    )
}

/// Lists a directory in small steps: names and inode numbers. Calls `between` after each entry.
pub fn list(
    guest: &mut TestGuest,
    path: &str,
    mut between: impl FnMut(&mut TestGuest, &str),
) -> Vec<(String, u64)> {
    guest.reset();
    let fd = guest.open(path, DIRECTORY, FD_READDIR);
    let (mut found, mut cookie) = (Vec::new(), 2);
    loop {
        guest.reset();
        let buf = guest.alloc(64);
        guest.must("fd_readdir", &[fd, buf, 64, cookie, OUT]);
        if guest.u32(OUT) < 24 {
            guest.must("fd_close", &[fd]);
            return found;
        }
        cookie = guest.u64(buf);
        assert!(cookie < 1 << 31);
        let (ino, len) = (guest.u64(buf + 8), guest.u32(buf + 16));
        let name = String::from_utf8(guest.slice(buf + 24, len).to_vec()).unwrap();
        between(guest, &name);
        found.push((name, ino));
    }
}

pub fn names(guest: &mut TestGuest, path: &str) -> Vec<String> {
    let mut names: Vec<_> = list(guest, path, |_, _| {}).into_iter().map(|(name, _)| name).collect();
    names.sort();
    names
}

/// Returns changes as lines such as `+ f path`.
pub fn changes(overlay: &MemoryDirectory) -> Vec<String> {
    let line = |Change { path, kind, filetype }: Change| {
        let kind = match kind {
            ChangeKind::Added => '+',
            ChangeKind::Modified => '~',
            ChangeKind::Removed => '-',
        };
        let filetype = match filetype as u8 {
            3 => 'd',
            4 => 'f',
            7 => 'l',
            _ => '?',
        };
        format!("{kind} {filetype} {}", String::from_utf8(path.into()).unwrap())
    };
    overlay.changes().unwrap().into_iter().map(line).collect()
}
