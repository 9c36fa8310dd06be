// WASI objects of several threads over one shared memory: they join one guest if their options are equal.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { WASI as NodeWASI } from 'node:wasi'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { Directory } from 'capwasi'
import { onPosix, slow } from '../support/conditions.mjs'
import { RIGHTS, errnoName, node, tree } from '../support/guest.mjs'
import { sharedGuest, startThread } from '../support/threads.mjs'

/** Starts a guest of two threads with one preopen. */
async function twoThreads(t, files = { file: 'content' }, options = {}) {
  const directory = tree(t, files)
  const all = { preopens: { '/': directory }, ...options }
  const guest = sharedGuest(all)
  return { directory, guest, thread: await startThread(t, guest.memory, { options: all }) }
}

const errno = async (promise) => errnoName(await promise)

test('a descriptor that one thread opened is read, written and closed in another', async (t) => {
  const { directory, guest, thread } = await twoThreads(t)
  const fd = guest.open('file', { rights: RIGHTS.FILE })
  const iovs = guest.iovs(4)
  t.is(await thread.call('fd_read', fd, ...iovs, guest.out), 0)
  t.is(guest.gather(iovs, guest.u32(guest.out)), 'cont')
  t.is(guest.read(fd), 'ent')
  t.is(await thread.call('fd_write', fd, ...guest.iovs(' and more'), guest.out), 0)
  t.is(readFileSync(join(directory, 'file'), 'utf8'), 'content and more')
  t.is(await thread.call('fd_close', fd), 0)
  t.is(errnoName(guest.call.fd_close(fd)), 'BADF')
})

test('on node:wasi, a descriptor that one thread opened is EBADF or another file in the other', async (t) => {
  const directory = tree(t, { file: 'content' })
  const options = { preopens: { '/': directory } }
  const guest = sharedGuest(options, { WASI: NodeWASI })
  const thread = await startThread(t, guest.memory, { options, host: 'node' })
  const fd = guest.open('file')
  t.is(await errno(thread.call('fd_read', fd, ...guest.iovs(4), guest.out)), 'BADF')
})

test('a descriptor opened in a worker is renumbered in the first thread and polled in the worker', async (t) => {
  const { guest, thread } = await twoThreads(t)
  const open = () => thread.call('path_open', 3, 0, ...guest.put('file'), 0, RIGHTS.READING, 0n, 0, guest.out)
  t.is(await open(), 0)
  const from = guest.u32(guest.out)
  t.is(await open(), 0)
  const to = guest.u32(guest.out)
  guest.must('fd_renumber', from, to)
  const { SUBSCRIPTION, EVENT } = guest.dialect
  t.truthy(SUBSCRIPTION && EVENT)
  const subscription = guest.alloc(48)
  guest.view.setUint8(subscription + 8, 1)
  guest.view.setUint32(subscription + 16, to, true)
  const event = guest.alloc(32)
  t.is(await thread.call('poll_oneoff', subscription, event, 1, guest.out), 0)
  t.deepEqual([guest.u32(guest.out), guest.u16(event + 8), guest.u64(event + 16)], [1, 0, 7n])
  t.is(await errno(thread.call('fd_close', from)), 'BADF')
})

test('two threads read one directory: each entry is returned once', async (t) => {
  const names = Array.from({ length: 200 }, (_, i) => `entry-${i}`)
  const { guest, thread } = await twoThreads(t, Object.fromEntries(names.map((name) => [name, ''])))
  const fd = guest.open('.', { rights: RIGHTS.FD_READDIR })
  const buffer = guest.alloc(1024)
  const found = []
  let cookie = 0n
  for (let turn = 0; ; turn++) {
    const args = [fd, buffer, 1024, cookie, guest.out]
    t.is(turn % 2 ? await thread.call('fd_readdir', ...args) : guest.call.fd_readdir(...args), 0)
    const used = guest.u32(guest.out)
    for (let at = 0; at + 24 <= used; ) {
      const length = guest.u32(buffer + at + 16)
      if (at + 24 + length > used) break
      cookie = guest.u64(buffer + at)
      found.push(guest.text(buffer + at + 24, length))
      at += 24 + length
    }
    if (used < 1024) break
  }
  t.deepEqual(found.filter((name) => name.startsWith('entry')).sort(), names.sort())
})

