/**
 * capwasi: WASI preview1 for Node.js, with a sandbox enforced by the kernel. Names and shapes are those of Node's
 * `wasi` module (https://nodejs.org/api/wasi.html). These comments note each difference in behaviour.
 */

/// <reference types="node" />
import type { Dirent, Stats } from 'node:fs'
import type { Readable, Writable } from 'node:stream'

declare global {
  // For projects without the library "dom", which declares the rest.
  namespace WebAssembly {
    interface Instance {}
    interface Module {}
  }
}

/** Bytes for the guest. A string is encoded as UTF-8. */
export type Data = string | ArrayBuffer | NodeJS.ArrayBufferView

/** Where the guest's output goes. See {@link WASIOptions.stdout}. */
export type Sink = 'inherit' | 'ignore' | 'pipe' | NodeJS.WritableStream | ((chunk: Buffer) => void) | AsyncSink

/**
 * Asynchronous sources for `stdin`. Only a guest with suspending imports can wait for one: see {@link WASI.startAsync}.
 * capwasi reads only what the guest asks for, and does not destroy or cancel a stream.
 */
export type AsyncSource =
  | Readable
  | ReadableStream<Uint8Array>
  | AsyncIterable<string | Uint8Array>
  | ((size: number) => Promise<string | Uint8Array | null | undefined>)

/**
 * Asynchronous sinks for `stdout` and `stderr`. A guest with suspending imports waits while they are full. capwasi does
 * not end or close a stream.
 */
export type AsyncSink = Writable | WritableStream<Uint8Array> | ((chunk: Buffer) => Promise<void>)

/**
 * A directory for the guest, by path or by descriptor. An own property with another name, such as `readOnly`, is
 * `ERR_INVALID_ARG_VALUE`. If `fd` is inherited, as in a `FileHandle`, other properties are ignored.
 */
export type Preopen = (PreopenPath | PreopenDescriptor) & {
  /**
   * Makes the directory read-only through this preopen, at any depth. The guest cannot create, change, link, rename,
   * truncate or remove anything, and cannot set times: such a call fails with `EROFS` (69). Another errno takes
   * precedence, such as `EEXIST` (20) for a name that exists. Other preopens of the same directory, or of one that
   * contains it, are not affected. Reading leaves access times unchanged where Linux allows that: for files that the
   * process owns, but not for symlinks.
   * @default false
   */
  readonly?: boolean | undefined
}

/** A directory by path. */
export interface PreopenPath {
  /** The path on the host, or a `file:` URL. A relative path is resolved when `new WASI` is called. */
  path: string | URL
  fd?: undefined
}

/** A directory by descriptor of the process. A `FileHandle` can be used as this object. */
export interface PreopenDescriptor {
  /**
   * The descriptor. `new WASI` opens its directory again, so the caller may close the descriptor afterwards. capwasi
   * never closes it.
   */
  fd: number
  path?: undefined
}

/** A {@link Directory} that this guest may only read, or may change as well. */
export interface PreopenDirectory {
  directory: Directory
  /**
   * Makes the directory read-only for this guest, as in {@link Preopen}.
   * @default false
   */
  readonly?: boolean | undefined
  path?: undefined
  fd?: undefined
}

/** Values of `preopens` that are neither a path as a string nor a {@link Preopen}. */
export type NewPreopen = URL | Directory | PreopenDirectory

/** Resource limits. An own property with another name is `ERR_INVALID_ARG_VALUE`. */
export interface Limits {
  /**
   * Maximum number of open descriptors, including stdio and preopens: 1 to 1,048,576. Opening one more fails with
   * `EMFILE` (33). If stdio, sockets and preopens exceed the limit, the constructor throws `UVWASI_EMFILE`.
   * @default 4096
   */
  openFiles?: number | undefined
  /**
   * Maximum bytes captured per stream with `'pipe'`, or buffered at once in a `Writable`. A write beyond the limit is
   * shortened; once nothing is left, writes fail with `EDQUOT` (19). A `Writable` also buffers at most 1,048,576
   * chunks. An object without `writableLength` has no limit, like a function.
   * @default 268435456 (256 MiB)
   */
  output?: number | bigint | undefined
  /**
   * Maximum bytes written in total by `fd_write`, `fd_pwrite` and `sock_send`. Bytes that `fd_allocate` reserves also
   * count, even if the file already had these bytes. A write beyond the limit is shortened; once nothing is left,
   * writes fail with `EDQUOT` (19). An allocation that exceeds the rest also fails with `EDQUOT`. File names and holes
   * in files do not count.
   * @default no limit
   */
  writtenBytes?: number | bigint | undefined
}

/** A fixed time in nanoseconds, or a function that returns the time in nanoseconds. */
export type Clock = bigint | (() => bigint)

/** Sources of the guest's time. A clock that is not set uses the time of the system. */
export interface ClockOptions {
  /** Wall-clock time, in nanoseconds since the Unix epoch. */
  realtime?: Clock | undefined
  /**
   * Monotonic time, in nanoseconds. If set, the guest's CPU-time clocks follow this clock and return the time since
   * its start. For a function, the start is its first result.
   */
  monotonic?: Clock | undefined
}

