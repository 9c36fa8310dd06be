//! The entries of a directory, many with one call and without opening any of them.

use crate::sys::dir::ListedEntry;
use crate::sys::windows::file::filetype;
use crate::sys::windows::handle::{check, error, is};
use cap_std::fs::Dir;
use std::io::Result;
use std::mem::offset_of;
use std::os::windows::io::AsRawHandle;
use std::ptr;
use windows_sys::Win32::Foundation::{ERROR_INVALID_DATA, ERROR_NO_MORE_FILES};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_ID_BOTH_DIR_INFO, FileIdBothDirectoryInfo, GetFileInformationByHandleEx,
};

/// Where the name is in a record.
const NAME: usize = offset_of!(FILE_ID_BOTH_DIR_INFO, FileName);

/// Reads all entries of a directory.
pub(crate) fn entries(dir: &Dir) -> Result<Vec<ListedEntry>> {
    // Opened again, because the position belongs to the handle.
    let dir = dir.open_dir(".")?;
    let mut entries = Vec::new();
    // Of u64, because records are aligned so.
    let mut buffer = vec![0_u64; 8 * 1024];
    let len = size_of_val(&buffer[..]);
    loop {
        let (address, handle) = (buffer.as_mut_ptr().cast(), dir.as_raw_handle());
        // SAFETY: room for as many bytes as said.
        let read = check(unsafe {
            GetFileInformationByHandleEx(handle, FileIdBothDirectoryInfo, address, len as u32)
        });
        match read {
            Err(end) if is(&end, ERROR_NO_MORE_FILES) => return Ok(entries),
            read => read?,
        }
        let mut at = 0;
        loop {
            let (entry, next) = entry(&buffer, at)?;
            entries.push(entry);
            match next {
                0 => break,
                next => at += next,
            }
        }
    }
}

/// The record at an offset, and how far on the next one is, 0 for the last.
fn entry(buffer: &[u64], at: usize) -> Result<(ListedEntry, usize)> {
    let bytes = size_of_val(buffer);
    if at + size_of::<FILE_ID_BOTH_DIR_INFO>() > bytes {
        return Err(error(ERROR_INVALID_DATA));
    }
    // SAFETY: inside the buffer, as just seen; all of it has been written, and any bytes make a record.
    let (record, info) = unsafe {
        let record = buffer.as_ptr().cast::<u8>().add(at);
        (record, ptr::read_unaligned(record.cast::<FILE_ID_BOTH_DIR_INFO>()))
    };
    let mut name = vec![0_u16; info.FileNameLength as usize / 2];
    if at + NAME + size_of_val(&name[..]) > bytes {
        return Err(error(ERROR_INVALID_DATA));
    }
    // SAFETY: the name is inside the buffer, as just seen, and fills the vector.
    unsafe {
        ptr::copy_nonoverlapping(record.add(NAME), name.as_mut_ptr().cast(), size_of_val(&name[..]));
    };
    // A name that is no Unicode cannot be told to the guest, nor opened by it.
    let name = String::from_utf16_lossy(&name).into_bytes();
    // Of a reparse point, the length of extended attributes is its tag.
    let filetype = filetype(info.FileAttributes, info.EaSize);
    let entry = ListedEntry { name, ino: info.FileId.cast_unsigned(), filetype };
    Ok((entry, info.NextEntryOffset as usize))
}
