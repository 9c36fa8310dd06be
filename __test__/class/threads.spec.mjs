// Sandboxes in worker threads.

import { once } from 'node:events'
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { WASI } from 'capwasi'
import { TIMEOUT_MS, assemble, command, node, tree } from '../support/guest.mjs'

const main = createRequire(import.meta.url).resolve('capwasi')

/** Starts a worker that runs a script with `WASI`, `parentPort` and `data`. */
function run(t, script, data = {}) {
  const prologue = `
    const { parentPort, workerData: data } = require('node:worker_threads')
    const { WASI } = require(data.main);`
  const worker = new Worker(prologue + script, { eval: true, workerData: { main, ...data } })
  t.teardown(() => worker.terminate())
  return worker
}

const firstMessage = async (worker) => {
  const [message] = await once(worker, 'message')
  return message
}

test('start() in a worker returns the exit code', async (t) => {
  const module = assemble(command('(call $proc_exit (i32.const 6))'))
  const worker = run(
    t,
    `
    const wasi = new WASI({ version: 'preview1' })
    parentPort.postMessage(wasi.start(new WebAssembly.Instance(data.module, wasi.getImportObject())))`,
    { module },
  )
  t.is(await firstMessage(worker), 6)
})

test('start() in 6 workers at once returns the exit code each time', async (t) => {
  const module = assemble(command('(call $proc_exit (i32.const 1))'))
  const directory = tree(t)
  const script = `
    let sum = 0
    for (let i = 0; i < 20; i++) {
      const wasi = new WASI({ version: 'preview1', preopens: { '/': data.directory } })
      sum += wasi.start(new WebAssembly.Instance(data.module, wasi.getImportObject()))
    }
    parentPort.postMessage(sum)`
  const workers = Array.from({ length: 6 }, () => run(t, script, { module, directory }))
  t.deepEqual(
    await Promise.all(workers.map(firstMessage)),
    workers.map(() => 20),
  )
  t.is(
    new WASI({ version: 'preview1' }).start({
      exports: { memory: new WebAssembly.Memory({ initial: 1 }), _start() {} },
    }),
    0,
  )
})

test("proc_exit after start() in a worker emits 'error' with ERR_WASI_EXIT and the code", async (t) => {
  const worker = run(
    t,
    `
    const wasi = new WASI({ version: 'preview1' })
    wasi.start({ exports: { memory: new WebAssembly.Memory({ initial: 1 }), _start() {} } })
    wasi.wasiImport.proc_exit(4)`,
  )
  const [error] = await once(worker, 'error')
  t.like(error, { code: 'ERR_WASI_EXIT', exitCode: 4 })
})

test('sandboxes of two threads access the same shared memory', async (t) => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true })
  const here = new WASI({ version: 'preview1', args: ['main'] })
  here.initialize({ exports: { memory } })
  const worker = run(
    t,
    `
    const wasi = new WASI({ version: 'preview1', args: ['worker', 'thread'] })
    wasi.initialize({ exports: { memory: data.memory } })
    parentPort.postMessage(wasi.wasiImport.args_sizes_get(8, 12))`,
    { memory },
  )
  t.is(await firstMessage(worker), 0)
  t.is(here.wasiImport.args_sizes_get(0, 4), 0)
  t.deepEqual([...new Uint32Array(memory.buffer, 0, 4)], [1, 5, 2, 14])
})

test('calls access the pages that another thread added to a shared memory', async (t) => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 4, shared: true })
  const here = new WASI({ version: 'preview1', args: ['main'] })
  here.initialize({ exports: { memory } })
  t.is(here.wasiImport.args_sizes_get(65_536, 65_540), 61)
  const worker = run(t, 'parentPort.postMessage(data.memory.grow(2))', { memory })
  t.is(await firstMessage(worker), 1)
  t.is(here.wasiImport.args_sizes_get(65_536 * 2, 65_536 * 2 + 4), 0)
  t.deepEqual([...new Uint32Array(memory.buffer, 65_536 * 2, 2)], [1, 5])
})

