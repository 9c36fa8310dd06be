// fd_*, except reads, writes and fd_readdir.

import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { FDFLAGS, FILETYPE, FSTFLAGS, OFLAGS, RIGHTS, hostFile, rawGuest, tree } from '../support/guest.mjs'
import { BAD_POINTER, errnoOf, expectErrnos, expectOverflow, guestWithFiles } from '../support/calls.mjs'
import { COARSE_TIMES, knownFailure, onLinux, onPosix } from '../support/conditions.mjs'
import { windows } from '../support/platform.mjs'

const FILES = { file: '0123456789', 'sub/inner': 'inner' }

/** Creates a guest with a file opened with all rights and to read, a directory, a pipe as stdin, a device as stdout. */
function guestWithDescriptors(t) {
  const pipes = tree(t)
  execFileSync('mkfifo', [join(pipes, 'pipe')])
  const [stdin, stdout] = [openSync(join(pipes, 'pipe'), 'r+'), openSync('/dev/null', 'r+')]
  t.teardown(() => [stdin, stdout].forEach(closeSync))
  const made = guestWithFiles(t, FILES, { stdin, stdout })
  const { guest } = made
  const [file, reader, dir] = [guest.open('file', { rights: RIGHTS.FILE }), guest.open('file'), guest.open('sub')]
  return { ...made, pipe: 0, device: 1, file, reader, dir }
}

onPosix('fd_fdstat_get returns the filetypes of files, directories, pipes and devices', (t) => {
  const { guest, pipe, device, file, reader, dir } = guestWithDescriptors(t)
  const types = [pipe, device, file, reader, dir, 3].map((fd) => guest.fdstat(fd).filetype)
  const { UNKNOWN, CHARACTER_DEVICE, REGULAR_FILE, DIRECTORY } = FILETYPE
  t.deepEqual(types, [UNKNOWN, CHARACTER_DEVICE, REGULAR_FILE, REGULAR_FILE, DIRECTORY, DIRECTORY])
})

test('fd_fdstat_get returns the flags and rights that path_open set', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  const { APPEND, DSYNC, NONBLOCK, RSYNC, SYNC } = FDFLAGS
  for (const flags of [
    0,
    APPEND,
    DSYNC,
    NONBLOCK,
    RSYNC,
    SYNC,
    APPEND | NONBLOCK,
    APPEND | DSYNC | NONBLOCK | RSYNC | SYNC,
  ]) {
    const fd = guest.open('file', { rights: RIGHTS.FILE, fdflags: flags })
    t.deepEqual(guest.fdstat(fd), { filetype: FILETYPE.REGULAR_FILE, flags, base: RIGHTS.FILE, inheriting: 0n })
  }
  t.deepEqual(guest.fdstat(3), { filetype: FILETYPE.DIRECTORY, flags: 0, base: 0x0fbffe98n, inheriting: 0x0fffffffn })
})

onPosix('fd_fdstat_set_flags accepts NONBLOCK, and APPEND on files and directories, else fails with ENOTSUP', (t) => {
  const { guest, pipe, device, file, dir } = guestWithDescriptors(t)
  const appendable = [file, dir]
  for (const fd of [pipe, device, file, dir]) {
    expectErrnos(t, guest, [
      ['SUCCESS', 'fd_fdstat_set_flags', fd, FDFLAGS.NONBLOCK],
      ['NOTSUP', 'fd_fdstat_set_flags', fd, FDFLAGS.NONBLOCK | FDFLAGS.SYNC],
      ['NOTSUP', 'fd_fdstat_set_flags', fd, FDFLAGS.DSYNC],
      ['NOTSUP', 'fd_fdstat_set_flags', fd, FDFLAGS.RSYNC],
      [appendable.includes(fd) ? 'SUCCESS' : 'NOTSUP', 'fd_fdstat_set_flags', fd, FDFLAGS.APPEND],
    ])
    t.is(guest.fdstat(fd).flags, appendable.includes(fd) ? FDFLAGS.APPEND : FDFLAGS.NONBLOCK)
  }
})

