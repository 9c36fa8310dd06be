//! Regular files that the guest opened.

use crate::sys::buffers::Buffer;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Advice, Filedelta, Filesize, Filestat, NewTime, Whence};
use crate::sys::{self, Handle};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Contents and attributes of an open regular file, by backend.
#[derive(Debug)]
pub enum FileData {
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
    pub fn read_at(&self, buffers: &[Buffer], offset: Filesize) -> io::Result<usize> {
        sys::preadv(self.handle(), buffers, offset)
    }

    /// Writes guest buffers: `pwritev`.
    #[inline]
    pub fn write_at(&self, buffers: &[Buffer], offset: Filesize) -> io::Result<usize> {
        sys::pwritev(self.handle(), buffers, offset)
    }

    /// Writes guest buffers at the end of the file and returns the number of bytes. The file must be in append mode.
    pub fn append(&self, buffers: &[Buffer]) -> io::Result<usize> {
        sys::appendv(self.handle(), buffers)
    }

    /// Returns the offset after the last append: the position of the descriptor.
    pub fn append_end(&self) -> io::Result<Filesize> {
        sys::seek(self.handle(), 0, Whence::Cur)
    }

    /// Sets or clears append mode: `fcntl(F_SETFL)`.
    pub fn set_append(&self, append: bool) -> io::Result<()> {
        sys::set_append(self.handle(), append)
    }

    /// Checks that the file system allows an offset; `EINVAL` if not.
    pub fn check_offset(&self, offset: Filesize) -> io::Result<()> {
        sys::seek(self.handle(), offset.cast_signed(), Whence::Set).map(drop)
    }

    /// Returns the attributes: `fstat`.
    pub fn stat(&self) -> io::Result<Filestat> {
        sys::stat(self.handle())
    }

    /// Sets the size: `ftruncate`.
    pub fn set_size(&self, size: Filesize) -> io::Result<()> {
        sys::set_size(self.handle(), size)
    }

    /// Sets the times: `futimens`.
    pub fn set_times(&self, atim: Option<NewTime>, mtim: Option<NewTime>) -> io::Result<()> {
        sys::set_times(self.handle(), atim, mtim)
    }

    /// Allocates a range: `posix_fallocate`.
    pub fn allocate(&self, offset: Filesize, len: Filesize) -> io::Result<()> {
        sys::allocate(self.handle(), offset, len)
    }

    /// Returns the error of an allocation that does not depend on free space.
    pub fn check_allocate(&self, offset: Filesize, len: Filesize) -> io::Result<()> {
        sys::check_allocate(self.handle(), offset, len)
    }

    /// Announces how a range will be used: `posix_fadvise`.
    pub fn advise(&self, offset: Filesize, len: Filesize, advice: Advice) -> io::Result<()> {
        sys::advise(self.handle(), offset, len, advice)
    }

    /// Stores data on the disk: `fdatasync`.
    pub fn datasync(&self) -> io::Result<()> {
        sys::datasync(self.handle())
    }

    /// Stores data and metadata on the disk: `fsync`.
    pub fn sync(&self) -> io::Result<()> {
        sys::sync(self.handle())
    }
}

/// An open regular file. The position is stored here, because no other descriptor shares it: moving it takes no system
/// call. A read or write locks the position, as in the kernel.
#[derive(Debug)]
pub struct File {
    data: FileData,
    position: Mutex<Filesize>,
}

impl File {
    /// Creates a file at position 0.
    #[must_use]
    pub fn new(data: FileData) -> Self {
        Self { data, position: Mutex::new(0) }
    }

    /// Returns the contents and attributes.
    #[must_use]
    pub fn data(&self) -> &FileData {
        &self.data
    }

    /// Locks the position.
    pub(crate) fn position(&self) -> MutexGuard<'_, Filesize> {
        self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the position and returns it: `lseek`. `EINVAL` for a negative position, or beyond the maximum of the file
    /// system.
    pub fn seek(&self, offset: Filedelta, whence: Whence) -> Result<Filesize> {
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
    pub fn check_size(&self, size: Filesize) -> io::Result<()> {
        let _position = self.position();
        self.data.check_offset(size).map_err(|_| io::ErrorKind::FileTooLarge.into())
    }

    /// Returns the number of bytes from the position to the end.
    pub fn remaining(&self) -> Result<Filesize> {
        Ok(self.data.stat()?.size.saturating_sub(*self.position()))
    }

    /// Sets or clears append mode, then calls `then`. No write happens in between.
    pub fn set_append(&self, append: bool, then: impl FnOnce()) -> io::Result<()> {
        let _position = self.position();
        self.data.set_append(append)?;
        then();
        Ok(())
    }
}
