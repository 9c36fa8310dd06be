// Runs in a process with the name of a family of calls, a duration and a backend. A worker replaces a directory with a
// symlink to the outside and back while the guest uses paths through it. Prints the count of each errno, and the
// breaches.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { LOOKUP, OFLAGS, RIGHTS, rawGuest } from '../support/guest.mjs'
import { errnoOf } from '../support/calls.mjs'
import { openOn } from '../support/backends.cjs'
import { makeDirectories } from './setup.mjs'

const [family, milliseconds, backend = 'host'] = process.argv.slice(2)
const { SYMLINK_FOLLOW } = LOOKUP
const teardowns = []
const { preopen, outsideState } = makeDirectories(
  { teardown: (action) => teardowns.push(action) },
  {
    links: { other: '../outside', 'mine-link': 'in/file', 'out-link': '../outside/secret' },
  },
)
mkdirSync(join(preopen, 'flip'))
mkdirSync(join(preopen, 'in/deep/er'), { recursive: true })
for (const name of ['secret', 'victim', 'other-name']) writeFileSync(join(preopen, 'flip', name), 'inside')
symlinkSync('../outside/secret', join(preopen, 'leaf-link'))
writeFileSync(join(preopen, 'leaf'), 'inside')

/**
 * Renames that the worker repeats: `flip` is a directory, then a symlink; `leaf` is a file, then a symlink; `in/deep`
 * leaves the preopen and returns.
 */
const cycles = {
  flip: [
    ['flip', 'spare'],
    ['other', 'flip'],
    ['flip', 'other'],
    ['spare', 'flip'],
  ],
  leaf: [
    ['leaf-link', 'leaf-spare'],
    ['leaf', 'leaf-file'],
    ['leaf-spare', 'leaf'],
    ['leaf', 'leaf-link'],
    ['leaf-file', 'leaf'],
  ],
  deep: [
    ['in/deep', '../outside/moved'],
    ['../outside/moved', 'in/deep'],
  ],
}

