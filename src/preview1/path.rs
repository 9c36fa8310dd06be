//! `path_*`: every path is resolved beneath the handle of a directory, by the kernel at once or component by component
//! (see `sys`), and never as a string.

use crate::core::dir::Dir;
use crate::core::directory::Place;
use crate::core::guest::Wasi;
use crate::core::memory::{List, Memory, Out};
use crate::core::stream::{File, Stream};
use crate::core::table::{Descriptor, Entry};
use crate::preview1::abi::Attempt;
use crate::preview1::poll::Wait;
use crate::preview1::types::{
    Fd, Fdflags, Filestat, Filetype, Fstflags, Lookupflags, Oflags, Rights, Size, Timestamp,
};
use crate::sys::errno::{Errno, Failure, Result};
use crate::sys::{self, How};
use std::path::Path;
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

    /// Copies a path: `ENOENT` if it is empty, `EINVAL` if it has a NUL in it, `ENAMETOOLONG` for what is too long
    /// anywhere, `ENOTCAPABLE` if it is absolute.
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
            return Err(Errno::Noent.into());
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

/// How often a call is restarted because renames kept the system from resolving its path (`EAGAIN`). The worker can be
/// terminated between restarts.
const MAX_RESTARTS: u64 = 100;

/// Pause before a FIFO without a reader is opened for writing again.
const READER_PAUSE: Timestamp = 10_000_000;

/// Makes a call that resolves a path. If a rename interfered (`EAGAIN`), the call is restarted.
fn restarted<T>(attempt: &Attempt, fd: Option<&Arc<Entry>>, call: impl FnOnce() -> Result<T>) -> Result<T> {
    match call() {
        Err(Failure::Errno(Errno::Again)) if attempt.transferred < MAX_RESTARTS => {
            let transferred = attempt.transferred + 1;
            Err(Wait::for_nothing(Attempt { fd: fd.cloned(), transferred, ..attempt.clone() }))
        }
        result => result,
    }
}

