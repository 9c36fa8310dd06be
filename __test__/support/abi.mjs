// Names, bits and byte offsets of preview1 and snapshot 0.

/** The parameters of each function, in the order of `wasiImport`: `i` is an i32, `I` an i64. */
export const FUNCTIONS = {
  args_get: 'ii',
  args_sizes_get: 'ii',
  clock_res_get: 'ii',
  clock_time_get: 'iIi',
  environ_get: 'ii',
  environ_sizes_get: 'ii',
  fd_advise: 'iIIi',
  fd_allocate: 'iII',
  fd_close: 'i',
  fd_datasync: 'i',
  fd_fdstat_get: 'ii',
  fd_fdstat_set_flags: 'ii',
  fd_fdstat_set_rights: 'iII',
  fd_filestat_get: 'ii',
  fd_filestat_set_size: 'iI',
  fd_filestat_set_times: 'iIIi',
  fd_pread: 'iiiIi',
  fd_prestat_get: 'ii',
  fd_prestat_dir_name: 'iii',
  fd_pwrite: 'iiiIi',
  fd_read: 'iiii',
  fd_readdir: 'iiiIi',
  fd_renumber: 'ii',
  fd_seek: 'iIii',
  fd_sync: 'i',
  fd_tell: 'ii',
  fd_write: 'iiii',
  path_create_directory: 'iii',
  path_filestat_get: 'iiiii',
  path_filestat_set_times: 'iiiiIIi',
  path_link: 'iiiiiii',
  path_open: 'iiiiiIIii',
  path_readlink: 'iiiiii',
  path_remove_directory: 'iii',
  path_rename: 'iiiiii',
  path_symlink: 'iiiii',
  path_unlink_file: 'iii',
  poll_oneoff: 'iiii',
  proc_exit: 'i',
  proc_raise: 'i',
  random_get: 'ii',
  sched_yield: '',
  sock_accept: 'iii',
  sock_recv: 'iiiiii',
  sock_send: 'iiiii',
  sock_shutdown: 'ii',
}

const ERRNO_NAMES =
  'SUCCESS 2BIG ACCES ADDRINUSE ADDRNOTAVAIL AFNOSUPPORT AGAIN ALREADY BADF BADMSG BUSY CANCELED CHILD ' +
  'CONNABORTED CONNREFUSED CONNRESET DEADLK DESTADDRREQ DOM DQUOT EXIST FAULT FBIG HOSTUNREACH IDRM ILSEQ ' +
  'INPROGRESS INTR INVAL IO ISCONN ISDIR LOOP MFILE MLINK MSGSIZE MULTIHOP NAMETOOLONG NETDOWN NETRESET ' +
  'NETUNREACH NFILE NOBUFS NODEV NOENT NOEXEC NOLCK NOLINK NOMEM NOMSG NOPROTOOPT NOSPC NOSYS NOTCONN NOTDIR ' +
  'NOTEMPTY NOTRECOVERABLE NOTSOCK NOTSUP NOTTY NXIO OVERFLOW OWNERDEAD PERM PIPE PROTO PROTONOSUPPORT ' +
  'PROTOTYPE RANGE ROFS SPIPE SRCH STALE TIMEDOUT TXTBSY XDEV NOTCAPABLE'

const numbered = (names) => Object.fromEntries(names.split(' ').map((name, index) => [name, index]))
const bits = (names) => Object.fromEntries(names.split(' ').map((name, index) => [name, 1n << BigInt(index)]))

/** `ERRNO.BADF` is 8. */
export const ERRNO = numbered(ERRNO_NAMES)

/** Returns the name of an errno: `errnoName(8)` is 'BADF'. Returns other values unchanged. */
export const errnoName = (errno) => ERRNO_NAMES.split(' ')[errno] ?? errno

export const FILETYPE = numbered(
  'UNKNOWN BLOCK_DEVICE CHARACTER_DEVICE DIRECTORY REGULAR_FILE SOCKET_DGRAM SOCKET_STREAM SYMBOLIC_LINK',
)

