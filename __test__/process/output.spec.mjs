// The options `stdout` and `stderr` of run().

import { PassThrough, Writable } from 'node:stream'
import test from 'ava'
import { hostFile, node } from '../support/guest.mjs'
import {
  CAT,
  COMPUTE,
  MIB,
  ProcessError,
  exitWith,
  failure,
  flood,
  print,
  program,
  run,
  textOf,
  write,
} from '../support/process.mjs'

const BOTH = program(print('out') + print('err', 2))
const delay = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

test("'pipe' collects the output", async (t) => {
  const { stdout, stderr } = await run(BOTH, [], { stdout: 'pipe', stderr: 'pipe' })
  t.deepEqual([stdout, stderr], ['out', 'err'])
})

test("'ignore' discards the output", async (t) => {
  const { stdout, stderr } = await run(BOTH, [], { stdout: 'ignore', stderr: 'ignore' })
  t.deepEqual([stdout, stderr], ['', ''])
})

test("'inherit' writes to the output of the process", async (t) => {
  const { stdout, stderr } = await node(
    `import { print, program, run } from './__test__/support/process.mjs'
     const options = { stdout: 'inherit', stderr: 'inherit' }
     const result = await run(program(print('out') + print('err', 2)), [], options)
     console.log([result.stdout, result.stderr])`,
    { module: true },
  )
  t.deepEqual([stdout, stderr], ["out[ '', '' ]\n", 'err'])
})

test('a number is a descriptor', async (t) => {
  const file = hostFile(t)
  const { stdout } = await run(BOTH, [], { stdout: file.fd, stderr: file.fd })
  t.is(stdout, '')
  t.is(file.text(), 'outerr')
})

test('a descriptor that is not open rejects', async (t) => {
  t.regex((await failure(run(BOTH, [], { stdout: 1_000_000 }))).code, /EBADF/)
})

test('a function receives Buffers, and nothing is collected', async (t) => {
  const chunks = []
  const { stdout } = await run(BOTH, [], { stdout: (chunk) => void chunks.push(chunk) })
  t.true(chunks.every((chunk) => Buffer.isBuffer(chunk)))
  t.deepEqual([Buffer.concat(chunks).toString(), stdout], ['out', ''])
})

test('run() waits for the promise of a function', async (t) => {
  let isDone = false
  await run(BOTH, [], {
    stdout: async () => {
      await delay(50)
      isDone = true
    },
  })
  t.true(isDone)
})

test('a function receives one chunk after the other', async (t) => {
  let running = 0
  await run(program(`(drop ${write(MIB)})`, { memory: '(memory (export "memory") 17)' }), [], {
    stdout: async () => {
      t.is(++running, 1)
      await new Promise(setImmediate)
      running--
    },
  })
})

test('the guest waits while the promise of a function is pending', async (t) => {
  let received = 0
  const controller = new AbortController()
  const bytes = program(flood(65536), { memory: '(memory (export "memory") 2)' })
  const error = await failure(
    run(bytes, [], {
      signal: controller.signal,
      limits: { writtenBytes: 64 * MIB },
      stdout: async (chunk) => {
        received += chunk.length
        if (received > chunk.length) return
        await delay(300)
        controller.abort()
      },
    }),
  )
  t.is(error.code, 'ABORT_ERR')
  t.is(error.exceeded, undefined)
  t.true(received < 8 * MIB, String(received))
})

test('an error of a function stops the guest and rejects run()', async (t) => {
  const reason = new Error('reason')
  for (const stdout of [
    () => {
      throw reason
    },
    () => Promise.reject(reason),
  ])
    for (const end of ['', COMPUTE, flood(100)])
      for (const reject of [true, false])
        t.is(await failure(run(program(print('text') + end), [], { stdout, reject })), reason)
})

test('a Writable receives the output and is not ended', async (t) => {
  const stream = new PassThrough()
  const { stdout } = await run(BOTH, [], { stdout: stream, stderr: stream })
  t.is(stdout, '')
  t.false(stream.writableEnded)
  stream.end()
  t.deepEqual([...(await textOf(stream))].sort().join(''), [...'outerr'].sort().join(''))
})

test('a Writable has no more listeners after the run', async (t) => {
  const stream = new PassThrough()
  const count = () => stream.eventNames().map((name) => [name, stream.listenerCount(name)])
  const before = count()
  for (let round = 0; round < 20; round++) await run(BOTH, [], { stdout: stream, stderr: stream })
  t.deepEqual(count(), before)
})

