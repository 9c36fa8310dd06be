//! Directory streams where the system has no positions that can be sought to: the directory is read when it
//! is read from its start, and a position is an index into that.

use super::DirEntry;
use crate::wasi::types::Filetype;
use cap_std::fs::Dir;
use std::io::Result;

/// A directory being read.
#[derive(Debug)]
pub struct DirStream {
    dir: Dir,
    /// As they were last read, `None` before that.
    entries: Option<Vec<Entry>>,
    position: usize,
}

/// An entry, as the system gave it.
#[derive(Debug)]
pub(super) struct Entry {
    pub name: Vec<u8>,
    pub ino: u64,
    pub filetype: Filetype,
}

impl DirStream {
    /// Opens a directory.
    pub fn open(dir: &Dir) -> Result<Self> {
        Ok(Self { dir: dir.try_clone()?, entries: None, position: 0 })
    }

    /// Goes to a position that an entry gave as its `next`, or to 0, the start, which also shows what has been
    /// created since.
    pub fn seek(&mut self, position: u64) -> Result<()> {
        if position == 0 || self.entries.is_none() {
            let mut entries = super::entries(&self.dir)?;
            entries.retain(|entry| !matches!(&entry.name[..], b"." | b".."));
            self.entries = Some(entries);
        }
        self.position = usize::try_from(position).unwrap_or(usize::MAX);
        Ok(())
    }

    /// The entry at the position, `None` at the end. The entries for the directory itself and the one above it
    /// are left out.
    pub fn peek(&mut self) -> Result<Option<DirEntry<'_>>> {
        let next = self.position.saturating_add(1) as u64;
        let entry = self.entries.as_ref().and_then(|entries| entries.get(self.position));
        Ok(entry.map(|entry| DirEntry { name: &entry.name, ino: entry.ino, filetype: entry.filetype, next }))
    }

    /// Passes the entry at the position.
    pub fn advance(&mut self) {
        self.position += 1;
    }
}
