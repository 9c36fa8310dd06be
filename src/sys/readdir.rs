//! Directory streams where the system has no positions that can be sought to: the directory is listed when it is read
//! from its start, and a position is an index into that list.

use crate::sys::dir::{DirBudget, DirEntry, DirHandle, ListedEntry, MAX_ENTRIES, Progress};
#[cfg(unix)]
use crate::sys::unix::entries;
#[cfg(windows)]
use crate::sys::windows::entries;
use cap_std::fs::Dir;
use std::io::Result;

/// How far a directory has been read.
#[derive(Debug)]
pub struct DirStream {
    /// The entries when they were last listed, from that of index `first` on; `None` before that.
    entries: Option<Vec<ListedEntry>>,
    first: usize,
    /// Index of the entry that is next.
    position: usize,
    /// Name of that entry, by which it is found when the directory has to be listed again.
    next: Option<Vec<u8>>,
    budget: DirBudget,
    /// Positions that the budget is charged for the list.
    charged: usize,
}

impl DirStream {
    /// A stream at the start of its directory.
    #[must_use]
    pub fn new(budget: DirBudget) -> Self {
        Self { entries: None, first: 0, position: 0, next: None, budget, charged: 0 }
    }

    /// Reads the entries from `from` on, an index that an entry gave as its `next`; 0 is the start, and also shows what has
    /// been created since. Each is passed to `each`, until that returns false for one that it does not take.
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
        let mut progress = Progress::Paused;
        for _ in 0..MAX_ENTRIES {
            let Some(entry) = self.entry() else {
                progress = Progress::End;
                break;
            };
            let (name, next) = (&entry.name[..], self.position as u64 + 1);
            if !each(&DirEntry { name, ino: entry.ino, filetype: entry.filetype, next }) {
                progress = Progress::Stopped;
                break;
            }
            self.position += 1;
        }
        if progress == Progress::End {
            self.next = None;
            self.forget();
        } else {
            self.keep();
        }
        Ok(progress)
    }

    fn entry(&self) -> Option<&ListedEntry> {
        self.entries.as_ref()?.get(self.position.checked_sub(self.first)?)
    }

    /// Lists the directory, to be read from an entry on. One that was read up to there before goes on at the entry of the
    /// same name, which may have another index now.
    fn list(&mut self, dir: &Dir, from: usize) -> Result<()> {
        self.forget();
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

    /// Keeps the list for the next call, if the budget of the guest has room for it.
    fn keep(&mut self) {
        self.next = self.entry().map(|entry| entry.name.clone());
        if self.charged == 0 {
            let size = |entry: &ListedEntry| {
                (size_of::<ListedEntry>() + entry.name.len()).div_ceil(size_of::<u64>())
            };
            let cost = self.entries.iter().flatten().map(size).sum();
            if self.budget.take(cost) {
                self.charged = cost;
            } else {
                self.forget();
            }
        }
    }

    fn forget(&mut self) {
        self.entries = None;
        self.budget.give(std::mem::take(&mut self.charged));
    }
}
