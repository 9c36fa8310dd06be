//! Directory streams on Linux: `getdents64`, whose records carry a position that can be sought to at any
//! time, so nothing has to be remembered and nothing is read twice.
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
    /// Where the first of them is, or will be, in the directory.
    position: u64,
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
        Ok(Self { dir, buffer: vec![0; Self::BUFFER].into(), records: 0..0, position: 0 })
    }

    /// Goes to a position that an entry gave as its `next`, or to 0, the start, which also shows what has been
    /// created since.
    pub fn seek(&mut self, position: u64) -> Result<()> {
        if position != self.position || position == 0 {
            rustix::fs::seek(&self.dir, SeekFrom::Start(position))?;
            self.records = 0..0;
            self.position = position;
        }
        Ok(())
    }

    /// The entry at the position, `None` at the end.
    pub fn peek(&mut self) -> Result<Option<DirEntry<'_>>> {
        if self.records.is_empty() {
            let read = self.read()?;
            self.records = 0..read;
            if read == 0 {
                return Ok(None);
            }
        }
        let record = self.record();
        let name = &record[NAME..];
        let name = name.split(|byte| *byte == 0).next().unwrap_or(name);
        let ino = u64::from_ne_bytes(field(record, INO));
        let next = u64::from_ne_bytes(field(record, OFF));
        let filetype = match record[TYPE] {
            libc::DT_BLK => Filetype::BlockDevice,
            libc::DT_CHR => Filetype::CharacterDevice,
            libc::DT_DIR => Filetype::Directory,
            libc::DT_REG => Filetype::RegularFile,
            libc::DT_LNK => Filetype::SymbolicLink,
            libc::DT_SOCK => Filetype::SocketStream,
            libc::DT_UNKNOWN => self.filetype(name),
            _ => Filetype::Unknown,
        };
        Ok(Some(DirEntry { name, ino, filetype, next }))
    }

    /// Passes the entry at the position.
    pub fn advance(&mut self) {
        let record = self.record();
        let (len, next) = (record.len(), u64::from_ne_bytes(field(record, OFF)));
        self.records.start += len;
        self.position = next;
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
        usize::try_from(read).map_err(|_| Error::last_os_error())
    }

    /// For file systems that do not say the kind of a file in its entry.
    fn filetype(&self, name: &[u8]) -> Filetype {
        rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW)
            .map_or(Filetype::Unknown, |stat| super::unix::filetype(stat.st_mode))
    }
}

fn field<const N: usize>(record: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&record[at..at + N]);
    bytes
}
