// proc_exit, proc_raise, random_get and sched_yield.

import { setTimeout as wait } from 'node:timers/promises'
import test from 'ava'
import { WASI } from 'capwasi'
import { command, instantiate, rawGuest } from '../support/guest.mjs'
import { BAD_POINTER, VERSIONS, errnoOf, expectErrnos, expectOverflow } from '../support/calls.mjs'

for (const version of VERSIONS) {
  test(`${version}: proc_exit stops the guest, and start() returns its code`, (t) => {
    for (const code of [0, 1, 77, 2 ** 31 - 1]) {
      const wasi = new WASI({ version })
      const [namespace] = Object.keys(wasi.getImportObject())
      const text = command(`(call $proc_exit (i32.const ${code})) unreachable`, { namespace })
      t.is(wasi.start(instantiate(wasi, text)), code)
    }
  })

  test(`${version}: proc_raise of any signal fails with ENOTSUP and raises nothing`, async (t) => {
    const received = []
    const listener = (signal) => received.push(signal)
    for (const signal of ['SIGHUP', 'SIGUSR2', 'SIGTERM']) {
      process.on(signal, listener)
      t.teardown(() => process.off(signal, listener))
    }
    const guest = rawGuest({ version })
    for (let signal = 0; signal <= 31; signal++)
      t.is(errnoOf(guest, 'proc_raise', signal), 'NOTSUP', `signal ${signal}`)
    expectErrnos(t, guest, [
      ['NOTSUP', 'proc_raise', 255],
      ['NOTSUP', 'proc_raise', -1],
    ])
    // Node emits signals in a later turn.
    await wait(20)
    t.deepEqual(received, [])
  })

  test(`${version}: sched_yield succeeds`, (t) => {
    const guest = rawGuest({ version })
    for (let i = 0; i < 100; i++) t.is(errnoOf(guest, 'sched_yield'), 'SUCCESS')
  })

  test(`${version}: random_get of any length fills exactly its buffer`, (t) => {
    const guest = rawGuest({ version })
    for (const length of [0, 1, 8, 255, 256, 257, 4097]) {
      guest.bytes.fill(0)
      t.is(errnoOf(guest, 'random_get', 5001, length), 'SUCCESS')
      const bytes = [...guest.bytes]
      t.true(
        bytes
          .slice(0, 5001)
          .concat(bytes.slice(5001 + length))
          .every((byte) => byte === 0),
      )
      if (length >= 255) t.true(new Set(bytes.slice(5001, 5001 + length)).size > 100)
    }
  })
}

test('random_get of the whole memory fills it', (t) => {
  const guest = rawGuest()
  t.is(errnoOf(guest, 'random_get', 0, guest.memory.buffer.byteLength), 'SUCCESS')
  const zeros = guest.bytes.filter((byte) => byte === 0).length
  t.true(zeros > 0 && zeros < 2000, `${zeros} of ${guest.bytes.length} bytes are 0`)
})

test('random_get returns different bytes on each call and in each sandbox', (t) => {
  const values = new Set()
  for (const guest of [rawGuest(), rawGuest()]) {
    for (let i = 0; i < 100; i++) {
      guest.must('random_get', 0, 8)
      values.add(guest.u64(0))
    }
  }
  t.is(values.size, 200)
})

test('random_get beyond the end of memory fails with EOVERFLOW and writes nothing', (t) => {
  const guest = rawGuest()
  const end = guest.memory.buffer.byteLength
  expectOverflow(t, guest, [['random_get', BAD_POINTER, 8]])
  expectErrnos(t, guest, [
    ['OVERFLOW', 'random_get', 0, end + 1],
    ['OVERFLOW', 'random_get', end - 8, 9],
    ['OVERFLOW', 'random_get', end + 1, 0],
    ['SUCCESS', 'random_get', end, 0],
    ['OVERFLOW', 'random_get', 8, -1],
  ])
  t.true(guest.bytes.every((byte) => byte === 0))
  t.is(errnoOf(guest, 'random_get', end - 8, 8), 'SUCCESS')
})
