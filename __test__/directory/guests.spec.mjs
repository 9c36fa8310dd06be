// A Directory as a preopen, and shared between threads.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { Directory, WASI } from 'capwasi'
import { errnoOf } from '../support/calls.mjs'
import { LOOKUP, OFLAGS, RIGHTS, rawGuest, root, tree } from '../support/guest.mjs'

const { CREAT } = OFLAGS

for (const [kind, make] of [
  ['host', (t, files) => Directory.open(tree(t, files))],
  ['memory', (_t, files) => Directory.memory(files)],
  ['overlay', (t, files) => Directory.overlay(tree(t, files))],
]) {
  test(`a guest and JavaScript read and write one directory of the kind ${kind} at the same time`, (t) => {
    const directory = make(t, { 'd/f': 'text' })
    const guest = rawGuest({ preopens: { '/': directory } })
    t.is(guest.read(guest.open('d/f')), 'text')
    const fd = guest.open('new', { oflags: CREAT, rights: RIGHTS.FD_WRITE | RIGHTS.FD_READ })
    guest.write(fd, 'from the guest')
    t.is(directory.readFileSync('new', 'utf8'), 'from the guest')
    directory.writeFileSync('new', 'from JavaScript')
    guest.seek(fd, 0)
    t.is(guest.read(fd), 'from JavaScript')
    directory.renameSync('d', 'e')
    t.is(guest.filestat(3, 'e/f').size, 4n)
    t.is(directory.statSync('e/f').ino, Number(guest.filestat(3, 'e/f').ino))
    directory.unlinkSync('new')
    guest.seek(fd, 0)
    t.is(guest.read(fd), 'from JavaScript')
    t.is(errnoOf(guest, 'path_open', 3, 0, 'new', 0, 0n, 0n, 0, 0), 'NOENT')
  })

  test(`two guests share one directory of the kind ${kind}`, (t) => {
    const directory = make(t, {})
    const [one, other] = [1, 2].map(() => rawGuest({ preopens: { '/x': directory } }))
    one.write(one.open('f', { oflags: CREAT, rights: RIGHTS.FD_WRITE }), 'text')
    t.is(other.read(other.open('f')), 'text')
  })

  test(`a guest keeps a directory of the kind ${kind} after close()`, (t) => {
    const directory = make(t, { f: 'text' })
    const guest = rawGuest({ preopens: { '/': directory } })
    directory.close()
    t.is(guest.read(guest.open('f')), 'text')
    const error = t.throws(() => new WASI({ version: 'preview1', preopens: { '/': directory } }))
    t.like(error, {
      code: 'UVWASI_EBADF',
      message: "UVWASI_EBADF, uvwasi_init: options.preopens['/']: cannot open: the Directory is closed",
    })
  })

  test(`a directory of the kind ${kind} as { directory, readonly: true } cannot be changed by that guest`, (t) => {
    const directory = make(t, { f: 'text' })
    const guest = rawGuest({
      preopens: { '/r': { directory, readonly: true }, '/w': { directory }, '/u': { directory, readonly: undefined } },
    })
    t.is(errnoOf(guest, 'path_create_directory', 3, 'x'), 'ROFS')
    t.is(errnoOf(guest, 'path_open', 3, 0, 'f', 0, RIGHTS.FD_WRITE, 0n, 0, 0), 'ROFS')
    t.is(guest.read(guest.open('f')), 'text')
    t.is(errnoOf(guest, 'path_create_directory', 4, 'x'), 'SUCCESS')
    t.is(errnoOf(guest, 'path_remove_directory', 5, 'x'), 'SUCCESS')
    directory.mkdirSync('x')
  })

  test(`a guest cannot leave a directory of the kind ${kind}`, (t) => {
    const directory = make(t, { 'd/': null })
    directory.symlinkSync('..', 'up')
    directory.symlinkSync('/etc', 'absolute')
    const guest = rawGuest({ preopens: { '/': directory } })
    for (const path of ['..', 'up/x', 'absolute/passwd', '/d'])
      t.is(errnoOf(guest, 'path_open', 3, LOOKUP.SYMLINK_FOLLOW, path, 0, RIGHTS.FD_READ, 0n, 0, 0), 'NOTCAPABLE', path)
  })

  test(`workers join a directory of the kind ${kind} and change it while a guest of this thread uses it`, async (t) => {
    const directory = make(t, { counter: '' })
    const guest = rawGuest({ preopens: { '/': directory } })
    const fd = guest.open('counter')
    const script = `
      const { parentPort, workerData } = require('node:worker_threads')
      const { Directory } = require(${JSON.stringify(root)})
      const directory = Directory.join(workerData.handle)
      for (let i = 0; i < 200; i++) {
        directory.appendFileSync('counter', 'x')
        directory.writeFileSync(workerData.name + i, 'text')
        directory.renameSync(workerData.name + i, workerData.name)
      }
      parentPort.postMessage([directory.kind, directory.readFileSync(workerData.name, 'utf8')])`
    const workers = ['a', 'b'].map((name) => {
      const workerData = { handle: directory.share(), name }
      return new Worker(script, { eval: true, workerData })
    })
    const exits = workers.map((worker) => once(worker, 'exit'))
    let waiting = workers.length
    const messages = workers.map(async (worker) => {
      const [message] = await once(worker, 'message')
      waiting--
      return message
    })
    let size = 0n
    for (let round = 0; waiting > 0 && round < 10_000; round++) {
      const now = guest.filestat(fd).size
      t.true(now >= size)
      size = now
      if (errnoOf(guest, 'path_create_directory', 3, 'mine') !== 'SUCCESS') t.fail()
      guest.must('path_remove_directory', 3, ...guest.put('mine'))
      guest.readdir(3)
      guest.reset()
      await new Promise(setImmediate)
    }
    t.deepEqual(await Promise.all(messages), [
      [kind, 'text'],
      [kind, 'text'],
    ])
    t.is(directory.readFileSync('counter').length, 400)
    t.deepEqual(directory.readdirSync(), ['a', 'b', 'counter'])
    await Promise.all(exits)
  })
}

