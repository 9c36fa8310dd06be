//! `fd_*`, but for moving bytes (io.rs) and reading directories (dir.rs).

use crate::core::guest::Wasi;
use crate::core::memory::{List, Memory, Out};
use crate::core::table::{Descriptor, Entry};
use crate::preview1::abi::Attempt;
use crate::preview1::poll::Wait;
use crate::preview1::types::{
    Advice, Fd, Fdflags, Fdstat, Filedelta, Filesize, Filestat, Filetype, Fstflags, Prestat, Rights, Size,
    Timestamp, Whence,
};
use crate::sys;
use crate::sys::errno::{Errno, Result};
use std::sync::Arc;

/// Bytes allocated by one system call. A file system in memory writes them all, which takes time.
const ALLOCATION_SLICE: Filesize = 256 << 20;

impl Wasi {
    /// Says how a range of a file will be used: `posix_fadvise`.
    pub fn fd_advise(&self, fd: Arc<Entry>, offset: Filesize, len: Filesize, advice: Advice) -> Result {
        fd.require(Rights::FD_ADVISE)?;
        match &fd.descriptor {
            // Advice is kept in the open file description, which is the host's.
            Descriptor::Stream(stream) if stream.is_stdio() => Ok(()),
            descriptor => Ok(sys::advise(descriptor.handle()?, offset, len, advice)?),
        }
    }

    /// Makes sure that a range of a file has room on the disk: `posix_fallocate`. A long range is done slice by slice.
    pub fn fd_allocate(&self, attempt: Attempt, fd: Arc<Entry>, offset: Filesize, len: Filesize) -> Result {
        let done = attempt.transferred;
        if done == 0 {
            fd.require(Rights::FD_ALLOCATE)?;
        }
        let handle = fd.descriptor.handle()?;
        let slice = (len - done).min(ALLOCATION_SLICE);
        let check = || {
            sys::check_allocate(handle, offset, len)?;
            if let Descriptor::File(file) = &fd.descriptor { file.check_size(offset + len) } else { Ok(()) }
        };
        if done > 0 {
            let allocated = sys::allocate(handle, offset + done, slice);
            allocated.inspect_err(|_| self.limits.give_back(len - done))?;
        } else {
            if slice < len {
                check()?;
            }
            self.limits.reserve(len, || sys::allocate(handle, offset, slice), check)?;
        }
        let done = done + slice;
        if done == len {
            return Ok(());
        }
        Err(Wait::for_nothing(Attempt { fd: Some(Arc::clone(&fd)), transferred: done, ..Attempt::FIRST }))
    }

    /// Closes a descriptor: `close`. Of the host's stdio only the guest's entry goes.
    pub fn fd_close(&self, fd: Fd) -> Result {
        self.table.remove(fd)?;
        Ok(())
    }

    /// Stores the data of a file on the disk: `fdatasync`. A directory needs the right to `fd_sync` instead: it never has
    /// the other.
    pub fn fd_datasync(&self, fd: Arc<Entry>) -> Result {
        fd.require(match fd.descriptor.filetype() {
            Filetype::Directory => Rights::FD_SYNC,
            _ => Rights::FD_DATASYNC,
        })?;
        Ok(sys::datasync(fd.descriptor.handle()?)?)
    }

    /// State of a descriptor.
    pub fn fd_fdstat_get(&self, fd: Fd) -> Result<Fdstat> {
        self.table.look(fd, |fd| fd.fdstat())
    }

