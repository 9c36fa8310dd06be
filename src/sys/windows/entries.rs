//! Directory entries, many per system call and without opening the files.

use crate::sys::dir::ListedEntry;
use crate::sys::windows::file::filetype;
use crate::sys::windows::handle::{check, has_code, os_error};
use cap_std::fs::Dir;
use std::io::Result;
use std::mem::offset_of;
use std::os::windows::io::AsRawHandle;
use std::ptr;
use windows_sys::Win32::Foundation::{ERROR_INVALID_DATA, ERROR_NO_MORE_FILES};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_ID_BOTH_DIR_INFO, FileIdBothDirectoryInfo, GetFileInformationByHandleEx,
};

/// Offset of the name in a record.
const NAME: usize = offset_of!(FILE_ID_BOTH_DIR_INFO, FileName);

/// Reads all entries of a directory: `GetFileInformationByHandleEx`.
pub(crate) fn entries(dir: &Dir) -> Result<Vec<ListedEntry>> {
    // Reopened, because the position belongs to the handle.
    let dir = dir.open_dir(".")?;
    let mut entries = Vec::new();
    // u64, because records are aligned to 8 bytes.
    let mut buffer = vec![0_u64; 8 * 1024];
    let len = size_of_val(&buffer[..]);
    loop {
        let (address, handle) = (buffer.as_mut_ptr().cast(), dir.as_raw_handle());
        // SAFETY: `buffer` has room for `len` bytes.
        let read = check(unsafe {
            GetFileInformationByHandleEx(handle, FileIdBothDirectoryInfo, address, len as u32)
        });
        match read {
            Err(error) if has_code(&error, ERROR_NO_MORE_FILES) => return Ok(entries),
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

/// Returns the record at an offset, and the distance to the next one; 0 for the last.
fn entry(buffer: &[u64], at: usize) -> Result<(ListedEntry, usize)> {
    let bytes = size_of_val(buffer);
    if at + size_of::<FILE_ID_BOTH_DIR_INFO>() > bytes {
        return Err(os_error(ERROR_INVALID_DATA));
    }
    // SAFETY: the check above keeps the record inside the buffer. The buffer is initialized, and any bytes are a valid
    // record.
    let (record, info) = unsafe {
        let record = buffer.as_ptr().cast::<u8>().add(at);
        (record, ptr::read_unaligned(record.cast::<FILE_ID_BOTH_DIR_INFO>()))
    };
    let mut name = vec![0_u16; info.FileNameLength as usize / 2];
    if at + NAME + size_of_val(&name[..]) > bytes {
        return Err(os_error(ERROR_INVALID_DATA));
    }
    // SAFETY: the check above keeps the name inside the buffer. The vector has exactly its size.
    unsafe {
        ptr::copy_nonoverlapping(record.add(NAME), name.as_mut_ptr().cast(), size_of_val(&name[..]));
    };
    // A guest can neither receive nor open a name that is not Unicode.
    let name = String::from_utf16_lossy(&name).into_bytes();
    // For a reparse point, `EaSize` is the tag.
    let filetype = filetype(info.FileAttributes, info.EaSize);
    let entry = ListedEntry { name, ino: info.FileId.cast_unsigned(), filetype };
    Ok((entry, info.NextEntryOffset as usize))
}
