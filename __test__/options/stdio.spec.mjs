// The options stdin, input, stdout and stderr with data, functions, iterables and streams.

import test from 'ava'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { PassThrough, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { inspect } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { WASI } from 'capwasi'
import { ERRNO, rawGuest } from '../support/guest.mjs'

const cat = new WebAssembly.Module(readFileSync(new URL('../guests/cat.wasm', import.meta.url)))

/** Runs cat. Returns its WASI object, exit code and output. */
function run(options) {
  const wasi = new WASI({ version: 'preview1', stderr: 'pipe', ...options })
  const code = wasi.start(new WebAssembly.Instance(cat, wasi.getImportObject()))
  return { wasi, code, stdout: wasi.stdout, stderr: wasi.stderr?.toString() }
}

const arrayOfAnotherRealm = runInNewContext("['one ', new Uint8Array([116, 119, 111])]")
const binary = Uint8Array.from({ length: 1000 }, (_, index) => index % 256)
/** Returns a stdin function that returns these chunks, then null. */
const chunks =
  (...remaining) =>
  () =>
    remaining.length ? remaining.shift() : null

for (const [kind, stdin, expected] of [
  ['a string', 'grüß Gott\n', 'grüß Gott\n'],
  ['an empty string', '', ''],
  ['a Uint8Array', binary, binary],
  ['a part of an ArrayBuffer', new Uint8Array(binary.buffer, 10, 20), binary.subarray(10, 30)],
  ['an ArrayBuffer', binary.buffer, binary],
  ['a DataView', new DataView(binary.buffer, 5, 3), binary.subarray(5, 8)],
  ['an array of strings and bytes', ['one ', Buffer.from('two '), '', 'three'], 'one two three'],
  [
    'a generator',
    (function* () {
      yield 'a'
      yield binary.buffer
      yield 'z'
    })(),
    Buffer.concat([Buffer.from('a'), binary, Buffer.from('z')]),
  ],
  ['a function', chunks('one ', binary, '', 'end'), Buffer.concat([Buffer.from('one '), binary, Buffer.from('end')])],
  ['a function that ends with undefined', () => undefined, ''],
  ["'ignore'", 'ignore', ''],
]) {
  test(`stdin that is ${kind} is read to its end, and the output is captured`, (t) => {
    const { code, stdout, stderr } = run({ stdin, stdout: 'pipe' })
    t.is(code, 0)
    t.true(Buffer.isBuffer(stdout))
    t.deepEqual(stdout, Buffer.from(expected))
    t.is(stderr, `${Buffer.from(expected).length} bytes\n`)
  })
}

for (const [kind, input, expected] of [
  ["'inherit'", 'inherit', 'inherit'],
  ["'ignore'", 'ignore', 'ignore'],
  ["'pipe'", 'pipe', 'pipe'],
  ['an empty string', '', ''],
  ['a Uint8Array', binary, binary],
  ['an ArrayBuffer', binary.buffer, binary],
  ['a DataView', new DataView(binary.buffer, 5, 3), binary.subarray(5, 8)],
  ['an array of strings and bytes', ['inherit', Buffer.from(' two '), '', 'three'], 'inherit two three'],
  ['an array of another realm', arrayOfAnotherRealm, 'one two'],
  [
    'a generator',
    (function* () {
      yield 'a'
      yield binary
    })(),
    Buffer.concat([Buffer.from('a'), binary]),
  ],
]) {
  test(`options.input that is ${kind} is data for stdin`, (t) => {
    t.deepEqual(run({ input, stdin: undefined, stdout: 'pipe' }).stdout, Buffer.from(expected))
  })
}

for (const [value, received] of [
  [null, 'null'],
  [5, 'type number (5)'],
  [true, 'type boolean (true)'],
  [{}, 'an instance of Object'],
  [Symbol('x'), 'type symbol (Symbol(x))'],
  [() => 'x', 'function '],
  [1n, 'type bigint (1n)'],
]) {
  test(`options.input throws ERR_INVALID_ARG_TYPE for ${received.trim()}`, (t) => {
    const accepted = 'a string, an ArrayBuffer, a view of one, or an iterable of those'
    t.throws(() => new WASI({ version: 'preview1', input: value }), {
      instanceOf: TypeError,
      code: 'ERR_INVALID_ARG_TYPE',
      message: `The "options.input" property must be ${accepted}. Received ${received}`,
    })
  })
}

test('options.input together with options.stdin throws ERR_INVALID_ARG_VALUE', (t) => {
  for (const stdin of [0, 'text', 'ignore', () => null]) {
    t.throws(() => new WASI({ version: 'preview1', stdin, input: '' }), {
      instanceOf: TypeError,
      code: 'ERR_INVALID_ARG_VALUE',
      message: "The property 'options.input' cannot be given together with 'options.stdin'",
    })
  }
  t.notThrows(() => new WASI({ version: 'preview1', stdin: 0, input: undefined }))
})

test('an item of options.input that is not data throws an error that names the option', (t) => {
  const events = []
  const guest = rawGuest({
    input: recordingEnd(events, function* () {
      yield 'one'
      yield 5
      yield 'two'
    }),
  })
  t.is(guest.read(0), 'one')
  const { message } = t.throws(() => guest.read(0), { instanceOf: TypeError, code: 'ERR_INVALID_RETURN_VALUE' })
  t.true(message.includes('"options.input"') && message.includes('type number (5)'), message)
  t.is(guest.read(0), 'two')
  guest.wasi.close()
  t.deepEqual(events, ['end'])
})

test('64 MiB pass through stdin and stdout unchanged', (t) => {
  const data = Buffer.alloc(64 << 20)
  for (let at = 0; at < data.length; at += 4096) data.writeUInt32LE(at, at)
  const { stdout } = run({ stdin: data, stdout: 'pipe' })
  t.true(stdout.equals(data))
  let at = 0
  const pieces = []
  run({
    stdin(size) {
      if (at >= data.length) return null
      at += size
      return data.subarray(at - size, at)
    },
    stdout: (chunk) => pieces.push(chunk),
  })
  t.true(Buffer.concat(pieces).equals(data))
})

test('64 MiB pass from an iterable to a slow Writable unchanged', async (t) => {
  const data = Buffer.alloc(64 << 20)
  for (let at = 0; at < data.length; at += 1024) data.writeUInt32LE(at * 31, at)
  const stdin = (function* () {
    for (let at = 0, size = 1; at < data.length; at += size, size = (size * 5) % 1_000_003)
      yield data.subarray(at, at + size)
  })()
  const hash = createHash('sha256')
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      hash.update(chunk)
      setImmediate(done)
    },
  })
  const { code, stderr } = run({ stdin, stdout })
  t.deepEqual([code, stderr], [0, `${data.length} bytes\n`])
  t.true(stdout.writableLength > 60 << 20)
  stdout.end()
  await finished(stdout)
  t.is(hash.digest('hex'), createHash('sha256').update(data).digest('hex'))
})

