//! Windows. Here are files and paths, through cap-std and windows-sys; the rest is in the modules below.
#![expect(unsafe_code, reason = "the system takes addresses in guest memory and of its own structures")]

mod clock;
mod console;
mod entries;
mod errno;
mod net;
mod stream;
mod transfer;

pub use clock::{clock_resolution, clock_time, monotonic_now};
pub(super) use entries::entries;
pub use errno::errno;
pub use net::{Socket, accept, host_listener, is_listening, receive, send, shutdown, socket_handle};
pub use stream::{host_stream, poll, readable_bytes, stream_flags, stream_kind};
pub use transfer::{Buffer, appendv, preadv, pwritev, readv, readv_nowait, writev, writev_nowait};

use super::How;
use crate::wasi::fd::NewTime;
use crate::wasi::types::{Advice, Fdflags, Filedelta, Filesize, Filestat, Filetype, Oflags, Whence};
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use std::ffi::OsString;
use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::os::windows::ffi::OsStringExt;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle};
use std::path::{Path, PathBuf};
use std::ptr;
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_DIRECTORY, ERROR_DIRECTORY_NOT_SUPPORTED, ERROR_INVALID_NAME,
    ERROR_INVALID_PARAMETER, ERROR_NO_UNICODE_TRANSLATION, ERROR_PRIVILEGE_NOT_HELD, ERROR_SEEK_ON_DEVICE,
    FILETIME, GENERIC_READ, GENERIC_WRITE, INVALID_HANDLE_VALUE,
};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_ATTRIBUTE_DIRECTORY, FILE_ATTRIBUTE_REPARSE_POINT,
    FILE_ATTRIBUTE_TAG_INFO, FILE_BASIC_INFO, FILE_BEGIN, FILE_CURRENT, FILE_END, FILE_END_OF_FILE_INFO,
    FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_SHARE_DELETE, FILE_SHARE_READ,
    FILE_SHARE_WRITE, FILE_TYPE_CHAR, FILE_TYPE_DISK, FILE_WRITE_ATTRIBUTES, FileAttributeTagInfo,
    FileBasicInfo, FileEndOfFileInfo, FlushFileBuffers, GetFileInformationByHandle,
    GetFileInformationByHandleEx, GetFileType, GetFinalPathNameByHandleW, ReOpenFile,
    SetFileInformationByHandle, SetFilePointerEx, SetFileTime,
};

/// A device that has nothing to read and forgets what is written.
pub const NULL_DEVICE: &str = "NUL";

/// The system's own handle of something open.
pub type Handle<'a> = BorrowedHandle<'a>;

/// The handle of something open.
pub fn handle<T: AsHandle>(open: &T) -> Handle<'_> {
    open.as_handle()
}

/// An error of the system, by its number.
#[cold]
fn error(code: u32) -> Error {
    Error::from_raw_os_error(code.cast_signed())
}

fn is(error: &Error, code: u32) -> bool {
    error.raw_os_error() == Some(code.cast_signed())
}