test('postMessage() of a sandbox throws DataCloneError', (t) => {
  const worker = run(t, 'parentPort.once("message", () => {})')
  t.throws(() => worker.postMessage(new WASI({ version: 'preview1' })), { name: 'DataCloneError', any: true })
})

// worker.terminate() stops a guest and the code after start().

/** Runs a guest, and posts a message before and after. */
const running = `
  const wasi = new WASI({ version: data.version })
  const instance = new WebAssembly.Instance(data.module, wasi.getImportObject())
  parentPort.postMessage('running')
  wasi.start(instance)
  parentPort.postMessage('not reached')`

/** Returns a guest that loops in poll_oneoff. `clock` is the address of the clock id in the subscription. */
const polling = (timeout, clock = 16) => [
  `(i32.store (i32.const ${clock}) (i32.const 1))
   (i64.store (i32.const ${clock + 8}) (i64.const ${timeout}))
   (loop (call $sleep) (br 0))`,
  // A separate function, as in real programs: V8 checks for termination at the start of functions.
  '(func $sleep (drop (call $poll_oneoff (i32.const 0) (i32.const 512) (i32.const 1) (i32.const 1024))))',
]

for (const [activity, version, [start, more]] of [
  ['in an endless loop', 'preview1', ['(loop (br 0))']],
  ['in a poll_oneoff of 100 s', 'preview1', polling(100_000_000_000n)],
  ['in a poll_oneoff of 100 s of unstable', 'unstable', polling(100_000_000_000n, 24)],
  ['in a poll_oneoff of 584 years', 'preview1', polling(-1n)],
  ['in a loop of short poll_oneoff calls', 'preview1', polling(1_000_000n)],
]) {
  test(`worker.terminate() stops a guest ${activity}`, async (t) => {
    const namespace = version === 'unstable' ? 'wasi_unstable' : 'wasi_snapshot_preview1'
    const worker = run(t, running, { version, module: assemble(command(start, { namespace, more })) })
    const messages = []
    worker.on('message', (message) => messages.push(message))
    await once(worker, 'message')
    await new Promise((resolve) => setTimeout(resolve, 100))
    // Without termination each guest runs for at least 100 s.
    const terminated = Date.now()
    await worker.terminate()
    t.true(Date.now() - terminated < 50_000)
    t.deepEqual(messages, ['running'])
  })
}

test('worker.terminate() stops a guest in fd_read on an empty pipe', async (t) => {
  // Runs in a new process, whose stdin is a pipe without data.
  const ran = await node(
    `
    import { Worker } from 'node:worker_threads'
    import { assemble } from './__test__/support/guest.mjs'
    const module = assemble(\`(module
      (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "_start")
        (i64.store (i32.const 0) (i64.const 0x800000040))
        (loop (call $read) (br 0)))
      (func $read (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))))\`)
    const script = ${JSON.stringify(`
      const { parentPort, workerData: data } = require('node:worker_threads')
      const { WASI } = require('capwasi')
      ${running}`)}
    const worker = new Worker(script, { eval: true, execArgv: [], workerData: { module, version: 'preview1' } })
    worker.on('message', (message) => {
      console.log(message)
      setTimeout(async () => {
        const terminated = Date.now()
        await worker.terminate()
        console.log(Date.now() - terminated < 50_000)
        process.exit()
      }, 100)
    })`,
    { module: true },
  )
  t.is(ran.stdout, 'running\ntrue\n', ran.stderr)
})

test('proc_exit with returnOnExit false in a worker stops the guest and sets the exit code', async (t) => {
  const module = assemble(command('(call $proc_exit (i32.const 7)) (loop (br 0))'))
  const worker = run(
    t,
    `
    const wasi = new WASI({ version: 'preview1', returnOnExit: false })
    wasi.start(new WebAssembly.Instance(data.module, wasi.getImportObject()))`,
    { module },
  )
  const timeout = new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS, ['timeout']).unref())
  const code = await Promise.race([once(worker, 'exit'), timeout])
  t.deepEqual(code, [7])
})
