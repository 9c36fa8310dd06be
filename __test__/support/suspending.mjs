// Guests that are suspended while they wait. The specs need a runtime with JSPI: `npm test` runs them on Node 24.

import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import { assemble } from './guest.mjs'

const require = createRequire(import.meta.url)
const { WASI } = require('capwasi')

const IMPORTS = `
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 2)`

/** Returns a module whose `_start` runs this code. More exports can follow. */
export const guest = (start, more = '') => `(module ${IMPORTS} (func (export "_start") ${start}) ${more})`

/** Code that sleeps for some milliseconds. */
export const sleep = (milliseconds) => `
  (i32.store (i32.const 16) (i32.const 1))
  (i64.store (i32.const 24) (i64.const ${milliseconds}000000))
  (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))`

/** A guest that copies stdin to stdout, and exits with the errno of a call that fails. */
export const CAT = guest(`(local $errno i32)
  (loop $again
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 65536))
    (local.set $errno (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (if (local.get $errno) (then (call $exit (local.get $errno))))
    (if (i32.load (i32.const 8)) (then
      (i32.store (i32.const 4) (i32.load (i32.const 8)))
      (local.set $errno (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
      (if (local.get $errno) (then (call $exit (local.get $errno))))
      (br $again))))`)

/** Creates a guest with suspending imports. */
export function suspendable(text, options = {}) {
  const wasi = new WASI({ version: 'preview1', ...options })
  const instance = new WebAssembly.Instance(assemble(text), wasi.getImportObject({ suspending: true }))
  return { wasi, instance, start: (runOptions) => wasi.startAsync(instance, runOptions) }
}

/** Runs CAT. Returns its exit code and its output, if that is captured. */
export async function cat(options, runOptions) {
  const { wasi, start } = suspendable(CAT, { stdout: 'pipe', ...options })
  const code = await start(runOptions)
  return { code, output: wasi.stdout?.toString() }
}

export const later = (milliseconds, value) => new Promise((resolve) => setTimeout(resolve, milliseconds, value))

export async function* slowly(...items) {
  for (const item of items) yield await later(1, item)
}

const encoder = new TextEncoder()

/** Sources of 'one two', by name. */
export const SOURCES = {
  'a Readable': () => Readable.from(slowly('one ', Buffer.from('two'))),
  'a Readable that has ended before': () => Readable.from(['one ', 'two']),
  'a Readable with an encoding': () =>
    Readable.from([Buffer.from('one two')], { objectMode: false }).setEncoding('utf8'),
  'an async generator': () => slowly('one ', encoder.encode('two')),
  'a ReadableStream': () =>
    new ReadableStream({
      async start(controller) {
        controller.enqueue(encoder.encode('one '))
        await later(1)
        controller.enqueue(encoder.encode('two'))
        controller.close()
      },
    }),
  'an async function': () => {
    const parts = ['one ', '', 'two']
    return async () => later(1, parts.shift() ?? null)
  },
  'a function that returns promises sometimes': () => {
    const parts = ['one ', Promise.resolve('two')]
    return () => parts.shift() ?? null
  },
}

export { WASI }
