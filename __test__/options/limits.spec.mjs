// The option `limits`: resource limits of guests, and the errnos beyond them.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import test from 'ava'
import { WASI } from 'capwasi'
import { run } from '../guests/run.mjs'
import { ERRNO, FDFLAGS, OFLAGS, RIGHTS, hostFile, rawGuest, tree } from '../support/guest.mjs'
import { errnoOf } from '../support/calls.mjs'
import { slow } from '../support/conditions.mjs'
import { linux, posix } from '../support/platform.mjs'

const make = (limits) => () => new WASI({ version: 'preview1', limits })
const WRITE = { oflags: OFLAGS.CREAT, rights: RIGHTS.FILE }

/** Creates a guest with limits and a directory that contains one file. */
function limitedGuest(t, limits, options = {}) {
  const directory = tree(t, { file: 'text' })
  const guest = rawGuest({ preopens: { '/': directory }, limits, ...options })
  return { directory, guest, text: (name) => readFileSync(join(directory, name), 'utf8') }
}

test('path_open beyond limits.openFiles, which counts stdio and preopens, fails with EMFILE', (t) => {
  const { guest } = limitedGuest(t, { openFiles: 6 })
  t.deepEqual([guest.open('file'), guest.open('file')], [4, 5])
  const another = () => errnoOf(guest, 'path_open', 3, 0, 'file', 0, RIGHTS.FD_READ, 0n, 0, guest.out)
  t.is(guest.wasi.exceeded, undefined)
  t.is(another(), 'MFILE')
  t.is(guest.wasi.exceeded, 'openFiles')
  guest.must('fd_renumber', 5, 4)
  t.is(another(), 'SUCCESS')
  t.is(another(), 'MFILE')
  guest.close(0)
  t.is(another(), 'SUCCESS')
  t.is(guest.u32(guest.out), 0)
  t.is(another(), 'MFILE')
})

test('path_open that fails with EMFILE neither creates nor truncates a file', (t) => {
  const { guest, text } = limitedGuest(t, { openFiles: 4 })
  t.is(errnoOf(guest, 'path_open', 3, 0, 'new', OFLAGS.CREAT, RIGHTS.FD_WRITE, 0n, 0, guest.out), 'MFILE')
  t.is(errnoOf(guest, 'path_open', 3, 0, 'file', OFLAGS.TRUNC, RIGHTS.FD_WRITE, 0n, 0, guest.out), 'MFILE')
  t.throws(() => text('new'), { code: 'ENOENT' })
  t.is(text('file'), 'text')
})

test('without limits, path_open beyond 4,096 descriptors fails with EMFILE', (t) => {
  const { guest } = limitedGuest(t, undefined)
  for (let fd = 4; fd < 4096; fd++) {
    guest.reset()
    guest.open('file')
  }
  t.is(guest.wasi.exceeded, undefined)
  t.is(errnoOf(guest, 'path_open', 3, 0, 'file', 0, RIGHTS.FD_READ, 0n, 0, guest.out), 'MFILE')
  t.is(guest.wasi.exceeded, 'openFiles')
})

test('more stdio and preopens than limits.openFiles throw UVWASI_EMFILE', (t) => {
  t.throws(make({ openFiles: 2 }), {
    code: 'UVWASI_EMFILE',
    message:
      'UVWASI_EMFILE, uvwasi_init: options.limits.openFiles is 2, but the options need 3 descriptors: ' +
      '3 for stdio, 0 for sockets, 0 for preopens',
  })
  t.notThrows(make({ openFiles: 3 }))
  const preopens = { '/a': '.', '/b': '.' }
  t.throws(() => new WASI({ version: 'preview1', preopens, limits: { openFiles: 4 } }), {
    code: 'UVWASI_EMFILE',
    message:
      'UVWASI_EMFILE, uvwasi_init: options.limits.openFiles is 4, but the options need 5 descriptors: ' +
      '3 for stdio, 0 for sockets, 2 for preopens',
  })
})

test('limits.openFiles above the default of 4,096 is accepted', (t) => {
  const preopens = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`/${index}`, '.']))
  t.notThrows(() => new WASI({ version: 'preview1', preopens, limits: { openFiles: 5003 } }).close())
})

