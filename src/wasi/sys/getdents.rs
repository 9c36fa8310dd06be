//! Directory streams on Linux: `getdents64` on the directory's own descriptor, whose records carry an offset that can be
//! sought to at any time. So a directory is never opened again, and nothing is read twice.

use super::{DirEntry, PositionBudget, Progress};
use crate::wasi::types::Filetype;
use cap_std::fs::Dir;
use rustix::fs::{AtFlags, FileType, RawDir, SeekFrom};
use std::io::Result;
use std::mem::MaybeUninit;

/// How far a directory has been read.
#[derive(Debug)]
pub struct DirStream {
    /// The kernel's offset of each entry met since the one of index `first`. The offsets themselves, often hashes of
    /// 63 bits, are no positions for a guest, whose `telldir` has 32. There is at least one.
    offsets: Vec<u64>,
    /// Index of the first entry whose offset is kept. For an earlier one the directory is read from its start.
    first: usize,
    /// Index of the entry that is next.
    position: usize,
    budget: PositionBudget,
}

/// Bytes of the buffer that records are read into: of a short one no more than the guest has room for.
const BUFFER: usize = 32 * 1024;
/// Room for the longest record.
const MIN_BUFFER: usize = 1024;

impl DirStream {
    /// Offsets that one directory keeps at most: half a megabyte.
    const MAX_OFFSETS: usize = 64 * 1024;

    /// A stream at the start of its directory.
    #[must_use]
    pub fn new(budget: PositionBudget) -> Self {
        Self { offsets: vec![0], first: 0, position: 0, budget }
    }

    /// Index of the entry that is next.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position as u64
    }

    /// Reads the entries from `from` on, an index that an entry gave as its `next`; 0 is the start, and also shows what has
    /// been created since. Each is passed to `each`, until that returns false for one that it does not take. `room` is
    /// how many bytes of entries `each` can take. The caller makes sure that nobody else moves the position of `dir`.
    pub fn read(
        &mut self,
        dir: &Dir,
        from: u64,
        room: usize,
        mut each: impl FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<Progress> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let offset = self.go_to(from);
        rustix::fs::seek(dir, SeekFrom::Start(offset))?;
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut records = RawDir::new(dir, &mut buffer[..room.clamp(MIN_BUFFER, BUFFER)]);
        for _ in 0..super::MAX_ENTRIES {
            let record = match records.next() {
                None | Some(Err(rustix::io::Errno::NOENT)) => return Ok(Progress::End), // `NOENT`: it has been removed.
                Some(record) => record?,
            };
            let name = record.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            if self.position >= from {
                let filetype = filetype(dir, &record);
                let next = self.position as u64 + 1;
                if !each(&DirEntry { name, ino: record.ino(), filetype, next }) {
                    return Ok(Progress::Stopped);
                }
            }
            self.advance(record.next_entry_cookie());
        }
        Ok(Progress::Paused)
    }

    /// Goes to an entry, or to the last one before it whose offset is known: that offset.
    fn go_to(&mut self, index: usize) -> u64 {
        if index == 0 || index < self.first {
            self.forget(0, 0);
        }
        let known = (index - self.first).min(self.offsets.len() - 1);
        self.position = self.first + known;
        self.offsets[known]
    }

    /// Passes an entry, behind which the next one is at `offset`.
    fn advance(&mut self, offset: u64) {
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

    /// Keeps nothing but where one entry is.
    fn forget(&mut self, index: usize, offset: u64) {
        self.budget.give_all();
        self.offsets.clear();
        self.offsets.shrink_to(64);
        self.offsets.push(offset);
        (self.first, self.position) = (index, index);
    }
}

fn filetype(dir: &Dir, record: &rustix::fs::RawDirEntry<'_>) -> Filetype {
    match record.file_type() {
        // For file systems that do not say the kind of a file in its entry.
        FileType::Unknown => rustix::fs::statat(dir, record.file_name(), AtFlags::SYMLINK_NOFOLLOW)
            .map_or(Filetype::Unknown, |stat| super::unix::filetype(stat.st_mode)),
        kind => super::unix::filetype(kind.as_raw_mode()),
    }
}
