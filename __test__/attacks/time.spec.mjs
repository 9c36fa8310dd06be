// Workers that are terminated while their guest waits. They end about as fast as a worker in Atomics.wait.

import { execFileSync, spawn } from 'node:child_process'
import { closeSync, openSync, writeSync, constants } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { assemble, root, tree } from '../support/guest.mjs'
import { windows } from '../support/platform.mjs'

const serialOnPosix = windows ? test.serial.skip : test.serial
const main = createRequire(import.meta.url).resolve('capwasi')
/** Maximum extra time that a worker needs to end, compared with a worker in Atomics.wait. */
const MARGIN_MS = 2000
const ZERO = new Int32Array(new SharedArrayBuffer(4))

const operandsOf = (types, operands) => operands.map((operand, at) => `(${types[at]}.const ${operand})`).join(' ')

/** Returns a guest, as WAT, that repeats one call after the instructions in `before`. */
const loopOf = (name, params, operands, before = '') => `(module
  (import "wasi_snapshot_preview1" "${name}" (func $${name} (param ${params}) (result i32)))
  (memory (export "memory") 4)
  (func (export "_start") ${before} (loop (call $once) (br 0)))
  (func $once (drop (call $${name} ${operandsOf(params.split(' '), operands)}))))`
const pollLoop = (clock, timeout, flags) =>
  loopOf(
    'poll_oneoff',
    'i32 i32 i32 i32',
    [0, 512, 1, 1024],
    `
  (i32.store (i32.const 16) (i32.const ${clock})) (i64.store (i32.const 24) (i64.const ${timeout}))
  (i32.store16 (i32.const 40) (i32.const ${flags}))`,
  )
/** Stores an iovec at 0: 100,000 bytes from address 1024. */
const iovec = '(i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 100000))'

/** Terminates a worker 100 ms after its script reports that it runs. Returns the milliseconds until the worker ends. */
async function timeToEnd(t, script, data = {}) {
  const worker = new Worker(script, { eval: true, workerData: { main, ...data } })
  t.teardown(() => worker.terminate())
  const messages = []
  worker.on('message', (message) => messages.push(message))
  await once(worker, 'message')
  await new Promise((resolve) => setTimeout(resolve, 100))
  const start = performance.now()
  await worker.terminate()
  const took = performance.now() - start
  t.deepEqual(messages, ['running'])
  return took
}

const timeToEndAtomicsWait = (t) =>
  timeToEnd(
    t,
    `
  require('node:worker_threads').parentPort.postMessage('running')
  Atomics.wait(require('node:worker_threads').workerData.zero, 0, 0)`,
    { zero: ZERO },
  )
const timeToEndGuest = (t, text, stdio = {}) =>
  timeToEnd(
    t,
    `
  const { parentPort, workerData: { main, module, stdio } } = require('node:worker_threads')
  const { WASI } = require(main)
  const wasi = new WASI({ version: 'preview1', ...stdio })
  const instance = new WebAssembly.Instance(module, wasi.getImportObject())
  parentPort.postMessage('running')
  wasi.start(instance)
  parentPort.postMessage('finished')`,
    { module: assemble(text), stdio },
  )

async function checkTermination(t, text, stdio) {
  const baseline = await timeToEndAtomicsWait(t)
  const took = await timeToEndGuest(t, text, stdio)
  t.true(took < baseline + MARGIN_MS, `${took} ms; a worker in Atomics.wait takes ${baseline} ms`)
}

for (const [clock, name] of [
  'the realtime clock',
  'the monotonic clock',
  'the process CPU-time clock',
  'the thread CPU-time clock',
].entries()) {
  for (const [flags, kind] of [
    [0, 'a relative timeout'],
    [1, 'an absolute timeout'],
  ]) {
    test.serial(`terminate() during ${kind} of 2^64 - 1 ns on ${name} ends the worker`, async (t) => {
      await checkTermination(t, pollLoop(clock, -1, flags))
    })
  }
}

test.serial('terminate() during repeated sleeps on a fixed clock ends the worker', async (t) => {
  await checkTermination(t, pollLoop(1, 1_000_000_000, 0), { clock: { monotonic: 0n } })
})

test.serial('terminate() during sock_accept on a socket of options.sockets ends the worker', async (t) => {
  await checkTermination(t, loopOf('sock_accept', 'i32 i32 i32', [3, 0, 16]), { sockets: ['127.0.0.1:0'] })
})

