//! Every type of the witx once, under its name: its numbers, and its place in guest memory in bytes.
//! Nothing here knows what the values mean to a call.

pub use crate::preview1::layout::{Load, Store};
use crate::preview1::trace;
use bitflags::bitflags;

/// Number of bytes in guest memory.
pub type Size = u32;
/// Size of a file, or a position in it, in bytes.
pub type Filesize = u64;
/// Distance between two positions in a file, in bytes.
pub type Filedelta = i64;
/// Nanoseconds, since the start of the clock they were read from.
pub type Timestamp = u64;
/// Position in a directory.
pub type Dircookie = u64;
/// Whatever a guest wants to find again in the event that answers its subscription.
pub type Userdata = u64;

/// A guest's file descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fd(pub u32);

impl Store for Fd {
    const SIZE: usize = 4;
    fn store(&self, bytes: &mut [u8]) {
        self.0.store(bytes);
    }
}

enumeration! {
    /// Which clock.
    Clockid: u32 {
        /// Time since the Unix epoch.
        Realtime = 0,
        /// Time that never goes back, from an unnamed start.
        Monotonic = 1,
        /// Processor time of this process.
        ProcessCputimeId = 2,
        /// Processor time of this thread.
        ThreadCputimeId = 3,
    }
}

enumeration! {
    /// What a seek counts from.
    Whence: u8 {
        /// The start of the file.
        Set = 0,
        /// The current position.
        Cur = 1,
        /// The end of the file.
        End = 2,
    }
}

enumeration! {
    /// How a range of a file will be used.
    Advice: u8 {
        /// No advice.
        Normal = 0,
        /// In order.
        Sequential = 1,
        /// In no order.
        Random = 2,
        /// Soon.
        Willneed = 3,
        /// Not soon.
        Dontneed = 4,
        /// Once.
        Noreuse = 5,
    }
}

enumeration! {
    /// Kind of a file. A pipe has no kind of its own in WASI: it is `Unknown`.
    Filetype: u8 {
        /// None of the others.
        Unknown = 0,
        /// A block device.
        BlockDevice = 1,
        /// A character device.
        CharacterDevice = 2,
        /// A directory.
        Directory = 3,
        /// A regular file.
        RegularFile = 4,
        /// A datagram socket.
        SocketDgram = 5,
        /// A byte-stream socket.
        SocketStream = 6,
        /// A symbolic link.
        SymbolicLink = 7,
    }
}

enumeration! {
    /// What a subscription waits for.
    Eventtype: u8 {
        /// A clock reaches a time.
        Clock = 0,
        /// A descriptor has bytes to read.
        FdRead = 1,
        /// A descriptor takes bytes.
        FdWrite = 2,
    }
}

flags! {
    /// What may be done with a descriptor: the calls, or uses of them, that are allowed.
    Rights: u64 {
        /// `fd_datasync`
        FD_DATASYNC = 1,
        /// `fd_read`, `fd_pread`, `sock_recv`
        FD_READ = 1 << 1,
        /// `fd_seek`; with `FD_READ` or `FD_WRITE` also `fd_pread` or `fd_pwrite`
        FD_SEEK = 1 << 2,
        /// `fd_fdstat_set_flags`
        FD_FDSTAT_SET_FLAGS = 1 << 3,
        /// `fd_sync`
        FD_SYNC = 1 << 4,
        /// `fd_tell`
        FD_TELL = 1 << 5,
        /// `fd_write`, `fd_pwrite`, `sock_send`
        FD_WRITE = 1 << 6,
        /// `fd_advise`
        FD_ADVISE = 1 << 7,
        /// `fd_allocate`
        FD_ALLOCATE = 1 << 8,
        /// `path_create_directory`
        PATH_CREATE_DIRECTORY = 1 << 9,
        /// `path_open` with `CREAT`
        PATH_CREATE_FILE = 1 << 10,
        /// `path_link` from here
        PATH_LINK_SOURCE = 1 << 11,
        /// `path_link` to here
        PATH_LINK_TARGET = 1 << 12,
        /// `path_open`
        PATH_OPEN = 1 << 13,
        /// `fd_readdir`
        FD_READDIR = 1 << 14,
        /// `path_readlink`
        PATH_READLINK = 1 << 15,
        /// `path_rename` from here
        PATH_RENAME_SOURCE = 1 << 16,
        /// `path_rename` to here
        PATH_RENAME_TARGET = 1 << 17,
        /// `path_filestat_get`
        PATH_FILESTAT_GET = 1 << 18,
        /// `path_open` with `TRUNC`
        PATH_FILESTAT_SET_SIZE = 1 << 19,
        /// `path_filestat_set_times`
        PATH_FILESTAT_SET_TIMES = 1 << 20,
        /// `fd_filestat_get`
        FD_FILESTAT_GET = 1 << 21,
        /// `fd_filestat_set_size`
        FD_FILESTAT_SET_SIZE = 1 << 22,
        /// `fd_filestat_set_times`
        FD_FILESTAT_SET_TIMES = 1 << 23,
        /// `path_symlink`
        PATH_SYMLINK = 1 << 24,
        /// `path_remove_directory`
        PATH_REMOVE_DIRECTORY = 1 << 25,
        /// `path_unlink_file`
        PATH_UNLINK_FILE = 1 << 26,
        /// `poll_oneoff` on it
        POLL_FD_READWRITE = 1 << 27,
        /// `sock_shutdown`
        SOCK_SHUTDOWN = 1 << 28,
        /// `sock_accept`
        SOCK_ACCEPT = 1 << 29,
    }
}