/** Source of the guest's random bytes. */
export interface RandomOptions {
  /**
   * Seed for reproducible random bytes: a safe integer from 0, or a bigint below 2^256. The bytes are the ChaCha20
   * key stream (RFC 8439) with nonce and counter 0. The key is the seed, lowest byte first. Each `random_get`
   * continues at the next multiple of four bytes. The bytes are stable across versions, and not secret.
   * @default the system's random bytes, different in each run
   */
  seed?: number | bigint | undefined
}

/**
 * A listening socket of the process. An own property with another name is `ERR_INVALID_ARG_VALUE`, unless `fd` is
 * inherited.
 */
export interface SocketOptions {
  /** File descriptor of the socket. The guest gets a duplicate, so either descriptor may be closed. */
  fd: number
}

/** Accepted values of the options `stdout` and `stderr`. */
export type Output = number | Sink | undefined

/** The captured output of a guest: a Buffer for the option `'pipe'`, else `undefined`. */
export type Captured<Option extends Output> = Option extends 'pipe' ? Buffer : undefined

/**
 * Options of {@link WASI}. An own property whose name is close to one of these, or that belongs elsewhere (`limit`,
 * `preOpens`, `timeout`), is `ERR_INVALID_ARG_VALUE`. Other unknown properties are ignored.
 *
 * The type parameters are the types of `stdout` and `stderr`.
 * @example
 * const options: WASIOptions = {
 *   version: 'preview1',
 *   args: ['program', '--verbose'],
 *   env: { LANG: 'C.UTF-8' },
 *   preopens: { '/': 'project', '/usr': { path: '/usr', readonly: true } },
 *   input: 'text',
 *   stdout: 'pipe',
 * }
 */
