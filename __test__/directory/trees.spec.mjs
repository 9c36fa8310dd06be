// Methods of Directory on trees: deep ones, names that are not UTF-8, conflicts, and paths that cannot be removed.

import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import fs from 'node:fs'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { Directory } from 'capwasi'
import { onLinux, onPosix } from '../support/conditions.mjs'
import { OFLAGS, rawGuest, root, tree } from '../support/guest.mjs'

/** Makes a directory of each kind, with the same calls. */
function kinds(t, fill) {
  const [host, memory, lower] = [Directory.open(tree(t)), Directory.memory(), Directory.open(tree(t))]
  for (const directory of [host, memory, lower]) fill(directory)
  return Object.entries({ host, memory, overlay: Directory.overlay(lower) })
}

/** Creates directories in each other as a guest, which has no limit on the length of a path. */
function descend(directory, levels, name = 'd') {
  const guest = rawGuest({ preopens: { '/': directory } })
  let fd = 3
  for (let level = 0; level < levels; level++) {
    guest.reset()
    guest.must('path_create_directory', fd, ...guest.put(name))
    const below = guest.open(name, { dirfd: fd, oflags: OFLAGS.DIRECTORY })
    if (fd !== 3) guest.close(fd)
    fd = below
  }
  guest.wasi.close()
}

// Depth

for (const [kind, create] of [
  ['host', (t) => Directory.open(tree(t))],
  ['memory', () => Directory.memory()],
  ['overlay', (t) => Directory.overlay(tree(t))],
])
  onPosix(`rmSync removes a tree deeper than a path can be: ${kind}`, (t) => {
    const directory = create(t)
    descend(directory, 2100)
    for (const list of [() => directory.readdirSync('.', { recursive: true }), () => directory.toJSON()])
      t.like(t.throws(list), { code: 'ENAMETOOLONG', path: `${'d/'.repeat(50)}…` })
    t.throws(() => directory.cpSync('d', 'copy', { recursive: true }), { code: 'ENAMETOOLONG' })
    directory.rmSync('copy', { recursive: true, force: true })
    directory.rmSync('d', { recursive: true })
    t.deepEqual(directory.readdirSync(), [])
    t.deepEqual(directory.usage, { bytes: 0, files: 0 })
  })

test('changes() and applyTo() of paths of 4096 bytes fail with ENAMETOOLONG, and the target is unchanged', (t) => {
  const overlay = Directory.overlay(Directory.memory({ old: 'text' }))
  overlay.unlinkSync('old')
  const long = 'n'.repeat(255)
  descend(overlay, 15, long)
  t.is(overlay.changes().length, 16)
  const target = Directory.memory({ old: 'text' })
  descend(overlay, 17, 'm'.repeat(255))
  for (const [syscall, call] of [
    ['changes', () => overlay.changes()],
    ['applyTo', () => overlay.applyTo(target)],
  ]) {
    const error = t.throws(call, { code: 'ENAMETOOLONG' })
    t.is(error.path, `${'m'.repeat(100)}…`)
    t.is(error.message, `ENAMETOOLONG: name too long, ${syscall} '${error.path}'`)
  }
  t.deepEqual(target.toJSON(), { old: 'text' })
})

test('errors of applyTo() have the path that failed', (t) => {
  const overlay = Directory.overlay(Directory.memory())
  overlay.mkdirSync('a/b', { recursive: true })
  overlay.writeFileSync('a/b/large', 'x'.repeat(10_000))
  const error = t.throws(() => overlay.applyTo(Directory.memory({}, { maxBytes: 4096 })), { code: 'ENOSPC' })
  t.is(error.message, "ENOSPC: no space left on device, applyTo 'a/b/large'")
})

// Names that are not UTF-8

