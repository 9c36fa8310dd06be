// poll_oneoff of an asynchronous stdin, and close() while a guest waits for the embedder.

import { PassThrough, Writable } from 'node:stream'
import { onSuspending } from '../support/conditions.mjs'
import { ERRNO } from '../support/guest.mjs'
import { CAT, SOURCES, guest, later, slowly, suspendable } from '../support/suspending.mjs'

/** Polls stdin, with a timeout of some milliseconds, and exits with the type of the first event: 0 is the clock. */
const poll = (milliseconds, then = '(call $exit (i32.load8_u (i32.const 266)))') =>
  guest(`
    (i32.store8 (i32.const 8) (i32.const 1))
    (i32.store (i32.const 64) (i32.const 1))
    (i64.store (i32.const 72) (i64.const ${milliseconds}000000))
    (drop (call $poll (i32.const 0) (i32.const 256) (i32.const 2) (i32.const 512)))
    ${then}`)

/** Copies a read of stdin to stdout. */
const COPY = `
  (i32.store (i32.const 0) (i32.const 1024))
  (i32.store (i32.const 4) (i32.const 65536))
  (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
  (i32.store (i32.const 4) (i32.load (i32.const 8)))
  (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))`

/** Sources that have nothing to read yet. */
const SILENT = {
  'a Readable': () => new PassThrough(),
  'a ReadableStream': () => new ReadableStream(),
  'an async generator': () => slowly(new Promise(() => {})),
  'an async function': () => () => new Promise(() => {}),
}

for (const [name, source] of Object.entries(SILENT)) {
  onSuspending(`poll_oneoff of ${name} without data waits until its timeout`, async (t) => {
    t.is(await suspendable(poll(20), { stdin: source() }).start(), 0)
  })
}

for (const [name, source] of Object.entries(SOURCES)) {
  onSuspending(`poll_oneoff of ${name} waits for data, which fd_read then returns`, async (t) => {
    const { wasi, start } = suspendable(poll(60_000, COPY), { stdin: source(), stdout: 'pipe' })
    t.is(await start(), 0)
    t.regex(wasi.stdout.toString(), /^one (two)?$/)
  })
}

onSuspending('data that arrives between two polls is found by the second', async (t) => {
  const stdin = new PassThrough()
  const wait = '(drop (call $poll (i32.const 48) (i32.const 768) (i32.const 1) (i32.const 512)))'
  const again = poll(1, `${wait} (br_if $again (i32.eqz (i32.load8_u (i32.const 266))))`)
  const text = again.replace('(drop (call $poll', '(loop $again (drop (call $poll').replace(/\)\s*\)\s*$/, ')))')
  const { wasi, start } = suspendable(text, { stdin })
  const run = start()
  await later(10)
  stdin.write('x')
  t.is(await run, 0)
  wasi.close()
  t.is(stdin.read()?.toString(), 'x')
})

onSuspending('poll_oneoff at the end of a stream is ready', async (t) => {
  const stdin = new PassThrough()
  const run = suspendable(poll(60_000), { stdin }).start()
  await later(5)
  stdin.end()
  t.is(await run, 1)
})

onSuspending('the error of a source that poll_oneoff waits for rejects the read', async (t) => {
  const error = new Error('of the source')
  const stdin = async () => {
    await later(1)
    throw error
  }
  t.is(await t.throwsAsync(suspendable(poll(60_000, COPY), { stdin }).start()), error)
})

onSuspending('data that only a poll has seen stays in the stream', async (t) => {
  const stdin = new PassThrough()
  const run = suspendable(poll(60_000), { stdin }).start()
  await later(5)
  stdin.write('rest')
  t.is(await run, 1)
  t.is(stdin.read().toString(), 'rest')
  t.is(await suspendable(poll(10), { stdin }).start(), 0)
  stdin.write('more')
  t.is((await later(1, stdin.read())).toString(), 'more')
})

const PROMISES = {
  'an async stdin function': { stdin: () => new Promise(() => {}) },
  'a Readable': { stdin: new PassThrough() },
  'an async stdout function': { stdin: ['x'], stdout: () => new Promise(() => {}) },
  'a full Writable': { stdin: ['xx'], stdout: new Writable({ highWaterMark: 1, write() {} }) },
}

for (const [name, options] of Object.entries(PROMISES)) {
  onSuspending(`close() ends a wait for ${name}: EBADF`, async (t) => {
    const { wasi, start } = suspendable(CAT, { stdout: 'ignore', ...options })
    const run = start()
    await later(5)
    wasi.close()
    t.is(await run, ERRNO.BADF)
  })
}