// Which options are equal. Each row: the option of the first thread, that of the second, and whether the second joins.

const one = new Uint8Array([1])
const rows = {
  'equal arguments and environments': [{ args: ['a'], env: { A: '1' } }, { args: ['a'], env: { A: '1' } }, true],
  'other arguments and another environment': [{ args: ['a'] }, { args: ['b', 'c'], env: { B: '2' } }, true],
  'another returnOnExit': [{}, { returnOnExit: false }, true],
  'a trace': [{}, 'trace', true],
  'an inherited stdout by mode and by number': [{ stdout: 'inherit' }, { stdout: 1 }, true],
  'captured stdout': [{ stdout: 'pipe' }, { stdout: 'pipe' }, true],
  'captured and inherited stdout': [{ stdout: 'pipe' }, {}, false],
  'other numbers for stdout': [{ stdout: 1 }, { stdout: 2 }, false],
  'ignored stdin': [{ stdin: 'ignore' }, { stdin: 'ignore' }, true],
  'equal data for stdin': [{ stdin: one }, { stdin: one }, true],
  'other data for stdin': [{ stdin: one }, { stdin: 'text' }, false],
  'a callback for stdout': [{}, 'callback', false],
  'an iterable for stdin': [{}, 'iterable', false],
  'a callback for a clock': [{}, 'clock', false],
  'equal fixed clocks': [{ clock: { realtime: 5n } }, { clock: { realtime: 5n } }, true],
  'other fixed clocks': [{ clock: { realtime: 5n } }, { clock: { realtime: 6n } }, false],
  'equal seeds': [{ random: { seed: 1 } }, { random: { seed: 1 } }, true],
  'other seeds': [{ random: { seed: 1 } }, { random: { seed: 2 } }, false],
  'a seed in one thread': [{ random: { seed: 1 } }, {}, false],
  'equal limits': [{ limits: { openFiles: 20 } }, { limits: { openFiles: 20 } }, true],
  'another openFiles': [{ limits: { openFiles: 20 } }, { limits: { openFiles: 21 } }, false],
  'another output': [{}, { limits: { output: 5 } }, false],
  'another writtenBytes': [{ limits: { writtenBytes: 10 } }, { limits: { writtenBytes: 11 } }, false],
  'another version': [{}, { version: 'unstable' }, false],
  'a socket by address': [{ sockets: ['127.0.0.1:0'] }, { sockets: ['127.0.0.1:0'] }, false],
}
for (const [title, [first, second, joins]] of Object.entries(rows)) {
  test(`a thread with ${title} ${joins ? 'joins the guest' : 'has its own descriptors'}`, async (t) => {
    const preopens = { '/': tree(t, { file: 'content' }) }
    const guest = sharedGuest({ preopens, ...first })
    const own = typeof second === 'string' ? { more: second } : { options: second }
    const thread = await startThread(t, guest.memory, { ...own, options: { preopens, ...own.options } })
    const fd = guest.open('file', { dirfd: first.sockets ? 4 : 3 })
    t.is(await errno(thread.call('fd_tell', fd, guest.out)), joins ? 'SUCCESS' : 'BADF')
  })
}

for (const [title, change, joins] of [
  ['the same directory by another path', (directory) => ({ '/': `${directory}/.` }), true],
  ['another name', (directory) => ({ '/other': directory }), false],
  ['another directory', (directory) => ({ '/': join(directory, 'sub') }), false],
  ['a read-only directory', (directory) => ({ '/': { path: directory, readonly: true } }), false],
  ['one more directory', (directory) => ({ '/': directory, '/b': directory }), false],
]) {
  test(`a thread with a preopen of ${title} ${joins ? 'joins the guest' : 'has its own descriptors'}`, async (t) => {
    const directory = tree(t, { file: 'content', 'sub/x': '' })
    const guest = sharedGuest({ preopens: { '/': directory } })
    const thread = await startThread(t, guest.memory, { options: { preopens: change(directory) } })
    // The number is high, so that no preopen of the thread has it.
    let fd = 0
    while (fd < 8) fd = guest.open('file')
    t.is(await errno(thread.call('fd_tell', fd, guest.out)), joins ? 'SUCCESS' : 'BADF')
  })
}

