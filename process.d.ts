/// <reference types="node" />

/**
 * capwasi/process: runs WebAssembly programs like child processes, in threads of this process, with limits. The names
 * are those of `node:child_process` where it has them.
 */

import type { EventEmitter } from 'node:events'
import type { Duplex, Readable, Writable } from 'node:stream'
import type { NewPreopen, Preopen, RandomOptions, SocketOptions } from './index.js'

/**
 * A file, the bytes of a file, or a compiled module. A file is compiled once, and again only after it has changed.
 * Bytes are compiled each time, and must not change before the guest starts. A missing file rejects with the error of
 * `node:fs`. Anything that is not WebAssembly rejects with a `WebAssembly.CompileError` whose message names the file.
 */
export type Program = string | URL | Uint8Array | WebAssembly.Module

/** Limits of a guest. An own property with another name is `ERR_INVALID_ARG_VALUE`. */
export interface ProcessLimits {
  /**
   * Maximum bytes of all linear memories together. A table element counts 8 bytes. Growing beyond the limit fails in
   * the guest. A program that needs more at once is not started: `ERR_WASI_LIMIT`. Memories and tables that can grow
   * share the bytes that are left equally. Objects of wasm-GC have the same limit, through the heap of the thread; not
   * in Bun and Deno. A single large array of wasm-GC, or a loop of large arrays, can still end the process. Tables, and
   * memories that are not imported, count for each of `threads` and for the first thread.
   *
   * A `WebAssembly.Module` cannot be limited: `ERR_INVALID_ARG_VALUE`. It may have memories that it does not export.
   * Pass its bytes.
   *
   * `exceeded` is `'memory'` if the guest ended with less than a sixteenth of this limit left.
   * @default no limit
   */
  memory?: number | undefined
  /**
   * Maximum milliseconds of processor time, of all threads of the guest. Waiting does not count. Beyond it the guest is
   * stopped: `ERR_WASI_LIMIT`. In Bun `ERR_FEATURE_UNAVAILABLE_ON_PLATFORM`: it cannot interrupt a guest that computes.
   * @default no limit
   */
  cpuTime?: number | undefined
  /**
   * Maximum number of threads of the guest, without the first. Beyond it `thread-spawn` fails in the guest.
   * @default 16
   */
  threads?: number | undefined
  /**
   * Maximum number of open descriptors, as in `new WASI`: 1 to 1,048,576. Opening one more fails with `EMFILE`.
   * @default 4096
   */
  openFiles?: number | undefined
  /**
   * Maximum bytes collected of stdout, and of stderr, as in `new WASI`. A write beyond it fails with `EDQUOT`.
   * @default 268435456 (256 MiB)
   */
  output?: number | undefined
  /**
   * Maximum bytes written in total, as in `new WASI`. A write beyond it fails with `EDQUOT`.
   * @default no limit
   */
  writtenBytes?: number | bigint | undefined
}

/** Fixed clocks of a guest, in nanoseconds. Functions cannot be called in the thread of the guest. */
export interface FixedClockOptions {
  /** Wall-clock time since the Unix epoch. */
  realtime?: bigint | undefined
  /** Monotonic time. */
  monotonic?: bigint | undefined
}

/** Options of {@link run} and {@link spawn}. An own property with another name is `ERR_INVALID_ARG_VALUE`. */
export interface ProcessOptions {
  /**
   * The name of the program, as `argv[0]`.
   * @default the name of the file, else 'program.wasm'
   */
  argv0?: string | undefined
  /**
   * Environment variables. The guest inherits nothing from `process.env`.
   * @default {}
   */
  env?: Record<string, string | undefined> | undefined
  /**
   * Directories for the guest, by guest name. The same values as in `new WASI`. They are opened when the guest starts.
   * @default {}
   */
  preopens?: Record<string, string | Preopen | NewPreopen> | undefined
  /**
   * TCP sockets on which the guest accepts connections, as in `new WASI`. {@link GuestProcess.addresses} shows them.
   * @default []
   */
  sockets?: readonly (string | SocketOptions)[] | undefined
  /**
   * Fixed clocks, which advance only while the guest sleeps, as in `new WASI`.
   * @default the system's clocks
   */
  clock?: FixedClockOptions | undefined
  /**
   * Source of random bytes, as in `new WASI`.
   * @default the system's random bytes
   */
  random?: RandomOptions | undefined
  /**
   * Milliseconds from the start of the guest, 1 to 2^31 - 1, after which it is stopped: `ERR_WASI_TIMEOUT`. Waiting for
   * a thread, compiling, and starting a thread do not count.
   * @default no limit
   */
  timeout?: number | undefined
  /** Stops the guest when it aborts: `ABORT_ERR`. */
  signal?: AbortSignal | undefined
  /** Limits of the guest. */
  limits?: ProcessLimits | undefined
  /**
   * Logs every WASI call to standard error, as in `new WASI`.
   * @default false
   */
  trace?: boolean | undefined
}