test('fd_write appends while fd_fdstat_set_flags has set APPEND, and no longer after it clears APPEND', (t) => {
  const { guest, directory } = guestWithFiles(t, FILES)
  const fd = guest.open('file', { rights: RIGHTS.FILE })
  guest.must('fd_fdstat_set_flags', fd, FDFLAGS.APPEND)
  guest.write(fd, 'A')
  guest.seek(fd, 0)
  guest.write(fd, 'B')
  t.is(guest.seek(fd, 0, 'CUR'), 12n)
  guest.must('fd_fdstat_set_flags', fd, 0)
  guest.seek(fd, 0)
  guest.write(fd, 'C')
  t.is(readFileSync(join(directory, 'file'), 'utf8'), 'C123456789AB')
})

onPosix('fd_advise on a directory without the right FD_ADVISE fails with ENOTCAPABLE', (t) => {
  const { guest, dir } = guestWithDescriptors(t)
  const { base, inheriting } = guest.fdstat(dir)
  guest.must('fd_fdstat_set_rights', dir, base & ~RIGHTS.FD_ADVISE, inheriting)
  expectErrnos(t, guest, [['NOTCAPABLE', 'fd_advise', dir, 0n, 0n, 0]])
})

onLinux('fd_* calls on an unsuitable descriptor or with invalid arguments fail and change nothing', (t) => {
  const { guest, pipe, device, file, reader, dir } = guestWithDescriptors(t)
  expectErrnos(t, guest, [
    ['NOTCAPABLE', 'fd_advise', pipe, 0n, 0n, 0],
    ['SUCCESS', 'fd_advise', dir, 0n, 0n, 0],
    ['SUCCESS', 'fd_datasync', dir],
    ['INVAL', 'fd_advise', file, 0n, 0n, 6],
    ['INVAL', 'fd_advise', file, 0n, -1n, 0],
    ['NOTCAPABLE', 'fd_allocate', pipe, 0n, 1n],
    ['NOTCAPABLE', 'fd_allocate', dir, 0n, 1n],
    ['BADF', 'fd_allocate', reader, 0n, 1n],
    ['INVAL', 'fd_allocate', file, 0n, 0n],
    ['INVAL', 'fd_allocate', file, -1n, 1n],
    ['FBIG', 'fd_allocate', file, (1n << 63n) - 1n, 1n],
    ['NOTCAPABLE', 'fd_datasync', pipe],
    ['NOTCAPABLE', 'fd_sync', pipe],
    ['INVAL', 'fd_sync', device],
    ['NOTCAPABLE', 'fd_filestat_set_size', dir, 0n],
    ['INVAL', 'fd_filestat_set_size', reader, 0n],
    ['INVAL', 'fd_filestat_set_size', file, 1n << 63n],
    ['FBIG', 'fd_filestat_set_size', file, 1n << 62n],
    ['NOTCAPABLE', 'fd_filestat_set_times', pipe, 0n, 0n, 5],
    ['INVAL', 'fd_filestat_set_times', file, 0n, 0n, FSTFLAGS.ATIM | FSTFLAGS.ATIM_NOW],
    ['INVAL', 'fd_filestat_set_times', file, 0n, 0n, FSTFLAGS.MTIM | FSTFLAGS.MTIM_NOW],
    ['BADF', 'fd_prestat_get', pipe, 0],
    ['BADF', 'fd_prestat_get', dir, 0],
    ['BADF', 'fd_prestat_dir_name', file, 0, 10],
    ['SPIPE', 'fd_seek', pipe, 0n, 0, 0],
    ['NOTCAPABLE', 'fd_seek', dir, 0n, 0, 0],
    ['SPIPE', 'fd_tell', pipe, 0],
    ['SPIPE', 'fd_pread', pipe, 64, 0, 0n, 0],
    ['SPIPE', 'fd_pwrite', pipe, 64, 0, 0n, 0],
    ['NOTCAPABLE', 'fd_tell', 3, 0],
    ['INVAL', 'fd_seek', file, 0n, 3, 0],
    ['INVAL', 'fd_seek', file, -1n, 0, 0],
    ['INVAL', 'fd_seek', file, -11n, 2, 0],
    ['INVAL', 'fd_seek', file, (1n << 63n) - 1n, 2, 0],
  ])
  t.is(guest.filestat(file).size, 10n)
  t.is(guest.seek(file, 0, 'CUR'), 0n)
})

