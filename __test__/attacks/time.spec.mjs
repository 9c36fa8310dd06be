// Workers that are terminated while their guest waits end as soon as one that waits in Atomics.wait.

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

const posix = windows ? test.serial.skip : test.serial
const main = createRequire(import.meta.url).resolve('capwasi')
const SLOWEST = 2000
const NOTHING = new Int32Array(new SharedArrayBuffer(4))

const operandsOf = (types, operands) => operands.map((operand, at) => `(${types[at]}.const ${operand})`).join(' ')

/** A guest that makes one call again and again, its memory prepared by `before`. */
const looping = (name, params, operands, before = '') => `(module
  (import "wasi_snapshot_preview1" "${name}" (func $${name} (param ${params}) (result i32)))
  (memory (export "memory") 4)
  (func (export "_start") ${before} (loop (call $once) (br 0)))
  (func $once (drop (call $${name} ${operandsOf(params.split(' '), operands)}))))`
const poll = (clock, timeout, flags) =>
  looping(
    'poll_oneoff',
    'i32 i32 i32 i32',
    [0, 512, 1, 1024],
    `
  (i32.store (i32.const 16) (i32.const ${clock})) (i64.store (i32.const 24) (i64.const ${timeout}))
  (i32.store16 (i32.const 40) (i32.const ${flags}))`,
  )
/** One iovec at 0, of 100,000 bytes from 1024. */
const iovec = '(i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 100000))'

/** How long a worker takes to end once it is asked to, when what it does has lasted for 100 ms. */
async function ending(t, script, data = {}) {
  const worker = new Worker(script, { eval: true, workerData: { main, ...data } })
  t.teardown(() => worker.terminate())
  const messages = []
  worker.on('message', (message) => messages.push(message))
  await once(worker, 'message')
  await new Promise((resolve) => setTimeout(resolve, 100))
  const asked = performance.now()
  await worker.terminate()
  const took = performance.now() - asked
  t.deepEqual(messages, ['running'])
  return took
}

const control = (t) =>
  ending(
    t,
    `
  require('node:worker_threads').parentPort.postMessage('running')
  Atomics.wait(require('node:worker_threads').workerData.nothing, 0, 0)`,
    { nothing: NOTHING },
  )
const guest = (t, text, stdio = {}) =>
  ending(
    t,
    `
  const { parentPort, workerData: { main, module, stdio } } = require('node:worker_threads')
  const { WASI } = require(main)
  const wasi = new WASI({ version: 'preview1', ...stdio })
  const instance = new WebAssembly.Instance(module, wasi.getImportObject())
  parentPort.postMessage('running')
  wasi.start(instance)
  parentPort.postMessage('went on')`,
    { module: assemble(text), stdio },
  )

async function compare(t, text, stdio) {
  const idle = await control(t)
  const took = await guest(t, text, stdio)
  t.true(took < idle + SLOWEST, `${took} ms, where waiting for nothing takes ${idle} ms`)
}

for (const [clock, name] of [
  'the time of day',
  'the monotonic clock',
  "the process's time",
  "the thread's time",
].entries()) {
  for (const [flags, how] of [
    [0, 'a span'],
    [1, 'a deadline'],
  ]) {
    test.serial(`a worker ends whose guest waits for ${how} of 2^64 - 1 ns of ${name}`, async (t) => {
      await compare(t, poll(clock, -1, flags))
    })
  }
}

test.serial('a worker ends whose guest sleeps by a fixed clock again and again', async (t) => {
  await compare(t, poll(1, 1_000_000_000, 0), { clock: { monotonic: 0n } })
})

test.serial('a worker ends whose guest accepts on a socket of its own where nobody connects', async (t) => {
  await compare(t, looping('sock_accept', 'i32 i32 i32', [3, 0, 16]), { sockets: ['127.0.0.1:0'] })
})

/** A FIFO that is open in both directions, so that neither end is missing. */
function fifo(t) {
  const path = join(tree(t), 'fifo')
  execFileSync('mkfifo', [path])
  const fd = openSync(path, 'r+')
  t.teardown(() => closeSync(fd))
  return { fd, path }
}

posix('a worker ends whose guest reads an empty pipe', async (t) => {
  await compare(t, looping('fd_read', 'i32 i32 i32 i32', [0, 0, 1, 16], iovec), { stdin: fifo(t).fd })
})

/** A FIFO that has room for nothing. */
function full(t) {
  const { fd, path } = fifo(t)
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

posix('a worker ends whose guest writes to a full pipe', async (t) => {
  await compare(t, looping('fd_write', 'i32 i32 i32 i32', [1, 0, 1, 16], iovec), { stdout: full(t) })
})

// In a process of its own, whose standard error it is.
posix('a worker ends whose guest is traced to a full pipe', async (t) => {
  const text = looping('fd_close', 'i32', [99])
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
    { cwd: root, stdio: ['ignore', 'pipe', full(t)] },
  )
  t.teardown(() => child.kill('SIGKILL'))
  t.is((await child.stdout.toArray()).join(''), 'ended\n')
})

posix('a worker ends whose guest waits for the reader of a FIFO that it opens to write', async (t) => {
  const directory = tree(t)
  execFileSync('mkfifo', [join(directory, 'fifo')])
  const path = '(i32.store (i32.const 0) (i32.const 0x6f666966))' // "fifo"
  await compare(t, looping('path_open', 'i32 i32 i32 i32 i32 i64 i64 i32 i32', [3, 0, 0, 4, 0, 64, 0, 0, 16], path), {
    preopens: { '/': directory },
  })
})

/** A descriptor of the kernel's log, which makes its readers wait at its end. */
const kernelLog = (() => {
  try {
    return openSync('/dev/kmsg', 'r')
  } catch {
    return undefined // Only the superuser may read it.
  }
})()
const logged = kernelLog === undefined ? test.skip : posix

logged('a worker ends whose guest waits at the end of a character device', async (t) => {
  await compare(t, looping('fd_read', 'i32 i32 i32 i32', [0, 0, 1, 16], iovec), { stdin: kernelLog })
})

posix('a worker ends whose guest polls an empty pipe', async (t) => {
  const subscription = '(i32.store8 (i32.const 8) (i32.const 1))'
  await compare(t, looping('poll_oneoff', 'i32 i32 i32 i32', [0, 512, 1, 1024], subscription), { stdin: fifo(t).fd })
})

posix('a worker ends whose guest accepts where nobody connects', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  await compare(t, looping('sock_accept', 'i32 i32 i32', [0, 0, 16]), { stdin: server._handle.fd })
})
