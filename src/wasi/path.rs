//! `path_*`: every path is resolved beneath the handle of a directory, by the kernel at once or component by component
//! (`sys` says by whom), and never as a string.

use super::Wasi;
use super::dir::Dir;
use super::errno::{Errno, Result};
use super::io::{File, Stream};
use super::memory::{List, Memory, Out};
use super::place::Place;
use super::sys;
use super::table::{Descriptor, Entry};
use super::types::{Fd, Fdflags, Filestat, Filetype, Fstflags, Lookupflags, Oflags, Rights, Size, Timestamp};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest path that any system takes, in bytes.
const PATH_MAX: usize = 4096;

/// Where a path of the guest's is copied to: on the stack, if it is not unusually long.
struct PathBuffer {
    short: [u8; 256],
    long: Vec<u8>,
}

impl PathBuffer {
    fn new() -> Self {
        Self { short: [0; 256], long: Vec::new() }
    }

    /// Copies a path: `INVAL` if it is empty or has a NUL in it, `NAMETOOLONG` for what is too long anywhere,
    /// `NOTCAPABLE` if it is absolute.
    fn read(&mut self, memory: Memory, path: List<u8>) -> Result<&Path> {
        let bytes = self.copy(memory, path)?;
        if bytes[0] == b'/' {
            return Err(Errno::Notcapable.into());
        }
        Ok(sys::path(bytes)?)
    }

    fn copy(&mut self, memory: Memory, path: List<u8>) -> Result<&[u8]> {
        let len = path.len as usize;
        if len == 0 {
            return Err(Errno::Inval.into());
        }
        if len >= PATH_MAX {
            return Err(Errno::Nametoolong.into());
        }
        let bytes = if len <= self.short.len() {
            &mut self.short[..len]
        } else {
            self.long.resize(len, 0);
            &mut self.long[..]
        };
        memory.read(path.ptr.0, bytes)?;
        if bytes.contains(&0) {
            return Err(Errno::Inval.into());
        }
        Ok(bytes)
    }
}

impl Wasi {
    /// Creates a directory: `mkdirat`.
    pub fn path_create_directory(&self, memory: Memory, fd: Arc<Entry>, path: List<u8>) -> Result {
        let mut buffer = PathBuffer::new();
        let dir = Place::of(&fd, Rights::PATH_CREATE_DIRECTORY)?;
        let path = buffer.read(memory, path)?;
        Ok(sys::create_dir(dir.to_make(path)?, path)?)
    }

    /// Attributes of a file: `fstatat`.
    pub fn path_filestat_get(
        &self,
        memory: Memory,
        fd: Arc<Entry>,
        flags: Lookupflags,
        path: List<u8>,
    ) -> Result<Filestat> {
        let mut buffer = PathBuffer::new();
        let dir = Place::of(&fd, Rights::PATH_FILESTAT_GET)?;
        Ok(sys::stat_at(dir.to_look(), buffer.read(memory, path)?, follows(flags))?)
    }

    /// Sets the times of a file: `utimensat`.
    #[expect(clippy::too_many_arguments, reason = "as many as the witx gives it")]
    pub fn path_filestat_set_times(
        &self,
        memory: Memory,
        fd: Arc<Entry>,
        flags: Lookupflags,
        path: List<u8>,
        atim: Timestamp,
        mtim: Timestamp,
        fst_flags: Fstflags,
    ) -> Result {
        let mut buffer = PathBuffer::new();
        let dir = Place::of(&fd, Rights::PATH_FILESTAT_SET_TIMES)?;
        let path = buffer.read(memory, path)?;
        let (atim, mtim) = fst_flags.times(atim, mtim, self.clocks.file_time())?;
        if atim.is_none() && mtim.is_none() {
            // The system would not even look whether there is such a file.
            sys::stat_at(dir.to_look(), path, follows(flags))?;
            return Ok(());
        }
        let handle = dir.to_touch(path, follows(flags))?;
        Ok(sys::set_times_at(handle, &resolve(handle, path, flags)?, atim, mtim)?)
    }

