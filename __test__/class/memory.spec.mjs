// The memory that a sandbox binds: any WebAssembly.Memory, at its current size.

import { runInNewContext } from 'node:vm'
import test from 'ava'
import { WASI } from 'capwasi'
import { ERRNO, rawGuest } from '../support/guest.mjs'

const PAGE = 65_536
const bind = (memory) => {
  const wasi = new WASI({ version: 'preview1', args: ['one'] })
  wasi.initialize({ exports: { memory } })
  return wasi.wasiImport
}
const words = (memory, at) => [...new Uint32Array(memory.buffer, at, 2)]

for (const [kind, makeMemory] of [
  ['an ordinary memory', () => new WebAssembly.Memory({ initial: 1 })],
  ['a shared memory', () => new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true })],
  ['a memory of another realm', () => runInNewContext('new WebAssembly.Memory({ initial: 1 })')],
  [
    'a shared memory of another realm',
    () => runInNewContext('new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true })'),
  ],
  ['an instance of a subclass of Memory', () => new (class Mine extends WebAssembly.Memory {})({ initial: 1 })],
  [
    'a memory with its own property constructor',
    () => Object.assign(new WebAssembly.Memory({ initial: 1 }), { constructor: 5 }),
  ],
  ['a memory whose prototype was changed', () => Object.setPrototypeOf(new WebAssembly.Memory({ initial: 1 }), null)],
]) {
  test(`initialize() binds ${kind}`, (t) => {
    const memory = makeMemory()
    t.is(bind(memory).args_sizes_get(0, 4), 0)
    const buffer = Object.getOwnPropertyDescriptor(WebAssembly.Memory.prototype, 'buffer').get.call(memory)
    t.deepEqual([...new Uint32Array(buffer, 0, 2)], [1, 4])
  })
}

for (const [kind, value] of [
  ['a proxy of a memory', new Proxy(new WebAssembly.Memory({ initial: 1 }), {})],
  ['an object that inherits from Memory.prototype', Object.create(WebAssembly.Memory.prototype)],
  ['an object that inherits from a memory', Object.create(new WebAssembly.Memory({ initial: 1 }))],
  ['an object with a buffer', { buffer: new ArrayBuffer(PAGE) }],
  ['an ArrayBuffer', new ArrayBuffer(PAGE)],
  ['a function', () => {}],
]) {
  test(`initialize() on ${kind} throws ERR_INVALID_ARG_TYPE`, (t) => {
    t.throws(() => bind(value), {
      instanceOf: TypeError,
      code: 'ERR_INVALID_ARG_TYPE',
      message: '"instance.exports.memory" property must be a WebAssembly.Memory object',
    })
  })
}

test('initialize() binds a memory with 64-bit addresses, if the host supports such memories', (t) => {
  let memory
  try {
    memory = new WebAssembly.Memory({ initial: 1n, address: 'i64' })
  } catch {
    t.pass()
    return
  }
  t.is(bind(memory).args_sizes_get(0, 4), 0)
  t.deepEqual(words(memory, 0), [1, 4])
})

test('calls with a memory of 0 pages fail with EOVERFLOW if they access memory', (t) => {
  const guest = rawGuest({}, { memory: '0' })
  t.is(guest.call.sched_yield(), 0)
  t.is(guest.call.fd_datasync(99), ERRNO.BADF)
  t.is(guest.call.args_sizes_get(0, 4), ERRNO.OVERFLOW)
  t.is(guest.call.random_get(0, 0), 0)
  t.is(guest.call.random_get(0, 1), ERRNO.OVERFLOW)
})

test('calls access a memory of 0 pages after it grows to 1', (t) => {
  const guest = rawGuest({ args: ['one'] }, { memory: '0' })
  t.is(guest.call.args_sizes_get(0, 4), ERRNO.OVERFLOW)
  t.is(guest.call.grow(1), 0)
  t.is(guest.call.args_sizes_get(0, 4), 0)
  t.deepEqual(words(guest.memory, 0), [1, 4])
})

