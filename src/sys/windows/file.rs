//! Open files: positions, sizes, attributes and times.

use crate::sys::types::{Advice, Filedelta, Filesize, Filestat, Filetype, NewTime, Whence};
use crate::sys::windows::handle::{Handle, check, file_type, has_code, os_error, require_disk, wide};
use crate::sys::windows::{clock, net};
use std::fs::File;
use std::io::{Error, Result};
use std::os::windows::io::{AsHandle, AsRawHandle, FromRawHandle};
use std::ptr;
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_INVALID_PARAMETER, ERROR_SEEK_ON_DEVICE, FILETIME, INVALID_HANDLE_VALUE,
};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_ATTRIBUTE_DIRECTORY, FILE_ATTRIBUTE_REPARSE_POINT,
    FILE_ATTRIBUTE_TAG_INFO, FILE_BASIC_INFO, FILE_BEGIN, FILE_CURRENT, FILE_END, FILE_END_OF_FILE_INFO,
    FILE_FLAG_BACKUP_SEMANTICS, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, FILE_TYPE_CHAR,
    FILE_TYPE_DISK, FILE_WRITE_ATTRIBUTES, FileAttributeTagInfo, FileBasicInfo, FileEndOfFileInfo,
    FlushFileBuffers, GetFileInformationByHandle, GetFileInformationByHandleEx, ReOpenFile,
    SetFileInformationByHandle, SetFilePointerEx, SetFileTime,
};

/// Moves the position of the handle and returns it: `SetFilePointerEx`.
pub fn seek(handle: Handle<'_>, offset: Filedelta, whence: Whence) -> Result<Filesize> {
    require_disk(handle, ERROR_SEEK_ON_DEVICE)?;
    let method = match whence {
        Whence::Set => FILE_BEGIN,
        Whence::Cur => FILE_CURRENT,
        Whence::End => FILE_END,
    };
    let mut position = 0;
    // SAFETY: the handle is open. The call writes an i64, to `position`.
    check(unsafe { SetFilePointerEx(handle.as_raw_handle(), offset, &raw mut position, method) })?;
    Ok(position.cast_unsigned())
}

/// Returns the rest of the file: Windows reports no holes without a call per file system.
pub fn next_data(handle: Handle<'_>, offset: Filesize) -> Result<Option<(Filesize, Filesize)>> {
    let size = stat(handle)?.size;
    Ok((offset < size).then_some((offset, size)))
}

/// Stores the data of a file on the disk.
pub fn datasync(handle: Handle<'_>) -> Result<()> {
    sync(handle)
}

/// Stores data and metadata of a file on the disk: `FlushFileBuffers`. Windows fails with `ERROR_ACCESS_DENIED` for a
/// read-only handle, which has nothing to store. For a pipe Windows would wait for the reader.
pub fn sync(handle: Handle<'_>) -> Result<()> {
    require_disk(handle, ERROR_INVALID_PARAMETER)?;
    // SAFETY: the handle is open, and the call takes no pointers.
    match check(unsafe { FlushFileBuffers(handle.as_raw_handle()) }) {
        Err(error) if has_code(&error, ERROR_ACCESS_DENIED) => Ok(()),
        result => result,
    }
}

/// Truncates or extends a file: `SetFileInformationByHandle`. A size beyond 63 bits is `EINVAL`.
pub fn set_size(handle: Handle<'_>, size: Filesize) -> Result<()> {
    let size = Filedelta::try_from(size).map_err(|_| os_error(ERROR_INVALID_PARAMETER))?;
    require_disk(handle, ERROR_INVALID_PARAMETER)?;
    let info = FILE_END_OF_FILE_INFO { EndOfFile: size };
    let len = size_of_val(&info) as u32;
    // SAFETY: `info` is the structure of the class FileEndOfFileInfo.
    check(unsafe {
        SetFileInformationByHandle(handle.as_raw_handle(), FileEndOfFileInfo, (&raw const info).cast(), len)
    })
}

/// Allocates a range of a file by extending the file: Windows has no call for a range.
pub fn allocate(handle: Handle<'_>, offset: Filesize, len: Filesize) -> Result<()> {
    check_allocate(handle, offset, len)?;
    let end = offset + len;
    if stat(handle)?.size < end { set_size(handle, end) } else { Ok(()) }
}

/// Checks an allocation for errors other than a lack of space: `EINVAL`.
pub fn check_allocate(handle: Handle<'_>, offset: Filesize, len: Filesize) -> Result<()> {
    let end = offset.checked_add(len).filter(|_| len > 0);
    end.ok_or_else(|| os_error(ERROR_INVALID_PARAMETER))
        .and_then(|_| require_disk(handle, ERROR_INVALID_PARAMETER))
}

/// Ignores advice: Windows takes it only when a file is opened.
pub fn advise(_: Handle<'_>, _: Filesize, _: Filesize, _: Advice) -> Result<()> {
    Ok(())
}

