//! Directory streams on Linux: `getdents64`, whose records carry an offset that can be sought to at any time,
//! so that nothing is read twice.
#![expect(unsafe_code, reason = "no crate gives getdents64 with a buffer that outlives the call")]

use super::DirEntry;
use crate::wasi::types::Filetype;
use cap_std::fs::Dir;
use rustix::fs::{AtFlags, Mode, OFlags, SeekFrom};
use std::io::{Error, Result};
use std::os::fd::{AsRawFd, OwnedFd};

/// A directory being read.
#[derive(Debug)]
pub struct DirStream {
    dir: OwnedFd,
    buffer: Box<[u8]>,
    /// Part of the buffer that holds records not yet passed.
    records: std::ops::Range<usize>,
    /// The kernel's offset of each entry met so far. The offsets themselves, often hashes of 63 bits, are no
    /// positions for a guest, whose `telldir` has 32.
    offsets: Vec<u64>,
    /// Index of the entry that is next.
    position: usize,
}

/// Offsets in a `linux_dirent64`.
const INO: usize = 0;
const OFF: usize = 8;
const RECLEN: usize = 16;
const TYPE: usize = 18;
const NAME: usize = 19;

impl DirStream {
    const BUFFER: usize = 32 * 1024;

    /// Opens a directory again, to read it without moving anybody else's position.
    pub fn open(dir: &Dir) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(dir, ".", flags, Mode::empty())?;
        Ok(Self { dir, buffer: vec![0; Self::BUFFER].into(), records: 0..0, offsets: vec![0], position: 0 })
    }

    /// Goes to a position that an entry gave as its `next`, or to 0, the start, which also shows what has been
    /// created since.
    pub fn seek(&mut self, position: u64) -> Result<()> {
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        if position == 0 {
            self.offsets.truncate(1);
        }
        if position == 0 || position != self.position {
            self.position = position.min(self.offsets.len() - 1);
            rustix::fs::seek(&self.dir, SeekFrom::Start(self.offsets[self.position]))?;
            self.records = 0..0;
        }
        while self.position < position && self.peek()?.is_some() {
            self.advance();
        }
        Ok(())
    }

    /// The entry at the position, `None` at the end. The entries for the directory itself and the one above it
    /// are passed over.
    pub fn peek(&mut self) -> Result<Option<DirEntry<'_>>> {
        loop {
            if self.records.is_empty() {
                self.records = 0..self.read()?;
                if self.records.is_empty() {
                    return Ok(None);
                }
            }
            let record = self.record();
            if !matches!(name(record), b"." | b"..") {
                break;
            }
            self.records.start += record.len();
        }
        let record = self.record();
        let filetype = match record[TYPE] {
            libc::DT_BLK => Filetype::BlockDevice,
            libc::DT_CHR => Filetype::CharacterDevice,
            libc::DT_DIR => Filetype::Directory,
            libc::DT_REG => Filetype::RegularFile,
            libc::DT_LNK => Filetype::SymbolicLink,
            libc::DT_SOCK => Filetype::SocketStream,
            libc::DT_UNKNOWN => self.filetype(name(record)),
            _ => Filetype::Unknown,
        };
        let ino = u64::from_ne_bytes(field(record, INO));
        Ok(Some(DirEntry { name: name(record), ino, filetype, next: self.position as u64 + 1 }))
    }

    /// Passes the entry at the position.
    pub fn advance(&mut self) {
        let record = self.record();
        let (len, offset) = (record.len(), u64::from_ne_bytes(field(record, OFF)));
        self.records.start += len;
        self.position += 1;
        if self.position == self.offsets.len() {
            self.offsets.push(offset);
        }
    }

    /// The first record; there must be one.
    fn record(&self) -> &[u8] {
        let rest = &self.buffer[self.records.clone()];
        &rest[..usize::from(u16::from_ne_bytes(field(rest, RECLEN)))]
    }

    fn read(&mut self) -> Result<usize> {
        let (fd, buffer) = (self.dir.as_raw_fd(), &mut self.buffer);
        // SAFETY: the kernel writes whole records into the buffer, at most as many bytes as it has.
        let read = unsafe { libc::syscall(libc::SYS_getdents64, fd, buffer.as_mut_ptr(), buffer.len()) };
        usize::try_from(read).or_else(|_| match Error::last_os_error() {
            // The directory has been removed: there is nothing in it.
            error if error.raw_os_error() == Some(libc::ENOENT) => Ok(0),
            error => Err(error),
        })
    }

    /// For file systems that do not say the kind of a file in its entry.
    fn filetype(&self, name: &[u8]) -> Filetype {
        rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW)
            .map_or(Filetype::Unknown, |stat| super::unix::filetype(stat.st_mode))
    }
}

fn name(record: &[u8]) -> &[u8] {
    let name = &record[NAME..];
    name.split(|byte| *byte == 0).next().unwrap_or(name)
}

fn field<const N: usize>(record: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&record[at..at + N]);
    bytes
}
