//! Directory streams on Linux: `getdents64` on the descriptor of the directory. Each record has an offset that
//! `lseek` accepts at any time, so that a directory is neither reopened nor read twice.
#![expect(unsafe_code, reason = "no crate offers getdents64 with a buffer that outlives the call")]

use crate::sys::dir::{DirBudget, DirEntry, DirHandle, MAX_ENTRIES, Progress, StreamId};
use crate::sys::types::Filetype;
use crate::sys::unix::file;
use cap_std::fs::Dir;
use rustix::fs::{AtFlags, SeekFrom};
use std::io::{Error, Result};
use std::os::fd::AsRawFd;
use std::sync::PoisonError;

/// State of reading a directory.
#[derive(Debug)]
pub struct DirStream {
    /// Records of the last `getdents64`. Empty between calls if the budget has no room for the buffer.
    buffer: Box<[u8]>,
    /// Range of the records in `buffer` that are not read yet.
    records: std::ops::Range<usize>,
    /// Kernel offset of the first record that is not read yet.
    offset: u64,
    /// Whether the handle's position is directly after the records in `buffer`, unless another stream has moved the
    /// position.
    is_sequential: bool,
    /// Distinguishes this stream from others of the same directory.
    id: StreamId,
    /// Kernel offset of each entry since index `first`; never empty. The offsets are often 63-bit hashes, but
    /// `telldir` of a guest has 32 bits: a cookie is therefore an index.
    offsets: Vec<u64>,
    /// Index of the first entry whose offset is stored. For an earlier entry the directory is read from its start.
    first: usize,
    /// Index of the next entry.
    position: usize,
    budget: DirBudget,
    /// Whether the budget has been charged for the buffer.
    buffer_is_charged: bool,
}

const BUFFER: usize = 32 * 1024;
const BUFFER_COST: usize = BUFFER / size_of::<u64>();

/// Offsets of the fields of a `linux_dirent64`.
const INO: usize = 0;
const OFF: usize = 8;
const RECLEN: usize = 16;
const TYPE: usize = 18;
const NAME: usize = 19;

impl DirStream {
    /// Maximum number of offsets of one directory: 512 KiB.
    const MAX_OFFSETS: usize = 64 * 1024;

    /// Creates a stream at the start of its directory.
    #[must_use]
    pub fn new(budget: DirBudget) -> Self {
        Self {
            buffer: Box::default(),
            records: 0..0,
            offset: 0,
            is_sequential: false,
            id: StreamId::new(),
            offsets: vec![0],
            first: 0,
            position: 0,
            budget,
            buffer_is_charged: false,
        }
    }

