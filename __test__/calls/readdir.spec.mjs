// fd_readdir.

import { chmodSync, chownSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { FILETYPE, RIGHTS, hostFile, node, rawGuest, tree } from '../support/guest.mjs'
import { BAD_POINTER, VERSIONS, errnoOf, expectErrnos, expectOverflow, guestWithFiles } from '../support/calls.mjs'
import { NO_SYMLINKS, knownFailure, onLinux, onPosix } from '../support/conditions.mjs'
import { windows } from '../support/platform.mjs'

const FILES = {
  'a.txt': 'a',
  'sub/inner': 'x',
  'sub/deeper/': null,
  link: { symlink: 'a.txt' },
  dangling: { symlink: 'nothing' },
}
const byName = (entries) => Object.fromEntries(entries.map((entry) => [entry.name, entry]))

for (const version of VERSIONS) {
  knownFailure(NO_SYMLINKS)(
    `${version}: fd_readdir lists . and .. first, then each name once, with filetype and inode`,
    (t) => {
      const { guest, directory } = guestWithFiles(t, FILES, { version })
      const entries = guest.readdir(3)
      t.deepEqual(
        entries.slice(0, 2).map(({ name, next }) => [name, next]),
        [
          ['.', 1n],
          ['..', 2n],
        ],
      )
      t.deepEqual(entries.map(({ name }) => name).sort(), ['.', '..', 'a.txt', 'dangling', 'link', 'sub'])
      const { DIRECTORY, REGULAR_FILE, SYMBOLIC_LINK } = FILETYPE
      const listed = byName(entries)
      t.deepEqual(
        ['.', '..', 'a.txt', 'dangling', 'link', 'sub'].map((name) => listed[name].filetype),
        [DIRECTORY, DIRECTORY, REGULAR_FILE, SYMBOLIC_LINK, SYMBOLIC_LINK, DIRECTORY],
      )
      if (windows) return
      for (const name of ['.', 'a.txt', 'sub'])
        t.is(listed[name].ino, statSync(join(directory, name), { bigint: true }).ino)
      t.is(new Set(entries.map(({ next }) => next)).size, entries.length)
    },
  )
}

test('fd_readdir gives .. the inode of the parent, and in a preopen of the preopen itself', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  const ino = (path) => guest.filestat(3, path).ino
  const dots = (path) =>
    guest
      .readdir(guest.open(path))
      .slice(0, 2)
      .map((entry) => entry.ino)
  t.deepEqual(dots('.'), [ino('.'), ino('.')])
  t.deepEqual(dots('sub'), [ino('sub'), ino('.')])
  t.deepEqual(dots('sub/deeper'), [ino('sub/deeper'), ino('sub')])
})

onPosix('fd_readdir lists an open directory that was renamed', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  const fd = guest.open('sub')
  guest.must('path_rename', 3, ...guest.put('sub'), 3, ...guest.put('moved'))
  t.deepEqual(
    guest
      .readdir(fd)
      .map(({ name }) => name)
      .sort(),
    ['.', '..', 'deeper', 'inner'],
  )
})

test('fd_readdir truncates the last entry at the end of the buffer and reports a full buffer', (t) => {
  const { guest } = guestWithFiles(t, { 'some-name': '' })
  const whole = 25 + 26 + 33
  for (let size = 0; size <= whole + 1; size++) {
    guest.reset()
    guest.bytes.fill(0xaa, 4096, 4096 + 128)
    t.is(errnoOf(guest, 'fd_readdir', 3, 4096, size, 0n, 0), 'SUCCESS')
    t.is(guest.u32(0), Math.min(size, whole), `${size} bytes`)
    t.true(
      guest.bytes.subarray(4096 + size, 4096 + 128).every((byte) => byte === 0xaa),
      `${size} bytes`,
    )
    // A truncated name keeps its first bytes.
    if (size >= 51 + 24) t.is(guest.text(4096 + 51 + 24, Math.min(size, whole) - 75), 'some-name'.slice(0, size - 75))
  }
})

