// Overlays: reading, changing, unchanged lower directories, changes() and applyTo().

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { Directory } from 'capwasi'
import { errnoOf, expectErrnos } from '../support/calls.mjs'
import { onLinux, onPosix } from '../support/conditions.mjs'
import { FDFLAGS, LOOKUP, OFLAGS, RIGHTS, node, rawGuest, root, tree } from '../support/guest.mjs'

const { CREAT, DIRECTORY, EXCL, TRUNC } = OFLAGS

const WRITING = { rights: RIGHTS.FD_WRITE | RIGHTS.FD_READ }

/** Returns all that a directory of the host holds, with the times at which it changed. */
function snapshot(path) {
  const { mode, size, nlink, ino, mtimeMs, ctimeMs } = fs.lstatSync(path)
  const stats = { mode, size, nlink, ino, mtimeMs, ctimeMs }
  if (fs.lstatSync(path).isSymbolicLink()) return { ...stats, target: fs.readlinkSync(path) }
  if (!fs.lstatSync(path).isDirectory()) return { ...stats, content: fs.readFileSync(path, 'latin1') }
  const entries = fs.readdirSync(path).map((name) => [name, snapshot(join(path, name))])
  return { ...stats, entries: Object.fromEntries(entries) }
}

/** Makes an overlay of a directory of the host, and checks after the test that the directory is unchanged. */
function overTree(t, files, limits) {
  const path = tree(t, files)
  const before = snapshot(path)
  t.teardown(() => assert.deepEqual(snapshot(path), before))
  return Directory.overlay(path, limits)
}

/** Formats changes as lines: `A path` for a file, `M path/` for a directory, `M path@` for a link. */
const changesOf = (overlay) =>
  overlay.changes().map(({ path, change, type }) => {
    const suffix = { file: '', directory: '/', symlink: '@' }[type]
    return `${{ added: 'A', modified: 'M', removed: 'D' }[change]} ${path}${suffix}`
  })

// Making

test('Directory.overlay takes a path, a URL and a Directory of any kind', (t) => {
  const path = tree(t, { f: 'text' })
  const readonly = Directory.open(path, { readonly: true })
  const memory = Directory.memory({ f: 'text' })
  for (const lower of [path, pathToFileURL(path), readonly, memory, Directory.overlay(memory)]) {
    const overlay = Directory.overlay(lower)
    t.is(overlay.kind, 'overlay')
    t.deepEqual(overlay.usage, { bytes: 0, files: 0 })
    t.deepEqual(overlay.changes(), [])
    overlay.appendFileSync('f', ' and more')
    t.is(overlay.readFileSync('f', 'utf8'), 'text and more')
    t.deepEqual(changesOf(overlay), ['M f'])
  }
  t.is(fs.readFileSync(join(path, 'f'), 'utf8'), 'text')
  t.is(memory.readFileSync('f', 'utf8'), 'text')
})

test('an overlay stays open after close() of its lower Directory', (t) => {
  const memory = Directory.memory({ f: 'text' })
  const overlay = Directory.overlay(memory)
  memory.close()
  t.is(overlay.readFileSync('f', 'utf8'), 'text')
})

test('Directory.overlay fails with an error of node:fs', (t) => {
  const path = tree(t, { f: '' })
  const closed = Directory.memory()
  closed.close()
  for (const [lower, message] of [
    [join(path, 'missing'), `ENOENT: no such file or directory, open '${join(path, 'missing')}'`],
    [join(path, 'f'), `ENOTDIR: not a directory, open '${join(path, 'f')}'`],
    [closed, 'EBADF: bad file descriptor, open'],
  ])
    t.like(
      t.throws(() => Directory.overlay(lower)),
      { message, syscall: 'open', code: message.split(':')[0] },
    )
})

test('Directory.overlay fails with ELOOP beyond 31 overlays over each other', (t) => {
  let directory = Directory.memory({ f: 'text' })
  for (let depth = 0; depth < 31; depth++) {
    directory = Directory.overlay(directory)
    directory.writeFileSync(`f${depth}`, '')
  }
  t.is(directory.readFileSync('f', 'utf8'), 'text')
  t.is(directory.readdirSync().length, 32)
  t.throws(() => Directory.overlay(directory), {
    code: 'ELOOP',
    message: 'There can be at most 31 overlays over each other',
  })
})

