// Run as a process: how many descriptors a single path can make the host hold. A sampler in another thread counts them.

import { mkdirSync, readdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { LOOKUP, RIGHTS, rawGuest } from '../support/guest.mjs'
import { errnoOf } from '../support/calls.mjs'
import { fixture } from './box.mjs'

const teardowns = []
const { box } = fixture({ teardown: (action) => teardowns.push(action) })
const levels = (count) => 'd/'.repeat(count)
mkdirSync(join(box, levels(800)), { recursive: true })
writeFileSync(join(box, levels(100), 'file'), 'inside')
// Each link leads 800 levels up and down again, and then on through the next one.
for (let number = 0; number < 30; number++) {
  symlinkSync(`${levels(800)}${'../'.repeat(800)}link${number + 1}`, join(box, `link${number}`))
}
symlinkSync(levels(800), join(box, 'link30'))

const guest = rawGuest({ preopens: { '/': box } }, { memory: '4' })
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
  'links that lead up and down': stat('link0'),
}
for (let round = 0; round < 300; round++) stat('link0')

// Links count together, wherever they are in a path: 20 lead to the directory each time, and one to the file.
symlinkSync('.', join(box, 'self20'))
for (let number = 19; number > 0; number--) symlinkSync(`self${number + 1}`, join(box, `self${number}`))
writeFileSync(join(box, 'target'), '')
symlinkSync('target', join(box, 'last'))
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
// Reading through a read-only preopen keeps access times under each resolver.
utimesSync(join(box, 'file'), 1, 2)
const reader = rawGuest({ preopens: { '/': { path: box, readonly: true } } })
reader.read(reader.open('file'))
const accessed = statSync(join(box, 'file')).atimeMs

console.log(JSON.stringify({ errnos, links, accessed, held: most[0] - before }))
for (const teardown of teardowns) teardown()