test('a thread keeps its own arguments and environment when it joins', async (t) => {
  const guest = sharedGuest({ args: ['main'], env: { A: '1' } })
  const thread = await startThread(t, guest.memory, { options: { args: ['worker', 'x'] } })
  t.is(await thread.call('args_sizes_get', 0, 4), 0)
  t.deepEqual([guest.u32(0), guest.u32(4)], [2, 9])
  guest.must('args_sizes_get', 0, 4)
  t.deepEqual([guest.u32(0), guest.u32(4)], [1, 5])
  t.is(await thread.call('environ_sizes_get', 0, 4), 0)
  t.is(guest.u32(0), 0)
})

test('two WASI objects of one thread over one memory have their own descriptors', (t) => {
  const options = { preopens: { '/': tree(t, { file: 'content' }) } }
  const guest = sharedGuest(options)
  const { WASI } = createRequire(import.meta.url)('capwasi')
  const other = new WASI({ version: 'preview1', ...options })
  other.initialize({ exports: { memory: guest.memory } })
  const fd = guest.open('file')
  t.is(errnoName(other.wasiImport.fd_tell(fd, guest.out)), 'BADF')
})

test('threads over different memories have their own descriptors', async (t) => {
  const options = { preopens: { '/': tree(t, { file: 'content' }) } }
  const guest = sharedGuest(options)
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true })
  const thread = await startThread(t, memory, { options })
  t.is(await errno(thread.call('fd_tell', guest.open('file'), 0)), 'BADF')
})

test('a thread that has bound another memory before keeps its own descriptors', async (t) => {
  const options = { preopens: { '/': tree(t, { file: 'content' }) } }
  const guest = sharedGuest(options)
  const script = `
    const { parentPort, workerData: { main, memory, fd, options } } = require('node:worker_threads')
    const { WASI } = require(main)
    const wasi = new WASI({ version: 'preview1', ...options })
    const own = new WebAssembly.Memory({ initial: 1 })
    wasi.initialize({ exports: { memory: own } })
    wasi[Object.getOwnPropertySymbols(wasi).find(({ description }) => description === 'kSetMemory')](memory)
    parentPort.postMessage(wasi.wasiImport.fd_tell(fd, 0))`
  const main = createRequire(import.meta.url).resolve('capwasi')
  const worker = new Worker(script, {
    eval: true,
    workerData: { main, memory: guest.memory, fd: guest.open('file'), options },
  })
  t.teardown(() => worker.terminate())
  const [result] = await once(worker, 'message')
  t.is(errnoName(result), 'BADF')
})

test('a thread joins a guest with a directory in memory', async (t) => {
  const directory = Directory.memory({ file: 'content' })
  const guest = sharedGuest({ preopens: { '/': directory } })
  const handle = guest.wasi.share()
  const thread = await startThread(t, guest.memory, { handle })
  const fd = guest.open('file')
  t.is(await thread.call('fd_read', fd, ...guest.iovs(4), guest.out), 0)
  t.is(guest.u32(guest.out), 4)
})

test('openFiles bounds the descriptors of all threads together', async (t) => {
  const { guest, thread } = await twoThreads(t, { file: '' }, { limits: { openFiles: 6 } })
  const open = () => thread.call('path_open', 3, 0, ...guest.put('file'), 0, RIGHTS.READING, 0n, 0, guest.out)
  guest.open('file')
  t.is(await open(), 0)
  t.is(await errno(open()), 'MFILE')
  t.is(errnoName(guest.call.path_open(3, 0, ...guest.put('file'), 0, RIGHTS.READING, 0n, 0, guest.out)), 'MFILE')
  t.deepEqual([guest.wasi.exceeded, await thread.perform('get', 'exceeded')], ['openFiles', 'openFiles'])
})

test('writtenBytes bounds the writes of all threads together', async (t) => {
  const { guest, thread } = await twoThreads(t, { file: '' }, { limits: { writtenBytes: 10 } })
  const fd = guest.open('file', { rights: RIGHTS.FILE })
  t.is(guest.write(fd, '1234567'), 7)
  t.is(await thread.call('fd_write', fd, ...guest.iovs('abcdef'), guest.out), 0)
  t.is(guest.u32(guest.out), 3)
  t.is(errnoName(guest.call.fd_write(fd, ...guest.iovs('x'), guest.out)), 'DQUOT')
})

