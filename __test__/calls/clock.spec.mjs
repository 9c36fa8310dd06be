// clock_time_get and clock_res_get.

import test from 'ava'
import { CLOCK, TIMEOUT_MS, rawGuest } from '../support/guest.mjs'
import { BAD_POINTER, VERSIONS, errnoOf, expectErrnos, expectOverflow } from '../support/calls.mjs'

const timeOf = (guest, id) => {
  guest.must('clock_time_get', id, 0n, guest.out)
  return guest.u64(guest.out)
}

for (const version of VERSIONS) {
  for (const [name, id] of Object.entries(CLOCK)) {
    test(`${version}: clock_time_get(${name}) accepts any precision, clock_res_get returns at most 1 s`, (t) => {
      const guest = rawGuest({ version })
      for (const precision of [0n, 1n, 1_000_000_000n, (1n << 63n) - 1n, -1n]) {
        t.is(errnoOf(guest, 'clock_time_get', id, precision, 0), 'SUCCESS')
        t.true(guest.u64(0) > 0n)
      }
      t.is(errnoOf(guest, 'clock_res_get', id, 8), 'SUCCESS')
      t.true(guest.u64(8) > 0n && guest.u64(8) <= 1_000_000_000n)
    })

    test(`${version}: clock_time_get and clock_res_get of ${name} write exactly 8 bytes`, (t) => {
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

test('clock_res_get returns the same resolution on each call', (t) => {
  const guest = rawGuest()
  const resolution = (id) => {
    guest.must('clock_res_get', id, guest.out)
    return guest.u64(guest.out)
  }
  for (const id of Object.values(CLOCK)) t.is(resolution(id), resolution(id))
})

test('clock_time_get(REALTIME) agrees with Date.now()', (t) => {
  const before = BigInt(Date.now() - 1) * 1_000_000n
  const now = timeOf(rawGuest(), CLOCK.REALTIME)
  t.true(now >= before && now <= BigInt(Date.now() + 1) * 1_000_000n)
})

test('clock_time_get(MONOTONIC) never decreases and agrees with process.hrtime.bigint()', (t) => {
  const guest = rawGuest()
  const before = process.hrtime.bigint()
  let last = 0n
  for (let i = 0; i < 1000; i++) {
    const now = timeOf(guest, CLOCK.MONOTONIC)
    t.true(now >= last)
    last = now
  }
  t.true(last >= before && last <= process.hrtime.bigint())
})

test('PROCESS_CPUTIME and THREAD_CPUTIME advance while the thread computes', (t) => {
  const guest = rawGuest()
  for (const id of [CLOCK.PROCESS_CPUTIME, CLOCK.THREAD_CPUTIME]) {
    const before = timeOf(guest, id)
    // The delay depends on the resolution of the clock and on the load of the machine.
    const end = Date.now() + TIMEOUT_MS
    while (timeOf(guest, id) === before && Date.now() < end);
    t.true(timeOf(guest, id) > before)
  }
  t.true(timeOf(guest, CLOCK.THREAD_CPUTIME) <= timeOf(guest, CLOCK.PROCESS_CPUTIME))
})

test('clock_time_get and clock_res_get with an unknown clock id fail with EINVAL', (t) => {
  const guest = rawGuest()
  for (const id of [4, 5, 255, 256, 65_536, 0x7fff_ffff, -1, -(2 ** 31)]) {
    expectErrnos(t, guest, [
      ['INVAL', 'clock_time_get', id, 0n, 0],
      ['INVAL', 'clock_res_get', id, 0],
    ])
  }
  t.is(guest.u64(0), 0n)
})

test('clock_time_get and clock_res_get with a bad pointer fail with EOVERFLOW, even with an unknown id', (t) => {
  expectOverflow(t, rawGuest(), [
    ['clock_time_get', 0, 0n, BAD_POINTER],
    ['clock_res_get', 0, BAD_POINTER],
    ['clock_time_get', 9, 0n, BAD_POINTER],
    ['clock_res_get', 9, BAD_POINTER],
  ])
})
