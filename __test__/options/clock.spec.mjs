// The option `clock`: fixed clocks, and clocks that are functions.

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import { WASI } from 'capwasi'
import { COARSE_TIMES, knownFailure } from '../support/conditions.mjs'
import { CLOCK, EVENTTYPE, command, hostFile, instantiate, rawGuest, tree } from '../support/guest.mjs'

const HOUR = 3_600_000_000_000n
const ABSTIME = 1

const readClock = (guest, id) => {
  guest.must('clock_time_get', id, 0n, guest.out)
  return guest.u64(guest.out)
}
const readClocks = (guest) => Object.values(CLOCK).map((id) => readClock(guest, id))
const resolution = (guest, id) => {
  guest.must('clock_res_get', id, guest.out)
  return guest.u64(guest.out)
}
const timer = (userdata, id, timeout, flags = 0) => ({ userdata, type: EVENTTYPE.CLOCK, id, timeout, flags })
const pollEvents = (guest, ...subscriptions) =>
  guest.poll(...subscriptions).map(({ userdata, error }) => [Number(userdata), error])

for (const version of ['preview1', 'unstable']) {
  test(`${version}: fixed clocks always return their value, and CPU-time clocks return 0`, (t) => {
    const guest = rawGuest({ version, clock: { realtime: 5n, monotonic: 7n } })
    for (let i = 0; i < 3; i++) t.deepEqual(readClocks(guest), [5n, 7n, 0n, 0n])
    for (const id of Object.values(CLOCK)) t.is(resolution(guest, id), 1n)
  })

  test(`${version}: a sleep on a fixed clock returns at once and advances all clocks`, (t) => {
    const guest = rawGuest({ version, clock: { realtime: 100n, monotonic: 7n } })
    t.deepEqual(pollEvents(guest, timer(1, CLOCK.MONOTONIC, HOUR)), [[1, 0]])
    t.deepEqual(readClocks(guest), [HOUR + 100n, HOUR + 7n, HOUR, HOUR])
    t.deepEqual(pollEvents(guest, timer(2, CLOCK.REALTIME, 2n * HOUR, ABSTIME)), [[2, 0]])
    t.deepEqual(readClocks(guest), [2n * HOUR, 2n * HOUR - 93n, 2n * HOUR - 100n, 2n * HOUR - 100n])
  })
}

test('of several timers on fixed clocks, the earliest fire and clocks advance no further', (t) => {
  const guest = rawGuest({ clock: { realtime: 1_000n, monotonic: 0n } })
  const timers = [timer(1, 0, 50n), timer(2, 1, 30n), timer(3, 0, 1_030n, ABSTIME), timer(4, 1, 31n, ABSTIME)]
  t.deepEqual(pollEvents(guest, ...timers), [
    [2, 0],
    [3, 0],
  ])
  t.deepEqual(readClocks(guest), [1_030n, 30n, 30n, 30n])
})

test('an expired deadline advances a fixed clock by 1 ns', (t) => {
  const guest = rawGuest({ clock: { realtime: 10n, monotonic: 10n } })
  t.deepEqual(pollEvents(guest, timer(1, 0, 10n, ABSTIME), timer(2, 1, 0n), timer(3, 1, 5n)), [
    [1, 0],
    [2, 0],
  ])
  t.deepEqual(readClocks(guest), [11n, 11n, 1n, 1n])
  while (readClock(guest, CLOCK.MONOTONIC) <= 1000n) {
    guest.reset()
    guest.poll(timer(1, 1, 1000n - readClock(guest, CLOCK.MONOTONIC)))
  }
  t.is(readClock(guest, CLOCK.MONOTONIC), 1001n)
})

test('a ready descriptor makes poll_oneoff return without advancing a fixed clock', (t) => {
  const guest = rawGuest({ clock: { monotonic: 10n }, stdin: hostFile(t, 'input').fd })
  t.deepEqual(pollEvents(guest, timer(1, 1, HOUR), { userdata: 2, type: EVENTTYPE.FD_READ, fd: 0 }), [[2, 0]])
  t.is(readClock(guest, CLOCK.MONOTONIC), 10n)
})

test('fixed clocks stop at 2^64 - 1 ns', (t) => {
  const last = 2n ** 64n - 1n
  const guest = rawGuest({ clock: { realtime: last, monotonic: last - 1n } })
  t.deepEqual(pollEvents(guest, timer(1, 1, last)), [[1, 0]])
  t.deepEqual(pollEvents(guest, timer(2, 0, last)), [[2, 0]])
  t.deepEqual(readClocks(guest), [last, last, last, last])
})

test('an omitted or undefined clock is the system clock', (t) => {
  const before = BigInt(Date.now() - 1) * 1_000_000n
  for (const clock of [{}, { monotonic: 0n }, { realtime: undefined, monotonic: () => 0n }]) {
    const now = readClock(rawGuest({ clock }), CLOCK.REALTIME)
    t.true(now >= before && now <= BigInt(Date.now() + 1) * 1_000_000n)
  }
  const guest = rawGuest({ clock: { realtime: 0n } })
  t.true(readClock(guest, CLOCK.MONOTONIC) >= before - BigInt(Date.now()) * 1_000_000n)
  t.true(readClock(guest, CLOCK.PROCESS_CPUTIME) > 0n)
  t.deepEqual(pollEvents(guest, timer(1, CLOCK.MONOTONIC, 1_000_000n)), [[1, 0]])
  t.is(readClock(guest, CLOCK.REALTIME), 0n)
})

