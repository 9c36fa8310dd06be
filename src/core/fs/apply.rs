//! Applying the changes of an overlay to another directory.

use crate::core::clock::Clocks;
use crate::core::directory::{Directory, Opened};
use crate::core::file::FileData;
use crate::core::fs::changes::{Change, ChangeKind};
use crate::core::fs::lower::READ;
use crate::core::fs::memory::MemoryDirectory;
use crate::core::random::Random;
use crate::sys;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Attributes, Filetype, NewTime, Oflags, OpenOptions};
use std::collections::HashMap;
use std::path::Path;

impl MemoryDirectory {
    /// Applies the changes of an overlay to another directory: removals first, then additions and modifications. A
    /// target that equals the lower directory then equals the overlay. Follows no symlink of the target: a symlink in
    /// the way is replaced. Keeps holes, permission bits and times.
    ///
    /// Copies all contents into a new directory of the target before the first removal. The target may therefore be the
    /// lower directory itself, but nothing may use the overlay after that.
    pub fn apply_to(&self, target: &Directory) -> Result {
        let changes = self.changes()?;
        let clocks = Clocks::default();
        let mut staging =
            Staging { target, clocks: &clocks, directory: None, count: 0, links: HashMap::new() };
        let result = self.apply(changes, &mut staging);
        // After a success the directory is empty.
        let removed = staging.remove();
        result.and(removed)
    }

    fn apply(&self, changes: Vec<Change>, staging: &mut Staging<'_>) -> Result {
        // Reads everything first: the target may be the lower directory.
        let mut new = Vec::new();
        let mut removed = Vec::new();
        for change in changes {
            match change.kind {
                ChangeKind::Removed => removed.push(change.path),
                _ => new.push((staging.prepare(self, &change)?, change.path)),
            }
        }
        let (target, clocks) = (staging.target, staging.clocks);
        let mut walk = Walk { target, clocks, above: Vec::new() };
        for path in &removed {
            if let Some((parent, name)) = walk.parent(path, false)? {
                remove_tree(parent, name, clocks)?;
            }
        }
        walk.above.clear();
        for (file, path) in &new {
            if let Some((parent, name)) = walk.parent(path, true)? {
                staging.place(file, parent, name)?;
            }
        }
        // The times of a directory are set after its entries.
        for (file, path) in new.iter().rev() {
            if let NewFile::Directory(all) = file
                && let Some((parent, name)) = walk.parent(path, false)?
            {
                set_attributes(parent, sys::path(name)?, all, clocks)?;
            }
        }
        Ok(())
    }
}

/// A file that an overlay has added or modified.
enum NewFile {
    Directory(Attributes),
    /// A file, by the name of its copy.
    Regular(String),
    /// A symlink: its target and attributes.
    Symlink(Box<[u8]>, Attributes),
}

