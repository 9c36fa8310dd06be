//! The differences of `wasi_unstable` (snapshot 0) from `wasi_snapshot_preview1`: the order of `whence`, a link count
//! of 32 bits, an identifier in clock subscriptions, and no `sock_accept`. These methods convert the types and call the
//! methods of preview1.

use crate::core::guest::Guest;
use crate::core::layout::{Load, Store};
use crate::core::memory::{List, Memory, Ptr, Size};
use crate::core::outcome::HostResult;
use crate::core::restart::RestartState;
use crate::core::table::OpenEntry;
use crate::preview1::abi::{Arg, Call, CoreType, stored_results};
use crate::preview1::describe::{Describe, Field, Format, Snapshot};
use crate::preview1::types::{self, Event, Lookupflags, Userdata};
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{self as sys_types, Filedelta, Filesize, Filetype, Timestamp};

/// Origin of a seek, in the order of snapshot 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whence(sys_types::Whence);

impl Arg<'_> for Whence {
    const CORE: &'static [CoreType] = &[CoreType::I32];
    fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
        match core[0] {
            0 => Ok(Self(sys_types::Whence::Cur)),
            1 => Ok(Self(sys_types::Whence::End)),
            2 => Ok(Self(sys_types::Whence::Set)),
            _ => Err(Errno::Inval),
        }
    }
}

impl Describe for Whence {
    const FORMAT: Format = Format::Enumeration(1, 0, "Cur End Set");
}

record! {
    out
    /// Attributes of a file.
    Filestat: 56 {
        /// Device number.
        0 dev: u64,
        /// Inode number.
        8 ino: u64,
        /// Type.
        16 filetype: Filetype,
        /// Number of hard links.
        20 nlink: u32,
        /// Size in bytes.
        24 size: Filesize,
        /// Time of the last access.
        32 atim: Timestamp,
        /// Time of the last modification.
        40 mtim: Timestamp,
        /// Time of the last change of attributes.
        48 ctim: Timestamp,
    }
}
stored_results!(Filestat);

impl From<sys_types::Filestat> for Filestat {
    fn from(stat: sys_types::Filestat) -> Self {
        Self {
            dev: stat.dev,
            ino: stat.ino,
            filetype: stat.filetype,
            nlink: u32::try_from(stat.nlink).unwrap_or(u32::MAX),
            size: stat.size,
            atim: stat.atim,
            mtim: stat.mtim,
            ctim: stat.ctim,
        }
    }
}

record! {
    in
    /// A subscription of `poll_oneoff`. The host ignores the identifier of a clock, at offset 16.
    Subscription: 56 {
        /// Value for the event.
        0 userdata: Userdata,
        /// An `Eventtype`.
        8 tag: u8,
        /// For `FdRead` and `FdWrite`, the descriptor.
        16 fd: u32,
        /// For `Clock`, a `Clockid`.
        24 clock_id: u32,
        /// For `Clock`, nanoseconds.
        32 timeout: Timestamp,
        /// For `Clock`, `Subclockflags`.
        48 flags: u16,
    }
}

impl Describe for Ptr<Subscription> {
    const FORMAT: Format = Format::Subscriptions(Snapshot::Zero);
}

impl From<Subscription> for types::Subscription {
    fn from(subscription: Subscription) -> Self {
        Self {
            userdata: subscription.userdata,
            tag: subscription.tag,
            fd: subscription.fd,
            clock_id: subscription.clock_id,
            timeout: subscription.timeout,
            flags: subscription.flags,
        }
    }
}

impl Guest {
    /// Implements `fd_filestat_get` of snapshot 0.
    pub(crate) fn unstable_fd_filestat_get(&self, fd: OpenEntry<'_>) -> HostResult<Filestat> {
        self.fd_filestat_get(fd).map(Into::into)
    }

    /// Implements `fd_seek` of snapshot 0.
    pub(crate) fn unstable_fd_seek(
        &self,
        fd: OpenEntry<'_>,
        offset: Filedelta,
        whence: Whence,
    ) -> HostResult<Filesize> {
        self.fd_seek(fd, offset, whence.0)
    }

    /// Implements `path_filestat_get` of snapshot 0.
    pub(crate) fn unstable_path_filestat_get(
        &self,
        memory: Memory,
        restart: &RestartState,
        fd: OpenEntry<'_>,
        flags: Lookupflags,
        path: List<u8>,
    ) -> HostResult<Filestat> {
        self.path_filestat_get(memory, restart, fd, flags, path).map(Into::into)
    }

    /// Implements `poll_oneoff` of snapshot 0.
    pub(crate) fn unstable_poll_oneoff(
        &self,
        memory: Memory,
        restart: &RestartState,
        subscriptions: Ptr<Subscription>,
        events: Ptr<Event>,
        nsubscriptions: Size,
    ) -> HostResult<Size> {
        let subscriptions = List { ptr: subscriptions, len: nsubscriptions };
        memory.check_list(subscriptions, <Subscription as Load>::SIZE)?;
        let load = |index| memory.load_at(subscriptions, index).map(types::Subscription::from);
        self.poll_subscriptions(memory, restart, nsubscriptions, load, events)
    }
}