test('fd_readdir with the cookie of any entry resumes after that entry', (t) => {
  const files = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`file-${index}`, '']))
  const { guest } = guestWithFiles(t, files)
  const all = guest.readdir(3)
  t.is(all.length, 42)
  for (const index of [41, 0, 20, 40, 1, 39, 2, 20]) {
    const { entries } = guest.readdirOnce(3, { cookie: all[index].next })
    t.deepEqual(entries, all.slice(index + 1), `after entry ${index}`)
    guest.reset()
  }
})

knownFailure(NO_SYMLINKS)('fd_readdir with a cookie beyond the end returns no entries', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  for (const cookie of [6n, 7n, 1000n, 1n << 32n, (1n << 63n) - 1n, 1n << 63n, -1n]) {
    t.deepEqual(guest.readdirOnce(3, { cookie }), { used: 0, entries: [] }, String(cookie))
  }
  t.is(guest.readdir(3).length, 6)
})

knownFailure(NO_SYMLINKS)('fd_readdir with cookie 0 lists created names and no longer lists removed names', (t) => {
  const { guest, directory } = guestWithFiles(t, FILES)
  guest.readdir(3)
  writeFileSync(join(directory, 'new'), '')
  unlinkSync(join(directory, 'a.txt'))
  t.deepEqual(
    guest
      .readdir(3)
      .map(({ name }) => name)
      .sort(),
    ['.', '..', 'dangling', 'link', 'new', 'sub'],
  )
})

test('fd_readdir of an empty directory returns . and ..', (t) => {
  const { guest } = guestWithFiles(t, { 'empty/': null })
  t.deepEqual(
    guest.readdir(guest.open('empty')).map(({ name }) => name),
    ['.', '..'],
  )
})

onPosix('fd_readdir of an open directory that was removed returns no further entries', (t) => {
  const { guest } = guestWithFiles(t, { 'empty/': null })
  const fd = guest.open('empty')
  guest.must('path_remove_directory', 3, ...guest.put('empty'))
  t.is(errnoOf(guest, 'fd_readdir', fd, 4096, 100, 2n, 0), 'SUCCESS')
  t.is(guest.u32(0), 0)
})

test('fd_readdir returns names of 255 bytes and non-ASCII names unchanged', (t) => {
  const { guest } = guestWithFiles(t, { ['n'.repeat(255)]: '', '漢字 é': '' })
  t.deepEqual(
    guest
      .readdir(3, { size: 24 + 255 })
      .map(({ name }) => name)
      .sort(),
    ['.', '..', 'n'.repeat(255), '漢字 é'],
  )
})

test('fd_readdir of a file fails with ENOTDIR, without the right ENOTCAPABLE, of a closed fd EBADF', (t) => {
  const { guest } = guestWithFiles(t, FILES, { stdin: hostFile(t).fd })
  const [file, dir] = [guest.open('a.txt'), guest.open('sub')]
  const { base, inheriting } = guest.fdstat(dir)
  guest.must('fd_fdstat_set_rights', dir, base & ~RIGHTS.FD_READDIR, inheriting)
  guest.bytes.fill(0, 0, 4)
  expectErrnos(t, guest, [
    ['NOTDIR', 'fd_readdir', file, 4096, 100, 0n, 0],
    ['NOTDIR', 'fd_readdir', 0, 4096, 100, 0n, 0],
    ['NOTCAPABLE', 'fd_readdir', dir, 4096, 100, 0n, 0],
    ['BADF', 'fd_readdir', 77, 4096, 100, 0n, 0],
  ])
  t.is(guest.u32(0), 0)
})

test('fd_readdir with a bad pointer or a length beyond memory fails with EOVERFLOW', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  const end = guest.memory.buffer.byteLength
  expectOverflow(t, guest, [
    ['fd_readdir', 3, BAD_POINTER, 100, 0n, 0],
    ['fd_readdir', 3, 4096, 100, 0n, BAD_POINTER],
  ])
  expectErrnos(t, guest, [
    ['OVERFLOW', 'fd_readdir', 3, end - 100, 101, 0n, 0],
    ['OVERFLOW', 'fd_readdir', 3, 4096, -1, 0n, 0],
    ['SUCCESS', 'fd_readdir', 3, end - 100, 100, 0n, 0],
  ])
})

