//! Paths: what is made, found and removed by name, through cap-std.

use crate::sys::types::{Filestat, Filetype, NewTime};
use crate::sys::windows::file::{reopen, set_file_times, stat};
use crate::sys::windows::handle::{Handle, error, handle};
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

/// Longest name of a file, in UTF-16.
const NAME_MAX: usize = 255;

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

/// Sets the times of what a path names.
pub fn set_times_at(
    dir: &Dir,
    path: &Path,
    follows: bool,
    atim: Option<NewTime>,
    mtim: Option<NewTime>,
) -> Result<()> {
    set_file_times(handle(&open_for(dir, path, FILE_WRITE_ATTRIBUTES, follows)?), atim, mtim)
}

/// Creates a directory.
pub fn create_dir(dir: &Dir, path: &Path) -> Result<()> {
    dir.create_dir(path)
}

/// Makes a hard link, of no directory.
pub fn hard_link(
    old_dir: &Dir,
    old_path: &Path,
    follows: bool,
    new_dir: &Dir,
    new_path: &Path,
) -> Result<()> {
    let old_path = &if follows { canonicalize(old_dir, old_path)? } else { old_path.to_owned() };
    old_dir.hard_link(old_path, new_dir, new_path).map_err(|refused| {
        match stat_at(old_dir, old_path, false) {
            Ok(Filestat { filetype: Filetype::Directory, .. }) => error(ERROR_PRIVILEGE_NOT_HELD),
            _ => refused,
        }
    })
}

/// The path of what a path leads to, without links. Should that become a link before it is used, the link is taken.
fn canonicalize(dir: &Dir, path: &Path) -> Result<PathBuf> {
    let path = dir.canonicalize(path)?;
    Ok(if path.as_os_str().is_empty() { PathBuf::from(".") } else { path })
}

/// Gives `then` what a symbolic link points at, in the guest's encoding.
pub fn read_link<T>(dir: &Dir, path: &Path, then: impl FnOnce(&[u8]) -> T) -> Result<T> {
    let target = dir.read_link_contents(path)?;
    let target = target.to_str().ok_or_else(|| error(ERROR_NO_UNICODE_TRANSLATION))?;
    Ok(then(target.replace('\\', "/").as_bytes()))
}

/// Removes an empty directory. Windows would take a link to one for it. A path that ends in `.` is refused as on other
/// systems, and so is one that ends in `..`.
pub fn remove_dir(dir: &Dir, path: &Path) -> Result<()> {
    match path.as_os_str().as_encoded_bytes().rsplit(|byte| matches!(byte, b'/' | b'\\')).next() {
        Some(b".") => return stat_at(dir, path, true).and(Err(error(ERROR_INVALID_PARAMETER))),
        Some(b"..") => return stat_at(dir, path, true).and(Err(error(ERROR_DIR_NOT_EMPTY))),
        _ => {}
    }
    if stat_at(dir, path, false)?.filetype == Filetype::SymbolicLink {
        return Err(error(ERROR_DIRECTORY));
    }
    dir.remove_dir(path)
}

/// Renames a file or directory. Windows would let a directory take the place of a file, and takes that of none itself,
/// not even of an empty one.
pub fn rename(old_dir: &Dir, old_path: &Path, new_dir: &Dir, new_path: &Path) -> Result<()> {
    if let Ok(new) = stat_at(new_dir, new_path, false) {
        let old = stat_at(old_dir, old_path, false)?;
        match [old, new].map(|stat| stat.filetype == Filetype::Directory) {
            [true, false] => return Err(error(ERROR_DIRECTORY)),
            [false, true] => return Err(error(ERROR_DIRECTORY_NOT_SUPPORTED)),
            [true, true] if (old.dev, old.ino) != (new.dev, new.ino) => {
                new_dir.remove_dir(new_path)?;
                // What cannot be moved there leaves it as it was, empty.
                return old_dir.rename(old_path, new_dir, new_path).inspect_err(|_| {
                    let _ = new_dir.create_dir(new_path);
                });
            }
            _ => {}
        }
    }
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
    // Windows says of them that they are not there.
    if path.split(['/', '\\']).any(|name| name.len() > NAME_MAX && name.encode_utf16().count() > NAME_MAX) {
        return Err(error(ERROR_FILENAME_EXCED_RANGE));
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
pub fn open_directory(path: &Path, _keeps_atime: bool) -> Result<File> {
    Ok(Dir::open_ambient_dir(path, cap_std::ambient_authority())?.into_std_file())
}

/// Opens the directory again that a descriptor of the host's is, so that it stays where it is: Node's own lets it be
/// renamed.
pub fn reopen_directory(fd: i32, _keeps_atime: bool) -> Result<File> {
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