const directory = backend === 'host' ? undefined : openOn(backend, preopen)
const guest = rawGuest({ preopens: { '/': directory ?? preopen } })
const errnoCounts = {}
const breaches = new Set()
const call = (name, ...args) => {
  const errno = errnoOf(guest, name, ...args)
  errnoCounts[errno] = (errnoCounts[errno] ?? 0) + 1
  return errno
}
const open = (path, { lookup = SYMLINK_FOLLOW, oflags = 0, rights = RIGHTS.FD_READ } = {}) => {
  if (call('path_open', 3, lookup, path, oflags, rights, 0n, 0, 0) !== 'SUCCESS') return
  const fd = guest.u32(0)
  if (guest.filestat(fd).size === 1000n) breaches.add(`opened ${path}`)
  guest.close(fd)
}
const stat = (path, lookup) => {
  if (call('path_filestat_get', 3, lookup, path, 0) === 'SUCCESS' && guest.record('FILESTAT', 0).size === 1000n)
    breaches.add(`read the attributes of ${path}`)
}
const FAMILIES = {
  open: [
    'flip',
    () => {
      open('flip/secret')
      open('flip/secret', { lookup: 0 })
      open('flip/secret', { oflags: OFLAGS.TRUNC, rights: RIGHTS.FD_WRITE })
    },
  ],
  stat: [
    'flip',
    () => {
      stat('flip/secret', 0)
      stat('flip/secret', SYMLINK_FOLLOW)
      call('path_filestat_set_times', 3, 0, 'flip/secret', 1n, 1n, 5)
      call('path_filestat_set_times', 3, SYMLINK_FOLLOW, 'flip/secret', 1n, 1n, 5)
      if (call('path_readlink', 3, 'flip/link', 512, 9, 0) === 'SUCCESS') breaches.add('read a symlink')
    },
  ],
  create: [
    'flip',
    () => {
      open('flip/new', { oflags: OFLAGS.CREAT, rights: RIGHTS.FD_WRITE })
      call('path_create_directory', 3, 'flip/made')
      call('path_symlink', 'x', 3, 'flip/linked')
      for (const name of ['flip/new', 'flip/linked']) call('path_unlink_file', 3, name)
      call('path_remove_directory', 3, 'flip/made')
    },
  ],
  rename: [
    'flip',
    () => {
      call('path_rename', 3, 'file', 3, 'flip/victim')
      call('path_rename', 3, 'flip/victim', 3, 'file')
      call('path_rename', 3, 'flip/other-name', 3, 'flip/secret')
      call('path_rename', 3, 'flip/secret', 3, 'flip/other-name')
    },
  ],
  link: [
    'flip',
    () => {
      call('path_link', 3, 0, 'in/file', 3, 'flip/hard')
      call('path_link', 3, SYMLINK_FOLLOW, 'flip/secret', 3, 'taken')
      call('path_link', 3, 0, 'flip/secret', 3, 'taken-too')
      for (const name of ['taken', 'taken-too']) stat(name, 0)
      for (const name of ['taken', 'taken-too', 'flip/hard']) call('path_unlink_file', 3, name)
    },
  ],
  unlink: [
    'flip',
    () => {
      call('path_unlink_file', 3, 'flip/victim')
      call('path_remove_directory', 3, 'flip/deep/er')
      call('path_link', 3, 0, 'in/file', 3, 'flip/victim')
    },
  ],
  leaf: [
    'leaf',
    () => {
      open('leaf')
      open('leaf', { oflags: OFLAGS.CREAT | OFLAGS.TRUNC, rights: RIGHTS.FD_WRITE })
      open('leaf', { lookup: 0, oflags: OFLAGS.TRUNC, rights: RIGHTS.FD_WRITE })
      stat('leaf', SYMLINK_FOLLOW)
      call('path_filestat_set_times', 3, SYMLINK_FOLLOW, 'leaf', 1n, 1n, 5)
      if (call('path_link', 3, SYMLINK_FOLLOW, 'leaf', 3, 'taken') === 'SUCCESS') stat('taken', SYMLINK_FOLLOW)
      call('path_unlink_file', 3, 'taken')
    },
  ],
  moved: [
    'deep',
    () => {
      open('in/deep/er/../../../secret')
      open('in/deep/../../secret')
      stat('in/deep/er/../../../secret', 0)
      call('path_create_directory', 3, 'in/deep/../../stolen')
      call('path_remove_directory', 3, 'stolen')
      stat('in/deep/er/../../file', 0)
    },
  ],
}
const [cycle, makeCalls] = FAMILIES[family]
const before = outsideState()
const stop = new Int32Array(new SharedArrayBuffer(8))
const worker = new Worker(
  `
  const { workerData: { preopen, handle, cycle, stop } } = require('node:worker_threads')
  const { renameSync } = require('node:fs')
  const directory = handle && require('capwasi').Directory.join(handle)
  const at = (name) => preopen + '/' + name
  const rename = directory
    ? (from, to) => directory.renameSync(from, to)
    : (from, to) => renameSync(at(from), at(to))
  while (Atomics.load(stop, 0) === 0) {
    for (const [from, to] of cycle) try { rename(from, to) } catch {}
    Atomics.add(stop, 1, 1)
  }`,
  { eval: true, workerData: { preopen, handle: directory?.share(), cycle: cycles[cycle], stop } },
)
while (Atomics.load(stop, 1) === 0) await new Promise((resolve) => setTimeout(resolve, 5))
const end = Date.now() + Number(milliseconds)
while (Date.now() < end) for (let i = 0; i < 50; i++) makeCalls()
Atomics.store(stop, 0, 1)
await new Promise((resolve) => worker.once('exit', resolve))

// A moving directory changes the times of its parents. Ignore these.
const withoutTimes = (lines) =>
  cycle === 'flip' || cycle === 'leaf' ? lines : lines.map((line) => line.replace(/^(outside \d+ \d+) .*/, '$1'))
if (String(withoutTimes(outsideState())) !== String(withoutTimes(before))) breaches.add('files outside have changed')
console.log(JSON.stringify({ errnoCounts, turns: stop[1], breaches: [...breaches] }))
for (const teardown of teardowns) teardown()
