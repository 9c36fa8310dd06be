/**
 * capwasi: WASI preview1 for Node.js, with a sandbox enforced by the kernel. The names and shapes are those of
 * Node's `wasi` module (https://nodejs.org/api/wasi.html); where behaviour differs, it says so here.
 */

/** Bytes for a guest; a string is UTF-8. */
export type Data = string | ArrayBuffer | NodeJS.ArrayBufferView

/** What becomes of what a guest writes. */
export type Sink = 'inherit' | 'ignore' | 'pipe' | NodeJS.WritableStream | ((chunk: Buffer) => void)

/**
 * A directory for the guest, by its path or by a descriptor, and whether the guest may change what is in it. An own
 * property of another name, such as `readOnly`, is `ERR_INVALID_ARG_VALUE`; of what inherits its `fd`, as a `FileHandle`
 * does, others are passed over.
 */
export type Preopen = (PreopenPath | PreopenDescriptor) & {
  /**
   * Whether the directory, at any depth, is read-only through this preopen. Nothing can be created, changed, linked,
   * renamed, truncated or removed, and no times can be set: such a call is `EROFS` (69). Another errno takes precedence,
   * such as `EEXIST` (20) for a name that exists. Other preopens of the directory, or of one that it is in, are not
   * affected. Reading leaves access times where Linux allows that: of files that the process owns, not of links.
   * @default false
   */
  readonly?: boolean | undefined
}

/** A directory by its path. */
export interface PreopenPath {
  /** Its path on the host, relative to the working directory at this moment, or a `file:` URL. */
  path: string | URL
  fd?: undefined
}

/** A directory by a descriptor of the process; a `FileHandle` is one. */
export interface PreopenDescriptor {
  /** The descriptor. It is opened again: it may be closed afterwards, and is not closed with the guest's. */
  fd: number
  path?: undefined
}

/** What a guest may use up. An own property of another name is `ERR_INVALID_ARG_VALUE`. */
export interface Limits {
  /**
   * Descriptors open at once, stdio and preopens included, from 1 to 1,048,576; one more is `EMFILE` (33). If those
   * of the options are more already, the constructor throws `UVWASI_EMFILE`.
   * @default 4096
   */
  openFiles?: number | undefined
  /**
   * Bytes that are kept of stdout, and of stderr, when they are `'pipe'`; those that a `Writable` holds at once when they
   * are one. A write is cut to what is left; with nothing left it is `EDQUOT` (19). A `Writable` also holds at most
   * 1,048,576 chunks. An object that has no `writableLength` takes what it gets, as a function does.
   * @default 268435456 (256 MiB)
   */
  output?: number | bigint | undefined
  /**
   * Bytes written in all: through `fd_write`, `fd_pwrite`, `sock_send`, and those that `fd_allocate` reserves, whether
   * or not they were there before. A write is cut to what is left; with nothing left it is `EDQUOT` (19), and so is an
   * allocation that is more than what is left. Names of files and holes in them are not counted.
   * @default no limit
   */
  writtenBytes?: number | bigint | undefined
}

/** A clock of the guest's: nanoseconds at which it stands still, or a function that tells them. */
export type Clock = bigint | (() => bigint)

/** Where a guest's time comes from; the system's where nothing is given. */
export interface ClockOptions {
  /** The time of day, since the Unix epoch. */
  realtime?: Clock | undefined
  /**
   * The time that never goes back. With one of its own, the guest's clocks of processor time follow it, too: they
   * tell the time since it began, or, if it is a function, since it was first asked.
   */
  monotonic?: Clock | undefined
}

/** Where a guest's random bytes come from. */
export interface RandomOptions {
  /**
   * A safe integer from 0, or a bigint below 2^256. The bytes are the key stream of ChaCha20 (RFC 8439) with this
   * number, lowest byte first, as the key, and a nonce and a counter of 0. Each `random_get` goes on at the next
   * multiple of four bytes. They are the same in every version, and no secret.
   * @default the system's, different each time
   */
  seed?: number | bigint | undefined
}