/** Options of {@link run}. */
export interface RunOptions extends ProcessOptions {
  /**
   * Data for standard input: always data, never a mode. A source is read as fast as the guest reads, and is not
   * destroyed. Its error rejects `run()`.
   * @default none, the guest finds the end of the file
   */
  input?:
    | string
    | Uint8Array
    | Iterable<string | Uint8Array>
    | AsyncIterable<string | Uint8Array>
    | Readable
    | ReadableStream<Uint8Array>
    | undefined
  /**
   * Where standard output goes. `'pipe'` collects it for the result. A number is a descriptor. The guest waits while a
   * stream is full, or while the promise of a function is pending. Streams are not ended. An error of a stream or
   * function stops the guest and rejects `run()`. `run()` settles when all output has been taken, also after a timeout
   * or an abort.
   * @default 'pipe'
   */
  stdout?:
    | 'pipe'
    | 'inherit'
    | 'ignore'
    | number
    | Writable
    | WritableStream<Uint8Array>
    | ((chunk: Buffer) => void | Promise<void>)
    | undefined
  /**
   * Where standard error goes, like `stdout`. The order of the output is kept in a stream or function that gets both.
   * @default 'pipe'
   */
  stderr?: RunOptions['stdout']
  /**
   * The encoding of `stdout` and `stderr` in the result. `'buffer'` gives Buffers.
   * @default 'utf8'
   */
  encoding?: BufferEncoding | 'buffer' | undefined
  /**
   * Whether a guest that fails rejects with a {@link ProcessError}. If false, `run()` resolves with the result. A
   * program that cannot be started rejects in any case, except one that needs more memory than its limit.
   * @default true
   */
  reject?: boolean | undefined
}

/** The end of a guest. */
export interface Result<Output = string> {
  /** The exit code; `undefined` if the guest was stopped or trapped. */
  exitCode: number | undefined
  /** The collected output; empty if it went elsewhere. */
  stdout: Output
  stderr: Output
  /** Whether the `timeout` stopped the guest. */
  timedOut: boolean
  /** Whether the `signal` or `kill()` stopped the guest. */
  aborted: boolean
  /** The limit that stopped the guest, or else the first that refused something. */
  exceeded: keyof ProcessLimits | undefined
  /** The trap that ended the guest, with its WebAssembly stack. */
  trap: Error | undefined
  /** Milliseconds from the start of the guest to its end. */
  durationMs: number
  /** Milliseconds of processor time of all threads of the guest. */
  cpuTimeMs: number
  /** Bytes of its memories at their largest, as far as they are exported or imported. */
  peakMemory: number
}

/**
 * Thrown for a guest that exited with a code other than 0, trapped, or was stopped. Has all of the result, with the
 * output so far. For an abort, `cause` is the reason of the signal. A guest that `kill()` ended is `ABORT_ERR` too.
 */
export class ProcessError extends Error implements Result<string | Buffer> {
  private constructor()
  code: 'ERR_WASI_EXIT' | 'ERR_WASI_TRAP' | 'ERR_WASI_TIMEOUT' | 'ERR_WASI_LIMIT' | 'ABORT_ERR'
  exitCode: number | undefined
  stdout: string | Buffer
  stderr: string | Buffer
  timedOut: boolean
  aborted: boolean
  exceeded: keyof ProcessLimits | undefined
  trap: Error | undefined
  durationMs: number
  cpuTimeMs: number
  peakMemory: number
}

/**
 * Runs a program in a thread of the shared pool, to its end. The shared pool has as many threads as processors. The
 * variable `CAPWASI_THREADS` changes that.
 * @returns a promise of the result. It rejects with a {@link ProcessError} if the guest fails, and with the errors of
 * {@link Program} and of `new WASI` if the program cannot be started. An import that capwasi does not provide is a
 * `WebAssembly.LinkError`. An unknown option or limit is `ERR_INVALID_ARG_VALUE`.
 * @example
 * const { stdout } = await run('hello.wasm', ['--name', 'world'], { timeout: 1000, limits: { memory: 64 << 20 } })
 */
export function run(
  program: Program,
  args?: readonly string[],
  options?: RunOptions & { encoding?: BufferEncoding | undefined },
): Promise<Result<string>>
export function run(
  program: Program,
  args: readonly string[] | undefined,
  options: RunOptions & { encoding: 'buffer' },
): Promise<Result<Buffer>>
export function run(
  program: Program,
  args: readonly string[] | undefined,
  options: RunOptions,
): Promise<Result<string | Buffer>>