test('a write is cut at limits.writtenBytes, and the next write fails with EDQUOT', (t) => {
  const { guest, text } = limitedGuest(t, { writtenBytes: 10 })
  const fd = guest.open('new', WRITE)
  t.is(guest.write(fd, '1234', '56'), 6)
  t.is(guest.wasi.exceeded, undefined)
  t.is(guest.write(fd, '78', '', '9', 'abc'), 4)
  t.is(guest.wasi.exceeded, 'writtenBytes')
  t.is(errnoOf(guest, 'fd_write', fd, ...guest.iovs('more'), guest.out), 'DQUOT')
  t.is(errnoOf(guest, 'fd_pwrite', fd, ...guest.iovs('more'), 0n, guest.out), 'DQUOT')
  t.is(errnoOf(guest, 'fd_allocate', fd, 0n, 1n), 'DQUOT')
  t.is(errnoOf(guest, 'fd_write', fd, ...guest.iovs('', ''), guest.out), 'SUCCESS')
  t.is(errnoOf(guest, 'fd_write', fd, ...guest.iovs(), guest.out), 'SUCCESS')
  t.is(guest.seek(fd, 0, 'CUR'), 10n)
  t.is(text('new'), '123456789a')
})

test('limits.writtenBytes counts the writes through all descriptors and calls', (t) => {
  const out = hostFile(t)
  const { guest, text } = limitedGuest(t, { writtenBytes: 4n }, { stdout: out.fd })
  guest.write(1, 'a')
  guest.write(guest.open('new', { ...WRITE, fdflags: FDFLAGS.APPEND }), 'b')
  const fd = guest.open('other', WRITE)
  guest.must('fd_pwrite', fd, ...guest.iovs('c'), 3n, guest.out)
  guest.must('fd_allocate', fd, 0n, 1n)
  t.is(guest.wasi.exceeded, undefined)
  for (const to of [1, fd]) t.is(errnoOf(guest, 'fd_write', to, ...guest.iovs('x'), guest.out), 'DQUOT')
  t.is(guest.wasi.exceeded, 'writtenBytes')
  t.deepEqual([out.text(), text('new'), text('other')], ['a', 'b', '\0\0\0c'])
})

test('fd_allocate beyond limits.writtenBytes fails with EDQUOT, and failed calls do not count', (t) => {
  const { guest } = limitedGuest(t, { writtenBytes: 5 })
  const fd = guest.open('new', WRITE)
  const reader = guest.open('file')
  t.is(errnoOf(guest, 'fd_allocate', fd, 0n, 0n), 'INVAL')
  if (posix) t.is(errnoOf(guest, 'fd_allocate', reader, 0n, 6n), 'BADF')
  t.is(errnoOf(guest, 'fd_write', reader, ...guest.iovs('text'), guest.out), 'BADF')
  t.is(errnoOf(guest, 'fd_pwrite', fd, ...guest.iovs('text'), -1n, guest.out), 'INVAL')
  t.is(errnoOf(guest, 'fd_write', fd, 0x7fff_fff0, 1, guest.out), 'OVERFLOW')
  if (linux) t.is(errnoOf(guest, 'fd_allocate', fd, 2n ** 63n - 2n, 5n), 'FBIG')
  t.is(guest.wasi.exceeded, undefined)
  t.is(errnoOf(guest, 'fd_allocate', fd, 0n, 6n), 'DQUOT')
  t.is(guest.filestat(fd).size, 0n)
  t.is(guest.write(fd, '12345'), 5)
})

test('with limits.writtenBytes 0, fd_write fails with EDQUOT and fd_read succeeds', (t) => {
  for (const writtenBytes of [0, -0, 0n]) {
    const { guest } = limitedGuest(t, { writtenBytes })
    t.is(guest.read(guest.open('file')), 'text')
    t.is(errnoOf(guest, 'fd_write', guest.open('file', WRITE), ...guest.iovs('x'), guest.out), 'DQUOT')
  }
})

test('wasi.exceeded is the first limit that was reached, also after close()', (t) => {
  const { guest } = limitedGuest(t, { openFiles: 5, writtenBytes: 1 })
  const fd = guest.open('new', WRITE)
  t.is(errnoOf(guest, 'fd_write', fd, ...guest.iovs('xy'), guest.out), 'SUCCESS')
  t.is(errnoOf(guest, 'path_open', 3, 0, 'file', 0, RIGHTS.FD_READ, 0n, 0, guest.out), 'MFILE')
  t.is(guest.wasi.exceeded, 'writtenBytes')
  guest.wasi.close()
  t.is(guest.wasi.exceeded, 'writtenBytes')
})

