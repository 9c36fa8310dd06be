//! The four places where `wasi_unstable` (snapshot 0) is not `wasi_snapshot_preview1`: the order of
//! whence, a 32-bit link count, an identifier in clock subscriptions, and no `sock_accept` (which its table
//! in `wasi.rs` simply leaves out). The methods take the types of this file and call those of preview1.

use crate::core::guest::Wasi;
use crate::core::memory::{List, Memory, Ptr};
use crate::core::table::Entry;
use crate::preview1::abi::{Arg, Attempt, Call, CoreType};
use crate::preview1::trace::{self, Shape, Show};
use crate::preview1::types::{
    self, Event, Filedelta, Filesize, Filetype, Load, Lookupflags, Size, Store, Timestamp, Userdata,
};
use crate::sys::errno::{Errno, Result};
use std::sync::Arc;

/// What a seek counts from, in the order of snapshot 0.
#[derive(Clone, Copy, Debug)]
pub struct Whence(types::Whence);

impl Arg for Whence {
    const CORE: &'static [CoreType] = &[CoreType::I32];
    fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
        match core[0] {
            0 => Ok(Self(types::Whence::Cur)),
            1 => Ok(Self(types::Whence::End)),
            2 => Ok(Self(types::Whence::Set)),
            _ => Err(Errno::Inval.into()),
        }
    }
}

impl Show for Whence {
    const SHAPE: Shape = Shape::Enumeration(1, 0, "Cur End Set");
}

record! {
    out
    /// Attributes of a file.
    Filestat: 56 {
        /// Device it is on.
        0 dev: u64,
        /// Serial number on that device.
        8 ino: u64,
        /// Kind.
        16 filetype: Filetype,
        /// Hard links to it.
        20 nlink: u32,
        /// Bytes.
        24 size: Filesize,
        /// Last access.
        32 atim: Timestamp,
        /// Last change of its data.
        40 mtim: Timestamp,
        /// Last change of its attributes.
        48 ctim: Timestamp,
    }
}

impl From<types::Filestat> for Filestat {
    fn from(stat: types::Filestat) -> Self {
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
    /// What `poll_oneoff` is to wait for. A clock's identifier, at 16, means nothing to the host.
    Subscription: 56 {
        /// Comes back in the event.
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

impl Wasi {
    /// `fd_filestat_get` of snapshot 0.
    pub fn unstable_fd_filestat_get(&self, fd: Arc<Entry>) -> Result<Filestat> {
        self.fd_filestat_get(fd).map(Into::into)
    }

    /// `fd_seek` of snapshot 0.
    pub fn unstable_fd_seek(&self, fd: Arc<Entry>, offset: Filedelta, whence: Whence) -> Result<Filesize> {
        self.fd_seek(fd, offset, whence.0)
    }

    /// `path_filestat_get` of snapshot 0.
    pub fn unstable_path_filestat_get(
        &self,
        memory: Memory,
        attempt: Attempt,
        fd: Arc<Entry>,
        flags: Lookupflags,
        path: List<u8>,
    ) -> Result<Filestat> {
        self.path_filestat_get(memory, attempt, fd, flags, path).map(Into::into)
    }

    /// `poll_oneoff` of snapshot 0.
    pub fn unstable_poll_oneoff(
        &self,
        memory: Memory,
        attempt: Attempt,
        subscriptions: Ptr<Subscription>,
        events: Ptr<Event>,
        nsubscriptions: Size,
    ) -> Result<Size> {
        let subscriptions = List { ptr: subscriptions, len: nsubscriptions };
        memory.check_list(subscriptions, <Subscription as Load>::SIZE)?;
        let load = |index| memory.load_at(subscriptions, index).map(|it: Subscription| it.into());
        self.poll(memory, attempt, nsubscriptions, load, events)
    }
}