for (const [kind, declaration] of [
  ['an unshared', '1 8'],
  ['a shared', '1 8 shared'],
]) {
  for (const [source, grow] of [
    ['the guest', (guest) => guest.call.grow(1)],
    ['JavaScript', (guest) => guest.memory.grow(1)],
  ]) {
    test(`calls access the old and the new pages of ${kind} memory grown by ${source}`, (t) => {
      const guest = rawGuest({ args: ['one'] }, { memory: declaration })
      for (let pages = 1; pages < 4; pages++) {
        const end = pages * PAGE
        t.is(guest.call.args_sizes_get(end - 8, end - 4), 0)
        t.is(guest.call.args_sizes_get(end, end + 4), ERRNO.OVERFLOW)
        grow(guest)
        t.is(guest.call.args_sizes_get(0, 4), 0)
        t.is(guest.call.args_sizes_get(end, end + 4), 0)
        t.deepEqual(
          [words(guest.memory, 0), words(guest.memory, end)],
          [
            [1, 4],
            [1, 4],
          ],
        )
      }
    })
  }
}

test('calls access the memory after memory.grow(0)', (t) => {
  const guest = rawGuest({ args: ['one'] }, { memory: '1' })
  t.is(guest.call.args_sizes_get(0, 4), 0)
  guest.memory.grow(0)
  t.is(guest.call.args_sizes_get(8, 12), 0)
  t.deepEqual(words(guest.memory, 8), [1, 4])
})

test('calls access new pages after buffer.resize(), if the host supports resizable buffers', (t) => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 3 })
  const wasiImport = bind(memory)
  const buffer = memory.toResizableBuffer?.() ?? memory.buffer
  t.is(wasiImport.args_sizes_get(0, 4), 0)
  t.is(wasiImport.args_sizes_get(PAGE, PAGE + 4), ERRNO.OVERFLOW)
  if (buffer.resizable) buffer.resize(2 * PAGE)
  else memory.grow(1)
  t.is(wasiImport.args_sizes_get(PAGE, PAGE + 4), 0)
  t.deepEqual(words(memory, PAGE), [1, 4])
})

test('a result at the end of memory succeeds, one byte beyond fails with EOVERFLOW', (t) => {
  const guest = rawGuest({ args: ['one'] }, { memory: '1' })
  t.is(guest.call.args_sizes_get(PAGE - 4, PAGE - 8), 0)
  for (const [count, size] of [
    [PAGE - 3, 0],
    [0, PAGE - 3],
    [PAGE, 0],
    [0, PAGE],
    [PAGE - 1, PAGE - 1],
  ]) {
    t.is(guest.call.args_sizes_get(count, size), ERRNO.OVERFLOW)
  }
})

test('args_sizes_get with one bad pointer of two writes nothing', (t) => {
  const guest = rawGuest({ args: ['one'] }, { memory: '1' })
  t.is(guest.call.args_sizes_get(0, PAGE), ERRNO.OVERFLOW)
  t.is(guest.call.args_sizes_get(PAGE, 4), ERRNO.OVERFLOW)
  t.deepEqual(words(guest.memory, 0), [0, 0])
})

test('calls accept unaligned pointers', (t) => {
  const guest = rawGuest({ args: ['one'] }, { memory: '1' })
  t.is(guest.call.args_sizes_get(1, 7), 0)
  t.deepEqual([guest.u32(1), guest.u32(7)], [1, 4])
  t.is(guest.call.clock_time_get(1, 0n, 13), 0)
  t.true(guest.u64(13) > 0n)
})

test('calls access new pages while JavaScript references the detached buffer', (t) => {
  const memory = new WebAssembly.Memory({ initial: 1 })
  const wasiImport = bind(memory)
  const old = memory.buffer
  t.is(wasiImport.args_sizes_get(0, 4), 0)
  memory.grow(1)
  t.is(old.byteLength, 0)
  t.is(wasiImport.args_sizes_get(PAGE, PAGE + 4), 0)
  t.deepEqual(words(memory, PAGE), [1, 4])
})
