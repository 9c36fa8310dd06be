//! `path_*`.

use crate::core::access::DirAccess;
use crate::core::dir::DirDescriptor;
use crate::core::directory::PATH_MAX;
use crate::core::entry::{Descriptor, Entry};
use crate::core::file::File;
use crate::core::guest::Guest;
use crate::core::memory::{List, Memory, Size};
use crate::core::opened::Opened;
use crate::core::outcome::{HostResult, Outcome};
use crate::core::restart::{RestartState, Saved};
use crate::core::rights::Rights;
use crate::core::table::{Fd, OpenEntry};
use crate::preview1::abi::Out;
use crate::preview1::types::{Fstflags, Lookupflags};
use crate::sys;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Fdflags, Filestat, Filetype, Oflags, OpenOptions, Timestamp};
use std::mem::MaybeUninit;
use std::path::Path;
use std::sync::Arc;

/// A copy of a guest's path. Paths of up to 256 bytes are stored on the stack.
struct PathBuffer {
    short: [MaybeUninit<u8>; 256],
    long: Vec<u8>,
}

impl PathBuffer {
    fn new() -> Self {
        Self { short: [MaybeUninit::uninit(); 256], long: Vec::new() }
    }

    /// Copies a path. Returns `ENOENT` for an empty path, `EINVAL` for a NUL byte, `ENAMETOOLONG` beyond
    /// [`PATH_MAX`], and `ENOTCAPABLE` for an absolute path.
    fn read(&mut self, memory: Memory, path: List<u8>) -> Result<&Path> {
        let bytes = self.copy(memory, path)?;
        if bytes[0] == b'/' {
            return Err(Errno::Notcapable);
        }
        Ok(sys::path(bytes)?)
    }

    fn copy(&mut self, memory: Memory, path: List<u8>) -> Result<&[u8]> {
        let len = path.len as usize;
        if len == 0 {
            return Err(Errno::Noent);
        }
        if len >= PATH_MAX {
            return Err(Errno::Nametoolong);
        }
        let bytes = if len <= self.short.len() {
            memory.fill(path.ptr.0, &mut self.short[..len])?
        } else {
            self.long.resize(len, 0);
            memory.read(path.ptr.0, &mut self.long)?;
            &mut self.long[..]
        };
        if bytes.contains(&0) {
            return Err(Errno::Inval);
        }
        Ok(bytes)
    }
}

/// Maximum restarts of a call that fails with `EAGAIN` because of renames. The worker can be terminated between
/// restarts.
const MAX_RESTARTS: u64 = 100;

/// Nanoseconds between attempts to open, for writing, a FIFO without a reader.
const READER_PAUSE: Timestamp = 10_000_000;

/// Makes a call that resolves a path. If a rename interfered (`EAGAIN`), the call is restarted.
fn restart_on_rename<T>(
    restart: &RestartState,
    fd: Option<&Arc<Entry>>,
    call: impl FnOnce() -> HostResult<T>,
) -> HostResult<T> {
    match call() {
        Err(Outcome::Errno(Errno::Again)) if restart.restarts < MAX_RESTARTS => {
            let saved = restart.clone().into_saved();
            let saved = Saved { fd: fd.cloned(), restarts: saved.restarts + 1, ..saved };
            Err(Outcome::pause(saved.into()))
        }
        result => result,
    }
}

/// Makes a call with one path in the directory `fd`, which must have these rights.
fn in_directory<'a, T>(
    guest: &'a Guest,
    memory: Memory,
    restart: &RestartState,
    fd: &'a Arc<Entry>,
    rights: Rights,
    path: List<u8>,
    call: impl FnOnce(DirAccess<'a>, &Path) -> Result<T>,
) -> HostResult<T> {
    restart_on_rename(restart, Some(fd), || {
        let mut buffer = PathBuffer::new();
        let dir = fd.dir_access(rights, &guest.clocks)?;
        Ok(call(dir, buffer.read(memory, path)?)?)
    })
}

impl Guest {
    /// Creates a directory: `mkdirat`.
    pub(crate) fn path_create_directory(
        &self,
        memory: Memory,
        restart: &RestartState,
        fd: OpenEntry<'_>,
        path: List<u8>,
    ) -> HostResult {
        in_directory(self, memory, restart, &fd, Rights::PATH_CREATE_DIRECTORY, path, DirAccess::create_dir)
    }

    /// Returns the attributes of a file: `fstatat`.
    pub(crate) fn path_filestat_get(
        &self,
        memory: Memory,
        restart: &RestartState,
        fd: OpenEntry<'_>,
        flags: Lookupflags,
        path: List<u8>,
    ) -> HostResult<Filestat> {
        in_directory(self, memory, restart, &fd, Rights::PATH_FILESTAT_GET, path, |dir, path| {
            dir.stat(path, follows(flags))
        })
    }

