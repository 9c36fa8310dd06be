// clock_time_get and clock_res_get.

import test from 'ava'
import { CLOCK, TIMEOUT_MS, rawGuest } from '../support/guest.mjs'
import { BAD_POINTER, VERSIONS, errnoOf, expectErrnos, expectOverflow } from '../support/calls.mjs'

const time = (guest, id) => {
  guest.must('clock_time_get', id, 0n, guest.out)
  return guest.u64(guest.out)
}

for (const version of VERSIONS) {
  for (const [name, id] of Object.entries(CLOCK)) {
    test(`${version}: ${name} has a time, whatever the precision, and a resolution within a second`, (t) => {
      const guest = rawGuest({ version })
      for (const precision of [0n, 1n, 1_000_000_000n, (1n << 63n) - 1n, -1n]) {
        t.is(errnoOf(guest, 'clock_time_get', id, precision, 0), 'SUCCESS')
        t.true(guest.u64(0) > 0n)
      }
      t.is(errnoOf(guest, 'clock_res_get', id, 8), 'SUCCESS')
      t.true(guest.u64(8) > 0n && guest.u64(8) <= 1_000_000_000n)
    })

    test(`${version}: ${name} writes eight bytes`, (t) => {
      const guest = rawGuest({ version })
      for (const [call, args] of [
        ['clock_time_get', [id, 0n, 9]],
        ['clock_res_get', [id, 9]],
      ]) {
        guest.bytes.fill(0xaa, 0, 32)
        t.is(errnoOf(guest, call, ...args), 'SUCCESS')
        t.true(
          [...guest.bytes.subarray(0, 32)].every((byte, at) => (at >= 9 && at < 17) || byte === 0xaa),
          call,
        )
      }
    })
  }
}

test('a resolution is the same each time, which a time is not', (t) => {
  const guest = rawGuest()
  const resolution = (id) => {
    guest.must('clock_res_get', id, guest.out)
    return guest.u64(guest.out)
  }
  for (const id of Object.values(CLOCK)) t.is(resolution(id), resolution(id))
})

test('REALTIME is the time of the host', (t) => {
  const before = BigInt(Date.now() - 1) * 1_000_000n
  const now = time(rawGuest(), CLOCK.REALTIME)
  t.true(now >= before && now <= BigInt(Date.now() + 1) * 1_000_000n)
})

test('MONOTONIC never goes back and is that of process.hrtime', (t) => {
  const guest = rawGuest()
  const before = process.hrtime.bigint()
  let last = 0n
  for (let i = 0; i < 1000; i++) {
    const now = time(guest, CLOCK.MONOTONIC)
    t.true(now >= last)
    last = now
  }
  t.true(last >= before && last <= process.hrtime.bigint())
})

test('the clocks of processor time go on while the processor is at work', (t) => {
  const guest = rawGuest()
  for (const id of [CLOCK.PROCESS_CPUTIME, CLOCK.THREAD_CPUTIME]) {
    const before = time(guest, id)
    // How soon depends on the steps it goes in, and on what else the processor has to do.
    const end = Date.now() + TIMEOUT_MS
    while (time(guest, id) === before && Date.now() < end);
    t.true(time(guest, id) > before)
  }
  t.true(time(guest, CLOCK.THREAD_CPUTIME) <= time(guest, CLOCK.PROCESS_CPUTIME))
})

test('a number of no clock is INVAL', (t) => {
  const guest = rawGuest()
  for (const id of [4, 5, 255, 256, 65_536, 0x7fff_ffff, -1, -(2 ** 31)]) {
    expectErrnos(t, guest, [
      ['INVAL', 'clock_time_get', id, 0n, 0],
      ['INVAL', 'clock_res_get', id, 0],
    ])
  }
  t.is(guest.u64(0), 0n)
})

test('a bad pointer is OVERFLOW, also beside a number of no clock', (t) => {
  expectOverflow(t, rawGuest(), [
    ['clock_time_get', 0, 0n, BAD_POINTER],
    ['clock_res_get', 0, BAD_POINTER],
    ['clock_time_get', 9, 0n, BAD_POINTER],
    ['clock_res_get', 9, BAD_POINTER],
  ])
})
