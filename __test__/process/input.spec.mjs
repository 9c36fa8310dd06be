// The option `input` of run(): data and sources for standard input.

import { EventEmitter } from 'node:events'
import { Readable } from 'node:stream'
import test from 'ava'
import { CAT, MIB, ProcessError, TRAP, failure, print, program, run, until } from '../support/process.mjs'

const catOf = async (input, options) => (await run(CAT, [], { input, ...options })).stdout

async function* later(...items) {
  for (const item of items) {
    await new Promise(setImmediate)
    yield item
  }
}

test('without input the guest finds the end of the file', async (t) => {
  t.is(await catOf(undefined), '')
})

test('a string or bytes are data, never a mode', async (t) => {
  for (const input of ['', 'inherit', 'pipe', 'ignore', 'ü\0'])
    for (const data of [input, Buffer.from(input), new Uint8Array(Buffer.from(input))]) t.is(await catOf(data), input)
})

test('an array is a source of its items, never a list of bytes', async (t) => {
  t.is(await catOf(['a', Buffer.from('b'), '', 'ü']), 'abü')
  t.is(await catOf([]), '')
})

for (const [title, create] of [
  ['an iterator', () => ['first,', 'second'].values()],
  [
    'a generator',
    () =>
      (function* () {
        yield* ['first,', 'second']
      })(),
  ],
  ['an async generator', () => later('first,', Buffer.from('second'))],
  ['a Readable', () => Readable.from(['first,', 'second'])],
  ['a Readable of bytes', () => Readable.from([Buffer.from('first,second')], { objectMode: false })],
  ['a ReadableStream', () => new Blob(['first,second']).stream()],
  ['a Set', () => new Set(['first,', 'second'])],
]) {
  test(`${title} is read to its end`, async (t) => {
    t.is(await catOf(create()), 'first,second')
  })
}

test('a source that fails rejects run() with its error and stops the guest', async (t) => {
  const reason = new Error('reason')
  const failing = [
    (async function* () {
      yield 'text'
      throw reason
    })(),
    (function* () {
      yield 'text'
      throw reason
    })(),
    new ReadableStream({ pull: (controller) => controller.error(reason) }),
    new Readable({
      read() {
        this.destroy(reason)
      },
    }),
  ]
  for (const input of failing) for (const reject of [true]) t.is(await failure(run(CAT, [], { input, reject })), reason)
})

test('an error of a source rejects run() with reject: false too', async (t) => {
  const input = new Readable({
    read() {
      this.destroy(new Error('reason'))
    },
  })
  t.is((await failure(run(CAT, [], { input, reject: false }))).message, 'reason')
})

test('an item of another type rejects with ERR_INVALID_ARG_TYPE', async (t) => {
  for (const item of [1, null, {}, ['a'], new ArrayBuffer(1)]) {
    const error = await failure(run(CAT, [], { input: [item] }))
    t.is(error.code, 'ERR_INVALID_ARG_TYPE')
    t.regex(error.message, /^Each item of "options.input" must be of type string or an instance of Uint8Array/)
  }
})

test('input that the guest does not read is discarded', async (t) => {
  t.is((await run(program(print('end')), [], { input: 'x'.repeat(MIB) })).stdout, 'end')
  t.is((await run(program(print('end')), [], { input: later('x'.repeat(MIB), 'y') })).stdout, 'end')
})

test('an endless source ends with the guest, by return() of its iterator', async (t) => {
  let isReturned = false
  const endless = (function* () {
    try {
      for (;;) yield 'x'.repeat(65536)
    } finally {
      isReturned = true
    }
  })()
  await run(program(print('end')), [], { input: endless })
  await until(() => isReturned)
  t.pass()
})

test('a source that never yields does not delay the end', async (t) => {
  for (const input of [
    (async function* () {
      await new Promise(() => {})
      yield ''
    })(),
    new Readable({ read() {} }),
    new ReadableStream({}),
  ])
    t.is((await run(program(print('end')), [], { input })).stdout, 'end')
})

test('streams are not destroyed if the guest ends early', async (t) => {
  const readable = new Readable({
    read() {
      this.push('x'.repeat(1000))
    },
  })
  t.teardown(() => readable.destroy())
  await run(program(print('end')), [], { input: readable })
  t.false(readable.destroyed)
  const stream = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1000)) })
  await run(program(print('end')), [], { input: stream })
  await until(() => !stream.locked)
  t.true((await stream.getReader().read()).value instanceof Uint8Array)
})

test('a source is read as fast as the guest reads', async (t) => {
  let produced = 0
  const source = (function* () {
    for (;;) {
      produced += 65536
      yield 'x'.repeat(65536)
    }
  })()
  const error = await failure(run(program(print('text') + TRAP), [], { input: source }))
  t.true(error instanceof ProcessError)
  // The capacities of the pipe and of the streams.
  t.true(produced <= 4 * MIB, String(produced))
})

test('64 MiB from a source arrive unchanged', async (t) => {
  const chunk = Buffer.from(Array.from({ length: MIB }, (_, index) => index * 7))
  const input = (function* () {
    for (let index = 0; index < 64; index++) yield chunk
  })()
  let [at, isEqual] = [0, true]
  const stdout = (bytes) => {
    for (let done = 0; done < bytes.length; ) {
      const length = Math.min(bytes.length - done, MIB - (at % MIB))
      isEqual &&= chunk.subarray(at % MIB, (at % MIB) + length).equals(bytes.subarray(done, done + length))
      done += length
      at += length
    }
  }
  const { stderr } = await run(CAT, [], { input, stdout })
  t.is(at, 64 * MIB)
  t.true(isEqual)
  t.is(stderr, `${64 * MIB} bytes\n`)
})

test('an invalid input rejects with ERR_INVALID_ARG_TYPE', async (t) => {
  for (const input of [1, null, true, {}, () => {}, Symbol('s'), new ArrayBuffer(1), new EventEmitter()])
    t.is((await failure(run(CAT, [], { input }))).code, 'ERR_INVALID_ARG_TYPE', String(input))
})

test('an error of return() after the end of the guest has no effect', async (t) => {
  const next = () => ({ value: 'x'.repeat(MIB), done: false })
  const fail = () => {
    throw new Error('reason')
  }
  for (const input of [
    { [Symbol.iterator]: () => ({ next, return: fail }) },
    { [Symbol.asyncIterator]: () => ({ next, return: async () => fail() }) },
  ])
    t.is((await run(program(print('end')), [], { input })).stdout, 'end')
})

test('a source that cannot be read rejects run()', async (t) => {
  const locked = new Blob(['text']).stream()
  locked.getReader()
  t.true((await failure(run(CAT, [], { input: locked }))) instanceof TypeError)
  const destroyed = Readable.from(['text'])
  destroyed.destroy()
  t.true((await failure(run(CAT, [], { input: destroyed }))) instanceof Error)
})