onLinux('rmSync, cpSync and toJSON work on names that are not UTF-8', (t) => {
  const name = Buffer.from([0x78, 0xff, 0xfe])
  const make = () => {
    const path = tree(t, { 'd/': null })
    const beneath = (...parts) =>
      Buffer.concat([Buffer.from(`${path}/d`), ...parts.flatMap((part) => ['/', part]).map(Buffer.from)])
    fs.mkdirSync(beneath(name))
    fs.writeFileSync(beneath(name, name), 'text')
    fs.symlinkSync(name, beneath('link'))
    return path
  }
  const moved = Directory.overlay(make())
  moved.renameSync('d', 'e')
  moved.renameSync('e', 'd')
  moved.chmodSync('d', 0o700)
  const lower = Directory.overlay(make())
  lower.renameSync('d', 'moved')
  const memory = Directory.memory({ d: null })
  lower.applyTo(memory)
  memory.renameSync('moved', 'd')
  for (const directory of [Directory.open(make()), Directory.overlay(make()), moved, memory]) {
    directory.cpSync('d', 'copy', { recursive: true })
    const shown = 'x\ufffd\ufffd'
    t.deepEqual(directory.toJSON(), {
      [`copy/${shown}/${shown}`]: 'text',
      'copy/link': `-> ${shown}`,
      [`d/${shown}/${shown}`]: 'text',
      'd/link': `-> ${shown}`,
    })
    t.deepEqual(directory.readdirSync('.', { recursive: true }).sort(), [
      'copy',
      'copy/link',
      `copy/${shown}`,
      `copy/${shown}/${shown}`,
      'd',
      'd/link',
      `d/${shown}`,
      `d/${shown}/${shown}`,
    ])
    directory.rmSync('d', { recursive: true })
    directory.rmSync('copy', { recursive: true })
    t.deepEqual(directory.readdirSync(), [])
  }
})

// rmSync

onPosix('rmSync of a path that cannot be removed removes nothing', (t) => {
  const fill = (directory) => {
    directory.mkdirSync('a/sub', { recursive: true })
    directory.writeFileSync('a/f', 'text')
    directory.symlinkSync('a', 'link')
  }
  for (const [kind, directory] of kinds(t, fill)) {
    for (const [path, code] of [
      ['.', 'EINVAL'],
      ['./', 'EINVAL'],
      ['/', 'EINVAL'],
      ['a/.', 'EINVAL'],
      ['link/.', 'EINVAL'],
      ['a/..', 'ENOTEMPTY'],
      ['link/', 'ENOTDIR'],
      ['a/f/', 'ENOTDIR'],
      ['..', 'ERR_WASI_ESCAPE'],
    ])
      for (const force of [false, true]) {
        const error = t.throws(() => directory.rmSync(path, { recursive: true, force }), { code }, `${kind}: ${path}`)
        t.is(error.path, path)
      }
    t.deepEqual(directory.readdirSync('.', { recursive: true }), ['a', 'link', 'a/f', 'a/sub'])
    directory.rmSync('link')
    directory.rmSync('a/', { recursive: true })
    t.deepEqual(directory.readdirSync(), [])
  }
})

onPosix('rmSync of a read-only directory fails with EROFS and the path of the first entry', (t) => {
  const directory = Directory.open(tree(t, { 'd/f': 'text' }), { readonly: true })
  const error = t.throws(() => directory.rmSync('d', { recursive: true }), { code: 'EROFS' })
  t.is(error.message, "EROFS: read-only file system, rm 'd/f'")
})

for (const [kind, create] of [
  ['host', (t) => Directory.open(tree(t))],
  ['memory', () => Directory.memory()],
  ['overlay', (t) => Directory.overlay(tree(t))],
])
  onPosix(`rmSync with force fails in no thread if several remove the same tree: ${kind}`, async (t) => {
    const directory = create(t)
    const turns = new Int32Array(new SharedArrayBuffer(4))
    const script = `
      const { parentPort, workerData: { handle, root, turns } } = require('node:worker_threads')
      const { Directory } = require(root)
      const directory = Directory.join(handle)
      parentPort.on('message', (turn) => {
        Atomics.add(turns, 0, 1)
        Atomics.notify(turns, 0)
        while (Atomics.load(turns, 0) < 2 * turn) {}
        try {
          directory.rmSync('d', { recursive: true, force: true })
          parentPort.postMessage('removed')
        } catch (error) {
          parentPort.postMessage(error.message)
        }
      })`
    const workerData = { handle: directory.share(), root, turns }
    const workers = [0, 1].map(() => new Worker(script, { eval: true, workerData }))
    for (let turn = 1; turn <= 20; turn++) {
      for (let index = 0; index < 100; index++) {
        const path = `d/${index % 3}/${index % 7}/${index}`
        directory.mkdirSync(path, { recursive: true })
        directory.writeFileSync(`${path}/f`, '')
      }
      const answers = workers.map((worker) => once(worker, 'message'))
      for (const worker of workers) worker.postMessage(turn)
      t.deepEqual(await Promise.all(answers), [['removed'], ['removed']])
      t.deepEqual(directory.readdirSync(), [])
    }
    await Promise.all(workers.map((worker) => worker.terminate()))
    t.deepEqual(directory.usage, { bytes: 0, files: 0 })
  })

