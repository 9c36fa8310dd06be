//! Regular files that the guest opened.

use crate::core::clock::Clocks;
use crate::core::fs::lower::LowerFile;
use crate::core::fs::memory_file::{MemoryFile, check_advice};
use crate::core::lock::{RwLock, WriteGuard};
use crate::core::memory::with_buffer;
use crate::sys;
use crate::sys::buffers::Buffer;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Advice, Filedelta, Filesize, Filestat, NewTime, Whence};

/// Bytes that a copy of a file reads at once.
const PIECE: usize = 256 * 1024;

/// Contents and attributes of an open regular file, by backend. Files in memory take times from the clocks of the
/// guest.
#[derive(Debug)]
pub(crate) enum FileData {
    /// A file of the host.
    Host(std::fs::File),
    /// A file in memory.
    Memory(MemoryFile),
}

impl FileData {
    /// Reads into guest buffers: `preadv`.
    #[inline]
    pub(crate) fn read_at(&self, buffers: &[Buffer], offset: Filesize) -> Result<usize> {
        match self {
            FileData::Host(file) => Ok(sys::preadv(sys::handle(file), buffers, offset)?),
            FileData::Memory(file) => file.read_at(buffers, offset),
        }
    }

    /// Reads bytes from an offset: `pread`. Reads fewer bytes only at the end of the file.
    pub(crate) fn read_bytes(&self, bytes: &mut [u8], offset: Filesize) -> Result<usize> {
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as Filesize;
            match with_buffer(&mut bytes[done..], |buffer| self.read_at(buffer, at))? {
                0 => break,
                read => done += read,
            }
        }
        Ok(done)
    }

    /// Writes all bytes at an offset: `pwrite`.
    pub(crate) fn write_bytes(&self, bytes: &mut [u8], offset: Filesize, clocks: &Clocks) -> Result {
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as Filesize;
            match with_buffer(&mut bytes[done..], |buffer| self.write_at(buffer, at, clocks))? {
                0 => return Err(Errno::Io),
                written => done += written,
            }
        }
        Ok(())
    }

    /// Passes the data below `size` to `each`, piece by piece, with offsets. Omits holes.
    pub(crate) fn each_piece(
        &self,
        size: Filesize,
        mut each: impl FnMut(&mut [u8], Filesize) -> Result,
    ) -> Result {
        let mut buffer = vec![0; PIECE.min(usize::try_from(size).unwrap_or(PIECE))];
        let mut at = 0;
        while let Some((start, end)) = self.next_data(at)?.filter(|(start, _)| *start < size) {
            let end = end.min(size);
            at = start;
            while at < end {
                let len = buffer.len().min(usize::try_from(end - at).unwrap_or(usize::MAX));
                let read = self.read_bytes(&mut buffer[..len], at)?;
                if read == 0 {
                    return Ok(());
                }
                each(&mut buffer[..read], at)?;
                at += read as Filesize;
            }
        }
        Ok(())
    }

    /// Copies the contents to an empty file, with their holes.
    pub(crate) fn copy_to(&self, target: &Self, clocks: &Clocks) -> Result {
        let size = self.stat()?.size;
        target.set_size(size, clocks)?;
        self.each_piece(size, |bytes, offset| target.write_bytes(bytes, offset, clocks))
    }

    /// Writes guest buffers: `pwritev`.
    #[inline]
    pub(crate) fn write_at(&self, buffers: &[Buffer], offset: Filesize, clocks: &Clocks) -> Result<usize> {
        match self {
            FileData::Host(file) => Ok(sys::pwritev(sys::handle(file), buffers, offset)?),
            FileData::Memory(file) => file.write_at(buffers, offset, clocks.realtime()),
        }
    }

    /// Writes guest buffers at the end of the file and returns the number of bytes. The file must be in append mode.
    pub(crate) fn append(&self, buffers: &[Buffer], clocks: &Clocks) -> Result<usize> {
        match self {
            FileData::Host(file) => Ok(sys::appendv(sys::handle(file), buffers)?),
            FileData::Memory(file) => file.append(buffers, clocks.realtime()),
        }
    }

    /// Returns the offset after the last append: the position of the descriptor.
    pub(crate) fn append_end(&self) -> Result<Filesize> {
        match self {
            FileData::Host(file) => Ok(sys::seek(sys::handle(file), 0, Whence::Cur)?),
            FileData::Memory(file) => Ok(file.append_end()),
        }
    }

    /// Sets or clears append mode: `fcntl(F_SETFL)`.
    pub(crate) fn set_append(&self, append: bool) -> Result {
        match self {
            FileData::Host(file) => Ok(sys::set_append(sys::handle(file), append)?),
            FileData::Memory(file) => {
                file.set_append(append);
                Ok(())
            }
        }
    }

    /// Checks that the file system allows an offset; `EINVAL` if not.
    pub(crate) fn check_offset(&self, offset: Filesize) -> Result {
        match self {
            FileData::Host(file) => {
                Ok(sys::seek(sys::handle(file), offset.cast_signed(), Whence::Set).map(drop)?)
            }
            FileData::Memory(_) => Ok(()),
        }
    }

    /// Returns the attributes: `fstat`.
    pub(crate) fn stat(&self) -> Result<Filestat> {
        match self {
            FileData::Host(file) => Ok(sys::stat(sys::handle(file))?),
            FileData::Memory(file) => file.stat(),
        }
    }

    /// Sets the size: `ftruncate`.
    pub(crate) fn set_size(&self, size: Filesize, clocks: &Clocks) -> Result {
        match self {
            FileData::Host(file) => Ok(sys::set_size(sys::handle(file), size)?),
            FileData::Memory(file) => file.set_size(size, clocks.realtime()),
        }
    }

    /// Sets the times: `futimens`.
    pub(crate) fn set_times(&self, atim: Option<NewTime>, mtim: Option<NewTime>, clocks: &Clocks) -> Result {
        match self {
            FileData::Host(file) => Ok(sys::set_times(sys::handle(file), atim, mtim)?),
            FileData::Memory(file) => file.set_times(atim, mtim, clocks.realtime()),
        }
    }

    /// Allocates a range: `posix_fallocate`.
    pub(crate) fn allocate(&self, offset: Filesize, len: Filesize, clocks: &Clocks) -> Result {
        match self {
            FileData::Host(file) => Ok(sys::allocate(sys::handle(file), offset, len)?),
            FileData::Memory(file) => file.allocate(offset, len, clocks.realtime()),
        }
    }

    /// Checks an allocation for errors other than a lack of space.
    pub(crate) fn check_allocate(&self, offset: Filesize, len: Filesize) -> Result {
        match self {
            FileData::Host(file) => Ok(sys::check_allocate(sys::handle(file), offset, len)?),
            FileData::Memory(file) => file.check_allocate(offset, len),
        }
    }

    /// Returns the next range from `offset` on that is not a hole; `None` if only a hole follows. Moves the position of
    /// the system's descriptor.
    pub(crate) fn next_data(&self, offset: Filesize) -> Result<Option<(Filesize, Filesize)>> {
        match self {
            FileData::Host(file) => Ok(sys::next_data(sys::handle(file), offset)?),
            FileData::Memory(file) => file.next_data(offset),
        }
    }

    /// Announces how a range will be used: `posix_fadvise`.
    pub(crate) fn advise(&self, offset: Filesize, len: Filesize, advice: Advice) -> Result {
        match self {
            FileData::Host(file) => Ok(sys::advise(sys::handle(file), offset, len, advice)?),
            FileData::Memory(_) => check_advice(len),
        }
    }

    /// Stores data on the disk: `fdatasync`.
    pub(crate) fn datasync(&self) -> Result {
        match self {
            FileData::Host(file) => Ok(sys::datasync(sys::handle(file))?),
            FileData::Memory(_) => Ok(()),
        }
    }

    /// Stores data and metadata on the disk: `fsync`.
    pub(crate) fn sync(&self) -> Result {
        match self {
            FileData::Host(file) => Ok(sys::sync(sys::handle(file))?),
            FileData::Memory(_) => Ok(()),
        }
    }
}

