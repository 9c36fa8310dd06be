//! Attributes and permission bits of a path, for `Directory` of JavaScript. Guests see neither owners nor permissions.

use crate::sys::types::Attributes;
use crate::sys::unix::handle::Handle;
use crate::sys::unix::resolve::locate_existing;
#[cfg(target_os = "linux")]
use crate::sys::unix::resolve::open_beneath;
use cap_std::fs::{Dir, Permissions, PermissionsExt};
use rustix::fs::{AtFlags, Stat};
#[cfg(target_os = "linux")]
use rustix::fs::{Mode, OFlags, Statx, StatxFlags, StatxTimestamp};
use std::io::Result;
#[cfg(target_os = "linux")]
use std::os::fd::AsFd;
use std::path::Path;

/// Returns all attributes of a path: `statx`, or `fstatat` where that does not exist.
pub fn attributes_at(dir: &Dir, path: &Path, follows: bool) -> Result<Attributes> {
    #[cfg(target_os = "linux")]
    {
        let flags = if follows { OFlags::PATH } else { OFlags::PATH | OFlags::NOFOLLOW };
        if let Some(opened) = open_beneath(dir, path, flags, Mode::empty())? {
            return attributes(opened.as_fd(), Path::new(""), AtFlags::EMPTY_PATH);
        }
    }
    let located = locate_existing(dir, path, follows)?;
    attributes(located.parent(), located.name(), AtFlags::SYMLINK_NOFOLLOW)
}

/// Sets the permission bits of a path: `fchmodat`. Follows a symlink that is the last component.
pub fn set_mode_at(dir: &Dir, path: &Path, mode: u32) -> Result<()> {
    dir.set_permissions(path, Permissions::from_mode(mode))
}

fn attributes(dir: Handle<'_>, path: &Path, flags: AtFlags) -> Result<Attributes> {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::Errno;
        match rustix::fs::statx(dir, path, flags, StatxFlags::BASIC_STATS | StatxFlags::BTIME) {
            // Linux before 4.11, or a seccomp filter.
            Err(Errno::NOSYS | Errno::PERM) => {}
            result => return Ok(from_statx(&result?)),
        }
    }
    Ok(from_stat(&rustix::fs::statat(dir, path, flags)?))
}

#[cfg(target_os = "linux")]
fn from_statx(statx: &Statx) -> Attributes {
    let time = |time: &StatxTimestamp| nanoseconds(time.tv_sec, time.tv_nsec.into());
    Attributes {
        dev: rustix::fs::makedev(statx.stx_dev_major, statx.stx_dev_minor),
        ino: statx.stx_ino,
        mode: statx.stx_mode.into(),
        nlink: statx.stx_nlink.into(),
        uid: statx.stx_uid,
        gid: statx.stx_gid,
        rdev: rustix::fs::makedev(statx.stx_rdev_major, statx.stx_rdev_minor),
        size: statx.stx_size,
        blksize: statx.stx_blksize.into(),
        blocks: statx.stx_blocks,
        atim: time(&statx.stx_atime),
        mtim: time(&statx.stx_mtime),
        ctim: time(&statx.stx_ctime),
        birthtim: time(&statx.stx_btime),
    }
}

#[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "the widths differ between systems")]
fn from_stat(stat: &Stat) -> Attributes {
    let ctim = nanoseconds(stat.st_ctime as i64, stat.st_ctime_nsec as i64);
    Attributes {
        dev: stat.st_dev as u64,
        ino: stat.st_ino as u64,
        mode: u32::from(stat.st_mode),
        nlink: u64::from(stat.st_nlink),
        uid: stat.st_uid,
        gid: stat.st_gid,
        rdev: stat.st_rdev as u64,
        size: stat.st_size.max(0) as u64,
        blksize: stat.st_blksize as u64,
        blocks: stat.st_blocks as u64,
        atim: nanoseconds(stat.st_atime as i64, stat.st_atime_nsec as i64),
        mtim: nanoseconds(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
        ctim,
        #[cfg(target_vendor = "apple")]
        birthtim: nanoseconds(stat.st_birthtime as i64, stat.st_birthtime_nsec as i64),
        #[cfg(not(target_vendor = "apple"))]
        birthtim: ctim,
    }
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}
