//! Applying the changes of an overlay to another directory.

use crate::core::clock::Clocks;
use crate::core::directory::{Directory, Opened};
use crate::core::fs::changes::{Change, ChangeKind};
use crate::core::fs::lower::READ;
use crate::core::fs::memory::MemoryDirectory;
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
    /// stays as it was. The target may be the lower directory itself, but nothing may use the overlay after that.
    pub fn apply_to(&self, target: &Directory) -> Result {
        let changes = self.changes()?;
        let clocks = Clocks::default();
        let mut staging =
            Staging { target, clocks: &clocks, directory: None, count: 0, links: HashMap::new() };
        let result = self.apply(changes, &mut staging);
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
                _ => new.push((staging.add(self, &change)?, change.path)),
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
        for (copy, path) in &new {
            if let Some((parent, name)) = walk.parent(path, true)? {
                staging.place(copy, parent, name)?;
            }
        }
        // The times of a directory are set after its entries.
        for (copy, path) in new.iter().rev() {
            if copy.filetype == Filetype::Directory
                && let Some((parent, name)) = walk.parent(path, false)?
            {
                set_attributes(parent, sys::path(name)?, &copy.attributes, clocks)?;
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

    /// Copies a file of an overlay; of a directory, the directory without its entries. `ENOTSUP` for a FIFO, socket or
    /// device.
    fn add(&mut self, overlay: &MemoryDirectory, change: &Change) -> Result<Copy> {
        let (clocks, filetype) = (self.clocks, change.filetype);
        let attributes = overlay.attributes(&change.path, false)?;
        let name = self.count.to_string();
        self.count += 1;
        let path = Path::new(&name);
        match filetype {
            Filetype::Directory => self.directory()?.create_dir(path, clocks)?,
            Filetype::RegularFile => self.add_file(overlay, &change.path, &attributes, &name)?,
            Filetype::SymbolicLink => {
                let target: Box<[u8]> = overlay.read_link(&change.path, |target| target.into())?;
                let directory = self.directory()?;
                directory.symlink(sys::path(&target)?, path, clocks)?;
                let (atim, mtim) = times(&attributes);
                directory.set_times(path, false, atim, mtim, clocks)?;
            }
            _ => return Err(Errno::Notsup),
        }
        Ok(Copy { name, filetype, attributes })
    }

    fn add_file(
        &mut self,
        overlay: &MemoryDirectory,
        path: &[u8],
        attributes: &Attributes,
        name: &str,
    ) -> Result {
        let (clocks, name) = (self.clocks, Path::new(name));
        let linked = self.links.get(&attributes.ino).cloned();
        let directory = self.directory()?;
        if let Some(linked) = linked {
            return directory.hard_link(&linked, false, directory, name, clocks);
        }
        let Opened::File(from) = overlay.open(path, &READ, clocks)? else {
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
                remove_tree(parent, name, clocks)?;
            }
            _ => {}
        }
        self.directory()?.rename(Path::new(&copy.name), parent, path, clocks)
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
    directory.each_entry(|entry| names.push(entry.name.into()))?;
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