/** A socket of the process that listens. */
export interface SocketOptions {
  /** Its file descriptor, which is duplicated: the guest's is another, and either may be closed. */
  fd: number
}

/**
 * Options of {@link WASI}. An own property whose name is nearly one of these, or belongs elsewhere (`limit`, `preOpens`,
 * `timeout`), is `ERR_INVALID_ARG_VALUE`. Other unknown ones are ignored.
 */
export interface WASIOptions {
  /**
   * Version of WASI. `'preview1'` gives the functions of `wasi_snapshot_preview1`; `'unstable'` those of
   * `wasi_unstable` (snapshot 0) with their own layouts, where Node has preview1's.
   *
   * Without it the class behaves as first documented in Node 13.3: preview1, `returnOnExit` false by default, and
   * `start()` calls `_start`, else `__wasi_unstable_reactor_start`, else nothing. Node 20 and later refuse that.
   */
  version?: 'unstable' | 'preview1' | undefined
  /**
   * Command-line arguments of the guest, UTF-8. By custom the first is the program's name.
   * A NUL in one is `ERR_INVALID_ARG_VALUE`.
   * @default []
   */
  args?: readonly string[] | undefined
  /**
   * Environment variables of the guest; those that are `undefined` are left out. Nothing of the process's own
   * environment is passed on.
   * @default {}
   */
  env?: object | undefined
  /**
   * Directories that the guest may use: the name it knows each by, and its path on the host, relative to the
   * working directory at this moment. They become the guest's descriptors 3, 4, … in the order of
   * `Object.entries`. The guest can reach nothing outside them. What cannot be opened is an `Error` with the
   * `code` `UVWASI_ENOENT`, `UVWASI_ENOTDIR`, `UVWASI_EACCES`, …, an `errno` (WASI's number), and the `path`.
   *
   * A `URL` is converted by `fileURLToPath` of `node:url`, which throws if it cannot be. An object with a `path`
   * or an `fd` says more than a path: see {@link Preopen}. Neither is in node:wasi.
   * @default {}
   */
  preopens?: NodeJS.Dict<string | URL | Preopen> | undefined
  /**
   * Whether `start()` returns the exit code when the guest calls `proc_exit`. If false, the guest's exit is
   * `process.exit(code)`: the process emits `'exit'` and ends; in a worker, the worker ends. Should that return, as
   * a mock does, an `Error` with the `code` `ERR_WASI_EXIT` and the `exitCode` is thrown, also out of `start()`.
   * @default true, or false without `version`
   */
  returnOnExit?: boolean | undefined
  /**
   * The guest's standard input:
   * - a file descriptor of the process, which stays the process's own;
   * - bytes, copied at this moment, or an iterable of bytes, of which the next are taken when the guest reads and has
   *   none left (the string `'inherit'` is the process's own 0, and `'ignore'` has nothing to read);
   * - a function that is called then, with how many bytes the guest wants, and returns some, as many as it likes, or
   *   `null` or `undefined` for the end. What it throws comes out of `start()`; anything else that it returns is a
   *   `TypeError` `ERR_INVALID_RETURN_VALUE`.
   * @default 0
   */
  stdin?: number | Data | Iterable<Data> | ((size: number) => Data | null | undefined) | undefined
  /**
   * Data for the guest's standard input, as in `stdin`. It is always data, and never a mode: `'inherit'` is these seven
   * bytes. Together with `stdin` it is `ERR_INVALID_ARG_VALUE`. Not in node:wasi.
   * @default what `stdin` says
   */
  input?: Data | Iterable<string | Uint8Array> | undefined
  /**
   * The guest's standard output:
   * - a file descriptor of the process, which stays the process's own; `'inherit'` is the process's own 1;
   * - `'pipe'`: it is kept, and read as {@link WASI.stdout};
   * - `'ignore'`: it is forgotten;
   * - a function that is called with a copy of what the guest wrote, once for each `fd_write`, before the guest goes
   *   on; what it throws comes out of `start()`. It may call the guest's exports;
   * - a stream that is written to in the same way. The error of a write that fails at once comes out of `start()`. What
   *   the stream cannot take at once it buffers, as streams do, up to `limits.output`.
   * @default 1
   */
  stdout?: number | Sink | undefined
  /**
   * The guest's standard error, like {@link WASIOptions.stdout}; `'inherit'` is the process's own 2.
   * @default 2
   */
  stderr?: number | Sink | undefined
  /**
   * TCP sockets on which the guest may accept connections: the address of a new one, an IP address and a port such as
   * `'127.0.0.1:8080'`, `'[::1]:0'` (port 0 is any free one, see {@link WASI.addresses}), or one that the process
   * has. They become the guest's descriptors from 3 on, before `preopens`, and `LISTEN_FDS` in its environment says
   * how many there are, unless `env` says something else. They show `NONBLOCK`, which takes effect once the guest has
   * called `fd_fdstat_get` or `fd_fdstat_set_flags` on the socket: until then `sock_accept` waits. Afterwards it is
   * `EAGAIN` (6) without a connection, unless the guest clears the flag. A guest that waits for a connection waits as in every call:
   * run it in a worker if the thread has something else to do. What cannot be had is an `Error` with the `code`
   * `UVWASI_EADDRINUSE`, `UVWASI_EACCES`, `UVWASI_ENOTSOCK`, `UVWASI_EINVAL` (not a TCP socket that listens), ….
   * Not in node:wasi.
   * @default [], and the guest has no network
   */
  sockets?: readonly (string | SocketOptions)[] | undefined
  /**
   * Clocks of the guest's own. One that is fixed goes on only by what the guest sleeps: `poll_oneoff` that waits for
   * such a clock, and finds nothing else ready, returns at once, and both fixed clocks go on to the earliest time
   * that it waits for, by a nanosecond if that has come already. A fixed `realtime` is also what files get whose times
   * are set to the present. Of a function the time is asked each time that the guest asks; what it throws comes out of
   * `start()`, and what is no bigint from 0 to 2^64 - 1 is `ERR_INVALID_RETURN_VALUE`. How long to wait until an
   * absolute time is asked of it when the call
   * is made, and the wait is real time. An own property of another name is `ERR_INVALID_ARG_VALUE`. Not in node:wasi.
   * @default the system's
   */
  clock?: ClockOptions | undefined
  /**
   * The guest's random bytes. An own property of another name is `ERR_INVALID_ARG_VALUE`. Not in node:wasi.
   * @default the system's
   */
  random?: RandomOptions | undefined
  /**
   * What the guest may use up; {@link WASI.exceeded} tells whether it met a limit. Not in node:wasi.
   * @default {}
   */
  limits?: Limits | undefined
  /**
   * Tells each call of the guest in the manner of strace, with its result and the seconds it took:
   * `path_open(3, SYMLINK_FOLLOW, "etc/hosts", 0, FD_READ, 0, 0) = 4 <0.000041>`; of a call that did not return the
   * result is `?`. A function gets each line, without a newline, and what it throws comes out of the call; `true`
   * writes each to the process's standard error, in one write.
   * @default true if the environment had `CAPWASI_TRACE=1` when the first sandbox was made, else false
   */
  trace?: boolean | ((line: string) => void) | undefined
}