export interface WASIOptions<Stdout extends Output = Output, Stderr extends Output = Output> {
  /**
   * Version of WASI. `'preview1'` provides the functions of `wasi_snapshot_preview1`. `'unstable'` provides the
   * functions of `wasi_unstable` (snapshot 0) with their own layouts; node:wasi uses the layouts of preview1 there.
   *
   * Without a version the class behaves as first documented in Node 13.3: preview1, `returnOnExit` defaults to false,
   * and `start()` calls `_start`, or else `__wasi_unstable_reactor_start` if it exists. In node:wasi, Node 20 and
   * later require a version.
   */
  version?: 'unstable' | 'preview1' | undefined
  /**
   * Command-line arguments of the guest, as UTF-8. By convention the first is the program's name. An argument that
   * contains NUL is `ERR_INVALID_ARG_VALUE`.
   * @default []
   */
  args?: readonly string[] | undefined
  /**
   * Environment variables of the guest. Entries that are `undefined` are left out. A symbol is
   * `ERR_INVALID_ARG_TYPE`. The guest inherits nothing from `process.env`.
   * @default {}
   */
  env?: object | undefined
  /**
   * Directories that the guest can access: paths on the host by guest name. The directories become the guest's
   * descriptors 3, 4, … in the order of `Object.entries`, after `sockets`. The guest cannot reach anything outside
   * them. A relative path is resolved when `new WASI` is called. Throws an `Error` with the code `UVWASI_ENOENT`,
   * `UVWASI_ENOTDIR`, `UVWASI_EACCES`, … if a directory cannot be opened; `errno` is WASI's number and `path` the
   * path.
   *
   * A `URL` is converted by `fileURLToPath` of `node:url`. For a URL that is not a file's, the error has the code of
   * `fileURLToPath`. Use an object for a read-only directory or a descriptor: see {@link Preopen}. A
   * {@link Directory} can be shared with other guests and with JavaScript, and be in memory or an overlay:
   * `{ '/tmp': Directory.memory(), '/src': { directory, readonly: true } }`. A closed one is `UVWASI_EBADF`. node:wasi
   * accepts none of these.
   *
   * An object with more than one of `path`, `fd` and `directory` is `ERR_INVALID_ARG_VALUE`. A value whose string
   * cannot name a directory, such as `{}`, `[]` or a function, is `ERR_INVALID_ARG_TYPE`. `preopens` in a `Map`, a
   * `Set` or a `Date` is `ERR_INVALID_ARG_TYPE` too.
   * @default {}
   */
  preopens?: NodeJS.Dict<string | Preopen | NewPreopen> | undefined
  /**
   * Whether `start()` returns the exit code when the guest calls `proc_exit`. If false, the guest's exit calls
   * `process.exit(code)`: the process emits `'exit'` and ends; in a worker, the worker ends. If `process.exit` is
   * mocked and returns, an `Error` with the code `ERR_WASI_EXIT` and the `exitCode` is thrown, also by `start()`.
   * @default true, or false without `version`
   */
  returnOnExit?: boolean | undefined
  /**
   * Standard input of the guest:
   * - a file descriptor of the process, which capwasi never closes; `'inherit'` is descriptor 0;
   * - `'ignore'`: empty;
   * - bytes, copied when `new WASI` is called;
   * - an iterable of bytes. The next item is taken when the guest reads and the previous item is used up;
   * - a function, called when the guest reads and no bytes are left. The argument is the number of requested bytes. The
   *   function returns bytes, of any length, or `null` or `undefined` at the end. `start()` rethrows exceptions of the
   *   function. Another result is a `TypeError` with the code `ERR_INVALID_RETURN_VALUE`;
   * - an {@link AsyncSource}, for {@link WASI.startAsync}. Its error rejects `startAsync()`. In `start()` it is
   *   `ERR_INVALID_ARG_VALUE`.
   *
   * Any other string is data. Use `input` for a string that may be `'inherit'` or `'ignore'`.
   * @default 0
   */
  stdin?:
    | number
    | Data
    | Iterable<Data>
    | ((size: number) => Data | null | undefined | Promise<Data | null | undefined>)
    | AsyncSource
    | undefined
  /**
   * Data for standard input, as in `stdin`, but always data and never a mode: `'inherit'` is these seven bytes.
   * `input` together with `stdin` is `ERR_INVALID_ARG_VALUE`. Not in node:wasi.
   * @default the value of `stdin`
   */
  input?: Data | Iterable<string | Uint8Array> | undefined
  /**
   * Standard output of the guest:
   * - a file descriptor of the process, which capwasi never closes; `'inherit'` is descriptor 1;
   * - `'pipe'`: captured; read it as {@link WASI.stdout};
   * - `'ignore'`: discarded;
   * - a function, called with a copy of the bytes of each `fd_write`, before that call returns to the guest.
   *   `start()` rethrows exceptions of the function. The function may call the guest's exports;
   * - a stream, written in the same way. `start()` throws the error of a write that fails at once. The stream buffers
   *   the rest, up to `limits.output`. With suspending imports the guest instead waits while the stream is full, and a
   *   failure of the stream rejects `startAsync()`;
   * - a `WritableStream`, or a function that returns a promise: see {@link AsyncSink}. A guest without suspending
   *   imports does not wait for the promise. A failure is then an unhandled rejection: use `startAsync()`.
   * @default 1
   */
  stdout?: Stdout | undefined
  /**
   * Standard error of the guest, like {@link WASIOptions.stdout}. `'inherit'` is descriptor 2.
   * @default 2
   */
  stderr?: Stderr | undefined
  /**
   * TCP sockets on which the guest accepts connections. A string is the address of a new socket: an IP address and a
   * port, such as `'127.0.0.1:8080'` or `'[::1]:0'`. For port 0 the system chooses a free port, and
   * {@link WASI.addresses} shows the choice. An object is a socket that is already listening. Throws an `Error` with
   * the code `UVWASI_EADDRINUSE`, `UVWASI_EACCES`, `UVWASI_ENOTSOCK`, `UVWASI_EINVAL` (not a listening TCP socket), …
   * if a socket cannot be used. Not in node:wasi.
   *
   * The sockets become the guest's descriptors from 3 on, before `preopens`. The variable `LISTEN_FDS` is their
   * number, unless `env` sets it.
   *
   * The sockets show the flag `NONBLOCK`, which takes effect once the guest has called `fd_fdstat_get` or
   * `fd_fdstat_set_flags` on the socket. Before that, and after the guest has cleared the flag, `sock_accept` blocks
   * this thread until a connection arrives. Run the guest in a worker if the thread has other work. With the flag in
   * effect, `sock_accept` without a connection fails with `EAGAIN` (6).
   * @default [], the guest has no network
   */
  sockets?: readonly (string | SocketOptions)[] | undefined
  /**
   * Clocks of the guest. An own property with another name is `ERR_INVALID_ARG_VALUE`. Not in node:wasi.
   *
   * A fixed clock advances only while the guest sleeps. `poll_oneoff` on a fixed clock returns at once if nothing else
   * is ready. Both fixed clocks then advance to the earliest deadline, or by 1 ns if the deadline has passed. A fixed
   * `realtime` is also the time that files get when the guest sets their times to the current time.
   *
   * A function is called each time the guest reads the clock. `start()` rethrows exceptions of the function. A result
   * that is not a bigint from 0 to 2^64 - 1 is `ERR_INVALID_RETURN_VALUE`. For an absolute deadline the function is
   * called once, when `poll_oneoff` starts; the wait itself takes real time.
   * @default the system's clocks
   */
  clock?: ClockOptions | undefined
  /**
   * Random bytes of the guest. An own property with another name is `ERR_INVALID_ARG_VALUE`. Not in node:wasi.
   * @default the system's random bytes
   */
  random?: RandomOptions | undefined
  /**
   * Resource limits. {@link WASI.exceeded} is the first limit that the guest reached. Not in node:wasi.
   * @default {}
   */
  limits?: Limits | undefined
  /**
   * Logs every WASI call like strace, with its result and the elapsed seconds:
   * `path_open(3, SYMLINK_FOLLOW, "etc/hosts", 0, FD_READ, 0, 0) = 4 <0.000041>`. The result of a call that did not
   * return is `?`. With `true`, each line goes to the standard error of the process, in one write. With a number, the
   * lines go to this descriptor, which must stay open while the guest runs. Errors of these writes are ignored. A
   * function is called with each line, without the newline. The logged call throws the exceptions of the function. Not
   * in node:wasi.
   * @default true if `CAPWASI_TRACE` was `1` in the environment when the first `WASI` was created, else false
   */
  trace?: boolean | number | ((line: string) => void) | undefined
}

/** Options of {@link WASI.finalizeBindings}. */
export interface FinalizeBindingsOptions {
  /**
   * The guest's memory, a `WebAssembly.Memory`.
   * @default instance.exports.memory
   */
  memory?: object | undefined
}

