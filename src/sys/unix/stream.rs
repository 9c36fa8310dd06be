//! Kind and readiness of streams, and waits for readiness.

use crate::sys::types::{Fdflags, Filesize, Filetype, Interest, Readiness, StreamKind};
use crate::sys::unix::file::filetype;
use crate::sys::unix::handle::Handle;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::io::Result;
use std::time::Duration;

/// Returns the kind of an open file: `fstat`, and `isatty` for devices.
pub fn stream_kind(handle: Handle<'_>) -> Result<StreamKind> {
    let stat = rustix::fs::fstat(handle)?;
    let mode = stat.st_mode;
    Ok(match rustix::fs::FileType::from_raw_mode(mode) {
        rustix::fs::FileType::Fifo => StreamKind::Pipe,
        rustix::fs::FileType::Socket => {
            StreamKind::Socket(match rustix::net::sockopt::socket_type(handle)? {
                rustix::net::SocketType::DGRAM => Filetype::SocketDgram,
                _ => Filetype::SocketStream,
            })
        }
        rustix::fs::FileType::RegularFile
        | rustix::fs::FileType::Directory
        | rustix::fs::FileType::BlockDevice => StreamKind::Ready(filetype(mode)),
        rustix::fs::FileType::CharacterDevice if rustix::termios::isatty(handle) => StreamKind::Terminal,
        rustix::fs::FileType::CharacterDevice if never_waits(&stat) => {
            StreamKind::Ready(Filetype::CharacterDevice)
        }
        _ => StreamKind::Device(filetype(mode)),
    })
}

/// Returns whether a device is `/dev/null`, `zero`, `full` or `urandom`. Their device numbers are the same on every
/// Linux.
#[cfg(target_os = "linux")]
fn never_waits(stat: &rustix::fs::Stat) -> bool {
    const MEMORY_DEVICES: u32 = 1;
    let (major, minor) = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
    major == MEMORY_DEVICES && matches!(minor, 3 | 5 | 7 | 9)
}

#[cfg(not(target_os = "linux"))]
fn never_waits(_: &rustix::fs::Stat) -> bool {
    false
}

/// Returns the flags of a host descriptor that a guest sees: `APPEND` or none.
pub fn stream_flags(handle: Handle<'_>) -> Result<Fdflags> {
    let append = rustix::fs::fcntl_getfl(handle)?.contains(OFlags::APPEND);
    Ok(if append { Fdflags::APPEND } else { Fdflags::empty() })
}

/// Returns whether a host descriptor is open for reading, and for writing.
pub fn stream_directions(handle: Handle<'_>) -> Result<(bool, bool)> {
    Ok(match rustix::fs::fcntl_getfl(handle)? & OFlags::RWMODE {
        OFlags::RDONLY => (true, false),
        OFlags::WRONLY => (false, true),
        _ => (true, true),
    })
}

/// Returns whether `O_NONBLOCK` is set on a descriptor.
pub(crate) fn is_nonblocking(handle: Handle<'_>) -> Result<bool> {
    Ok(rustix::fs::fcntl_getfl(handle)?.contains(OFlags::NONBLOCK))
}

/// Returns how long a read of a terminal waits before it returns nothing. `None` unless the terminal has VMIN 0 and
/// no line editing.
pub fn read_timeout(handle: Handle<'_>) -> Option<Duration> {
    use rustix::termios::{LocalModes, SpecialCodeIndex, tcgetattr};
    let mode = tcgetattr(handle).ok()?;
    let codes = &mode.special_codes;
    let has_timeout = !mode.local_modes.contains(LocalModes::ICANON) && codes[SpecialCodeIndex::VMIN] == 0;
    has_timeout.then(|| Duration::from_millis(100) * u32::from(codes[SpecialCodeIndex::VTIME]))
}

/// Returns the number of bytes that can be read now: `FIONREAD`. 0 if the system does not know.
pub fn readable_bytes(handle: Handle<'_>) -> Filesize {
    rustix::io::ioctl_fionread(handle).unwrap_or(0)
}

/// Waits at most `timeout` until a stream is ready, and returns the readiness of all: `poll`. A signal ends the wait.
pub fn poll(streams: &[(Handle<'_>, Interest)], timeout: Duration) -> Result<Vec<Readiness>> {
    use rustix::event::{PollFd, PollFlags};
    /// The peer of a socket sends no more data.
    #[cfg(target_os = "linux")]
    const HALF_CLOSED: PollFlags = PollFlags::RDHUP;
    #[cfg(not(target_os = "linux"))]
    const HALF_CLOSED: PollFlags = PollFlags::empty();
    let mut fds: Vec<_> = streams
        .iter()
        .map(|(handle, interest)| {
            let events = match interest {
                Interest::Read => PollFlags::IN | HALF_CLOSED,
                Interest::Write => PollFlags::OUT,
            };
            PollFd::from_borrowed_fd(*handle, events)
        })
        .collect();
    let timeout = rustix::event::Timespec::try_from(timeout).map_err(|_| Errno::INVAL)?;
    match rustix::event::poll(&mut fds, Some(&timeout)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let readiness = |fd: &PollFd<'_>| Readiness {
        ready: !fd.revents().is_empty(),
        hangup: fd.revents().intersects(PollFlags::HUP | HALF_CLOSED),
    };
    Ok(fds.iter().map(readiness).collect())
}