    /// Reads the entries from index `from`, which was the `next` of an entry. 0 is the start, and also shows entries
    /// created since. Stops when `each` returns false for an entry that it does not take.
    pub fn read(
        &mut self,
        dir: &DirHandle,
        from: u64,
        each: impl FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<Progress> {
        let progress = self.read_records(dir, from, each);
        match progress {
            Ok(Progress::Stopped | Progress::Paused(_)) => self.retain_buffer(),
            Ok(Progress::End) | Err(_) => self.release_buffer(),
        }
        progress
    }

    fn read_records(
        &mut self,
        dir: &DirHandle,
        from: u64,
        mut each: impl FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<Progress> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        self.seek_to(from);
        for _ in 0..MAX_ENTRIES {
            if self.records.is_empty() && !self.fill(dir)? {
                return Ok(Progress::End);
            }
            let record = self.record();
            let (name, next) = (name(record), self.position as u64 + 1);
            let is_entry = !matches!(name, b"." | b"..");
            if is_entry && self.position >= from {
                let ino = u64::from_ne_bytes(field(record, INO));
                if !each(&DirEntry { name, ino, filetype: filetype(dir.cap(), record), next }) {
                    return Ok(Progress::Stopped);
                }
            }
            self.advance(is_entry);
        }
        Ok(Progress::Paused(self.position.max(from) as u64))
    }

    /// Moves to an entry, or to the last entry before it with a known offset.
    fn seek_to(&mut self, index: usize) {
        if index == self.position && index > 0 {
            return;
        }
        if index == 0 || index < self.first {
            self.discard_offsets(0, 0);
        }
        let known = (index - self.first).min(self.offsets.len() - 1);
        self.position = self.first + known;
        self.offset = self.offsets[known];
        self.records = 0..0;
        self.is_sequential = false;
    }

    /// Reads more records. Returns false at the end.
    fn fill(&mut self, dir: &DirHandle) -> Result<bool> {
        if self.buffer.is_empty() {
            self.buffer = vec![0; BUFFER].into();
        }
        // Some file systems reread a part of the directory after a seek, even a seek to the current position.
        let mut last = dir.last_stream.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_sequential || *last != self.id {
            rustix::fs::seek(dir.handle(), SeekFrom::Start(self.offset))?;
        }
        *last = self.id;
        self.is_sequential = true;
        let (fd, buffer) = (dir.handle().as_raw_fd(), &mut self.buffer);
        // SAFETY: the kernel writes whole records into the buffer, at most `buffer.len()` bytes.
        let read = unsafe { libc::syscall(libc::SYS_getdents64, fd, buffer.as_mut_ptr(), buffer.len()) };
        self.records = 0..match usize::try_from(read) {
            Ok(read) => read,
            Err(_) => match Error::last_os_error() {
                // The directory was removed, so it has no entries.
                error if error.raw_os_error() == Some(libc::ENOENT) => 0,
                error => return Err(error),
            },
        };
        Ok(!self.records.is_empty())
    }

    /// Returns the first unread record. There must be one.
    fn record(&self) -> &[u8] {
        let rest = &self.buffer[self.records.clone()];
        &rest[..usize::from(u16::from_ne_bytes(field(rest, RECLEN)))]
    }

    /// Advances beyond the first record. `is_entry` is false for `.` and `..`, which are not counted.
    fn advance(&mut self, is_entry: bool) {
        let record = self.record();
        let (len, offset) = (record.len(), u64::from_ne_bytes(field(record, OFF)));
        self.records.start += len;
        self.offset = offset;
        if !is_entry {
            return;
        }
        self.position += 1;
        if self.position - self.first < self.offsets.len() {
            return;
        }
        let is_full = self.offsets.len() == Self::MAX_OFFSETS;
        if is_full || !self.budget.take(1) {
            self.discard_offsets(self.position, offset);
        } else {
            self.offsets.push(offset);
        }
    }

    /// Discards all offsets except the one of the next entry.
    fn discard_offsets(&mut self, index: usize, offset: u64) {
        self.budget.give_back(self.offsets.len() - 1);
        self.offsets.clear();
        self.offsets.shrink_to(64);
        self.offsets.push(offset);
        (self.first, self.position) = (index, index);
    }

    /// Retains the unread records for the next call, if the budget has room.
    fn retain_buffer(&mut self) {
        self.buffer_is_charged = self.buffer_is_charged || self.budget.take(BUFFER_COST);
        if !self.buffer_is_charged {
            self.release_buffer();
        }
    }

    fn release_buffer(&mut self) {
        if std::mem::take(&mut self.buffer_is_charged) {
            self.budget.give_back(BUFFER_COST);
        }
        self.buffer = Box::default();
        self.is_sequential &= self.records.is_empty();
        self.records = 0..0;
    }
}

/// Returns the type of a file. Calls `fstatat` for file systems whose records have no type.
fn filetype(dir: &Dir, record: &[u8]) -> Filetype {
    match record[TYPE] {
        libc::DT_BLK => Filetype::BlockDevice,
        libc::DT_CHR => Filetype::CharacterDevice,
        libc::DT_DIR => Filetype::Directory,
        libc::DT_REG => Filetype::RegularFile,
        libc::DT_LNK => Filetype::SymbolicLink,
        libc::DT_SOCK => Filetype::SocketStream,
        libc::DT_UNKNOWN => rustix::fs::statat(dir, name(record), AtFlags::SYMLINK_NOFOLLOW)
            .map_or(Filetype::Unknown, |stat| file::filetype(stat.st_mode)),
        _ => Filetype::Unknown,
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