/** Options of {@link WASI.start}. An own property with another name is `ERR_INVALID_ARG_VALUE`. */
export interface StartOptions {
  /**
   * Milliseconds after which the guest is stopped, with an `Error` of the code `ERR_WASI_TIMEOUT`: an integer from 1
   * to 2^32 - 1. `start()`: whether the guest computes or waits. `startAsync()`: a guest that computes is stopped until
   * its first wait; after that, at its next WASI call. On Bun a guest that computes is stopped at its next WASI call.
   *
   * A callback of the embedder that runs at that moment is cut off too, without its `finally`. For hostile guests use a
   * worker, and `worker.terminate()`.
   * @default no limit
   */
  timeout?: number | undefined
}

/** Options of {@link WASI.startAsync}. An own property with another name is `ERR_INVALID_ARG_VALUE`. */
export interface StartAsyncOptions extends StartOptions {
  /** Stops the guest when it aborts. */
  signal?: AbortSignal | undefined
}

/** Options of {@link WASI.getImportObject}. An own property with another name is `ERR_INVALID_ARG_VALUE`. */
export interface ImportObjectOptions {
  /**
   * Whether a call that has to wait suspends the guest instead of blocking the thread.
   * @default false
   */
  suspending?: boolean | undefined
}

/**
 * A sandbox for one guest: its arguments, environment and descriptors.
 *
 * The type parameters are the types of the options `stdout` and `stderr`. The constructor infers them.
 * @example
 * const wasi = new WASI({ version: 'preview1', args: ['hello'], stdout: 'pipe' })
 * const { instance } = await WebAssembly.instantiate(await readFile('hello.wasm'), wasi.getImportObject())
 * const exitCode = wasi.start(instance)
 * console.log(exitCode, wasi.stdout.toString())
 */
export class WASI<out Stdout extends Output = Output, out Stderr extends Output = Output> {
  /**
   * Creates a sandbox and opens its directories and sockets.
   *
   * Permissions are checked with `process.permission` as it was when capwasi was loaded.
   * @throws `TypeError` `ERR_INVALID_ARG_TYPE` or `ERR_INVALID_ARG_VALUE`, or `RangeError` `ERR_OUT_OF_RANGE`, for an
   * invalid option. The message names the option, with node:wasi's messages where they exist.
   * @throws `Error` `UVWASI_*` if a descriptor, directory or socket cannot be used.
   * @throws `Error` `ERR_ACCESS_DENIED` under Node's permission model: without `--allow-wasi`; without
   * `--allow-fs-read` for a preopen; without `--allow-fs-write` for a preopen that is not read-only; from Node 25 on,
   * without `--allow-net` for an address in `sockets`. The error has a `permission` and a `resource`, like Node's.
   */
  constructor(options?: WASIOptions<Stdout, Stderr>)

  /**
   * Binds the memory of `instance` without running anything. Needed for a guest that is started without `start()`, or
   * that imports its memory, as programs with threads do. node:wasi has this method since Node 24.4.
   * @example
   * wasi.finalizeBindings(instance, { memory })
   * instance.exports.run()
   * @throws the errors of {@link WASI.start} for an invalid instance, exports or memory, or a second start.
   */
  finalizeBindings(instance: object, options?: FinalizeBindingsOptions): void

  /**
   * Runs a command, blocks this thread until the guest returns, and returns the exit code. Call `start()` in a worker
   * if the thread has other work. Binds `instance.exports.memory` and calls `instance.exports._start()`.
   *
   * The first exception of a function in `wasiImport`, or the guest's exit, ends the run. An example is an exception
   * of a callback in the options. Even if the guest catches the exception, every later call in this run throws the
   * same exception again. `start()` throws that exception, or returns the exit code. Functions of `wasiImport` that
   * were replaced are not covered.
   *
   * If `_start` is a function of `WebAssembly.promising`, returns a promise of the exit code.
   * @returns the exit code of the guest; 0 if `_start` returned.
   * @throws `Error` `ERR_WASI_ALREADY_STARTED` for a second start.
   * @throws `Error` `ERR_WASI_TIMEOUT` if the guest was stopped by its timeout.
   * @throws `TypeError` `ERR_INVALID_ARG_VALUE` if `stdin` is read asynchronously.
   * @throws `TypeError` `ERR_INVALID_ARG_TYPE` if `instance` has no exports or no memory. With `version` set, also if
   * there is no `_start` or there is an `_initialize`.
   * @throws exceptions from the guest, unchanged.
   * @example
   * process.exitCode = wasi.start(instance, { timeout: 10_000 })
   */
  start(instance: object, options?: StartOptions): number

  /**
   * Initializes a reactor, and blocks this thread until the guest returns. Binds `instance.exports.memory` and calls
   * `instance.exports._initialize()`, if it exists. An exception or an exit ends this run as in {@link WASI.start}.
   * Calls of other exports afterwards are not part of the run.
   * @throws the errors of {@link WASI.start}, but `_start` must not exist.
   * @throws `Error` `ERR_WASI_EXIT`, with the `exitCode`, if the guest exits. Exports that are called later throw
   * this error too.
   * @example
   * wasi.initialize(instance)
   * console.log(instance.exports.add(1, 2))
   */
  initialize(instance: object): void

