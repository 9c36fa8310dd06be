//! Directory streams on Linux: `getdents64` on the directory's own descriptor, whose records carry an offset that can be
//! sought to at any time. So a directory is never opened again, and nothing is read twice.
#![expect(unsafe_code, reason = "no crate gives getdents64 with a buffer that outlives the call")]

use crate::sys::dir::{DirBudget, DirEntry, DirHandle, MAX_ENTRIES, Progress, StreamId};
use crate::sys::types::Filetype;
use crate::sys::unix::file;
use cap_std::fs::Dir;
use rustix::fs::{AtFlags, SeekFrom};
use std::io::{Error, Result};
use std::os::fd::AsRawFd;
use std::sync::PoisonError;

/// How far a directory has been read.
#[derive(Debug)]
pub struct DirStream {
    /// Records that the kernel has given, and the part of them that is not yet passed. Empty between calls if the budget
    /// has no room for it.
    buffer: Box<[u8]>,
    records: std::ops::Range<usize>,
    /// The kernel's offset of the first record that is not yet passed.
    offset: u64,
    /// Whether the kernel is there once all records are passed, if no other stream has moved it.
    is_sequential: bool,
    /// Distinguishes it from other streams that read the same directory.
    id: StreamId,
    /// The kernel's offset of each entry met since the one of index `first`; there is at least one. The offsets
    /// themselves, often hashes of 63 bits, are no positions for a guest, whose `telldir` has 32.
    offsets: Vec<u64>,
    /// Index of the first entry whose offset is kept. For an earlier one the directory is read from its start.
    first: usize,
    /// Index of the entry that is next.
    position: usize,
    budget: DirBudget,
    /// Whether the budget is charged for the buffer.
    buffer_is_charged: bool,
}

const BUFFER: usize = 32 * 1024;
const BUFFER_COST: usize = BUFFER / size_of::<u64>();

/// Offsets in a `linux_dirent64`.
const INO: usize = 0;
const OFF: usize = 8;
const RECLEN: usize = 16;
const TYPE: usize = 18;
const NAME: usize = 19;

impl DirStream {
    /// Offsets that one directory keeps at most: half a megabyte.
    const MAX_OFFSETS: usize = 64 * 1024;

    /// A stream at the start of its directory.
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

    /// Reads the entries from `from` on, an index that an entry gave as its `next`; 0 is the start, and also shows what has
    /// been created since. Each is passed to `each`, until that returns false for one that it does not take.
    pub fn read(
        &mut self,
        dir: &DirHandle,
        from: u64,
        each: impl FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<Progress> {
        let progress = self.read_records(dir, from, each);
        match progress {
            Ok(Progress::Stopped | Progress::Paused) => self.keep_records(),
            Ok(Progress::End) | Err(_) => self.drop_records(),
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
        self.go_to(from);
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
            self.pass(is_entry);
        }
        Ok(Progress::Paused)
    }

    /// Goes to an entry, or to the last one before it whose offset is known.
    fn go_to(&mut self, index: usize) {
        if index == self.position && index > 0 {
            return;
        }
        if index == 0 || index < self.first {
            self.forget(0, 0);
        }
        let known = (index - self.first).min(self.offsets.len() - 1);
        self.position = self.first + known;
        self.offset = self.offsets[known];
        self.records = 0..0;
        self.is_sequential = false;
    }

    /// Reads more records: false at the end.
    fn fill(&mut self, dir: &DirHandle) -> Result<bool> {
        if self.buffer.is_empty() {
            self.buffer = vec![0; BUFFER].into();
        }
        // Some file systems read a part of the directory again after a seek, even one that moves nothing.
        let mut last = dir.last_stream.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_sequential || *last != self.id {
            rustix::fs::seek(dir.handle(), SeekFrom::Start(self.offset))?;
        }
        *last = self.id;
        self.is_sequential = true;
        let (fd, buffer) = (dir.handle().as_raw_fd(), &mut self.buffer);
        // SAFETY: the kernel writes whole records into the buffer, at most as many bytes as it has.
        let read = unsafe { libc::syscall(libc::SYS_getdents64, fd, buffer.as_mut_ptr(), buffer.len()) };
        self.records = 0..match usize::try_from(read) {
            Ok(read) => read,
            Err(_) => match Error::last_os_error() {
                // The directory has been removed: there is nothing in it.
                error if error.raw_os_error() == Some(libc::ENOENT) => 0,
                error => return Err(error),
            },
        };
        Ok(!self.records.is_empty())
    }

    /// The first record; there must be one.
    fn record(&self) -> &[u8] {
        let rest = &self.buffer[self.records.clone()];
        &rest[..usize::from(u16::from_ne_bytes(field(rest, RECLEN)))]
    }

    /// Passes the first record, which is an entry or one of those that the directory and the one above have in it.
    fn pass(&mut self, is_entry: bool) {
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
            self.forget(self.position, offset);
        } else {
            self.offsets.push(offset);
        }
    }

    /// Forgets all offsets but that of one entry, which is next.
    fn forget(&mut self, index: usize, offset: u64) {
        self.budget.give(self.offsets.len() - 1);
        self.offsets.clear();
        self.offsets.shrink_to(64);
        self.offsets.push(offset);
        (self.first, self.position) = (index, index);
    }

    /// Keeps the records that are left for the next call, if the budget has room for them.
    fn keep_records(&mut self) {
        self.buffer_is_charged = self.buffer_is_charged || self.budget.take(BUFFER_COST);
        if !self.buffer_is_charged {
            self.drop_records();
        }
    }

    fn drop_records(&mut self) {
        if std::mem::take(&mut self.buffer_is_charged) {
            self.budget.give(BUFFER_COST);
        }
        self.buffer = Box::default();
        self.is_sequential &= self.records.is_empty();
        self.records = 0..0;
    }
}

/// The kind of a file, also for file systems that do not say it in a record.
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
