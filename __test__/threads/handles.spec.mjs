// WASI.join() and share(): a thread joins a guest by its handle.

import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { Directory, WASI } from 'capwasi'
import { errnoName, node, tree } from '../support/guest.mjs'
import { sharedGuest, startThread } from '../support/threads.mjs'

const errno = async (promise) => errnoName(await promise)

test('a thread that joins by a handle has the descriptors, arguments and environment of the guest', async (t) => {
  const guest = sharedGuest({
    args: ['program', 'x'],
    env: { A: '1' },
    preopens: { '/': Directory.memory({ file: 'text' }) },
  })
  const thread = await startThread(t, guest.memory, { handle: guest.wasi.share() })
  const fd = guest.open('file')
  const iovs = guest.iovs(4)
  t.is(await thread.call('fd_read', fd, ...iovs, guest.out), 0)
  t.is(guest.gather(iovs), 'text')
  t.is(await thread.call('args_sizes_get', 0, 4), 0)
  t.deepEqual([guest.u32(0), guest.u32(4)], [2, 10])
  t.is(await thread.call('environ_sizes_get', 0, 4), 0)
  t.deepEqual([guest.u32(0), guest.u32(4)], [1, 4])
})

test('share() returns the same frozen handle each time, also in a thread that joined', async (t) => {
  const guest = sharedGuest()
  const handle = guest.wasi.share()
  t.deepEqual(Object.keys(handle), ['capwasi'])
  t.true(Object.isFrozen(handle))
  t.regex(handle.capwasi, /^[0-9a-f]{32}$/)
  t.deepEqual(guest.wasi.share(), handle)
  const thread = await startThread(t, guest.memory, { handle })
  t.deepEqual(await thread.perform('share'), handle)
})

test('share() of two guests returns different handles', (t) => {
  t.notDeepEqual(new WASI({ version: 'preview1' }).share(), new WASI({ version: 'preview1' }).share())
})

test('WASI.join() in the same thread returns another WASI object of the guest', (t) => {
  const guest = sharedGuest({ preopens: { '/': tree(t, { file: 'content' }) } })
  const other = WASI.join(guest.wasi.share())
  t.true(other instanceof WASI)
  other.initialize({ exports: { memory: guest.memory } })
  t.is(errnoName(other.wasiImport.fd_tell(guest.open('file'), guest.out)), 'SUCCESS')
})

test('WASI.join() has the length and the descriptor of a static method', (t) => {
  const { value, ...descriptor } = Object.getOwnPropertyDescriptor(WASI, 'join')
  t.deepEqual(descriptor, { writable: true, enumerable: false, configurable: true })
  t.deepEqual([value.name, value.length], ['join', 1])
})

for (const handle of [undefined, null, 'text', 5, {}, { capwasi: 5 }, { capwasiDirectory: '0'.repeat(32) }]) {
  test(`WASI.join(${JSON.stringify(handle)}) throws ERR_INVALID_ARG_TYPE`, (t) => {
    t.throws(() => WASI.join(handle), {
      instanceOf: TypeError,
      code: 'ERR_INVALID_ARG_TYPE',
      message: /^The "handle" argument must be a result of share\(\)\. Received /,
    })
  })
}

const INVALID = {
  instanceOf: TypeError,
  code: 'ERR_INVALID_ARG_VALUE',
  message: "The argument 'handle' is unknown, or its guest has ended",
}

test('WASI.join() of an unknown handle throws ERR_INVALID_ARG_VALUE, and the next WASI object is new', (t) => {
  t.throws(() => WASI.join({ capwasi: '0'.repeat(32) }), INVALID)
  const wasi = new WASI({ version: 'preview1', args: ['own'] })
  const memory = new WebAssembly.Memory({ initial: 1 })
  wasi.initialize({ exports: { memory } })
  t.is(wasi.wasiImport.args_sizes_get(0, 4), 0)
  t.is(new Uint32Array(memory.buffer)[1], 4)
})

test('WASI.join() after close() throws ERR_INVALID_ARG_VALUE', (t) => {
  const wasi = new WASI({ version: 'preview1' })
  const handle = wasi.share()
  wasi.close()
  t.throws(() => WASI.join(handle), INVALID)
})

test('WASI.join() after a thread has exited throws ERR_INVALID_ARG_VALUE', async (t) => {
  const guest = sharedGuest()
  const handle = guest.wasi.share()
  const thread = await startThread(t, guest.memory, { handle })
  await t.throwsAsync(thread.call('proc_exit', 1), { code: 'ERR_WASI_EXIT' })
  t.throws(() => WASI.join(handle), INVALID)
})

test('WASI.join() of a guest that was collected throws ERR_INVALID_ARG_VALUE', async (t) => {
  const ran = await node(
    `
    import { setTimeout as sleep } from 'node:timers/promises'
    import { WASI } from 'capwasi'
    const handle = new WASI({ version: 'preview1' }).share()
    for (let i = 0; i < 20; i++) {
      await sleep(5)
      gc()
    }
    try { WASI.join(handle) } catch (error) { console.log(error.code) }`,
    { module: true, flags: ['--expose-gc'] },
  )
  t.is(ran.stdout, 'ERR_INVALID_ARG_VALUE\n', ran.stderr)
})