for (const [fault, args, code, message] of [
  ['no lower directory', [], 'ERR_INVALID_ARG_TYPE', /^The "lower" argument must be .* Received undefined$/],
  ['a descriptor', [{ fd: 3 }], 'ERR_INVALID_ARG_TYPE', /^The "lower" argument must be of type string, an instance of/],
  ['a path with NUL', ['a\0b'], 'ERR_INVALID_ARG_VALUE', /^The argument 'lower' must be a string without null bytes/],
  ['a URL of http', [new URL('http://x/')], 'ERR_INVALID_URL_SCHEME', /^The property 'lower' must be a file: URL/],
  ['an unknown limit', ['.', { maxbytes: 1 }], 'ERR_INVALID_ARG_VALUE', /'limits\['maxbytes'\]' is unknown/],
  ['a limit that is text', ['.', { maxFiles: '1' }], 'ERR_INVALID_ARG_TYPE', /^The "limits\.maxFiles" property/],
  ['a negative limit', ['.', { maxBytes: -1 }], 'ERR_OUT_OF_RANGE', /It must be >= 0/],
  ['limits that are a number', ['.', 5], 'ERR_INVALID_ARG_TYPE', /^The "limits" argument must be of type object/],
]) {
  test(`Directory.overlay with ${fault} throws ${code}`, (t) => {
    t.throws(() => Directory.overlay(...args), { code, message })
  })
}

const permission = ['--permission', '--experimental-permission'].find((flag) =>
  process.allowedNodeEnvironmentFlags.has(flag),
)

onPosix('under the permission model, Directory.overlay of a path needs fs.read only', async (t) => {
  const top = fs.realpathSync(tree(t, { 'in/f': 'text', 'out/': null, 'in/link': { symlink: '../out' } }))
  const [inside, outside] = [join(top, 'in'), join(top, 'out')]
  const overlay = async (path, read) => {
    const script = `
      const { Directory } = require(${JSON.stringify(root)})
      try {
        const overlay = Directory.overlay(${JSON.stringify(path)})
        overlay.writeFileSync('f', 'changed')
        console.log(overlay.readFileSync('f', 'utf8'))
      } catch ({ code, permission, resource }) { console.log(code, permission, resource) }`
    const granted = [root, ...read].map((path) => `--allow-fs-read=${path}`)
    return (await node(script, { flags: ['--no-warnings', permission, '--allow-addons', ...granted] })).stdout.trim()
  }
  t.is(await overlay(inside, []), `ERR_ACCESS_DENIED FileSystemRead ${inside}`)
  t.is(await overlay(inside, [inside]), 'changed')
  t.is(await overlay(join(inside, 'link'), [inside]), `ERR_ACCESS_DENIED FileSystemRead ${outside}`)
  t.is(fs.readFileSync(join(inside, 'f'), 'utf8'), 'text')
})

// Whiteouts

test('a path removed from an overlay no longer exists, and can be created again', (t) => {
  const overlay = overTree(t, { 'd/f': 'lower', 'd/g': 'lower', 'e/f': '' })
  t.throws(() => overlay.rmdirSync('d'), { code: 'ENOTEMPTY' })
  overlay.unlinkSync('d/f')
  t.throws(() => overlay.readFileSync('d/f'), { code: 'ENOENT' })
  t.throws(() => overlay.unlinkSync('d/f'), { code: 'ENOENT' })
  t.deepEqual(overlay.readdirSync('d'), ['g'])
  t.throws(() => overlay.rmdirSync('d'), { code: 'ENOTEMPTY' })
  t.deepEqual(changesOf(overlay), ['D d/f'])
  overlay.unlinkSync('d/g')
  overlay.rmdirSync('d')
  t.false(overlay.existsSync('d'))
  t.deepEqual(changesOf(overlay), ['D d/'])
  overlay.mkdirSync('d')
  t.deepEqual(overlay.readdirSync('d'), [])
  t.deepEqual(changesOf(overlay), ['D d/f', 'D d/g'])
  overlay.writeFileSync('d/f', 'new', { flag: 'wx' })
  t.deepEqual(changesOf(overlay), ['M d/f', 'D d/g'])
  overlay.rmSync('e', { recursive: true })
  overlay.writeFileSync('e', '')
  t.deepEqual(changesOf(overlay), ['M d/f', 'D d/g', 'M e'])
  t.deepEqual(overlay.toJSON(), { 'd/f': 'new', e: '' })
})

