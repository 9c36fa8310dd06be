//! Directories of the host, and their paths.

use crate::sys::unix::handle::Handle;
use crate::sys::unix::host::host_stream;
use rustix::fs::{Mode, OFlags};
use std::ffi::OsString;
use std::fs::File;
use std::io::Result;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Opens a directory of the host for reading: `open`. With `keeps_atime` reading leaves the access time unchanged,
/// where the system allows that.
pub fn open_directory(path: &Path, keeps_atime: bool) -> Result<File> {
    open_keeping_atime(DIRECTORY, keeps_atime, |flags| {
        Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
    })
}

/// Opens the directory of a host descriptor for reading: `openat(fd, ".")`. The descriptor may have any access mode.
pub fn reopen_directory(fd: i32, keeps_atime: bool) -> Result<File> {
    let dir = host_stream(fd)?;
    open_keeping_atime(DIRECTORY, keeps_atime, |flags| {
        Ok(rustix::fs::openat(&*dir, ".", flags, Mode::empty())?.into())
    })
}

/// Calls `open` with `O_NOATIME` if `keeps_atime`. Retries without the flag on `EPERM`: only the owner of a file may
/// use `O_NOATIME`.
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

/// Returns the id of the mount through which a file was opened: `statx`. `None` before Linux 5.8.
pub fn mount_id(handle: Handle<'_>) -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{AtFlags, StatxFlags, statx};
        let stat = statx(handle, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).ok()?;
        (stat.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(stat.stx_mnt_id)
    }
    // On other systems each mount has its own device number.
    #[cfg(not(target_os = "linux"))]
    {
        let _ = handle;
        Some(0)
    }
}

/// Returns the current path of an open file. `None` if the system does not know the path.
pub fn path_of(handle: Handle<'_>) -> Option<PathBuf> {
    #[cfg(target_os = "linux")]
    {
        // Fails if another file system is mounted at /proc.
        let links = rustix_linux_procfs::proc_self_fd().ok()?;
        let number = rustix::path::DecInt::from_fd(handle);
        let path = rustix::fs::readlinkat(links, number, Vec::new()).ok()?.into_bytes();
        // The kernel marks removed files, and shows no absolute path for unreachable ones.
        let is_known = path.starts_with(b"/") && !path.ends_with(b" (deleted)");
        is_known.then(|| OsString::from_vec(path).into())
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
