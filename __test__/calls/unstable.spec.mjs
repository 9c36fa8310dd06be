// Layouts and numbers of wasi_unstable that differ from preview1. The specs of each family cover the common ones.

import { linkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { CLOCK, EVENTTYPE, FILETYPE, RIGHTS, SUBCLOCKFLAGS } from '../support/guest.mjs'
import { BAD_POINTER, errnoOf, expectErrnos, expectOverflow, guestWithFiles } from '../support/calls.mjs'

const FILES = { file: '0123456789', 'sub/': null }
const unstableGuest = (t) => guestWithFiles(t, FILES, { version: 'unstable' })

test('unstable: fd_seek takes whence 0 from the offset, 1 from the end, 2 from the start', (t) => {
  const { guest } = unstableGuest(t)
  const fd = guest.open('file', { rights: RIGHTS.FILE })
  for (const [offset, whence, position] of [
    [4n, 2, 4n],
    [3n, 0, 7n],
    [-6n, 0, 1n],
    [-1n, 1, 9n],
    [0n, 0, 9n],
    [0n, 2, 0n],
    [5n, 1, 15n],
  ]) {
    t.is(errnoOf(guest, 'fd_seek', fd, offset, whence, 0), 'SUCCESS')
    t.is(guest.u64(0), position)
    t.is(errnoOf(guest, 'fd_tell', fd, 8), 'SUCCESS')
    t.is(guest.u64(8), position)
  }
  expectErrnos(t, guest, [
    ['INVAL', 'fd_seek', fd, 0n, 3, 0],
    ['INVAL', 'fd_seek', fd, 0n, -1, 0],
    ['INVAL', 'fd_seek', fd, -1n, 2, 0],
  ])
})

test('unstable: fd_seek by 0 with whence 0 needs only the right FD_TELL', (t) => {
  const { guest } = unstableGuest(t)
  const fd = guest.open('file', { rights: RIGHTS.FILE })
  guest.must('fd_fdstat_set_rights', fd, RIGHTS.FD_TELL, 0n)
  expectErrnos(t, guest, [
    ['SUCCESS', 'fd_seek', fd, 0n, 0, 0],
    ['NOTCAPABLE', 'fd_seek', fd, 0n, 1, 0],
    ['NOTCAPABLE', 'fd_seek', fd, 0n, 2, 0],
    ['NOTCAPABLE', 'fd_seek', fd, 1n, 0, 0],
  ])
})

for (const [name, call] of [
  ['fd_filestat_get', (guest, path, at) => ['fd_filestat_get', guest.open(path), at]],
  ['path_filestat_get', (_guest, path, at) => ['path_filestat_get', 3, 0, path, at]],
]) {
  test(`unstable: ${name} writes 56 bytes, with a 32-bit nlink after the filetype`, (t) => {
    const { guest, directory } = unstableGuest(t)
    for (const link of ['one', 'two']) linkSync(join(directory, 'file'), join(directory, link))
    for (const [path, filetype] of [
      ['file', FILETYPE.REGULAR_FILE],
      ['sub', FILETYPE.DIRECTORY],
    ]) {
      const host = statSync(join(directory, path), { bigint: true })
      const args = call(guest, path, 512)
      guest.bytes.fill(0xaa, 512 - 8, 512 + 64)
      t.is(errnoOf(guest, ...args), 'SUCCESS')
      t.deepEqual(
        [guest.u64(520), guest.u8(528), BigInt(guest.u32(532)), guest.u64(536), guest.u64(552), guest.u64(560)],
        [host.ino, filetype, host.nlink, host.size, host.mtimeNs, host.ctimeNs],
      )
      t.deepEqual([...guest.bytes.slice(529, 532)], [0, 0, 0])
      t.deepEqual([guest.u64(504), guest.u64(568)], [0xaaaa_aaaa_aaaa_aaaan, 0xaaaa_aaaa_aaaa_aaaan])
    }
  })

  test(`unstable: ${name} with less than 56 bytes for the result fails with EOVERFLOW`, (t) => {
    const { guest } = unstableGuest(t)
    const end = guest.memory.buffer.byteLength
    expectErrnos(t, guest, [
      ['SUCCESS', ...call(guest, 'file', end - 56)],
      ['OVERFLOW', ...call(guest, 'file', end - 55)],
    ])
    expectOverflow(t, guest, [call(guest, 'file', BAD_POINTER)])
  })
}

test('unstable: poll_oneoff reads subscriptions of 56 bytes and ignores the identifier of a clock', (t) => {
  const { guest } = unstableGuest(t)
  const fd = guest.open('file')
  guest.seek(fd, 3)
  guest.must('clock_time_get', CLOCK.MONOTONIC, 0n, 0)
  const subscriptions = guest.alloc(4 * 56)
  const put = (index, { userdata, type, fields }) => {
    const at = subscriptions + 56 * index
    guest.view.setBigUint64(at, userdata, true)
    guest.view.setUint8(at + 8, type)
    for (const [offset, value] of fields) guest.view.setBigUint64(at + offset, value, true)
  }
  const identifier = [16, 0xffff_ffff_ffff_ffffn]
  put(0, { userdata: 1n, type: EVENTTYPE.CLOCK, fields: [identifier, [24, BigInt(CLOCK.MONOTONIC)], [32, 1n << 60n]] })
  put(1, { userdata: 2n, type: EVENTTYPE.FD_READ, fields: [[16, BigInt(fd)]] })
  const past = [
    [24, BigInt(CLOCK.MONOTONIC)],
    [32, guest.u64(0)],
    [48, BigInt(SUBCLOCKFLAGS.ABSTIME)],
  ]
  put(2, { userdata: 3n, type: EVENTTYPE.CLOCK, fields: [identifier, ...past] })
  put(3, { userdata: 4n, type: EVENTTYPE.CLOCK, fields: [identifier, [24, 9n]] })
  guest.must('poll_oneoff', subscriptions, 8192, 4, 0)
  t.is(guest.u32(0), 3)
  const events = [0, 1, 2].map((index) => guest.record('EVENT', 8192 + 32 * index))
  t.deepEqual(
    events.map(({ userdata, error, type, nbytes }) => [userdata, error, type, nbytes]),
    [
      [2n, 0, EVENTTYPE.FD_READ, 7n],
      [3n, 0, EVENTTYPE.CLOCK, 0n],
      [4n, 28, EVENTTYPE.CLOCK, 0n],
    ],
  )
})

test('unstable: poll_oneoff with a subscription beyond the end of memory fails with EOVERFLOW', (t) => {
  const { guest } = unstableGuest(t)
  const end = guest.memory.buffer.byteLength
  expectErrnos(t, guest, [
    ['SUCCESS', 'poll_oneoff', end - 56, 8192, 1, 0],
    ['OVERFLOW', 'poll_oneoff', end - 55, 8192, 1, 0],
    ['OVERFLOW', 'poll_oneoff', end - 111, 8192, 2, 0],
  ])
})

test('unstable: wasiImport has sock_recv, sock_send and sock_shutdown, but no sock_accept', (t) => {
  const { guest } = unstableGuest(t)
  t.deepEqual(
    ['sock_accept', 'sock_recv', 'sock_send', 'sock_shutdown'].map((name) => typeof guest.wasi.wasiImport[name]),
    ['undefined', 'function', 'function', 'function'],
  )
  expectErrnos(t, guest, [
    ['NOTSOCK', 'sock_recv', 3, 64, 0, 0, 0, 4],
    ['NOTSOCK', 'sock_send', 3, 64, 0, 0, 0],
    ['NOTSOCK', 'sock_shutdown', 3, 1],
  ])
})
