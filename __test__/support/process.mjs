// Programs for specs of `capwasi/process`, assembled from parts of WAT:
//
//   const { stdout } = await run(program(print('hello') + exit(3)))

import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { binary, command } from './guest.mjs'

const require = createRequire(import.meta.url)

export const { Pool, ProcessError, run, spawn } = require('capwasi/process')

export const MIB = 2 ** 20

/** Returns the path of a guest in C. */
export const guestFile = (name) => fileURLToPath(new URL(`../guests/${name}.wasm`, import.meta.url))
export const CAT = guestFile('cat')

// Parts of `_start`. They use the first 1,024 bytes of the memory.

const [IOVEC, OUT, TEXT, SUBSCRIPTION] = [0, 16, 512, 64]

const store = (type, at, value) => `(${type} (i32.const ${at}) (${type.slice(0, 3)}.const ${value}))`

/** Writes `size` bytes of the memory from `at`, and leaves the errno on the stack. */
export const write = (size, { fd = 1, at = 1024 } = {}) => `
  ${store('i32.store', IOVEC, at)} ${store('i32.store', IOVEC + 4, size)}
  (call $fd_write (i32.const ${fd}) (i32.const ${IOVEC}) (i32.const 1) (i32.const ${OUT}))`

/** Writes a text of at most 512 bytes. */
export const print = (text, fd = 1) => {
  const bytes = Array.from(Buffer.from(text), (byte, index) => store('i32.store8', TEXT + index, byte))
  return `${bytes.join(' ')} (drop ${write(bytes.length, { fd, at: TEXT })})`
}

export const exit = (code) => `(call $proc_exit (i32.const ${code}))`
/** Exits with the number that the expression returns. */
export const exitWith = (expression) => `(call $proc_exit ${expression})`
export const COMPUTE = '(loop $forever (br $forever))'
export const TRAP = 'unreachable'

/** Sleeps for milliseconds. */
export const sleep = (milliseconds) => `
  ${store('i32.store', SUBSCRIPTION + 16, 1)} ${store('i64.store', SUBSCRIPTION + 24, milliseconds * 1e6)}
  (drop (call $poll_oneoff (i32.const ${SUBSCRIPTION}) (i32.const 128) (i32.const 1) (i32.const ${OUT})))`
export const WAIT = sleep(1e8)

/** Writes blocks until a write fails, and exits with the errno. */
export const flood = (size) => `(loop $more (br_if $more (i32.eqz ${write(size)}))) ${exitWith(write(size))}`

/** Grows memory `index` by pages until that fails. */
export const growMemory = (index = 0) =>
  `(loop $more (br_if $more (i32.ne (memory.grow ${index || ''} (i32.const 1)) (i32.const -1))))`

/** Returns the binary of a command. Options are those of `command`. */
export const program = (start, options) => binary(command(start, options))

/** A program whose first thread waits, after it has started a second one that runs `thread`. */
export const threaded = (thread, { start = '', memory = '1 2 shared', calls, more = '' } = {}) =>
  program(
    `(drop (call $spawn (i32.const 0)))
     ${start || '(drop (memory.atomic.wait32 (i32.const 32) (i32.const 0) (i64.const -1)))'}`,
    {
      calls,
      memory: `
        (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
        (import "env" "memory" (memory ${memory}))`,
      more: `(export "memory" (memory 0)) (func (export "wasi_thread_start") (param i32 i32) ${thread}) ${more}`,
    },
  )

/** Creates a pool that is disposed of after the test. */
export function createPool(t, options) {
  const pool = new Pool(options)
  t.teardown(() => pool[Symbol.asyncDispose ?? Symbol.for('capwasi.asyncDispose')]())
  return pool
}

/** Returns the error of a run that has to fail. */
export const failure = (running) =>
  running.then(
    (result) => {
      throw new Error(`The run has succeeded: ${JSON.stringify(result)}`)
    },
    (error) => error,
  )

/** Waits for an event. Returns its arguments. */
export const event = (emitter, name) => new Promise((resolve) => emitter.once(name, (...args) => resolve(args)))

/** Waits until a condition holds. */
export async function until(condition) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 2))
}

/** Reads a stream to its end, as text. */
export async function textOf(stream) {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