  /**
   * Returns a new import object for the guest: `{ wasi_snapshot_preview1: wasi.wasiImport }`, or `wasi_unstable` for
   * `version: 'unstable'`.
   *
   * With `suspending`, a call that has to wait suspends the guest instead of blocking the thread. These calls can
   * wait: `fd_read`, `fd_write`, `poll_oneoff`, `sock_accept`, `sock_recv`, `sock_send`, and `path_open` of a FIFO.
   * Functions of `wasiImport` that were replaced before are used as they are. Run the guest with
   * {@link WASI.startAsync}, or call its exports through `WebAssembly.promising`; otherwise a call that has to wait
   * throws a `WebAssembly.SuspendError`.
   *
   * @throws `Error` `ERR_FEATURE_UNAVAILABLE_ON_PLATFORM` with `suspending` in a runtime without JSPI. Node 24.22 and
   * later, Bun 1.4 and Deno 2.9 have it.
   * @example
   * const { instance } = await WebAssembly.instantiate(bytes, wasi.getImportObject())
   * @example
   * const instance = await WebAssembly.instantiate(module, wasi.getImportObject({ suspending: true }))
   * const exitCode = await wasi.startAsync(instance)
   */
  getImportObject(options?: ImportObjectOptions): Record<string, Record<string, (...args: any[]) => any>>

  /**
   * Runs a command that was instantiated with suspending imports. While the guest waits, the thread is free, and the
   * process stays alive. The guest starts in a task of its own, after this method has returned.
   *
   * When the signal aborts or the time is over, a guest that waits never continues, and its descriptors are closed. A
   * guest that computes is stopped at its next WASI call. {@link WASI.close} ends a wait for a descriptor, a stream or
   * a promise with `EBADF`.
   *
   * While the guest is suspended, do not call its exports: they would share its stack in memory. A WASI call that the
   * guest then makes throws an `Error` with the code `ERR_WASI_SUSPENDED`.
   * @returns a promise of the exit code. It rejects with what {@link WASI.start} throws, with the reason of the signal,
   * with `ERR_WASI_TIMEOUT`, with the error of a stream in the options, and with `ERR_FEATURE_UNAVAILABLE_ON_PLATFORM`
   * in a runtime without JSPI.
   * @example
   * const wasi = new WASI({ version: 'preview1', stdin: socket, stdout: socket })
   * const instance = await WebAssembly.instantiate(module, wasi.getImportObject({ suspending: true }))
   * const exitCode = await wasi.startAsync(instance, { signal: AbortSignal.timeout(60_000) })
   */
  startAsync(instance: object, options?: StartAsyncOptions): Promise<number>

  /**
   * Initializes a reactor like {@link WASI.startAsync}. Call its exports through `WebAssembly.promising`, one at a
   * time.
   * @example
   * await wasi.initializeAsync(instance)
   * const answer = await WebAssembly.promising(instance.exports.answer)()
   */
  initializeAsync(instance: object, options?: StartAsyncOptions): Promise<void>

  /**
   * The WASI functions that the guest imports. Each is an own property and may be replaced before instantiation.
   * Called from JavaScript, a function returns an errno: 28 (`EINVAL`) for invalid arguments.
   * @throws `Error` `ERR_WASI_NOT_STARTED` if a function is called before a memory is bound.
   */
  readonly wasiImport: NodeJS.Dict<any>

  /**
   * Creates another `WASI` of a guest, in any thread of this process. It has the same arguments, environment, version,
   * `returnOnExit`, descriptors and limits. It traces its calls if `trace` of the guest is `true` or a number.
   *
   * A `WASI` joins by itself when it binds a shared memory that a `WASI` of another thread has bound. Before, it must
   * not have bound a memory, and `share()` must not have been called. `preopens`, `stdin`, `stdout`, `stderr`, `input`,
   * `sockets`, `limits`, `clock`, `random` and the version must be equal. Equal are the same directories, numbers of
   * descriptors, modes and data. Never equal are functions, streams, iterables, and sockets by address. Arguments,
   * environment, `returnOnExit` and `trace` may differ and stay each thread's own. If the options are not equal, the
   * thread has its own descriptors.
   *
   * Callbacks run in the thread that created the guest. Output of other threads is queued for them, in the order of the
   * writes. A thread that writes does not wait: a write fails with `EDQUOT` if `limits.output` bytes are queued, and
   * with `EPIPE` after the thread with the callbacks has ended. Beyond 1,024 queued writes, each counts 64 bytes more.
   * Callbacks receive the output at the latest before `start()` of their thread returns. Reading an input callback or a
   * clock callback in another thread fails with `ENOTSUP`.
   *
   * `proc_exit` in one thread ends the guest: calls of other threads that wait, and all later calls, throw
   * `ERR_WASI_EXIT`. `start()` returns the exit code. A thread that computes or waits in `memory.atomic.wait` continues
   * until its next call: see `capwasi/threads`.
   * @param handle a result of {@link WASI.share}
   * @throws `TypeError` `ERR_INVALID_ARG_TYPE` if `handle` is not a handle
   * @throws `TypeError` `ERR_INVALID_ARG_VALUE` for a handle that is unknown or whose guest has ended
   * @example
   * // In the first thread:
   * new Worker('./thread.js', { workerData: { module, memory, handle: wasi.share() } })
   * // In thread.js:
   * const wasi = WASI.join(workerData.handle)
   */
  static join(handle: WASIHandle): WASI

