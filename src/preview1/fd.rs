//! `fd_*`, except reads and writes (`fd_io.rs`) and `fd_readdir` (`fd_readdir.rs`).

use crate::core::entry::{Descriptor, Entry};
use crate::core::guest::Guest;
use crate::core::memory::{List, Memory, Size};
use crate::core::outcome::{HostResult, Outcome};
use crate::core::restart::{RestartState, Saved};
use crate::core::rights::Rights;
use crate::core::table::{Fd, OpenEntry};
use crate::preview1::abi::Out;
use crate::preview1::types::{Fdstat, Fstflags, Prestat};
use crate::sys;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{
    Advice, Fdflags, Filedelta, Filesize, Filestat, Filetype, NewTime, Timestamp, Whence,
};
use std::sync::Arc;

/// Maximum bytes that one system call allocates. tmpfs writes every allocated byte, so large ranges take long.
const ALLOCATION_SLICE: Filesize = 256 << 20;

impl Guest {
    /// Announces how a range of a file will be used: `posix_fadvise`.
    pub(crate) fn fd_advise(
        &self,
        fd: OpenEntry<'_>,
        offset: Filesize,
        len: Filesize,
        advice: Advice,
    ) -> HostResult {
        fd.require(Rights::FD_ADVISE)?;
        Ok(fd.descriptor.advise(offset, len, advice)?)
    }

    /// Allocates a range of a file: `posix_fallocate`. Pauses after every [`ALLOCATION_SLICE`] bytes. `EDQUOT` if the
    /// write budget is too small.
    pub(crate) fn fd_allocate(
        &self,
        restart: &RestartState,
        fd: OpenEntry<'_>,
        offset: Filesize,
        len: Filesize,
    ) -> HostResult {
        let done = restart.bytes_done;
        let slice = (len - done).min(ALLOCATION_SLICE);
        let allocate = |from, len| match &fd.descriptor {
            Descriptor::File(file) => file.data().allocate(from, len, &self.clocks),
            Descriptor::Stream(stream) => Ok(sys::allocate(stream.handle(), from, len)?),
            Descriptor::Dir(_) | Descriptor::Pipe(_) => Err(Errno::Inval),
        };
        let check = || match &fd.descriptor {
            Descriptor::File(file) => {
                file.data().check_allocate(offset, len)?;
                file.check_size(offset + len)
            }
            Descriptor::Stream(stream) => Ok(sys::check_allocate(stream.handle(), offset, len)?),
            Descriptor::Dir(_) | Descriptor::Pipe(_) => Err(Errno::Inval),
        };
        let grant = if let Some(grant) = &restart.grant {
            Arc::clone(grant)
        } else {
            fd.require(Rights::FD_ALLOCATE)?;
            if slice < len {
                check()?;
            }
            Arc::new(self.limits.charge_allocation(len, check)?)
        };
        allocate(offset + done, slice)?;
        grant.commit(slice);
        let done = done + slice;
        if done == len {
            return Ok(());
        }
        let saved =
            Saved { fd: Some(Arc::clone(&fd)), bytes_done: done, grant: Some(grant), ..Saved::default() };
        Err(Outcome::pause(saved.into()))
    }

    /// Closes a descriptor: `close`. Stdio of the host stays open.
    pub(crate) fn fd_close(&self, fd: Fd) -> HostResult {
        self.table.remove(fd)?;
        Ok(())
    }

    /// Stores the data of a file on the disk: `fdatasync`. Directories never have the right to `fd_datasync`: for
    /// them the right to `fd_sync` is checked.
    pub(crate) fn fd_datasync(&self, fd: OpenEntry<'_>) -> HostResult {
        fd.require(match fd.descriptor.filetype() {
            Filetype::Directory => Rights::FD_SYNC,
            _ => Rights::FD_DATASYNC,
        })?;
        Ok(fd.descriptor.datasync()?)
    }

    /// Returns type, flags and rights of a descriptor.
    pub(crate) fn fd_fdstat_get(&self, fd: Fd) -> HostResult<Fdstat> {
        let fdstat = |fd: &Arc<Entry>| Fdstat {
            fs_filetype: fd.descriptor.filetype(),
            fs_flags: fd.show_flags(),
            fs_rights_base: fd.rights(),
            fs_rights_inheriting: fd.inheriting(),
        };
        Ok(self.table.with_entry(fd, fdstat)?)
    }

    /// Sets `APPEND` or `NONBLOCK`: `fcntl(F_SETFL)`. The other flags cannot change after opening: `ENOTSUP`.
    pub(crate) fn fd_fdstat_set_flags(&self, fd: OpenEntry<'_>, flags: Fdflags) -> HostResult {
        fd.require(Rights::FD_FDSTAT_SET_FLAGS)?;
        let changed = fd.flags() ^ flags;
        if changed.intersects(Fdflags::SYNC | Fdflags::DSYNC | Fdflags::RSYNC) {
            return Err(Errno::Notsup.into());
        }
        if changed.contains(Fdflags::APPEND) {
            match &fd.descriptor {
                Descriptor::File(file) => {
                    file.set_append(flags.contains(Fdflags::APPEND), || fd.set_flags(flags))?;
                }
                Descriptor::Dir(_) => {}
                Descriptor::Stream(_) | Descriptor::Pipe(_) => return Err(Errno::Notsup.into()),
            }
        }
        fd.set_flags(flags);
        Ok(())
    }

    /// Reduces the rights of a descriptor. `ENOTCAPABLE` if that would add a right.
    pub(crate) fn fd_fdstat_set_rights(
        &self,
        fd: OpenEntry<'_>,
        base: Rights,
        inheriting: Rights,
    ) -> HostResult {
        Ok(fd.narrow(base, inheriting)?)
    }

