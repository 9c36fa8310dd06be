// path_open.

import { execFileSync } from 'node:child_process'
import { chmodSync, constants, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { RESOLVERS, runPlan, unavailableReason } from '../attacks/setup.mjs'
import { FDFLAGS, FILETYPE, LOOKUP, OFLAGS, RIGHTS, hostFile } from '../support/guest.mjs'
import { BAD_POINTER, VERSIONS, errnoOf, expectErrnos, expectOverflow, guestWithFiles } from '../support/calls.mjs'
import { onLinux, onPosix } from '../support/conditions.mjs'

const FILES = {
  file: 'content',
  'sub/inner': 'inner',
  link: { symlink: 'file' },
  dirlink: { symlink: 'sub' },
  dangling: { symlink: 'nothing' },
  loop: { symlink: 'loop' },
}
const { CREAT, DIRECTORY, EXCL, TRUNC } = OFLAGS
const { SYMLINK_FOLLOW } = LOOKUP
const [READ, WRITE] = [RIGHTS.FD_READ, RIGHTS.FD_WRITE]
const OUT = 0

/** Returns a call of path_open, by default to read and without following symlinks. */
const openCall = (
  path,
  { dirfd = 3, lookup = 0, oflags = 0, rights = READ, inheriting = 0n, fdflags = 0, out = OUT } = {},
) => ['path_open', dirfd, lookup, path, oflags, rights, inheriting, fdflags, out]

for (const version of VERSIONS) {
  test(`${version}: path_open opens, creates and truncates files, and opens directories`, (t) => {
    const { guest, directory, names } = guestWithFiles(t, { file: 'content', 'sub/': null }, { version })
    const content = (name) => readFileSync(join(directory, name), 'utf8')
    t.is(guest.read(guest.open('file')), 'content')
    const made = guest.open('sub/new', { oflags: CREAT | EXCL, rights: RIGHTS.FILE })
    t.is(guest.write(made, 'made'), 4)
    guest.open('sub/new', { oflags: CREAT, rights: WRITE })
    t.is(content('sub/new'), 'made')
    guest.open('file', { oflags: TRUNC, rights: WRITE })
    t.is(content('file'), '')
    t.is(guest.fdstat(guest.open('sub', { oflags: DIRECTORY })).filetype, FILETYPE.DIRECTORY)
    t.deepEqual(names(), ['file', 'sub', join('sub', 'new')])
  })
}

for (const [title, rows] of Object.entries({
  'of a missing, existing or wrong kind of file': [
    ['NOENT', openCall('missing')],
    ['NOENT', openCall('missing/file', { oflags: CREAT, rights: WRITE })],
    ['NOTDIR', openCall('file/inner')],
    ['NOTDIR', openCall('file/')],
    ['NOTDIR', openCall('file', { oflags: DIRECTORY })],
    ['NOTDIR', openCall('file/..')],
    ['EXIST', openCall('file', { oflags: CREAT | EXCL, rights: WRITE })],
    ['EXIST', openCall('sub', { oflags: CREAT | EXCL })],
    ['ISDIR', openCall('sub', { rights: WRITE })],
    ['ISDIR', openCall('sub', { oflags: TRUNC, rights: WRITE })],
    ['ISDIR', openCall('new/', { oflags: CREAT, rights: WRITE })],
    ['INVAL', openCall('new', { oflags: CREAT | DIRECTORY })],
  ],
  'of an empty, invalid or too long path': [
    ['NOENT', openCall('')],
    ['INVAL', openCall('file\0')],
    ['INVAL', openCall('fi\0le')],
    ['INVAL', openCall('\0')],
    ['NAMETOOLONG', openCall('n'.repeat(256))],
    ['NAMETOOLONG', openCall('x/'.repeat(3000))],
  ],
  'of a symlink': [
    ['LOOP', openCall('link')],
    ['LOOP', openCall('loop', { lookup: SYMLINK_FOLLOW })],
    ['LOOP', openCall('loop/x')],
    ['LOOP', openCall('dangling', { oflags: CREAT, rights: WRITE })],
    ['NOENT', openCall('dangling', { lookup: SYMLINK_FOLLOW })],
    ['EXIST', openCall('dangling', { oflags: CREAT | EXCL, rights: WRITE })],
    ['EXIST', openCall('link', { lookup: SYMLINK_FOLLOW, oflags: CREAT | EXCL, rights: WRITE })],
    ['NOTDIR', openCall('dirlink', { oflags: DIRECTORY })],
  ],
  'with unsuitable rights or descriptors': [
    ['NOTCAPABLE', openCall('file', { rights: RIGHTS.SOCK_ACCEPT })],
    ['NOTCAPABLE', openCall('file', { rights: 1n << 50n })],
    ['NOTCAPABLE', openCall('file', { inheriting: 1n << 63n })],
    ['NOTCAPABLE', openCall('file', { rights: -1n })],
    // Rights come before the path, as in node:wasi.
    ['NOTCAPABLE', openCall('', { rights: -1n })],
    ['NOTDIR', openCall('x', { dirfd: 0 })],
    ['BADF', openCall('file', { dirfd: 44 })],
    ['BADF', openCall('file', { dirfd: -1 })],
  ],
})) {
  onLinux(`path_open ${title} fails and changes nothing`, (t) => {
    const { guest, directory, names } = guestWithFiles(t, FILES, { stdin: hostFile(t).fd })
    guest.view.setUint32(OUT, 99, true)
    const before = names()
    expectErrnos(
      t,
      guest,
      rows.map(([errno, call]) => [errno, ...call]),
    )
    t.is(guest.u32(OUT), 99)
    t.is(errnoOf(guest, 'fd_close', 4), 'BADF')
    t.deepEqual(names(), before)
    t.is(readFileSync(join(directory, 'file'), 'utf8'), 'content')
  })
}

onPosix('path_open with SYMLINK_FOLLOW opens the target of a symlink, and CREAT creates a missing target', (t) => {
  const { guest, directory } = guestWithFiles(t, FILES)
  t.is(guest.read(guest.open('link', { lookup: SYMLINK_FOLLOW })), 'content')
  t.is(guest.read(guest.open('dirlink/inner')), 'inner')
  t.is(guest.fdstat(guest.open('dirlink', { lookup: SYMLINK_FOLLOW, oflags: DIRECTORY })).filetype, FILETYPE.DIRECTORY)
  guest.write(guest.open('dangling', { lookup: SYMLINK_FOLLOW, oflags: CREAT, rights: WRITE }), 'made')
  t.is(readFileSync(join(directory, 'nothing'), 'utf8'), 'made')
})

test('path_open resolves a path relative to its directory descriptor', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  const sub = guest.open('sub', { rights: 0n })
  t.is(guest.read(guest.open('inner', { dirfd: sub })), 'inner')
  t.is(guest.read(guest.open('./sub/..//sub/./inner')), 'inner')
  expectErrnos(t, guest, [
    ['NOTCAPABLE', ...openCall('../file', { dirfd: sub })],
    ['NOENT', ...openCall('file', { dirfd: sub })],
  ])
})