  /**
   * Returns a handle, by which other threads of this process join the guest: see {@link WASI.join}. The same each time.
   * The guest ends, and the handle with it, when a thread exits, when the `WASI` that created the guest is closed, and
   * when every `WASI` of the guest is collected.
   */
  share(): WASIHandle

  /**
   * Closes every descriptor of the guest, for all its threads. Calls that wait for a descriptor, in other threads or
   * while the guest is suspended, fail with `EBADF`. A `WASI` that joined only leaves the guest. Later calls that use a
   * descriptor fail with `EBADF` (8). If `stdin` or `input` is an iterable that was read in part, its `return()` is
   * called. Without `close()`, garbage collection closes the descriptors, but does not call `return()`. Captured output
   * stays readable. Not in node:wasi.
   * @throws the exceptions of `return()`, and a `RangeError` if there is no memory for captured output. The
   * descriptors are closed first, and the output is not lost.
   */
  close(): void

  /**
   * Returns the captured output of all threads so far, at most `limits.output` bytes. `undefined` without
   * `stdout: 'pipe'`. In a thread that joined, output that was read before it joined is missing. Returns the same
   * Buffer until the guest writes more; then a new Buffer gets a copy of the old one and the new output. Do not modify
   * or transfer the Buffer: later results would show the change or miss the bytes. Not in node:wasi.
   * @throws `RangeError` if there is no memory for the Buffer. No output is lost: read again later.
   * @example
   * const wasi = new WASI({ version: 'preview1', stdout: 'pipe' })
   * // Instantiate and start the guest, then:
   * const text = wasi.stdout.toString()
   */
  get stdout(): Captured<Stdout>

  /** Returns the captured standard error, like {@link WASI.stdout}. */
  get stderr(): Captured<Stderr>

  /** The first limit that the guest reached; `undefined` if none was reached. Not in node:wasi. */
  readonly exceeded: 'openFiles' | 'output' | 'writtenBytes' | 'threads' | undefined

  /** The addresses of `sockets`, in order, such as `['127.0.0.1:41207']`. Not in node:wasi. */
  readonly addresses: string[];

  /** Calls {@link WASI.close}, for `using`. */
  [Symbol.dispose](): void
}

/**
 * Contents by path. Parent directories are created. `null` is an empty directory; any other value is
 * `ERR_INVALID_ARG_TYPE`.
 */
export type FileTree = Record<string, string | Uint8Array | null>

/** Identifies the guest of a {@link WASI} in another thread of this process. Cannot be guessed. Can be posted. */
export interface WASIHandle {
  readonly capwasi: string
}

/** Identifies a {@link Directory} in another thread of this process. Cannot be guessed. */
export type DirectoryHandle = { readonly capwasiDirectory: string }

/**
 * Limits what an in-memory directory or overlay may hold. An own property with another name is
 * `ERR_INVALID_ARG_VALUE`.
 */
export interface DirectoryLimits {
  /**
   * Maximum bytes allocated for file contents. Holes are free; an extent is rounded up to at most 4 KiB. Beyond it the
   * guest gets `ENOSPC`.
   * @default 268435456 (256 MiB)
   */
  maxBytes?: number | undefined
  /**
   * Maximum number of files, directories and links. Beyond it the guest gets `ENOSPC`. Each takes a few hundred bytes,
   * and its name and the target of a link up to 4,351 bytes more. This memory does not count towards `maxBytes`.
   * @default 1000000
   */
  maxFiles?: number | undefined
}

/**
 * A directory for guests and for JavaScript. Every path is resolved beneath it and cannot leave it, by `..`, by a
 * symbolic link or by a rename that happens meanwhile. In arguments of these methods a leading `/` means the directory
 * itself. A guest's absolute path stays `ENOTCAPABLE`, and a link with an absolute target is an escape when it is
 * followed.
 *
 * Pass it as a value of `preopens`. Any number of guests, in any thread, may use one directory at the same time: post
 * `share()` to a worker and `join()` it there.
 *
 * The methods have the names, arguments, results and errors of `node:fs`; an escape is an `Error` with the code
 * `ERR_WASI_ESCAPE` and the `path`. An option of `node:fs` that is not listed here is `ERR_INVALID_ARG_VALUE`. After
 * `close()` the methods fail with `EBADF`. Reading or writing contents needs a regular file: a FIFO or device fails
 * with `EINVAL`, or with the error of opening it, such as `ENXIO` for a socket. A path has at most 4,095 bytes. In a
 * deeper tree `rmSync` works, and the other methods fail with `ENAMETOOLONG`. Names that are not UTF-8 are shown with
 * U+FFFD, so that only methods on trees can access such files.
 *
 * Methods on trees are `rmSync` and `cpSync` with `recursive`, `readdirSync` with `recursive`, `toJSON`, `changes` and
 * `applyTo`. Each of them runs to its end: `worker.terminate()` waits. If another thread changes the tree at the same
 * time, they may see old and new entries, and may fail, for example with `ENOENT` or `ENOTEMPTY`.
 *
 * Under Node's permission model `open` checks `fs.read` and `fs.write` of the path, and only `fs.read` if it is
 * read-only; `overlay` checks only `fs.read`: `ERR_ACCESS_DENIED`.
 *
 * The memory of a directory that is not closed is released after garbage collection, once JavaScript yields. Call
 * `close()`, or use `using`, in a loop without `await`.
 */
