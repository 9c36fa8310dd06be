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
    /// The kernel's offset of each entry met since the one of index `first`. The offsets themselves, often hashes of
    /// 63 bits, are no positions for a guest, whose `telldir` has 32.
    offsets: Vec<u64>,
    /// What comes before this index is read again from the start if it is asked for.
    first: usize,
    /// Index of the entry that is next.
    position: usize,
}

/// Where a stream is.
#[derive(Clone, Debug, Default)]
pub struct DirPosition {
    index: usize,
    /// The kernel's.
    offset: u64,
}

/// Offsets in a `linux_dirent64`.
const INO: usize = 0;
const OFF: usize = 8;
const RECLEN: usize = 16;
const TYPE: usize = 18;
const NAME: usize = 19;

impl DirStream {
    const BUFFER: usize = 32 * 1024;
    /// Offsets kept at most: half a megabyte.
    const MAX_OFFSETS: usize = 64 * 1024;

    /// Opens a directory again, to read it from a position on without moving anybody else's.
    pub fn open(dir: &Dir, from: &DirPosition) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(dir, ".", flags, Mode::empty())?;
        if from.index > 0 {
            rustix::fs::seek(&dir, SeekFrom::Start(from.offset))?;
        }
        Ok(Self {
            dir,
            buffer: vec![0; Self::BUFFER].into(),
            records: 0..0,
            offsets: vec![from.offset],
            first: from.index,
            position: from.index,
        })
    }

    /// Where it is.
    pub fn position(&self) -> DirPosition {
        DirPosition { index: self.position, offset: self.offsets[self.position - self.first] }
    }

    /// Goes to a position that an entry gave as its `next`, or to 0, the start, which also shows what has been
    /// created since.
    pub fn seek(&mut self, position: u64) -> Result<()> {
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        if position == 0 || position < self.first {
            self.go_to(0, 0)?;
            self.first = 0;
            self.offsets.splice(.., [0]);
        } else if position != self.position {
            let known = (position - self.first).min(self.offsets.len() - 1);
            self.go_to(self.first + known, self.offsets[known])?;
        }
        while self.position < position && self.peek()?.is_some() {
            self.advance();
        }
        Ok(())
    }

    fn go_to(&mut self, position: usize, offset: u64) -> Result<()> {
        rustix::fs::seek(&self.dir, SeekFrom::Start(offset))?;
        self.position = position;
        self.records = 0..0;
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
        if self.position - self.first == self.offsets.len() {
            if self.offsets.len() == Self::MAX_OFFSETS {
                self.first = self.position;
                self.offsets.clear();
            }
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