test('`exceeded` is an accessor of the prototype that works on proxies and subclasses', (t) => {
  const { set, get, ...attributes } = Object.getOwnPropertyDescriptor(WASI.prototype, 'exceeded')
  t.deepEqual([typeof set, typeof get, attributes], ['function', 'function', { enumerable: false, configurable: true }])
  class Sandbox extends WASI {}
  const wasi = new Sandbox({ version: 'preview1' })
  t.is(wasi.exceeded, undefined)
  t.is(new Proxy(wasi, {}).exceeded, undefined)
})

test('a C program that writes beyond limits.writtenBytes gets a short write', async (t) => {
  const directory = tree(t, { 'in.txt': 'x'.repeat(10_000) })
  const ran = await run('copy', ['/in.txt', '/out.txt'], {
    preopens: { '/': directory },
    options: { limits: { writtenBytes: 1000 } },
  })
  t.deepEqual([ran.code, ran.stdout], [1, ''])
  t.is(readFileSync(join(directory, 'out.txt'), 'utf8').length, 1000)
})

for (const [kind, limits, received] of [
  ['a number', 5, 'type number (5)'],
  ['null', null, 'null'],
  ['an array', [], 'an instance of Array'],
]) {
  test(`options.limits that is ${kind} throws ERR_INVALID_ARG_TYPE`, (t) => {
    t.throws(make(limits), {
      name: 'TypeError',
      code: 'ERR_INVALID_ARG_TYPE',
      message: `The "options.limits" property must be of type object. Received ${received}`,
    })
  })
}

