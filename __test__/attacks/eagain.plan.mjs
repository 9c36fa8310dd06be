// Runs in a process whose openat2 always fails with EAGAIN. Prints the errnos of path calls, and the exit code of a
// worker that is terminated while its guest repeats one.

import { Worker } from 'node:worker_threads'
import { createRequire } from 'node:module'
import { OFLAGS, RIGHTS, assemble, rawGuest } from '../support/guest.mjs'
import { errnoOf } from '../support/calls.mjs'
import { makeDirectories } from './setup.mjs'

const teardowns = []
const { preopen } = makeDirectories({ teardown: (action) => teardowns.push(action) })
const guest = rawGuest({ preopens: { '/': preopen } })
const errnos = {
  path_open: errnoOf(guest, 'path_open', 3, 0, 'in/file', 0, RIGHTS.FD_READ, 0n, 0, 0),
  'path_open to create': errnoOf(guest, 'path_open', 3, 0, 'in/new', OFLAGS.CREAT, RIGHTS.FD_WRITE, 0n, 0, 0),
  path_filestat_get: errnoOf(guest, 'path_filestat_get', 3, 0, 'in/file', 0),
  path_filestat_set_times: errnoOf(guest, 'path_filestat_set_times', 3, 0, 'in/file', 0n, 0n, 5),
  path_create_directory: errnoOf(guest, 'path_create_directory', 3, 'in/new'),
  path_readlink: errnoOf(guest, 'path_readlink', 3, 'in/file', 512, 9, 0),
  path_remove_directory: errnoOf(guest, 'path_remove_directory', 3, 'in/new'),
  path_unlink_file: errnoOf(guest, 'path_unlink_file', 3, 'in/file'),
  path_symlink: errnoOf(guest, 'path_symlink', 'file', 3, 'in/link'),
  path_rename: errnoOf(guest, 'path_rename', 3, 'in/file', 3, 'in/moved'),
  path_link: errnoOf(guest, 'path_link', 3, 0, 'in/file', 3, 'in/linked'),
  // A single name in the directory needs no openat2.
  'path_filestat_get of a single name': errnoOf(guest, 'path_filestat_get', 3, 0, 'file', 0),
}
const descriptors = errnoOf(guest, 'fd_fdstat_get', 4, 0)

const module = assemble(`(module
  (import "wasi_snapshot_preview1" "path_filestat_get" (func $stat (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "in/file")
  (func (export "_start") (loop
    (drop (call $stat (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 7) (i32.const 64)))
    (br 0))))`)
const worker = new Worker(
  `
  const { parentPort, workerData: { main, module, preopen } } = require('node:worker_threads')
  const { WASI } = require(main)
  const wasi = new WASI({ version: 'preview1', preopens: { '/': preopen } })
  const instance = new WebAssembly.Instance(module, wasi.getImportObject())
  parentPort.postMessage('running')
  wasi.start(instance)`,
  { eval: true, workerData: { main: createRequire(import.meta.url).resolve('capwasi'), module, preopen } },
)
await new Promise((resolve) => worker.once('message', resolve))
const code = await worker.terminate()
console.log(JSON.stringify({ errnos, descriptors, code }))
for (const teardown of teardowns) teardown()