    /// Sets the times of a file: `utimensat`.
    #[expect(clippy::too_many_arguments, reason = "the witx has as many")]
    pub(crate) fn path_filestat_set_times(
        &self,
        memory: Memory,
        restart: &RestartState,
        fd: OpenEntry<'_>,
        flags: Lookupflags,
        path: List<u8>,
        atim: Timestamp,
        mtim: Timestamp,
        fst_flags: Fstflags,
    ) -> HostResult {
        in_directory(self, memory, restart, &fd, Rights::PATH_FILESTAT_SET_TIMES, path, |dir, path| {
            let (atim, mtim) = fst_flags.times(atim, mtim, self.clocks.file_time())?;
            dir.set_times(path, follows(flags), atim, mtim)
        })
    }

    /// Creates a hard link: `linkat`.
    #[expect(clippy::too_many_arguments, reason = "the witx has as many")]
    pub(crate) fn path_link(
        &self,
        memory: Memory,
        restart: &RestartState,
        old_fd: OpenEntry<'_>,
        old_flags: Lookupflags,
        old_path: List<u8>,
        new_fd: OpenEntry<'_>,
        new_path: List<u8>,
    ) -> HostResult {
        restart_on_rename(restart, None, || {
            let (mut old_buffer, mut new_buffer) = (PathBuffer::new(), PathBuffer::new());
            let old_dir = old_fd.dir_access(Rights::PATH_LINK_SOURCE, &self.clocks)?;
            let new_dir = new_fd.dir_access(Rights::PATH_LINK_TARGET, &self.clocks)?;
            let old_path = old_buffer.read(memory, old_path)?;
            let new_path = new_buffer.read(memory, new_path)?;
            Ok(old_dir.hard_link(old_path, follows(old_flags), new_dir, new_path)?)
        })
    }

    /// Opens a file or directory: `openat`. The requested rights select reading, writing or both; the descriptor gets
    /// all other inheritable rights. Opening a FIFO for reading never waits: the first read waits for a writer. Opening
    /// a FIFO for writing waits for a reader, unless the guest sets `NONBLOCK`.
    #[expect(clippy::too_many_arguments, reason = "the witx has as many")]
    pub(crate) fn path_open(
        &self,
        memory: Memory,
        restart: &RestartState,
        fd: OpenEntry<'_>,
        dirflags: Lookupflags,
        path: List<u8>,
        oflags: Oflags,
        rights_base: Rights,
        rights_inheriting: Rights,
        fdflags: Fdflags,
    ) -> HostResult<Fd> {
        restart_on_rename(restart, Some(&fd), || {
            let mut buffer = PathBuffer::new();
            let dir = fd.dir_access(rights_to_open(oflags), &self.clocks)?;
            let inheriting = fd.inheriting();
            if !inheriting.contains(requested_rights(rights_base | rights_inheriting, fdflags)) {
                return Err(Errno::Notcapable.into());
            }
            let path = buffer.read(memory, path)?;
            if oflags.contains(Oflags::CREAT | Oflags::DIRECTORY) {
                return Err(Errno::Inval.into());
            }
            let options = OpenOptions {
                reads: rights_base.intersects(Rights::READING),
                writes: rights_base.intersects(Rights::WRITING),
                follows: follows(dirflags),
                // The FIFO existed at the first call: a restart must not create or truncate another file there.
                oflags: if restart.awaits_reader { Oflags::empty() } else { oflags },
                fdflags,
                keeps_atime: false,
                mode: OpenOptions::DEFAULT_MODE,
            };
            let reservation = self.reserve()?;
            let descriptor = match dir.open(path, options) {
                Ok(Opened::Directory(directory)) => {
                    Descriptor::Dir(Box::new(DirDescriptor::new(directory, self.dir_budget())))
                }
                Ok(Opened::File(data)) => Descriptor::File(File::new(data)),
                Ok(Opened::Stream(stream)) => Descriptor::Stream(stream),
                Err(Errno::Nxio) if lacks_reader(dir, path, &options) => {
                    let saved = restart.clone().into_saved();
                    let saved = Saved { fd: Some(Arc::clone(&fd)), awaits_reader: true, ..saved };
                    let deadline = sys::monotonic_now().saturating_add(READER_PAUSE);
                    return Err(Outcome::sleep_until(deadline, saved.into()));
                }
                Err(errno) => return Err(errno.into()),
            };
            if restart.awaits_reader && descriptor.filetype() != Filetype::Unknown {
                return Err(Errno::Noent.into());
            }
            let rights = inheriting & (rights_base | !Rights::DIRECTIONS);
            let entry = Entry::new(descriptor, rights, inheriting, fdflags);
            Ok(reservation.fill(entry.with_access(fd.access())))
        })
    }