test('the guest waits while a Writable is full', async (t) => {
  let received = 0
  const slow = new Writable({
    highWaterMark: 1000,
    write(chunk, _, done) {
      received += chunk.length
      setTimeout(done, 2)
    },
  })
  const bytes = program(flood(65536), { memory: '(memory (export "memory") 2)' })
  const { exitCode } = await run(bytes, [], { stdout: slow, limits: { writtenBytes: 4 * MIB }, reject: false })
  t.is(exitCode, 19)
  t.true(received <= 4 * MIB && received > 4 * MIB - 65536)
  t.is(slow.writableLength, 0)
})

test('an error of a Writable stops the guest and rejects run()', async (t) => {
  const reason = new Error('reason')
  const create = () => new Writable({ write: (_chunk, _encoding, done) => done(reason) })
  for (const end of ['', COMPUTE])
    t.is(await failure(run(program(print('text') + end), [], { stdout: create() })), reason)
  const destroyed = create()
  destroyed.destroy()
  t.is((await failure(run(BOTH, [], { stdout: destroyed }))).code, 'ERR_STREAM_DESTROYED')
  const ended = new PassThrough()
  ended.end()
  t.is((await failure(run(BOTH, [], { stdout: ended }))).code, 'ERR_STREAM_WRITE_AFTER_END')
})

test('a Writable that is destroyed while it is full stops the guest', async (t) => {
  const stuck = new Writable({ write: () => setTimeout(() => stuck.destroy(new Error('reason')), 20) })
  const bytes = program(flood(65536), { memory: '(memory (export "memory") 2)' })
  t.is((await failure(run(bytes, [], { stdout: stuck }))).message, 'reason')
})

test('a WritableStream receives the output, is not closed, and is unlocked', async (t) => {
  const chunks = []
  const stream = new WritableStream({ write: (chunk) => void chunks.push(chunk), close: () => t.fail() })
  await run(BOTH, [], { stdout: stream })
  await run(BOTH, [], { stdout: stream })
  t.is(Buffer.concat(chunks).toString(), 'outout')
  t.false(stream.locked)
})

test('a function that receives both outputs gets them in the order of the writes', async (t) => {
  let text = ''
  const stdout = (chunk) => {
    text += chunk
  }
  const lines = Array.from({ length: 100 }, (_, index) => print(`${index} `, 1 + (index % 2)))
  await run(program(lines.join('')), [], { stdout, stderr: stdout })
  t.is(text, Array.from({ length: 100 }, (_, index) => `${index} `).join(''))
})

test('one WritableStream receives both outputs', async (t) => {
  const chunks = []
  const stream = new WritableStream({ write: (chunk) => void chunks.push(chunk) })
  await run(BOTH, [], { stdout: stream, stderr: stream })
  t.is(Buffer.concat(chunks).length, 6)
})

for (const [name, create] of [
  ['Writable', (write) => new Writable({ write: (chunk, _, done) => setImmediate(done, write(chunk)) })],
  ['WritableStream', (write) => new WritableStream({ write })],
]) {
  test(`many guests write to one ${name} at once, without warnings`, async (t) => {
    const warnings = []
    const note = (warning) => warnings.push(warning)
    process.on('warning', note)
    let received = 0
    const stdout = create(({ length }) => {
      received += length
    })
    await Promise.all(Array.from({ length: 30 }, () => run(program(print('abc')), [], { stdout, stderr: stdout })))
    t.is(received, 90)
    process.off('warning', note)
    t.deepEqual(warnings, [])
  })
}

test('an error of a WritableStream stops the guest and rejects run()', async (t) => {
  const reason = new Error('reason')
  const stream = new WritableStream({ write: () => Promise.reject(reason) })
  t.is(await failure(run(program(print('text') + COMPUTE), [], { stdout: stream })), reason)
})

test('a locked WritableStream rejects run() and starts no guest', async (t) => {
  const stream = new WritableStream()
  stream.getWriter()
  t.true((await failure(run(BOTH, [], { stdout: stream }))) instanceof TypeError)
})

test('a guest that fails rejects after its output has been written', async (t) => {
  let text = ''
  const slow = new Writable({
    write(chunk, _, done) {
      setTimeout(() => {
        text += chunk
        done()
      }, 20)
    },
  })
  const error = await failure(run(program(print('text') + exitWith('(i32.const 1)')), [], { stdout: slow }))
  t.true(error instanceof ProcessError)
  t.is(text, 'text')
})

test('the output of one guest can be the input of another', async (t) => {
  const between = new PassThrough()
  const first = run(CAT, [], { input: 'x'.repeat(MIB), stdout: between }).finally(() => between.end())
  const second = run(CAT, [], { input: between })
  t.is((await second).stdout.length, MIB)
  await first
})