/// Does nothing: `appendv` always appends.
pub fn set_append(_: Handle<'_>, _: bool) -> Result<()> {
    Ok(())
}

/// Returns information of a class about an open file: `GetFileInformationByHandleEx`.
fn information<T: Default>(handle: Handle<'_>, class: i32) -> Result<T> {
    let mut info = T::default();
    let len = size_of::<T>() as u32;
    // SAFETY: callers choose the class that `T` is the structure of. Every bit pattern of these structures is valid.
    check(unsafe {
        GetFileInformationByHandleEx(handle.as_raw_handle(), class, (&raw mut info).cast(), len)
    })?;
    Ok(info)
}

/// Returns the type of a file, by its attributes and the tag of its reparse point. Symbolic links and mount points
/// count as symlinks.
pub(crate) fn filetype(attributes: u32, reparse_tag: u32) -> Filetype {
    const NAME_SURROGATE: u32 = 0x2000_0000;
    if attributes & FILE_ATTRIBUTE_REPARSE_POINT != 0 && reparse_tag & NAME_SURROGATE != 0 {
        Filetype::SymbolicLink
    } else if attributes & FILE_ATTRIBUTE_DIRECTORY != 0 {
        Filetype::Directory
    } else {
        Filetype::RegularFile
    }
}

/// Returns the attributes of an open file: `GetFileInformationByHandle`. For other handles, only the type is known.
pub fn stat(handle: Handle<'_>) -> Result<Filestat> {
    let mut stat = Filestat {
        dev: 0,
        ino: 0,
        filetype: Filetype::Unknown,
        nlink: 1,
        size: 0,
        atim: 0,
        mtim: 0,
        ctim: 0,
    };
    match file_type(handle)? {
        FILE_TYPE_DISK => {}
        FILE_TYPE_CHAR => {
            stat.filetype = Filetype::CharacterDevice;
            return Ok(stat);
        }
        _ => {
            if net::is_socket(handle) {
                stat.filetype = Filetype::SocketStream;
            }
            return Ok(stat);
        }
    }
    let mut info = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is open. The call writes one structure, to `info`.
    check(unsafe { GetFileInformationByHandle(handle.as_raw_handle(), &raw mut info) })?;
    let times: FILE_BASIC_INFO = information(handle, FileBasicInfo)?;
    let tag = if info.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT == 0 {
        0
    } else {
        information::<FILE_ATTRIBUTE_TAG_INFO>(handle, FileAttributeTagInfo)?.ReparseTag
    };
    stat.dev = u64::from(info.dwVolumeSerialNumber);
    stat.ino = wide(info.nFileIndexHigh, info.nFileIndexLow);
    stat.filetype = filetype(info.dwFileAttributes, tag);
    stat.nlink = u64::from(info.nNumberOfLinks);
    stat.size = wide(info.nFileSizeHigh, info.nFileSizeLow);
    stat.atim = clock::since_unix_epoch(times.LastAccessTime.cast_unsigned());
    stat.mtim = clock::since_unix_epoch(times.LastWriteTime.cast_unsigned());
    stat.ctim = clock::since_unix_epoch(times.ChangeTime.cast_unsigned());
    Ok(stat)
}

/// Reopens an open file with other access: `ReOpenFile`.
pub(crate) fn reopen(handle: Handle<'_>, access: u32, share: u32) -> Result<File> {
    // SAFETY: the handle is open, and the call takes no pointers.
    let opened = unsafe { ReOpenFile(handle.as_raw_handle(), access, share, FILE_FLAG_BACKUP_SEMANTICS) };
    if opened == INVALID_HANDLE_VALUE {
        return Err(Error::last_os_error());
    }
    // SAFETY: the handle is new, and nothing else owns it.
    Ok(unsafe { File::from_raw_handle(opened) })
}

/// Sets the times of an open file, even if it is open for reading only: `SetFileTime`.
pub fn set_times(handle: Handle<'_>, atim: Option<NewTime>, mtim: Option<NewTime>) -> Result<()> {
    match set_file_times(handle, atim, mtim) {
        Err(error) if has_code(&error, ERROR_ACCESS_DENIED) => {
            let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
            set_file_times(reopen(handle, FILE_WRITE_ATTRIBUTES, share)?.as_handle(), atim, mtim)
        }
        result => result,
    }
}

pub(crate) fn set_file_times(handle: Handle<'_>, atim: Option<NewTime>, mtim: Option<NewTime>) -> Result<()> {
    let time = |time: Option<NewTime>| {
        time.map(|time| match time {
            NewTime::Now => clock::now(),
            NewTime::At(at) => clock::filetime(at),
        })
    };
    let (atim, mtim) = (time(atim), time(mtim));
    let address = |time: &Option<FILETIME>| time.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the handle is open. Each address is null or that of a local FILETIME.
    check(unsafe { SetFileTime(handle.as_raw_handle(), ptr::null(), address(&atim), address(&mtim)) })
}
