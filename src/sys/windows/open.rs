//! Opening paths. cap-std resolves them component by component.

use crate::sys::types::{self, Fdflags, Filetype, Oflags};
use crate::sys::windows::file::stat;
use crate::sys::windows::handle::{handle, has_code, os_error};
use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use std::fs::File;
use std::io::Result;
use std::path::Path;
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_DIRECTORY, ERROR_DIRECTORY_NOT_SUPPORTED, GENERIC_READ, GENERIC_WRITE,
};
use windows_sys::Win32::Storage::FileSystem::{FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT};

fn follow(follows: bool) -> FollowSymlinks {
    if follows { FollowSymlinks::Yes } else { FollowSymlinks::No }
}

/// Opens a path with this access only. Also opens directories, and symlinks unless `follows`.
pub(crate) fn open_for(dir: &Dir, path: &Path, access: u32, follows: bool) -> Result<cap_std::fs::File> {
    let link = if follows { 0 } else { FILE_FLAG_OPEN_REPARSE_POINT };
    let mut options = OpenOptions::new();
    options.access_mode(access).custom_flags(FILE_FLAG_BACKUP_SEMANTICS | link).follow(follow(follows));
    dir.open_with(path, &options)
}

/// Opens a path. A file can be removed or replaced while it is open, as on other systems. A directory cannot: this
/// keeps paths inside it.
pub fn open(dir: &Dir, path: &Path, options: &types::OpenOptions) -> Result<File> {
    let file_error = if options.oflags.contains(Oflags::DIRECTORY) {
        os_error(ERROR_ACCESS_DENIED)
    } else {
        match open_file(dir, path, options) {
            // The error for a directory that is opened as a file.
            Err(error) if has_code(&error, ERROR_ACCESS_DENIED) => error,
            result => return result,
        }
    };
    let mut cap_options = OpenOptions::new();
    cap_options.read(true).follow(follow(options.follows)).maybe_dir(true);
    let opened = dir.open_with(path, &cap_options)?.into_std();
    if stat(handle(&opened))?.filetype != Filetype::Directory {
        let is_required = options.oflags.contains(Oflags::DIRECTORY);
        return Err(if is_required { os_error(ERROR_DIRECTORY) } else { file_error });
    }
    if options.writes || options.oflags.intersects(Oflags::CREAT | Oflags::TRUNC) {
        return Err(os_error(ERROR_DIRECTORY_NOT_SUPPORTED));
    }
    Ok(opened)
}

fn open_file(dir: &Dir, path: &Path, options: &types::OpenOptions) -> Result<File> {
    let (creates, truncates) =
        (options.oflags.contains(Oflags::CREAT), options.oflags.contains(Oflags::TRUNC));
    // Windows would create the file before it finds that the path requires a directory.
    if creates && matches!(path.as_os_str().as_encoded_bytes().last(), Some(b'/' | b'\\')) {
        return Err(os_error(ERROR_DIRECTORY_NOT_SUPPORTED));
    }
    let read = if options.reads || !options.writes { GENERIC_READ } else { 0 };
    let write = if options.writes || truncates { GENERIC_WRITE } else { 0 };
    let mut cap_options = OpenOptions::new();
    cap_options
        .access_mode(read | write)
        // cap-std requires these flags for creation and truncation. The access mode above overrides them.
        .read(true)
        .write(options.writes || creates || truncates)
        .create(creates)
        .create_new(creates && options.oflags.contains(Oflags::EXCL))
        .truncate(truncates)
        .follow(follow(options.follows))
        .sync(options.fdflags.contains(Fdflags::SYNC))
        .dsync(options.fdflags.contains(Fdflags::DSYNC))
        .rsync(options.fdflags.contains(Fdflags::RSYNC));
    Ok(dir.open_with(path, &cap_options)?.into_std())
}
