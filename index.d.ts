/**
 * capwasi: WASI preview1 for Node.js, with a sandbox enforced by the kernel. The names and shapes are those of
 * Node's `wasi` module (https://nodejs.org/api/wasi.html); where behaviour differs, it says so here.
 */

/** Bytes for a guest; a string is UTF-8. */
export type Data = string | ArrayBuffer | NodeJS.ArrayBufferView

/** What becomes of what a guest writes. */
export type Sink = 'inherit' | 'ignore' | 'pipe' | NodeJS.WritableStream | ((chunk: Buffer) => void)

/** Options of {@link WASI}. */
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
   * @default {}
   */
  preopens?: NodeJS.Dict<string> | undefined
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
   * The guest's standard output:
   * - a file descriptor of the process, which stays the process's own; `'inherit'` is the process's own 1;
   * - `'pipe'`: it is kept, and read as {@link WASI.stdout};
   * - `'ignore'`: it is forgotten;
   * - a function that is called with a copy of what the guest wrote, once for each `fd_write`, before the guest goes
   *   on; what it throws comes out of `start()`. It may call the guest's exports;
   * - a stream that is written to in the same way. The error of a write that fails at once comes out of `start()`; what
   *   the stream cannot take at once it buffers, as streams do.
   * @default 1
   */
  stdout?: number | Sink | undefined
  /**
   * The guest's standard error, like {@link WASIOptions.stdout}; `'inherit'` is the process's own 2.
   * @default 2
   */
  stderr?: number | Sink | undefined
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
   * option, which the message names; `Error` `UVWASI_*` for a descriptor or directory that cannot be used; `Error`
   * `ERR_ACCESS_DENIED` under Node's permission model without `--allow-wasi`.
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
   * @returns the code the guest exited with, 0 if it returned.
   * @throws `Error` `ERR_WASI_ALREADY_STARTED` the second time; `TypeError` `ERR_INVALID_ARG_TYPE` if `instance` has
   * no exports, no memory, or, unless `version` was left out, no `_start` or an `_initialize`; and whatever the guest throws, as it is.
   */
  start(instance: object): number

  /**
   * Initializes a reactor: binds its memory and calls `instance.exports._initialize()`, if there is one.
   * @throws as {@link WASI.start} does, but `_start` must not be there. If the guest exits, and also when it does
   * in one of its functions called later, an `Error` with the `code` `ERR_WASI_EXIT` and the `exitCode`.
   */
  initialize(instance: object): void

  /** A new object to instantiate the guest with: `{ wasi_snapshot_preview1: wasi.wasiImport }`, or `wasi_unstable`. */
  getImportObject(): object

  /**
   * The functions of WASI, to be imported by the guest; each is an own property and may be replaced before. Called
   * from JavaScript they return an errno: 28 (`EINVAL`) for wrong arguments.
   * @throws `Error` `ERR_WASI_NOT_STARTED` when one is called before a memory is bound.
   */
  readonly wasiImport: NodeJS.Dict<any>

  /**
   * Closes every descriptor of the guest; calls that use one are `EBADF` (8) from then on. A sandbox that is not
   * closed is when it is collected. Not in node:wasi.
   */
  close(): void

  /**
   * What the guest has written so far with the option `stdout: 'pipe'`, at most 256 MiB (then its writes are `DQUOT`);
   * `undefined` with any other.
   */
  get stdout(): Buffer | undefined

  /** The same for `stderr`. */
  get stderr(): Buffer | undefined

  /** {@link WASI.close}, for `using`. */
  [Symbol.dispose](): void
}
