//! Regular files that the guest opened.

use crate::sys::buffers::Buffer;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Advice, Filedelta, Filesize, Filestat, NewTime, Whence};
use crate::sys::{self, Handle};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Contents and attributes of an open regular file, by backend.
#[derive(Debug)]
pub(crate) enum FileData {
    /// A file of the host.
    Host(std::fs::File),
}

impl FileData {
    /// Returns the handle of a file of the host.
    fn handle(&self) -> Handle<'_> {
        match self {
            FileData::Host(file) => sys::handle(file),
        }
    }

    /// Reads into guest buffers: `preadv`.
    #[inline]
    pub(crate) fn read_at(&self, buffers: &[Buffer], offset: Filesize) -> io::Result<usize> {
        sys::preadv(self.handle(), buffers, offset)
    }

    /// Writes guest buffers: `pwritev`.
    #[inline]
    pub(crate) fn write_at(&self, buffers: &[Buffer], offset: Filesize) -> io::Result<usize> {
        sys::pwritev(self.handle(), buffers, offset)
    }

    /// Writes guest buffers at the end of the file and returns the number of bytes. The file must be in append mode.
    pub(crate) fn append(&self, buffers: &[Buffer]) -> io::Result<usize> {
        sys::appendv(self.handle(), buffers)
    }

    /// Returns the offset after the last append: the position of the descriptor.
    pub(crate) fn append_end(&self) -> io::Result<Filesize> {
        sys::seek(self.handle(), 0, Whence::Cur)
    }

    /// Sets or clears append mode: `fcntl(F_SETFL)`.
    pub(crate) fn set_append(&self, append: bool) -> io::Result<()> {
        sys::set_append(self.handle(), append)
    }

    /// Checks that the file system allows an offset; `EINVAL` if not.
    pub(crate) fn check_offset(&self, offset: Filesize) -> io::Result<()> {
        sys::seek(self.handle(), offset.cast_signed(), Whence::Set).map(drop)
    }

    /// Returns the attributes: `fstat`.
    pub(crate) fn stat(&self) -> io::Result<Filestat> {
        sys::stat(self.handle())
    }

    /// Sets the size: `ftruncate`.
    pub(crate) fn set_size(&self, size: Filesize) -> io::Result<()> {
        sys::set_size(self.handle(), size)
    }

    /// Sets the times: `futimens`.
    pub(crate) fn set_times(&self, atim: Option<NewTime>, mtim: Option<NewTime>) -> io::Result<()> {
        sys::set_times(self.handle(), atim, mtim)
    }

    /// Allocates a range: `posix_fallocate`.
    pub(crate) fn allocate(&self, offset: Filesize, len: Filesize) -> io::Result<()> {
        sys::allocate(self.handle(), offset, len)
    }

    /// Checks an allocation for errors other than a lack of space.
    pub(crate) fn check_allocate(&self, offset: Filesize, len: Filesize) -> io::Result<()> {
        sys::check_allocate(self.handle(), offset, len)
    }

    /// Announces how a range will be used: `posix_fadvise`.
    pub(crate) fn advise(&self, offset: Filesize, len: Filesize, advice: Advice) -> io::Result<()> {
        sys::advise(self.handle(), offset, len, advice)
    }

    /// Stores data on the disk: `fdatasync`.
    pub(crate) fn datasync(&self) -> io::Result<()> {
        sys::datasync(self.handle())
    }

    /// Stores data and metadata on the disk: `fsync`.
    pub(crate) fn sync(&self) -> io::Result<()> {
        sys::sync(self.handle())
    }
}

/// An open regular file. No other descriptor shares the position, so it is stored here: moving the position takes no
/// system call. A read or write locks the position, as in the kernel.
#[derive(Debug)]
pub struct File {
    data: FileData,
    position: Mutex<Filesize>,
}

impl File {
    /// Creates a file at position 0.
    #[must_use]
    pub(crate) fn new(data: FileData) -> Self {
        Self { data, position: Mutex::new(0) }
    }

    /// Returns the contents and attributes.
    #[must_use]
    pub(crate) fn data(&self) -> &FileData {
        &self.data
    }

    /// Locks the position.
    pub(crate) fn position(&self) -> MutexGuard<'_, Filesize> {
        self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the position and returns it: `lseek`. `EINVAL` for a negative position, or beyond the maximum of the
    /// file system.
    pub(crate) fn seek(&self, offset: Filedelta, whence: Whence) -> Result<Filesize> {
        let mut position = self.position();
        let from = match whence {
            Whence::Set => 0,
            Whence::Cur => *position,
            Whence::End => self.data.stat()?.size,
        };
        let to = from.checked_add_signed(offset).filter(|to| *to <= Filedelta::MAX.cast_unsigned());
        let to = to.ok_or(Errno::Inval)?;
        if to > Filesize::from(u32::MAX) {
            // Only the file system knows its maximum file size.
            self.data.check_offset(to)?;
        }
        *position = to;
        Ok(to)
    }

    /// Checks that the file system allows a file of this size; `EFBIG` if not.
    pub(crate) fn check_size(&self, size: Filesize) -> io::Result<()> {
        let _position = self.position();
        self.data.check_offset(size).map_err(|_| io::ErrorKind::FileTooLarge.into())
    }

    /// Returns the number of bytes from the position to the end.
    pub(crate) fn remaining(&self) -> Result<Filesize> {
        Ok(self.data.stat()?.size.saturating_sub(*self.position()))
    }

    /// Sets or clears append mode, then calls `then`. No write happens between the two.
    pub(crate) fn set_append(&self, append: bool, then: impl FnOnce()) -> io::Result<()> {
        let _position = self.position();
        self.data.set_append(append)?;
        then();
        Ok(())
    }
}