test('a guest removes, replaces and creates entries of a lower directory with the errnos of POSIX', (t) => {
  const overlay = overTree(t, { 'd/f': 'text', 'd/sub/': null, f: 'text', 'empty/': null })
  const guest = rawGuest({ preopens: { '/': overlay } })
  expectErrnos(t, guest, [
    ['NOTEMPTY', 'path_remove_directory', 3, 'd'],
    ['NOTDIR', 'path_remove_directory', 3, 'f'],
    ['ISDIR', 'path_unlink_file', 3, 'd'],
    ['EXIST', 'path_create_directory', 3, 'd'],
    ['EXIST', 'path_create_directory', 3, 'f'],
    ['EXIST', 'path_symlink', 'x', 3, 'f'],
    ['EXIST', 'path_link', 3, 0, 'f', 3, 'd/f'],
    ['EXIST', 'path_open', 3, 0, 'f', CREAT | EXCL, RIGHTS.FD_WRITE, 0n, 0, 0],
    ['NOTDIR', 'path_open', 3, 0, 'f', DIRECTORY, RIGHTS.FD_READ, 0n, 0, 0],
    ['ISDIR', 'path_open', 3, 0, 'd', TRUNC, RIGHTS.FD_WRITE, 0n, 0, 0],
    ['NOTDIR', 'path_create_directory', 3, 'f/x'],
    ['NOENT', 'path_create_directory', 3, 'no/x'],
    ['ISDIR', 'path_rename', 3, 'f', 3, 'd'],
    ['NOTDIR', 'path_rename', 3, 'd', 3, 'f'],
    ['NOTEMPTY', 'path_rename', 3, 'empty', 3, 'd'],
    ['INVAL', 'path_rename', 3, 'd', 3, 'd/sub/x'],
    ['NOTCAPABLE', 'path_rename', 3, 'f', 3, '../f'],
    ['SUCCESS', 'path_unlink_file', 3, 'd/f'],
    ['NOENT', 'path_unlink_file', 3, 'd/f'],
    ['NOENT', 'path_open', 3, 0, 'd/f', 0, RIGHTS.FD_READ, 0n, 0, 0],
    ['SUCCESS', 'path_remove_directory', 3, 'd/sub'],
    ['SUCCESS', 'path_rename', 3, 'empty', 3, 'd'],
    ['SUCCESS', 'path_symlink', '..', 3, 'out'],
    ['NOTCAPABLE', 'path_open', 3, LOOKUP.SYMLINK_FOLLOW, 'out/x', 0, RIGHTS.FD_READ, 0n, 0, 0],
  ])
  t.deepEqual(changesOf(overlay), ['D d/f', 'D d/sub/', 'D empty/', 'A out@'])
})

test('a listing of an overlay has each name once, with the inode number of stat, while entries change', (t) => {
  const files = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`d/${index}`, '']))
  const overlay = overTree(t, files)
  for (let index = 0; index < 200; index += 2) overlay.unlinkSync(`d/${index}`)
  for (let index = 0; index < 200; index += 4) overlay.writeFileSync(`d/${index}`, 'new')
  for (let index = 0; index < 50; index++) overlay.writeFileSync(`d/new-${index}`, '')
  const guest = rawGuest({ preopens: { '/': overlay } })
  const fd = guest.open('d', { oflags: DIRECTORY, rights: RIGHTS.FD_READDIR })
  const entries = guest.readdir(fd).filter(({ name }) => !/^\.\.?$/.test(name))
  t.is(entries.length, 200)
  t.is(new Set(entries.map(({ name }) => name)).size, 200)
  for (const { name, ino } of entries) {
    guest.reset()
    t.is(guest.filestat(3, `d/${name}`).ino, ino, name)
  }
})

// Renames

test('a lower directory can be renamed, back and over another, with everything below', (t) => {
  const overlay = overTree(t, { 'a/b/f': 'text', 'a/g': 'g', 'c/': null, 'full/x': '' })
  overlay.renameSync('a', 'x')
  t.is(overlay.readFileSync('x/b/f', 'utf8'), 'text')
  t.throws(() => overlay.statSync('a'), { code: 'ENOENT' })
  t.deepEqual(changesOf(overlay), ['D a/', 'A x/', 'A x/b/', 'A x/b/f', 'A x/g'])
  overlay.renameSync('x/b', 'moved')
  overlay.renameSync('moved', 'x/b')
  overlay.renameSync('x', 'a')
  t.deepEqual(changesOf(overlay), [])
  t.throws(() => overlay.renameSync('a', 'full'), { code: 'ENOTEMPTY' })
  overlay.renameSync('a', 'c')
  t.deepEqual(changesOf(overlay), ['D a/', 'A c/b/', 'A c/b/f', 'A c/g'])
  overlay.renameSync('c/g', 'full/x')
  t.deepEqual(changesOf(overlay), ['D a/', 'A c/b/', 'A c/b/f', 'M full/x'])
  t.deepEqual(overlay.toJSON(), { 'c/b/f': 'text', 'full/x': 'g' })
})

