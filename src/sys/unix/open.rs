//! Opening paths.

use crate::sys::types::{Fdflags, Oflags, OpenOptions};
use crate::sys::unix::directory::open_keeping_atime;
#[cfg(target_os = "linux")]
use crate::sys::unix::resolve::open_beneath;
use crate::sys::unix::resolve::{LastComponent, walk};
use cap_std::fs::Dir;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::Result;
use std::path::Path;

/// Opens a path: `openat2` or `openat`. Never waits: opening a FIFO without a reader for writing is `ENXIO`.
pub fn open(dir: &Dir, path: &Path, options: &OpenOptions) -> Result<File> {
    let mode = Mode::from_raw_mode(options.mode.into());
    open_keeping_atime(flags(options), options.keeps_atime, |flags| {
        #[cfg(target_os = "linux")]
        if let Some(opened) = open_beneath(dir, path, flags, mode)? {
            return Ok(opened.into());
        }
        open_stepwise(dir, path, flags, mode)
    })
}

fn flags(options: &OpenOptions) -> OFlags {
    let mut flags = OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    flags |= match (options.reads, options.writes) {
        (true, true) => OFlags::RDWR,
        (false, true) => OFlags::WRONLY,
        (_, false) => OFlags::RDONLY,
    };
    flags.set(OFlags::NOFOLLOW, !options.follows);
    flags.set(OFlags::CREATE, options.oflags.contains(Oflags::CREAT));
    flags.set(OFlags::EXCL, options.oflags.contains(Oflags::EXCL));
    flags.set(OFlags::TRUNC, options.oflags.contains(Oflags::TRUNC));
    flags.set(OFlags::DIRECTORY, options.oflags.contains(Oflags::DIRECTORY));
    flags.set(OFlags::APPEND, options.fdflags.contains(Fdflags::APPEND));
    // SYNC contains the bits of DSYNC: clearing a missing flag would clear bits of the other.
    let sync = |fdflags, flag| if options.fdflags.contains(fdflags) { flag } else { OFlags::empty() };
    flags |= sync(Fdflags::SYNC, OFlags::SYNC) | sync(Fdflags::DSYNC, OFlags::DSYNC);
    #[cfg(target_os = "linux")]
    flags.insert(sync(Fdflags::RSYNC, OFlags::RSYNC));
    flags
}

/// Opens a path component by component, where the kernel cannot resolve it beneath a directory. The last component is
/// opened in the handle of its parent, without following a symlink.
fn open_stepwise(dir: &Dir, path: &Path, flags: OFlags, mode: Mode) -> Result<File> {
    let creates = flags.contains(OFlags::CREATE);
    let opens_symlink = flags.contains(OFlags::NOFOLLOW) || flags.contains(OFlags::CREATE | OFlags::EXCL);
    let located = walk(dir, path, LastComponent { follows: !opens_symlink, creates })?;
    let mut flags = flags | OFlags::NOFOLLOW;
    flags.set(OFlags::DIRECTORY, flags.contains(OFlags::DIRECTORY) || located.must_be_directory());
    Ok(rustix::fs::openat(located.parent(), located.name(), flags, mode)?.into())
}
