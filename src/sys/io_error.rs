//! Conversion of `io::Error` to an errno.

use crate::sys::errno::Errno;
#[cfg(unix)]
use crate::sys::unix::errno as platform_errno;
#[cfg(windows)]
use crate::sys::windows::errno as platform_errno;
use std::io;

impl From<io::Error> for Errno {
    /// Converts the error number of the system. An error without a number comes from `std`, cap-std or this crate. In
    /// such an error `PermissionDenied` means that a path leads out of its directory.
    fn from(error: io::Error) -> Self {
        if let Some(code) = error.raw_os_error() {
            return platform_errno(code);
        }
        match error.kind() {
            io::ErrorKind::PermissionDenied => Errno::Notcapable,
            io::ErrorKind::NotFound => Errno::Noent,
            io::ErrorKind::WouldBlock => Errno::Again,
            io::ErrorKind::AlreadyExists => Errno::Exist,
            io::ErrorKind::InvalidInput => Errno::Inval,
            io::ErrorKind::Unsupported => Errno::Notsup,
            io::ErrorKind::QuotaExceeded => Errno::Dquot,
            io::ErrorKind::FileTooLarge => Errno::Fbig,
            _ => Errno::Io,
        }
    }
}
