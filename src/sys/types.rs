//! Types that system calls take and return. Enumerations and flags have the numbers of preview1, so that they need no
//! conversion.

/// Size of a file, or an offset in it, in bytes.
pub type Filesize = u64;
/// Distance between two offsets in a file, in bytes.
pub type Filedelta = i64;
/// Nanoseconds since the epoch of a clock.
pub type Timestamp = u64;
/// Position in a directory.
pub type Dircookie = u64;

enumeration! {
    /// A clock.
    Clockid: u32 {
        /// Time since the Unix epoch.
        Realtime = 0,
        /// Time that never goes backwards, since an unspecified start.
        Monotonic = 1,
        /// CPU time of the process.
        ProcessCputimeId = 2,
        /// CPU time of the calling thread.
        ThreadCputimeId = 3,
    }
}

enumeration! {
    /// Origin of a seek.
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
    /// Expected use of a range of a file: `posix_fadvise`.
    Advice: u8 {
        /// No advice.
        Normal = 0,
        /// Sequential access.
        Sequential = 1,
        /// Random access.
        Random = 2,
        /// Access in the near future.
        Willneed = 3,
        /// No access in the near future.
        Dontneed = 4,
        /// A single access.
        Noreuse = 5,
    }
}

enumeration! {
    /// Type of a file. WASI has no type for pipes: a pipe is `Unknown`.
    Filetype: u8 {
        /// Any other type.
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

flags! {
    /// Flags of a descriptor.
    Fdflags: u16 {
        /// Writes go to the end of the file.
        APPEND = 1,
        /// A write returns after its data is on the disk.
        DSYNC = 1 << 1,
        /// Calls fail with `EAGAIN` instead of waiting.
        NONBLOCK = 1 << 2,
        /// A read returns after pending writes of the same data are on the disk.
        RSYNC = 1 << 3,
        /// A write returns after its data and metadata are on the disk.
        SYNC = 1 << 4,
    }
}

flags! {
    /// Flags of `path_open`.
    Oflags: u16 {
        /// Create the file if it does not exist.
        CREAT = 1,
        /// Fail if the path is not a directory.
        DIRECTORY = 1 << 1,
        /// Fail if the file exists.
        EXCL = 1 << 2,
        /// Truncate the file to size 0.
        TRUNC = 1 << 3,
    }
}

flags! {
    /// Flags of `sock_recv`.
    Riflags: u16 {
        /// Leave the received data in the socket.
        RECV_PEEK = 1,
        /// Wait until the buffers are full.
        RECV_WAITALL = 1 << 1,
    }
}

flags! {
    /// Directions of a socket to shut down.
    Sdflags: u8 {
        /// Reading.
        RD = 1,
        /// Writing.
        WR = 1 << 1,
    }
}

/// Attributes of a file.
#[derive(Clone, Copy, Debug)]
pub struct Filestat {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Type.
    pub filetype: Filetype,
    /// Number of hard links.
    pub nlink: u64,
    /// Size in bytes.
    pub size: Filesize,
    /// Time of the last access.
    pub atim: Timestamp,
    /// Time of the last modification.
    pub mtim: Timestamp,
    /// Time of the last change of attributes.
    pub ctim: Timestamp,
}

/// Attributes of a file as `fs.Stats` of Node shows them. Times are in nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attributes {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Type and permission bits, as POSIX encodes them.
    pub mode: u32,
    /// Number of hard links.
    pub nlink: u64,
    /// User that owns the file.
    pub uid: u32,
    /// Group of the file.
    pub gid: u32,
    /// Device number of a device.
    pub rdev: u64,
    /// Size in bytes.
    pub size: Filesize,
    /// Preferred size of a transfer in bytes.
    pub blksize: u64,
    /// Number of allocated units of 512 bytes.
    pub blocks: u64,
    /// Time of the last access.
    pub atim: i64,
    /// Time of the last modification.
    pub mtim: i64,
    /// Time of the last change of attributes.
    pub ctim: i64,
    /// Time of the creation.
    pub birthtim: i64,
}

/// A new value of a file time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NewTime {
    /// The time of the call.
    Now,
    /// Nanoseconds since the Unix epoch.
    At(Timestamp),
}

/// Options of `openat`.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of openat")]
pub struct OpenOptions {
    /// Opens for reading, also if neither `reads` nor `writes` is set.
    pub reads: bool,
    /// Opens for writing.
    pub writes: bool,
    /// Follows a symlink that is the last component.
    pub follows: bool,
    /// Whether to create, truncate, or require a directory.
    pub oflags: Oflags,
    /// Flags of the new descriptor.
    pub fdflags: Fdflags,
    /// Leaves access times unchanged on reading, where the system allows that.
    pub keeps_atime: bool,
    /// Permission bits of a new file, before the umask. Windows ignores them.
    pub mode: u16,
}

impl OpenOptions {
    /// Permission bits of a new file that the caller does not choose.
    pub const DEFAULT_MODE: u16 = 0o666;
}

/// Type of a stream, as far as reading and writing depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// A pipe or FIFO.
    Pipe,
    /// A socket, `SocketStream` or `SocketDgram`.
    Socket(Filetype),
    /// A listening socket of the option `sockets`.
    Listener,
    /// A terminal.
    Terminal,
    /// A file, directory, block device, or a device such as `/dev/null`, on which no read waits.
    Ready(Filetype),
    /// Any other device or descriptor.
    Device(Filetype),
}

/// The event that a wait on a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Interest {
    /// The stream is readable, or a connection can be accepted.
    Read,
    /// The stream is writable.
    Write,
}

/// Readiness of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Readiness {
    /// The operation would not wait: it would succeed, report the end, or fail.
    pub ready: bool,
    /// The peer has hung up.
    pub hangup: bool,
}