// Copy-up

test('a file of the lower directory is copied at its first change, and only then counts', (t) => {
  const overlay = overTree(t, { big: 'x'.repeat(100_000), small: 'text', attributes: 'text', times: 'text' })
  overlay.readFileSync('big')
  t.deepEqual(overlay.usage, { bytes: 0, files: 0 })
  overlay.appendFileSync('small', '!')
  t.is(overlay.readFileSync('small', 'utf8'), 'text!')
  t.deepEqual(overlay.usage.files, 1)
  overlay.truncateSync('big', 4096)
  t.true(overlay.usage.bytes < 10_000)
  t.is(overlay.readFileSync('big', 'utf8'), 'x'.repeat(4096))
  overlay.chmodSync('attributes', 0o600)
  overlay.utimesSync('times', 1, 2)
  t.is(overlay.statSync('attributes').mode & 0o777, 0o600)
  t.is(overlay.statSync('times').mtimeMs, 2000)
  t.is(overlay.readFileSync('times', 'utf8'), 'text')
  t.deepEqual(changesOf(overlay), ['M attributes', 'M big', 'M small', 'M times'])
})

onLinux('reading through an overlay leaves the access times of the lower directory unchanged', (t) => {
  const path = tree(t, { 'd/f': 'text', 'd/g': 'text' })
  const old = (name) => fs.utimesSync(join(path, name), 1, 2)
  for (const name of ['d/f', 'd/g', 'd', '.']) old(name)
  const overlay = Directory.overlay(path)
  const guest = rawGuest({ preopens: { '/': overlay } })
  t.is(guest.read(guest.open('d/f')), 'text')
  overlay.readdirSync('.', { recursive: true })
  overlay.appendFileSync('d/g', '!')
  overlay.readFileSync('d/g')
  overlay.applyTo(Directory.memory())
  for (const name of ['d/f', 'd/g', 'd', '.']) t.is(fs.statSync(join(path, name)).atimeMs, 1000, name)
})

test('a guest that has a lower file open sees the change of another descriptor', (t) => {
  const overlay = overTree(t, { f: 'lower' })
  const guest = rawGuest({ preopens: { '/': overlay } })
  const reader = guest.open('f')
  const writer = guest.open('f', WRITING)
  const appender = guest.open('f', { ...WRITING, fdflags: FDFLAGS.APPEND })
  guest.write(writer, 'UPP')
  guest.write(appender, '!')
  t.is(guest.read(reader), 'UPPer!')
  overlay.unlinkSync('f')
  guest.write(writer, '..')
  guest.seek(reader, 0)
  t.is(guest.read(reader), 'UPP..!')
})

onPosix('hard links of the lower directory stay one file', (t) => {
  const path = tree(t, { a: 'lower' })
  fs.linkSync(join(path, 'a'), join(path, 'b'))
  const overlay = Directory.overlay(path)
  overlay.writeFileSync('a', 'changed')
  t.is(overlay.readFileSync('b', 'utf8'), 'changed')
  t.is(overlay.statSync('b').nlink, 2)
  overlay.linkSync('b', 'c')
  t.is(overlay.statSync('a').nlink, 3)
  t.deepEqual(changesOf(overlay), ['M a', 'M b', 'A c'])
  t.is(fs.readFileSync(join(path, 'b'), 'utf8'), 'lower')
})

test('beyond the limits of an overlay changes fail with ENOSPC, and the lower files stay readable', (t) => {
  const overlay = overTree(t, { big: 'x'.repeat(100_000), f: 'text' }, { maxBytes: 8192, maxFiles: 2 })
  t.throws(() => overlay.appendFileSync('big', 'x'), { code: 'ENOSPC' })
  t.is(overlay.readFileSync('big').length, 100_000)
  overlay.writeFileSync('new', '')
  t.throws(() => overlay.mkdirSync('d/e/f', { recursive: true }), { code: 'ENOSPC' })
  const guest = rawGuest({ preopens: { '/': overlay } })
  t.is(errnoOf(guest, 'path_symlink', 'x', 3, 'link'), 'NOSPC')
  t.is(guest.read(guest.open('f')), 'text')
})