    /// Makes a hard link: `linkat`.
    pub fn path_link(
        &self,
        memory: Memory,
        old_fd: Arc<Entry>,
        old_flags: Lookupflags,
        old_path: List<u8>,
        new_fd: Arc<Entry>,
        new_path: List<u8>,
    ) -> Result {
        let (mut old_buffer, mut new_buffer) = (PathBuffer::new(), PathBuffer::new());
        let old_dir = Place::of(&old_fd, Rights::PATH_LINK_SOURCE)?;
        let new_dir = Place::of(&new_fd, Rights::PATH_LINK_TARGET)?;
        let old_path = old_buffer.read(memory, old_path)?;
        let new_path = new_buffer.read(memory, new_path)?;
        refuse_slash(new_dir, new_path)?;
        let [old_dir, new_dir] = old_dir.to_link(old_path, follows(old_flags), new_dir, new_path)?;
        let old_path = resolve(old_dir, old_path, old_flags)?;
        Ok(sys::hard_link(old_dir, &old_path, new_dir, new_path)?)
    }

    /// Opens a file or directory: `openat`. The rights asked for choose between reading and writing; what
    /// else the directory passes on comes without asking.
    #[expect(clippy::too_many_arguments, reason = "as many as the witx gives it")]
    pub fn path_open(
        &self,
        memory: Memory,
        fd: Arc<Entry>,
        dirflags: Lookupflags,
        path: List<u8>,
        oflags: Oflags,
        rights_base: Rights,
        rights_inheriting: Rights,
        fdflags: Fdflags,
    ) -> Result<Fd> {
        let mut needed = Rights::PATH_OPEN;
        needed.set(Rights::PATH_CREATE_FILE, oflags.contains(Oflags::CREAT));
        needed.set(Rights::PATH_FILESTAT_SET_SIZE, oflags.contains(Oflags::TRUNC));
        let mut buffer = PathBuffer::new();
        let dir = Place::of(&fd, needed)?;
        let inheriting = fd.inheriting();
        let mut asked = rights_base | rights_inheriting;
        if fdflags.contains(Fdflags::DSYNC) {
            asked |= Rights::FD_DATASYNC;
        }
        if fdflags.intersects(Fdflags::SYNC | Fdflags::RSYNC) {
            asked |= Rights::FD_SYNC;
        }
        if !inheriting.contains(asked) {
            return Err(Errno::Notcapable.into());
        }
        let reads = rights_base.intersects(Rights::READING);
        let writes = rights_base.intersects(Rights::WRITING);
        let path = buffer.read(memory, path)?;
        if oflags.contains(Oflags::CREAT | Oflags::DIRECTORY) {
            return Err(Errno::Inval.into());
        }
        let how = sys::How { reads, writes, follows: follows(dirflags), oflags, fdflags };
        let number = self.reserve()?;
        let (handle, how) = dir.to_open(path, how)?;
        let descriptor = open(handle, path, &how)?;
        let mut rights = inheriting;
        rights &= rights_base | !(Rights::FD_READ | Rights::FD_WRITE);
        let entry = Entry::new(descriptor, rights, inheriting, fdflags);
        Ok(number.fill(entry.with_readonly(fd.is_readonly())))
    }

    /// Reads what a symbolic link points at: `readlinkat`. It is cut to the buffer, and has no NUL.
    pub fn path_readlink(
        &self,
        memory: Memory,
        fd: Arc<Entry>,
        path: List<u8>,
        Out(buf): Out<List<u8>>,
    ) -> Result<Size> {
        let mut buffer = PathBuffer::new();
        let dir = Place::of(&fd, Rights::PATH_READLINK)?;
        sys::read_link(dir.to_look(), buffer.read(memory, path)?, |target| {
            let target = &target[..target.len().min(buf.len as usize)];
            memory.write(buf.ptr.0, target)?;
            Ok(target.len() as Size)
        })?
    }

    /// Removes an empty directory: `unlinkat(AT_REMOVEDIR)`.
    pub fn path_remove_directory(&self, memory: Memory, fd: Arc<Entry>, path: List<u8>) -> Result {
        let mut buffer = PathBuffer::new();
        let dir = Place::of(&fd, Rights::PATH_REMOVE_DIRECTORY)?;
        let path = buffer.read(memory, path)?;
        let handle = dir.to_remove(path, Errno::Notempty)?;
        let removed = sys::remove_dir(handle, sys::without_trailing_slashes(path));
        // `INVAL` is for a path that ends in `.`; node:wasi says that the directory is not empty.
        Ok(removed.map_err(|error| match error.into() {
            Errno::Inval => Errno::Notempty,
            errno => errno,
        })?)
    }

