//! Rights of descriptors.

flags! {
    /// Operations that a descriptor allows. The bits are those of preview1.
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
        /// `path_link` from this directory
        PATH_LINK_SOURCE = 1 << 11,
        /// `path_link` into this directory
        PATH_LINK_TARGET = 1 << 12,
        /// `path_open`
        PATH_OPEN = 1 << 13,
        /// `fd_readdir`
        FD_READDIR = 1 << 14,
        /// `path_readlink`
        PATH_READLINK = 1 << 15,
        /// `path_rename` from this directory
        PATH_RENAME_SOURCE = 1 << 16,
        /// `path_rename` into this directory
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
        /// `poll_oneoff`
        POLL_FD_READWRITE = 1 << 27,
        /// `sock_shutdown`
        SOCK_SHUTDOWN = 1 << 28,
        /// `sock_accept`
        SOCK_ACCEPT = 1 << 29,
    }
}

/// Rights that each file type supports, and groups of rights.
impl Rights {
    /// Every right.
    pub const ALL: Self = Self::from_bits_retain(0x3fff_ffff);
    /// Inheritable rights of a preopen: all except those of sockets.
    pub const INHERITING: Self = Self::from_bits_retain(0x0fff_ffff);
    /// Rights of stdio: those of a regular file, without changes of its size, times and allocation.
    pub(crate) const STDIO: Self = Self::REGULAR_FILE
        .difference(Self::FD_FILESTAT_SET_SIZE)
        .difference(Self::FD_FILESTAT_SET_TIMES)
        .difference(Self::FD_ALLOCATE);
    /// Reading and writing.
    pub(crate) const DIRECTIONS: Self = Self::FD_READ.union(Self::FD_WRITE);
    pub(crate) const DIRECTORY: Self = Self::from_bits_retain(0x0fbf_fe98);
    pub(crate) const REGULAR_FILE: Self = Self::from_bits_retain(0x08e0_01ff);
    /// Rights that make `path_open` open for reading.
    pub(crate) const READING: Self = Self::FD_READ.union(Self::FD_READDIR);
    /// Rights that make `path_open` open for writing.
    pub(crate) const WRITING: Self =
        Self::FD_WRITE.union(Self::FD_DATASYNC).union(Self::FD_ALLOCATE).union(Self::FD_FILESTAT_SET_SIZE);
    /// Rights to change an open file.
    pub(crate) const CHANGING: Self =
        Self::FD_WRITE.union(Self::FD_ALLOCATE).union(Self::FD_FILESTAT_SET_SIZE);
    pub(crate) const PIPE: Self = Self::FD_READ
        .union(Self::FD_WRITE)
        .union(Self::FD_FDSTAT_SET_FLAGS)
        .union(Self::FD_FILESTAT_GET)
        .union(Self::POLL_FD_READWRITE);
    /// Rights of a terminal. wasi-libc's `isatty` detects one by the missing right to seek.
    pub(crate) const TERMINAL: Self = Self::PIPE;
    pub(crate) const SOCKET: Self = Self::PIPE.union(Self::SOCK_SHUTDOWN).union(Self::SOCK_ACCEPT);
}