    /// Returns the attributes of an open file: `fstat`.
    pub(crate) fn fd_filestat_get(&self, fd: OpenEntry<'_>) -> HostResult<Filestat> {
        fd.require(Rights::FD_FILESTAT_GET)?;
        Ok(fd.descriptor.stat()?)
    }

    /// Truncates or extends an open file: `ftruncate`.
    pub(crate) fn fd_filestat_set_size(&self, fd: OpenEntry<'_>, size: Filesize) -> HostResult {
        fd.require(Rights::FD_FILESTAT_SET_SIZE)?;
        Ok(fd.descriptor.set_size(size, &self.clocks)?)
    }

    /// Sets the times of an open file: `futimens`.
    pub(crate) fn fd_filestat_set_times(
        &self,
        fd: OpenEntry<'_>,
        atim: Timestamp,
        mtim: Timestamp,
        flags: Fstflags,
    ) -> HostResult {
        fd.require(Rights::FD_FILESTAT_SET_TIMES)?;
        let (atim, mtim) = flags.times(atim, mtim, self.clocks.file_time())?;
        fd.access().check_set_times(atim, mtim)?;
        Ok(fd.descriptor.set_times(atim, mtim, &self.clocks)?)
    }

    /// Returns the type of a preopen and the length of its name. A listening socket of the option `sockets` has
    /// another tag, so that programs which search for preopens continue with the next descriptor. Other descriptors
    /// are `EBADF`: wasi-libc exits at any other errno.
    pub(crate) fn fd_prestat_get(&self, fd: Fd) -> HostResult<Prestat> {
        let prestat = |fd: &Arc<Entry>| match (&fd.descriptor, preopen_name(fd)) {
            (Descriptor::Stream(stream), _) if stream.is_listener() => Ok(Prestat { tag: 1, pr_name_len: 0 }),
            (_, Some(name)) => Ok(Prestat { tag: 0, pr_name_len: name.len() as Size }),
            (_, None) => Err(Errno::Badf),
        };
        Ok(self.table.with_entry(fd, prestat)??)
    }

    /// Writes the name of a preopen, without a NUL byte; `ENAMETOOLONG` if the buffer is too short.
    pub(crate) fn fd_prestat_dir_name(
        &self,
        memory: Memory,
        fd: OpenEntry<'_>,
        Out(path): Out<List<u8>>,
    ) -> HostResult {
        let name = preopen_name(&fd).ok_or(Errno::Badf)?;
        if (path.len as usize) < name.len() {
            return Err(Errno::Nametoolong.into());
        }
        Ok(memory.write(path.ptr.0, name)?)
    }

    /// Moves a descriptor to another number: `dup2` and `close`. The other number must be open; its descriptor is
    /// closed.
    pub(crate) fn fd_renumber(&self, from: Fd, to: Fd) -> HostResult {
        self.table.renumber(from, to)?;
        Ok(())
    }

    /// Moves the position: `lseek`.
    pub(crate) fn fd_seek(
        &self,
        fd: OpenEntry<'_>,
        offset: Filedelta,
        whence: Whence,
    ) -> HostResult<Filesize> {
        // FD_TELL allows reading the position, but not moving it.
        let tells = offset == 0 && whence == Whence::Cur;
        fd.require(if tells { Rights::FD_TELL } else { Rights::FD_SEEK })?;
        match &fd.descriptor {
            Descriptor::File(file) => Ok(file.seek(offset, whence)?),
            Descriptor::Stream(stream) => Ok(sys::seek(stream.handle(), offset, whence)?),
            Descriptor::Dir(_) => Err(Errno::Notcapable.into()),
            Descriptor::Pipe(_) => Err(Errno::Spipe.into()),
        }
    }

    /// Stores data and metadata of a file on the disk: `fsync`.
    pub(crate) fn fd_sync(&self, fd: OpenEntry<'_>) -> HostResult {
        fd.require(Rights::FD_SYNC)?;
        Ok(fd.descriptor.sync()?)
    }

    /// Returns the position: `lseek(0, SEEK_CUR)`.
    pub(crate) fn fd_tell(&self, fd: OpenEntry<'_>) -> HostResult<Filesize> {
        self.fd_seek(fd, 0, Whence::Cur)
    }
}

fn preopen_name(fd: &Entry) -> Option<&[u8]> {
    match &fd.descriptor {
        Descriptor::Dir(dir) => dir.preopen_name(),
        Descriptor::File(_) | Descriptor::Stream(_) | Descriptor::Pipe(_) => None,
    }
}

impl Fstflags {
    /// Returns the new access and modification times; `None` leaves a time unchanged. `now` is the current time.
    /// `EINVAL` if the flags set a time twice.
    pub(crate) fn times(
        self,
        atim: Timestamp,
        mtim: Timestamp,
        now: NewTime,
    ) -> Result<(Option<NewTime>, Option<NewTime>)> {
        let one = |argument: Fstflags, current: Fstflags, time| match (
            self.contains(argument),
            self.contains(current),
        ) {
            (true, true) => Err(Errno::Inval),
            (true, false) => Ok(Some(NewTime::At(time))),
            (false, true) => Ok(Some(now)),
            (false, false) => Ok(None),
        };
        let atim = one(Fstflags::ATIM, Fstflags::ATIM_NOW, atim)?;
        Ok((atim, one(Fstflags::MTIM, Fstflags::MTIM_NOW, mtim)?))
    }
}
