//! Directories that paths start from, and what may be done in them. A handle to change something with is had only here,
//! and a read-only directory gives none: it says `ROFS`, and before that what Linux finds out of a path before it asks
//! whether a file system may be written. To find that out, things are looked at and not touched.

use crate::core::table::Entry;
use crate::preview1::types::{Filetype, Oflags, Rights};
use crate::sys::errno::{Errno, Result};
use crate::sys::{self, How};
use cap_std::fs::Dir;
use std::path::{Path, is_separator};

/// A directory that a path starts from.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    dir: &'a Dir,
    readonly: bool,
}

impl<'a> Place<'a> {
    /// The directory that a descriptor is: `NOTDIR` if it is none, `NOTCAPABLE` without all these rights.
    pub fn of(fd: &'a Entry, rights: Rights) -> Result<Self> {
        Ok(Self { dir: fd.dir(rights)?.cap(), readonly: fd.is_readonly() })
    }

    /// The handle to look at things with.
    pub fn to_look(self) -> &'a Dir {
        self.dir
    }

    /// The handle to make something with, at a path where there is nothing.
    pub fn to_make(self, path: &Path) -> Result<&'a Dir> {
        if self.readonly {
            self.require_nothing(path)?;
            return Err(Errno::Rofs.into());
        }
        Ok(self.dir)
    }

    /// The handle to change attributes of what is at a path with.
    pub fn to_touch(self, path: &Path, follows: bool) -> Result<&'a Dir> {
        if self.readonly {
            self.require(path, follows)?;
            return Err(Errno::Rofs.into());
        }
        Ok(self.dir)
    }

    /// The handle to remove a file with, whether it is there or not.
    pub fn to_remove_file(self, path: &Path) -> Result<&'a Dir> {
        self.to_remove(path, Errno::Isdir)
    }

    /// The handle to remove a directory with, whether it is there or not. A path that ends in `..` is `ENOTEMPTY`: the
    /// directory holds what the path came from.
    pub fn to_remove_directory(self, path: &Path) -> Result<&'a Dir> {
        self.to_remove(path, if last(path) == b".." { Errno::Notempty } else { Errno::Inval })
    }

    fn to_remove(self, path: &Path, dots: Errno) -> Result<&'a Dir> {
        if self.readonly {
            self.require_way(path, dots)?;
            return Err(Errno::Rofs.into());
        }
        Ok(self.dir)
    }

    /// The handles to make a link to something with, in `new`. A link is a change to both.
    pub fn to_link(self, path: &Path, follows: bool, new: Self, new_path: &Path) -> Result<[&'a Dir; 2]> {
        if self.readonly || new.readonly {
            self.require(path, follows)?;
            new.require_nothing(new_path)?;
            return Err(Errno::Rofs.into());
        }
        Ok([self.dir, new.dir])
    }

    /// The handles to move something with, to `new`.
    pub fn to_rename(self, path: &Path, new: Self, new_path: &Path) -> Result<[&'a Dir; 2]> {
        if self.readonly || new.readonly {
            self.require_way(path, Errno::Busy)?;
            new.require_way(new_path, Errno::Busy)?;
            return Err(Errno::Rofs.into());
        }
        Ok([self.dir, new.dir])
    }

    /// The handle to open something with, and how: in a read-only directory `CREAT` only opens what is there.
    pub fn to_open(self, path: &Path, how: How) -> Result<(&'a Dir, How)> {
        let creates = how.oflags.contains(Oflags::CREAT);
        let changes = how.writes || how.oflags.contains(Oflags::TRUNC);
        if !self.readonly || !(creates || changes) {
            return Ok((self.dir, how));
        }
        let exclusive = creates && how.oflags.contains(Oflags::EXCL);
        let is_slashed = sys::without_trailing_slashes(path).as_os_str() != path.as_os_str();
        if creates && is_slashed && !ends_in_dots(path) {
            return self.require_parent(path).and(Err(Errno::Isdir.into()));
        }
        match self.filetype(path, how.follows && !exclusive)? {
            None if creates => Err(Errno::Rofs.into()),
            None => Err(Errno::Noent.into()),
            Some(_) if exclusive => Err(Errno::Exist.into()),
            Some(Filetype::Directory) => Err(Errno::Isdir.into()),
            Some(_) if how.oflags.contains(Oflags::DIRECTORY) => Err(Errno::Notdir.into()),
            Some(Filetype::SymbolicLink) => Err(Errno::Loop.into()),
            Some(_) if changes => Err(Errno::Rofs.into()),
            Some(_) => Ok((self.dir, How { oflags: how.oflags - Oflags::CREAT, ..how })),
        }
    }

    fn require(self, path: &Path, follows: bool) -> Result {
        sys::stat_at(self.dir, path, follows)?;
        Ok(())
    }

    fn require_nothing(self, path: &Path) -> Result {
        match self.filetype(sys::without_trailing_slashes(path), false)? {
            Some(_) => Err(Errno::Exist.into()),
            None => Ok(()),
        }
    }

    /// The way to what is to be removed or renamed, which is not looked at itself.
    fn require_way(self, path: &Path, dots: Errno) -> Result {
        if ends_in_dots(path) {
            return self.require(path, true).and(Err(dots.into()));
        }
        self.require_parent(path)
    }

    /// What kind of file is at a path; `None` if there is none, but there is the directory to make it in.
    fn filetype(self, path: &Path, follows: bool) -> Result<Option<Filetype>> {
        match sys::stat_at(self.dir, path, follows).map_err(Errno::from) {
            Ok(stat) => Ok(Some(stat.filetype)),
            Err(Errno::Noent) => self.require_parent(path).and(Ok(None)),
            Err(errno) => Err(errno.into()),
        }
    }

    fn require_parent(self, path: &Path) -> Result {
        let Some((parent, _)) = split(path) else {
            return Ok(());
        };
        match sys::stat_at(self.dir, sys::path(parent)?, true)?.filetype {
            Filetype::Directory => Ok(()),
            _ => Err(Errno::Notdir.into()),
        }
    }
}

fn ends_in_dots(path: &Path) -> bool {
    matches!(last(path), b"." | b"..")
}

/// The last component.
fn last(path: &Path) -> &[u8] {
    let path = sys::without_trailing_slashes(path);
    split(path).map_or(path.as_os_str().as_encoded_bytes(), |(_, last)| last)
}

/// What is before the last name, and that name: also if it is `.`, which [`Path`] passes over.
fn split(path: &Path) -> Option<(&[u8], &[u8])> {
    let path = sys::without_trailing_slashes(path).as_os_str().as_encoded_bytes();
    let at = path.iter().rposition(|byte| is_separator(char::from(*byte)))?;
    Some((&path[..at], &path[at + 1..]))
}
