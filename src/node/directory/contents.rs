//! Contents of files and directories, for `Directory`.

use crate::core::clock::Clocks;
use crate::core::directory::Directory;
use crate::core::file::FileData;
use crate::core::opened::Opened;
use crate::sys::buffers::Buffer;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Fdflags, Oflags, OpenOptions};

/// Maximum size of a file that is read at once, as in node:fs.
pub(super) const MAX_SIZE: u64 = (1 << 31) - 1;

/// Bytes that are read at once from a file of unknown size.
const CHUNK: usize = 256 << 10;

/// Options to open a path for reading.
pub(super) const READING: OpenOptions = OpenOptions {
    reads: true,
    writes: false,
    follows: true,
    oflags: Oflags::empty(),
    fdflags: Fdflags::empty(),
    keeps_atime: false,
    mode: OpenOptions::DEFAULT_MODE,
};

/// Returns an opened regular file; `EISDIR` for a directory, `EINVAL` for any other file.
pub(super) fn opened_file(opened: Opened<Directory>) -> Result<FileData> {
    match opened {
        Opened::File(file) => Ok(file),
        Opened::Directory(_) => Err(Errno::Isdir),
        Opened::Stream(_) => Err(Errno::Inval),
    }
}

/// Describes the bytes from `done` to `len` of an array.
fn buffer(address: *mut u8, done: usize, len: usize) -> Buffer {
    // SAFETY: callers pass the location of an array that has `len` bytes and outlives the buffer. No JavaScript of this
    // thread runs during the call, so the array is not detached.
    unsafe { Buffer::new(address.add(done), len - done) }
}

/// Reads the first `len` bytes of a file, or fewer if it ends before. Returns their number.
pub(super) fn read_bytes(file: &FileData, address: *mut u8, len: usize) -> Result<usize> {
    let mut done = 0;
    while done < len {
        match file.read_at(&[buffer(address, done, len)], done as u64)? {
            0 => break,
            read => done += read,
        }
    }
    Ok(done)
}

/// Reads a file to its end. Stops beyond `max` bytes. Files of /proc have an unknown size.
pub(super) fn read_to_end(file: &FileData, max: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let start = bytes.len();
        bytes.resize(start + CHUNK, 0);
        let read = file.read_bytes(&mut bytes[start..], start as u64)?;
        bytes.truncate(start + read);
        if read < CHUNK || bytes.len() as u64 > max {
            return Ok(bytes);
        }
    }
}

/// Writes `len` bytes at `offset`; without an offset at the end of a file in append mode.
pub(super) fn write_bytes(
    file: &FileData,
    address: *mut u8,
    len: usize,
    offset: Option<u64>,
    clocks: &Clocks,
) -> Result {
    let mut done = 0;
    while done < len {
        let buffers = [buffer(address, done, len)];
        let written = match offset {
            Some(offset) => file.write_at(&buffers, offset + done as u64, clocks)?,
            None => file.append(&buffers, clocks)?,
        };
        if written == 0 {
            return Err(Errno::Io);
        }
        done += written;
    }
    Ok(())
}
