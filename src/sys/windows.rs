//! Windows, by cap-std and windows-sys.
#![expect(unsafe_code, reason = "system calls take addresses of guest memory and of structures")]

mod attributes;
pub(crate) mod buffer;
mod clock;
mod console;
mod entries;
mod errno;
mod file;
pub(crate) mod handle;
mod host;
mod net;
mod open;
mod path;
#[cfg(feature = "node")]
mod pipe;
mod stream;
#[cfg(feature = "node")]
mod thread_clock;
mod transfer;

pub use attributes::{attributes_at, set_mode_at};
pub use clock::{clock_resolution, clock_time, monotonic_now};
pub(crate) use entries::entries;
pub use errno::errno;
pub use file::{
    advise, allocate, check_allocate, datasync, next_data, seek, set_append, set_size, set_times, stat, sync,
};
pub use handle::{Handle, NULL_DEVICE, handle, keep_loaded};
pub use host::host_stream;
pub use net::{
    Socket, accept, host_listener, is_listening, is_socket, receive, send, shutdown, socket_handle,
};
pub use open::open;
pub use path::{
    create_dir, hard_link, mount_id, open_directory, parent_ino, path, path_of, read_link, remove_dir,
    rename, reopen_directory, set_times_at, stat_at, symlink, unlink, without_trailing_slashes,
};
#[cfg(feature = "node")]
pub use pipe::pipe;
pub use stream::{poll, read_timeout, readable_bytes, stream_directions, stream_flags, stream_kind};
#[cfg(feature = "node")]
pub use thread_clock::ThreadClock;
pub use transfer::{appendv, preadv, pwritev, readv, readv_nowait, writev, writev_nowait};