test('captured output of all threads is in stdout of each', async (t) => {
  const options = { stdout: 'pipe' }
  const guest = sharedGuest(options)
  const thread = await startThread(t, guest.memory, { options })
  guest.write(1, 'first ')
  t.is(await thread.call('fd_write', 1, ...guest.iovs('second '), guest.out), 0)
  t.is(guest.wasi.stdout.toString(), 'first second ')
  const seen = Buffer.from(await thread.perform('get', 'stdout'))
  t.is(seen.toString(), 'first second ')
  guest.write(1, 'third')
  t.is(guest.wasi.stdout.toString(), 'first second third')
  t.is(Buffer.from(await thread.perform('get', 'stdout')).toString(), 'first second third')
})

test('close() of the WASI object that created the guest closes the descriptors of all threads', async (t) => {
  const { guest, thread } = await twoThreads(t)
  const fd = guest.open('file')
  guest.wasi.close()
  t.is(await errno(thread.call('fd_tell', fd, guest.out)), 'BADF')
  t.is(await errno(thread.call('fd_prestat_get', 3, guest.out)), 'BADF')
})

test('close() of a WASI object that joined leaves the guest', async (t) => {
  const { guest, thread } = await twoThreads(t)
  const fd = guest.open('file')
  await thread.perform('close')
  t.is(await errno(thread.call('fd_tell', fd, guest.out)), 'BADF')
  guest.must('fd_tell', fd, guest.out)
})

test('a thread does not join a guest that was closed', async (t) => {
  const options = { preopens: { '/': tree(t, { file: 'content' }) } }
  const guest = sharedGuest(options)
  guest.wasi.close()
  const thread = await startThread(t, guest.memory, { options })
  t.is(await errno(thread.call('fd_prestat_get', 3, guest.out)), 'SUCCESS')
})

test('a worker that was terminated leaves the guest usable', async (t) => {
  const { guest, thread } = await twoThreads(t)
  t.is(await thread.call('path_open', 3, 0, ...guest.put('file'), 0, RIGHTS.READING, 0n, 0, guest.out), 0)
  const fd = guest.u32(guest.out)
  await thread.worker.terminate()
  t.is(guest.read(fd), 'content')
  const next = await startThread(t, guest.memory, { options: { preopens: guest.wasi.preopens } })
  t.is(await errno(next.call('fd_tell', fd, guest.out)), 'BADF')
})

test('a guest stays usable in a worker after the thread that created it ends', async (t) => {
  const options = { preopens: { '/': tree(t, { file: 'content' }) } }
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 4, shared: true })
  const text = new Uint8Array(memory.buffer)
  text.set(Buffer.from('file'), 100)
  const first = await startThread(t, memory, { options })
  t.is(await first.call('path_open', 3, 0, 100, 4, 0, RIGHTS.READING, 0n, 0, 0), 0)
  const fd = new DataView(memory.buffer).getUint32(0, true)
  const second = await startThread(t, memory, { options })
  await first.worker.terminate()
  t.is(await errno(second.call('fd_tell', fd, 0)), 'SUCCESS')
  const third = await startThread(t, memory, { options })
  t.is(await errno(third.call('fd_tell', fd, 0)), 'SUCCESS')
})

onPosix('two threads wait in fd_read on one FIFO: each byte arrives once', async (t) => {
  const ran = await node(
    `
    import { execFileSync } from 'node:child_process'
    import { openSync, writeSync } from 'node:fs'
    import { sharedGuest, startThread } from './__test__/support/threads.mjs'
    const [directory] = process.argv.slice(1)
    execFileSync('mkfifo', [directory + '/fifo'])
    const end = openSync(directory + '/fifo', 'r+')
    const options = { preopens: { '/': directory } }
    const guest = sharedGuest(options)
    const t = { teardown() {} }
    const threads = [1, 2].map(() => startThread(t, guest.memory, { options }))
    const [one, two] = await Promise.all(threads)
    const fd = guest.open('fifo')
    const [a, b] = [guest.iovs(1), guest.iovs(1)]
    const reads = [one.call('fd_read', fd, ...a, guest.alloc(4)), two.call('fd_read', fd, ...b, guest.alloc(4))]
    setTimeout(() => writeSync(end, 'xy'), 200)
    console.log(await Promise.all(reads), [guest.gather(a), guest.gather(b)].sort())
    process.exit()`,
    { module: true, args: [tree(t)] },
  )
  t.is(ran.stdout, "[ 0, 0 ] [ 'x', 'y' ]\n", ran.stderr)
})

