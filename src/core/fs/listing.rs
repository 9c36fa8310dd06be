//! Listing directories in memory and overlays: the entries of the lower directory first, then the stored ones.

use crate::core::fs::lower::LowerEntries;
use crate::core::fs::memory::MemoryDirectory;
use crate::sys::dir::{DirBudget, DirEntry, MAX_ENTRIES, Progress};
use crate::sys::errno::Result;

/// Position in a directory of an overlay.
#[derive(Debug)]
pub(crate) struct OverlayReader {
    /// Share of the budget for the lower directory.
    budget: DirBudget,
    /// The entries of the lower directory, once one was read.
    lower: Option<Box<dyn LowerEntries>>,
}

impl MemoryDirectory {
    /// Returns a reader at the start of a directory of an overlay. `None` if the overlay created the directory: its
    /// position is only a number.
    pub(crate) fn reader(&self, budget: DirBudget) -> Option<OverlayReader> {
        self.inode().lower.is_some().then_some(OverlayReader { budget, lower: None })
    }

    /// Passes the entries from position `from` to `each`, until `each` returns false: `getdents`. Omits `.` and `..`.
    pub(crate) fn read_dir(
        &self,
        reader: Option<&mut OverlayReader>,
        from: u64,
        mut each: impl FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<Progress> {
        let first = self.volume().first_position();
        if from < first
            && let Some(reader) = reader
        {
            let progress = self.read_lower(reader, from, &mut each)?;
            if progress != Progress::End {
                return Ok(progress);
            }
        }
        let entries = self.inode().directory()?.read();
        for (count, (cookie, name, inode)) in entries.from(from.saturating_sub(first)).enumerate() {
            if count == MAX_ENTRIES {
                return Ok(Progress::Paused(first + cookie));
            }
            let next = first + cookie + 1;
            if !each(&DirEntry { name, ino: inode.ino, filetype: inode.filetype(), next }) {
                return Ok(Progress::Stopped);
            }
        }
        Ok(Progress::End)
    }

    /// Passes the entries of the lower directory that are not hidden.
    fn read_lower(
        &self,
        reader: &mut OverlayReader,
        from: u64,
        each: &mut dyn FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<Progress> {
        let Some(lower) = &self.inode().lower else {
            return Ok(Progress::End);
        };
        let entries = self.inode().directory()?;
        if entries.read().is_removed {
            return Ok(Progress::End);
        }
        let lower_entries = match &mut reader.lower {
            Some(lower_entries) => lower_entries,
            unread => unread.insert(lower.path.entries(reader.budget.share())?),
        };
        lower_entries.read(from, &mut |entry| {
            let merged = entries.read().merge(entry);
            merged.is_none_or(|entry| each(&entry))
        })
    }
}