test('fd_advise accepts every advice for any range', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  const fd = guest.open('file')
  for (let advice = 0; advice < 6; advice++) {
    expectErrnos(t, guest, [
      ['SUCCESS', 'fd_advise', fd, 0n, 0n, advice],
      ['SUCCESS', 'fd_advise', fd, 100n, 1n << 40n, advice],
    ])
  }
})

test('fd_allocate extends a file, never truncates it, and keeps its content', (t) => {
  const { guest, directory } = guestWithFiles(t, FILES)
  const fd = guest.open('file', { rights: RIGHTS.FILE })
  for (const [offset, length, size] of [
    [0n, 5n, 10],
    [5n, 5n, 10],
    [5n, 6n, 11],
    [100n, 20n, 120],
  ]) {
    t.is(errnoOf(guest, 'fd_allocate', fd, offset, length), 'SUCCESS')
    t.is(statSync(join(directory, 'file')).size, size)
  }
  t.is(guest.read(fd, 10), '0123456789')
})

test('fd_filestat_set_size truncates, extends with zeros, and keeps the offset', (t) => {
  const { guest, directory } = guestWithFiles(t, FILES)
  const fd = guest.open('file', { rights: RIGHTS.FILE })
  guest.seek(fd, 7)
  for (const [size, content] of [
    [3n, '012'],
    [5n, '012\0\0'],
    [0n, ''],
  ]) {
    t.is(errnoOf(guest, 'fd_filestat_set_size', fd, size), 'SUCCESS')
    t.is(readFileSync(join(directory, 'file'), 'utf8'), content)
  }
  t.is(guest.seek(fd, 0, 'CUR'), 7n)
})

test('fd_filestat_get returns the attributes that the host reports', (t) => {
  const { guest, directory } = guestWithFiles(t, FILES)
  for (const [path, filetype] of [
    ['file', FILETYPE.REGULAR_FILE],
    ['sub', FILETYPE.DIRECTORY],
  ]) {
    const host = statSync(join(directory, path), { bigint: true })
    t.like(guest.filestat(guest.open(path)), {
      ino: host.ino,
      filetype,
      nlink: host.nlink,
      size: host.size,
      mtim: host.mtimeNs,
      ctim: host.ctimeNs,
    })
  }
})

knownFailure(COARSE_TIMES)(
  'fd_filestat_set_times sets each time in nanoseconds or to now, or leaves it unchanged',
  (t) => {
    const { guest } = guestWithFiles(t, FILES)
    const fd = guest.open('file', { rights: RIGHTS.FILE })
    const started = BigInt(Date.now() - 1000) * 1_000_000n
    const { ATIM, ATIM_NOW, MTIM, MTIM_NOW } = FSTFLAGS
    // Windows stores times in steps of 100 ns.
    const [first, second] = windows ? [123_456_789_000n, 987_654_321_000n] : [123_456_789_012n, 987_654_321_012n]
    for (const [flags, check] of [
      [ATIM | MTIM, ({ atim, mtim }) => atim === first && mtim === second],
      [0, ({ atim, mtim }) => atim === first && mtim === second],
      [ATIM_NOW, ({ atim, mtim }) => atim > started && mtim === second],
      [ATIM | MTIM_NOW, ({ atim, mtim }) => atim === first && mtim > started],
      [MTIM, ({ atim, mtim }) => atim === first && mtim === second],
    ]) {
      t.is(errnoOf(guest, 'fd_filestat_set_times', fd, 123_456_789_012n, 987_654_321_012n, flags), 'SUCCESS')
      t.true(check(guest.filestat(fd)), `flags ${flags}`)
    }
  },
)