    /// Renames a file or directory: `renameat`.
    pub fn path_rename(
        &self,
        memory: Memory,
        fd: Arc<Entry>,
        old_path: List<u8>,
        new_fd: Arc<Entry>,
        new_path: List<u8>,
    ) -> Result {
        let (mut old_buffer, mut new_buffer) = (PathBuffer::new(), PathBuffer::new());
        let old_dir = Place::of(&fd, Rights::PATH_RENAME_SOURCE)?;
        let new_dir = Place::of(&new_fd, Rights::PATH_RENAME_TARGET)?;
        let old_path = old_buffer.read(memory, old_path)?;
        let new_path = new_buffer.read(memory, new_path)?;
        let [old_dir, new_dir] = old_dir.to_rename(old_path, new_dir, new_path)?;
        // A slash after a name asks for a directory; cap-std passes it over.
        let asks_directory = sys::without_trailing_slashes(new_path).as_os_str() != new_path.as_os_str()
            && new_path.file_name().is_some();
        if asks_directory && sys::stat_at(old_dir, old_path, false)?.filetype != Filetype::Directory {
            return Err(Errno::Notdir.into());
        }
        Ok(sys::rename(old_dir, old_path, new_dir, new_path)?)
    }

    /// Makes a symbolic link: `symlinkat`. The target is stored as given; following it is what is checked.
    /// An absolute one, which could only lead out, is `PERM`.
    pub fn path_symlink(
        &self,
        memory: Memory,
        old_path: List<u8>,
        fd: Arc<Entry>,
        new_path: List<u8>,
    ) -> Result {
        let (mut old_buffer, mut new_buffer) = (PathBuffer::new(), PathBuffer::new());
        let dir = Place::of(&fd, Rights::PATH_SYMLINK)?;
        let target = sys::path(old_buffer.copy(memory, old_path)?)?;
        if target.has_root() {
            return Err(Errno::Perm.into());
        }
        let new_path = new_buffer.read(memory, new_path)?;
        refuse_slash(dir, new_path)?;
        Ok(sys::symlink(dir.to_make(new_path)?, target, new_path)?)
    }

    /// Removes a file or link: `unlinkat`.
    pub fn path_unlink_file(&self, memory: Memory, fd: Arc<Entry>, path: List<u8>) -> Result {
        let mut buffer = PathBuffer::new();
        let dir = Place::of(&fd, Rights::PATH_UNLINK_FILE)?;
        let path = buffer.read(memory, path)?;
        let handle = dir.to_remove(path, Errno::Isdir)?;
        match slashed(dir, path)? {
            None => Ok(sys::unlink(handle, path)?),
            Some(Filetype::Directory) => Err(Errno::Isdir.into()),
            Some(_) => Err(Errno::Notdir.into()),
        }
    }
}

fn follows(flags: Lookupflags) -> bool {
    flags.contains(Lookupflags::SYMLINK_FOLLOW)
}

/// The path itself, or what it leads to if links are to be followed. Should that become a link before it is
/// used, the link is taken: the calls that use this never follow one.
fn resolve(dir: &cap_std::fs::Dir, path: &Path, flags: Lookupflags) -> Result<PathBuf> {
    if !follows(flags) {
        return Ok(path.to_owned());
    }
    let resolved = dir.canonicalize(path)?;
    Ok(if resolved.as_os_str().is_empty() { PathBuf::from(".") } else { resolved })
}

/// Kind of what a path names, if there are slashes after the name: a link is a link then too, wherever it leads,
/// but cap-std would follow it.
fn slashed(dir: Place<'_>, path: &Path) -> Result<Option<Filetype>> {
    let name = sys::without_trailing_slashes(path);
    if name.as_os_str() == path.as_os_str() {
        return Ok(None);
    }
    Ok(Some(sys::stat_at(dir.to_look(), name, false)?.filetype))
}

/// Refuses a slash after the name of a link to be made: `EXIST` if there is something of that name, else `NOENT`.
fn refuse_slash(dir: Place<'_>, path: &Path) -> Result {
    match slashed(dir, path)? {
        None => Ok(()),
        Some(_) => Err(Errno::Exist.into()),
    }
}

/// Opens, and finds out what it has opened.
fn open(dir: &cap_std::fs::Dir, path: &Path, how: &sys::How) -> Result<Descriptor> {
    let handle = sys::open(dir, path, how)?;
    Ok(match sys::stat(sys::handle(&handle))?.filetype {
        Filetype::Directory => Descriptor::Dir(Dir::new(cap_std::fs::Dir::from_std_file(handle))),
        Filetype::RegularFile => Descriptor::File(File::new(handle)),
        _ => Descriptor::Stream(Stream::guest(handle)?),
    })
}
