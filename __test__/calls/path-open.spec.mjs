// path_open.

import { execFileSync } from 'node:child_process'
import { chmodSync, constants, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { RESOLVERS, runPlan as plan, unavailableReason as missing } from '../attacks/setup.mjs'
import { FDFLAGS, FILETYPE, LOOKUP, OFLAGS, RIGHTS, hostFile } from '../support/guest.mjs'
import { BAD_POINTER, VERSIONS, errnoOf, expectErrnos, expectOverflow, guestWithFiles } from '../support/calls.mjs'
import { onLinux, onPosix } from '../support/conditions.mjs'

// Which errno the system has for what is not the same everywhere.
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

/** The arguments of an opening of `path`: for reading, and without following a link, unless told otherwise. */
const open = (
  path,
  { dirfd = 3, lookup = 0, oflags = 0, rights = READ, inheriting = 0n, fdflags = 0, out = OUT } = {},
) => ['path_open', dirfd, lookup, path, oflags, rights, inheriting, fdflags, out]

for (const version of VERSIONS) {
  test(`${version}: a file is opened, made, cut, and told apart from a directory`, (t) => {
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
  'what is there or not, and is of another kind': [
    ['NOENT', open('missing')],
    ['NOENT', open('missing/file', { oflags: CREAT, rights: WRITE })],
    ['NOTDIR', open('file/inner')],
    ['NOTDIR', open('file/')],
    ['NOTDIR', open('file', { oflags: DIRECTORY })],
    ['NOTDIR', open('file/..')],
    ['EXIST', open('file', { oflags: CREAT | EXCL, rights: WRITE })],
    ['EXIST', open('sub', { oflags: CREAT | EXCL })],
    ['ISDIR', open('sub', { rights: WRITE })],
    ['ISDIR', open('sub', { oflags: TRUNC, rights: WRITE })],
    ['ISDIR', open('new/', { oflags: CREAT, rights: WRITE })],
    ['INVAL', open('new', { oflags: CREAT | DIRECTORY })],
  ],
  'no path at all': [
    ['NOENT', open('')],
    ['INVAL', open('file\0')],
    ['INVAL', open('fi\0le')],
    ['INVAL', open('\0')],
    ['NAMETOOLONG', open('n'.repeat(256))],
    ['NAMETOOLONG', open('x/'.repeat(3000))],
  ],
  links: [
    ['LOOP', open('link')],
    ['LOOP', open('loop', { lookup: SYMLINK_FOLLOW })],
    ['LOOP', open('loop/x')],
    ['LOOP', open('dangling', { oflags: CREAT, rights: WRITE })],
    ['NOENT', open('dangling', { lookup: SYMLINK_FOLLOW })],
    ['EXIST', open('dangling', { oflags: CREAT | EXCL, rights: WRITE })],
    ['EXIST', open('link', { lookup: SYMLINK_FOLLOW, oflags: CREAT | EXCL, rights: WRITE })],
    ['NOTDIR', open('dirlink', { oflags: DIRECTORY })],
  ],
  'rights and descriptors that do not do': [
    ['NOTCAPABLE', open('file', { rights: RIGHTS.SOCK_ACCEPT })],
    ['NOTCAPABLE', open('file', { rights: 1n << 50n })],
    ['NOTCAPABLE', open('file', { inheriting: 1n << 63n })],
    ['NOTCAPABLE', open('file', { rights: -1n })],
    // Rights come before the path, as in node:wasi.
    ['NOTCAPABLE', open('', { rights: -1n })],
    ['NOTDIR', open('x', { dirfd: 0 })],
    ['BADF', open('file', { dirfd: 44 })],
    ['BADF', open('file', { dirfd: -1 })],
  ],
})) {
  onLinux(`${title}: an errno, no descriptor, and nothing made or cut`, (t) => {
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

onPosix('with SYMLINK_FOLLOW a link leads to its target, also one that is to be made', (t) => {
  const { guest, directory } = guestWithFiles(t, FILES)
  t.is(guest.read(guest.open('link', { lookup: SYMLINK_FOLLOW })), 'content')
  t.is(guest.read(guest.open('dirlink/inner')), 'inner')
  t.is(guest.fdstat(guest.open('dirlink', { lookup: SYMLINK_FOLLOW, oflags: DIRECTORY })).filetype, FILETYPE.DIRECTORY)
  guest.write(guest.open('dangling', { lookup: SYMLINK_FOLLOW, oflags: CREAT, rights: WRITE }), 'made')
  t.is(readFileSync(join(directory, 'nothing'), 'utf8'), 'made')
})

test('paths are resolved from the directory they are given with', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  const sub = guest.open('sub', { rights: 0n })
  t.is(guest.read(guest.open('inner', { dirfd: sub })), 'inner')
  t.is(guest.read(guest.open('./sub/..//sub/./inner')), 'inner')
  expectErrnos(t, guest, [
    ['NOTCAPABLE', ...open('../file', { dirfd: sub })],
    ['NOENT', ...open('file', { dirfd: sub })],
  ])
})

test('what is asked for decides between reading and writing, and the rest comes without asking', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  const beyond = RIGHTS.FILE & ~(READ | WRITE)
  for (const rights of [0n, READ, WRITE, READ | WRITE]) {
    const fd = guest.open('file', { rights })
    t.is(guest.fdstat(fd).base, beyond | rights)
    t.is(errnoOf(guest, 'fd_tell', fd, OUT), 'SUCCESS')
  }
})

test('a directory that may not open, make or cut does not', (t) => {
  const { guest, directory, names } = guestWithFiles(t, FILES)
  const before = names()
  for (const [right, call] of [
    ['PATH_OPEN', open('file', { dirfd: 4 })],
    ['PATH_CREATE_FILE', open('new', { dirfd: 4, oflags: CREAT, rights: WRITE })],
    ['PATH_FILESTAT_SET_SIZE', open('file', { dirfd: 4, oflags: TRUNC, rights: WRITE })],
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

onPosix('a file that the host may not read or write is ACCES', (t) => {
  if (process.getuid() === 0) return t.pass()
  const { guest, directory } = guestWithFiles(t, FILES)
  chmodSync(join(directory, 'file'), 0)
  expectErrnos(t, guest, [
    ['ACCES', ...open('file')],
    ['ACCES', ...open('file', { rights: WRITE })],
  ])
})

onPosix('opening a FIFO does not wait for its other end', (t) => {
  const { guest, directory } = guestWithFiles(t, FILES)
  execFileSync('mkfifo', [join(directory, 'fifo')])
  const reader = guest.open('fifo', { rights: READ })
  t.is(guest.fdstat(reader).filetype, FILETYPE.UNKNOWN)
  t.is(guest.write(guest.open('fifo', { rights: WRITE }), 'through'), 7)
  t.is(guest.read(reader), 'through')
})

onLinux('opening a FIFO to write, which nobody reads, is NXIO', (t) => {
  const { guest, directory } = guestWithFiles(t)
  execFileSync('mkfifo', [join(directory, 'fifo')])
  expectErrnos(t, guest, [['NXIO', ...open('fifo', { rights: WRITE, fdflags: FDFLAGS.NONBLOCK })]])
})

test('a bad pointer is OVERFLOW, and nothing is opened, made or cut', (t) => {
  const { guest, directory, names } = guestWithFiles(t, FILES)
  const before = names()
  expectOverflow(t, guest, [
    ['path_open', 3, 0, BAD_POINTER, 4, CREAT, WRITE, 0n, 0, OUT],
    open('new', { oflags: CREAT, rights: WRITE, out: BAD_POINTER }),
    open('file', { oflags: TRUNC, rights: WRITE, out: BAD_POINTER }),
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
  test(`${flag} is NOTCAPABLE from a directory that does not pass on ${right}`, (t) => {
    const { guest } = guestWithFiles(t, FILES)
    const { base, inheriting } = guest.fdstat(3)
    guest.must('fd_fdstat_set_rights', 3, base, inheriting & ~RIGHTS[right])
    expectErrnos(t, guest, [['NOTCAPABLE', ...open('file', { fdflags: FDFLAGS[flag] })]])
    t.is(guest.open('file'), 4)
  })
}

for (const resolver of Object.keys(RESOLVERS)) {
  const reason = missing(resolver)
  if (reason !== null) console.log(`path_open is not tried ${resolver}: ${reason}`)
  const resolved = reason === null ? test : test.skip

  resolved(`what SYNC, DSYNC and RSYNC ask for is what the system opens with, resolved ${resolver}`, async (t) => {
    const { opened } = await plan(t, resolver, '../calls/open.plan.mjs')
    t.is(opened.length, 16)
    for (const { requested, syncs, reported } of opened) {
      // Linux does no less for RSYNC than for SYNC, of which DSYNC is a part.
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

  resolved(`TRUNC with DIRECTORY is ISDIR on a directory, and cuts no file, resolved ${resolver}`, async (t) => {
    const { cuts, contents } = await plan(t, resolver, '../calls/open.plan.mjs')
    t.deepEqual(cuts, { sub: ['ISDIR', 'ISDIR'], file: ['NOTDIR', 'NOTDIR'], inner: ['NOTDIR', 'NOTDIR'] })
    t.deepEqual(contents, ['content', 'inner'])
  })

  if (resolver === 'by the kernel') continue
  resolved(`every path is answered as the kernel answers it, ${resolver}`, async (t) => {
    const [kernel, walked] = await Promise.all(
      ['by the kernel', resolver].map((each) => plan(t, each, '../calls/resolving.plan.mjs')),
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
