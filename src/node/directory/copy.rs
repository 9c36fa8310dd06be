//! Copying trees, for `Directory`.

use super::contents::{READING, opened_file};
use super::path_call::retry;
use super::walk::walk;
use crate::core::access::DirAccess;
use crate::core::clock::Clocks;
use crate::core::fs::path_error::{PathError, join};
use crate::sys;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Filetype, Oflags, OpenOptions};

/// A copy that failed.
pub(super) struct Failure {
    pub(super) from: Vec<u8>,
    /// The destination, unless the source could not be listed.
    pub(super) to: Option<Vec<u8>>,
    pub(super) reason: Reason,
}

/// Reason of a failure.
pub(super) enum Reason {
    Errno(Errno),
    /// The copy would replace a directory, or be a directory that replaces a file.
    OtherType {
        is_directory: bool,
    },
}

impl From<Errno> for Reason {
    fn from(errno: Errno) -> Self {
        Reason::Errno(errno)
    }
}

impl From<PathError> for Failure {
    fn from(error: PathError) -> Self {
        Self { from: error.path.into(), to: None, reason: Reason::Errno(error.errno) }
    }
}

/// Copies a file, symlink or directory with everything in it. Replaces files and symlinks.
pub(super) fn copy_tree(
    dir: DirAccess<'_>,
    from: &[u8],
    to: &[u8],
    clocks: &Clocks,
) -> std::result::Result<(), Failure> {
    let mut copy = TreeCopy { dir, clocks, directories: Vec::new() };
    if copy.add(from, to)? != Filetype::Directory {
        return Ok(());
    }
    for entry in walk(dir, from, true)? {
        let path = entry.path();
        copy.add(&join(from, &path), &join(to, &path))?;
    }
    // A directory may not be writable once it has its permission bits.
    for (from, to, mode) in copy.directories.into_iter().rev() {
        let set = sys::path(&to).map_err(Errno::from).and_then(|path| dir.set_mode(path, mode));
        set.map_err(|errno| Failure { from, to: Some(to), reason: errno.into() })?;
    }
    Ok(())
}

struct TreeCopy<'a> {
    dir: DirAccess<'a>,
    clocks: &'a Clocks,
    /// The new directories: source, path, and permission bits of the source.
    directories: Vec<(Vec<u8>, Vec<u8>, u32)>,
}

impl TreeCopy<'_> {
    /// Copies an entry; of a directory, the directory without its entries. Returns the type.
    fn add(&mut self, from: &[u8], to: &[u8]) -> std::result::Result<Filetype, Failure> {
        let failed = |reason| Failure { from: from.into(), to: Some(to.into()), reason };
        retry(|| self.try_add(from, to)).map_err(failed)
    }

    fn try_add(&mut self, from: &[u8], to: &[u8]) -> std::result::Result<Filetype, Reason> {
        let dir = self.dir;
        let (source, target) = (sys::path(from).map_err(Errno::from)?, sys::path(to).map_err(Errno::from)?);
        let filetype = dir.stat(source, false)?.filetype;
        let mode = dir.attributes(source, false)?.mode & 0o7777;
        let found = match dir.stat(target, false) {
            Ok(stat) => Some(stat.filetype),
            Err(Errno::Noent) => None,
            Err(errno) => return Err(errno.into()),
        };
        match (filetype, found) {
            (Filetype::Directory, Some(Filetype::Directory)) => {}
            (Filetype::Directory, None) => {
                dir.create_dir(target)?;
                self.directories.push((from.into(), to.into(), mode));
            }
            (Filetype::Directory, Some(_)) => return Err(Reason::OtherType { is_directory: true }),
            (_, Some(Filetype::Directory)) => return Err(Reason::OtherType { is_directory: false }),
            (Filetype::RegularFile | Filetype::SymbolicLink, _) => {
                if found.is_some() {
                    dir.unlink(target)?;
                }
                if filetype == Filetype::SymbolicLink {
                    let link: Box<[u8]> = dir.read_link(source, |link| link.into())?;
                    dir.symlink(sys::path(&link).map_err(Errno::from)?, target)?;
                } else {
                    self.copy_file(from, to, mode)?;
                }
            }
            _ => return Err(Errno::Inval.into()),
        }
        Ok(filetype)
    }

    /// Copies a file to a path that does not exist. Leaves no part of a copy that fails.
    fn copy_file(&self, from: &[u8], to: &[u8], mode: u32) -> Result {
        let (dir, target) = (self.dir, sys::path(to)?);
        let source = opened_file(dir.open(sys::path(from)?, OpenOptions { follows: false, ..READING })?)?;
        let oflags = Oflags::CREAT | Oflags::EXCL;
        let copy =
            opened_file(dir.open(target, OpenOptions { reads: false, writes: true, oflags, ..READING })?)?;
        let copied = source.copy_to(&copy, self.clocks).and_then(|()| dir.set_mode(target, mode));
        if copied.is_err() {
            drop(copy);
            let _ = dir.unlink(target);
        }
        copied
    }
}

impl PartialEq<Errno> for Reason {
    fn eq(&self, errno: &Errno) -> bool {
        matches!(self, Reason::Errno(own) if own == errno)
    }
}
