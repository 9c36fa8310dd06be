// The memory that a sandbox is bound to: any WebAssembly.Memory, at its size of the moment.

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

for (const [what, make] of [
  ['an ordinary memory', () => new WebAssembly.Memory({ initial: 1 })],
  ['a shared memory', () => new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true })],
  ['a memory of another realm', () => runInNewContext('new WebAssembly.Memory({ initial: 1 })')],
  [
    'a shared memory of another realm',
    () => runInNewContext('new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true })'),
  ],
  ['an instance of a subclass of Memory', () => new (class Mine extends WebAssembly.Memory {})({ initial: 1 })],
  [
    'a memory with a constructor of its own',
    () => Object.assign(new WebAssembly.Memory({ initial: 1 }), { constructor: 5 }),
  ],
  ['a memory whose prototype was changed', () => Object.setPrototypeOf(new WebAssembly.Memory({ initial: 1 }), null)],
]) {
  test(`${what} is accepted`, (t) => {
    const memory = make()
    t.is(bind(memory).args_sizes_get(0, 4), 0)
    const buffer = Object.getOwnPropertyDescriptor(WebAssembly.Memory.prototype, 'buffer').get.call(memory)
    t.deepEqual([...new Uint32Array(buffer, 0, 2)], [1, 4])
  })
}

for (const [what, value] of [
  ['a proxy of a memory', new Proxy(new WebAssembly.Memory({ initial: 1 }), {})],
  ['an object that inherits from Memory.prototype', Object.create(WebAssembly.Memory.prototype)],
  ['an object that inherits from a memory', Object.create(new WebAssembly.Memory({ initial: 1 }))],
  ['an object with a buffer', { buffer: new ArrayBuffer(PAGE) }],
  ['an ArrayBuffer', new ArrayBuffer(PAGE)],
  ['a function', () => {}],
]) {
  test(`${what} is refused`, (t) => {
    t.throws(() => bind(value), {
      instanceOf: TypeError,
      code: 'ERR_INVALID_ARG_TYPE',
      message: '"instance.exports.memory" property must be a WebAssembly.Memory object',
    })
  })
}

test('a memory of 64-bit addresses is accepted where the host has them', (t) => {
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

test('without a page calls that need no memory succeed and the others are EOVERFLOW', (t) => {
  const guest = rawGuest({}, { memory: '0' })
  t.is(guest.call.sched_yield(), 0)
  t.is(guest.call.fd_datasync(99), ERRNO.BADF)
  t.is(guest.call.args_sizes_get(0, 4), ERRNO.OVERFLOW)
  t.is(guest.call.random_get(0, 0), 0)
  t.is(guest.call.random_get(0, 1), ERRNO.OVERFLOW)
})

test('a memory that had no page is usable once it has one', (t) => {
  const guest = rawGuest({ args: ['one'] }, { memory: '0' })
  t.is(guest.call.args_sizes_get(0, 4), ERRNO.OVERFLOW)
  t.is(guest.call.grow(1), 0)
  t.is(guest.call.args_sizes_get(0, 4), 0)
  t.deepEqual(words(guest.memory, 0), [1, 4])
})

for (const [kind, declaration] of [
  ['an ordinary', '1 8'],
  ['a shared', '1 8 shared'],
]) {
  for (const [who, grow] of [
    ['the guest', (guest) => guest.call.grow(1)],
    ['JavaScript', (guest) => guest.memory.grow(1)],
  ]) {
    test(`${kind} memory grown by ${who} is seen at once, in its old and its new part`, (t) => {
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

test('growing by no page at all is seen too', (t) => {
  const guest = rawGuest({ args: ['one'] }, { memory: '1' })
  t.is(guest.call.args_sizes_get(0, 4), 0)
  guest.memory.grow(0)
  t.is(guest.call.args_sizes_get(8, 12), 0)
  t.deepEqual(words(guest.memory, 8), [1, 4])
})

test('a buffer that is resized with its memory is seen at its new size, where the host has such', (t) => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 3 })
  const call = bind(memory)
  const buffer = memory.toResizableBuffer?.() ?? memory.buffer
  t.is(call.args_sizes_get(0, 4), 0)
  t.is(call.args_sizes_get(PAGE, PAGE + 4), ERRNO.OVERFLOW)
  if (buffer.resizable) buffer.resize(2 * PAGE)
  else memory.grow(1)
  t.is(call.args_sizes_get(PAGE, PAGE + 4), 0)
  t.deepEqual(words(memory, PAGE), [1, 4])
})

test('a result may end where memory ends, and not a byte later', (t) => {
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

test('nothing is written when one of two pointers is bad', (t) => {
  const guest = rawGuest({ args: ['one'] }, { memory: '1' })
  t.is(guest.call.args_sizes_get(0, PAGE), ERRNO.OVERFLOW)
  t.is(guest.call.args_sizes_get(PAGE, 4), ERRNO.OVERFLOW)
  t.deepEqual(words(guest.memory, 0), [0, 0])
})

test('pointers need no alignment', (t) => {
  const guest = rawGuest({ args: ['one'] }, { memory: '1' })
  t.is(guest.call.args_sizes_get(1, 7), 0)
  t.deepEqual([guest.u32(1), guest.u32(7)], [1, 4])
  t.is(guest.call.clock_time_get(1, 0n, 13), 0)
  t.true(guest.u64(13) > 0n)
})

test('JavaScript that holds the old buffer does not keep the new one from being seen', (t) => {
  const memory = new WebAssembly.Memory({ initial: 1 })
  const functions = bind(memory)
  const old = memory.buffer
  t.is(functions.args_sizes_get(0, 4), 0)
  memory.grow(1)
  t.is(old.byteLength, 0)
  t.is(functions.args_sizes_get(PAGE, PAGE + 4), 0)
  t.deepEqual(words(memory, PAGE), [1, 4])
})
