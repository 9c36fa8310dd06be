//! Directory streams where the system has no positions that can be sought to: the directory is read when it
//! is read from its start, and a position is an index into that.

use super::DirEntry;
use crate::wasi::types::Filetype;
use cap_fs_ext::DirEntryExt;
use cap_std::fs::{Dir, FileTypeExt};
use std::io::Result;

/// A directory being read.
#[derive(Debug)]
pub struct DirStream {
    dir: Dir,
    entries: Vec<Entry>,
    position: usize,
}

#[derive(Debug)]
struct Entry {
    name: Vec<u8>,
    ino: u64,
    filetype: Filetype,
}

impl DirStream {
    /// Opens a directory.
    pub fn open(dir: &Dir) -> Result<Self> {
        Ok(Self { dir: dir.try_clone()?, entries: Vec::new(), position: 0 })
    }

    /// Goes to a position that an entry gave as its `next`, or to 0, the start, which also shows what has been
    /// created since.
    pub fn seek(&mut self, position: u64) -> Result<()> {
        if position == 0 {
            self.entries = read(&self.dir)?;
        }
        self.position = usize::try_from(position).unwrap_or(usize::MAX);
        Ok(())
    }

    /// The entry at the position, `None` at the end.
    pub fn peek(&mut self) -> Result<Option<DirEntry<'_>>> {
        let next = self.position.saturating_add(1) as u64;
        Ok(self.entries.get(self.position).map(|entry| DirEntry {
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

fn read(dir: &Dir) -> Result<Vec<Entry>> {
    dir.entries()?
        .map(|entry| {
            let entry = entry?;
            let (name, kind) = (entry.file_name(), entry.file_type()?);
            let name = super::path_bytes(name.as_ref())?.to_vec();
            let filetype = match kind {
                kind if kind.is_dir() => Filetype::Directory,
                kind if kind.is_file() => Filetype::RegularFile,
                kind if kind.is_symlink() => Filetype::SymbolicLink,
                kind if kind.is_block_device() => Filetype::BlockDevice,
                kind if kind.is_char_device() => Filetype::CharacterDevice,
                kind if kind.is_socket() => Filetype::SocketStream,
                _ => Filetype::Unknown,
            };
            Ok(Entry { name, ino: entry.full_metadata()?.ino(), filetype })
        })
        .collect()
}
