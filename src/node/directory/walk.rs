//! Listing trees, for `Directory`.

use super::contents::READING;
use super::path_call::retry;
use crate::core::access::DirAccess;
use crate::core::fs::path_error::{AtPath, PathResult, join};
use crate::core::opened::Opened;
use crate::sys;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Filetype, Oflags, OpenOptions};
use std::collections::VecDeque;
use std::rc::Rc;

/// An entry of a tree.
pub(super) struct TreeEntry {
    /// The path of its directory from the top of the tree; empty for the top itself.
    pub(super) directory: Rc<[u8]>,
    pub(super) name: Vec<u8>,
    pub(super) filetype: Filetype,
}

impl TreeEntry {
    /// Returns the path from the top of the tree.
    pub(super) fn path(&self) -> Vec<u8> {
        join(&self.directory, &self.name)
    }
}

/// Lists a directory; with `recurses` also those below, each directory after all above it. Follows no symlink below the
/// top. The entries of a directory are in the order of the bytes of their names, as libuv sorts them.
pub(super) fn walk(dir: DirAccess<'_>, top: &[u8], recurses: bool) -> PathResult<Vec<TreeEntry>> {
    let mut found = Vec::new();
    let mut directories = VecDeque::from([Rc::from(&b""[..])]);
    while let Some(directory) = directories.pop_front() {
        let path = join(top, &directory);
        let entries = match list(dir, &path, directory.is_empty()) {
            // Another program has removed the directory.
            Err(Errno::Noent | Errno::Notdir) if !directory.is_empty() => continue,
            entries => entries.at(&path)?,
        };
        for (name, filetype) in entries {
            if recurses && filetype == Filetype::Directory {
                directories.push_back(join(&directory, &name).into());
            }
            found.push(TreeEntry { directory: Rc::clone(&directory), name, filetype });
        }
    }
    Ok(found)
}

fn list(dir: DirAccess<'_>, path: &[u8], follows: bool) -> Result<Vec<(Vec<u8>, Filetype)>> {
    retry(|| {
        let options = OpenOptions { oflags: Oflags::DIRECTORY, follows, ..READING };
        let Opened::Directory(directory) = dir.open(sys::path(path)?, options)? else {
            return Err(Errno::Notdir);
        };
        let mut entries = Vec::new();
        directory.each_entry(|entry| entries.push((entry.name.to_vec(), entry.filetype)))?;
        entries.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        Ok(entries)
    })
}
