// Runs in a process: ends workers that load the addon and run guests (terminations.worker.cjs) at random moments.
//
//   node __test__/attacks/terminations.plan.mjs terminate 1000      by worker.terminate()
//   node __test__/attacks/terminations.plan.mjs exit 300            by process.exit(), each in a new process
//
// The optional last argument limits the seconds. Prints the number of terminations, and the failures: workers that did
// not end in time, or still ran JavaScript.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { assemble, root } from '../support/guest.mjs'

const require = createRequire(import.meta.url)
const [method, limit = '1000', seconds = '3600'] = process.argv.slice(2)
const TIMEOUT_MS = 10_000
const [STARTED, TERMINATED, STEPS_AFTER] = [0, 1, 2]
/** The longest random delay. The first round of a worker is shorter. */
const MAX_DELAY_US = 8000

/** A guest that calls every function of the embedder, grows its memory, sleeps and exits. */
const GUEST = `(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $rounds i32)
    (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 8))
    (loop $again
      (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
      (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 16)))
      (drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 16)))
      (drop (memory.grow (i32.const 1)))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.store (i32.const 528) (i32.const 1)) (i64.store (i32.const 536) (i64.const 200000))
    (drop (call $poll_oneoff (i32.const 512) (i32.const 1024) (i32.const 1) (i32.const 16)))
    (call $proc_exit (i32.const 3))))`

/** Starts a worker. Returns at a random moment after the start. */
async function startWorker() {
  const shared = new Int32Array(new SharedArrayBuffer(12))
  const worker = new Worker(new URL('terminations.worker.cjs', import.meta.url), {
    workerData: { main: require.resolve('capwasi'), shared, guest: assemble(GUEST) },
  })
  await Atomics.waitAsync(shared, STARTED, 0).value
  const end = performance.now() + (Math.random() * MAX_DELAY_US) / 1000
  while (performance.now() < end);
  return { worker, shared }
}

/** Returns whether a promise resolves within TIMEOUT_MS. */
const isInTime = (event) => {
  let timer
  const late = new Promise((resolve) => (timer = setTimeout(resolve, TIMEOUT_MS, false)))
  return Promise.race([event.then(() => true), late]).finally(() => clearTimeout(timer))
}

/** Ends a worker, by method. Each function returns a description of the failure, or null. */
const METHODS = {
  async terminate() {
    const { worker, shared } = await startWorker()
    const errors = []
    worker.on('error', (error) => errors.push(error))
    const ended = worker.terminate()
    Atomics.store(shared, TERMINATED, 1)
    if (!(await isInTime(ended))) return 'did not end'
    if (errors.length > 0) return String(errors[0])
    // One step may be running when terminate() is called.
    const steps = Atomics.load(shared, STEPS_AFTER)
    return steps > 1 ? `ran ${steps} steps after terminate()` : null
  },
  async exit() {
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'child'], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const stderr = child.stderr.toArray()
    const exited = once(child, 'exit')
    const ended = await isInTime(exited)
    child.kill('SIGKILL')
    const [code, signal] = await exited
    if (!ended) return 'did not exit'
    return code === 0 ? null : `${code ?? signal}: ${(await stderr).join('')}`
  },
}

if (method === 'child') {
  await startWorker()
  process.exit(0)
}
const deadline = performance.now() + 1000 * Number(seconds)
const failures = []
let terminations = 0
for (; terminations < Number(limit) && performance.now() < deadline; terminations++) {
  const failure = await METHODS[method]()
  if (failure !== null) failures.push(failure)
}
console.log(JSON.stringify({ terminations, failures }))
process.exit() // A worker that did not end would keep the process alive.
