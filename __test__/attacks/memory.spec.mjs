// Hostile pointers, lengths and offsets, and memories that change during calls.

import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { WASI } from 'capwasi'
import { ERRNO, OFLAGS, RIGHTS, errnoName, rawGuest, tree } from '../support/guest.mjs'
import { errnoOf } from '../support/calls.mjs'
import { knownFailure, onPosix } from '../support/conditions.mjs'
import { linux } from '../support/platform.mjs'
import { runPlan } from './setup.mjs'

const PAGE = 65_536
const main = createRequire(import.meta.url).resolve('capwasi')
const byKernel = 'by the kernel'

for (const version of ['preview1', 'unstable']) {
  knownFailure({ qemu: 'qemu counts memory that a process has given back' })(
    `${version}: calls with hostile arguments return an errno, and write nothing if they fail`,
    async (t) => {
      const [attacked, idle] = [
        await runPlan(t, byKernel, 'memory.plan.mjs', version),
        await runPlan(t, byKernel, 'memory.plan.mjs', version, 'idle'),
      ]
      t.deepEqual(attacked.breaches, [])
      t.true(attacked.calls > 3000, `${attacked.calls} calls`)
      t.true(attacked.count.SUCCESS > 200 && attacked.count.OVERFLOW > 1000, JSON.stringify(attacked.count))
      // No allocation depends on a number from the guest.
      if (linux) t.true(attacked.peak - idle.peak < 64, `${attacked.peak} MiB, idle ${idle.peak} MiB`)
    },
  )
}

/** Writes an iovec array, given as words, at 8 KiB. */
function writeIovecs(guest, words) {
  for (const [index, word] of words.entries()) guest.view.setUint32(8 * 1024 + 4 * index, word, true)
}

for (const [layout, words, expected] of [
  ['that overlap', [4096, 16, 4100, 4, 4090, 32], { errno: 'SUCCESS', most: 52 }],
  ['that overlap the iovec array', [8 * 1024, 24, 8 * 1024 + 8, 8, 8 * 1024, 8], { errno: 'SUCCESS', most: 40 }],
  ['that overlap the result', [0, 4, 0, 4, 2, 4], { errno: 'SUCCESS', most: 12 }],
  ['whose last is out of bounds', [4096, 16, 4100, 4, 2 * PAGE - 3, 4], { errno: 'OVERFLOW' }],
  ['whose first is out of bounds', [2 * PAGE, 1, 4100, 4, 0, 4], { errno: 'OVERFLOW' }],
  ['of 4 GiB each', [0, 0xffff_ffff, 1, 0xffff_ffff, 2, 0xffff_ffff], { errno: 'OVERFLOW' }],
  ['whose total wraps around 32 bits', [0, 2 * PAGE, 8, 0xffff_fff8, 0, 2 * PAGE], { errno: 'OVERFLOW' }],
]) {
  const result = expected.errno === 'SUCCESS' ? 'succeed' : `fail with E${expected.errno}`
  test(`reads and writes with iovecs ${layout} ${result}`, (t) => {
    const directory = tree(t, { file: 'x'.repeat(1000) })
    const guest = rawGuest({ preopens: { '/': directory } })
    const rights = RIGHTS.FILE
    for (const [name, extra] of [
      ['fd_read', []],
      ['fd_pread', [3n]],
      ['fd_write', []],
      ['fd_pwrite', [3n]],
    ]) {
      const fd = guest.open('file', { rights })
      writeIovecs(guest, words)
      const before = Buffer.from(guest.bytes)
      t.is(errnoOf(guest, name, fd, 8 * 1024, 3, ...extra, guest.out), expected.errno, name)
      if (expected.errno === 'SUCCESS') t.true(guest.u32(guest.out) <= expected.most, name)
      else t.true(before.equals(guest.bytes), name)
    }
    t.is(readFileSync(join(directory, 'file')).length, 1000)
  })
}

test('offsets from 2^63 on fail with EINVAL or EFBIG, and change neither file nor position', (t) => {
  const directory = tree(t, { file: '0123456789' })
  const guest = rawGuest({ preopens: { '/': directory } })
  const fd = guest.open('file', { rights: RIGHTS.FILE })
  const iovs = guest.iovs(4)
  const offsets = [1n << 63n, (1n << 63n) + 1n, -1n, -2n].map((value) => BigInt.asIntN(64, value))
  for (const offset of offsets) {
    for (const [name, ...args] of [
      ['fd_pread', fd, ...iovs, offset, 0],
      ['fd_pwrite', fd, ...iovs, offset, 0],
      ['fd_filestat_set_size', fd, offset],
      ['fd_allocate', fd, offset, 1n],
      ['fd_allocate', fd, 1n, offset],
      ['fd_seek', fd, offset, 0, 0],
    ])
      t.true(['INVAL', 'FBIG'].includes(errnoOf(guest, name, ...args)), `${name} ${offset}`)
    t.true(['SUCCESS', 'INVAL'].includes(errnoOf(guest, 'fd_advise', fd, offset, offset, 0)))
  }
  t.is(readFileSync(join(directory, 'file'), 'utf8'), '0123456789')
  t.is(guest.read(fd, 3), '012')
})

