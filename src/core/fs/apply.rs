//! Applying the changes of an overlay to another directory.

use crate::core::access::{Access, DirAccess};
use crate::core::clock::Clocks;
use crate::core::directory::Directory;
use crate::core::fs::changes::{Change, ChangeKind};
use crate::core::fs::lower::READ;
use crate::core::fs::memory::MemoryDirectory;
use crate::core::fs::path_error::{AtPath, PathResult};
use crate::core::fs::remove::remove_tree;
use crate::core::opened::Opened;
use crate::core::random::Random;
use crate::sys;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Attributes, Filetype, NewTime, Oflags, OpenOptions};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

impl MemoryDirectory {
    /// Applies the changes of an overlay to another directory: removals first, then additions and modifications. A
    /// target that equals the lower directory then equals the overlay. Follows no symlink of the target: a symlink in
    /// the way is replaced. Keeps holes, permission bits and times.
    ///
    /// Copies all new files into a new directory of the target before the first removal, so that a target without space
    /// for them stays as it was. The target may be the lower directory itself, but nothing may use the overlay after
    /// that.
    pub fn apply_to(&self, target: &Directory) -> PathResult {
        let changes = self.changes()?;
        let clocks = Clocks::default();
        let mut staging =
            Staging { target, clocks: &clocks, directory: None, count: 0, links: HashMap::new() };
        let result = self.apply(&changes, &mut staging);
        let removed = staging.remove();
        result.and(removed)
    }

    fn apply(&self, changes: &[Change], staging: &mut Staging<'_>) -> PathResult {
        let (target, clocks) = (staging.target, staging.clocks);
        let overlay = Directory::Memory(self.clone());
        // Reads everything first: the target may be the lower directory.
        let mut new = Vec::new();
        let mut walk = Walk { target: &overlay, clocks, above: Vec::new() };
        for Change { path, filetype, .. } in
            changes.iter().filter(|change| change.kind != ChangeKind::Removed)
        {
            let copy = walk.parent(path, false).and_then(|found| {
                let (parent, name) = found.ok_or(Errno::Noent)?;
                staging.add(parent, sys::path(name)?, *filetype)
            });
            new.push((copy.at(path)?, path));
        }
        let mut walk = Walk { target, clocks, above: Vec::new() };
        for Change { path, .. } in changes.iter().filter(|change| change.kind == ChangeKind::Removed) {
            if let Some((parent, name)) = walk.parent(path, false).at(path)? {
                remove(parent, name, clocks).at(path)?;
            }
        }
        walk.above.clear();
        for (copy, path) in &new {
            if let Some((parent, name)) = walk.parent(path, true).at(path)? {
                staging.place(copy, parent, name).at(path)?;
            }
        }
        // The times of a directory are set after its entries.
        for (copy, path) in new.iter().rev().filter(|(copy, _)| copy.filetype == Filetype::Directory) {
            if let Some((parent, name)) = walk.parent(path, false).at(path)? {
                sys::path(name)
                    .map_err(Errno::from)
                    .and_then(|name| set_attributes(parent, name, &copy.attributes, clocks))
                    .at(path)?;
            }
        }
        Ok(())
    }
}

/// A copy of a file that an overlay has added or modified.
struct Copy {
    /// Name in the staging directory.
    name: String,
    filetype: Filetype,
    attributes: Attributes,
}

/// Directory of the target for the copies.
struct Staging<'a> {
    target: &'a Directory,
    clocks: &'a Clocks,
    /// The directory and its name, once it is needed.
    directory: Option<(Directory, String)>,
    /// Number of copies.
    count: u64,
    /// Copies of files with several names, by inode number.
    links: HashMap<u64, PathBuf>,
}

