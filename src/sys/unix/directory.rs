//! Directories of the host, and where they are.

use crate::sys::unix::handle::Handle;
use crate::sys::unix::host::host_stream;
use rustix::fs::{Mode, OFlags};
use std::ffi::OsString;
use std::fs::File;
use std::io::Result;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Opens the directory at a path of the host's, for reading: it can be listed and synced. With `keeps_atime` listing it
/// leaves the time of the last access, where the system allows that.
pub fn open_directory(path: &Path, keeps_atime: bool) -> Result<File> {
    open_keeping_atime(DIRECTORY, keeps_atime, |flags| {
        Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
    })
}

/// Opens the directory again that a descriptor of the host's is, whatever that was opened for.
pub fn reopen_directory(fd: i32, keeps_atime: bool) -> Result<File> {
    let dir = host_stream(fd)?;
    open_keeping_atime(DIRECTORY, keeps_atime, |flags| {
        Ok(rustix::fs::openat(&*dir, ".", flags, Mode::empty())?.into())
    })
}

/// Calls `open` with flags that leave the time of the last access alone, and without them if only the owner of the file
/// may ask for that.
pub(crate) fn open_keeping_atime(
    flags: OFlags,
    keeps_atime: bool,
    open: impl Fn(OFlags) -> Result<File>,
) -> Result<File> {
    #[cfg(target_os = "linux")]
    if keeps_atime {
        match open(flags | OFlags::NOATIME) {
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => {}
            opened => return opened,
        }
    }
    let _ = keeps_atime;
    open(flags)
}

/// Which mount something open was reached through, where the system tells.
pub fn mount_id(handle: Handle<'_>) -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{AtFlags, StatxFlags, statx};
        let stat = statx(handle, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).ok()?;
        (stat.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(stat.stx_mnt_id)
    }
    // A directory has one device on each mount there.
    #[cfg(not(target_os = "linux"))]
    {
        let _ = handle;
        Some(0)
    }
}

/// Where something open is at this moment, if the system can tell.
pub fn path_of(handle: Handle<'_>) -> Option<PathBuf> {
    #[cfg(target_os = "linux")]
    {
        // It makes sure that this is the kernel's own /proc.
        let links = rustix_linux_procfs::proc_self_fd().ok()?;
        let number = rustix::path::DecInt::from_fd(handle);
        let path = rustix::fs::readlinkat(links, number, Vec::new()).ok()?.into_bytes();
        // Of what is no longer anywhere, or out of reach, it says so.
        let is_there = path.starts_with(b"/") && !path.ends_with(b" (deleted)");
        is_there.then(|| OsString::from_vec(path).into())
    }
    #[cfg(target_vendor = "apple")]
    {
        let path = rustix::fs::getpath(handle).ok()?.into_bytes();
        Some(OsString::from_vec(path).into())
    }
    #[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
    {
        let _ = handle;
        None
    }
}