/// Makes a call with one path: in the directory that `fd` is, with these rights.
fn in_directory<T>(
    memory: Memory,
    attempt: &Attempt,
    fd: &Arc<Entry>,
    rights: Rights,
    path: List<u8>,
    call: impl FnOnce(Place<'_>, &Path) -> Result<T>,
) -> Result<T> {
    restarted(attempt, Some(fd), || {
        let mut buffer = PathBuffer::new();
        let dir = Place::of(fd, rights)?;
        call(dir, buffer.read(memory, path)?)
    })
}

impl Wasi {
    /// Creates a directory: `mkdirat`.
    pub fn path_create_directory(
        &self,
        memory: Memory,
        attempt: Attempt,
        fd: Arc<Entry>,
        path: List<u8>,
    ) -> Result {
        in_directory(memory, &attempt, &fd, Rights::PATH_CREATE_DIRECTORY, path, |dir, path| {
            Ok(sys::create_dir(dir.to_make(path)?, path)?)
        })
    }

    /// Attributes of a file: `fstatat`.
    pub fn path_filestat_get(
        &self,
        memory: Memory,
        attempt: Attempt,
        fd: Arc<Entry>,
        flags: Lookupflags,
        path: List<u8>,
    ) -> Result<Filestat> {
        in_directory(memory, &attempt, &fd, Rights::PATH_FILESTAT_GET, path, |dir, path| {
            Ok(sys::stat_at(dir.to_look(), path, follows(flags))?)
        })
    }

    /// Sets the times of a file: `utimensat`.
    #[expect(clippy::too_many_arguments, reason = "as many as the witx gives it")]
    pub fn path_filestat_set_times(
        &self,
        memory: Memory,
        attempt: Attempt,
        fd: Arc<Entry>,
        flags: Lookupflags,
        path: List<u8>,
        atim: Timestamp,
        mtim: Timestamp,
        fst_flags: Fstflags,
    ) -> Result {
        in_directory(memory, &attempt, &fd, Rights::PATH_FILESTAT_SET_TIMES, path, |dir, path| {
            let (atim, mtim) = fst_flags.times(atim, mtim, self.clocks.file_time())?;
            if atim.is_none() && mtim.is_none() {
                // Without a time to set, Linux does not check that the file exists.
                sys::stat_at(dir.to_look(), path, follows(flags))?;
                return Ok(());
            }
            let handle = dir.to_touch(path, follows(flags))?;
            Ok(sys::set_times_at(handle, path, follows(flags), atim, mtim)?)
        })
    }

    /// Makes a hard link: `linkat`.
    #[expect(clippy::too_many_arguments, reason = "as many as the witx gives it")]
    pub fn path_link(
        &self,
        memory: Memory,
        attempt: Attempt,
        old_fd: Arc<Entry>,
        old_flags: Lookupflags,
        old_path: List<u8>,
        new_fd: Arc<Entry>,
        new_path: List<u8>,
    ) -> Result {
        restarted(&attempt, None, || {
            let (mut old_buffer, mut new_buffer) = (PathBuffer::new(), PathBuffer::new());
            let old_dir = Place::of(&old_fd, Rights::PATH_LINK_SOURCE)?;
            let new_dir = Place::of(&new_fd, Rights::PATH_LINK_TARGET)?;
            let old_path = old_buffer.read(memory, old_path)?;
            let new_path = new_buffer.read(memory, new_path)?;
            refuse_slash(new_dir, new_path)?;
            let [old_dir, new_dir] = old_dir.to_link(old_path, follows(old_flags), new_dir, new_path)?;
            Ok(sys::hard_link(old_dir, old_path, follows(old_flags), new_dir, new_path)?)
        })
    }

    /// Opens a file or directory: `openat`. The rights asked for choose between reading and writing; what
    /// else the directory passes on comes without asking. A FIFO is opened to be read at once, and the first read waits
    /// for its writer; one that is opened to be written waits for its reader here, unless the guest asked for `NONBLOCK`.
    #[expect(clippy::too_many_arguments, reason = "as many as the witx gives it")]
    pub fn path_open(
        &self,
        memory: Memory,
        attempt: Attempt,
        fd: Arc<Entry>,
        dirflags: Lookupflags,
        path: List<u8>,
        oflags: Oflags,
        rights_base: Rights,
        rights_inheriting: Rights,
        fdflags: Fdflags,
    ) -> Result<Fd> {
        restarted(&attempt, Some(&fd), || {
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
            let keeps_atime = fd.is_readonly();
            let how = How { reads, writes, follows: follows(dirflags), oflags, fdflags, keeps_atime };
            let number = self.reserve()?;
            let (handle, how) = dir.to_open(path, how)?;
            // The FIFO is there already: nothing may be created or cut in its place.
            let oflags = if attempt.awaits_reader { Oflags::empty() } else { how.oflags };
            let descriptor = match self.open(handle, path, &How { oflags, ..how }) {
                Err(Failure::Errno(Errno::Nxio)) if lacks_reader(handle, path, &how) => {
                    let next = Attempt { fd: Some(Arc::clone(&fd)), awaits_reader: true, ..attempt.clone() };
                    return Err(Wait::until(sys::monotonic_now().saturating_add(READER_PAUSE), next));
                }
                opened => opened?,
            };
            if attempt.awaits_reader && descriptor.filetype() != Filetype::Unknown {
                return Err(Errno::Noent.into());
            }
            let mut rights = inheriting;
            rights &= rights_base | !Rights::DIRECTIONS;
            let entry = Entry::new(descriptor, rights, inheriting, fdflags);
            Ok(number.fill(entry.with_readonly(fd.is_readonly())))
        })
    }

    /// Opens a path, and finds out what was opened.
    fn open(&self, dir: &cap_std::fs::Dir, path: &Path, how: &How) -> Result<Descriptor> {
        let handle = sys::open(dir, path, how)?;
        Ok(match sys::stat(sys::handle(&handle))?.filetype {
            Filetype::Directory => Descriptor::Dir(Dir::new(handle, self.dir_budget.share())),
            Filetype::RegularFile => Descriptor::File(File::new(handle)),
            _ => Descriptor::Stream(Stream::guest(handle, how.fdflags)?),
        })
    }

    /// Reads what a symbolic link points at: `readlinkat`. It is cut to the buffer, and has no NUL.
    pub fn path_readlink(
        &self,
        memory: Memory,
        attempt: Attempt,
        fd: Arc<Entry>,
        path: List<u8>,
        Out(buf): Out<List<u8>>,
    ) -> Result<Size> {
        in_directory(memory, &attempt, &fd, Rights::PATH_READLINK, path, |dir, path| {
            sys::read_link(dir.to_look(), path, |target| {
                let target = &target[..target.len().min(buf.len as usize)];
                memory.write(buf.ptr.0, target)?;
                Ok(target.len() as Size)
            })?
        })
    }

    /// Removes an empty directory: `unlinkat(AT_REMOVEDIR)`. A path that ends in `.` is `EINVAL`.
    pub fn path_remove_directory(
        &self,
        memory: Memory,
        attempt: Attempt,
        fd: Arc<Entry>,
        path: List<u8>,
    ) -> Result {
        in_directory(memory, &attempt, &fd, Rights::PATH_REMOVE_DIRECTORY, path, |dir, path| {
            Ok(sys::remove_dir(dir.to_remove_directory(path)?, sys::without_trailing_slashes(path))?)
        })
    }

    /// Renames a file or directory: `renameat`.
    pub fn path_rename(
        &self,
        memory: Memory,
        attempt: Attempt,
        fd: Arc<Entry>,
        old_path: List<u8>,
        new_fd: Arc<Entry>,
        new_path: List<u8>,
    ) -> Result {
        restarted(&attempt, None, || {
            let (mut old_buffer, mut new_buffer) = (PathBuffer::new(), PathBuffer::new());
            let old_dir = Place::of(&fd, Rights::PATH_RENAME_SOURCE)?;
            let new_dir = Place::of(&new_fd, Rights::PATH_RENAME_TARGET)?;
            let old_path = old_buffer.read(memory, old_path)?;
            let new_path = new_buffer.read(memory, new_path)?;
            let [old_dir, new_dir] = old_dir.to_rename(old_path, new_dir, new_path)?;
            // A slash after either name asks for a directory.
            let asks_directory = [old_path, new_path].iter().any(|path| {
                sys::without_trailing_slashes(path).as_os_str() != path.as_os_str()
                    && path.file_name().is_some()
            });
            let name = sys::without_trailing_slashes(old_path);
            if asks_directory && sys::stat_at(old_dir, name, false)?.filetype != Filetype::Directory {
                return Err(Errno::Notdir.into());
            }
            Ok(sys::rename(old_dir, old_path, new_dir, new_path)?)
        })
    }

    /// Makes a symbolic link: `symlinkat`. The target is stored as given; following it is what is checked.
    /// An absolute one, which could only lead out, is `EPERM`, and an empty one `ENOENT`.
    pub fn path_symlink(
        &self,
        memory: Memory,
        attempt: Attempt,
        old_path: List<u8>,
        fd: Arc<Entry>,
        new_path: List<u8>,
    ) -> Result {
        restarted(&attempt, Some(&fd), || {
            let (mut old_buffer, mut new_buffer) = (PathBuffer::new(), PathBuffer::new());
            let dir = Place::of(&fd, Rights::PATH_SYMLINK)?;
            let target = sys::path(old_buffer.copy(memory, old_path)?)?;
            if target.has_root() {
                return Err(Errno::Perm.into());
            }
            let new_path = new_buffer.read(memory, new_path)?;
            refuse_slash(dir, new_path)?;
            Ok(sys::symlink(dir.to_make(new_path)?, target, new_path)?)
        })
    }

    /// Removes a file or link: `unlinkat`.
    pub fn path_unlink_file(
        &self,
        memory: Memory,
        attempt: Attempt,
        fd: Arc<Entry>,
        path: List<u8>,
    ) -> Result {
        in_directory(memory, &attempt, &fd, Rights::PATH_UNLINK_FILE, path, |dir, path| {
            let handle = dir.to_remove_file(path)?;
            match slashed(dir, path)? {
                None => Ok(sys::unlink(handle, path)?),
                Some(Filetype::Directory) => Err(Errno::Isdir.into()),
                Some(_) => Err(Errno::Notdir.into()),
            }
        })
    }
}

fn follows(flags: Lookupflags) -> bool {
    flags.contains(Lookupflags::SYMLINK_FOLLOW)
}

/// Whether a path could not be opened for writing because it is a FIFO that nobody reads, and the guest wants to wait for
/// a reader. The witx has no type for FIFOs.
fn lacks_reader(dir: &cap_std::fs::Dir, path: &Path, how: &How) -> bool {
    let is_fifo =
        || sys::stat_at(dir, path, how.follows).is_ok_and(|stat| stat.filetype == Filetype::Unknown);
    !how.fdflags.contains(Fdflags::NONBLOCK) && is_fifo()
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
