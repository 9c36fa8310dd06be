//! Linux and macOS.

mod attributes;
pub(crate) mod buffer;
mod clock;
mod directory;
#[cfg(not(target_os = "linux"))]
mod entries;
mod errno;
pub(crate) mod file;
pub(crate) mod handle;
mod host;
mod net;
mod open;
mod path;
#[cfg(feature = "node")]
mod pipe;
mod resolve;
mod stream;
#[cfg(feature = "node")]
mod thread_clock;
mod transfer;

pub use attributes::{attributes_at, set_mode_at};
pub use clock::{clock_resolution, clock_time, monotonic_now};
pub use directory::{mount_id, open_directory, path_of, reopen_directory};
#[cfg(not(target_os = "linux"))]
pub(crate) use entries::entries;
pub use errno::errno;
pub use file::{
    advise, allocate, check_allocate, datasync, next_data, seek, set_append, set_size, set_times, stat, sync,
};
pub use handle::{Handle, NULL_DEVICE, handle, keep_loaded};
pub use host::host_stream;
pub use net::{Socket, accept, host_listener, is_listening, receive, send, shutdown, socket_handle};
pub use open::open;
pub use path::{
    create_dir, hard_link, parent_ino, path, read_link, remove_dir, rename, set_times_at, stat_at, symlink,
    unlink,
};
#[cfg(feature = "node")]
pub use pipe::{close_pipe, pipe};
pub use resolve::without_trailing_slashes;
pub use stream::{poll, read_timeout, readable_bytes, stream_directions, stream_flags, stream_kind};
#[cfg(feature = "node")]
pub use thread_clock::ThreadClock;
pub use transfer::{appendv, preadv, pwritev, readv, readv_nowait, writev, writev_nowait};
