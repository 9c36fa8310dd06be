// fd_read, fd_write, fd_pread and fd_pwrite.

import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { FDFLAGS, OFLAGS, RIGHTS, hostFile, rawGuest, tree } from '../support/guest.mjs'
import { BAD_POINTER, VERSIONS, errnoOf, expectErrnos, expectOverflow, guestWithFiles } from '../support/calls.mjs'
import { linux } from '../support/platform.mjs'

const OUT = 0
const FILES = { file: '0123456789', 'sub/': null }
const openFile = (guest, options) => guest.open('file', { rights: RIGHTS.FILE, ...options })

for (const version of VERSIONS) {
  test(`${version}: fd_read and fd_write start at the offset and advance it`, (t) => {
    const { guest, directory } = guestWithFiles(t, FILES, { version })
    const fd = openFile(guest)
    t.is(guest.read(fd, 4), '0123')
    t.is(guest.write(fd, 'AB', '', 'C'), 3)
    t.is(guest.read(fd, 100), '789')
    t.is(guest.read(fd, 100), '')
    t.is(readFileSync(join(directory, 'file'), 'utf8'), '0123ABC789')
  })

  test(`${version}: fd_pread and fd_pwrite keep the offset`, (t) => {
    const { guest, directory } = guestWithFiles(t, FILES, { version })
    const fd = openFile(guest)
    guest.seek(fd, 3)
    const iovs = guest.iovs(2, 3)
    guest.must('fd_pread', fd, ...iovs, 6n, OUT)
    t.deepEqual([guest.u32(OUT), guest.gather(iovs, 4)], [4, '6789'])
    guest.must('fd_pwrite', fd, ...guest.iovs('XY'), 12n, OUT)
    t.is(guest.u32(OUT), 2)
    t.is(guest.seek(fd, 0, 'CUR'), 3n)
    t.is(readFileSync(join(directory, 'file'), 'utf8'), '0123456789\0\0XY')
  })
}

test('a short fd_read fills the buffers in order and leaves the rest unchanged', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  const fd = openFile(guest)
  const at = guest.alloc(64, 1)
  guest.bytes.fill(0x2e, at, at + 64)
  const table = guest.alloc(32)
  for (const [index, [start, size]] of [
    [at, 4],
    [at + 10, 0],
    [at + 20, 9],
    [at + 40, 5],
  ].entries()) {
    guest.view.setUint32(table + 8 * index, start, true)
    guest.view.setUint32(table + 8 * index + 4, size, true)
  }
  guest.must('fd_read', fd, table, 4, OUT)
  t.is(guest.u32(OUT), 10)
  t.is(guest.text(at, 45), '0123................456789...................'.slice(0, 45))
})

test('fd_pread accepts buffers that overlap each other, the iovec table or the result', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  const fd = openFile(guest)
  const table = guest.alloc(16)
  const put = (words) => {
    for (const [index, word] of words.entries()) guest.view.setUint32(table + 4 * index, word, true)
  }
  put([2000, 4, 2002, 4])
  guest.must('fd_pread', fd, table, 2, 0n, OUT)
  t.is(guest.text(2000, 6), '014567')
  put([table, 4, 2100, 4])
  guest.must('fd_pread', fd, table, 2, 0n, 2100)
  t.deepEqual([guest.text(table, 4), guest.u32(2100)], ['0123', 8])
})

test('fd_read, fd_write, fd_pread and fd_pwrite of no or only empty buffers transfer 0 bytes', (t) => {
  const { guest, directory } = guestWithFiles(t, FILES)
  const fd = openFile(guest)
  for (const [name, ...rest] of [['fd_read'], ['fd_write'], ['fd_pread', 0n], ['fd_pwrite', 50n]]) {
    for (const [iovs, count] of [[64, 0], guest.iovs(0), guest.iovs(0, 0, 0)]) {
      guest.view.setUint32(OUT, 99, true)
      guest.must(name, fd, iovs, count, ...rest, OUT)
      t.is(guest.u32(OUT), 0, name)
    }
  }
  t.is(readFileSync(join(directory, 'file'), 'utf8'), '0123456789')
})

