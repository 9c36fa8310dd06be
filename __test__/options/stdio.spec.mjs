// stdin, stdout and stderr as data: what the embedder gives and takes itself.

import test from 'ava'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { PassThrough, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { WASI } from 'capwasi'
import { ERRNO, rawGuest } from '../support/guest.mjs'

const cat = new WebAssembly.Module(readFileSync(new URL('../guests/cat.wasm', import.meta.url)))

/** Runs cat, and gives the WASI object that it ran in. */
function run(options) {
  const wasi = new WASI({ version: 'preview1', stderr: 'pipe', ...options })
  const code = wasi.start(new WebAssembly.Instance(cat, wasi.getImportObject()))
  return { wasi, code, stdout: wasi.stdout, stderr: wasi.stderr?.toString() }
}

const arrayOfAnotherRealm = runInNewContext("['one ', new Uint8Array([116, 119, 111])]")
const binary = Uint8Array.from({ length: 1000 }, (_, index) => index % 256)
const chunks =
  (...given) =>
  () =>
    given.length ? given.shift() : null

for (const [what, stdin, expected] of [
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
  ['ignore', 'ignore', ''],
]) {
  test(`a guest reads ${what} from stdin, then its end, and its output is kept`, (t) => {
    const { code, stdout, stderr } = run({ stdin, stdout: 'pipe' })
    t.is(code, 0)
    t.true(Buffer.isBuffer(stdout))
    t.deepEqual(stdout, Buffer.from(expected))
    t.is(stderr, `${Buffer.from(expected).length} bytes\n`)
  })
}

for (const [what, input, expected] of [
  ['inherit', 'inherit', 'inherit'],
  ['ignore', 'ignore', 'ignore'],
  ['pipe', 'pipe', 'pipe'],
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
  test(`input that is ${what} is data, and never a mode`, (t) => {
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
  test(`input that is ${received} is refused with ERR_INVALID_ARG_TYPE`, (t) => {
    const accepted = 'a string, an ArrayBuffer, a view of one, or an iterable of those'
    t.throws(() => new WASI({ version: 'preview1', input: value }), {
      instanceOf: TypeError,
      code: 'ERR_INVALID_ARG_TYPE',
      message: `The "options.input" property must be ${accepted}. Received ${received}`,
    })
  })
}

test('input together with stdin is refused with ERR_INVALID_ARG_VALUE', (t) => {
  for (const stdin of [0, 'text', 'ignore', () => null]) {
    t.throws(() => new WASI({ version: 'preview1', stdin, input: '' }), {
      instanceOf: TypeError,
      code: 'ERR_INVALID_ARG_VALUE',
      message: "The property 'options.input' cannot be given together with 'options.stdin'",
    })
  }
  t.notThrows(() => new WASI({ version: 'preview1', stdin: 0, input: undefined }))
})

test('what an iterable as input has that is no data is an error that names the option, and close() ends it', (t) => {
  const noted = []
  const guest = rawGuest({
    input: noting(noted, function* () {
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
  t.deepEqual(noted, ['end'])
})

test('64 MiB go through both ways, whole', (t) => {
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

test('64 MiB go from an iterable to a Writable that takes its time, whole', async (t) => {
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

test('stdin is copied when the sandbox is made', (t) => {
  const data = Buffer.from('before')
  const wasi = new WASI({ version: 'preview1', stdin: data, stdout: 'pipe', stderr: 'ignore' })
  data.write('after!')
  wasi.start(new WebAssembly.Instance(cat, wasi.getImportObject()))
  t.is(wasi.stdout.toString(), 'before')
})

test('a function is asked only when nothing is left, and told how much is wanted', (t) => {
  const asked = []
  const stdin = (size) => {
    asked.push(size)
    return 'abcdef'
  }
  const guest = rawGuest({ stdin })
  t.is(guest.read(0, 4), 'abcd')
  t.is(guest.read(0, 4), 'ef')
  t.deepEqual(asked, [4])
  const out = guest.alloc(4)
  guest.must('fd_read', 0, ...guest.iovs(1, 2), out)
  t.deepEqual(asked, [4, 3])
  guest.must('fd_read', 0, ...guest.iovs(), out)
  guest.must('fd_read', 0, ...guest.iovs(0, 0), out)
  t.deepEqual(asked, [4, 3])
})

test('after the end a function is not asked again', (t) => {
  let asked = 0
  const stdin = () => {
    asked++
    return null
  }
  const guest = rawGuest({ stdin })
  t.is(guest.read(0), '')
  t.is(guest.read(0), '')
  t.is(asked, 1)
})

test('a function that has nothing yet may be asked for long, and what it gave is let go', (t) => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc')
  const before = process.memoryUsage().arrayBuffers
  let [asked, most] = [0, 0]
  const stdin = () => {
    if (++asked % 100 === 0) {
      gc()
      most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    }
    return asked < 1000 ? new Uint8Array(1 << 20).subarray(0, 0) : 'something'
  }
  t.is(rawGuest({ stdin }).read(0), 'something')
  t.true(most < 500 << 20, `${most} bytes`)
})

test('an iterable is not touched before the guest reads', (t) => {
  let touched = false
  const stdin = {
    [Symbol.iterator]() {
      touched = true
      return [][Symbol.iterator]()
    },
  }
  const guest = rawGuest({ stdin })
  t.false(touched)
  t.is(guest.read(0), '')
  t.true(touched)
})

test('what an iterable has that is no data is an error, and not its end', (t) => {
  for (const value of [null, undefined, 5]) {
    const guest = rawGuest({ stdin: ['one', value, 'two'] })
    t.is(guest.read(0), 'one')
    t.throws(() => guest.read(0), { instanceOf: TypeError, code: 'ERR_INVALID_RETURN_VALUE' })
    t.is(guest.read(0), 'two')
  }
})

/** A generator that notes its end, and what it is asked for in between. */
function noting(
  noted,
  body = function* () {
    yield 'one'
    yield 'two'
  },
) {
  return (function* () {
    try {
      yield* body()
    } finally {
      noted.push('end')
    }
  })()
}

test('close() ends a generator of which the guest has not read all, once', (t) => {
  const noted = []
  const guest = rawGuest({ stdin: noting(noted) })
  t.is(guest.read(0), 'one')
  t.deepEqual(noted, [])
  guest.wasi.close()
  t.deepEqual(noted, ['end'])
  guest.wasi.close()
  t.deepEqual(noted, ['end'])
})

test('close() leaves a generator alone of which nothing was read, or all, or that threw', (t) => {
  const [unread, read, threw] = [[], [], []]
  rawGuest({ stdin: noting(unread) }).wasi.close()
  t.deepEqual(unread, [])
  const { wasi } = run({ stdin: noting(read), stdout: 'ignore' })
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

test('a generator may close its own sandbox, and ends then', (t) => {
  const noted = []
  const guest = rawGuest({
    stdin: noting(noted, function* () {
      guest.wasi.close()
      yield 'last'
      yield 'more'
    }),
  })
  t.is(guest.read(0), 'last')
  t.deepEqual(noted, ['end'])
})

test('what ending an iterable throws comes out of close(), after the descriptors are closed', (t) => {
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

test('close() takes iterators that have no return, and functions that have an end', (t) => {
  const guest = rawGuest({ stdin: { [Symbol.iterator]: () => ({ next: () => ({ value: 'x' }) }) } })
  t.is(guest.read(0), 'x')
  t.notThrows(() => guest.wasi.close())
  const stdin = Object.assign(() => 'x', { end: () => t.fail() })
  const other = rawGuest({ stdin })
  t.is(other.read(0), 'x')
  other.wasi.close()
})

test('chunks are what the guest wrote, one for each fd_write that wrote something', (t) => {
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
    written.map(([end, chunk]) => `${end} ${chunk}`),
    ['out onetwo', 'err three', 'out four'],
  )
})

test('a chunk stays as it was when the guest goes on', (t) => {
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
for (const [what, options] of [
  ['stdin', (error) => ({ stdin: throwing(error) })],
  [
    'a generator',
    (error) => ({
      // biome-ignore lint/correctness/useYield: the generator throws before it yields anything
      stdin: (function* () {
        throw error
      })(),
    }),
  ],
  ['stdout', (error) => ({ stdin: 'x', stdout: throwing(error) })],
  ['stderr', (error) => ({ stdin: 'x', stdout: 'ignore', stderr: throwing(error) })],
]) {
  test(`what ${what} throws comes out of start()`, (t) => {
    const error = new Error('mine')
    t.is(
      t.throws(() => run(options(error))),
      error,
    )
  })
}

test('a function may call back into the guest, which may write and grow meanwhile', (t) => {
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

test('a function may close the descriptor it serves', (t) => {
  const guest = rawGuest({ stdout: () => guest.close(1) })
  t.is(guest.write(1, 'last'), 4)
  t.is(guest.call.fd_write(1, ...guest.iovs('x'), guest.out), ERRNO.BADF)
})

test('a Writable gets what the guest writes in order, before start() returns', (t) => {
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

test('a slow Writable keeps what it has not taken yet', async (t) => {
  const stdout = new PassThrough({ highWaterMark: 1 })
  run({ stdin: chunks(...Array(100).fill('0123456789')), stdout })
  stdout.end()
  t.is((await stdout.setEncoding('utf8').toArray()).join(''), '0123456789'.repeat(100))
})

test('the error of a Writable comes out of start(), once', async (t) => {
  const error = new Error('full')
  const stdout = new Writable({ write: (_chunk, _encoding, done) => done(error) })
  t.is(
    t.throws(() => run({ stdin: 'x', stdout })),
    error,
  )
  await new Promise(setImmediate) // An event that nobody listens to would end the process.
})

test('a Writable that is destroyed or at its end refuses', (t) => {
  const destroyed = new PassThrough()
  destroyed.destroy()
  t.throws(() => run({ stdin: 'x', stdout: destroyed }), { code: 'ERR_STREAM_DESTROYED' })
  const ended = new PassThrough()
  ended.end()
  t.throws(() => run({ stdin: 'x', stdout: ended }), { code: 'ERR_STREAM_WRITE_AFTER_END' })
})

test('what is kept can be looked at at any time, also after the guest closed it', (t) => {
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

test('what is kept is the same Buffer until there is more, and keeps what came before', (t) => {
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

test('what was looked at counts for limits.output, too', (t) => {
  const guest = rawGuest({ stdout: 'pipe', limits: { output: 5 } })
  guest.write(1, 'abc')
  t.is(String(guest.wasi.stdout), 'abc')
  t.is(guest.write(1, 'def'), 2)
  t.is(String(guest.wasi.stdout), 'abcde')
  t.is(guest.call.fd_write(1, ...guest.iovs('g'), guest.out), ERRNO.DQUOT)
})

test('without a pipe stdout and stderr are undefined, and not the own properties of an object', (t) => {
  const wasi = new WASI({ version: 'preview1' })
  t.is(wasi.stdout, undefined)
  t.is(wasi.stderr, undefined)
  t.deepEqual(Object.keys(wasi), ['wasiImport'])
})

test('to the guest they are pipes, ready for what they are for', (t) => {
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

test('poll_oneoff finds them ready, and counts what can be read', (t) => {
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

test('ignore has nothing to read and forgets what is written', (t) => {
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
  test(`a function that gives ${received} is refused with ERR_INVALID_RETURN_VALUE`, (t) => {
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
  test(`${option} that is ${String(value).replaceAll('\0', '0') || '[]'} is refused as in node:wasi`, (t) => {
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

test('stdio of a collected sandbox is collected with it', async (t) => {
  const { gc } = globalThis
  if (!gc) return t.pass('needs --expose-gc')
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

test('an ArrayBuffer of another realm is data', (t) => {
  const buffer = runInNewContext('new Uint8Array([97, 98]).buffer')
  for (const option of ['stdin', 'input']) t.is(rawGuest({ [option]: buffer }).read(0), 'ab')
})
