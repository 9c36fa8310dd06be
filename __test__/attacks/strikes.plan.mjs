// Runs as a process: ends a worker that loads the addon and runs guests (strikes.cjs) at a random moment.
//
//   node __test__/attacks/strikes.plan.mjs terminate 1000      by worker.terminate()
//   node __test__/attacks/strikes.plan.mjs exit 300            by process.exit(), each time in a process of its own
//
// The last argument is the most seconds to take. Prints how many strikes there were, and which were lost: those after
// which the worker had not ended in time, or ran on.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { assemble, root } from '../support/guest.mjs'

const require = createRequire(import.meta.url)
const [how, most = '1000', seconds = '3600'] = process.argv.slice(2)
const TIMEOUT = 10_000
const [STARTED, STRUCK, RAN_ON] = [0, 1, 2]
/** Longer than the first turn of a worker takes, in microseconds. */
const WINDOW = 8000

/** A guest that calls all that the embedder gives it, grows, sleeps and exits. */
const GUEST = `(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $turns i32)
    (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 8))
    (loop $again
      (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
      (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 16)))
      (drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 16)))
      (drop (memory.grow (i32.const 1)))
      (local.set $turns (i32.add (local.get $turns) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $turns) (i32.const 3))))
    (i32.store (i32.const 528) (i32.const 1)) (i64.store (i32.const 536) (i64.const 200000))
    (drop (call $poll_oneoff (i32.const 512) (i32.const 1024) (i32.const 1) (i32.const 16)))
    (call $proc_exit (i32.const 3))))`

/** Starts a worker, and returns at a random moment after its start. */
async function started() {
  const shared = new Int32Array(new SharedArrayBuffer(12))
  const worker = new Worker(new URL('strikes.cjs', import.meta.url), {
    workerData: { main: require.resolve('capwasi'), shared, guest: assemble(GUEST) },
  })
  await Atomics.waitAsync(shared, STARTED, 0).value
  const end = performance.now() + (Math.random() * WINDOW) / 1000
  while (performance.now() < end);
  return { worker, shared }
}

/** Whether an event comes in time. */
const inTime = (event) => {
  let timer
  const late = new Promise((resolve) => (timer = setTimeout(resolve, TIMEOUT, false)))
  return Promise.race([event.then(() => true), late]).finally(() => clearTimeout(timer))
}

/** Describes how ending a worker failed; null if it worked. */
const STRIKES = {
  async terminate() {
    const { worker, shared } = await started()
    const errors = []
    worker.on('error', (error) => errors.push(error))
    const ended = worker.terminate()
    Atomics.store(shared, STRUCK, 1)
    if (!(await inTime(ended))) return 'did not end'
    if (errors.length > 0) return String(errors[0])
    // One step may be under way when the worker is struck.
    const steps = Atomics.load(shared, RAN_ON)
    return steps > 1 ? `ran on for ${steps} steps` : null
  },
  async exit() {
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'child'], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const stderr = child.stderr.toArray()
    const exited = once(child, 'exit')
    const ended = await inTime(exited)
    child.kill('SIGKILL')
    const [code, signal] = await exited
    if (!ended) return 'did not exit'
    return code === 0 ? null : `${code ?? signal}: ${(await stderr).join('')}`
  },
}

if (how === 'child') {
  await started()
  process.exit(0)
}
const deadline = performance.now() + 1000 * Number(seconds)
const lost = []
let strikes = 0
for (; strikes < Number(most) && performance.now() < deadline; strikes++) {
  const fault = await STRIKES[how]()
  if (fault !== null) lost.push(fault)
}
console.log(JSON.stringify({ strikes, lost }))
process.exit() // A worker that was lost would go on.
