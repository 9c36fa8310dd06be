// Asynchronous stdin, stdout and stderr.

import { Duplex, PassThrough, Readable, Writable } from 'node:stream'
import test from 'ava'
import { createRequire } from 'node:module'
import { onSuspending } from '../support/conditions.mjs'
import { instantiate, node } from '../support/guest.mjs'
import { CAT, SOURCES, cat, later, slowly, suspendable } from '../support/suspending.mjs'

const { WASI } = createRequire(import.meta.url)('capwasi')

for (const [name, source] of Object.entries(SOURCES)) {
  onSuspending(`stdin: ${name} is read to its end`, async (t) => {
    t.deepEqual(await cat({ stdin: source() }), { code: 0, output: 'one two' })
  })

  if (name === 'a function that returns promises sometimes') continue
  test(`start() with stdin: ${name} throws ERR_INVALID_ARG_VALUE, which names startAsync()`, (t) => {
    const wasi = new WASI({ version: 'preview1', stdin: source(), stdout: 'ignore' })
    t.throws(() => wasi.start(instantiate(wasi, CAT)), { code: 'ERR_INVALID_ARG_VALUE', message: /startAsync\(\)/ })
  })
}

test('start() throws ERR_INVALID_ARG_VALUE when a stdin function returns a promise', (t) => {
  for (const promise of [Promise.resolve('x'), Promise.reject(new Error('unused'))]) {
    const wasi = new WASI({ version: 'preview1', stdin: () => promise, stdout: 'ignore' })
    t.throws(() => wasi.start(instantiate(wasi, CAT)), { code: 'ERR_INVALID_ARG_VALUE', message: /startAsync\(\)/ })
  }
})

onSuspending('startAsync() with blocking imports rejects for an asynchronous stdin', async (t) => {
  const wasi = new WASI({ version: 'preview1', stdin: slowly('x'), stdout: 'ignore' })
  await t.throwsAsync(wasi.startAsync(instantiate(wasi, CAT)), { code: 'ERR_INVALID_ARG_VALUE', message: /startAsync/ })
})

test('input: an async iterable is refused', (t) => {
  t.throws(() => new WASI({ version: 'preview1', input: slowly('x') }), { code: 'ERR_INVALID_ARG_TYPE' })
})

onSuspending('an item of an async iterable that is not data rejects', async (t) => {
  for (const item of [5, null, undefined, {}]) {
    await t.throwsAsync(cat({ stdin: slowly(item) }), { code: 'ERR_INVALID_RETURN_VALUE' })
  }
})

onSuspending('a promise of a stdin function for a value that is not data rejects', async (t) => {
  await t.throwsAsync(cat({ stdin: async () => 5 }), { code: 'ERR_INVALID_RETURN_VALUE' })
})

onSuspending('the error of a source rejects startAsync()', async (t) => {
  const error = new Error('of the source')
  const fail = () => {
    throw error
  }
  const sources = [
    new Readable({
      read() {
        setImmediate(() => this.destroy(error))
      },
    }),
    new ReadableStream({ pull: fail }),
    (async function* () {
      yield 'x'
      fail()
    })(),
    async () => fail(),
  ]
  for (const stdin of sources) t.is(await t.throwsAsync(cat({ stdin })), error)
})

onSuspending('a Readable that is destroyed without an end rejects', async (t) => {
  const stdin = new PassThrough()
  const run = cat({ stdin })
  await later(5)
  stdin.destroy()
  await t.throwsAsync(run, { code: 'ERR_STREAM_PREMATURE_CLOSE' })
})

onSuspending('a Writable gets all output, and the guest waits for its drain', async (t) => {
  const chunks = []
  let most = 0
  const stdout = new Writable({
    highWaterMark: 8,
    write(chunk, _, done) {
      chunks.push(chunk.toString())
      most = Math.max(most, this.writableLength)
      setTimeout(done, 1)
    },
  })
  const stdin = Array.from({ length: 50 }, () => 'xxxx')
  t.is((await cat({ stdin, stdout })).code, 0)
  await new Promise((resolve) => stdout.end(resolve))
  t.is(chunks.join(''), 'xxxx'.repeat(50))
  t.true(most <= 12)
})

onSuspending('guests that share a Writable wait for it together', async (t) => {
  let [size, most] = [0, 0]
  const stdout = new Writable({
    highWaterMark: 8,
    write(chunk, _, done) {
      size += chunk.length
      most = Math.max(most, this.writableLength)
      setTimeout(done, 1)
    },
  })
  const runs = Array.from({ length: 30 }, () => cat({ stdin: ['aaaa', 'bbbb', 'cccc'], stdout }))
  for (const { code } of await Promise.all(runs)) t.is(code, 0)
  t.true(most <= 12)
  t.true(stdout.listenerCount('drain') + stdout.listenerCount('error') <= new Writable().listenerCount('error'))
  await new Promise((resolve) => stdout.end(resolve))
  t.is(size, 30 * 12)
})