/** Options of {@link WASI.finalizeBindings}. */
export interface FinalizeBindingsOptions {
  /**
   * The guest's memory, a `WebAssembly.Memory`.
   * @default instance.exports.memory
   */
  memory?: object | undefined
}

/** A sandbox for one guest: its arguments, environment and descriptors. */
export class WASI {
  /**
   * @throws `TypeError` `ERR_INVALID_ARG_TYPE` or `ERR_INVALID_ARG_VALUE`, `RangeError` `ERR_OUT_OF_RANGE` for a bad
   * option, which the message names, in node:wasi's words where it has some; `Error` `UVWASI_*` for a descriptor or directory that cannot be used; `Error`
   * `ERR_ACCESS_DENIED` under Node's permission model: without `--allow-wasi`, without `--allow-fs-read` for a preopen,
   * without `--allow-fs-write` for one that is not read-only, or, from Node 25 on, without `--allow-net` for an address
   * in `sockets`. The error has a `permission` and a `resource`, as Node's has.
   * capwasi uses `process.permission` as it was when capwasi was loaded.
   */
  constructor(options?: WASIOptions)

  /**
   * Binds the memory of `instance` without running anything: for a guest that is started in some other way, or
   * imports its memory, as threads do. In node:wasi since 24.4, here always.
   * @throws what {@link WASI.start} throws for an instance, its exports and its memory.
   */
  finalizeBindings(instance: object, options?: FinalizeBindingsOptions): void

