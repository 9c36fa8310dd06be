//! Entries of a directory, on systems other than Linux.

use crate::sys::dir::ListedEntry;
use crate::sys::types::Filetype;
use crate::sys::unix::file::filetype;
use cap_std::fs::Dir;
use rustix::fs::AtFlags;
use std::io::Result;

/// Reads all entries of a directory.
pub(crate) fn entries(dir: &Dir) -> Result<Vec<ListedEntry>> {
    let entry = |entry: rustix::io::Result<rustix::fs::DirEntry>| {
        let entry = entry?;
        let kind = match entry.file_type() {
            // For file systems that do not say the kind of a file in its entry.
            rustix::fs::FileType::Unknown => {
                rustix::fs::statat(dir, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(Filetype::Unknown, |stat| filetype(stat.st_mode as rustix::fs::RawMode))
            }
            kind => filetype(kind.as_raw_mode()),
        };
        let name = entry.file_name().to_bytes().to_vec();
        Ok(ListedEntry { name, ino: entry.ino(), filetype: kind })
    };
    rustix::fs::Dir::read_from(dir)?.map(entry).collect()
}