/// What a system call returned: whether it worked; if not, the thread's last error says why.
fn check(returned: windows_sys::core::BOOL) -> Result<()> {
    if returned == 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

/// What the system calls a type of file: `FILE_TYPE_DISK` and its like.
fn file_type(handle: Handle<'_>) -> Result<u32> {
    // SAFETY: takes an open handle only.
    match unsafe { GetFileType(handle.as_raw_handle()) } {
        0 => match Error::last_os_error() {
            error if error.raw_os_error() == Some(0) => Ok(0),
            error => Err(error),
        },
        file_type => Ok(file_type),
    }
}

/// Refuses what is not a file, which the system might accept and do something else with.
fn require_disk(handle: Handle<'_>, otherwise: u32) -> Result<()> {
    if file_type(handle)? == FILE_TYPE_DISK { Ok(()) } else { Err(error(otherwise)) }
}

/// Moves the system's own position.
pub fn seek(handle: Handle<'_>, offset: Filedelta, whence: Whence) -> Result<Filesize> {
    require_disk(handle, ERROR_SEEK_ON_DEVICE)?;
    let method = match whence {
        Whence::Set => FILE_BEGIN,
        Whence::Cur => FILE_CURRENT,
        Whence::End => FILE_END,
    };
    let mut position = 0;
    // SAFETY: an open handle and a place for the position.
    check(unsafe { SetFilePointerEx(handle.as_raw_handle(), offset, &raw mut position, method) })?;
    Ok(position.cast_unsigned())
}

/// Stores data on the disk.
pub fn datasync(handle: Handle<'_>) -> Result<()> {
    sync(handle)
}

/// Stores data and metadata on the disk. What is open for reading only has nothing to store, but Windows
/// refuses it; and of a pipe it would wait for the reader.
pub fn sync(handle: Handle<'_>) -> Result<()> {
    require_disk(handle, ERROR_INVALID_PARAMETER)?;
    // SAFETY: takes an open handle only.
    match check(unsafe { FlushFileBuffers(handle.as_raw_handle()) }) {
        Err(error) if is(&error, ERROR_ACCESS_DENIED) => Ok(()),
        result => result,
    }
}

/// Cuts or extends a file.
pub fn set_size(handle: Handle<'_>, size: Filesize) -> Result<()> {
    let size = Filedelta::try_from(size).map_err(|_| error(ERROR_INVALID_PARAMETER))?;
    require_disk(handle, ERROR_INVALID_PARAMETER)?;
    let info = FILE_END_OF_FILE_INFO { EndOfFile: size };
    let len = size_of_val(&info) as u32;
    // SAFETY: the structure that this class of information is given in.
    check(unsafe {
        SetFileInformationByHandle(handle.as_raw_handle(), FileEndOfFileInfo, (&raw const info).cast(), len)
    })
}

/// Makes room for a range of a file: Windows can only extend it, which does allocate.
pub fn allocate(handle: Handle<'_>, offset: Filesize, len: Filesize) -> Result<()> {
    check_allocate(handle, offset, len)?;
    let end = offset + len;
    if stat(handle)?.size < end { set_size(handle, end) } else { Ok(()) }
}

/// What keeps room from being made for a range, besides that there is none.
pub fn check_allocate(handle: Handle<'_>, offset: Filesize, len: Filesize) -> Result<()> {
    let end = offset.checked_add(len).filter(|_| len > 0);
    end.ok_or_else(|| error(ERROR_INVALID_PARAMETER))
        .and_then(|_| require_disk(handle, ERROR_INVALID_PARAMETER))
}

/// Says how a range will be used: advice that Windows takes only when a file is opened, and that may be
/// ignored.
pub fn advise(_: Handle<'_>, _: Filesize, _: Filesize, _: Advice) -> Result<()> {
    Ok(())
}

/// Makes writes append or not: `appendv` does so anyway.
pub fn set_append(_: Handle<'_>, _: bool) -> Result<()> {
    Ok(())
}

/// Information of one class about something open.
fn information<T: Default>(handle: Handle<'_>, class: i32) -> Result<T> {
    let mut info = T::default();
    let len = size_of::<T>() as u32;
    // SAFETY: `T` is the structure of this class; those used here are plain numbers.
    check(unsafe {
        GetFileInformationByHandleEx(handle.as_raw_handle(), class, (&raw mut info).cast(), len)
    })?;
    Ok(info)
}

/// Kind of a file, by its attributes and the tag of its reparse point. Tags that stand for another named
/// entity are links: symbolic ones and mount points.
fn filetype(attributes: u32, reparse_tag: u32) -> Filetype {
    const NAME_SURROGATE: u32 = 0x2000_0000;
    if attributes & FILE_ATTRIBUTE_REPARSE_POINT != 0 && reparse_tag & NAME_SURROGATE != 0 {
        Filetype::SymbolicLink
    } else if attributes & FILE_ATTRIBUTE_DIRECTORY != 0 {
        Filetype::Directory
    } else {
        Filetype::RegularFile
    }
}

/// Attributes of something open. Of what is no file, Windows knows the kind only.
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
    // SAFETY: an open handle and a place for the answer.
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

fn wide(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// Opens whatever a path leads to, with no more than the access given: it works for directories and, unless
/// they are followed, links.
fn open_for(dir: &Dir, path: &Path, access: u32, follows: bool) -> Result<cap_std::fs::File> {
    let link = if follows { 0 } else { FILE_FLAG_OPEN_REPARSE_POINT };
    let mut options = OpenOptions::new();
    options.access_mode(access).custom_flags(FILE_FLAG_BACKUP_SEMANTICS | link).follow(follow(follows));
    dir.open_with(path, &options)
}

/// Attributes of what a path leads to.
pub fn stat_at(dir: &Dir, path: &Path, follows: bool) -> Result<Filestat> {
    stat(handle(&open_for(dir, path, 0, follows)?))
}

/// Serial number of the directory above a directory, which is found by name: nothing open can be renamed or
/// moved here, nor what it is in.
pub fn parent_ino(handle: Handle<'_>, _: impl Fn((u64, u64)) -> bool) -> Result<Option<u64>> {
    let path = path_of(handle).ok_or_else(Error::last_os_error)?;
    match path.parent().and_then(directory_ino) {
        Some(ino) => Ok(Some(ino)),
        None => Ok(Some(stat(handle)?.ino)),
    }
}

/// Opens again what is open, for other access.
fn reopen(handle: Handle<'_>, access: u32, share: u32) -> Result<File> {
    // SAFETY: takes an open handle and flags.
    let opened = unsafe { ReOpenFile(handle.as_raw_handle(), access, share, FILE_FLAG_BACKUP_SEMANTICS) };
    if opened == INVALID_HANDLE_VALUE {
        return Err(Error::last_os_error());
    }
    // SAFETY: a new handle that nobody else has.
    Ok(unsafe { File::from_raw_handle(opened) })
}

/// Sets the times of something open. As on other systems, it need not be open for writing.
pub fn set_times(handle: Handle<'_>, atim: Option<NewTime>, mtim: Option<NewTime>) -> Result<()> {
    match set_file_times(handle, atim, mtim) {
        Err(error) if is(&error, ERROR_ACCESS_DENIED) => {
            let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
            set_file_times(reopen(handle, FILE_WRITE_ATTRIBUTES, share)?.as_handle(), atim, mtim)
        }
        result => result,
    }
}

fn set_file_times(handle: Handle<'_>, atim: Option<NewTime>, mtim: Option<NewTime>) -> Result<()> {
    let time = |time: Option<NewTime>| {
        time.map(|time| match time {
            NewTime::Now => clock::now(),
            NewTime::At(at) => clock::filetime(at),
        })
    };
    let (atim, mtim) = (time(atim), time(mtim));
    let address = |time: &Option<FILETIME>| time.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: an open handle, and times or null for those that stay as they are.
    check(unsafe { SetFileTime(handle.as_raw_handle(), ptr::null(), address(&atim), address(&mtim)) })
}

/// Sets the times of what a path names, without following a link that is the last component.
pub fn set_times_at(dir: &Dir, path: &Path, atim: Option<NewTime>, mtim: Option<NewTime>) -> Result<()> {
    set_file_times(handle(&open_for(dir, path, FILE_WRITE_ATTRIBUTES, false)?), atim, mtim)
}

fn follow(follows: bool) -> FollowSymlinks {
    if follows { FollowSymlinks::Yes } else { FollowSymlinks::No }
}

/// Opens a path. A file is opened so that it can be removed or replaced while it is open, as on other
/// systems; a directory so that it cannot, which is what keeps paths inside it.
pub fn open(dir: &Dir, path: &Path, how: &How) -> Result<File> {
    let refused = if how.oflags.contains(Oflags::DIRECTORY) {
        error(ERROR_ACCESS_DENIED)
    } else {
        match open_file(dir, path, how) {
            // So Windows refuses a directory that is to be opened as a file.
            Err(refused) if is(&refused, ERROR_ACCESS_DENIED) => refused,
            result => return result,
        }
    };
    let mut options = OpenOptions::new();
    options.read(true).follow(follow(how.follows)).maybe_dir(true);
    let opened = dir.open_with(path, &options)?.into_std();
    if stat(handle(&opened))?.filetype != Filetype::Directory {
        let must = how.oflags.contains(Oflags::DIRECTORY);
        return Err(if must { error(ERROR_DIRECTORY) } else { refused });
    }
    if how.writes || how.oflags.intersects(Oflags::CREAT | Oflags::TRUNC) {
        return Err(error(ERROR_DIRECTORY_NOT_SUPPORTED));
    }
    Ok(opened)
}

fn open_file(dir: &Dir, path: &Path, how: &How) -> Result<File> {
    let (creates, cuts) = (how.oflags.contains(Oflags::CREAT), how.oflags.contains(Oflags::TRUNC));
    // Else the file would be made before it is found not to be a directory.
    if creates && path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(error(ERROR_DIRECTORY_NOT_SUPPORTED));
    }
    let read = if how.reads || !how.writes { GENERIC_READ } else { 0 };
    let write = if how.writes || cuts { GENERIC_WRITE } else { 0 };
    let mut options = OpenOptions::new();
    options
        .access_mode(read | write)
        // What cap-std wants of whom creates or cuts; the access is what was said above.
        .read(true)
        .write(how.writes || creates || cuts)
        .create(creates)
        .create_new(creates && how.oflags.contains(Oflags::EXCL))
        .truncate(cuts)
        .follow(follow(how.follows))
        .sync(how.fdflags.contains(Fdflags::SYNC))
        .dsync(how.fdflags.contains(Fdflags::DSYNC))
        .rsync(how.fdflags.contains(Fdflags::RSYNC));
    Ok(dir.open_with(path, &options)?.into_std())
}

/// Creates a directory.
pub fn create_dir(dir: &Dir, path: &Path) -> Result<()> {
    dir.create_dir(path)
}

/// Makes a hard link.
pub fn hard_link(old_dir: &Dir, old_path: &Path, new_dir: &Dir, new_path: &Path) -> Result<()> {
    old_dir.hard_link(old_path, new_dir, new_path)
}

/// Gives `then` what a symbolic link points at, in the guest's encoding.
pub fn read_link<T>(dir: &Dir, path: &Path, then: impl FnOnce(&[u8]) -> T) -> Result<T> {
    let target = dir.read_link_contents(path)?;
    let target = target.to_str().ok_or_else(|| error(ERROR_NO_UNICODE_TRANSLATION))?;
    Ok(then(target.replace('\\', "/").as_bytes()))
}

/// Removes an empty directory. Windows would take a link to one for it.
pub fn remove_dir(dir: &Dir, path: &Path) -> Result<()> {
    if stat_at(dir, path, false)?.filetype == Filetype::SymbolicLink {
        return Err(error(ERROR_DIRECTORY));
    }
    dir.remove_dir(path)
}

/// Renames a file or directory.
pub fn rename(old_dir: &Dir, old_path: &Path, new_dir: &Dir, new_path: &Path) -> Result<()> {
    old_dir.rename(old_path, new_dir, new_path)
}

/// Makes a symbolic link. Windows has two sorts of them: which it is depends on what it points at now. Its
/// own programs follow only backslashes.
pub fn symlink(dir: &Dir, target: &Path, link: &Path) -> Result<()> {
    if target.has_root() {
        return Err(error(ERROR_PRIVILEGE_NOT_HELD));
    }
    let target = target.to_string_lossy().replace('/', "\\");
    let pointed_at = link.parent().unwrap_or(Path::new("")).join(&target);
    if dir.metadata(pointed_at).is_ok_and(|metadata| metadata.is_dir()) {
        dir.symlink_dir(target, link)
    } else {
        dir.symlink_file(target, link)
    }
}

/// Removes a file or link.
pub fn unlink(dir: &Dir, path: &Path) -> Result<()> {
    dir.remove_file_or_symlink(path).map_err(|refused| match stat_at(dir, path, false) {
        Ok(Filestat { filetype: Filetype::Directory, .. }) => error(ERROR_DIRECTORY_NOT_SUPPORTED),
        _ => refused,
    })
}

/// A path in the guest's encoding, UTF-8.
///
/// A colon would lead to a drive, also inside a path, or to a stream behind a file. A dot or a space that ends
/// a name is dropped by some calls of Windows and kept by others, so that they would mean two files.
pub fn path(bytes: &[u8]) -> Result<&Path> {
    let path = str::from_utf8(bytes).map_err(|_| error(ERROR_NO_UNICODE_TRANSLATION))?;
    if path.contains(':') {
        return Err(ErrorKind::PermissionDenied.into());
    }
    let is_ambiguous = |name: &str| name.ends_with(['.', ' ']) && !matches!(name, "." | "..");
    if path.split(['/', '\\']).any(is_ambiguous) {
        return Err(error(ERROR_INVALID_NAME));
    }
    Ok(Path::new(path))
}

/// A path less the slashes at its end, which name the same directory.
pub fn without_trailing_slashes(path: &Path) -> &Path {
    match path.to_str().map(|path| path.trim_end_matches(['/', '\\'])) {
        None | Some("") => path,
        Some(path) => Path::new(path),
    }
}

/// Where something open is at this moment, if the system can tell.
pub fn path_of(handle: Handle<'_>) -> Option<PathBuf> {
    let mut path = vec![0; 32 * 1024];
    let room = path.len() as u32;
    // SAFETY: an open handle, and room for as many characters as said.
    let len = unsafe { GetFinalPathNameByHandleW(handle.as_raw_handle(), path.as_mut_ptr(), room, 0) };
    (len > 0 && len <= room).then(|| OsString::from_wide(&path[..len as usize]).into())
}

/// Opens the directory at a path of the host's, for reading, and so that it stays where it is.
pub fn open_directory(path: &Path) -> Result<File> {
    Ok(Dir::open_ambient_dir(path, cap_std::ambient_authority())?.into_std_file())
}

/// Opens the directory again that a descriptor of the host's is, so that it stays where it is: Node's own lets it be
/// renamed.
pub fn reopen_directory(fd: i32) -> Result<File> {
    let given = host_stream(fd)?;
    if stat(handle(&*given))?.filetype != Filetype::Directory {
        return Err(error(ERROR_DIRECTORY));
    }
    reopen(handle(&*given), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE)
}

/// Serial number of the directory at a path, if there is one.
fn directory_ino(path: &Path) -> Option<u64> {
    use std::os::windows::fs::OpenOptionsExt;
    let dir = File::options().access_mode(0).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(path).ok()?;
    let stat = stat(handle(&dir)).ok()?;
    (stat.filetype == Filetype::Directory).then_some(stat.ino)
}

/// Which mount something open was reached through: a directory has one device on each there.
pub fn mount_id(_: Handle<'_>) -> Option<u64> {
    Some(0)
}
