//! Calls with a path, by cap-std.

use crate::sys::types::{Filestat, Filetype, NewTime};
use crate::sys::windows::file::{reopen, set_file_times, stat};
use crate::sys::windows::handle::{Handle, handle, os_error};
use crate::sys::windows::host::host_stream;
use crate::sys::windows::open::open_for;
use cap_fs_ext::DirExt;
use cap_std::fs::Dir;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::os::windows::ffi::OsStringExt;
use std::os::windows::io::AsRawHandle;
use std::path::{Path, PathBuf};
use windows_sys::Win32::Foundation::{
    ERROR_DIR_NOT_EMPTY, ERROR_DIRECTORY, ERROR_DIRECTORY_NOT_SUPPORTED, ERROR_FILENAME_EXCED_RANGE,
    ERROR_INVALID_NAME, ERROR_INVALID_PARAMETER, ERROR_NO_UNICODE_TRANSLATION, ERROR_PRIVILEGE_NOT_HELD,
    GENERIC_READ,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_BACKUP_SEMANTICS, FILE_SHARE_READ, FILE_SHARE_WRITE, FILE_WRITE_ATTRIBUTES,
    GetFinalPathNameByHandleW,
};

/// Maximum length of a file name in UTF-16 units.
const NAME_MAX: usize = 255;

/// Returns the attributes of a path.
pub fn stat_at(dir: &Dir, path: &Path, follows: bool) -> Result<Filestat> {
    stat(handle(&open_for(dir, path, 0, follows)?))
}

/// Returns the inode number of the parent directory. Uses the path of the parent: Windows renames neither open
/// directories nor their parents, so the path stays valid.
pub fn parent_ino(handle: Handle<'_>, _: impl Fn((u64, u64)) -> bool) -> Result<Option<u64>> {
    let path = path_of(handle).ok_or_else(Error::last_os_error)?;
    match path.parent().and_then(directory_ino) {
        Some(ino) => Ok(Some(ino)),
        None => Ok(Some(stat(handle)?.ino)),
    }
}

/// Sets the times of a path: `SetFileTime`.
pub fn set_times_at(
    dir: &Dir,
    path: &Path,
    follows: bool,
    atim: Option<NewTime>,
    mtim: Option<NewTime>,
) -> Result<()> {
    set_file_times(handle(&open_for(dir, path, FILE_WRITE_ATTRIBUTES, follows)?), atim, mtim)
}

/// Creates a directory: `CreateDirectoryW`.
pub fn create_dir(dir: &Dir, path: &Path) -> Result<()> {
    dir.create_dir(path)
}

/// Creates a hard link: `CreateHardLinkW`. A directory is `EPERM`.
pub fn hard_link(
    old_dir: &Dir,
    old_path: &Path,
    follows: bool,
    new_dir: &Dir,
    new_path: &Path,
) -> Result<()> {
    let old_path = &if follows { canonicalize(old_dir, old_path)? } else { old_path.to_owned() };
    old_dir.hard_link(old_path, new_dir, new_path).map_err(|error| match stat_at(old_dir, old_path, false) {
        Ok(Filestat { filetype: Filetype::Directory, .. }) => os_error(ERROR_PRIVILEGE_NOT_HELD),
        _ => error,
    })
}

/// Resolves all symlinks of a path. If the result becomes a symlink before its use, the link itself is used.
fn canonicalize(dir: &Dir, path: &Path) -> Result<PathBuf> {
    let path = dir.canonicalize(path)?;
    Ok(if path.as_os_str().is_empty() { PathBuf::from(".") } else { path })
}

/// Passes the target of a symlink to `then`, in the encoding of the guest.
pub fn read_link<T>(dir: &Dir, path: &Path, then: impl FnOnce(&[u8]) -> T) -> Result<T> {
    let target = dir.read_link_contents(path)?;
    let target = target.to_str().ok_or_else(|| os_error(ERROR_NO_UNICODE_TRANSLATION))?;
    Ok(then(target.replace('\\', "/").as_bytes()))
}

/// Removes an empty directory: `RemoveDirectoryW`. Checks for symlinks first: Windows would remove a symlink to a
/// directory. As on other systems, a path that ends in `.` is `EINVAL`, and one that ends in `..` is `ENOTEMPTY`.
pub fn remove_dir(dir: &Dir, path: &Path) -> Result<()> {
    match path.as_os_str().as_encoded_bytes().rsplit(|byte| matches!(byte, b'/' | b'\\')).next() {
        Some(b".") => return stat_at(dir, path, true).and(Err(os_error(ERROR_INVALID_PARAMETER))),
        Some(b"..") => return stat_at(dir, path, true).and(Err(os_error(ERROR_DIR_NOT_EMPTY))),
        _ => {}
    }
    if stat_at(dir, path, false)?.filetype == Filetype::SymbolicLink {
        return Err(os_error(ERROR_DIRECTORY));
    }
    dir.remove_dir(path)
}