onSuspending('a WritableStream gets all output, and is not closed', async (t) => {
  const chunks = []
  const stdout = new WritableStream({
    async write(chunk) {
      await later(1)
      chunks.push(Buffer.from(chunk).toString())
    },
  })
  t.is((await cat({ stdin: ['a', 'b'], stdout })).code, 0)
  t.deepEqual(chunks, ['a', 'b'])
  await Promise.all([cat({ stdin: ['c', 'd'], stdout }), cat({ stdin: ['e'], stdout })])
  t.is(chunks.length, 5)
  const writer = stdout.getWriter()
  await writer.write(Buffer.from('f'))
  t.is(chunks[5], 'f')
})

onSuspending('an async function gets the output in order, one chunk after the other', async (t) => {
  const chunks = []
  let active = 0
  const stdout = async (chunk) => {
    t.is(++active, 1)
    await later(1)
    chunks.push(chunk.toString())
    active--
  }
  t.is((await cat({ stdin: ['a', 'b', 'c'], stdout })).code, 0)
  t.deepEqual(chunks, ['a', 'b', 'c'])
})

onSuspending('the error of a sink rejects startAsync()', async (t) => {
  const error = new Error('of the sink')
  const sinks = [
    new Writable({ highWaterMark: 1, write: (_, __, done) => setTimeout(done, 1, error) }),
    new WritableStream({
      write() {
        throw error
      },
    }),
    async () => {
      await later(1)
      throw error
    },
  ]
  for (const stdout of sinks) t.is(await t.throwsAsync(cat({ stdin: ['x'], stdout })), error)
})

onSuspending('a Writable that fails while the guest waits for something else rejects startAsync()', async (t) => {
  const error = new Error('of the sink')
  const stdout = new Writable({ write() {} })
  const run = cat({ stdin: new PassThrough(), stdout })
  await later(5)
  stdout.destroy(error)
  t.is(await t.throwsAsync(run), error)
})

onSuspending('a Duplex is stdin and stdout', async (t) => {
  const replies = []
  const socket = new Duplex({
    read() {},
    write(chunk, _, done) {
      replies.push(chunk.toString())
      done()
    },
  })
  const run = cat({ stdin: socket, stdout: socket })
  socket.push('hello')
  await later(5)
  socket.push(null)
  t.is((await run).code, 0)
  t.deepEqual(replies, ['hello'])
  t.false(socket.destroyed)
})

onSuspending('stderr has a sink of its own', async (t) => {
  const chunks = []
  const text = CAT.replaceAll('(call $write (i32.const 1)', '(call $write (i32.const 2)')
  const stderr = async (chunk) => chunks.push(chunk.toString())
  t.is(await suspendable(text, { stdin: ['a'], stderr }).start(), 0)
  t.deepEqual(chunks, ['a'])
})

onSuspending('limits.writtenBytes holds for an asynchronous sink', async (t) => {
  const chunks = []
  const { wasi, start } = suspendable(CAT, {
    stdin: ['ab', 'cd', 'ef'],
    stdout: async (chunk) => void chunks.push(chunk.toString()),
    limits: { writtenBytes: 5 },
  })
  t.is(await start(), 0)
  t.deepEqual(chunks, ['ab', 'cd', 'e'])
  t.is(wasi.exceeded, 'writtenBytes')
})

test('start() fills a WritableStream up to limits.output', async (t) => {
  const chunks = []
  const stdout = new WritableStream({ write: (chunk) => void chunks.push(Buffer.from(chunk).toString()) })
  const wasi = new WASI({ version: 'preview1', stdin: ['abc', 'def'], stdout, limits: { output: 5 } })
  const EDQUOT = 19
  const full = CAT.replace('(br $again)', '(br $again)')
  t.true([0, EDQUOT].includes(wasi.start(instantiate(wasi, full))))
  await later(5)
  t.is(chunks.join(''), 'abcde')
  t.is(wasi.exceeded, 'output')
})

onSuspending('a Writable buffers no more than limits.output, and gets all output', async (t) => {
  let [size, most] = [0, 0]
  const stdout = new Writable({
    highWaterMark: 1 << 20,
    write(chunk, _, done) {
      size += chunk.length
      most = Math.max(most, this.writableLength)
      setImmediate(done)
    },
  })
  const stdin = [Buffer.alloc(50_000), Buffer.alloc(50_000)]
  t.is((await cat({ stdin, stdout, limits: { output: 1000 } })).code, 0)
  t.is(size, 100_000)
  t.true(most <= 1000)
})

test('a WritableStream that fails after start() is an unhandled rejection', async (t) => {
  const { code, stdout } = await node(
    `
    import { createRequire } from 'node:module'
    import { instantiate } from './__test__/support/guest.mjs'
    import { CAT } from './__test__/support/suspending.mjs'
    const { WASI } = createRequire(import.meta.url)('capwasi')
    process.on('unhandledRejection', ({ message }) => console.log(message))
    const write = () => { throw new Error('of the sink') }
    const wasi = new WASI({ version: 'preview1', stdin: 'x', stdout: new WritableStream({ write }) })
    wasi.start(instantiate(wasi, CAT))`,
    { module: true },
  )
  t.deepEqual({ code, stdout }, { code: 0, stdout: 'of the sink\n' })
})