test('a link or rename between an overlay and its lower directory fails with EXDEV', (t) => {
  const memory = Directory.memory({ f: 'text' })
  const guest = rawGuest({ preopens: { '/o': Directory.overlay(memory), '/m': memory } })
  t.is(errnoOf(guest, 'path_rename', 3, 'f', 4, 'g'), 'XDEV')
  t.is(errnoOf(guest, 'path_link', 4, 0, 'f', 3, 'g'), 'XDEV')
  t.not(guest.filestat(3, 'f').dev, guest.filestat(4, 'f').dev)
})

// Overlays of overlays

test('an overlay of an overlay shows and changes all three levels', (t) => {
  const middle = overTree(t, { 'd/a': 'lower', 'd/b': 'lower', 'd/c': 'lower' })
  middle.writeFileSync('d/b', 'middle')
  middle.unlinkSync('d/c')
  middle.renameSync('d', 'e')
  const before = JSON.stringify(middle)
  const top = Directory.overlay(middle)
  t.deepEqual(top.toJSON(), { 'e/a': 'lower', 'e/b': 'middle' })
  top.writeFileSync('e/c', 'top')
  top.appendFileSync('e/b', ' and top')
  top.renameSync('e/a', 'a')
  top.symlinkSync('e', 'link')
  t.deepEqual(changesOf(top), ['A a', 'D e/a', 'M e/b', 'A e/c', 'A link@'])
  t.is(top.readFileSync('link/b', 'utf8'), 'middle and top')
  t.is(JSON.stringify(middle), before)
  top.applyTo(middle)
  t.deepEqual(middle.toJSON(), { a: 'lower', 'e/b': 'middle and top', 'e/c': 'top', link: '-> e' })
})

// changes()

test('changes() sorts by code units and lists nothing that was undone', (t) => {
  const names = ['\u{10000}', '\uffff', 'Z', 'a', 'a-', 'a/x', 'ä']
  const overlay = overTree(t, { 'same/f': 'text', 'again/': null })
  overlay.mkdirSync('a')
  for (const name of names) if (name !== 'a') overlay.writeFileSync(name, '')
  overlay.writeFileSync('undone', '')
  overlay.unlinkSync('undone')
  overlay.renameSync('same/f', 'f')
  overlay.renameSync('f', 'same/f')
  overlay.rmdirSync('again')
  overlay.mkdirSync('again')
  t.deepEqual(
    overlay.changes().map(({ path }) => path),
    names.sort(),
  )
  t.deepEqual(overlay.changes()[0], { path: 'Z', change: 'added', type: 'file' })
})

test('changes() lists a path with another type as modified, and only additions below', (t) => {
  const overlay = overTree(t, { 'd/x': '', 'd/y': '', f: '', g: '' })
  overlay.rmSync('d', { recursive: true })
  overlay.symlinkSync('f', 'd')
  overlay.unlinkSync('f')
  overlay.mkdirSync('f/sub', { recursive: true })
  overlay.unlinkSync('g')
  overlay.symlinkSync('/', 'g')
  t.deepEqual(changesOf(overlay), ['M d@', 'M f/', 'A f/sub/', 'M g@'])
})

onPosix('changes() lists a directory in the place of another one only if the permission bits differ', (t) => {
  const overlay = overTree(t, { 'a/': null, 'b/': null, 'c/': null, 'd/': null })
  overlay.chmodSync('d', 0o701)
  overlay.rmdirSync('c')
  overlay.renameSync('d', 'c')
  for (const path of ['a', 'b']) {
    overlay.rmdirSync(path)
    overlay.mkdirSync(path)
  }
  overlay.chmodSync('b', 0o700)
  t.deepEqual(changesOf(overlay), ['M b/', 'M c/', 'D d/'])
  const lower = Directory.memory({ d: null })
  lower.chmodSync('d', 0o700)
  const other = Directory.overlay(lower)
  other.rmdirSync('d')
  other.mkdirSync('d')
  t.deepEqual(changesOf(other), ['M d/'])
  other.applyTo(lower)
  t.is(lower.statSync('d').mode & 0o777, 0o755)
})