export class Directory {
  private constructor()
  /**
   * Opens a directory of the host by path, URL or descriptor. Later renames of the path do not matter. With
   * `readonly: true` changes fail with `EROFS`.
   * @throws `ENOENT`, `ENOTDIR`, `EACCES`, … if the directory cannot be opened
   * @example
   * using uploads = Directory.open('/srv/uploads')
   * uploads.readFileSync('../secret') // throws ERR_WASI_ESCAPE
   */
  static open(path: string | URL | { fd: number }, options?: { readonly?: boolean | undefined }): Directory
  /**
   * Creates a directory in memory. Nothing of it ever touches the disk. New files and directories lack the permission
   * bits of `process.umask()` at the time of this call, like those of an overlay.
   * @throws `ENOSPC` if the files exceed the limits
   * @example
   * const directory = Directory.memory({ 'src/main.rb': 'puts 1', tmp: null }, { maxBytes: 2 ** 20 })
   */
  static memory(files?: FileTree, limits?: DirectoryLimits): Directory
  /**
   * Creates a directory that reads from `lower` and keeps every change in memory. `lower` is never changed, not even
   * the access times of its files where Linux allows that. FIFOs and devices of `lower` can be read, but not written:
   * `EROFS`. No program may change `lower` while the overlay is in use: the overlay stays confined, but may show a
   * mixture of old and new.
   * @throws `ENOENT`, `ENOTDIR`, `EACCES`, … if `lower` cannot be opened; `ELOOP` for more than 31 overlays over each
   * other
   * @example
   * const overlay = Directory.overlay('project')
   * overlay.writeFileSync('notes.txt', 'text')
   * overlay.changes() // [{ path: 'notes.txt', change: 'added', type: 'file' }]
   */
  static overlay(lower: string | URL | Directory, limits?: DirectoryLimits): Directory
  /**
   * Returns a handle that can be posted to a worker of this process. The handle is valid while the directory is open
   * anywhere.
   * @example
   * worker.postMessage(directory.share()) // the worker calls Directory.join(message)
   */
  share(): DirectoryHandle
  /**
   * Opens the same directory in this thread. `close()` in one thread does not close it in another.
   * @throws `ERR_INVALID_ARG_VALUE` for a handle that is unknown or closed
   */
  static join(handle: DirectoryHandle): Directory

  /** Whether the directory is one of the host, in memory, or an overlay. */
  readonly kind: 'host' | 'memory' | 'overlay'
  /**
   * Bytes and entries that count towards the limits; zero for a host directory. Of an overlay, files of the lower
   * directory count once they have been changed.
   */
  readonly usage: { bytes: number; files: number }

