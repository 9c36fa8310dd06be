//! Everything that differs between operating systems. `unix` and `windows` export the same functions. Each function
//! is one system call, or as close to one as the system allows.
#![allow(clippy::unnecessary_wraps, reason = "a function has the same type on every system")]

#[macro_use]
pub(crate) mod numbered;
pub(crate) mod buffers;
pub(crate) mod dir;
pub mod errno;
mod io_error;
pub(crate) mod poller;
pub mod types;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as platform;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as platform;

#[cfg(windows)]
pub(crate) use platform::is_socket;

#[cfg(target_os = "linux")]
mod getdents;
#[cfg(target_os = "linux")]
pub(crate) use getdents::DirStream;

#[cfg(not(target_os = "linux"))]
mod readdir;
#[cfg(not(target_os = "linux"))]
pub(crate) use readdir::DirStream;

#[cfg(all(feature = "node", unix))]
pub(crate) use platform::close_pipe;
pub(crate) use platform::{
    Handle, NULL_DEVICE, Socket, accept, advise, allocate, appendv, attributes_at, check_allocate,
    clock_resolution, clock_time, create_dir, datasync, handle, hard_link, host_listener, host_stream,
    is_listening, keep_loaded, monotonic_now, mount_id, next_data, open, parent_ino, path, path_of, poll,
    preadv, pwritev, read_link, read_timeout, readable_bytes, readv, readv_nowait, receive, remove_dir,
    rename, seek, send, set_append, set_mode_at, set_size, set_times, set_times_at, shutdown, socket_handle,
    stat, stat_at, stream_directions, stream_flags, stream_kind, symlink, sync, unlink,
    without_trailing_slashes, writev, writev_nowait,
};
#[cfg(feature = "node")]
pub(crate) use platform::{ThreadClock, pipe};
pub use platform::{open_directory, reopen_directory};

/// Maximum number of buffers of one vectored call: `IOV_MAX` on Linux and macOS.
pub(crate) const MAX_BUFFERS: usize = 1024;