test('changes() and applyTo() of another directory throw ENOTSUP', (t) => {
  for (const [kind, directory] of [
    ['host', Directory.open(tree(t))],
    ['memory', Directory.memory()],
  ]) {
    t.like(
      t.throws(() => directory.changes()),
      {
        code: 'ENOTSUP',
        message: `changes() is only for overlays. Received a directory of the kind '${kind}'`,
      },
    )
    t.throws(() => directory.applyTo(Directory.memory()), { code: 'ENOTSUP', message: /^applyTo\(\) is only for/ })
  }
})

onPosix('a FIFO of the lower directory is listed as a file, and applyTo() of one fails with ENOTSUP', (t) => {
  const path = tree(t, { f: '' })
  execFileSync('mkfifo', [join(path, 'fifo')])
  const overlay = Directory.overlay(path)
  t.true(overlay.lstatSync('fifo').isFIFO())
  overlay.unlinkSync('f')
  overlay.renameSync('fifo', 'moved')
  t.deepEqual(changesOf(overlay), ['D f', 'D fifo', 'A moved'])
  const error = t.throws(() => overlay.applyTo(Directory.open(path)), { code: 'ENOTSUP' })
  t.is(error.syscall, 'applyTo')
  t.deepEqual(fs.readdirSync(path), ['f', 'fifo'])
})

// applyTo()

test('applyTo() fails for a target that is no Directory, closed, read-only, full, or the overlay', (t) => {
  const overlay = overTree(t, {})
  overlay.writeFileSync('f', 'x'.repeat(10_000))
  const closed = Directory.memory()
  closed.close()
  for (const target of [undefined, null, 'x', {}, tree(t)])
    t.throws(() => overlay.applyTo(target), {
      instanceOf: TypeError,
      code: 'ERR_INVALID_ARG_TYPE',
      message: /^The "target" argument must be an instance of Directory\. Received /,
    })
  for (const [target, code, path = ''] of [
    [closed, 'EBADF'],
    [Directory.open(tree(t), { readonly: true }), 'EROFS'],
    [overlay, 'EINVAL'],
    [Directory.memory({}, { maxBytes: 4096 }), 'ENOSPC', " 'f'"],
  ]) {
    const error = t.throws(() => overlay.applyTo(target), { code })
    t.is(error.syscall, 'applyTo')
    t.regex(error.message, new RegExp(`^${code}: .*, applyTo${path}$`))
  }
})

test('applyTo() that fails for lack of space leaves the target as it was', (t) => {
  const target = Directory.memory({ old: 'text' }, { maxBytes: 8192 })
  const overlay = Directory.overlay(Directory.memory({ old: 'text' }))
  overlay.unlinkSync('old')
  overlay.writeFileSync('new', 'x'.repeat(20_000))
  t.throws(() => overlay.applyTo(target), { code: 'ENOSPC' })
  t.deepEqual(target.toJSON(), { old: 'text' })
})

for (const [kind, create] of [
  ['directories', (overlay, name) => overlay.mkdirSync(name)],
  ['links', (overlay, name) => overlay.symlinkSync('old', name)],
]) {
  test(`applyTo() that fails because the target has no room for ${kind} leaves the target as it was`, (t) => {
    const target = Directory.memory({ old: 'text' }, { maxFiles: 4 })
    const overlay = Directory.overlay(Directory.memory({ old: 'text' }))
    overlay.unlinkSync('old')
    for (const name of ['a', 'b', 'c', 'd']) create(overlay, name)
    t.throws(() => overlay.applyTo(target), { code: 'ENOSPC' })
    t.deepEqual(target.toJSON(), { old: 'text' })
    t.is(target.usage.files, 1)
  })
}