    /// Sets `APPEND` or `NONBLOCK`: `fcntl(F_SETFL)`. The others are fixed when the file is opened, `NOTSUP`.
    pub fn fd_fdstat_set_flags(&self, fd: Arc<Entry>, flags: Fdflags) -> Result {
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

    /// Takes rights away from a descriptor.
    pub fn fd_fdstat_set_rights(&self, fd: Arc<Entry>, base: Rights, inheriting: Rights) -> Result {
        fd.narrow(base, inheriting)
    }

    /// Attributes of an open file: `fstat`.
    pub fn fd_filestat_get(&self, fd: Arc<Entry>) -> Result<Filestat> {
        fd.require(Rights::FD_FILESTAT_GET)?;
        let filetype = fd.descriptor.filetype();
        if let Descriptor::Pipe(_) = fd.descriptor {
            return Ok(Filestat { dev: 0, ino: 0, filetype, nlink: 1, size: 0, atim: 0, mtim: 0, ctim: 0 });
        }
        let stat = sys::stat(fd.descriptor.handle()?)?;
        Ok(Filestat { filetype, ..stat })
    }

    /// Cuts or extends an open file: `ftruncate`.
    pub fn fd_filestat_set_size(&self, fd: Arc<Entry>, size: Filesize) -> Result {
        fd.require(Rights::FD_FILESTAT_SET_SIZE)?;
        Ok(sys::set_size(fd.descriptor.handle()?, size)?)
    }

    /// Sets the times of an open file: `futimens`.
    pub fn fd_filestat_set_times(
        &self,
        fd: Arc<Entry>,
        atim: Timestamp,
        mtim: Timestamp,
        flags: Fstflags,
    ) -> Result {
        fd.require(Rights::FD_FILESTAT_SET_TIMES)?;
        let (atim, mtim) = flags.times(atim, mtim, self.clocks.file_time())?;
        if fd.is_readonly() && (atim.is_some() || mtim.is_some()) {
            return Err(Errno::Rofs.into());
        }
        Ok(sys::set_times(fd.descriptor.handle()?, atim, mtim)?)
    }

    /// Returns the type of a preopen and the length of its name. A listening socket of the option `sockets` has a tag
    /// of its own, so that programs which search for preopens continue with the next descriptor. Anything else is
    /// `EBADF`: wasi-libc exits at any other errno.
    pub fn fd_prestat_get(&self, fd: Fd) -> Result<Prestat> {
        self.table.look(fd, |fd| match (&fd.descriptor, preopen_name(fd)) {
            (Descriptor::Stream(stream), _) if stream.is_listener() => Ok(Prestat { tag: 1, pr_name_len: 0 }),
            (_, Some(name)) => Ok(Prestat { tag: 0, pr_name_len: name.len() as Size }),
            (_, None) => Err(Errno::Badf.into()),
        })?
    }

    /// The name of a preopened directory, without a NUL; `NAMETOOLONG` if the buffer is too short.
    pub fn fd_prestat_dir_name(&self, memory: Memory, fd: Arc<Entry>, Out(path): Out<List<u8>>) -> Result {
        let name = preopen_name(&fd).ok_or(Errno::Badf)?;
        if (path.len as usize) < name.len() {
            return Err(Errno::Nametoolong.into());
        }
        memory.write(path.ptr.0, name)
    }

    /// Moves a descriptor to another number, which must be open and is closed first: `dup2` and `close`.
    pub fn fd_renumber(&self, from: Fd, to: Fd) -> Result {
        self.table.renumber(from, to)?;
        Ok(())
    }

    /// Moves the position: `lseek`.
    pub fn fd_seek(&self, fd: Arc<Entry>, offset: Filedelta, whence: Whence) -> Result<Filesize> {
        // Asking for the position is all that FD_TELL allows.
        let tells = offset == 0 && whence == Whence::Cur;
        fd.require(if tells { Rights::FD_TELL } else { Rights::FD_SEEK })?;
        match &fd.descriptor {
            Descriptor::File(file) => file.seek(offset, whence),
            Descriptor::Stream(stream) => Ok(sys::seek(stream.handle(), offset, whence)?),
            Descriptor::Dir(_) => Err(Errno::Notcapable.into()),
            Descriptor::Pipe(_) => Err(Errno::Spipe.into()),
        }
    }

    /// Stores data and metadata of a file on the disk: `fsync`.
    pub fn fd_sync(&self, fd: Arc<Entry>) -> Result {
        fd.require(Rights::FD_SYNC)?;
        Ok(sys::sync(fd.descriptor.handle()?)?)
    }

    /// The position: `lseek(0, SEEK_CUR)`.
    pub fn fd_tell(&self, fd: Arc<Entry>) -> Result<Filesize> {
        self.fd_seek(fd, 0, Whence::Cur)
    }
}

fn preopen_name(fd: &Entry) -> Option<&[u8]> {
    match &fd.descriptor {
        Descriptor::Dir(dir) => dir.preopen_name(),
        Descriptor::File(_) | Descriptor::Stream(_) | Descriptor::Pipe(_) => None,
    }
}

/// A time to set; `None` leaves it as it is.
#[derive(Clone, Copy, Debug)]
pub enum NewTime {
    /// The moment of the call.
    Now,
    /// Nanoseconds since the Unix epoch.
    At(Timestamp),
}

impl Fstflags {
    /// The times to set, the present being `present`; `INVAL` if one is to be two things at once.
    pub(crate) fn times(
        self,
        atim: Timestamp,
        mtim: Timestamp,
        present: NewTime,
    ) -> Result<(Option<NewTime>, Option<NewTime>)> {
        let one = |at: Fstflags, now: Fstflags, time| match (self.contains(at), self.contains(now)) {
            (true, true) => Err(Errno::Inval),
            (true, false) => Ok(Some(NewTime::At(time))),
            (false, true) => Ok(Some(present)),
            (false, false) => Ok(None),
        };
        Ok((one(Fstflags::ATIM, Fstflags::ATIM_NOW, atim)?, one(Fstflags::MTIM, Fstflags::MTIM_NOW, mtim)?))
    }
}
