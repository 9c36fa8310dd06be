import type { WASI } from './index.js'

/** Options of {@link instantiateThreaded}. */
export interface ThreadedOptions {
  /**
   * Maximum number of threads at once, without the first thread. Beyond it `thread-spawn` returns a negative number,
   * and `pthread_create` fails with `EAGAIN`.
   * @default 16
   */
  threads?: number | undefined
}

/**
 * Instantiates a program that imports a shared memory and `wasi.thread-spawn`. Creates the memory, and a worker for
 * each thread. A worker whose thread has ended runs the next thread. Then call `wasi.start(instance)`, or
 * `wasi.initialize(instance)` for a reactor.
 *
 * All threads have the same descriptors, limits, arguments and environment, as with {@link WASI.join}. The end of one
 * thread ends all: `start()` throws the error of a thread that trapped, and returns the code of a thread that called
 * `proc_exit`. When `start()` returns, all threads have ended. The error of a thread while no `start()` runs is an
 * uncaught exception.
 *
 * When another thread ends the guest, a callback of the embedder that runs in `start()` is cut off, without its
 * `finally`. Bun and Deno cannot stop a thread that computes or waits in `memory.atomic.wait`. There a thread, also the
 * first one, ends at its next WASI call; other threads end when `start()` of the first thread ends.
 *
 * Threads do not keep the process alive. {@link WASI.close} ends the threads of a reactor. The proposal is
 * https://github.com/WebAssembly/wasi-threads.
 * @throws `TypeError` `ERR_INVALID_ARG_TYPE` or `ERR_INVALID_ARG_VALUE` for an invalid argument, an unknown option, or
 * a module without a shared memory or without the export `wasi_thread_start`
 * @throws `RangeError` `ERR_OUT_OF_RANGE` for an invalid number of threads
 * @throws `WebAssembly.LinkError` for imports that are neither of WASI nor of threads
 * @example
 * const wasi = new WASI({ version: 'preview1', args: ['program'] })
 * const instance = await instantiateThreaded(await WebAssembly.compile(readFileSync('program.wasm')), wasi)
 * process.exitCode = wasi.start(instance)
 */
export function instantiateThreaded(
  module: WebAssembly.Module,
  wasi: WASI,
  options?: ThreadedOptions,
): Promise<WebAssembly.Instance>