onPosix('applyTo() follows no link of the target: a link in the way is replaced', (t) => {
  const outside = tree(t, { f: 'outside', 'sub/': null })
  const overlay = overTree(t, { 'd/old': '', 'e/f': '', file: '' })
  overlay.writeFileSync('d/new', 'inside')
  overlay.unlinkSync('d/old')
  overlay.unlinkSync('e/f')
  overlay.writeFileSync('file', 'changed')
  overlay.mkdirSync('made')
  overlay.symlinkSync(outside, 'guest')
  const target = tree(t)
  for (const [link, to] of [
    ['d', outside],
    ['e', outside],
    ['file', join(outside, 'f')],
    ['made', join(outside, 'sub')],
    ['guest', outside],
  ])
    fs.symlinkSync(to, join(target, link))
  const directory = Directory.open(target)
  overlay.applyTo(directory)
  t.deepEqual(directory.toJSON(), {
    'd/new': 'inside',
    e: `-> ${outside}`,
    file: 'changed',
    guest: `-> ${outside}`,
    made: null,
  })
  t.deepEqual(fs.readdirSync(outside), ['f', 'sub'])
  t.is(fs.readFileSync(join(outside, 'f'), 'utf8'), 'outside')
})

onLinux('applyTo() keeps holes, permission bits, times and hard links', (t) => {
  const overlay = overTree(t, { f: 'text' })
  overlay.truncateSync('f', 2 ** 30)
  overlay.appendFileSync('f', 'end')
  overlay.chmodSync('f', 0o640)
  overlay.utimesSync('f', 1, 2)
  overlay.linkSync('f', 'link')
  const target = tree(t, { f: 'text' })
  overlay.applyTo(Directory.open(target))
  const stats = fs.statSync(join(target, 'link'))
  t.deepEqual([stats.size, stats.mode & 0o777, stats.mtimeMs, stats.nlink], [2 ** 30 + 3, 0o640, 2000, 2])
  t.true(stats.blocks < 1000)
  t.is(fs.statSync(join(target, 'f')).ino, stats.ino)
})

test('applyTo() on the lower directory itself makes it equal to the overlay', (t) => {
  const path = tree(t, { 'a/f': 'text', 'b/g': 'g', h: 'h' })
  const lower = Directory.open(path)
  const overlay = Directory.overlay(lower)
  overlay.renameSync('a', 'c')
  overlay.renameSync('b/g', 'a')
  overlay.appendFileSync('h', '!')
  overlay.rmdirSync('b')
  const expected = overlay.toJSON()
  overlay.applyTo(lower)
  t.deepEqual(lower.toJSON(), expected)
  t.deepEqual(expected, { a: 'g', 'c/f': 'text', h: 'h!' })
})

/** Returns pseudo-random integers below a limit: a linear congruential generator. */
function generator(seed) {
  let state = BigInt(seed)
  return (limit) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffff_ffff_ffff_ffffn
    return Number((state >> 33n) % BigInt(limit))
  }
}

/** Makes a random call. Calls that fail change nothing. */
function change(directory, random) {
  const path = () => Array.from({ length: 1 + random(3) }, () => 'abc'[random(3)]).join('/')
  const calls = [
    () => directory.writeFileSync(path(), `${random(1000)}`),
    () => directory.appendFileSync(path(), `${random(1000)}`),
    () => directory.truncateSync(path(), random(10)),
    () => directory.mkdirSync(path()),
    () => directory.mkdirSync(path(), { recursive: true }),
    () => directory.rmSync(path(), { recursive: random(2) === 0 }),
    () => directory.rmdirSync(path()),
    () => directory.renameSync(path(), path()),
    () => directory.renameSync(path(), path()),
    () => directory.symlinkSync(path(), path()),
    () => directory.linkSync(path(), path()),
    () => directory.chmodSync(path(), 0o700 + random(8)),
    () => directory.utimesSync(path(), random(1e9), random(1e9)),
  ]
  try {
    calls[random(calls.length)]()
  } catch (error) {
    if (error.errno === undefined && error.code !== 'ERR_WASI_ESCAPE' && !error.code?.startsWith('ERR_FS_')) throw error
  }
}

/** Describes each file of a directory, and sorts by path. */
const contents = (directory) =>
  directory.readdirSync('.', { recursive: true }).map((path) => {
    const stats = directory.lstatSync(path)
    if (stats.isSymbolicLink()) return [path, directory.readlinkSync(path)]
    const mode = (stats.mode & 0o777).toString(8)
    return stats.isDirectory() ? [path, mode] : [path, mode, directory.readFileSync(path, 'utf8')]
  })

