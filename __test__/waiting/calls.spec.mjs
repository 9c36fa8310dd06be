// Calls that wait for the system: streams, FIFOs, sockets and deadlines.

import { execFileSync, spawn } from 'node:child_process'
import { closeSync, constants, createReadStream, openSync, writeSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import test from 'ava'
import { onSuspending } from '../support/conditions.mjs'
import { ERRNO, tree } from '../support/guest.mjs'
import { posix } from '../support/platform.mjs'
import { CAT, cat, guest, later, suspendable } from '../support/suspending.mjs'

const onPosixSuspending = posix ? onSuspending : test.skip

/** Creates a FIFO. */
function fifo(t) {
  const path = join(tree(t), 'fifo')
  execFileSync('mkfifo', [path])
  return path
}

/** Opens a descriptor, which is closed after the test. */
function open(t, path, flags) {
  const fd = openSync(path, flags)
  t.teardown(() => closeSync(fd))
  return fd
}

onPosixSuspending('fd_read of a pipe returns all that was written, piece by piece', async (t) => {
  const path = fifo(t)
  const stdin = open(t, path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path, 'w')
  const run = cat({ stdin })
  for (const part of ['one ', 'two ', 'three']) {
    await later(5)
    writeSync(writer, part)
  }
  closeSync(writer)
  t.deepEqual(await run, { code: 0, output: 'one two three' })
})

onPosixSuspending('fd_write waits for room in a pipe', async (t) => {
  const path = fifo(t)
  const stdout = open(t, path, 'r+')
  const size = 1 << 20
  const run = suspendable(CAT, { stdin: Buffer.alloc(size, 'x'), stdout }).start()
  await later(5)
  let read = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 16 })) {
    read += chunk.length
    if (read === size) break
  }
  t.is(await run, 0)
  t.is(read, size)
})

onPosixSuspending('several guests wait for the same descriptor, and each byte reaches one of them', async (t) => {
  const path = fifo(t)
  const stdin = open(t, path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path, 'w')
  const runs = Array.from({ length: 5 }, () => cat({ stdin }))
  for (let index = 0; index < 20; index++) {
    await later(1)
    writeSync(writer, 'x')
  }
  closeSync(writer)
  const results = await Promise.all(runs)
  t.is(results.map(({ output }) => output).join('').length, 20)
})

onPosixSuspending('a guest waits for reading and for writing of one descriptor', async (t) => {
  // Subscribes to stdin for reading, and to a timeout: the descriptor is not ready.
  const poll = guest(`
    (i32.store8 (i32.const 8) (i32.const 1))
    (i32.store (i32.const 64) (i32.const 1))
    (i64.store (i32.const 72) (i64.const 20000000))
    (drop (call $poll (i32.const 0) (i32.const 256) (i32.const 2) (i32.const 512)))
    (call $exit (i32.load8_u (i32.const 266)))`)
  const stdin = open(t, fifo(t), 'r+')
  const timedOut = suspendable(poll, { stdin }).start()
  t.is(await timedOut, 0)
  const ready = suspendable(poll.replace('20000000)', '60000000000)'), { stdin }).start()
  await later(5)
  writeSync(stdin, 'x')
  t.is(await ready, 1)
})

onPosixSuspending('path_open of a FIFO for writing waits for its reader', async (t) => {
  const directory = tree(t)
  execFileSync('mkfifo', [join(directory, 'fifo')])
  const text = guest(`
    (i32.store (i32.const 0) (i32.const 0x6f666966))
    (call $exit (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0) (i64.const 64)
      (i64.const 0) (i32.const 0) (i32.const 16)))`).replace(
    '(memory',
    `(import "wasi_snapshot_preview1" "path_open"
      (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32))) (memory`,
  )
  const run = suspendable(text, { preopens: { '/': directory } }).start()
  await later(20)
  open(t, join(directory, 'fifo'), constants.O_RDONLY | constants.O_NONBLOCK)
  t.is(await run, 0)
})