    /// Writes the target of a symlink, without a NUL byte: `readlinkat`. Truncates the target to the buffer.
    pub(crate) fn path_readlink(
        &self,
        memory: Memory,
        restart: &RestartState,
        fd: OpenEntry<'_>,
        path: List<u8>,
        Out(buf): Out<List<u8>>,
    ) -> HostResult<Size> {
        in_directory(self, memory, restart, &fd, Rights::PATH_READLINK, path, |dir, path| {
            dir.read_link(path, |target| {
                let target = &target[..target.len().min(buf.len as usize)];
                memory.write(buf.ptr.0, target)?;
                Ok(target.len() as Size)
            })?
        })
    }

    /// Removes an empty directory: `unlinkat(AT_REMOVEDIR)`.
    pub(crate) fn path_remove_directory(
        &self,
        memory: Memory,
        restart: &RestartState,
        fd: OpenEntry<'_>,
        path: List<u8>,
    ) -> HostResult {
        in_directory(self, memory, restart, &fd, Rights::PATH_REMOVE_DIRECTORY, path, DirAccess::remove_dir)
    }

    /// Renames a file or directory: `renameat`.
    pub(crate) fn path_rename(
        &self,
        memory: Memory,
        restart: &RestartState,
        fd: OpenEntry<'_>,
        old_path: List<u8>,
        new_fd: OpenEntry<'_>,
        new_path: List<u8>,
    ) -> HostResult {
        restart_on_rename(restart, None, || {
            let (mut old_buffer, mut new_buffer) = (PathBuffer::new(), PathBuffer::new());
            let old_dir = fd.dir_access(Rights::PATH_RENAME_SOURCE, &self.clocks)?;
            let new_dir = new_fd.dir_access(Rights::PATH_RENAME_TARGET, &self.clocks)?;
            let old_path = old_buffer.read(memory, old_path)?;
            let new_path = new_buffer.read(memory, new_path)?;
            Ok(old_dir.rename(old_path, new_dir, new_path)?)
        })
    }

    /// Creates a symlink: `symlinkat`. Stores the target unchanged: only following the symlink is confined. An
    /// absolute target, which can only lead out of the directory, is `EPERM`. An empty target is `ENOENT`.
    pub(crate) fn path_symlink(
        &self,
        memory: Memory,
        restart: &RestartState,
        old_path: List<u8>,
        fd: OpenEntry<'_>,
        new_path: List<u8>,
    ) -> HostResult {
        restart_on_rename(restart, Some(&fd), || {
            let (mut old_buffer, mut new_buffer) = (PathBuffer::new(), PathBuffer::new());
            let dir = fd.dir_access(Rights::PATH_SYMLINK, &self.clocks)?;
            let target = sys::path(old_buffer.copy(memory, old_path)?)?;
            if target.has_root() {
                return Err(Errno::Perm.into());
            }
            Ok(dir.symlink(target, new_buffer.read(memory, new_path)?)?)
        })
    }

    /// Removes a file or symlink: `unlinkat`.
    pub(crate) fn path_unlink_file(
        &self,
        memory: Memory,
        restart: &RestartState,
        fd: OpenEntry<'_>,
        path: List<u8>,
    ) -> HostResult {
        in_directory(self, memory, restart, &fd, Rights::PATH_UNLINK_FILE, path, DirAccess::unlink)
    }
}

fn follows(flags: Lookupflags) -> bool {
    flags.contains(Lookupflags::SYMLINK_FOLLOW)
}

/// Returns the rights that the directory needs for opening a path with these flags.
fn rights_to_open(oflags: Oflags) -> Rights {
    let mut rights = Rights::PATH_OPEN;
    rights.set(Rights::PATH_CREATE_FILE, oflags.contains(Oflags::CREAT));
    rights.set(Rights::PATH_FILESTAT_SET_SIZE, oflags.contains(Oflags::TRUNC));
    rights
}

/// Returns the rights that a guest requests, including those that the flags imply.
fn requested_rights(mut rights: Rights, fdflags: Fdflags) -> Rights {
    if fdflags.contains(Fdflags::DSYNC) {
        rights |= Rights::FD_DATASYNC;
    }
    if fdflags.intersects(Fdflags::SYNC | Fdflags::RSYNC) {
        rights |= Rights::FD_SYNC;
    }
    rights
}

/// Returns whether a path is a FIFO without a reader, and the guest wants to wait for one. The witx has no file type
/// for FIFOs.
fn lacks_reader(dir: DirAccess<'_>, path: &Path, options: &OpenOptions) -> bool {
    let is_fifo = || dir.stat(path, options.follows).is_ok_and(|stat| stat.filetype == Filetype::Unknown);
    !options.fdflags.contains(Fdflags::NONBLOCK) && is_fifo()
}
