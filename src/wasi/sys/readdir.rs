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
    /// As they were last read, from that of index `first` on; `None` before that.
    entries: Option<Vec<Entry>>,
    first: usize,
    position: usize,
}

/// Where a stream is.
#[derive(Clone, Debug, Default)]
pub struct DirPosition {
    index: usize,
    /// Name of the entry there, which may have another index when the directory is read again.
    name: Option<Vec<u8>>,
}

/// An entry, as the system gave it.
#[derive(Debug)]
pub(super) struct Entry {
    pub name: Vec<u8>,
    pub ino: u64,
    pub filetype: Filetype,
}

impl DirStream {
    /// Opens a directory, to read it from a position on.
    pub fn open(dir: &Dir, from: &DirPosition) -> Result<Self> {
        let mut stream =
            Self { dir: dir.try_clone()?, entries: None, first: from.index, position: from.index };
        if from.index > 0 {
            let mut entries = stream.read()?;
            let at = entries.iter().position(|entry| from.name.as_ref() == Some(&entry.name));
            entries.drain(..at.unwrap_or(from.index).min(entries.len()));
            stream.entries = Some(entries);
        }
        Ok(stream)
    }

    /// Where it is.
    pub fn position(&self) -> DirPosition {
        DirPosition { index: self.position, name: self.entry().map(|entry| entry.name.clone()) }
    }

    /// Goes to a position that an entry gave as its `next`, or to 0, the start, which also shows what has been
    /// created since.
    pub fn seek(&mut self, position: u64) -> Result<()> {
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        if position == 0 || position < self.first || self.entries.is_none() {
            self.entries = Some(self.read()?);
            self.first = 0;
        }
        self.position = position;
        Ok(())
    }

    /// Reads the whole directory.
    fn read(&self) -> Result<Vec<Entry>> {
        let mut entries = super::entries(&self.dir)?;
        entries.retain(|entry| !matches!(&entry.name[..], b"." | b".."));
        Ok(entries)
    }

    fn entry(&self) -> Option<&Entry> {
        self.entries.as_ref()?.get(self.position - self.first)
    }

    /// The entry at the position, `None` at the end. The entries for the directory itself and the one above it
    /// are left out.
    pub fn peek(&mut self) -> Result<Option<DirEntry<'_>>> {
        let next = self.position.saturating_add(1) as u64;
        Ok(self.entry().map(|entry| DirEntry {
            name: &entry.name,
            ino: entry.ino,
            filetype: entry.filetype,
            next,
        }))
    }

    /// Passes the entry at the position.
    pub fn advance(&mut self) {
        self.position += 1;
    }
}
