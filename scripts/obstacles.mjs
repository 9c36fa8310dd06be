// Specs that cannot pass where test-platforms.mjs runs them, by platform and by what is in the way there.

const QEMU = {
  // It keeps what a process has mapped and given back, which is counted as its memory.
  'qemu keeps memory': [
    'attacks › memory › preview1: every parameter at every hostile value is answered, and a call that fails writes nothing',
    'attacks › memory › unstable: every parameter at every hostile value is answered, and a call that fails writes nothing',
  ],
}

const WINE = {
  // It says that it has made one.
  'wine 8 makes no symbolic links': [
    'calls › readdir › a cookie beyond the end is the end',
    'calls › readdir › from the start, what was made meanwhile is seen and what was removed is not',
    'calls › readdir › preview1: . and .. come first, then every name once, with its kind and serial number',
    'calls › readdir › unstable: . and .. come first, then every name once, with its kind and serial number',
    'class › strings › a preopen may be a link to a directory, or relative to the working directory',
    'class › unavailable › a preopen that is a link to a file is refused with UVWASI_ENOTDIR, naming it',
    'class › unavailable › a preopen that is a loop of links is refused with UVWASI_ELOOP, naming it',
    'class › unavailable › a preopen with a name that is too long is refused with UVWASI_ENAMETOOLONG, naming it',
    'libc › directories › a listing has every name with its type, . and .. among them',
    'libc › links › O_NOFOLLOW stops at a link in the last place only',
    'libc › links › a dangling link is seen, is not found, and can be written through',
    'libc › links › absolute paths are refused, as are absolute targets of links',
    'libc › links › links in a loop or in too long a chain are ELOOP',
    'libc › links › no link that leads outside is followed, by whatever call',
    'libc › links › readlink truncates to a short buffer and writes nothing beyond it',
    'libc › links › symbolic links are made, read, followed, renamed and removed',
    'libc › readdir › 3,000 entries are listed through a buffer of 100 bytes, each once',
    'libc › readdir › 3,000 entries are listed through a buffer of 1000 bytes, each once',
    'libc › readdir › 3,000 entries are listed through a buffer of 4096 bytes, each once',
    'libc › readdir › 3,000 entries are listed through a buffer of 65536 bytes, each once',
    'libc › readdir › a listing can be resumed from any of its cookies, forwards and backwards',
    'libc › readdir › two descriptors of one directory are listed in turns, each from its own place',
    'libc › times › the times of a link are its own',
    'libc › times › times are set and read by descriptor, of a file and of a directory',
    'options › trace › arguments are shown as they were before the call',
    'real › ruby › Ruby knows what a path is: its kind, size, links and mode',
  ],
  // And of a file that was looked at, to wine, the time of access is the present.
  'Windows counts times in steps of 100 ns': [
    'calls › fd › fd_filestat_set_times sets each time to a nanosecond, to now, or not at all',
    'libc › times › a time can be set to now or left as it is',
    'libc › times › times are set and read by path to the nanosecond',
    'options › clock › a file whose times are set to the present gets those of a fixed clock, as they are then',
    'options › replay › another seed or another time is another run',
    'options › replay › it prints what the options say, byte for byte, however long it sleeps',
    'real › ruby › Ruby sees and sets times to the nanosecond',
    "real › ruby › npm start's example prints its table and is refused three times",
  ],
  'wine 8 cannot remove the name of an open file at once': ['libc › files › a file that is open outlives its name'],
  // What is open cannot be moved, `..` is resolved as text, a program starts with variables of the system's and 32 KiB of
  // arguments at most, names are UTF-16, and some errors are others.
  'Windows does it in another way': [
    'class › unavailable › a preopen under a file is refused with UVWASI_ENOTDIR, naming it',
    'cli › programs › --inherit-env gives it ours, which --env changes',
    'libc › arguments › thousands of arguments and variables, and one of 64 KiB, arrive whole',
    'libc › directories › .. is resolved step by step and never leaves the preopened directory',
    'libc › directories › files and directories are renamed, replaced and refused as POSIX says',
    'libc › directories › names are bytes, up to 255 of them, UTF-8 or not',
    'libc › directories › the descriptor of a directory stays good for paths, even after the directory is renamed',
    'libc › errors › each misuse of a path has its errno',
    'libc › links › hard links share one file',
    'options › preopens › what is wrong with a call is told before that the preopen is read-only',
  ],
  'nobody has found out yet': [
    'libc › directories › directories nest hundreds deep',
    'options › sockets › a socket without a client is AGAIN with NONBLOCK, and no connection to read from',
    'real › napi-rs › @tailwindcss/oxide-wasm32-wasi in a worker is served by capwasi in each of its threads',
    'real › napi-rs › @tailwindcss/oxide-wasm32-wasi in the main thread is served by capwasi in each of its threads',
  ],
}

/** Those that have to fail, while all others have to pass. */
export const OBSTACLES = {
  'linux-arm64-gnu': QEMU,
  'linux-arm64-musl': QEMU,
  'win32-x64-msvc': WINE,
}

/**
 * Compiling 31 MB with the optimising compiler, and 100,000 sandboxes: hours, where an emulator does it. And as qemu keeps
 * memory, it has none left after 3,000 of WebAssembly's.
 */
const TOO_MUCH = [
  'a compilation that takes long is told at a terminal, and untold',
  'where there is no terminal, nothing is told',
  '100,000 sandboxes that nobody closes keep few descriptors open and little memory',
  'thousands of exits leave nothing behind',
]

/** Those that are left out, by their own titles. */
export const LEFT_OUT = {
  'linux-arm64-gnu': TOO_MUCH,
  'linux-arm64-musl': TOO_MUCH,
}
