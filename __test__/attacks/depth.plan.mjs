// Runs in a process: makes calls with deep paths. Prints the errnos and the most descriptors that the process had open.
// A sampler in another thread counts the descriptors.

import { mkdirSync, readdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { LOOKUP, RIGHTS, rawGuest } from '../support/guest.mjs'
import { errnoOf } from '../support/calls.mjs'
import { makeDirectories } from './setup.mjs'

const teardowns = []
const { preopen } = makeDirectories({ teardown: (action) => teardowns.push(action) })
const levels = (count) => 'd/'.repeat(count)
mkdirSync(join(preopen, levels(800)), { recursive: true })
writeFileSync(join(preopen, levels(100), 'file'), 'inside')
// Each symlink leads 800 levels down and up again, and then through the next symlink.
for (let number = 0; number < 30; number++) {
  symlinkSync(`${levels(800)}${'../'.repeat(800)}link${number + 1}`, join(preopen, `link${number}`))
}
symlinkSync(levels(800), join(preopen, 'link30'))

const guest = rawGuest({ preopens: { '/': preopen } }, { memory: '4' })
const stat = (path) => errnoOf(guest, 'path_filestat_get', 3, LOOKUP.SYMLINK_FOLLOW, path, 0)
const open = (path) => errnoOf(guest, 'path_open', 3, LOOKUP.SYMLINK_FOLLOW, path, 0, RIGHTS.FD_READ, 0n, 0, 0)

const counts = new SharedArrayBuffer(8)
const most = new Int32Array(counts)
const sampler = new Worker(
  `
  const { readdirSync } = require('node:fs')
  const most = new Int32Array(require('node:worker_threads').workerData)
  require('node:worker_threads').parentPort.postMessage('counting')
  while (Atomics.load(most, 1) === 0) {
    const open = readdirSync('/proc/self/fd').length
    if (open > Atomics.load(most, 0)) Atomics.store(most, 0, open)
  }`,
  { eval: true, workerData: counts },
)
await new Promise((resolve) => sampler.once('message', resolve))

const before = readdirSync('/proc/self/fd').length
const errnos = {
  'a file 100 levels down': [stat(`${levels(100)}file`), open(`${levels(100)}file`)],
  'a directory 800 levels down': stat(levels(800)),
  'a new directory 800 levels down': errnoOf(guest, 'path_create_directory', 3, `${levels(800)}new`),
  'symlinks that lead up and down': stat('link0'),
}
for (let round = 0; round < 300; round++) stat('link0')

// The limit is for all symlinks of a path together: 20 for each `self1`, and one more for `last`.
symlinkSync('.', join(preopen, 'self20'))
for (let number = 19; number > 0; number--) symlinkSync(`self${number + 1}`, join(preopen, `self${number}`))
writeFileSync(join(preopen, 'target'), '')
symlinkSync('target', join(preopen, 'last'))
const links = Object.fromEntries(
  ['self1/self1/target', 'self1/self2/last', 'self1/self1/last'].map((path) => [
    path,
    [
      stat(path),
      open(path),
      errnoOf(guest, 'path_filestat_set_times', 3, LOOKUP.SYMLINK_FOLLOW, path, 1n, 1n, 5),
      errnoOf(guest, 'path_link', 3, LOOKUP.SYMLINK_FOLLOW, path, 3, 'hard'),
      errnoOf(guest, 'path_unlink_file', 3, 'hard'),
    ],
  ]),
)
Atomics.store(most, 1, 1)
await sampler.terminate()
// A read through a read-only preopen does not change access times, under any resolver.
utimesSync(join(preopen, 'file'), 1, 2)
const reader = rawGuest({ preopens: { '/': { path: preopen, readonly: true } } })
reader.read(reader.open('file'))
const accessed = statSync(join(preopen, 'file')).atimeMs

console.log(JSON.stringify({ errnos, links, accessed, descriptors: most[0] - before }))
for (const teardown of teardowns) teardown()