/// Directory of the target for new files.
struct Staging<'a> {
    target: &'a Directory,
    clocks: &'a Clocks,
    /// The directory and its name, once it is needed.
    directory: Option<(Directory, String)>,
    /// Number of files added.
    count: u64,
    /// Files with several names, by inode number.
    links: HashMap<u64, String>,
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

    /// Reads a file of an overlay. `ENOTSUP` for a FIFO, socket or device.
    fn prepare(&mut self, overlay: &MemoryDirectory, change: &Change) -> Result<NewFile> {
        let all = || overlay.attributes(&change.path, false);
        match change.filetype {
            Filetype::Directory => Ok(NewFile::Directory(all()?)),
            Filetype::RegularFile => Ok(NewFile::Regular(self.add(overlay, &change.path)?)),
            Filetype::SymbolicLink => {
                let target = overlay.read_link(&change.path, |target| target.into())?;
                Ok(NewFile::Symlink(target, all()?))
            }
            _ => Err(Errno::Notsup),
        }
    }

    /// Puts a file in its place.
    fn place(&mut self, file: &NewFile, parent: &Directory, name: &[u8]) -> Result {
        let (clocks, path) = (self.clocks, sys::path(name)?);
        let found = ignore_missing(parent.stat(path, false))?.map(|stat| stat.filetype);
        let has_directory = found == Some(Filetype::Directory);
        match file {
            NewFile::Directory(_) if has_directory => Ok(()),
            NewFile::Directory(_) => {
                remove_tree(parent, name, clocks)?;
                parent.create_dir(path, clocks)
            }
            NewFile::Regular(from) => {
                if has_directory {
                    remove_tree(parent, name, clocks)?;
                }
                self.directory()?.rename(Path::new(from), parent, path, clocks)
            }
            NewFile::Symlink(link, all) => {
                remove_tree(parent, name, clocks)?;
                parent.symlink(sys::path(link)?, path, clocks)?;
                let (atim, mtim) = times(all);
                parent.set_times(path, false, atim, mtim, clocks)
            }
        }
    }

    /// Copies a file of an overlay, and returns the name of the copy.
    fn add(&mut self, overlay: &MemoryDirectory, path: &[u8]) -> Result<String> {
        let clocks = self.clocks;
        let name = self.count.to_string();
        self.count += 1;
        let all = overlay.attributes(path, false)?;
        let linked = self.links.get(&all.ino).cloned();
        let directory = self.directory()?;
        if let Some(linked) = linked {
            directory.hard_link(Path::new(&linked), false, directory, Path::new(&name), clocks)?;
            return Ok(name);
        }
        let Opened::File(from) = overlay.open(path, &READ, clocks)? else {
            return Err(Errno::Again);
        };
        let options = OpenOptions { writes: true, oflags: Oflags::CREAT | Oflags::EXCL, mode: 0o600, ..READ };
        let Opened::File(to) = directory.open(Path::new(&name), &options, clocks)? else {
            return Err(Errno::Again);
        };
        copy(&from, &to, clocks)?;
        drop(to);
        set_attributes(directory, Path::new(&name), &all, clocks)?;
        if all.nlink > 1 {
            self.links.insert(all.ino, name.clone());
        }
        Ok(name)
    }

    fn remove(self) -> Result {
        match self.directory {
            Some((_, name)) => remove_tree(self.target, name.as_bytes(), self.clocks),
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
                    remove_tree(directory, name, self.clocks)?;
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

/// Removes a file, or a directory with everything in it. Follows no symlink. Does nothing if the name does not exist.
fn remove_tree(parent: &Directory, name: &[u8], clocks: &Clocks) -> Result {
    let path = sys::path(name)?;
    match ignore_missing(parent.stat(path, false))?.map(|stat| stat.filetype) {
        None => return Ok(()),
        Some(Filetype::Directory) => {}
        Some(_) => return parent.unlink(path, clocks),
    }
    // The directories on the way to the one that is emptied next.
    let mut open = vec![remove_files(parent, name.into(), clocks)?];
    while let Some(last) = open.last_mut() {
        if let Some(name) = last.directories.pop() {
            let below = remove_files(&last.directory, name, clocks)?;
            open.push(below);
        } else if let Some(emptied) = open.pop() {
            let parent = open.last().map_or(parent, |last| &last.directory);
            parent.remove_dir(sys::path(&emptied.name)?, clocks)?;
        }
    }
    Ok(())
}

/// A directory that is being removed.
struct Removal {
    directory: Directory,
    name: Box<[u8]>,
    /// Names of the directories that are left in it.
    directories: Vec<Box<[u8]>>,
}

/// Removes everything in a directory except the directories in it.
fn remove_files(parent: &Directory, name: Box<[u8]>, clocks: &Clocks) -> Result<Removal> {
    let directory = open_directory(parent, sys::path(&name)?, clocks)?;
    let mut names: Vec<Box<[u8]>> = Vec::new();
    directory.each_name(|name| names.push(name.into()))?;
    let mut directories = Vec::new();
    for name in names {
        let path = sys::path(&name)?;
        match ignore_missing(directory.stat(path, false))?.map(|stat| stat.filetype) {
            None => {}
            Some(Filetype::Directory) => directories.push(name),
            Some(_) => directory.unlink(path, clocks)?,
        }
    }
    Ok(Removal { directory, name, directories })
}

/// Copies contents into an empty file, with their holes.
fn copy(from: &FileData, to: &FileData, clocks: &Clocks) -> Result {
    let size = from.stat()?.size;
    to.set_size(size, clocks)?;
    from.each_piece(size, |bytes, offset| to.write_bytes(bytes, offset, clocks))
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