test('fd_prestat_dir_name writes no NUL, and fails with ENAMETOOLONG if the buffer is too short', (t) => {
  const guest = rawGuest({ preopens: { '/a name': tree(t), '': tree(t) } })
  guest.bytes.fill(0xaa, 0, 32)
  expectErrnos(t, guest, [
    ['SUCCESS', 'fd_prestat_get', 3, 16],
    ['SUCCESS', 'fd_prestat_get', 4, 24],
    ['NAMETOOLONG', 'fd_prestat_dir_name', 3, 0, 6],
    ['NAMETOOLONG', 'fd_prestat_dir_name', 3, 0, 0],
  ])
  t.deepEqual([guest.u32(0), guest.u64(16), guest.u64(24)], [0xaaaa_aaaa, 7n << 32n, 0n])
  expectErrnos(t, guest, [
    ['SUCCESS', 'fd_prestat_dir_name', 3, 0, 9],
    ['SUCCESS', 'fd_prestat_dir_name', 4, 8, 0],
  ])
  t.deepEqual([guest.text(0, 7), guest.u8(7), guest.u8(8)], ['/a name', 0xaa, 0xaa])
})

test('fd_renumber replaces an open descriptor, stdio included, and frees the source number', (t) => {
  const output = hostFile(t)
  const { guest } = guestWithFiles(t, FILES, { stdout: output.fd })
  const fd = guest.open('file')
  expectErrnos(t, guest, [
    ['BADF', 'fd_renumber', fd, fd + 1],
    ['BADF', 'fd_renumber', fd + 1, fd],
    ['SUCCESS', 'fd_renumber', fd, fd],
    ['SUCCESS', 'fd_renumber', fd, 1],
    ['BADF', 'fd_renumber', fd, 1],
    ['BADF', 'fd_close', fd],
  ])
  t.is(guest.read(1), '0123456789')
  t.is(guest.open('file'), fd)
  t.is(statSync(output.path).size, 0)
})

test('fd_close closes files, preopens and stdio, and fails with EBADF the second time', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  for (const fd of [guest.open('file'), 3, 0, 1, 2]) {
    expectErrnos(t, guest, [
      ['SUCCESS', 'fd_close', fd],
      ['BADF', 'fd_close', fd],
      ['BADF', 'fd_fdstat_get', fd, 0],
    ])
  }
})

test('fd_sync and fd_datasync succeed on a file opened only for reading', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  const fd = guest.open('file')
  expectErrnos(t, guest, [
    ['SUCCESS', 'fd_sync', fd],
    ['SUCCESS', 'fd_datasync', fd],
    ['SUCCESS', 'fd_sync', 3],
  ])
})

test('fd_* calls with a bad pointer fail with EOVERFLOW and keep the offset', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  const fd = guest.open('file', { oflags: OFLAGS.CREAT, rights: RIGHTS.FILE })
  expectOverflow(t, guest, [
    ['fd_fdstat_get', fd, BAD_POINTER],
    ['fd_filestat_get', fd, BAD_POINTER],
    ['fd_prestat_get', 3, BAD_POINTER],
    ['fd_prestat_dir_name', 3, BAD_POINTER, 1],
    ['fd_seek', fd, 5n, 0, BAD_POINTER],
    ['fd_tell', fd, BAD_POINTER],
    ['fd_seek', fd, 0n, 9, BAD_POINTER],
  ])
  t.is(guest.seek(fd, 0, 'CUR'), 0n)
})