// cpSync

onPosix('cpSync into the source fails through a link too, and a path through the source is allowed', (t) => {
  const fill = (directory) => {
    directory.mkdirSync('a/b', { recursive: true })
    directory.writeFileSync('a/b/f', 'text')
    directory.symlinkSync('a/b', 'link')
  }
  for (const [kind, directory] of kinds(t, fill)) {
    for (const path of ['link/new', 'link/x/y', 'link/', 'a/new', 'a/b', 'a/../a/b/x'])
      t.throws(() => directory.cpSync('a', path, { recursive: true }), { code: 'ERR_FS_CP_EINVAL' }, `${kind}: ${path}`)
    t.deepEqual(directory.readdirSync('.', { recursive: true }), ['a', 'link', 'a/b', 'a/b/f'])
    directory.cpSync('a', 'a/../c', { recursive: true })
    directory.cpSync('a/b', 'a/copy', { recursive: true })
    t.is(directory.readFileSync('c/b/f', 'utf8'), 'text')
    t.is(directory.readFileSync('a/copy/f', 'utf8'), 'text')
  }
})

test('cpSync that would replace a directory with a file, or the reverse, fails at every level', (t) => {
  const fill = (directory) => {
    for (const path of ['from/x/dir', 'to/x/file']) directory.mkdirSync(path, { recursive: true })
    for (const path of ['from/x/file', 'to/x/dir']) directory.writeFileSync(path, '')
  }
  for (const [kind, directory] of kinds(t, fill)) {
    const error = t.throws(() => directory.cpSync('from', 'to', { recursive: true }))
    t.is(error.code, 'ERR_FS_CP_DIR_TO_NON_DIR', kind)
    t.is(error.path, 'to/x/dir')
    directory.rmSync('to/x/dir')
    t.like(
      t.throws(() => directory.cpSync('from', 'to', { recursive: true })),
      { code: 'ERR_FS_CP_NON_DIR_TO_DIR', path: 'to/x/file' },
    )
  }
})

test('cpSync without space fails with ENOSPC and both paths, and leaves no part of the file', (t) => {
  const directory = Directory.memory({ 'd/f': 'x'.repeat(10_000), 'd/small': '' }, { maxBytes: 16_384 })
  const error = t.throws(() => directory.cpSync('d', 'copy', { recursive: true }), { code: 'ENOSPC' })
  t.is(error.message, "ENOSPC: no space left on device, cp 'd/f' -> 'copy/f'")
  t.deepEqual(directory.readdirSync('copy'), [])
  t.throws(() => directory.cpSync('d/f', 'g'), { code: 'ENOSPC' })
  t.deepEqual(directory.readdirSync(), ['copy', 'd'])
})

// toJSON

test('toJSON() of a file that is too large for a string fails before it reads the file', (t) => {
  const directory = Directory.memory({ 'd/sparse': '' })
  directory.truncateSync('d/sparse', 2 ** 40)
  t.like(
    t.throws(() => directory.toJSON(), { instanceOf: RangeError }),
    {
      code: 'ERR_FS_FILE_TOO_LARGE',
      path: 'd/sparse',
      message: `File size (${2 ** 40}) is greater than the maximum length of a string`,
    },
  )
})

// Directory.memory

test('errors of Directory.memory() have the path that was given', (t) => {
  for (const [path, code] of [
    ['../x', 'ERR_WASI_ESCAPE'],
    ['../x/y', 'ERR_WASI_ESCAPE'],
    ['f/x/y', 'ENOTDIR'],
    [`${'n'.repeat(256)}/x`, 'ENAMETOOLONG'],
  ])
    t.is(t.throws(() => Directory.memory({ f: '', [path]: '' }), { code }).path, path)
})