knownFailure(COARSE_TIMES)('ATIM_NOW and MTIM_NOW set the current time of a fixed clock', (t) => {
  const directory = tree(t, { open: '', path: '' })
  const guest = rawGuest({ preopens: { '/': directory }, clock: { realtime: 1_000_000_000n, monotonic: 0n } })
  const [ATIM_NOW, MTIM_NOW, WRITE] = [2, 8, 1n << 6n]
  guest.must('fd_filestat_set_times', guest.open('open', { rights: WRITE }), 0n, 0n, ATIM_NOW | MTIM_NOW)
  guest.poll(timer(0, CLOCK.MONOTONIC, 500n))
  guest.must('path_filestat_set_times', 3, 0, ...guest.put('path'), 700n, 0n, 1 | MTIM_NOW)
  const stat = (name) => {
    const { atimeNs, mtimeNs } = statSync(join(directory, name), { bigint: true })
    return [atimeNs, mtimeNs]
  }
  t.deepEqual(stat('open'), [1_000_000_000n, 1_000_000_000n])
  t.deepEqual(stat('path'), [700n, 1_000_000_500n])
})

for (const version of ['preview1', 'unstable']) {
  test(`${version}: a clock function is called once for each clock_time_get, and not before`, (t) => {
    const calls = []
    const clock = {
      realtime(...args) {
        calls.push(['realtime', ...args])
        return 2n ** 64n - 1n
      },
      monotonic(...args) {
        calls.push(['monotonic', ...args])
        return BigInt(calls.length) * 10n
      },
    }
    const guest = rawGuest({ version, clock })
    t.deepEqual(calls, [])
    t.is(readClock(guest, CLOCK.REALTIME), 2n ** 64n - 1n)
    t.deepEqual(
      [1, 2, 3].map(() => readClock(guest, CLOCK.MONOTONIC)),
      [20n, 30n, 40n],
    )
    t.deepEqual(calls, [['realtime'], ['monotonic'], ['monotonic'], ['monotonic']])
    for (const id of Object.values(CLOCK)) t.is(resolution(guest, id), 1n)
    t.is(calls.length, 4)
  })
}

test('CPU-time clocks count from the first value of the monotonic clock function', (t) => {
  let now = 1_000n
  const guest = rawGuest({ clock: { monotonic: () => now } })
  t.is(readClock(guest, CLOCK.PROCESS_CPUTIME), 0n)
  now = 1_500n
  t.deepEqual(readClocks(guest).slice(1), [1_500n, 500n, 500n])
  now = 0n
  t.is(readClock(guest, CLOCK.THREAD_CPUTIME), 0n)
})

test('poll_oneoff calls a clock function once for absolute deadlines and waits in real time', (t) => {
  const calls = []
  const recording = (name, time) => () => {
    calls.push(name)
    return time
  }
  const clock = { realtime: recording('realtime', 500n), monotonic: recording('monotonic', 0n) }
  const guest = rawGuest({ clock })
  const started = process.hrtime.bigint()
  t.deepEqual(
    pollEvents(guest, timer(1, CLOCK.REALTIME, 100_000_500n, ABSTIME), timer(2, CLOCK.MONOTONIC, HOUR, ABSTIME)),
    [[1, 0]],
  )
  t.true(process.hrtime.bigint() - started >= 100_000_000n)
  t.deepEqual(calls, ['realtime', 'monotonic'])
  t.deepEqual(pollEvents(guest, timer(1, CLOCK.REALTIME, 500n, ABSTIME), timer(2, CLOCK.MONOTONIC, HOUR, ABSTIME)), [
    [1, 0],
  ])
  calls.length = 0
  t.deepEqual(pollEvents(guest, timer(1, CLOCK.REALTIME, 1_000_000n), timer(2, CLOCK.MONOTONIC, HOUR)), [[1, 0]])
  t.deepEqual(calls, [])
})

test('ATIM_NOW and MTIM_NOW set the system time if the clock is a function', (t) => {
  const directory = tree(t, { file: '' })
  const guest = rawGuest({ preopens: { '/': directory }, clock: { realtime: () => t.fail() } })
  const before = BigInt(Date.now() - 1000) * 1_000_000n
  guest.must('path_filestat_set_times', 3, 0, ...guest.put('file'), 0n, 0n, 2 | 8)
  t.true(statSync(join(directory, 'file'), { bigint: true }).mtimeNs >= before)
})

test('a clock function may grow the memory that receives its time', (t) => {
  const realtime = () => {
    guest.call.grow(1)
    return 0x1122334455667788n
  }
  const guest = rawGuest({ clock: { realtime } })
  t.is(readClock(guest, CLOCK.REALTIME), 0x1122334455667788n)
})

