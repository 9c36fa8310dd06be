// fd_readdir.

import { chmodSync, chownSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { FILETYPE, RIGHTS, hostFile, node, rawGuest, tree } from '../support/guest.mjs'
import { BAD_POINTER, VERSIONS, errnoOf, expectErrnos, expectOverflow, guestWithFiles } from '../support/calls.mjs'
import { NO_SYMLINKS, knownFailure, onLinux, onPosix } from '../support/conditions.mjs'
import { windows } from '../support/platform.mjs'

// Windows lets nobody move or remove what is open.
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
    `${version}: . and .. come first, then every name once, with its kind and serial number`,
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

test('.. of a preopen is the preopen itself, and elsewhere the directory above', (t) => {
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

onPosix('a directory opened through another is listed as itself, wherever it is moved meanwhile', (t) => {
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

test('an entry that does not fit is cut where the buffer ends, and used is the whole buffer', (t) => {
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
    // What is there of a name is its start; of a head there is all or nothing.
    if (size >= 51 + 24) t.is(guest.text(4096 + 51 + 24, Math.min(size, whole) - 75), 'some-name'.slice(0, size - 75))
  }
})

test('any cookie that was given out resumes behind its entry, in any order', (t) => {
  const files = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`file-${index}`, '']))
  const { guest } = guestWithFiles(t, files)
  const all = guest.readdir(3)
  t.is(all.length, 42)
  for (const index of [41, 0, 20, 40, 1, 39, 2, 20]) {
    const { entries } = guest.readdirOnce(3, { cookie: all[index].next })
    t.deepEqual(entries, all.slice(index + 1), `behind entry ${index}`)
    guest.reset()
  }
})

knownFailure(NO_SYMLINKS)('a cookie beyond the end is the end', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  for (const cookie of [6n, 7n, 1000n, 1n << 32n, (1n << 63n) - 1n, 1n << 63n, -1n]) {
    t.deepEqual(guest.readdirOnce(3, { cookie }), { used: 0, entries: [] }, String(cookie))
  }
  t.is(guest.readdir(3).length, 6)
})

knownFailure(NO_SYMLINKS)('from the start, what was made meanwhile is seen and what was removed is not', (t) => {
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

test('an empty directory has its two entries', (t) => {
  const { guest } = guestWithFiles(t, { 'empty/': null })
  t.deepEqual(
    guest.readdir(guest.open('empty')).map(({ name }) => name),
    ['.', '..'],
  )
})

onPosix('a directory that was removed while it was open has no more entries', (t) => {
  const { guest } = guestWithFiles(t, { 'empty/': null })
  const fd = guest.open('empty')
  guest.must('path_remove_directory', 3, ...guest.put('empty'))
  t.is(errnoOf(guest, 'fd_readdir', fd, 4096, 100, 2n, 0), 'SUCCESS')
  t.is(guest.u32(0), 0)
})

test('names are bytes, however long', (t) => {
  const { guest } = guestWithFiles(t, { ['n'.repeat(255)]: '', '漢字 é': '' })
  t.deepEqual(
    guest
      .readdir(3, { size: 24 + 255 })
      .map(({ name }) => name)
      .sort(),
    ['.', '..', 'n'.repeat(255), '漢字 é'],
  )
})

test('what is no directory is NOTDIR, without the right NOTCAPABLE, and not open BADF', (t) => {
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

test('a bad pointer, or a length over the end of memory, is OVERFLOW', (t) => {
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

/** Runs a script in a process that is no superuser's, with a guest in `directory`: what it prints as JSON. */
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

onLinux('fd_readdir of a directory whose mode was removed after path_open lists it, also from its start', async (t) => {
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

onLinux('a slash after a directory that may not be searched asks for nothing but the directory', async (t) => {
  const directory = tree(t, { 'nox/file': '' })
  chmodSync(join(directory, 'nox'), 0o644)
  const names = await asOrdinaryUser(
    t,
    directory,
    `
    const stat = (path) => guest.call.path_filestat_get(3, 0, ...guest.put(path), guest.out)
    const read = (path) => guest.call.path_readlink(3, ...guest.put(path), 512, 8, guest.out)
    show([stat('nox/'), read('nox/'), stat('nox/..'), stat('nox/file')])`,
  )
  t.deepEqual(names, [0, 28, 2, 2])
})