test('path_open grants FD_READ and FD_WRITE only as requested, and every other right of a file', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  const beyond = RIGHTS.FILE & ~(READ | WRITE)
  for (const rights of [0n, READ, WRITE, READ | WRITE]) {
    const fd = guest.open('file', { rights })
    t.is(guest.fdstat(fd).base, beyond | rights)
    t.is(errnoOf(guest, 'fd_tell', fd, OUT), 'SUCCESS')
  }
})

test('path_open on a directory without the right to open, create or truncate fails with ENOTCAPABLE', (t) => {
  const { guest, directory, names } = guestWithFiles(t, FILES)
  const before = names()
  for (const [right, call] of [
    ['PATH_OPEN', openCall('file', { dirfd: 4 })],
    ['PATH_CREATE_FILE', openCall('new', { dirfd: 4, oflags: CREAT, rights: WRITE })],
    ['PATH_FILESTAT_SET_SIZE', openCall('file', { dirfd: 4, oflags: TRUNC, rights: WRITE })],
  ]) {
    const fd = guest.open('.', { rights: 0n })
    t.is(fd, 4)
    const { base, inheriting } = guest.fdstat(fd)
    guest.must('fd_fdstat_set_rights', fd, base & ~RIGHTS[right], inheriting)
    expectErrnos(t, guest, [['NOTCAPABLE', ...call]])
    guest.close(fd)
  }
  t.deepEqual(names(), before)
  t.is(readFileSync(join(directory, 'file'), 'utf8'), 'content')
})

onPosix('path_open of a file that the host may not read or write fails with EACCES', (t) => {
  if (process.getuid() === 0) return t.pass()
  const { guest, directory } = guestWithFiles(t, FILES)
  chmodSync(join(directory, 'file'), 0)
  expectErrnos(t, guest, [
    ['ACCES', ...openCall('file')],
    ['ACCES', ...openCall('file', { rights: WRITE })],
  ])
})