  /**
   * Reads a file: as a Buffer, or as a string with an encoding.
   * @throws `ERR_FS_FILE_TOO_LARGE` above 2 GiB, whatever holes the file has; `EISDIR` for a directory
   * @example
   * directory.readFileSync('notes.txt', 'utf8')
   */
  readFileSync(path: string): Buffer
  readFileSync(path: string, encoding: BufferEncoding | { encoding: BufferEncoding }): string
  /**
   * Writes a file. The flag `'w'` (default) replaces the contents, `'wx'` fails with `EEXIST` if the file exists, and
   * `'a'` appends. `mode` has the permission bits of a new file, by default 0o666, without those of the umask.
   * `encoding` is that of a string, by default UTF-8.
   * @throws `ENOSPC` beyond the limits
   * @example
   * directory.writeFileSync('notes.txt', 'text', { flag: 'wx' })
   */
  writeFileSync(
    path: string,
    data: string | NodeJS.ArrayBufferView,
    options?:
      | BufferEncoding
      | {
          encoding?: BufferEncoding | null | undefined
          flag?: 'w' | 'wx' | 'a' | undefined
          mode?: number | undefined
        }
      | null,
  ): void
  /** Appends to a file, and creates it if it does not exist, with the options of {@link Directory.writeFileSync}. */
  appendFileSync(
    path: string,
    data: string | NodeJS.ArrayBufferView,
    options?: BufferEncoding | { encoding?: BufferEncoding | null | undefined; mode?: number | undefined } | null,
  ): void
  /** Returns whether a path exists, following links. Never throws for a string. */
  existsSync(path: string): boolean
  /** Returns the attributes of a path, following links. */
  statSync(path: string): Stats
  /** Returns the attributes of a path. Does not follow a link at its end. */
  lstatSync(path: string): Stats
  /**
   * Lists a directory, by default the whole one. With `recursive`, also the directories below, following no links: the
   * names are then paths.
   * @example
   * directory.readdirSync('src', { recursive: true }) // ['lib', 'main.rb', 'lib/a.rb']
   */
  readdirSync(path?: string, options?: { recursive?: boolean | undefined }): string[]
  readdirSync(path: string, options: { recursive?: boolean | undefined; withFileTypes: true }): Dirent[]
  /** Creates a directory. With `recursive`, also those above; an existing directory is then no error. */
  mkdirSync(path: string, options?: { recursive?: boolean | undefined }): void
  /** Removes an empty directory; `ENOTEMPTY` for any other. */
  rmdirSync(path: string): void
  /**
   * Removes a file or link; with `recursive` also a directory and everything below, at any depth, following no links.
   * With `force` a missing path is no error. An entry below that another thread removes is never one.
   * @throws `ERR_FS_EISDIR` for a directory without `recursive`; `EINVAL` for a path that ends in `.`, `ENOTEMPTY` for
   * `..` and `ENOTDIR` for a link with a slash after it, before anything is removed
   */
  rmSync(path: string, options?: { recursive?: boolean | undefined; force?: boolean | undefined }): void
  /** Removes a file or link. */
  unlinkSync(path: string): void
  /** Renames a file or directory, and replaces a file or an empty directory at `to`. */
  renameSync(from: string, to: string): void
  /** Creates a hard link. */
  linkSync(existing: string, path: string): void
  /** Creates a symbolic link. Stores any target as given; only following it is confined. */
  symlinkSync(target: string, path: string): void
  /** Sets the permission bits. capwasi does not enforce those of directories in memory and overlays. */
  chmodSync(path: string, mode: number): void
  /**
   * Copies a file or link; with `recursive` also a directory and everything below. Links are copied as links, and holes
   * are kept. Replaces files and links. A copy that fails leaves the entries that it has copied, but no part of a file.
   * @throws `ERR_FS_EISDIR` for a directory without `recursive`; `ERR_FS_CP_EINVAL` for a copy into itself;
   * `ERR_FS_CP_DIR_TO_NON_DIR` or `ERR_FS_CP_NON_DIR_TO_DIR` for a copy over another type, at any level; `EINVAL` for a
   * FIFO, socket or device
   * @example
   * directory.cpSync('src', 'backup/src', { recursive: true })
   */
  cpSync(from: string, to: string, options?: { recursive?: boolean | undefined }): void
  /** Returns the target of a symbolic link; `EINVAL` for any other file. */
  readlinkSync(path: string): string
  /** Sets the size of a file in bytes, by default 0. A file that grows gets a hole. */
  truncateSync(path: string, length?: number): void
  /**
   * Sets the times of a path, following links: seconds since 1970, or a Date. A time after the last one that can be
   * stored becomes that one. An invalid Date is `ERR_INVALID_ARG_VALUE`.
   */
  utimesSync(path: string, atime: number | Date, mtime: number | Date): void

  /**
   * Lists what differs from `lower`, sorted by path in code units. Only for overlays. A renamed directory is 'removed'
   * at its old path, and 'added' at its new one together with every entry below; entries below a removed directory are
   * not listed; a directory of which only entries changed is not listed; another type at the same path is 'modified'.
   * `path` has `/` between names. `type` is that of a removed path in `lower`; a FIFO, socket or device is a 'file'.
   * @throws `ENOTSUP` for a directory that is no overlay; `ENAMETOOLONG`, with the shortened path, if a path that
   * differs has 4,096 bytes or more
   */
  changes(): { path: string; change: 'added' | 'modified' | 'removed'; type: 'file' | 'directory' | 'symlink' }[]
  /**
   * Applies the changes of an overlay to another directory: removals first, then additions and modifications. A target
   * that equals `lower` then equals the overlay. Never follows a link of the target: a link in the way is replaced.
   * Keeps holes, permission bits and times, and hard links between files of the changes; a new link to a file that is
   * not in the changes becomes a copy. Links that the guest made are copied as links: check them before other
   * programs use the directory.
   *
   * Everything new is created in a directory `.capwasi-*` of the target before the first removal. If that fails, for
   * example for lack of space, the target is left as it was. An error or crash after that leaves a part of the changes,
   * and a crash perhaps that directory. A modified file is replaced by a new one, which belongs to the user of the
   * process. Nothing else may change the overlay or the target during the call. The target may be `lower` itself: close
   * the overlay afterwards.
   * @throws `ENOTSUP` for a directory that is no overlay, and for a FIFO, socket or device among the changes;
   * `ENAMETOOLONG` as in {@link Directory.changes}; `EROFS` for a read-only target; `EINVAL` for the overlay itself as
   * target; `ENOSPC`, `EACCES`, … of the target, with the `path`
   * @example
   * overlay.applyTo(Directory.open('project'))
   */
  applyTo(target: Directory): void
  /**
   * Returns every file as UTF-8 text by path, sorted, empty directories as `null`, links as `'-> target'`: for
   * snapshots in tests.
   *
   * Holes become NUL characters.
   * @throws `ERR_FS_FILE_TOO_LARGE`, with the `path`, for a file of more than `buffer.constants.MAX_STRING_LENGTH`
   * bytes, before the file is read. `JSON.stringify` throws a `RangeError` if all files are too long for one string.
   * @example
   * Directory.memory({ 'a/b': 'text', c: null }).toJSON() // { 'a/b': 'text', c: null }
   */
  toJSON(): Record<string, string | null>
  /** Releases the handle or the memory once no guest uses it. */
  close(): void
  [Symbol.dispose](): void
}