/// Renames a file or directory: `MoveFileExW`. As on other systems, a directory does not replace a file, but replaces
/// an empty directory. Windows would do the opposite.
pub fn rename(old_dir: &Dir, old_path: &Path, new_dir: &Dir, new_path: &Path) -> Result<()> {
    if let Ok(new) = stat_at(new_dir, new_path, false) {
        let old = stat_at(old_dir, old_path, false)?;
        match [old, new].map(|stat| stat.filetype == Filetype::Directory) {
            [true, false] => return Err(os_error(ERROR_DIRECTORY)),
            [false, true] => return Err(os_error(ERROR_DIRECTORY_NOT_SUPPORTED)),
            [true, true] if (old.dev, old.ino) != (new.dev, new.ino) => {
                new_dir.remove_dir(new_path)?;
                // After a failure the empty directory is restored.
                return old_dir.rename(old_path, new_dir, new_path).inspect_err(|_| {
                    let _ = new_dir.create_dir(new_path);
                });
            }
            _ => {}
        }
    }
    old_dir.rename(old_path, new_dir, new_path)
}

/// Creates a symlink: `CreateSymbolicLinkW`. Windows has symlinks to files and symlinks to directories: the current
/// type of the target decides. Converts slashes to backslashes: Windows programs do not follow a target with slashes.
pub fn symlink(dir: &Dir, target: &Path, link: &Path) -> Result<()> {
    if target.has_root() {
        return Err(os_error(ERROR_PRIVILEGE_NOT_HELD));
    }
    let target = target.to_string_lossy().replace('/', "\\");
    let target_path = link.parent().unwrap_or(Path::new("")).join(&target);
    if dir.metadata(target_path).is_ok_and(|metadata| metadata.is_dir()) {
        dir.symlink_dir(target, link)
    } else {
        dir.symlink_file(target, link)
    }
}

/// Removes a file or symlink: `DeleteFileW`.
pub fn unlink(dir: &Dir, path: &Path) -> Result<()> {
    dir.remove_file_or_symlink(path).map_err(|error| match stat_at(dir, path, false) {
        Ok(Filestat { filetype: Filetype::Directory, .. }) => os_error(ERROR_DIRECTORY_NOT_SUPPORTED),
        _ => error,
    })
}

/// Converts a path of a guest, which is UTF-8.
///
/// Rejects colons (`ENOTCAPABLE`), which name a drive, or a stream of a file, anywhere in a path. Rejects names that
/// end in a dot or a space (`ENOENT`): some calls of Windows drop the last character and others keep it, so that one
/// name would mean two files.
pub fn path(bytes: &[u8]) -> Result<&Path> {
    let path = str::from_utf8(bytes).map_err(|_| os_error(ERROR_NO_UNICODE_TRANSLATION))?;
    if path.contains(':') {
        return Err(ErrorKind::PermissionDenied.into());
    }
    // Windows would report ENOENT.
    if path.split(['/', '\\']).any(|name| name.len() > NAME_MAX && name.encode_utf16().count() > NAME_MAX) {
        return Err(os_error(ERROR_FILENAME_EXCED_RANGE));
    }
    let is_ambiguous = |name: &str| name.ends_with(['.', ' ']) && !matches!(name, "." | "..");
    if path.split(['/', '\\']).any(is_ambiguous) {
        return Err(os_error(ERROR_INVALID_NAME));
    }
    Ok(Path::new(path))
}

/// Removes trailing slashes. A path that consists of slashes stays unchanged.
pub fn without_trailing_slashes(path: &Path) -> &Path {
    match path.to_str().map(|path| path.trim_end_matches(['/', '\\'])) {
        None | Some("") => path,
        Some(path) => Path::new(path),
    }
}

/// Returns the current path of an open file: `GetFinalPathNameByHandleW`. `None` if the system does not know the
/// path.
pub fn path_of(handle: Handle<'_>) -> Option<PathBuf> {
    let mut path = vec![0; 32 * 1024];
    let room = path.len() as u32;
    // SAFETY: the handle is open, and `path` has room for `room` units.
    let len = unsafe { GetFinalPathNameByHandleW(handle.as_raw_handle(), path.as_mut_ptr(), room, 0) };
    (len > 0 && len <= room).then(|| OsString::from_wide(&path[..len as usize]).into())
}

/// Opens a directory of the host for reading. The directory cannot be renamed while it is open.
pub fn open_directory(path: &Path, _keeps_atime: bool) -> Result<File> {
    Ok(Dir::open_ambient_dir(path, cap_std::ambient_authority())?.into_std_file())
}

/// Opens the directory of a host descriptor for reading, with a handle that prevents renames. Node's handle would allow
/// renames.
pub fn reopen_directory(fd: i32, _keeps_atime: bool) -> Result<File> {
    let directory = host_stream(fd)?;
    if stat(handle(&*directory))?.filetype != Filetype::Directory {
        return Err(os_error(ERROR_DIRECTORY));
    }
    reopen(handle(&*directory), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE)
}

/// Returns the inode number of the directory at a path.
fn directory_ino(path: &Path) -> Option<u64> {
    use std::os::windows::fs::OpenOptionsExt;
    let dir = File::options().access_mode(0).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(path).ok()?;
    let stat = stat(handle(&dir)).ok()?;
    (stat.filetype == Filetype::Directory).then_some(stat.ino)
}

/// Returns 0: on Windows each mount has its own device number.
pub fn mount_id(_: Handle<'_>) -> Option<u64> {
    Some(0)
}
