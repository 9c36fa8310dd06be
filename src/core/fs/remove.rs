//! Removing trees of any depth.

use crate::core::access::DirAccess;
#[cfg(feature = "node")]
use crate::core::access::last_component;
use crate::core::directory::Directory;
use crate::core::fs::lower::READ;
use crate::core::fs::path_error::{AtPath, PathError, PathResult, join};
use crate::core::opened::Opened;
use crate::sys;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Filetype, Oflags, OpenOptions};
use std::path::Path;

/// Maximum number of descriptors for directories of the host that are being removed.
const MAX_OPEN: usize = 256;

/// Removes a file, or with `recurses` a directory with everything in it. Returns false for a directory without
/// `recurses`. Removes nothing if the path ends in `.` (`EINVAL`) or `..` (`ENOTEMPTY`), or if slashes follow the name
/// of a file or symlink (`ENOTDIR`).
#[cfg(feature = "node")]
pub(crate) fn remove_path(dir: DirAccess<'_>, name: &[u8], recurses: bool) -> PathResult<bool> {
    let whole = path(name).at(name)?;
    let trimmed = sys::without_trailing_slashes(whole);
    if dir.stat(trimmed, false).at(name)?.filetype != Filetype::Directory {
        return dir.unlink(whole).at(name).and(Ok(true));
    }
    if !recurses {
        return Ok(false);
    }
    match last_component(whole) {
        b"." => Err(Errno::Inval).at(name),
        b".." => Err(Errno::Notempty).at(name),
        _ => remove_tree(dir, trimmed.as_os_str().as_encoded_bytes()).and(Ok(true)),
    }
}

/// Removes a file, or a directory with everything in it. Follows no symlink at the end of the path or below it. A
/// missing path is no error, nor an entry that another program removes at the same time.
pub(crate) fn remove_tree(parent: DirAccess<'_>, name: &[u8]) -> PathResult {
    let removal = Removal { parent, levels: Vec::new(), open: Vec::new() };
    let found = path(name).and_then(|path| parent.stat(path, false));
    match ignore_missing(found).at(name)?.map(|stat| stat.filetype) {
        None => Ok(()),
        Some(Filetype::Directory) => removal.run(name),
        Some(_) => ignore_missing(path(name).and_then(|path| parent.unlink(path))).at(name).map(drop),
    }
}

/// A tree that is being removed. Does not use the native stack for its levels.
struct Removal<'a> {
    parent: DirAccess<'a>,
    /// The directories on the way to the one that is emptied next.
    levels: Vec<Level>,
    /// Handles of the last levels. Those above are opened again when they are needed.
    open: Vec<Directory>,
}

struct Level {
    name: Box<[u8]>,
    /// Names of the directories that are left in this one.
    directories: Vec<Box<[u8]>>,
}

impl Removal<'_> {
    fn run(mut self, name: &[u8]) -> PathResult {
        self.enter(name)?;
        while let Some(level) = self.levels.last_mut() {
            match level.directories.pop() {
                Some(name) => self.enter(&name)?,
                None => self.leave()?,
            }
        }
        Ok(())
    }

    /// Opens a directory in the last level, and removes everything in it except directories.
    fn enter(&mut self, name: &[u8]) -> PathResult {
        let directory = match self.last().and_then(|last| open_directory(last, name)) {
            Err(Errno::Noent) => return Ok(()),
            opened => opened.map_err(|errno| self.failed(errno, name))?,
        };
        let mut entries: Vec<(Box<[u8]>, Filetype)> = Vec::new();
        let listed = directory.each_entry(|entry| entries.push((entry.name.into(), entry.filetype)));
        ignore_missing(listed).map_err(|errno| self.failed(errno, name))?;
        let mut directories = Vec::new();
        for (entry, filetype) in entries {
            if filetype == Filetype::Directory {
                directories.push(entry);
                continue;
            }
            let unlinked = path(&entry).and_then(|path| self.parent.at(&directory).unlink(path));
            ignore_missing(unlinked).map_err(|errno| self.failed(errno, &join(name, &entry)))?;
        }
        self.levels.push(Level { name: name.into(), directories });
        self.push(directory);
        Ok(())
    }

    /// Removes the last level, which is empty.
    fn leave(&mut self) -> PathResult {
        self.open.pop();
        let Some(Level { name, .. }) = self.levels.pop() else { return Ok(()) };
        let removed = self.last().and_then(|last| last.remove_dir(path(&name)?));
        ignore_missing(removed).map_err(|errno| self.failed(errno, &name)).map(drop)
    }

    /// Returns the directory of the last level; without a level, the parent of the tree.
    fn last(&mut self) -> Result<DirAccess<'_>> {
        if self.open.is_empty() {
            for at in 0..self.levels.len() {
                let last = self.open.last().map_or(self.parent, |last| self.parent.at(last));
                let directory = open_directory(last, &self.levels[at].name)?;
                self.push(directory);
            }
        }
        Ok(self.open.last().map_or(self.parent, |last| self.parent.at(last)))
    }

    /// Adds the handle of the next level.
    fn push(&mut self, directory: Directory) {
        if self.open.len() == MAX_OPEN && matches!(directory, Directory::Host(_)) {
            self.open.drain(..MAX_OPEN / 2);
        }
        self.open.push(directory);
    }

    /// Returns the error of an entry of the last level.
    fn failed(&self, errno: Errno, name: &[u8]) -> PathError {
        let mut path = Vec::new();
        for level in &self.levels {
            path.extend_from_slice(&level.name);
            path.push(b'/');
        }
        path.extend_from_slice(name);
        PathError { errno, path: path.into() }
    }
}

fn path(name: &[u8]) -> Result<&Path> {
    Ok(sys::path(name)?)
}

/// Opens a directory without following a symlink.
fn open_directory(parent: DirAccess<'_>, name: &[u8]) -> Result<Directory> {
    match parent.open(path(name)?, OpenOptions { oflags: Oflags::DIRECTORY, ..READ })? {
        Opened::Directory(directory) => Ok(directory),
        _ => Err(Errno::Notdir),
    }
}

fn ignore_missing<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Errno::Noent) => Ok(None),
        Err(errno) => Err(errno),
    }
}
