//! Directory entries on systems other than Linux.

use crate::sys::dir::ListedEntry;
use crate::sys::types::Filetype;
use crate::sys::unix::file;
use cap_std::fs::Dir;
use rustix::fs::AtFlags;
use std::io::Result;

/// Reads all entries of a directory: `readdir`.
pub(crate) fn entries(dir: &Dir) -> Result<Vec<ListedEntry>> {
    let entry = |entry: rustix::io::Result<rustix::fs::DirEntry>| {
        let entry = entry?;
        let filetype = match entry.file_type() {
            // Some file systems have no types in their entries.
            rustix::fs::FileType::Unknown => {
                rustix::fs::statat(dir, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(Filetype::Unknown, |stat| file::filetype(stat.st_mode as rustix::fs::RawMode))
            }
            kind => file::filetype(kind.as_raw_mode()),
        };
        let name = entry.file_name().to_bytes().to_vec();
        Ok(ListedEntry { name, ino: entry.ino(), filetype })
    };
    rustix::fs::Dir::read_from(dir)?.map(entry).collect()
}