test('data in options.stdin is copied by the constructor', (t) => {
  const data = Buffer.from('before')
  const wasi = new WASI({ version: 'preview1', stdin: data, stdout: 'pipe', stderr: 'ignore' })
  data.write('after!')
  wasi.start(new WebAssembly.Instance(cat, wasi.getImportObject()))
  t.is(wasi.stdout.toString(), 'before')
})

test('a stdin function is called with the wanted size, and only when no data is left', (t) => {
  const sizes = []
  const stdin = (size) => {
    sizes.push(size)
    return 'abcdef'
  }
  const guest = rawGuest({ stdin })
  t.is(guest.read(0, 4), 'abcd')
  t.is(guest.read(0, 4), 'ef')
  t.deepEqual(sizes, [4])
  const out = guest.alloc(4)
  guest.must('fd_read', 0, ...guest.iovs(1, 2), out)
  t.deepEqual(sizes, [4, 3])
  guest.must('fd_read', 0, ...guest.iovs(), out)
  guest.must('fd_read', 0, ...guest.iovs(0, 0), out)
  t.deepEqual(sizes, [4, 3])
})

test('a stdin function that has returned null is not called again', (t) => {
  let calls = 0
  const stdin = () => {
    calls++
    return null
  }
  const guest = rawGuest({ stdin })
  t.is(guest.read(0), '')
  t.is(guest.read(0), '')
  t.is(calls, 1)
})

test('a stdin function may return empty chunks many times, and the chunks are freed', (t) => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc')
  const before = process.memoryUsage().arrayBuffers
  let [calls, most] = [0, 0]
  const stdin = () => {
    if (++calls % 100 === 0) {
      gc()
      most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    }
    return calls < 1000 ? new Uint8Array(1 << 20).subarray(0, 0) : 'something'
  }
  t.is(rawGuest({ stdin }).read(0), 'something')
  t.true(most < 500 << 20, `${most} bytes`)
})

test('an iterable stdin is not accessed before the guest reads', (t) => {
  let accessed = false
  const stdin = {
    [Symbol.iterator]() {
      accessed = true
      return [][Symbol.iterator]()
    },
  }
  const guest = rawGuest({ stdin })
  t.false(accessed)
  t.is(guest.read(0), '')
  t.true(accessed)
})