test('WASI.join() of a subclass returns a WASI object', (t) => {
  class Sub extends WASI {}
  const wasi = new WASI({ version: 'preview1' })
  t.true(Sub.join(wasi.share()) instanceof WASI)
})

// Callbacks are functions of the thread that created the guest.

test('output of another thread reaches the callbacks in the order of the writes', async (t) => {
  const received = []
  const guest = sharedGuest({
    stdout: (chunk) => received.push(`out ${chunk}`),
    stderr: (chunk) => received.push(`err ${chunk}`),
  })
  const thread = await startThread(t, guest.memory, { handle: guest.wasi.share() })
  const write = (fd, text) => thread.call('fd_write', fd, ...guest.iovs(text), guest.out)
  t.is(await write(1, 'one'), 0)
  t.is(guest.u32(guest.out), 3)
  t.is(await write(2, 'two'), 0)
  t.is(await write(1, 'three'), 0)
  while (received.length < 3) await sleep(5)
  t.deepEqual(received, ['out one', 'err two', 'out three'])
})

test('output of another thread reaches the callbacks before later output of the first thread', async (t) => {
  const ran = await node(
    `
    import { sharedGuest, startThread } from './__test__/support/threads.mjs'
    const received = []
    const guest = sharedGuest({ stdout: (chunk) => { received.push(String(chunk)) } })
    const thread = await startThread({ teardown() {} }, guest.memory, { handle: guest.wasi.share() })
    const done = new Int32Array(guest.memory.buffer, 512, 1)
    thread.worker.postMessage(['call', 'fd_write', 1, ...guest.iovs('worker'), guest.out])
    // The event loop does not turn before the write of this thread.
    while (guest.u32(guest.out) !== 6) Atomics.wait(done, 0, 0, 5)
    guest.write(1, 'first')
    console.log(received.join(' '))
    process.exit()`,
    { module: true },
  )
  t.is(ran.stdout, 'worker first\n', ran.stderr)
})

test('output of another thread reaches the callbacks before start() returns', async (t) => {
  const ran = await node(
    `
    import { WASI } from 'capwasi'
    import { startThread } from './__test__/support/threads.mjs'
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true })
    const words = new Int32Array(memory.buffer)
    words.set([64, 6], 0)
    new Uint8Array(memory.buffer).set(Buffer.from('worker'), 64)
    const received = []
    const wasi = new WASI({ version: 'preview1', stdout: (chunk) => { received.push(String(chunk)) } })
    const thread = await startThread({ teardown() {} }, memory, { handle: wasi.share() })
    const _start = () => {
      thread.worker.postMessage(['call', 'fd_write', 1, 0, 1, 16])
      while (words[4] !== 6) Atomics.wait(words, 100, 0, 5)
    }
    console.log(wasi.start({ exports: { memory, _start } }), received)
    process.exit()`,
    { module: true },
  )
  t.is(ran.stdout, "0 [ 'worker' ]\n", ran.stderr)
})

test('output of another thread beyond limits.output fails with EDQUOT until the callbacks receive it', async (t) => {
  const ran = await node(
    `
    import { setTimeout as sleep } from 'node:timers/promises'
    import { errnoName } from './__test__/support/guest.mjs'
    import { sharedGuest, startThread } from './__test__/support/threads.mjs'
    const received = []
    const guest = sharedGuest({ limits: { output: 5 }, stdout: (chunk) => { received.push(String(chunk)) } })
    const thread = await startThread({ teardown() {} }, guest.memory, { handle: guest.wasi.share() })
    const write = (text, out) => thread.worker.postMessage(['call', 'fd_write', 1, ...guest.iovs(text), out])
    const results = []
    thread.worker.on('message', ({ result }) => results.push(errnoName(result)))
    write('abc', 0); write('defg', 4); write('x', 8)
    while (guest.u32(4) !== 2) Atomics.wait(new Int32Array(guest.memory.buffer), 200, 0, 5)
    Atomics.wait(new Int32Array(guest.memory.buffer), 200, 0, 100)
    while (results.length < 3) await sleep(5)
    console.log(results.join(' '), received.join(' '), guest.wasi.exceeded)
    process.exit()`,
    { module: true },
  )
  t.is(ran.stdout, 'SUCCESS SUCCESS DQUOT abc de output\n', ran.stderr)
})