impl Staging<'_> {
    /// Returns the directory. Creates the directory at the first call.
    fn directory(&mut self) -> Result<&Directory> {
        if self.directory.is_none() {
            let name = loop {
                let mut bytes = [0; 8];
                Random::System.fill(&mut bytes);
                let name = format!(".capwasi-{:016x}", u64::from_ne_bytes(bytes));
                match self.target.create_dir(Path::new(&name), self.clocks) {
                    Ok(()) => break name,
                    Err(Errno::Exist) => {}
                    Err(errno) => return Err(errno),
                }
            };
            let directory = open_directory(self.target, Path::new(&name), self.clocks)?;
            self.directory = Some((directory, name));
        }
        Ok(&self.directory.as_ref().ok_or(Errno::Io)?.0)
    }

    /// Copies a file; of a directory, the directory without its entries. `ENOTSUP` for a FIFO, socket or device.
    fn add(&mut self, parent: &Directory, from: &Path, filetype: Filetype) -> Result<Copy> {
        let clocks = self.clocks;
        let attributes = parent.attributes(from, false)?;
        let name = self.count.to_string();
        self.count += 1;
        let path = Path::new(&name);
        match filetype {
            Filetype::Directory => self.directory()?.create_dir(path, clocks)?,
            Filetype::RegularFile => self.add_file(parent, from, &attributes, &name)?,
            Filetype::SymbolicLink => {
                let target: Box<[u8]> = parent.read_link(from, |target| target.into())?;
                let directory = self.directory()?;
                directory.symlink(sys::path(&target)?, path, clocks)?;
                let (atim, mtim) = times(&attributes);
                directory.set_times(path, false, atim, mtim, clocks)?;
            }
            _ => return Err(Errno::Notsup),
        }
        Ok(Copy { name, filetype, attributes })
    }

    fn add_file(&mut self, parent: &Directory, from: &Path, attributes: &Attributes, name: &str) -> Result {
        let (clocks, name) = (self.clocks, Path::new(name));
        let linked = self.links.get(&attributes.ino).cloned();
        let directory = self.directory()?;
        if let Some(linked) = linked {
            return directory.hard_link(&linked, false, directory, name, clocks);
        }
        let Opened::File(from) = parent.open(from, &READ, clocks)? else {
            return Err(Errno::Again);
        };
        let options = OpenOptions { writes: true, oflags: Oflags::CREAT | Oflags::EXCL, mode: 0o600, ..READ };
        let Opened::File(to) = directory.open(name, &options, clocks)? else {
            return Err(Errno::Again);
        };
        from.copy_to(&to, clocks)?;
        drop(to);
        set_attributes(directory, name, attributes, clocks)?;
        if attributes.nlink > 1 {
            self.links.insert(attributes.ino, name.to_owned());
        }
        Ok(())
    }

    /// Moves a copy to its place. A directory of the target stays.
    fn place(&mut self, copy: &Copy, parent: &Directory, name: &[u8]) -> Result {
        let (clocks, path) = (self.clocks, sys::path(name)?);
        let found = ignore_missing(parent.stat(path, false))?.map(|stat| stat.filetype);
        match (copy.filetype, found) {
            (Filetype::Directory, Some(Filetype::Directory)) => return Ok(()),
            // A rename replaces no directory with a file, and no file with a directory.
            (Filetype::Directory, Some(_)) | (_, Some(Filetype::Directory)) => {
                remove(parent, name, clocks)?;
            }
            _ => {}
        }
        self.directory()?.rename(Path::new(&copy.name), parent, path, clocks)
    }

    fn remove(self) -> PathResult {
        match self.directory {
            Some((_, name)) => {
                remove_tree(DirAccess::new(self.target, Access::ReadWrite, self.clocks), name.as_bytes())
            }
            None => Ok(()),
        }
    }
}

/// Directories of the target, opened one in the other without following symlinks.
struct Walk<'a> {
    target: &'a Directory,
    clocks: &'a Clocks,
    /// Directories above the last path, with their names.
    above: Vec<(Box<[u8]>, Directory)>,
}

impl Walk<'_> {
    /// Returns the parent directory of a path, and the last component. With `creates`, creates missing directories and
    /// replaces other files in their place. Without, returns `None` if a directory is missing.
    fn parent<'p>(&mut self, path: &'p [u8], creates: bool) -> Result<Option<(&Directory, &'p [u8])>> {
        let mut names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        let last = names.pop().ok_or(Errno::Noent)?;
        let same = self.above.iter().zip(&names).take_while(|((above, _), name)| **above == ***name).count();
        self.above.truncate(same);
        for name in &names[same..] {
            let directory = self.above.last().map_or(self.target, |(_, directory)| directory);
            let path = sys::path(name)?;
            let opened = match open_directory(directory, path, self.clocks) {
                Err(Errno::Noent | Errno::Notdir | Errno::Loop) if creates => {
                    remove(directory, name, self.clocks)?;
                    directory.create_dir(path, self.clocks)?;
                    open_directory(directory, path, self.clocks)?
                }
                Err(Errno::Noent | Errno::Notdir | Errno::Loop) => return Ok(None),
                opened => opened?,
            };
            self.above.push(((*name).into(), opened));
        }
        let parent = self.above.last().map_or(self.target, |(_, directory)| directory);
        Ok(Some((parent, last)))
    }
}

/// Opens a directory without following a symlink.
fn open_directory(parent: &Directory, name: &Path, clocks: &Clocks) -> Result<Directory> {
    match parent.open(name, &OpenOptions { oflags: Oflags::DIRECTORY, ..READ }, clocks)? {
        Opened::Directory(directory) => Ok(directory),
        _ => Err(Errno::Notdir),
    }
}

/// Removes a file, or a directory with everything in it, if it exists.
fn remove(parent: &Directory, name: &[u8], clocks: &Clocks) -> Result {
    remove_tree(DirAccess::new(parent, Access::ReadWrite, clocks), name).map_err(|error| error.errno)
}

/// Sets permission bits and times.
fn set_attributes(parent: &Directory, name: &Path, all: &Attributes, clocks: &Clocks) -> Result {
    parent.set_mode(name, all.mode & 0o7777, clocks)?;
    let (atim, mtim) = times(all);
    parent.set_times(name, false, atim, mtim, clocks)
}

fn times(all: &Attributes) -> (Option<NewTime>, Option<NewTime>) {
    let time = |time: i64| Some(NewTime::At(time.max(0).cast_unsigned()));
    (time(all.atim), time(all.mtim))
}

fn ignore_missing<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Errno::Noent) => Ok(None),
        Err(errno) => Err(errno),
    }
}
