//! Streams: their kind, their readiness, and waits for it.

use crate::sys::types::{Fdflags, Filesize, Filetype, Interest, Readiness, StreamKind};
use crate::sys::unix::file::filetype;
use crate::sys::unix::handle::Handle;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::io::Result;
use std::time::Duration;

/// What kind of stream something open is.
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

/// Whether a device is `/dev/null`, `zero`, `full` or `urandom`, whose numbers Linux has fixed.
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

/// The flags a descriptor of the host's has and the guest may know: whether writes append.
pub fn stream_flags(handle: Handle<'_>) -> Result<Fdflags> {
    let append = rustix::fs::fcntl_getfl(handle)?.contains(OFlags::APPEND);
    Ok(if append { Fdflags::APPEND } else { Fdflags::empty() })
}

/// The rights to read and write that a descriptor of the host's was opened with.
pub fn stream_directions(handle: Handle<'_>) -> Result<(bool, bool)> {
    let mode = rustix::fs::fcntl_getfl(handle)? & OFlags::RWMODE;
    Ok(match mode {
        OFlags::RDONLY => (true, false),
        OFlags::WRONLY => (false, true),
        _ => (true, true),
    })
}

/// Whether `O_NONBLOCK` is set on a descriptor.
pub(crate) fn is_nonblocking(handle: Handle<'_>) -> Result<bool> {
    Ok(rustix::fs::fcntl_getfl(handle)?.contains(OFlags::NONBLOCK))
}

/// How long a read of a terminal waits before it gives up and returns nothing, if the terminal is set so: VTIME with
/// VMIN 0, without line editing.
pub fn read_timeout(handle: Handle<'_>) -> Option<Duration> {
    use rustix::termios::{LocalModes, SpecialCodeIndex, tcgetattr};
    let mode = tcgetattr(handle).ok()?;
    let codes = &mode.special_codes;
    let gives_up = !mode.local_modes.contains(LocalModes::ICANON) && codes[SpecialCodeIndex::VMIN] == 0;
    gives_up.then(|| Duration::from_millis(100) * u32::from(codes[SpecialCodeIndex::VTIME]))
}

/// Bytes that can be read now, 0 where the system cannot tell.
pub fn readable_bytes(handle: Handle<'_>) -> Filesize {
    rustix::io::ioctl_fionread(handle).unwrap_or(0)
}

/// Asks of each stream whether it is ready, and waits `at_most` so long until one is. A signal ends the wait.
pub fn poll(streams: &[(Handle<'_>, Interest)], at_most: Duration) -> Result<Vec<Readiness>> {
    use rustix::event::{PollFd, PollFlags};
    /// A socket whose peer will send no more.
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
    let timeout = rustix::event::Timespec::try_from(at_most).map_err(|_| Errno::INVAL)?;
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