test('an item of an iterable stdin that is not data throws, and does not end stdin', (t) => {
  for (const value of [null, undefined, 5]) {
    const guest = rawGuest({ stdin: ['one', value, 'two'] })
    t.is(guest.read(0), 'one')
    t.throws(() => guest.read(0), { instanceOf: TypeError, code: 'ERR_INVALID_RETURN_VALUE' })
    t.is(guest.read(0), 'two')
  }
})

/** Wraps a generator function: its generator adds 'end' to `events` when it ends. */
function recordingEnd(
  events,
  body = function* () {
    yield 'one'
    yield 'two'
  },
) {
  return (function* () {
    try {
      yield* body()
    } finally {
      events.push('end')
    }
  })()
}

test('close() ends a partly read generator once', (t) => {
  const events = []
  const guest = rawGuest({ stdin: recordingEnd(events) })
  t.is(guest.read(0), 'one')
  t.deepEqual(events, [])
  guest.wasi.close()
  t.deepEqual(events, ['end'])
  guest.wasi.close()
  t.deepEqual(events, ['end'])
})

test('close() does not call return() of an iterator that is unread, finished or has thrown', (t) => {
  const [unread, read, threw] = [[], [], []]
  rawGuest({ stdin: recordingEnd(unread) }).wasi.close()
  t.deepEqual(unread, [])
  const { wasi } = run({ stdin: recordingEnd(read), stdout: 'ignore' })
  t.deepEqual(read, ['end'])
  wasi.close()
  t.deepEqual(read, ['end'])
  const guest = rawGuest({
    stdin: {
      [Symbol.iterator]: () => ({
        next: () => {
          throw new Error('mine')
        },
        return: () => threw.push('end'),
      }),
    },
  })
  t.throws(() => guest.read(0), { message: 'mine' })
  guest.wasi.close()
  t.deepEqual(threw, [])
})

test('a generator that closes its own sandbox ends after its current item', (t) => {
  const events = []
  const guest = rawGuest({
    stdin: recordingEnd(events, function* () {
      guest.wasi.close()
      yield 'last'
      yield 'more'
    }),
  })
  t.is(guest.read(0), 'last')
  t.deepEqual(events, ['end'])
})

test('close() closes the descriptors, then rethrows the exception of return()', (t) => {
  const error = new Error('mine')
  const iterator = {
    next: () => ({ done: false, value: 'x' }),
    return: () => {
      throw error
    },
  }
  const guest = rawGuest({ stdin: { [Symbol.iterator]: () => iterator } })
  t.is(guest.read(0), 'x')
  t.is(
    t.throws(() => guest.wasi.close()),
    error,
  )
  t.is(guest.call.fd_close(0), ERRNO.BADF)
  t.notThrows(() => guest.wasi.close())
})

test('close() accepts an iterator without return(), and does not call end() of a function', (t) => {
  const guest = rawGuest({ stdin: { [Symbol.iterator]: () => ({ next: () => ({ value: 'x' }) }) } })
  t.is(guest.read(0), 'x')
  t.notThrows(() => guest.wasi.close())
  const stdin = Object.assign(() => 'x', { end: () => t.fail() })
  const other = rawGuest({ stdin })
  t.is(other.read(0), 'x')
  other.wasi.close()
})

test('a stdout function receives one Buffer for each fd_write that writes bytes', (t) => {
  const written = []
  const guest = rawGuest({
    stdout: (chunk) => written.push(['out', chunk]),
    stderr: (chunk) => written.push(['err', chunk]),
  })
  t.is(guest.write(1, 'one', '', 'two'), 6)
  t.is(guest.write(2, 'three'), 5)
  t.is(guest.write(1, ''), 0)
  t.is(guest.write(1), 0)
  t.is(guest.write(1, 'four'), 4)
  t.true(written.every(([, chunk]) => Buffer.isBuffer(chunk)))
  t.deepEqual(
    written.map(([stream, chunk]) => `${stream} ${chunk}`),
    ['out onetwo', 'err three', 'out four'],
  )
})

test('a chunk does not change when the guest changes its memory', (t) => {
  const written = []
  const guest = rawGuest({ stdout: (chunk) => written.push(chunk) })
  const [iovs, out] = [guest.iovs('before'), guest.alloc(4)]
  guest.must('fd_write', 1, ...iovs, out)
  guest.bytes.fill(0)
  t.is(String(written), 'before')
})

