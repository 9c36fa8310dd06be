// poll_oneoff.

import { execFileSync } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { CLOCK, ERRNO, EVENTTYPE, RIGHTS, SUBCLOCKFLAGS, tree } from '../support/guest.mjs'
import { BAD_POINTER, VERSIONS, expectErrnos, expectOverflow, guestWithFiles } from '../support/calls.mjs'
import { onPosix } from '../support/conditions.mjs'

const { FD_READ, FD_WRITE } = EVENTTYPE
const MS = 1_000_000n
const FOREVER = (1n << 64n) - 1n

const clock = (userdata, timeout, { id = CLOCK.MONOTONIC, flags = 0 } = {}) => ({
  userdata,
  type: EVENTTYPE.CLOCK,
  id,
  timeout,
  flags,
})
const onFd = (userdata, type, fd) => ({ userdata, type, fd })
const event = (userdata, type, { error = 0, nbytes = 0n, flags = 0 } = {}) => ({
  userdata: BigInt(userdata),
  type,
  error,
  nbytes,
  flags,
})

for (const version of VERSIONS) {
  test(`${version}: poll_oneoff returns elapsed timeouts and past deadlines at once, with their userdata`, (t) => {
    const { guest } = guestWithFiles(t, {}, { version })
    const { ABSTIME } = SUBCLOCKFLAGS
    for (const id of [CLOCK.REALTIME, CLOCK.MONOTONIC]) {
      t.deepEqual(
        guest.poll(clock(7n, 0n, { id }), clock(FOREVER, 1n, { id, flags: ABSTIME }), clock(9n, FOREVER, { id })),
        [event(7, EVENTTYPE.CLOCK), event(FOREVER, EVENTTYPE.CLOCK)],
      )
    }
  })

  test(`${version}: poll_oneoff with a relative timeout waits at least that long`, (t) => {
    const { guest } = guestWithFiles(t, {}, { version })
    const before = process.hrtime.bigint()
    t.deepEqual(guest.poll(clock(1n, FOREVER), clock(2n, 20n * MS), clock(3n, 60_000n * MS)), [
      event(2, EVENTTYPE.CLOCK),
    ])
    const elapsed = process.hrtime.bigint() - before
    t.true(elapsed >= 20n * MS && elapsed < 20_000n * MS, `${elapsed} ns`)
  })

  test(`${version}: poll_oneoff with an absolute deadline waits until the deadline, on each clock`, (t) => {
    const { guest } = guestWithFiles(t, {}, { version })
    for (const id of [CLOCK.REALTIME, CLOCK.MONOTONIC]) {
      const now = () => {
        guest.must('clock_time_get', id, 0n, guest.out)
        return guest.u64(guest.out)
      }
      const deadline = now() + 20n * MS
      t.deepEqual(guest.poll(clock(5n, deadline, { id, flags: SUBCLOCKFLAGS.ABSTIME })), [event(5, EVENTTYPE.CLOCK)])
      t.true(now() >= deadline)
    }
  })

  test(`${version}: poll_oneoff reports files and directories as ready, files with the bytes left to read`, (t) => {
    const { guest } = guestWithFiles(t, { file: '0123456789' }, { version })
    const fd = guest.open('file', { rights: RIGHTS.FILE })
    guest.seek(fd, 4)
    t.deepEqual(guest.poll(onFd(1n, FD_READ, fd), onFd(2n, FD_WRITE, fd), onFd(3n, FD_READ, 3), clock(4n, FOREVER)), [
      event(1, FD_READ, { nbytes: 6n }),
      event(2, FD_WRITE),
      event(3, FD_READ),
    ])
    guest.seek(fd, 100)
    t.deepEqual(guest.poll(onFd(1n, FD_READ, fd)), [event(1, FD_READ)])
  })
}

test('poll_oneoff reports the error of a subscription in its own event', (t) => {
  const { guest } = guestWithFiles(t, { file: 'text' })
  const fd = guest.open('file')
  guest.must('fd_fdstat_set_rights', fd, RIGHTS.FD_READ, 0n)
  const { CLOCK: TIME } = EVENTTYPE
  t.deepEqual(
    guest.poll(
      onFd(1n, FD_READ, 77),
      onFd(2n, FD_WRITE, 2 ** 32 - 1),
      onFd(3n, FD_READ, fd),
      clock(4n, 0n, { id: 9 }),
      clock(5n, 60_000n * MS, { id: CLOCK.PROCESS_CPUTIME }),
      clock(6n, 60_000n * MS, { id: CLOCK.THREAD_CPUTIME }),
      clock(7n, 0n),
      clock(8n, FOREVER),
    ),
    [
      event(1, FD_READ, { error: ERRNO.BADF }),
      event(2, FD_WRITE, { error: ERRNO.BADF }),
      event(3, FD_READ, { error: ERRNO.NOTCAPABLE }),
      event(4, TIME, { error: ERRNO.INVAL }),
      event(5, TIME, { error: ERRNO.NOTSUP }),
      event(6, TIME, { error: ERRNO.NOTSUP }),
      event(7, TIME),
    ],
  )
})

