//! Opening paths.

use crate::sys::types::{Fdflags, Oflags, OpenOptions};
use crate::sys::unix::directory::open_keeping_atime;
#[cfg(target_os = "linux")]
use crate::sys::unix::resolve::open_beneath;
use crate::sys::unix::resolve::{Last, walk};
use cap_std::fs::Dir;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::Result;
use std::path::Path;

/// How files are created: the process's umask takes permissions away.
const MODE: Mode = Mode::from_raw_mode(0o666);

/// Opens a path. It never waits, not even for the other end of a FIFO: a FIFO without a reader, opened for writing, is
/// `ENXIO`.
pub fn open(dir: &Dir, path: &Path, options: &OpenOptions) -> Result<File> {
    open_keeping_atime(flags(options), options.keeps_atime, |flags| {
        #[cfg(target_os = "linux")]
        if let Some(opened) = open_beneath(dir, path, flags, MODE)? {
            return Ok(opened.into());
        }
        open_stepwise(dir, path, flags)
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
    // These share bits: none may be taken away again.
    let sync = |fdflags, flag| if options.fdflags.contains(fdflags) { flag } else { OFlags::empty() };
    flags |= sync(Fdflags::SYNC, OFlags::SYNC) | sync(Fdflags::DSYNC, OFlags::DSYNC);
    #[cfg(target_os = "linux")]
    flags.insert(sync(Fdflags::RSYNC, OFlags::RSYNC));
    flags
}

/// Opens a path where the kernel does not resolve it whole: in the directory that holds its last component, which is
/// never followed there.
fn open_stepwise(dir: &Dir, path: &Path, flags: OFlags) -> Result<File> {
    let creates = flags.contains(OFlags::CREATE);
    let keeps_link = flags.contains(OFlags::NOFOLLOW) || flags.contains(OFlags::CREATE | OFlags::EXCL);
    let located = walk(dir, path, Last { follows: !keeps_link, creates })?;
    let mut flags = flags | OFlags::NOFOLLOW;
    flags.set(OFlags::DIRECTORY, flags.contains(OFlags::DIRECTORY) || located.must_be_directory());
    Ok(rustix::fs::openat(located.parent(), located.name(), flags, MODE)?.into())
}