const throwing = (error) => () => {
  throw error
}
for (const [source, options] of [
  ['a stdin function', (error) => ({ stdin: throwing(error) })],
  [
    'a stdin generator',
    (error) => ({
      // biome-ignore lint/correctness/useYield: the generator throws before it yields anything
      stdin: (function* () {
        throw error
      })(),
    }),
  ],
  ['a stdout function', (error) => ({ stdin: 'x', stdout: throwing(error) })],
  ['a stderr function', (error) => ({ stdin: 'x', stdout: 'ignore', stderr: throwing(error) })],
]) {
  test(`start() rethrows the exception of ${source}`, (t) => {
    const error = new Error('mine')
    t.is(
      t.throws(() => run(options(error))),
      error,
    )
  })
}

test('a stdio function may call the guest, which may write and grow its memory', (t) => {
  const written = []
  const guest = rawGuest({
    stdout(chunk) {
      written.push(String(chunk))
      if (chunk.length > 1) {
        guest.call.grow(1)
        guest.write(1, 'x')
      }
    },
    stdin() {
      guest.call.grow(1)
      guest.write(1, 'y')
      return 'input'
    },
  })
  t.is(guest.write(1, 'hello'), 5)
  t.is(guest.read(0), 'input')
  t.deepEqual(written, ['hello', 'x', 'y'])
})

test('a stdout function may close its own descriptor', (t) => {
  const guest = rawGuest({ stdout: () => guest.close(1) })
  t.is(guest.write(1, 'last'), 4)
  t.is(guest.call.fd_write(1, ...guest.iovs('x'), guest.out), ERRNO.BADF)
})

test('a Writable receives the output in order before start() returns', (t) => {
  const written = []
  const stdout = new Writable({
    highWaterMark: 1,
    write(chunk, _encoding, done) {
      written.push(String(chunk))
      done()
    },
  })
  const { code } = run({ stdin: ['a', 'b', 'c'], stdout })
  t.is(code, 0)
  t.is(written.join(''), 'abc')
})

test('a slow Writable buffers the complete output', async (t) => {
  const stdout = new PassThrough({ highWaterMark: 1 })
  run({ stdin: chunks(...Array(100).fill('0123456789')), stdout })
  stdout.end()
  t.is((await stdout.setEncoding('utf8').toArray()).join(''), '0123456789'.repeat(100))
})

test('start() throws the error of a Writable, without an unhandled error event', async (t) => {
  const error = new Error('full')
  const stdout = new Writable({ write: (_chunk, _encoding, done) => done(error) })
  t.is(
    t.throws(() => run({ stdin: 'x', stdout })),
    error,
  )
  await new Promise(setImmediate) // An unhandled error event would end the process.
})

test('start() throws the stream error of a destroyed or ended Writable', (t) => {
  const destroyed = new PassThrough()
  destroyed.destroy()
  t.throws(() => run({ stdin: 'x', stdout: destroyed }), { code: 'ERR_STREAM_DESTROYED' })
  const ended = new PassThrough()
  ended.end()
  t.throws(() => run({ stdin: 'x', stdout: ended }), { code: 'ERR_STREAM_WRITE_AFTER_END' })
})

test('captured output can be read at any time, also after fd_close and close()', (t) => {
  const guest = rawGuest({ stdout: 'pipe', stderr: 'pipe' })
  t.is(guest.wasi.stdout.length, 0)
  guest.write(1, 'one')
  t.is(String(guest.wasi.stdout), 'one')
  guest.write(1, 'two')
  guest.close(1)
  t.is(String(guest.wasi.stdout), 'onetwo')
  t.is(String(guest.wasi.stderr), '')
  guest.wasi.close()
  t.is(String(guest.wasi.stdout), 'onetwo')
})

test('wasi.stdout is the same Buffer until more output arrives, and then keeps its content', (t) => {
  const guest = rawGuest({ stdout: 'pipe' })
  guest.write(1, 'one')
  const one = guest.wasi.stdout
  t.is(guest.wasi.stdout, one)
  guest.write(1, '')
  t.is(guest.wasi.stdout, one)
  for (let count = 2; count < 100; count++) {
    guest.reset()
    guest.write(1, `${count}`)
    if (count % 3 === 0) t.is(guest.wasi.stdout.length, guest.wasi.stdout.toString().length)
  }
  t.is(String(guest.wasi.stdout), `one${Array.from({ length: 98 }, (_, index) => index + 2).join('')}`)
  t.is(String(one), 'one')
})