for (const [kind, make] of [
  ['host', (t) => Directory.open(tree(t))],
  ['memory', () => Directory.memory()],
  ['overlay', (t) => Directory.overlay(tree(t))],
]) {
  onPosix(`applyTo() makes a copy of the lower directory equal to the overlay: 100 random plans, ${kind}`, (t) => {
    for (let seed = 1; seed <= 100; seed++) {
      const [lower, target] = [make(t), make(t)]
      for (const directory of [lower, target]) {
        const random = generator(seed)
        for (let call = 0; call < 30; call++) change(directory, random)
      }
      const before = contents(lower)
      t.deepEqual(contents(target), before, `the plan ${seed} has the same effect twice`)
      const overlay = Directory.overlay(lower)
      const random = generator(seed + 1_000_000)
      for (let call = 0; call < 30; call++) change(overlay, random)
      const changes = overlay.changes()
      t.deepEqual(contents(lower), before, `the plan ${seed} changes the lower directory`)
      overlay.applyTo(target)
      t.deepEqual(contents(target), contents(overlay), `plan ${seed}`)
      const paths = changes.map(({ path }) => path)
      t.deepEqual(paths, [...new Set(paths)].sort(), `the changes of plan ${seed} are sorted`)
      const old = new Map(before.map(([path, ...rest]) => [path, rest]))
      for (const { path, change } of changes) {
        t.is(old.has(path), change !== 'added', `${change} ${path} in plan ${seed}`)
        t.is(attempted(() => overlay.lstatSync(path)) !== undefined, change !== 'removed', `${change} ${path}`)
      }
      // A path that is not listed is equal.
      const listed = new Set(paths)
      for (const [path, ...rest] of contents(overlay)) if (!listed.has(path)) t.deepEqual(rest, old.get(path), path)
    }
  })
}

function attempted(run) {
  try {
    return run()
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
    return undefined
  }
}

// Threads

test('workers, guests in them and JavaScript change one overlay at the same time, and lose no entry', async (t) => {
  const overlay = overTree(t, { counter: '', 'd/0': 'lower', 'd/1': 'lower', 'd/2': 'lower' })
  const script = `
    const { parentPort, workerData: { handle, id, root } } = require('node:worker_threads')
    const { Directory } = require(root)
    const { pathToFileURL } = require('node:url')
    import(pathToFileURL(root + '__test__/support/guest.mjs')).then(({ rawGuest, OFLAGS, RIGHTS }) => {
      const directory = Directory.join(handle)
      const guest = rawGuest({ preopens: { '/': directory } })
      for (let round = 0; round < 300; round++) {
        guest.reset()
        const rights = RIGHTS.FD_WRITE
        const fd = guest.open('d/' + id, { rights, oflags: OFLAGS.CREAT })
        guest.write(fd, 'from the guest')
        guest.close(fd)
        directory.renameSync('d/' + id, 'd/' + id + '-' + round)
        if (round % 3 === 0) directory.unlinkSync('d/' + id + '-' + round)
        directory.appendFileSync('counter', 'x')
      }
      parentPort.postMessage(directory.kind)
    })`
  const workers = [0, 1, 2].map(
    (id) => new Worker(script, { eval: true, workerData: { handle: overlay.share(), id, root } }),
  )
  let isRunning = true
  const ended = Promise.all(workers.map((worker) => once(worker, 'message'))).finally(() => {
    isRunning = false
  })
  for (let round = 0; isRunning; round++) {
    overlay.writeFileSync(`mine-${round}`, '')
    t.true(overlay.readdirSync().includes(`mine-${round}`))
    overlay.unlinkSync(`mine-${round}`)
    overlay.readdirSync('.', { recursive: true })
    await new Promise(setImmediate)
  }
  t.deepEqual(await ended, [['overlay'], ['overlay'], ['overlay']])
  const expected = [0, 1, 2].flatMap((id) =>
    Array.from({ length: 300 }, (_, round) => `A d/${id}-${round}`).filter((_, round) => round % 3 !== 0),
  )
  const removed = [0, 1, 2].map((id) => `D d/${id}`)
  const byPath = (one, other) => (one.slice(2) < other.slice(2) ? -1 : 1)
  t.deepEqual(changesOf(overlay), ['M counter', ...[...expected, ...removed].sort(byPath)])
  t.is(overlay.readFileSync('counter').length, 900)
  t.is(overlay.readFileSync('d/2-1', 'utf8'), 'from the guest')
  const target = Directory.memory({ counter: '', 'd/0': 'lower', 'd/1': 'lower', 'd/2': 'lower' })
  overlay.applyTo(target)
  t.is(JSON.stringify(target), JSON.stringify(overlay))
  await Promise.all(workers.map((worker) => worker.terminate()))
})
