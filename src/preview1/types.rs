//! Types of the witx that only the ABI uses, and the layouts of all types in guest memory.

use crate::core::layout::{Load, Store};
use crate::core::memory::{Ptr, Size};
use crate::core::rights::Rights;
use crate::core::table::Fd;
use crate::preview1::describe::{Describe, Field, Format, Snapshot};
use crate::sys::errno::Errno;
use crate::sys::types::{
    Advice, Clockid, Dircookie, Fdflags, Filesize, Filestat, Filetype, Oflags, Riflags, Sdflags, Timestamp,
    Whence,
};

/// A value that a guest attaches to a subscription and receives in its event.
pub type Userdata = u64;

impl Store for Fd {
    const SIZE: usize = 4;
    #[inline(always)]
    fn store(&self, words: &mut [u64], at: usize) {
        self.0.store(words, at);
    }
}

stored_enumerations!(Advice: u8 Clockid: u32 Errno: u16 Eventtype: u8 Filetype: u8 Whence: u8);

stored_flags! {
    Eventrwflags: u16 Fdflags: u16 Fstflags: u16 Lookupflags: u32 Oflags: u16 Riflags: u16 Rights: u64 Roflags: u16
    Sdflags: u8 Subclockflags: u16
}

enumeration! {
    /// Type of a subscription.
    Eventtype: u8 {
        /// A clock reaches a time.
        Clock = 0,
        /// A descriptor is readable.
        FdRead = 1,
        /// A descriptor is writable.
        FdWrite = 2,
    }
}

flags! {
    /// Flags of path resolution.
    Lookupflags: u32 {
        /// Follow a symlink that is the last component.
        SYMLINK_FOLLOW = 1,
    }
}

flags! {
    /// File times to set, and their source.
    Fstflags: u16 {
        /// Sets the access time to the argument.
        ATIM = 1,
        /// Sets the access time to the current time.
        ATIM_NOW = 1 << 1,
        /// Sets the modification time to the argument.
        MTIM = 1 << 2,
        /// Sets the modification time to the current time.
        MTIM_NOW = 1 << 3,
    }
}

flags! {
    /// Flags of a clock subscription.
    Subclockflags: u16 {
        /// The timeout is an absolute time of the clock.
        ABSTIME = 1,
    }
}

flags! {
    /// State of a descriptor in an event.
    Eventrwflags: u16 {
        /// The peer has hung up.
        FD_READWRITE_HANGUP = 1,
    }
}

flags! {
    /// Result flags of `sock_recv`.
    Roflags: u16 {
        /// The message was longer than the buffers.
        RECV_DATA_TRUNCATED = 1,
    }
}

record! {
    layout Filestat: 64 {
        0 dev: u64,
        8 ino: u64,
        16 filetype: Filetype,
        24 nlink: u64,
        32 size: Filesize,
        40 atim: Timestamp,
        48 mtim: Timestamp,
        56 ctim: Timestamp,
    }
}

record! {
    out
    /// State of a descriptor.
    Fdstat: 24 {
        /// Type.
        0 fs_filetype: Filetype,
        /// Flags.
        2 fs_flags: Fdflags,
        /// Rights of the descriptor.
        8 fs_rights_base: Rights,
        /// Rights of descriptors opened through it.
        16 fs_rights_inheriting: Rights,
    }
}

record! {
    out
    /// Description of a preopened descriptor.
    Prestat: 8 {
        /// 0 for a directory, 1 for a socket of the option `sockets`.
        0 tag: u8,
        /// Length of the name in bytes.
        4 pr_name_len: Size,
    }
}

record! {
    out
    /// Header of a directory entry. The name follows.
    Dirent: 24 {
        /// Cookie of the next entry.
        0 d_next: Dircookie,
        /// Inode number.
        8 d_ino: u64,
        /// Length of the name in bytes.
        16 d_namlen: Size,
        /// Type of the file.
        20 d_type: Filetype,
    }
}

record! {
    out
    /// Event of a subscription.
    Event: 32 {
        /// Value of the subscription.
        0 userdata: Userdata,
        /// Errno of the subscription, or 0.
        8 error: u16,
        /// An `Eventtype`.
        10 r#type: u8,
        /// Number of readable bytes; 0 for a clock.
        16 nbytes: Filesize,
        /// State of the descriptor.
        24 flags: Eventrwflags,
    }
}

record! {
    in
    /// A subscription of `poll_oneoff`. `tag` selects the fields that are valid.
    Subscription: 48 {
        /// Value for the event.
        0 userdata: Userdata,
        /// An `Eventtype`.
        8 tag: u8,
        /// For `FdRead` and `FdWrite`, the descriptor.
        16 fd: u32,
        /// For `Clock`, a `Clockid`.
        16 clock_id: u32,
        /// For `Clock`, nanoseconds.
        24 timeout: Timestamp,
        /// For `Clock`, `Subclockflags`.
        40 flags: u16,
    }
}

impl Describe for Ptr<Event> {
    const FORMAT: Format = Format::Pointer;
}

impl Describe for Ptr<Subscription> {
    const FORMAT: Format = Format::Subscriptions(Snapshot::Preview1);
}