test('a read-only Directory is read-only for guests, even with readonly: false in the preopen', (t) => {
  const directory = Directory.open(tree(t, { f: '' }), { readonly: true })
  const guest = rawGuest({ preopens: { '/a': directory, '/b': { directory, readonly: false } } })
  for (const fd of [3, 4]) t.is(errnoOf(guest, 'path_create_directory', fd, 'x'), 'ROFS')
})

test('a guest gets ENOSPC beyond the limits of a memory directory', (t) => {
  const directory = Directory.memory({}, { maxBytes: 4096, maxFiles: 1 })
  const guest = rawGuest({ preopens: { '/': directory } })
  const fd = guest.open('f', { oflags: CREAT, rights: RIGHTS.FD_WRITE })
  t.is(guest.write(fd, Buffer.alloc(5000)), 4096)
  t.is(errnoOf(guest, 'fd_write', fd, ...guest.iovs('x'), 0), 'NOSPC')
  t.is(errnoOf(guest, 'path_create_directory', 3, 'd'), 'NOSPC')
  directory.truncateSync('f')
  t.is(errnoOf(guest, 'fd_write', fd, ...guest.iovs('x'), 0), 'SUCCESS')
})

test('a link or rename between a memory and a host directory fails with EXDEV', (t) => {
  const memory = Directory.memory({ f: '' })
  const guest = rawGuest({ preopens: { '/m': memory, '/h': tree(t) } })
  t.is(errnoOf(guest, 'path_rename', 3, 'f', 4, 'g'), 'XDEV')
  t.is(errnoOf(guest, 'path_link', 3, 0, 'f', 4, 'g'), 'XDEV')
})

for (const [fault, preopen, code, message] of [
  [
    'a directory and a path',
    { directory: Directory.memory(), path: '.' },
    'ERR_INVALID_ARG_VALUE',
    /^The property 'options\.preopens\['\/'\]' must have only one of 'path', 'fd' and 'directory'\. Received \{/,
  ],
  [
    'a directory that is a path',
    { directory: '.' },
    'ERR_INVALID_ARG_TYPE',
    `The "options.preopens['/'].directory" property must be an instance of Directory. Received type string ('.')`,
  ],
  [
    'a directory that only looks like one',
    { directory: Object.create(Directory.prototype) },
    'ERR_INVALID_ARG_TYPE',
    /must be an instance of Directory\. Received an instance of Directory$/,
  ],
  [
    'a readonly that is no boolean',
    { directory: Directory.memory(), readonly: 1 },
    'ERR_INVALID_ARG_TYPE',
    `The "options.preopens['/'].readonly" property must be of type boolean. Received type number (1)`,
  ],
]) {
  test(`a preopen with ${fault} throws ${code}`, (t) => {
    t.throws(() => new WASI({ version: 'preview1', preopens: { '/': preopen } }), { code, message })
  })
}

// share() and join()

test('join() opens the directory of a handle; both see each change', (t) => {
  const directory = Directory.memory({ f: 'text' })
  const handle = directory.share()
  t.deepEqual(Object.keys(handle), ['capwasiDirectory'])
  t.regex(handle.capwasiDirectory, /^[0-9a-f]{32}$/)
  t.deepEqual(directory.share(), handle)
  t.notDeepEqual(Directory.memory().share(), handle)
  const joined = Directory.join(structuredClone(handle))
  joined.writeFileSync('f', 'changed')
  t.is(directory.readFileSync('f', 'utf8'), 'changed')
  t.deepEqual(joined.share(), handle)
  directory.close()
  t.is(joined.readFileSync('f', 'utf8'), 'changed')
  const third = Directory.join(handle)
  joined.close()
  third.close()
  t.throws(() => Directory.join(handle), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_VALUE' })
})

test('join() of an unknown handle throws ERR_INVALID_ARG_VALUE, and of another value ERR_INVALID_ARG_TYPE', (t) => {
  t.throws(() => Directory.join({ capwasiDirectory: '0'.repeat(32) }), {
    code: 'ERR_INVALID_ARG_VALUE',
    message: "The argument 'handle' is unknown, or its directory is closed",
  })
  for (const value of [undefined, null, 'x', {}, { capwasiDirectory: 1 }])
    t.throws(() => Directory.join(value), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_TYPE' })
})

test('a directory stays open until the last thread that has it open closes it or ends', async (t) => {
  const script = `
    const { parentPort } = require('node:worker_threads')
    const { Directory } = require(${JSON.stringify(root)})
    const directory = Directory.memory({ f: 'of the worker' })
    parentPort.once('message', () => {})
    parentPort.postMessage(directory.share())`
  const worker = new Worker(script, { eval: true })
  const [handle] = await once(worker, 'message')
  const directory = Directory.join(handle)
  worker.postMessage('end')
  await once(worker, 'exit')
  t.is(directory.readFileSync('f', 'utf8'), 'of the worker')
  directory.close()
  t.throws(() => Directory.join(handle), { code: 'ERR_INVALID_ARG_VALUE' })
})