/** A worker that waits in fd_read of a pipe into shared memory. */
const READER = `
  const { parentPort, workerData: { main, memory, stdin } } = require('node:worker_threads')
  const { WASI } = require(main)
  const wasi = new WASI({ version: 'preview1', stdin })
  wasi.initialize({ exports: { memory } })
  parentPort.postMessage('reading')
  parentPort.postMessage(wasi.wasiImport.fd_read(0, 0, 1, 64))`

onPosix('fd_read that waits while another thread grows the shared memory reads into that memory', async (t) => {
  const path = join(tree(t), 'fifo')
  execFileSync('mkfifo', [path])
  const stdin = openSync(path, 'r+')
  t.teardown(() => closeSync(stdin))
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 600, shared: true })
  // The buffer is at the end of the memory at the start of the read.
  new DataView(memory.buffer).setUint32(0, PAGE - 5, true)
  new DataView(memory.buffer).setUint32(4, 5, true)
  const worker = new Worker(READER, { eval: true, workerData: { main, memory, stdin } })
  t.teardown(() => worker.terminate())
  t.deepEqual(await once(worker, 'message'), ['reading'])
  const grower = new Worker(
    'const { memory } = require("node:worker_threads").workerData; for (let i = 0; i < 500; i++) memory.grow(1)',
    { eval: true, workerData: { memory } },
  )
  await once(grower, 'exit')
  await new Promise((resolve) => setTimeout(resolve, 50))
  writeSync(stdin, 'hello')
  t.deepEqual(await once(worker, 'message'), [0])
  t.is(memory.buffer.byteLength, 501 * PAGE)
  t.is(Buffer.from(memory.buffer).toString('utf8', PAGE - 5, PAGE), 'hello')
  t.is(new DataView(memory.buffer).getUint32(64, true), 5)
})

test('calls whose iovecs another thread changes return SUCCESS or EOVERFLOW', async (t) => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
  const words = new Uint32Array(memory.buffer)
  const wasi = new WASI({ version: 'preview1', preopens: { '/': tree(t, { file: 'x'.repeat(50_000) }) } })
  wasi.initialize({ exports: { memory } })
  Buffer.from(memory.buffer).write('file', 32)
  t.is(wasi.wasiImport.path_open(3, 0, 32, 4, OFLAGS.CREAT, RIGHTS.FD_READ | RIGHTS.FD_WRITE, 0n, 0, 40), 0)
  const fd = words[10]
  const worker = new Worker(
    `
    const { workerData: { memory }, parentPort } = require('node:worker_threads')
    const words = new Uint32Array(memory.buffer)
    parentPort.postMessage('changing')
    const regions = [[1024, 100], [65535, 1], [65536, 1], [0xfffffff0, 100], [1024, 0xffffffff], [65000, 537]]
    while (Atomics.load(words, 15) === 0) {
      for (const [at, length] of regions) {
        words[0] = at; words[1] = length; words[2] = length; words[3] = at
      }
    }`,
    { eval: true, workerData: { memory } },
  )
  t.teardown(() => worker.terminate())
  await once(worker, 'message')
  const errnos = new Set()
  const end = Date.now() + 1500
  while (Date.now() < end) {
    for (let i = 0; i < 200; i++) {
      errnos.add(errnoName(wasi.wasiImport.fd_pread(fd, 0, 2, 0n, 48)))
      errnos.add(errnoName(wasi.wasiImport.fd_pwrite(fd, 0, 1, 0n, 48)))
      errnos.add(errnoName(wasi.wasiImport.random_get(words[0], Math.min(words[1], 1000))))
    }
  }
  Atomics.store(words, 15, 1)
  t.deepEqual([...errnos].sort(), ['OVERFLOW', 'SUCCESS'])
})

for (const [method, replaceMemory] of Object.entries({
  kSetMemory: (wasi, memory) =>
    wasi[Object.getOwnPropertySymbols(wasi).find(({ description }) => description === 'kSetMemory')](memory),
  finalizeBindings: (wasi, memory) => {
    wasi[Object.getOwnPropertySymbols(wasi).find(({ description }) => description === 'kStarted')] = false
    wasi.finalizeBindings({ exports: {} }, { memory })
  },
})) {
  test(`after ${method} replaces the memory, calls write only to the new memory`, (t) => {
    const wasi = new WASI({ version: 'preview1', args: ['one'] })
    const memories = [4, 1, 2].map((initial) => new WebAssembly.Memory({ initial }))
    wasi.initialize({ exports: { memory: memories[0] } })
    t.is(wasi.wasiImport.args_sizes_get(3 * PAGE, 3 * PAGE + 4), 0)
    const first = Buffer.from(memories[0].buffer.slice(0))
    for (let turn = 0; turn < 200; turn++) {
      const memory = memories[1 + (turn % 2)]
      replaceMemory(wasi, memory)
      const { byteLength } = memory.buffer
      t.is(wasi.wasiImport.args_sizes_get(byteLength - 8, byteLength - 4), 0)
      t.is(wasi.wasiImport.args_sizes_get(byteLength, byteLength + 4), ERRNO.OVERFLOW)
      t.is(wasi.wasiImport.random_get(0, byteLength + 1), ERRNO.OVERFLOW)
    }
    t.true(first.equals(Buffer.from(memories[0].buffer)))
  })
}