  /**
   * Runs a command: binds `instance.exports.memory` and calls `instance.exports._start()`.
   *
   * The first exception of one of the functions in `wasiImport`, or the exit, ends the run, even if the guest catches it:
   * every later call of this run throws it again, and `start()` throws it, or returns the code. For example, a
   * callback in the options throws such an exception. Replaced functions of `wasiImport` are not covered.
   * @returns the code the guest exited with, 0 if it returned.
   * @throws `Error` `ERR_WASI_ALREADY_STARTED` the second time; `TypeError` `ERR_INVALID_ARG_TYPE` if `instance` has
   * no exports, no memory, or, unless `version` was left out, no `_start` or an `_initialize`; and whatever the guest throws, as it is.
   */
  start(instance: object): number

  /**
   * Initializes a reactor: binds its memory and calls `instance.exports._initialize()`, if there is one. An exception or an
   * exit ends this run as it ends one of {@link WASI.start}. Exports that are called later are not part of it.
   * @throws as {@link WASI.start} does, but `_start` must not be there. If the guest exits, and also when it does
   * in one of its functions called later, an `Error` with the `code` `ERR_WASI_EXIT` and the `exitCode`.
   */
  initialize(instance: object): void

  /** A new object to instantiate the guest with: `{ wasi_snapshot_preview1: wasi.wasiImport }`, or `wasi_unstable`. */
  getImportObject(): Record<string, Record<string, (...args: any[]) => any>>

  /**
   * The functions of WASI, to be imported by the guest; each is an own property and may be replaced before. Called
   * from JavaScript they return an errno: 28 (`EINVAL`) for wrong arguments.
   * @throws `Error` `ERR_WASI_NOT_STARTED` when one is called before a memory is bound.
   */
  readonly wasiImport: NodeJS.Dict<any>

  /**
   * Closes every descriptor of the guest; calls that use one are `EBADF` (8) from then on. An iterable that is `stdin`,
   * and of which something was read, but not all, is let go as by `break` in a loop: its `return()` is called. A sandbox
   * that is not closed is when it is collected, but for that. Captured output stays readable. Not in node:wasi.
   * @throws what `return()` throws, and a `RangeError` if there is no memory for captured output, which is not lost. The
   * descriptors are closed before.
   */
  close(): void

  /**
   * What the guest has written so far with the option `stdout: 'pipe'`, at most `limits.output`; `undefined` with any
   * other. It is one Buffer until the guest has written more, which is copied into a new one behind what
   * there was: what is done to its bytes stays, and if its memory is transferred they are gone. Not in node:wasi.
   * @throws `RangeError` if there is no memory for the Buffer. Nothing is lost: it can be read later.
   */
  get stdout(): Buffer | undefined

  /** The same for `stderr`. */
  get stderr(): Buffer | undefined

  /** The first of its limits that the guest has met, if it has met one. Not in node:wasi. */
  readonly exceeded: 'openFiles' | 'output' | 'writtenBytes' | undefined

  /**
   * The addresses of `sockets`, in order: `['127.0.0.1:41207']`. Not in node:wasi.
   */
  readonly addresses: string[];

  /** {@link WASI.close}, for `using`. */
  [Symbol.dispose](): void
}