test('captured output that was read counts towards limits.output', (t) => {
  const guest = rawGuest({ stdout: 'pipe', limits: { output: 5 } })
  guest.write(1, 'abc')
  t.is(String(guest.wasi.stdout), 'abc')
  t.is(guest.write(1, 'def'), 2)
  t.is(String(guest.wasi.stdout), 'abcde')
  t.is(guest.call.fd_write(1, ...guest.iovs('g'), guest.out), ERRNO.DQUOT)
})

test("without 'pipe', wasi.stdout and wasi.stderr are undefined and not own properties", (t) => {
  const wasi = new WASI({ version: 'preview1' })
  t.is(wasi.stdout, undefined)
  t.is(wasi.stderr, undefined)
  t.deepEqual(Object.keys(wasi), ['wasiImport'])
})

test('stdio with data and functions has filetype 0, and fd_seek fails with ESPIPE', (t) => {
  const guest = rawGuest({ stdin: 'abc', stdout: 'pipe', stderr: () => {} })
  for (const fd of [0, 1, 2]) {
    t.is(guest.fdstat(fd).filetype, 0)
    t.is(guest.filestat(fd).filetype, 0)
    t.is(guest.call.fd_seek(fd, 0n, 0, guest.out), ERRNO.SPIPE)
  }
  t.is(guest.call.fd_write(0, ...guest.iovs('x'), guest.out), ERRNO.BADF)
  t.is(guest.call.fd_read(1, ...guest.iovs(4), guest.out), ERRNO.BADF)
  t.is(guest.call.fd_read(2, ...guest.iovs(4), guest.out), ERRNO.BADF)
})

test('poll_oneoff reports stdin data and a stdout function as ready, with the readable bytes', (t) => {
  const guest = rawGuest({ stdin: 'abc', stdout: () => {} })
  const subscriptions = guest.alloc(96)
  guest.view.setUint8(subscriptions + 8, 1)
  guest.view.setUint32(subscriptions + 16, 0, true)
  guest.view.setUint8(subscriptions + 48 + 8, 2)
  guest.view.setUint32(subscriptions + 48 + 16, 1, true)
  const events = guest.alloc(64)
  guest.must('poll_oneoff', subscriptions, events, 2, guest.out)
  t.is(guest.u32(guest.out), 2)
  t.is(guest.u64(events + 16), 3n)
})

test("stdio: 'ignore' has no input and discards output", (t) => {
  const guest = rawGuest({ stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
  t.is(guest.read(0), '')
  t.is(guest.write(1, 'x'), 1)
  t.is(guest.write(2, 'x'), 1)
})

for (const [value, received] of [
  [5, 'type number (5)'],
  [true, 'type boolean (true)'],
  [{}, 'an instance of Object'],
]) {
  test(`a stdin function that returns ${received} throws ERR_INVALID_RETURN_VALUE`, (t) => {
    const guest = rawGuest({ stdin: () => value })
    const error = t.throws(() => guest.read(0), { instanceOf: TypeError, code: 'ERR_INVALID_RETURN_VALUE' })
    t.true(error.message.includes('"options.stdin"') && error.message.includes(received), error.message)
  })
}

for (const [option, value] of [
  ['stdin', null],
  ['stdin', true],
  ['stdin', {}],
  ['stdin', Symbol('x')],
  ['stdin', 5n],
  ['stdout', null],
  ['stdout', 'nonsense'],
  ['stdout', {}],
  ['stdout', []],
  ['stdout', Buffer.alloc(9)],
  ['stderr', 'pip'],
]) {
  test(`${option}: ${inspect(value)} throws ERR_INVALID_ARG_TYPE, as in node:wasi`, (t) => {
    const error = t.throws(() => new WASI({ version: 'preview1', [option]: value }), {
      instanceOf: TypeError,
      code: 'ERR_INVALID_ARG_TYPE',
    })
    t.true(
      error.message.startsWith(`The "options.${option}" property must be of type number. Received `),
      error.message,
    )
  })
}

test('the stdout function of a collected sandbox is collected, too', async (t) => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc')
  let collected = 0
  const registry = new FinalizationRegistry(() => collected++)
  for (let index = 0; index < 100; index++) {
    const stdout = () => {}
    registry.register(stdout)
    new WASI({ version: 'preview1', stdout })
  }
  for (let round = 0; round < 10 && collected < 90; round++) {
    gc()
    await new Promise((done) => setTimeout(done, 10))
  }
  t.true(collected >= 90, `${collected}`)
})

test('stdin and input accept an ArrayBuffer of another realm', (t) => {
  const buffer = runInNewContext('new Uint8Array([97, 98]).buffer')
  for (const option of ['stdin', 'input']) t.is(rawGuest({ [option]: buffer }).read(0), 'ab')
})