test('fd_write of more than 1024 buffers writes all of them', (t) => {
  const { guest, directory } = guestWithFiles(t, FILES)
  for (const count of [1024, 1025, 2500]) {
    const fd = guest.open('many', { oflags: OFLAGS.CREAT | OFLAGS.TRUNC, rights: RIGHTS.FILE })
    const parts = Array.from({ length: count }, (_, index) => String(index % 10))
    t.is(guest.write(fd, ...parts), count)
    t.is(readFileSync(join(directory, 'many'), 'utf8'), parts.join(''))
    guest.reset()
  }
})

test('fd_write with APPEND writes at the end of the file and moves the offset there', (t) => {
  const { guest, directory } = guestWithFiles(t, FILES)
  const fd = openFile(guest, { fdflags: FDFLAGS.APPEND })
  guest.write(fd, 'A')
  writeFileSync(join(directory, 'file'), 'from the host ', { flag: 'a' })
  guest.seek(fd, 2)
  guest.write(fd, 'B')
  t.is(readFileSync(join(directory, 'file'), 'utf8'), '0123456789Afrom the host B')
  t.is(guest.seek(fd, 0, 'CUR'), 26n)
})

test('two descriptors of one file have separate offsets and share the content', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  const [one, two] = [openFile(guest), openFile(guest)]
  guest.write(one, 'AAAA')
  t.is(guest.read(two, 6), 'AAAA45')
  t.is(guest.read(one, 2), '45')
})

test('reads and writes on a descriptor without the access or the right fail with EBADF or ENOTCAPABLE', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  const reader = guest.open('file', { rights: RIGHTS.FD_READ | RIGHTS.FD_SEEK })
  const writer = guest.open('file', { rights: RIGHTS.FD_WRITE })
  const both = openFile(guest)
  guest.must('fd_fdstat_set_rights', both, RIGHTS.FD_READ | RIGHTS.FD_WRITE, 0n)
  expectErrnos(t, guest, [
    ['BADF', 'fd_write', reader, 64, 0, OUT],
    ['BADF', 'fd_pwrite', reader, 64, 0, 0n, OUT],
    ['BADF', 'fd_read', writer, 64, 0, OUT],
    ['BADF', 'fd_pread', writer, 64, 0, 0n, OUT],
    ['NOTCAPABLE', 'fd_pread', both, 64, 0, 0n, OUT],
    ['NOTCAPABLE', 'fd_pwrite', both, 64, 0, 0n, OUT],
    ['SUCCESS', 'fd_read', both, 64, 0, OUT],
    ['SUCCESS', 'fd_write', both, 64, 0, OUT],
  ])
  expectErrnos(t, guest, [
    ['NOTCAPABLE', 'fd_read', 3, 64, 0, OUT],
    ['BADF', 'fd_write', 3, 64, 0, OUT],
    ['NOTCAPABLE', 'fd_pread', 3, 64, 0, 0n, OUT],
    ['BADF', 'fd_pwrite', 3, 64, 0, 0n, OUT],
  ])
  for (const name of ['fd_read', 'fd_write']) expectErrnos(t, guest, [['BADF', name, 77, 64, 0, OUT]])
  for (const name of ['fd_pread', 'fd_pwrite']) expectErrnos(t, guest, [['BADF', name, 77, 64, 0, 0n, OUT]])
})