for (const [option, types, bad] of [
  ['openFiles', 'of type number', ['5', null, true, 5n, {}]],
  ['writtenBytes', 'one of type number or bigint', ['5', null, true, {}, Symbol('x')]],
]) {
  test(`limits.${option} of a wrong type throws ERR_INVALID_ARG_TYPE`, (t) => {
    for (const value of bad) {
      const { message } = t.throws(make({ [option]: value }), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
      t.true(message.startsWith(`The "options.limits.${option}" property must be ${types}. Received `), message)
    }
  })
}

for (const [option, value, rest] of [
  ['openFiles', 0, '>= 1 && <= 1048576. Received 0'],
  ['openFiles', -1, '>= 1 && <= 1048576. Received -1'],
  ['openFiles', 2 ** 20 + 1, '>= 1 && <= 1048576. Received 1048577'],
  ['openFiles', 2 ** 40, '>= 1 && <= 1048576. Received 1_099_511_627_776'],
  ['openFiles', 3.5, 'an integer. Received 3.5'],
  ['openFiles', NaN, 'an integer. Received NaN'],
  ['writtenBytes', -1, '>= 0 && <= 9007199254740991. Received -1'],
  ['writtenBytes', 2 ** 53, '>= 0 && <= 9007199254740991. Received 9_007_199_254_740_992'],
  ['writtenBytes', Infinity, 'an integer. Received Infinity'],
  ['writtenBytes', 0.5, 'an integer. Received 0.5'],
  ['writtenBytes', -1n, '>= 0n && < 2n ** 64n. Received -1n'],
  ['writtenBytes', 2n ** 64n, '>= 0n && < 2n ** 64n. Received 18_446_744_073_709_551_616n'],
]) {
  test(`limits.${option} ${typeof value === 'bigint' ? `${value}n` : value} throws ERR_OUT_OF_RANGE`, (t) => {
    t.throws(make({ [option]: value }), {
      name: 'RangeError',
      code: 'ERR_OUT_OF_RANGE',
      message: `The value of "options.limits.${option}" is out of range. It must be ${rest}`,
    })
  })
}

test('an unknown limit throws ERR_INVALID_ARG_VALUE, with a suggestion for a similar name', (t) => {
  for (const [name, suggestion] of [
    ['openfiles', ". Did you mean 'openFiles'?"],
    ['open_file', ". Did you mean 'openFiles'?"],
    ['wirttenBytes', ". Did you mean 'writtenBytes'?"],
    ['memory', ''],
    ['__proto', ''],
    ['', ''],
    ['x'.repeat(10_000), ''],
  ]) {
    const names = "'openFiles', 'output', 'writtenBytes'"
    t.throws(make({ openFiles: 5, [name]: 1 }), {
      name: 'TypeError',
      code: 'ERR_INVALID_ARG_VALUE',
      message: `The property 'options.limits['${name}']' is unknown, must be one of: ${names}${suggestion}`,
    })
  }
})

test('inherited, undefined, smallest and largest limits are accepted', (t) => {
  for (const limits of [
    undefined,
    {},
    Object.create({ openFiles: 3 }),
    { openFiles: undefined, writtenBytes: undefined },
    { openFiles: 2 ** 20, writtenBytes: Number.MAX_SAFE_INTEGER },
    { openFiles: 3, writtenBytes: 2n ** 64n - 1n },
  ])
    t.notThrows(make(limits))
  t.throws(make(Object.create({ openFiles: 0 })), { code: 'ERR_OUT_OF_RANGE' })
})

test('options.limits and each limit are read once, after stdio and before returnOnExit', (t) => {
  const reads = []
  const recording = (target) =>
    new Proxy(target, {
      get: (object, key) => {
        reads.push(key)
        return object[key]
      },
    })
  new WASI(recording({ version: 'preview1', limits: recording({ openFiles: 10, writtenBytes: 5 }) }))
  const from = reads.indexOf('stderr')
  t.deepEqual(
    reads.slice(from).filter((key) => /stderr|limits|openFiles|writtenBytes|returnOnExit/.test(key)),
    ['stderr', 'limits', 'openFiles', 'writtenBytes', 'returnOnExit'],
  )
})

for (const limit of [5, 5n]) {
  test(`captured output is cut at limits.output (${typeof limit}), then fails with EDQUOT`, (t) => {
    const guest = rawGuest({ stdout: 'pipe', stderr: 'pipe', limits: { output: limit } })
    t.is(guest.write(1, 'abc'), 3)
    t.is(guest.wasi.exceeded, undefined)
    t.is(guest.write(1, 'def'), 2)
    t.is(guest.wasi.exceeded, 'output')
    t.is(guest.call.fd_write(1, ...guest.iovs('g'), guest.out), ERRNO.DQUOT)
    t.is(guest.write(1, ''), 0)
    t.is(guest.write(2, 'other'), 5)
    t.is(String(guest.wasi.stdout), 'abcde')
  })
}

test('captured output and output to a function count towards limits.writtenBytes', (t) => {
  const written = []
  const guest = rawGuest({
    stdout: 'pipe',
    stderr: (chunk) => written.push(String(chunk)),
    limits: { writtenBytes: 5 },
  })
  t.is(guest.write(1, 'ab'), 2)
  t.is(guest.write(2, 'cdef'), 3)
  t.is(guest.call.fd_write(1, ...guest.iovs('g'), guest.out), ERRNO.DQUOT)
  t.deepEqual([String(guest.wasi.stdout), written, guest.wasi.exceeded], ['ab', ['cde'], 'writtenBytes'])
})

/** Creates a Writable that completes no write before `drain()` is called. `chunks` are the chunks it received. */
function slowWritable(options = {}) {
  const [chunks, pending] = [[], []]
  const write = (chunk, _, done) => {
    chunks.push(chunk)
    pending.push(done)
  }
  const stream = new Writable({ ...options, write })
  return {
    stream,
    chunks,
    drain: () => {
      while (pending.length > 0) pending.shift()()
    },
  }
}

for (const objectMode of [false, true]) {
  test(`output to a Writable is cut at limits.output, then fails with EDQUOT (objectMode: ${objectMode})`, (t) => {
    const { stream, chunks, drain } = slowWritable({ objectMode })
    const guest = rawGuest({ stdout: stream, stderr: 'pipe', limits: { output: 10, writtenBytes: 30 } })
    const write = (text) => errnoOf(guest, 'fd_write', 1, ...guest.iovs(text), guest.out)
    t.is(guest.write(1, 'abcd'), 4)
    t.is(guest.write(1, 'efg'), 3)
    t.is(guest.wasi.exceeded, undefined)
    t.is(guest.write(1, 'hijkl', 'mn'), 3)
    t.is(guest.wasi.exceeded, 'output')
    for (let count = 0; count < 50; count++) t.is(write('more'), 'DQUOT')
    t.is(guest.write(1, ''), 0)
    t.is(stream.writableLength, objectMode ? 3 : 10)
    drain()
    t.is(guest.write(1, 'opqrstuvwxyz'), 10)
    t.is(write('more'), 'DQUOT')
    drain()
    t.is(String(chunks.join('')), 'abcdefghijopqrstuvwx')
    // stdout took 20 bytes of writtenBytes, so stderr can take 10.
    t.is(guest.write(2, '0123456789abc'), 10)
  })
}

test('a write to a Writable that buffers 256 MiB fails with EDQUOT by default', (t) => {
  const { stream } = slowWritable()
  const guest = rawGuest({ stdout: stream }, { memory: '400' })
  const iovs = guest.iovs(15 << 20)
  for (let count = 0; count < 17; count++) guest.must('fd_write', 1, ...iovs, guest.out)
  guest.must('fd_write', 1, ...iovs, guest.out)
  t.is(guest.u32(guest.out), 1 << 20)
  t.is(guest.call.fd_write(1, ...iovs, guest.out), ERRNO.DQUOT)
  t.is(stream.writableLength, 256 << 20)
})

slow()('a write to a Writable that buffers 1,048,576 chunks fails with EDQUOT', (t) => {
  const { stream, drain } = slowWritable()
  const guest = rawGuest({ stderr: stream })
  const iovs = guest.iovs('x')
  for (let count = 0; count < 1 << 20; count++) guest.must('fd_write', 2, ...iovs, guest.out)
  t.is(guest.call.fd_write(2, ...iovs, guest.out), ERRNO.DQUOT)
  t.is(guest.wasi.exceeded, 'output')
  drain()
  t.is(guest.write(2, 'x'), 1)
})

test('a chunk that limits.output has cut holds no memory beyond its bytes', (t) => {
  const { stream, chunks } = slowWritable()
  const guest = rawGuest({ stdout: stream, limits: { output: 100_000 } }, { memory: '40' })
  t.is(guest.write(1, Buffer.alloc(1 << 20)), 100_000)
  t.deepEqual([chunks[0].length, chunks[0].buffer.byteLength], [100_000, 100_000])
})

test('a Writable that buffers nothing accepts more than limits.output', (t) => {
  let written = 0
  const stdout = new Writable({
    write: (chunk, _, done) => {
      written += chunk.length
      done()
    },
  })
  const guest = rawGuest({ stdout, stderr: new PassThrough(), limits: { output: 5 } })
  for (let count = 0; count < 100; count++) t.is(guest.write(1, '12345'), 5)
  t.deepEqual([written, guest.wasi.exceeded], [500, undefined])
  t.is(guest.write(1, '1234567'), 5)
})

test('bytes that the embedder writes to a Writable count towards limits.output', (t) => {
  const { stream } = slowWritable()
  stream.write('123')
  const guest = rawGuest({ stdout: stream, limits: { output: 5 } })
  t.is(guest.write(1, 'abc'), 2)
})

test('limits.output does not apply to an object with write() and without a valid writableLength', (t) => {
  for (const more of [{}, { writableLength: undefined }, { writableLength: '9' }, { writableLength: NaN }]) {
    const chunks = []
    const guest = rawGuest({ stdout: { ...more, write: (chunk) => chunks.push(String(chunk)) }, limits: { output: 5 } })
    t.is(guest.write(1, 'more than five'), 14)
    t.deepEqual(chunks, ['more than five'])
  }
})

test('fd_write to a full and destroyed Writable throws ERR_STREAM_DESTROYED, not EDQUOT', (t) => {
  const { stream } = slowWritable()
  const guest = rawGuest({ stdout: stream, limits: { output: 1 } })
  guest.write(1, 'x')
  stream.destroy()
  t.throws(() => guest.write(1, 'x'), { code: 'ERR_STREAM_DESTROYED' })
})

test('repeated writes to a failed Writable add at most one error listener', (t) => {
  const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error('full')) })
  const guest = rawGuest({ stdout: stream })
  for (let count = 0; count < 100; count++) t.throws(() => guest.write(1, 'x'), { message: 'full' })
  t.true(stream.listenerCount('error') <= 1)
})