test('a clock function may call the guest, which may call clock_time_get again', (t) => {
  let depth = 0
  const guest = rawGuest({ clock: { realtime: () => (depth++ < 5 ? readClock(guest, CLOCK.REALTIME) + 1n : 0n) } })
  t.is(readClock(guest, CLOCK.REALTIME), 5n)
})

const readMonotonic = `(call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 0)) drop`
const importClock =
  '(import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))'
const clockReader = `(module ${importClock} (memory (export "memory") 1) (func (export "_start") ${readMonotonic}))`

test('start() rethrows the exception of a clock function unchanged', (t) => {
  for (const thrown of [new RangeError('no time'), undefined, 'text']) {
    const wasi = new WASI({
      version: 'preview1',
      clock: {
        monotonic: () => {
          throw thrown
        },
      },
    })
    const instance = instantiate(wasi, clockReader)
    let caught = 'nothing'
    try {
      wasi.start(instance)
    } catch (error) {
      caught = error
    }
    t.is(caught, thrown)
  }
})

test('a clock function that returns no 64-bit bigint throws ERR_INVALID_RETURN_VALUE', (t) => {
  for (const [value, received] of [
    [5, 'type number (5)'],
    [undefined, 'undefined'],
    [-1n, 'type bigint (-1n)'],
    [2n ** 64n, 'type bigint (18446744073709551616n)'],
    ['5', "type string ('5')"],
    [Promise.resolve(5n), 'an instance of Promise'],
  ]) {
    const wasi = new WASI({ version: 'preview1', clock: { monotonic: () => value } })
    t.throws(() => wasi.start(instantiate(wasi, clockReader)), {
      instanceOf: TypeError,
      code: 'ERR_INVALID_RETURN_VALUE',
      message:
        'Expected a bigint from 0n to 2n ** 64n - 1n to be returned from the "options.clock.monotonic" function ' +
        `but got ${received}.`,
    })
  }
})

test('a guest that only exits calls no clock function', (t) => {
  const never = () => t.fail()
  const wasi = new WASI({ version: 'preview1', clock: { realtime: never, monotonic: never } })
  t.is(wasi.start(instantiate(wasi, command('(call $proc_exit (i32.const 6))'))), 6)
})

const make = (clock) => () => new WASI({ version: 'preview1', clock })

test('a clock that is neither a bigint nor a function throws ERR_INVALID_ARG_TYPE', (t) => {
  for (const [clock, message] of [
    [5, 'The "options.clock" property must be of type object. Received type number (5)'],
    [[], 'The "options.clock" property must be of type object. Received an instance of Array'],
    [
      { realtime: 5 },
      'The "options.clock.realtime" property must be one of type bigint or function. Received type number (5)',
    ],
    [
      { monotonic: null },
      'The "options.clock.monotonic" property must be one of type bigint or function. Received null',
    ],
  ])
    t.throws(make(clock), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_TYPE', message })
})

test('a fixed time that does not fit in 64 bits throws ERR_OUT_OF_RANGE', (t) => {
  for (const [value, received] of [
    [-1n, '-1n'],
    [2n ** 64n, '18_446_744_073_709_551_616n'],
    [-(2n ** 40n), '-1_099_511_627_776n'],
  ]) {
    const rule = 'The value of "options.clock.monotonic" is out of range. It must be >= 0n && < 2n ** 64n.'
    t.throws(make({ monotonic: value }), {
      instanceOf: RangeError,
      code: 'ERR_OUT_OF_RANGE',
      message: `${rule} Received ${received}`,
    })
  }
})

test('each property of options.clock is read once', (t) => {
  const reads = []
  const get = (target, key) => {
    reads.push(key)
    return target[key]
  }
  const clock = new Proxy({ realtime: 1n, monotonic: () => 2n }, { get })
  const guest = rawGuest({ clock })
  readClocks(guest)
  t.deepEqual(reads, ['realtime', 'monotonic'])
})

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')

test('a clock function is collected with its guest, and not before', async (t) => {
  const collected = new Set()
  const registry = new FinalizationRegistry((name) => collected.add(name))
  const make = (name) => {
    const realtime = () => 1n
    registry.register(realtime, name)
    return rawGuest({ clock: { realtime } })
  }
  const reachable = make('reachable').call
  const useUnreachable = () => readClock(make('unreachable'), CLOCK.REALTIME)
  useUnreachable()
  for (let i = 0; i < 100 && !collected.has('unreachable'); i++) {
    gc()
    await setTimeout(10)
  }
  t.deepEqual([...collected], ['unreachable'])
  t.is(reachable.clock_time_get(CLOCK.REALTIME, 0n, 0), 0)
})

test('an unknown property of options.clock throws ERR_INVALID_ARG_VALUE with a suggestion', (t) => {
  t.throws(() => new WASI({ version: 'preview1', clock: { realTime: 0n } }), {
    instanceOf: TypeError,
    code: 'ERR_INVALID_ARG_VALUE',
    message:
      "The property 'options.clock['realTime']' is unknown, must be one of: 'realtime', 'monotonic'. " +
      "Did you mean 'realtime'?",
  })
})