impl LowerFile for FileData {
    fn read_at(&self, buffers: &[Buffer], offset: Filesize) -> Result<usize> {
        self.read_at(buffers, offset)
    }

    fn stat(&self) -> Result<Filestat> {
        self.stat()
    }

    fn next_data(&self, offset: Filesize) -> Result<Option<(Filesize, Filesize)>> {
        self.next_data(offset)
    }

    fn each_piece(&self, size: Filesize, each: &mut dyn FnMut(&mut [u8], Filesize) -> Result) -> Result {
        self.each_piece(size, each)
    }
}

/// An open regular file. No other descriptor shares the position, so it is stored here: moving the position takes no
/// system call. A read or write locks the position, as in the kernel.
#[derive(Debug)]
pub struct File {
    data: FileData,
    position: RwLock<Filesize>,
}

impl File {
    /// Creates a file at position 0.
    #[must_use]
    pub(crate) fn new(data: FileData) -> Self {
        Self { data, position: RwLock::new(0) }
    }

    /// Returns the contents and attributes.
    #[must_use]
    pub(crate) fn data(&self) -> &FileData {
        &self.data
    }

    /// Locks the position.
    pub(crate) fn position(&self) -> WriteGuard<'_, Filesize> {
        self.position.write()
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
    pub(crate) fn check_size(&self, size: Filesize) -> Result {
        let _position = self.position();
        self.data.check_offset(size).map_err(|_| Errno::Fbig)
    }

    /// Returns the number of bytes from the position to the end.
    pub(crate) fn remaining(&self) -> Result<Filesize> {
        Ok(self.data.stat()?.size.saturating_sub(*self.position()))
    }

    /// Sets or clears append mode, then calls `then`. No write happens between the two.
    pub(crate) fn set_append(&self, append: bool, then: impl FnOnce()) -> Result {
        let _position = self.position();
        self.data.set_append(append)?;
        then();
        Ok(())
    }
}
