//! Directory streams on systems without stable directory offsets. Reading from the start caches the listing; a cookie
//! is an index into the listing.

use crate::sys::dir::{DirBudget, DirEntry, DirHandle, ListedEntry, MAX_ENTRIES, Progress};
#[cfg(unix)]
use crate::sys::unix::entries;
#[cfg(windows)]
use crate::sys::windows::entries;
use cap_std::fs::Dir;
use std::io::Result;

/// State of reading a directory.
#[derive(Debug)]
pub struct DirStream {
    /// Entries of the last listing, from index `first`; `None` if nothing is cached.
    entries: Option<Vec<ListedEntry>>,
    first: usize,
    /// Index of the next entry.
    position: usize,
    /// Name of the next entry. A new listing continues at this name.
    next: Option<Vec<u8>>,
    budget: DirBudget,
    /// Units of the budget that the listing has taken.
    charged: usize,
}

impl DirStream {
    /// Creates a stream at the start of its directory.
    #[must_use]
    pub fn new(budget: DirBudget) -> Self {
        Self { entries: None, first: 0, position: 0, next: None, budget, charged: 0 }
    }

    /// Reads the entries from index `from`, which was the `next` of an entry. 0 is the start, and also shows entries
    /// created since. Stops when `each` returns false for an entry that it does not take.
    pub fn read(
        &mut self,
        dir: &DirHandle,
        from: u64,
        mut each: impl FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<Progress> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        if from == 0 || from < self.first || self.entries.is_none() {
            self.list(dir.cap(), from)?;
        }
        self.position = from;
        let mut progress = None;
        for _ in 0..MAX_ENTRIES {
            let Some(entry) = self.entry() else {
                progress = Some(Progress::End);
                break;
            };
            let (name, next) = (&entry.name[..], self.position as u64 + 1);
            if !each(&DirEntry { name, ino: entry.ino, filetype: entry.filetype, next }) {
                progress = Some(Progress::Stopped);
                break;
            }
            self.position += 1;
        }
        let progress = progress.unwrap_or(Progress::Paused(self.position as u64));
        if progress == Progress::End {
            self.next = None;
            self.discard_list();
        } else {
            self.retain_list();
        }
        Ok(progress)
    }

    fn entry(&self) -> Option<&ListedEntry> {
        self.entries.as_ref()?.get(self.position.checked_sub(self.first)?)
    }

    /// Lists the directory for reading from index `from`. If the last read stopped there, continues at the entry of
    /// the same name, whose index may have changed.
    fn list(&mut self, dir: &Dir, from: usize) -> Result<()> {
        self.discard_list();
        let mut entries = entries(dir)?;
        entries.retain(|entry| !matches!(&entry.name[..], b"." | b".."));
        self.first = 0;
        if from > 0 && from == self.position {
            let at = entries.iter().position(|entry| self.next.as_ref() == Some(&entry.name));
            entries.drain(..at.unwrap_or(from).min(entries.len()));
            self.first = from;
        }
        self.entries = Some(entries);
        Ok(())
    }

    /// Retains the listing for the next call, if the budget has room.
    fn retain_list(&mut self) {
        self.next = self.entry().map(|entry| entry.name.clone());
        if self.charged == 0 {
            let size = |entry: &ListedEntry| {
                (size_of::<ListedEntry>() + entry.name.len()).div_ceil(size_of::<u64>())
            };
            let cost = self.entries.iter().flatten().map(size).sum();
            if self.budget.take(cost) {
                self.charged = cost;
            } else {
                self.discard_list();
            }
        }
    }

    fn discard_list(&mut self) {
        self.entries = None;
        self.budget.give_back(std::mem::take(&mut self.charged));
    }
}