/** Accepts a connection, and sends back what arrives until the peer has finished. */
const ECHO = guest(`(local $errno i32)
  (local.set $errno (call $accept (i32.const 3) (i32.const 0) (i32.const 32)))
  (if (local.get $errno) (then (call $exit (local.get $errno))))
  (loop $again
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 65536))
    (local.set $errno (call $recv (i32.load (i32.const 32)) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 8)
      (i32.const 12)))
    (if (local.get $errno) (then (call $exit (local.get $errno))))
    (if (i32.load (i32.const 8)) (then
      (i32.store (i32.const 4) (i32.load (i32.const 8)))
      (local.set $errno (call $send (i32.load (i32.const 32)) (i32.const 0) (i32.const 1) (i32.const 0)
        (i32.const 16)))
      (if (local.get $errno) (then (call $exit (local.get $errno))))
      (br $again))))`).replace(
  '(memory',
  `(import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
   (import "wasi_snapshot_preview1" "sock_recv" (func $recv (param i32 i32 i32 i32 i32 i32) (result i32)))
   (import "wasi_snapshot_preview1" "sock_send" (func $send (param i32 i32 i32 i32 i32) (result i32))) (memory`,
)

onSuspending('sock_accept, sock_recv and sock_send wait', async (t) => {
  const servers = Array.from({ length: 20 }, () => suspendable(ECHO, { sockets: ['127.0.0.1:0'] }))
  const runs = servers.map(({ wasi, start }) => start().finally(() => wasi.close()))
  await later(5)
  const replies = servers.map(async ({ wasi }, index) => {
    const socket = connect(Number(wasi.addresses[0].split(':')[1]), '127.0.0.1')
    await later(index % 5)
    socket.end('x'.repeat(200_000))
    let size = 0
    for await (const chunk of socket) size += chunk.length
    return size
  })
  t.deepEqual(new Set(await Promise.all(replies)), new Set([200_000]))
  t.deepEqual(new Set(await Promise.all(runs)), new Set([0]))
})

onSuspending('a descriptor with NONBLOCK does not wait', async (t) => {
  if (!posix) return t.pass()
  const text = guest(`
    (drop (call $flags (i32.const 0) (i32.const 4)))
    (i32.store (i32.const 4) (i32.const 8))
    (call $exit (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))`).replace(
    '(memory',
    '(import "wasi_snapshot_preview1" "fd_fdstat_set_flags" (func $flags (param i32 i32) (result i32))) (memory',
  )
  t.is(await suspendable(text, { stdin: open(t, fifo(t), 'r+') }).start(), ERRNO.AGAIN)
})

onSuspending('fixed clocks pass at once', async (t) => {
  const sleepLong = guest(`
    (i64.store (i32.const 24) (i64.const 3600000000000))
    (i32.store (i32.const 16) (i32.const 1))
    (call $exit (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))`)
  t.is(await suspendable(sleepLong, { clock: { monotonic: 0n } }).start(), 0)
})

onPosixSuspending('the trace has the line of a call that waits when the call ends', async (t) => {
  const lines = []
  const stdin = async function* () {
    yield 'ab'
  }
  await cat({ stdin: stdin(), trace: (line) => lines.push(line.replace(/ <.*>/, '')) })
  t.deepEqual(lines, ['fd_read(0, [65536]) = 2', 'fd_write(1, ["ab"]) = 2', 'fd_read(0, [65536]) = 0'])
})

onPosixSuspending('stdin that a child process writes slowly is read to its end', async (t) => {
  const path = fifo(t)
  const stdin = open(t, path, constants.O_RDONLY | constants.O_NONBLOCK)
  const keep = openSync(path, 'w')
  const child = spawn('sh', ['-c', `for i in 1 2 3; do echo $i; sleep 0.02; done > ${path}`])
  child.on('exit', () => closeSync(keep))
  t.deepEqual(await cat({ stdin }), { code: 0, output: '1\n2\n3\n' })
})

onSuspending('an exception of the trace function at the end of a call that waits rejects startAsync()', async (t) => {
  const error = new Error('of the trace')
  const stdin = async function* () {
    yield 'ab'
  }
  const trace = () => {
    throw error
  }
  t.is(await t.throwsAsync(cat({ stdin: stdin(), trace })), error)
})

onSuspending(
  'a trace function that aborts the signal at the end of a call that waits rejects startAsync() once',
  async (t) => {
    const controller = new AbortController()
    const stdin = async function* () {
      yield 'ab'
    }
    const trace = () => controller.abort()
    const error = await t.throwsAsync(cat({ stdin: stdin(), trace }, { signal: controller.signal }))
    t.is(error, controller.signal.reason)
    // An exception of the continued call would be uncaught.
    await later(5)
  },
)