test('short writes of another thread beyond 1,024 count more than their bytes towards limits.output', async (t) => {
  const ran = await node(
    `
    import { sharedGuest, startThread } from './__test__/support/threads.mjs'
    let received = 0
    const guest = sharedGuest({ limits: { output: 10_000 }, stdout: (chunk) => { received += chunk.length } })
    const thread = await startThread({ teardown() {} }, guest.memory, { handle: guest.wasi.share() })
    thread.worker.postMessage(['repeat', 3000, 512, 'fd_write', 1, ...guest.iovs('x'), guest.out])
    Atomics.wait(new Int32Array(guest.memory.buffer), 128, 0)
    const written = guest.u32(512)
    guest.write(1, 'y')
    console.log(written > 1024, written < 2000, received === written + 1, guest.wasi.exceeded)
    process.exit()`,
    { module: true },
  )
  t.is(ran.stdout, 'true true true output\n', ran.stderr)
})

test('after an exception of a callback, it receives the rest of the output of another thread', async (t) => {
  const ran = await node(
    `
    import { setTimeout as sleep } from 'node:timers/promises'
    import { sharedGuest, startThread } from './__test__/support/threads.mjs'
    const events = []
    const guest = sharedGuest({ stdout: (chunk) => {
      events.push(String(chunk))
      throw new Error('thrown')
    } })
    const thread = await startThread({ teardown() {} }, guest.memory, { handle: guest.wasi.share() })
    process.on('uncaughtException', (error) => events.push(error.message))
    thread.worker.postMessage(['repeat', 2, 512, 'fd_write', 1, ...guest.iovs('x'), guest.out])
    Atomics.wait(new Int32Array(guest.memory.buffer), 128, 0)
    while (events.length < 4) await sleep(5)
    console.log(events.join(' '))
    process.exit()`,
    { module: true },
  )
  t.is(ran.stdout, 'x thrown x thrown\n', ran.stderr)
})

test('an exception of a callback for output of another thread is uncaught', async (t) => {
  const ran = await node(
    `
    import { sharedGuest, startThread } from './__test__/support/threads.mjs'
    const guest = sharedGuest({ stdout: () => { throw new Error('from the callback') } })
    const thread = await startThread({ teardown() {} }, guest.memory, { handle: guest.wasi.share() })
    process.on('uncaughtException', (error) => { console.log(error.message); process.exit() })
    await thread.call('fd_write', 1, ...guest.iovs('x'), guest.out)`,
    { module: true },
  )
  t.is(ran.stdout, 'from the callback\n', ran.stderr)
})

test('fd_read of a callback in another thread is ENOTSUP', async (t) => {
  const guest = sharedGuest({ stdin: () => 'text' })
  const thread = await startThread(t, guest.memory, { handle: guest.wasi.share() })
  t.is(await errno(thread.call('fd_read', 0, ...guest.iovs(4), guest.out)), 'NOTSUP')
  t.is(guest.read(0), 'text')
})

test('clock_time_get of a callback in another thread is ENOTSUP', async (t) => {
  const guest = sharedGuest({ clock: { realtime: () => 5n } })
  const thread = await startThread(t, guest.memory, { handle: guest.wasi.share() })
  t.is(await errno(thread.call('clock_time_get', 0, 1n, guest.out)), 'NOTSUP')
  guest.must('clock_time_get', 0, 1n, guest.out)
  t.is(guest.u64(guest.out), 5n)
})

test('fd_write in another thread fails with EPIPE once the thread with the callbacks has ended', async (t) => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true })
  const first = await startThread(t, memory, { more: 'callback' })
  const handle = await first.perform('share')
  const second = await startThread(t, memory, { handle })
  new Int32Array(memory.buffer).set([64, 6])
  t.is(await errno(second.call('fd_write', 1, 0, 1, 16)), 'SUCCESS')
  await first.worker.terminate()
  t.is(await errno(second.call('fd_write', 1, 0, 1, 16)), 'PIPE')
})

test('a guest with a handle does not join another guest', async (t) => {
  const options = { preopens: { '/': tree(t, { file: 'content' }) } }
  const guest = sharedGuest(options)
  const thread = await startThread(t, guest.memory, { options, bind: false })
  await thread.perform('share')
  await thread.perform('bind')
  t.is(await errno(thread.call('fd_tell', guest.open('file'), guest.out)), 'BADF')
})

test('WASI.join() after the first thread has exited throws ERR_INVALID_ARG_VALUE', (t) => {
  const guest = sharedGuest()
  const handle = guest.wasi.share()
  t.throws(() => guest.call.proc_exit(3), { code: 'ERR_WASI_EXIT' })
  t.throws(() => WASI.join(handle), INVALID)
})

test('output of a thread that runs initialize() reaches the callbacks once', async (t) => {
  const received = []
  const guest = sharedGuest({ stdout: (chunk) => received.push(String(chunk)) })
  const handle = guest.wasi.share()
  const threads = await Promise.all(
    Array.from({ length: 4 }, () => startThread(t, guest.memory, { handle, bind: false })),
  )
  const writes = threads.map((thread, index) =>
    thread.perform('run', 'fd_write', 1, ...guest.iovs(`${index}`), guest.alloc(4)),
  )
  t.deepEqual(await Promise.all(writes), [0, 0, 0, 0])
  while (received.length < 4) await sleep(5)
  t.deepEqual(received.sort(), ['0', '1', '2', '3'])
})