test('poll_oneoff with no subscription or an unknown type fails with EINVAL and writes nothing', (t) => {
  const { guest } = guestWithFiles(t)
  expectErrnos(t, guest, [['INVAL', 'poll_oneoff', 1024, 2048, 0, 0]])
  for (const type of [3, 4, 255]) {
    const { SUBSCRIPTION } = guest.dialect.SIZE
    const at = guest.alloc(2 * SUBSCRIPTION)
    guest.putRecord('SUBSCRIPTION', clock(1n, 0n), at)
    guest.putRecord('SUBSCRIPTION', { userdata: 2n, type }, at + SUBSCRIPTION)
    const before = Buffer.from(guest.bytes)
    t.is(guest.call.poll_oneoff(at, 4096, 2, 0), ERRNO.INVAL)
    t.true(before.equals(guest.bytes))
  }
})

test('poll_oneoff accepts unaligned and overlapping subscriptions and events', (t) => {
  const { guest } = guestWithFiles(t)
  guest.putRecord('SUBSCRIPTION', clock(5n, 0n), 4099)
  guest.must('poll_oneoff', 4099, 4099, 1, 5001)
  t.deepEqual(guest.record('EVENT', 4099), event(5, EVENTTYPE.CLOCK))
  t.is(guest.u32(5001), 1)
})

test('poll_oneoff of 1000 equal subscriptions returns 1000 events', (t) => {
  const { guest } = guestWithFiles(t, { file: 'text' })
  const fd = guest.open('file')
  guest.memory.grow(4)
  const subscriptions = Array.from({ length: 1000 }, (_, index) => onFd(BigInt(index), FD_READ, fd))
  t.deepEqual(
    guest.poll(...subscriptions),
    subscriptions.map(({ userdata }) => event(userdata, FD_READ, { nbytes: 4n })),
  )
})

onPosix('poll_oneoff waits for an empty pipe, reports one with data, and reports a hangup without a writer', (t) => {
  const path = join(tree(t), 'fifo')
  execFileSync('mkfifo', [path])
  const [both, stdin] = [openSync(path, 'r+'), openSync(path, 'r')]
  t.teardown(() => closeSync(stdin))
  const { guest } = guestWithFiles(t, {}, { stdin })
  t.deepEqual(guest.poll(onFd(1n, FD_READ, 0), clock(2n, 5n * MS)), [event(2, EVENTTYPE.CLOCK)])
  writeSync(both, 'bytes')
  t.deepEqual(guest.poll(onFd(1n, FD_READ, 0), clock(2n, FOREVER), onFd(3n, FD_READ, 0)), [
    event(1, FD_READ, { nbytes: 5n }),
    event(3, FD_READ, { nbytes: 5n }),
  ])
  t.is(guest.read(0), 'bytes')
  closeSync(both)
  t.deepEqual(guest.poll(onFd(1n, FD_READ, 0), clock(2n, FOREVER)), [event(1, FD_READ, { flags: 1 })])
  t.is(guest.read(0), '')
})

onPosix('poll_oneoff reports a pipe with space as writable and waits for a full pipe', (t) => {
  const path = join(tree(t), 'fifo')
  execFileSync('mkfifo', [path])
  const both = openSync(path, 'r+')
  t.teardown(() => closeSync(both))
  const { guest } = guestWithFiles(t, {}, { stdin: both, stdout: both })
  t.deepEqual(guest.poll(onFd(1n, FD_READ, 0), onFd(2n, FD_WRITE, 1)), [event(2, FD_WRITE)])
  guest.must('fd_fdstat_set_flags', 1, 4)
  const iovs = guest.iovs(65_536)
  while (guest.call.fd_write(1, ...iovs, 0) === 0);
  t.deepEqual(guest.poll(onFd(1n, FD_WRITE, 1), clock(2n, MS)), [event(2, EVENTTYPE.CLOCK)])
})

test('poll_oneoff with a bad pointer or a count beyond memory fails with EOVERFLOW without waiting', (t) => {
  const { guest } = guestWithFiles(t)
  const end = guest.memory.buffer.byteLength
  guest.putRecord('SUBSCRIPTION', clock(1n, FOREVER), 4096)
  expectOverflow(t, guest, [
    ['poll_oneoff', BAD_POINTER, 8192, 1, 0],
    ['poll_oneoff', 4096, BAD_POINTER, 1, 0],
    ['poll_oneoff', 4096, 8192, 1, BAD_POINTER],
  ])
  for (const count of [end, 0x0555_5556, 0x0800_0000, 0x7fff_ffff, 0x8000_0000 | 0, -1]) {
    expectErrnos(t, guest, [['OVERFLOW', 'poll_oneoff', 4096, 8192, count, 0]])
  }
  expectErrnos(t, guest, [
    ['OVERFLOW', 'poll_oneoff', end - 47, 8192, 1, 0],
    ['OVERFLOW', 'poll_oneoff', 4096, end - 31, 1, 0],
    ['OVERFLOW', 'poll_oneoff', 4096, 8192, 1, end - 3],
  ])
})