onPosix('close() ends the wait of another thread with EBADF', async (t) => {
  const ran = await node(
    `
    import { execFileSync } from 'node:child_process'
    import { openSync } from 'node:fs'
    import { errnoName } from './__test__/support/guest.mjs'
    import { sharedGuest, startThread } from './__test__/support/threads.mjs'
    const [directory] = process.argv.slice(1)
    execFileSync('mkfifo', [directory + '/fifo'])
    const end = openSync(directory + '/fifo', 'r+')
    const options = { preopens: { '/': directory } }
    const guest = sharedGuest(options)
    const thread = await startThread({ teardown() {} }, guest.memory, { options })
    const read = thread.call('fd_read', guest.open('fifo'), ...guest.iovs(1), guest.out)
    setTimeout(() => guest.wasi.close(), 200)
    console.log(errnoName(await read))
    process.exit()`,
    { module: true, args: [tree(t)] },
  )
  t.is(ran.stdout, 'BADF\n', ran.stderr)
})

test('proc_exit in one thread ends the calls of the others with its code', async (t) => {
  const { guest, thread } = await twoThreads(t)
  await t.throwsAsync(thread.call('proc_exit', 5), { code: 'ERR_WASI_EXIT' })
  const error = t.throws(() => guest.call.fd_tell(3, guest.out), { code: 'ERR_WASI_EXIT' })
  t.is(error.exitCode, 5)
})

test('proc_exit in a worker ends start() in the first thread, which returns the code', async (t) => {
  const ran = await node(
    `
    import { WASI } from 'capwasi'
    import { assemble } from './__test__/support/guest.mjs'
    import { startThread } from './__test__/support/threads.mjs'
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true })
    const wasi = new WASI({ version: 'preview1' })
    // Sleeps for 100 s.
    const module = assemble(\`(module
      (import "env" "memory" (memory 1 2 shared))
      (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
      (func (export "_start")
        (i32.store (i32.const 16) (i32.const 1))
        (i64.store (i32.const 24) (i64.const 100000000000))
        (drop (call $poll (i32.const 0) (i32.const 512) (i32.const 1) (i32.const 1024)))))\`)
    const { exports } = new WebAssembly.Instance(module, { ...wasi.getImportObject(), env: { memory } })
    const thread = await startThread({ teardown() {} }, memory)
    // The worker exits after 300 ms, because a guest that has ended before start() cannot be joined.
    const subscription = new DataView(memory.buffer, 2048)
    subscription.setUint32(16, 1, true)
    subscription.setBigUint64(24, 300_000_000n, true)
    thread.worker.postMessage(['call', 'poll_oneoff', 2048, 2560, 1, 3072])
    thread.worker.postMessage(['call', 'proc_exit', 3])
    console.log(wasi.start({ exports: { ...exports, memory } }))
    process.exit()`,
    { module: true },
  )
  t.is(ran.stdout, '3\n', ran.stderr)
})

slow()('100 threads open, read and close files of one guest', async (t) => {
  const options = { preopens: { '/': tree(t, { file: 'content' }) } }
  const guest = sharedGuest(options)
  const threads = await Promise.all(Array.from({ length: 100 }, () => startThread(t, guest.memory, { options })))
  const path = guest.put('file')
  const results = await Promise.all(
    threads.map(async (thread) => {
      const [out, iovs] = [guest.alloc(8), guest.iovs(7)]
      const errnos = [await thread.call('path_open', 3, 0, ...path, 0, RIGHTS.READING, 0n, 0, out)]
      const fd = guest.u32(out)
      errnos.push(await thread.call('fd_read', fd, ...iovs, out))
      return { fd, errnos, text: guest.gather(iovs) }
    }),
  )
  t.is(new Set(results.map(({ fd }) => fd)).size, 100)
  t.true(results.every(({ errnos, text }) => text === 'content' && errnos.every((each) => each === 0)))
  for (const { fd } of results) guest.close(fd)
})