/** Options of {@link spawn}. */
export interface SpawnOptions extends ProcessOptions {
  /**
   * The targets of stdin, stdout and stderr: one value for the three, or an array. `'pipe'` creates a stream,
   * such as {@link GuestProcess.stdout}. A number is a descriptor. Streams in the array are read or written as fast as
   * the guest, and are not ended.
   * @default 'pipe'
   */
  stdio?:
    | 'pipe'
    | 'inherit'
    | 'ignore'
    | readonly ('pipe' | 'inherit' | 'ignore' | number | Readable | Writable | null | undefined)[]
    | undefined
}

/** Why a guest has ended: the second argument of the events `'exit'` and `'close'`. */
export type ExitReason = 'exit' | 'trap' | 'timeout' | 'limit' | 'abort' | 'kill'

/** Events of a {@link GuestProcess}, by name, with the arguments of their listeners. */
export interface GuestProcessEvents {
  /** The guest has started. */
  spawn: []
  /** The guest has ended. Its streams may still have output. The code is null if it was stopped or trapped. */
  exit: [code: number | null, reason: ExitReason]
  /** The guest has ended, and the streams that are read have ended. After `'error'` the reason is `'error'`. */
  close: [code: number | null, reason: ExitReason | 'error']
  /** The program could not be started, or a stream of `stdio` failed. */
  error: [error: Error]
}

/**
 * A running guest. Emits `'spawn'`, then `'exit'`, then `'close'`, as a `ChildProcess` does. Emits `'error'` instead of
 * `'spawn'` if the guest cannot be started. If `result` was read and there is no listener, only `result` rejects.
 */
export interface GuestProcess extends EventEmitter<GuestProcessEvents>, AsyncDisposable {
  /** Standard input, unless `stdio` connects it elsewhere. Input that the guest does not read is discarded. */
  readonly stdin: Writable | null
  /** Standard output. The guest waits while the stream is not read. */
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /** The addresses of `sockets`, from `'spawn'` on, such as `['127.0.0.1:41207']`. */
  readonly addresses: readonly string[]
  readonly exitCode: number | null
  /** Returns stdin and stdout as one stream, for `pipeline`. */
  duplex(): Duplex
  /**
   * Stops the guest at once, whether it waits for a thread, computes or waits. Returns whether it was running. In Bun a
   * guest that computes stops at its next WASI call.
   */
  kill(): boolean
  /** Makes the guest and its streams keep the process alive, which is the default. */
  ref(): this
  /** Lets the process end while the guest runs. */
  unref(): this
  /**
   * Settles like `run()`. An unread rejection is not reported as unhandled. `stdout` and `stderr` are `''` where they
   * are streams.
   */
  readonly result: Promise<Result<string>>
}

/**
 * Starts a program in a thread of the shared pool, with streams.
 * @throws the errors of {@link run} for invalid arguments
 * @example
 * const guest = spawn('gzip.wasm')
 * await pipeline(createReadStream('in.txt'), guest.duplex(), createWriteStream('in.txt.gz'))
 */
export function spawn(program: Program, args?: readonly string[], options?: SpawnOptions): GuestProcess

/** Options of {@link Pool}. An own property with another name is `ERR_INVALID_ARG_VALUE`. */
export interface PoolOptions {
  /**
   * Number of guests that run at once: 1 to 1024.
   * @default CAPWASI_THREADS, else the number of processors
   */
  threads?: number | undefined
  /**
   * Number of guests that may wait for a thread. Those that run do not count. Beyond it `ERR_WASI_QUEUE_FULL`.
   * @default no limit
   */
  maxQueue?: number | undefined
  /**
   * Milliseconds after which an idle thread ends. Idle threads never keep the process alive.
   * @default 10000
   */
  idleTimeout?: number | undefined
}

/**
 * Threads that run guests, for a program that wants other numbers than the shared pool has.
 * @example
 * await using pool = new Pool({ threads: 2, maxQueue: 100 })
 * const { stdout } = await pool.run('job.wasm')
 */
export class Pool implements AsyncDisposable {
  constructor(options?: PoolOptions)
  run: typeof run
  spawn: typeof spawn
  readonly stats: { threads: number; running: number; queued: number; finished: number }
  /** Waits for the guests that run or wait, and refuses new ones: `ERR_INVALID_STATE`. */
  close(): Promise<void>
  /** Kills the guests that run or wait. */
  [Symbol.asyncDispose](): Promise<void>
}
