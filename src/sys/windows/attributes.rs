//! Attributes and permission bits of a path, for `Directory` of JavaScript: the values that libuv derives.

use crate::sys::types::{Attributes, Filetype, Timestamp};
use crate::sys::windows::file::stat;
use crate::sys::windows::handle::handle;
use crate::sys::windows::open::open_for;
use cap_std::fs::Dir;
use std::io::Result;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// Returns all attributes of a path. The permission bits show the attribute read-only.
pub fn attributes_at(dir: &Dir, path: &Path, follows: bool) -> Result<Attributes> {
    let file = open_for(dir, path, 0, follows)?;
    let metadata = file.metadata()?;
    let stat = stat(handle(&file))?;
    let kind = match stat.filetype {
        Filetype::Directory => 0o040_000,
        Filetype::SymbolicLink => 0o120_000,
        _ => 0o100_000,
    };
    let time = |time: Timestamp| i64::try_from(time).unwrap_or(i64::MAX);
    let created = metadata.created().ok().and_then(|time| time.into_std().duration_since(UNIX_EPOCH).ok());
    Ok(Attributes {
        dev: stat.dev,
        ino: stat.ino,
        mode: kind | if metadata.permissions().readonly() { 0o444 } else { 0o666 },
        nlink: stat.nlink,
        uid: 0,
        gid: 0,
        rdev: 0,
        size: stat.size,
        blksize: 4096,
        blocks: stat.size.div_ceil(512),
        atim: time(stat.atim),
        mtim: time(stat.mtim),
        ctim: time(stat.ctim),
        birthtim: created.map_or(0, |time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)),
    })
}

/// Sets the permission bits of a path. Windows stores whether any of them allows writing.
pub fn set_mode_at(dir: &Dir, path: &Path, mode: u32) -> Result<()> {
    let mut permissions = dir.metadata(path)?.permissions();
    permissions.set_readonly(mode & 0o222 == 0);
    dir.set_permissions(path, permissions)
}