test('fd_pread and fd_pwrite at 2^63 or more fail with EINVAL, fd_pwrite at 2^62 fails with EFBIG', (t) => {
  const { guest, directory } = guestWithFiles(t, FILES)
  const fd = openFile(guest)
  const iovs = guest.iovs(1)
  const call = (name, offset) => errnoOf(guest, name, fd, ...iovs, offset, OUT)
  for (const offset of [1n << 63n, -1n]) {
    t.deepEqual([call('fd_pread', offset), call('fd_pwrite', offset)], ['INVAL', 'INVAL'])
  }
  if (linux) t.is(call('fd_pwrite', 1n << 62n), 'FBIG')
  t.is(call('fd_pread', 1n << 40n), 'SUCCESS')
  t.is(guest.u32(OUT), 0)
  t.is(readFileSync(join(directory, 'file'), 'utf8'), '0123456789')
})

test('fd_read and fd_write on stdio that the host opened for the other direction fail with EBADF', (t) => {
  const path = join(tree(t, { file: 'text' }), 'file')
  const [stdin, stdout] = [openSync(path, 'r'), openSync(path, 'a')]
  t.teardown(() => [stdin, stdout].forEach(closeSync))
  const guest = rawGuest({ stdin, stdout })
  t.is(errnoOf(guest, 'fd_write', 0, ...guest.iovs('x'), OUT), 'BADF')
  t.is(errnoOf(guest, 'fd_read', 1, ...guest.iovs(1), OUT), 'BADF')
  t.is(guest.read(0), 'text')
})

test('fd_read on a stdin that the host closed fails with EBADF', (t) => {
  const { fd } = hostFile(t)
  const other = openSync(hostFile(t).path, 'r+')
  const guest = rawGuest({ stdin: other, stdout: fd })
  closeSync(other)
  t.is(errnoOf(guest, 'fd_read', 0, ...guest.iovs(1), OUT), 'BADF')
  t.is(guest.write(1, 'x'), 1)
})

test('reads and writes with a bad table, buffer or result pointer fail with EOVERFLOW', (t) => {
  const { guest, directory } = guestWithFiles(t, FILES)
  const fd = openFile(guest)
  expectOverflow(t, guest, [
    ['fd_read', fd, BAD_POINTER, 1, OUT],
    ['fd_read', fd, 64, 1, BAD_POINTER],
    ['fd_write', fd, BAD_POINTER, 1, OUT],
    ['fd_write', fd, 64, 1, BAD_POINTER],
    ['fd_pread', fd, BAD_POINTER, 1, 0n, OUT],
    ['fd_pread', fd, 64, 1, 0n, BAD_POINTER],
    ['fd_pwrite', fd, BAD_POINTER, 1, 0n, OUT],
    ['fd_pwrite', fd, 64, 1, 0n, BAD_POINTER],
  ])
  const end = guest.memory.buffer.byteLength
  for (const [start, size] of [
    [end - 1, 2],
    [end, 1],
    [2000, end],
    [0xffff_ffff, 1],
    [0xffff_fff0, 0x20],
    [0x8000_0000, 0x8000_0000],
  ]) {
    guest.reset()
    const [table, count] = guest.iovs(3, 3)
    guest.view.setUint32(table + 8, start, true)
    guest.view.setUint32(table + 12, size, true)
    for (const [name, ...rest] of [['fd_read'], ['fd_write'], ['fd_pread', 0n], ['fd_pwrite', 0n]]) {
      t.is(errnoOf(guest, name, fd, table, count, ...rest, OUT), 'OVERFLOW', `${name} ${start} ${size}`)
    }
    t.is(guest.text(guest.u32(table), 3), '\0\0\0')
  }
  t.is(readFileSync(join(directory, 'file'), 'utf8'), '0123456789')
  t.is(guest.seek(fd, 0, 'CUR'), 0n)
})

test('fd_read and fd_write with an iovec table of 4 GiB or more fail with EOVERFLOW', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  const fd = openFile(guest)
  for (const count of [0x2000_0000, 0x2000_0001, 0x4000_0000, 0x7fff_ffff, 0x8000_0000 | 0, -1]) {
    t.is(errnoOf(guest, 'fd_read', fd, 64, count, OUT), 'OVERFLOW')
    t.is(errnoOf(guest, 'fd_write', fd, 64, count, OUT), 'OVERFLOW')
  }
})