flags! {
    /// State of a descriptor.
    Fdflags: u16 {
        /// Writes go to the end of the file.
        APPEND = 1,
        /// A write returns when its data is stored.
        DSYNC = 1 << 1,
        /// Calls do not wait.
        NONBLOCK = 1 << 2,
        /// A read returns when what it read is stored.
        RSYNC = 1 << 3,
        /// A write returns when its data and metadata are stored.
        SYNC = 1 << 4,
    }
}

flags! {
    /// How `path_open` opens.
    Oflags: u16 {
        /// Create the file if it is not there.
        CREAT = 1,
        /// Fail if it is not a directory.
        DIRECTORY = 1 << 1,
        /// Fail if it is there.
        EXCL = 1 << 2,
        /// Cut the file to size 0.
        TRUNC = 1 << 3,
    }
}

flags! {
    /// How a path is resolved.
    Lookupflags: u32 {
        /// If the last component is a symbolic link, follow it.
        SYMLINK_FOLLOW = 1,
    }
}

flags! {
    /// Which times to set, and to what.
    Fstflags: u16 {
        /// The last access, to the time given.
        ATIM = 1,
        /// The last access, to now.
        ATIM_NOW = 1 << 1,
        /// The last change of the data, to the time given.
        MTIM = 1 << 2,
        /// The last change of the data, to now.
        MTIM_NOW = 1 << 3,
    }
}

flags! {
    /// How the timeout of a clock subscription counts.
    Subclockflags: u16 {
        /// As a time of the clock, not as a duration from now.
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
    /// How `sock_recv` receives.
    Riflags: u16 {
        /// Leave the data in the socket.
        RECV_PEEK = 1,
        /// Wait until the buffers are full.
        RECV_WAITALL = 1 << 1,
    }
}

flags! {
    /// What `sock_recv` met.
    Roflags: u16 {
        /// The message was longer than the buffers.
        RECV_DATA_TRUNCATED = 1,
    }
}

flags! {
    /// Which directions of a socket to shut down.
    Sdflags: u8 {
        /// No more reading.
        RD = 1,
        /// No more writing.
        WR = 1 << 1,
    }
}

record! {
    in
    /// A region of guest memory, as an element of a vectored read or write.
    Iovec: 8 {
        /// Where it starts.
        0 buf: u32,
        /// Its length in bytes.
        4 buf_len: u32,
    }
}

record! {
    out
    /// State of a descriptor.
    Fdstat: 24 {
        /// Kind of file.
        0 fs_filetype: Filetype,
        /// Its flags.
        2 fs_flags: Fdflags,
        /// What may be done with it.
        8 fs_rights_base: Rights,
        /// What may be done with what is opened through it.
        16 fs_rights_inheriting: Rights,
    }
}

record! {
    out
    /// Attributes of a file.
    Filestat: 64 {
        /// Device it is on.
        0 dev: u64,
        /// Serial number on that device.
        8 ino: u64,
        /// Kind.
        16 filetype: Filetype,
        /// Hard links to it.
        24 nlink: u64,
        /// Bytes.
        32 size: Filesize,
        /// Last access.
        40 atim: Timestamp,
        /// Last change of its data.
        48 mtim: Timestamp,
        /// Last change of its attributes.
        56 ctim: Timestamp,
    }
}

record! {
    out
    /// What a preopened descriptor is: always a directory, so the tag is 0.
    Prestat: 8 {
        /// 0, a directory.
        0 tag: u8,
        /// Length of its name in bytes.
        4 pr_name_len: Size,
    }
}

record! {
    out
    /// Head of a directory entry; the name follows it.
    Dirent: 24 {
        /// Where the next entry is.
        0 d_next: Dircookie,
        /// Serial number of the file.
        8 d_ino: u64,
        /// Length of the name in bytes.
        16 d_namlen: Size,
        /// Kind of the file.
        20 d_type: Filetype,
    }
}

record! {
    out
    /// Answer to a subscription.
    Event: 32 {
        /// The subscription's own.
        0 userdata: Userdata,
        /// 0, or why there will be no answer.
        8 error: u16,
        /// What happened.
        10 r#type: u8,
        /// Bytes that can be read or written; 0 for a clock.
        16 nbytes: Filesize,
        /// State of the descriptor.
        24 flags: Eventrwflags,
    }
}

record! {
    in
    /// What `poll_oneoff` is to wait for: by `tag` an `Eventtype`, of which the other fields say more.
    Subscription: 48 {
        /// Comes back in the event.
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