onPosix('path_open of a FIFO to read does not wait for a writer', (t) => {
  const { guest, directory } = guestWithFiles(t, FILES)
  execFileSync('mkfifo', [join(directory, 'fifo')])
  const reader = guest.open('fifo', { rights: READ })
  t.is(guest.fdstat(reader).filetype, FILETYPE.UNKNOWN)
  t.is(guest.write(guest.open('fifo', { rights: WRITE }), 'through'), 7)
  t.is(guest.read(reader), 'through')
})

onLinux('path_open of a FIFO to write with NONBLOCK and without a reader fails with ENXIO', (t) => {
  const { guest, directory } = guestWithFiles(t)
  execFileSync('mkfifo', [join(directory, 'fifo')])
  expectErrnos(t, guest, [['NXIO', ...openCall('fifo', { rights: WRITE, fdflags: FDFLAGS.NONBLOCK })]])
})

test('path_open with a bad pointer fails with EOVERFLOW and changes nothing', (t) => {
  const { guest, directory, names } = guestWithFiles(t, FILES)
  const before = names()
  expectOverflow(t, guest, [
    ['path_open', 3, 0, BAD_POINTER, 4, CREAT, WRITE, 0n, 0, OUT],
    openCall('new', { oflags: CREAT, rights: WRITE, out: BAD_POINTER }),
    openCall('file', { oflags: TRUNC, rights: WRITE, out: BAD_POINTER }),
  ])
  expectErrnos(t, guest, [['OVERFLOW', 'path_open', 3, 0, 0, -1, 0, READ, 0n, 0, OUT]])
  t.deepEqual(names(), before)
  t.is(readFileSync(join(directory, 'file'), 'utf8'), 'content')
  t.is(guest.open('file'), 4)
})

for (const [flag, right] of [
  ['DSYNC', 'FD_DATASYNC'],
  ['SYNC', 'FD_SYNC'],
  ['RSYNC', 'FD_SYNC'],
]) {
  test(`path_open with ${flag} from a directory that does not inherit ${right} fails with ENOTCAPABLE`, (t) => {
    const { guest } = guestWithFiles(t, FILES)
    const { base, inheriting } = guest.fdstat(3)
    guest.must('fd_fdstat_set_rights', 3, base, inheriting & ~RIGHTS[right])
    expectErrnos(t, guest, [['NOTCAPABLE', ...openCall('file', { fdflags: FDFLAGS[flag] })]])
    t.is(guest.open('file'), 4)
  })
}

for (const resolver of Object.keys(RESOLVERS)) {
  const reason = unavailableReason(resolver)
  if (reason !== null) console.log(`path_open ${resolver} is not tested: ${reason}`)
  const resolverTest = reason === null ? test : test.skip

  resolverTest(`path_open with SYNC, DSYNC or RSYNC opens with O_SYNC or O_DSYNC, resolved ${resolver}`, async (t) => {
    const { opened } = await runPlan(t, resolver, '../calls/open.plan.mjs')
    t.is(opened.length, 16)
    for (const { requested, syncs, reported } of opened) {
      // Linux treats RSYNC as SYNC, which includes DSYNC.
      const least = requested.some((name) => name !== 'DSYNC')
        ? constants.O_SYNC
        : requested.length
          ? constants.O_DSYNC
          : 0
      t.is(syncs & least, least, String(requested))
      if (!requested.length) t.is(syncs, 0)
      t.true(reported, String(requested))
    }
  })

  resolverTest(`path_open with TRUNC and DIRECTORY fails with EISDIR or ENOTDIR, resolved ${resolver}`, async (t) => {
    const { truncated, contents } = await runPlan(t, resolver, '../calls/open.plan.mjs')
    t.deepEqual(truncated, { sub: ['ISDIR', 'ISDIR'], file: ['NOTDIR', 'NOTDIR'], inner: ['NOTDIR', 'NOTDIR'] })
    t.deepEqual(contents, ['content', 'inner'])
  })

  if (resolver === 'by the kernel') continue
  resolverTest(`path_open of each path gives the same result as the kernel, ${resolver}`, async (t) => {
    const [kernel, walked] = await Promise.all(
      ['by the kernel', resolver].map((each) => runPlan(t, each, '../calls/resolving.plan.mjs')),
    )
    const titles = Object.keys(kernel)
    t.true(titles.length > 10_000)
    const differing = titles.filter((title) => walked[title] !== kernel[title])
    t.deepEqual(
      differing.map((title) => [title, walked[title]]),
      differing.map((title) => [title, kernel[title]]),
    )
  })
}