export const RIGHTS = bits(
  'FD_DATASYNC FD_READ FD_SEEK FD_FDSTAT_SET_FLAGS FD_SYNC FD_TELL FD_WRITE FD_ADVISE FD_ALLOCATE ' +
    'PATH_CREATE_DIRECTORY PATH_CREATE_FILE PATH_LINK_SOURCE PATH_LINK_TARGET PATH_OPEN FD_READDIR PATH_READLINK ' +
    'PATH_RENAME_SOURCE PATH_RENAME_TARGET PATH_FILESTAT_GET PATH_FILESTAT_SET_SIZE PATH_FILESTAT_SET_TIMES ' +
    'FD_FILESTAT_GET FD_FILESTAT_SET_SIZE FD_FILESTAT_SET_TIMES PATH_SYMLINK PATH_REMOVE_DIRECTORY ' +
    'PATH_UNLINK_FILE POLL_FD_READWRITE SOCK_SHUTDOWN SOCK_ACCEPT',
)

/** All rights of a regular file. */
RIGHTS.FILE = 0x08e001ffn
/** The rights to read a file or a directory. None of them opens a file for writing. */
RIGHTS.READING =
  RIGHTS.FD_READ |
  RIGHTS.FD_SEEK |
  RIGHTS.FD_TELL |
  RIGHTS.FD_READDIR |
  RIGHTS.FD_FILESTAT_GET |
  RIGHTS.POLL_FD_READWRITE

export const OFLAGS = { CREAT: 1, DIRECTORY: 2, EXCL: 4, TRUNC: 8 }
export const FDFLAGS = { APPEND: 1, DSYNC: 2, NONBLOCK: 4, RSYNC: 8, SYNC: 16 }
export const LOOKUP = { SYMLINK_FOLLOW: 1 }
export const FSTFLAGS = { ATIM: 1, ATIM_NOW: 2, MTIM: 4, MTIM_NOW: 8 }
export const CLOCK = { REALTIME: 0, MONOTONIC: 1, PROCESS_CPUTIME: 2, THREAD_CPUTIME: 3 }
export const SUBCLOCKFLAGS = { ABSTIME: 1 }
export const EVENTTYPE = { CLOCK: 0, FD_READ: 1, FD_WRITE: 2 }

/** Records as `field: [type, offset]`. Those that differ between the dialects are in DIALECTS. */
const FDSTAT = { filetype: ['u8', 0], flags: ['u16', 2], base: ['u64', 8], inheriting: ['u64', 16] }
const PRESTAT = { tag: ['u8', 0], nameLength: ['u32', 4] }
const EVENT = { userdata: ['u64', 0], error: ['u16', 8], type: ['u8', 10], nbytes: ['u64', 16], flags: ['u16', 24] }
const DIRENT = { next: ['u64', 0], ino: ['u64', 8], nameLength: ['u32', 16], filetype: ['u8', 20] }

export const DIALECTS = {
  wasi_snapshot_preview1: {
    WHENCE: { SET: 0, CUR: 1, END: 2 },
    FDSTAT,
    PRESTAT,
    EVENT,
    DIRENT,
    FILESTAT: {
      dev: ['u64', 0],
      ino: ['u64', 8],
      filetype: ['u8', 16],
      nlink: ['u64', 24],
      size: ['u64', 32],
      atim: ['u64', 40],
      mtim: ['u64', 48],
      ctim: ['u64', 56],
    },
    SUBSCRIPTION: {
      userdata: ['u64', 0],
      type: ['u8', 8],
      fd: ['u32', 16],
      id: ['u32', 16],
      timeout: ['u64', 24],
      precision: ['u64', 32],
      flags: ['u16', 40],
    },
    SIZE: { FDSTAT: 24, FILESTAT: 64, EVENT: 32, SUBSCRIPTION: 48, DIRENT: 24 },
  },
  wasi_unstable: {
    WHENCE: { CUR: 0, END: 1, SET: 2 },
    FDSTAT,
    PRESTAT,
    EVENT,
    DIRENT,
    FILESTAT: {
      dev: ['u64', 0],
      ino: ['u64', 8],
      filetype: ['u8', 16],
      nlink: ['u32', 20],
      size: ['u64', 24],
      atim: ['u64', 32],
      mtim: ['u64', 40],
      ctim: ['u64', 48],
    },
    SUBSCRIPTION: {
      userdata: ['u64', 0],
      type: ['u8', 8],
      fd: ['u32', 16],
      identifier: ['u64', 16],
      id: ['u32', 24],
      timeout: ['u64', 32],
      precision: ['u64', 40],
      flags: ['u16', 48],
    },
    SIZE: { FDSTAT: 24, FILESTAT: 56, EVENT: 32, SUBSCRIPTION: 56, DIRENT: 24 },
  },
}