/** Runs a script with a guest in `directory`, as a user other than root. Returns the JSON that it printed. */
async function asOrdinaryUser(t, directory, script) {
  chmodSync(directory, 0o755)
  const { stdout, stderr, code } = await node(
    `
    import { chmodSync, openSync } from 'node:fs'
    import { RIGHTS, rawGuest } from './__test__/support/guest.mjs'
    if (process.getuid() === 0) {
      process.setgid(65534)
      process.setuid(65534)
    }
    const guest = rawGuest({ preopens: { '/': ${JSON.stringify(directory)} } })
    const names = (fd) => guest.readdir(fd).map(({ name }) => name).sort()
    const show = (value) => console.log(JSON.stringify(value))
    ${script}`,
    { module: true },
  )
  t.is(code, 0, stderr)
  return JSON.parse(stdout)
}

onLinux('fd_readdir of a directory that may be read but not searched lists it', async (t) => {
  const directory = tree(t, { 'readable/name': '' })
  chmodSync(join(directory, 'readable'), 0o444)
  t.deepEqual(await asOrdinaryUser(t, directory, "show(names(guest.open('readable', { oflags: 2 })))"), [
    '.',
    '..',
    'name',
  ])
})

onLinux('fd_readdir of a directory whose mode becomes 0 after path_open lists it, also from the start', async (t) => {
  const directory = tree(t, { 'mine/name': '' })
  if (process.getuid() === 0) chownSync(join(directory, 'mine'), 65534, 65534)
  const listed = await asOrdinaryUser(
    t,
    directory,
    `
    const fd = guest.open('mine', { oflags: 2 })
    const before = names(fd)
    chmodSync(${JSON.stringify(join(directory, 'mine'))}, 0)
    show([before, names(fd), names(fd)])`,
  )
  t.deepEqual(listed, Array(3).fill(['.', '..', 'name']))
})

onLinux('fd_readdir and path_filestat_get succeed at the descriptor limit of the process', async (t) => {
  const directory = tree(t, { 'sub/name': '', file: '', link: { symlink: 'file' } })
  const { code, stdout, stderr } = await node(
    `
    import { openSync } from 'node:fs'
    import { rawGuest } from './__test__/support/guest.mjs'
    const guest = rawGuest({ preopens: { '/': ${JSON.stringify(directory)} } })
    const fd = guest.open('sub')
    const before = [guest.readdir(3), guest.readdir(fd), guest.filestat(3, 'file'), guest.filestat(3, '.')]
    try {
      for (;;) openSync('/dev/null')
    } catch (error) {
      if (error.code !== 'EMFILE') throw error
    }
    const after = [guest.readdir(3), guest.readdir(fd), guest.filestat(3, 'file'), guest.filestat(3, '.')]
    const linked = guest.filestat(3, 'link', { lookup: 1 }).ino === guest.filestat(3, 'file').ino
    const text = (value) => JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? String(item) : item))
    process.stdout.write(text(before) === text(after) && linked ? 'the same' : text([before, after]))`,
    { module: true },
  )
  t.is(code, 0, stderr)
  t.is(stdout, 'the same')
})

onLinux('reading through a read-only preopen keeps access times', (t) => {
  const directory = tree(t, { 'sub/file': 'text' })
  const paths = ['', 'sub', 'sub/file'].map((name) => join(directory, name))
  for (const path of paths) utimesSync(path, 1, 2)
  const guest = rawGuest({ preopens: { '/': { path: directory, readonly: true } } })
  guest.readdir(3)
  guest.readdir(guest.open('sub'))
  t.is(guest.read(guest.open('sub/file')), 'text')
  t.deepEqual(
    paths.map((path) => statSync(path).atimeMs),
    [1000, 1000, 1000],
  )
})

onLinux('path_filestat_get of a directory that may not be searched succeeds with a trailing slash', async (t) => {
  const directory = tree(t, { 'nox/file': '' })
  chmodSync(join(directory, 'nox'), 0o644)
  const errnos = await asOrdinaryUser(
    t,
    directory,
    `
    const stat = (path) => guest.call.path_filestat_get(3, 0, ...guest.put(path), guest.out)
    const read = (path) => guest.call.path_readlink(3, ...guest.put(path), 512, 8, guest.out)
    show([stat('nox/'), read('nox/'), stat('nox/..'), stat('nox/file')])`,
  )
  t.deepEqual(errnos, [0, 28, 2, 2])
})