/** Creates a FIFO that is open in both directions, so that it has a reader and a writer. */
function openFifo(t) {
  const path = join(tree(t), 'fifo')
  execFileSync('mkfifo', [path])
  const fd = openSync(path, 'r+')
  t.teardown(() => closeSync(fd))
  return { fd, path }
}

serialOnPosix('terminate() during fd_read from an empty pipe ends the worker', async (t) => {
  await checkTermination(t, loopOf('fd_read', 'i32 i32 i32 i32', [0, 0, 1, 16], iovec), { stdin: openFifo(t).fd })
})

/** Creates a full FIFO. Returns its descriptor. */
function fullFifo(t) {
  const { fd, path } = openFifo(t)
  const filler = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  t.throws(
    () => {
      for (;;) writeSync(filler, Buffer.alloc(4096))
    },
    { code: 'EAGAIN' },
  )
  closeSync(filler)
  return fd
}

serialOnPosix('terminate() during fd_write to a full pipe ends the worker', async (t) => {
  await checkTermination(t, loopOf('fd_write', 'i32 i32 i32 i32', [1, 0, 1, 16], iovec), { stdout: fullFifo(t) })
})

// In a new process, whose stderr is the pipe.
serialOnPosix('terminate() during a trace line to a full pipe ends the worker', async (t) => {
  const text = loopOf('fd_close', 'i32', [99])
  const child = spawn(
    process.execPath,
    [
      '--eval',
      `
    const { once } = require('node:events')
    const { Worker } = require('node:worker_threads')
    const run = async () => {
      const { assemble } = await import('./__test__/support/guest.mjs')
      const worker = new Worker(\`
        const { parentPort, workerData: { main, module } } = require('node:worker_threads')
        const { WASI } = require(main)
        const wasi = new WASI({ version: 'preview1', trace: true })
        const instance = new WebAssembly.Instance(module, wasi.getImportObject())
        parentPort.postMessage('running')
        wasi.start(instance)\`, {
        eval: true,
        workerData: { main: ${JSON.stringify(main)}, module: assemble(${JSON.stringify(text)}) },
      })
      await once(worker, 'message')
      await new Promise((resolve) => setTimeout(resolve, 100))
      await worker.terminate()
      console.log('ended')
    }
    run()`,
    ],
    { cwd: root, stdio: ['ignore', 'pipe', fullFifo(t)] },
  )
  t.teardown(() => child.kill('SIGKILL'))
  t.is((await child.stdout.toArray()).join(''), 'ended\n')
})

serialOnPosix('terminate() during path_open of a FIFO without a reader ends the worker', async (t) => {
  const directory = tree(t)
  execFileSync('mkfifo', [join(directory, 'fifo')])
  const path = '(i32.store (i32.const 0) (i32.const 0x6f666966))' // "fifo"
  await checkTermination(
    t,
    loopOf('path_open', 'i32 i32 i32 i32 i32 i64 i64 i32 i32', [3, 0, 0, 4, 0, 64, 0, 0, 16], path),
    {
      preopens: { '/': directory },
    },
  )
})

/** A descriptor of the kernel log, whose readers wait at its end. */
const kernelLog = (() => {
  try {
    return openSync('/dev/kmsg', 'r')
  } catch {
    return undefined // Only root can read the kernel log.
  }
})()
const withKernelLog = kernelLog === undefined ? test.skip : serialOnPosix

withKernelLog('terminate() during fd_read at the end of a character device ends the worker', async (t) => {
  await checkTermination(t, loopOf('fd_read', 'i32 i32 i32 i32', [0, 0, 1, 16], iovec), { stdin: kernelLog })
})

serialOnPosix('terminate() during poll_oneoff on an empty pipe ends the worker', async (t) => {
  const subscription = '(i32.store8 (i32.const 8) (i32.const 1))'
  await checkTermination(t, loopOf('poll_oneoff', 'i32 i32 i32 i32', [0, 512, 1, 1024], subscription), {
    stdin: openFifo(t).fd,
  })
})

serialOnPosix('terminate() during sock_accept on a socket of the host ends the worker', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  await checkTermination(t, loopOf('sock_accept', 'i32 i32 i32', [0, 0, 16]), { stdin: server._handle.fd })
})
