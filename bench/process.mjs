// Measures capwasi/process: node bench/process.mjs
//
// Beside `run`, the table has a child process with the command line of capwasi, and with that of wasmtime if there is
// one.

import { execFile } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { promisify } from 'node:util'
import { Pool } from 'capwasi/process'
import wabt from 'wabt'
import packageJson from '../package.json' with { type: 'json' }

const { parseWat } = await wabt()
const assemble = (text) => {
  const parsed = parseWat('guest.wat', text, {})
  const { buffer } = parsed.toBinary({})
  parsed.destroy()
  return buffer
}

const MEMORY = '(memory (export "memory") 17)'
const IO = `(import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))`

/** Has the two pages of a small program in C. */
const HELLO = `(module ${IO} (memory (export "memory") 2)
  (data (i32.const 0) "\\08\\00\\00\\00\\06\\00\\00\\00hello\\n")
  (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))`

/** Copies stdin to stdout. The list of buffers is at 0, the size of a transfer at 8. */
const COPY = `(module ${IO} ${MEMORY} (func (export "_start")
  (loop $again
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 0x100000))
    (br_if 1 (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (br_if 1 (i32.eqz (i32.load (i32.const 8))))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (loop $rest
      (br_if 2 (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.load (i32.const 8))))
      (i32.store (i32.const 4) (i32.sub (i32.load (i32.const 4)) (i32.load (i32.const 8))))
      (br_if $rest (i32.load (i32.const 4))))
    (br $again))))`

const COMPUTE = `(module ${MEMORY} (func (export "_start") (loop $forever (br $forever))))`

const row = (label, value, unit) => console.log(`${label.padEnd(58)} ${String(value).padStart(8)} ${unit}`)
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))
const sorted = (numbers) => numbers.sort((a, b) => a - b)
const median = (numbers) => sorted(numbers)[Math.floor(numbers.length / 2)]

async function time(action) {
  const start = performance.now()
  await action()
  return performance.now() - start
}

async function times(count, action) {
  const all = []
  for (let index = 0; index < count; index++) all.push(await time(action))
  return all
}

const pool = new Pool({ threads: 2 })
const hello = join(tmpdir(), `capwasi-hello-${process.pid}.wasm`)
writeFileSync(hello, assemble(HELLO))

const runHello = () => pool.run(hello)
await Promise.all(Array.from({ length: 200 }, runHello))
row('run() of a hello program on a warm pool, median', median(await times(2000, runHello)).toFixed(3), 'ms')

const COUNT = 10_000
const elapsed = await time(async () => {
  let left = COUNT
  const work = async () => {
    while (left-- > 0) await runHello()
  }
  await Promise.all(Array.from({ length: 8 }, work))
})
row('run() of a hello program on two threads', Math.round(COUNT / (elapsed / 1000)), 'per s')

const execute = promisify(execFile)
const commandLine = new URL(`../${packageJson.bin.capwasi}`, import.meta.url).pathname
const viaCapwasi = await times(10, () => execute(process.execPath, [commandLine, hello]))
row('the same by child_process and the command line, median', median(viaCapwasi).toFixed(1), 'ms')
try {
  row(
    'the same by child_process and wasmtime, median',
    median(await times(10, () => execute('wasmtime', [hello]))).toFixed(1),
    'ms',
  )
} catch {
  row('the same by child_process and wasmtime', '-', 'not installed')
}
rmSync(hello)

const MIB = 1 << 20
const copy = new Uint8Array(assemble(COPY))
const rates = []
for (let round = 0; round < 5; round++) {
  const guest = pool.spawn(copy)
  const chunk = Buffer.alloc(MIB, 7)
  let received = 0
  guest.stdout.on('data', ({ length }) => {
    received += length
  })
  const milliseconds = await time(async () => {
    for (let left = 256; left > 0; left--) {
      if (!guest.stdin.write(chunk)) await new Promise((resolve) => guest.stdin.once('drain', resolve))
    }
    guest.stdin.end()
    await new Promise((resolve) => guest.on('close', resolve))
  })
  if (received !== 256 * MIB) throw new Error(`received ${received} bytes`)
  rates.push(256 / (milliseconds / 1000))
}
row('256 MiB through spawn(), in and out at once, median', Math.round(median(rates)), 'MiB/s')

const compute = new Uint8Array(assemble(COMPUTE))
const kills = []
for (let round = 0; round < 20; round++) {
  const guest = pool.spawn(compute)
  await new Promise((resolve) => guest.on('spawn', resolve))
  await sleep(20)
  const exited = new Promise((resolve) => guest.on('exit', resolve))
  kills.push(await time(async () => guest.kill() && exited))
}
row('kill() of a guest that computes, longest of 20', Math.max(...kills).toFixed(1), 'ms')

const guests = Array.from({ length: 4 }, () => pool.spawn(compute))
let [longest, last] = [0, performance.now()]
const timer = setInterval(() => {
  const now = performance.now()
  longest = Math.max(longest, now - last)
  last = now
}, 1)
await sleep(2000)
clearInterval(timer)
row('longest pause of the event loop while four guests compute', longest.toFixed(1), 'ms')
for (const guest of guests) guest.kill()
await Promise.allSettled(guests.map(({ result }) => result))
await pool.close()
