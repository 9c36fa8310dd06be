//! Opening paths, which cap-std resolves component by component.

use crate::sys::types::{self, Fdflags, Filetype, Oflags};
use crate::sys::windows::file::stat;
use crate::sys::windows::handle::{error, handle, is};
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

/// Opens whatever a path leads to, with no more than the access given: it works for directories and, unless
/// they are followed, links.
pub(crate) fn open_for(dir: &Dir, path: &Path, access: u32, follows: bool) -> Result<cap_std::fs::File> {
    let link = if follows { 0 } else { FILE_FLAG_OPEN_REPARSE_POINT };
    let mut options = OpenOptions::new();
    options.access_mode(access).custom_flags(FILE_FLAG_BACKUP_SEMANTICS | link).follow(follow(follows));
    dir.open_with(path, &options)
}

/// Opens a path. A file is opened so that it can be removed or replaced while it is open, as on other
/// systems; a directory so that it cannot, which is what keeps paths inside it.
pub fn open(dir: &Dir, path: &Path, wanted: &types::OpenOptions) -> Result<File> {
    let refused = if wanted.oflags.contains(Oflags::DIRECTORY) {
        error(ERROR_ACCESS_DENIED)
    } else {
        match open_file(dir, path, wanted) {
            // So Windows refuses a directory that is to be opened as a file.
            Err(refused) if is(&refused, ERROR_ACCESS_DENIED) => refused,
            result => return result,
        }
    };
    let mut options = OpenOptions::new();
    options.read(true).follow(follow(wanted.follows)).maybe_dir(true);
    let opened = dir.open_with(path, &options)?.into_std();
    if stat(handle(&opened))?.filetype != Filetype::Directory {
        let must = wanted.oflags.contains(Oflags::DIRECTORY);
        return Err(if must { error(ERROR_DIRECTORY) } else { refused });
    }
    if wanted.writes || wanted.oflags.intersects(Oflags::CREAT | Oflags::TRUNC) {
        return Err(error(ERROR_DIRECTORY_NOT_SUPPORTED));
    }
    Ok(opened)
}

fn open_file(dir: &Dir, path: &Path, wanted: &types::OpenOptions) -> Result<File> {
    let (creates, cuts) = (wanted.oflags.contains(Oflags::CREAT), wanted.oflags.contains(Oflags::TRUNC));
    // Else the file would be made before it is found not to be a directory.
    if creates && matches!(path.as_os_str().as_encoded_bytes().last(), Some(b'/' | b'\\')) {
        return Err(error(ERROR_DIRECTORY_NOT_SUPPORTED));
    }
    let read = if wanted.reads || !wanted.writes { GENERIC_READ } else { 0 };
    let write = if wanted.writes || cuts { GENERIC_WRITE } else { 0 };
    let mut options = OpenOptions::new();
    options
        .access_mode(read | write)
        // What cap-std wants of whom creates or cuts; the access is what was said above.
        .read(true)
        .write(wanted.writes || creates || cuts)
        .create(creates)
        .create_new(creates && wanted.oflags.contains(Oflags::EXCL))
        .truncate(cuts)
        .follow(follow(wanted.follows))
        .sync(wanted.fdflags.contains(Fdflags::SYNC))
        .dsync(wanted.fdflags.contains(Fdflags::DSYNC))
        .rsync(wanted.fdflags.contains(Fdflags::RSYNC));
    Ok(dir.open_with(path, &options)?.into_std())
}
