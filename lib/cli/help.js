'use strict'

/** The text of --help. */
exports.HELP = `capwasi runs a WebAssembly program (WASI preview1) in a sandbox.

  capwasi [run] [options] program.wasm [arguments]

The program is a file, or - for standard input. It can use standard input, output and error, and
what these options grant:

  --dir HOST[::GUEST][:ro]  mount directory HOST as GUEST (default: HOST); :ro = read-only
  --overlay HOST[::GUEST]   the same, but keep changes in memory: HOST is never changed
  --memory-dir GUEST        mount an empty directory in memory as GUEST, discarded at the end
  -e, --env NAME[=VALUE]    set a variable; without =VALUE, copy NAME from your environment
  --inherit-env             pass your whole environment; --env overrides single variables
  --listen ADDRESS:PORT     listen on TCP, such as 127.0.0.1:8080, localhost:8080, [::1]:0 (0 = any
                            free port) or 8080 (on 127.0.0.1)

Limits (TIME: 500ms, 2s, 1m, or seconds; SIZE: bytes, or 64K, 64M, 1G in powers of 1024):

  --timeout TIME            stop the program after TIME
  --max-cpu-time TIME       stop the program after TIME of processor time, of all its threads
  --max-output SIZE         stop the program after SIZE of output, or of error output
  --max-memory SIZE         memory that the program can have
  --max-written SIZE        bytes that the program can write to files, streams and sockets
  --max-files N             descriptors that the program can have open (default: 4096)
  --max-threads N           threads that the program can start (default: 16)

Other options:

  --invoke NAME             call the export NAME; the arguments are numbers, the results are printed
  --argv0 NAME              set argv[0] (default: program.wasm, as given)
  --changes                 list the changes of --overlay on standard error at the end: A path
                            (added), M path (modified), D path (removed); if there are several
                            overlays, the paths start with GUEST
  --seed N                  make runs reproducible: random bytes come from seed N, clocks start
                            at 0 and advance only while the program sleeps
  --trace[=FILE]            log every WASI call to standard error, or to FILE
  --summary                 print calls, errors and time of each WASI function at the end
  -V, --version             print the version
  -h, --help                print this help

Options that grant something can be repeated. Options must come before the program.
GUEST, or HOST without GUEST, cannot end in ':' and a word, such as :rw. The only mode is :ro.
Exit status: the program's, 134 after a trap, 124 if a limit stopped the program, 2 if the program
cannot be started.`
