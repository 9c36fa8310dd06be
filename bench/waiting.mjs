// `node bench/waiting.mjs`: times guests that wait without blocking the thread. Needs a Node with JSPI (24.22 or
// later), Linux or macOS. Prints the figures and their limits.
//
//   node bench/waiting.mjs [--guests 10000]

import { execFileSync, spawn } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker, isMainThread, workerData } from 'node:worker_threads'
import wabt from 'wabt'
import { WASI } from 'capwasi'

const IMPORTS = `
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)`

/** Writes nothing to stdout `count` times. */
const CALLS = `(module ${IMPORTS}
  (func (export "_start") (local $left i32)
    (local.set $left (i32.const 1000000))
    (loop $again
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))`

/** Sleeps for a second. */
const SLEEP = `(module ${IMPORTS.replace(' 2)', ' 1)')}
  (func (export "_start")
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 1000000000))
    (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))`

/** Reads stdin to its end, and calls `seen` after each read. */
const reading = (size) => `(module (import "host" "seen" (func $seen)) ${IMPORTS}
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const ${size}))
    (loop $again
      (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (call $seen)
      (br_if $again (i32.load (i32.const 8))))))`

const TOTAL = 64 << 20
const WAKE_UPS = 1000

/** Writes a byte to a FIFO every 2 ms, and stores when. */
async function writeSlowly({ fifo, times }) {
  const fd = openSync(fifo, 'w')
  const byte = Buffer.of(1)
  for (let index = 0; index < WAKE_UPS; index++) {
    await new Promise((resolve) => setTimeout(resolve, 2))
    Atomics.store(times, index, process.hrtime.bigint())
    writeSync(fd, byte)
  }
  closeSync(fd)
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]

async function main() {
  if (!WebAssembly.promising) throw new Error(`Node ${process.version} has no JSPI`)
  const { guests } = parseArgs({ options: { guests: { type: 'string', default: '10000' } } }).values
  const { parseWat } = await wabt()
  const [calls, sleep, read, readByte] = [CALLS, SLEEP, reading(1 << 16), reading(1)].map(
    (text) => new WebAssembly.Module(parseWat('guest.wat', text, {}).toBinary({}).buffer),
  )
  const folder = mkdtempSync(join(tmpdir(), 'capwasi-'))
  const fifo = join(folder, 'fifo')
  execFileSync('mkfifo', [fifo])

  /** Returns a function that runs a new guest. */
  const prepare = (module, { suspending, isAsync = suspending, seen = () => {}, ...options }) => {
    const wasi = new WASI({ version: 'preview1', ...options })
    const imports = { ...wasi.getImportObject({ suspending }), host: { seen } }
    const instance = new WebAssembly.Instance(module, imports)
    return isAsync ? () => wasi.startAsync(instance) : async () => wasi.start(instance)
  }

  /** Returns the milliseconds of a run of the guest. */
  const timed = async (run) => {
    const started = performance.now()
    await run()
    return performance.now() - started
  }

  const kinds = [{ suspending: false }, { suspending: false, isAsync: true }, { suspending: true }]
  const best = kinds.map(() => Infinity)
  for (let round = 0; round < 7; round++) {
    for (const [index, kind] of kinds.entries()) {
      best[index] = Math.min(best[index], await timed(prepare(calls, { ...kind, stdout: 'ignore' })))
    }
  }
  const [blocking, promising, suspending] = best
  const more = (suspending - promising).toFixed(1)
  console.log(`a call that does not wait: ${suspending.toFixed(0)} ns, ${more} ns more than a blocking one (limit 12)`)
  // V8 changes the stack for each call of JavaScript from a function of WebAssembly.promising.
  console.log(`a call by startAsync() is ${(promising - blocking).toFixed(1)} ns slower than by start()`)

  const speed = { true: [], false: [] }
  for (let round = 0; round < 5; round++) {
    for (const suspending of [false, true]) {
      const writer = spawn('dd', ['if=/dev/zero', `of=${fifo}`, 'bs=65536', `count=${TOTAL >> 16}`], {
        stdio: 'ignore',
      })
      const exited = new Promise((resolve) => writer.on('exit', resolve))
      const stdin = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
      // A guest that reads before the writer has opened the FIFO finds the end.
      await new Promise((resolve) => setTimeout(resolve, 100))
      const milliseconds = await timed(prepare(read, { suspending, stdin }))
      speed[suspending].push(TOTAL / (1 << 20) / (milliseconds / 1000))
      closeSync(stdin)
      await exited
    }
  }
  const [slow, fast] = [Math.max(...speed.true), Math.max(...speed.false)]
  const share = (slow / fast).toFixed(2)
  console.log(`a pipe of 64 MiB: ${slow.toFixed(0)} MiB/s, ${share} of a blocking guest (limit 0.5)`)

  const times = new BigInt64Array(new SharedArrayBuffer(8 * WAKE_UPS))
  const delays = []
  new Worker(new URL(import.meta.url), { workerData: { fifo, times } })
  const stdin = openSync(fifo, 'r')
  const seen = () => {
    const now = process.hrtime.bigint()
    if (delays.length < WAKE_UPS) delays.push(Number(now - Atomics.load(times, delays.length)) / 1000)
  }
  await prepare(readByte, { suspending: true, stdin, seen })()
  console.log(`a wake-up from a pipe: ${median(delays).toFixed(0)} µs, the median of ${WAKE_UPS} (limit 100)`)
  closeSync(stdin)

  const count = Number(guests)
  globalThis.gc?.()
  const before = process.memoryUsage().rss
  const runs = Array.from({ length: count }, () => prepare(sleep, { suspending: true }))
  const ends = runs.map((run) => run())
  await new Promise((resolve) => setImmediate(() => setTimeout(resolve, 500)))
  const last = performance.now() - 500
  globalThis.gc?.()
  // Each guest has touched one page of its memory.
  const each = (process.memoryUsage().rss - before) / count / 1024 - 4
  await Promise.all(ends)
  const late = (performance.now() - last) / 1000
  console.log(`${count} guests that sleep a second: all back after ${late.toFixed(2)} s (limit 1.4)`)
  console.log(`each has ${each.toFixed(1)} KiB besides its memory (limit 16)`)
  rmSync(folder, { recursive: true })
}

if (isMainThread) await main()
else await writeSlowly(workerData)
