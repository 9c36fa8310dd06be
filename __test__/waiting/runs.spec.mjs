// startAsync() and initializeAsync(): how a run ends.

import { onSuspending } from '../support/conditions.mjs'
import { assemble, node } from '../support/guest.mjs'
import { CAT, WASI, guest, later, sleep, suspendable } from '../support/suspending.mjs'

const exit = (code) => `(call $exit (i32.const ${code}))`

onSuspending('startAsync() resolves to the exit code of a guest that has waited', async (t) => {
  t.is(await suspendable(guest(sleep(5) + exit(7))).start(), 7)
  t.is(await suspendable(guest(sleep(5))).start(), 0)
  t.is(await suspendable(guest(exit(3))).start(), 3)
})

onSuspending('the thread is free while a guest waits', async (t) => {
  const events = []
  const run = suspendable(guest(sleep(50)))
    .start()
    .then(() => events.push('guest'))
  await later(5)
  events.push('timer')
  await run
  t.deepEqual(events, ['timer', 'guest'])
})

onSuspending('a guest does not run before startAsync() has returned', async (t) => {
  const { wasi, start } = suspendable(guest(exit(4)), { trace: (line) => lines.push(line) })
  const lines = []
  const run = start()
  t.deepEqual(lines, [])
  t.is(await run, 4)
  t.is(lines.length, 1)
  t.is(wasi.exceeded, undefined)
})

onSuspending('startAsync() rejects with a trap after a wait', async (t) => {
  await t.throwsAsync(suspendable(guest(`${sleep(5)} unreachable`)).start(), { instanceOf: WebAssembly.RuntimeError })
})

onSuspending('startAsync() rejects with what start() throws', async (t) => {
  const { wasi, instance, start } = suspendable(guest(''))
  await t.throwsAsync(wasi.startAsync({ exports: {} }), { code: 'ERR_INVALID_ARG_TYPE' })
  await t.throwsAsync(wasi.startAsync(), { code: 'ERR_INVALID_ARG_TYPE' })
  t.is(await start(), 0)
  await t.throwsAsync(wasi.startAsync(instance), { code: 'ERR_WASI_ALREADY_STARTED' })
  await t.throwsAsync(() => wasi.startAsync.call({}, instance), { instanceOf: TypeError })
})

onSuspending('a second startAsync() rejects while the first waits', async (t) => {
  const { start } = suspendable(guest(sleep(20)))
  const first = start()
  await t.throwsAsync(start(), { code: 'ERR_WASI_ALREADY_STARTED' })
  t.is(await first, 0)
})

onSuspending('an exception of a callback after a wait ends the run', async (t) => {
  const error = new Error('of a callback')
  const { start } = suspendable(CAT, {
    stdin: async () => later(5, 'text'),
    stdout: () => {
      throw error
    },
  })
  t.is(await t.throwsAsync(start()), error)
})

onSuspending('initializeAsync() initializes a reactor that waits', async (t) => {
  const { wasi, instance } = suspendable(guest(sleep(5)).replace('_start', '_initialize'))
  t.is(await wasi.initializeAsync(instance), undefined)
})

onSuspending('exports of a reactor wait if WebAssembly.promising wraps them', async (t) => {
  const text = guest('', `(func (export "nap") (result i32) ${sleep(5)} (i32.const 9))`)
  const { wasi, instance } = suspendable(text.replace('_start', '_initialize'))
  await wasi.initializeAsync(instance)
  const nap = WebAssembly.promising(instance.exports.nap)
  t.is(await nap(), 9)
  t.is(await nap(), 9)
})

onSuspending(
  'a guest whose export is called while it is suspended gets ERR_WASI_SUSPENDED, and the run goes on',
  async (t) => {
    const more =
      '(func (export "yield") (result i32) (call $write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 8)))'
    const { instance, start } = suspendable(guest(sleep(30) + exit(6), more), { stdout: 'pipe' })
    const run = start()
    await later(5)
    t.throws(() => instance.exports.yield(), { code: 'ERR_WASI_SUSPENDED' })
    t.is(await run, 6)
    t.is(instance.exports.yield(), 0)
  },
)

onSuspending('start() of a function of WebAssembly.promising returns a promise of the exit code', async (t) => {
  for (const [code, expected] of [
    [sleep(5) + exit(7), 7],
    [sleep(5), 0],
    [exit(2), 2],
  ]) {
    const { wasi, instance } = suspendable(guest(code))
    const { memory, _start } = instance.exports
    const result = wasi.start({ exports: { memory, _start: WebAssembly.promising(_start) } })
    t.true(result instanceof Promise)
    t.is(await result, expected)
  }
})

onSuspending('start() of a promising _start that traps returns a promise that rejects', async (t) => {
  const { wasi, instance } = suspendable(guest(`${sleep(5)} unreachable`))
  const { memory, _start } = instance.exports
  const result = wasi.start({ exports: { memory, _start: WebAssembly.promising(_start) } })
  await t.throwsAsync(result, { instanceOf: WebAssembly.RuntimeError })
})

onSuspending('start() of a promising _start with a timeout stops a guest that waits', async (t) => {
  const { wasi, instance } = suspendable(guest(sleep(100_000)))
  const { memory, _start } = instance.exports
  // On a busy machine the time may be over before the wait.
  const start = async () => wasi.start({ exports: { memory, _start: WebAssembly.promising(_start) } }, { timeout: 20 })
  await t.throwsAsync(start, { code: 'ERR_WASI_TIMEOUT' })
})

onSuspending('startAsync() runs a guest with blocking imports', async (t) => {
  const wasi = new WASI({ version: 'preview1' })
  const instance = new WebAssembly.Instance(assemble(guest(sleep(5) + exit(5))), wasi.getImportObject())
  t.is(await wasi.startAsync(instance), 5)
})

onSuspending('functions of wasiImport that were replaced before are used as they are', async (t) => {
  const wasi = new WASI({ version: 'preview1' })
  let calls = 0
  wasi.wasiImport.poll_oneoff = () => {
    calls++
    return 0
  }
  const imports = wasi.getImportObject({ suspending: true })
  t.is(imports.wasi_snapshot_preview1.poll_oneoff, wasi.wasiImport.poll_oneoff)
  t.is(await wasi.startAsync(new WebAssembly.Instance(assemble(guest(sleep(100_000))), imports)), 0)
  t.is(calls, 1)
})

onSuspending('the suspending import object has the functions of wasiImport, and can be copied and changed', (t) => {
  const wasi = new WASI({ version: 'preview1' })
  const { wasi_snapshot_preview1: imports } = wasi.getImportObject({ suspending: true })
  t.deepEqual(Object.keys(imports), Object.keys(wasi.wasiImport))
  t.not(imports.fd_read, wasi.wasiImport.fd_read)
  t.is(imports.fd_read, imports.fd_read)
  t.is({ ...imports }.fd_read, imports.fd_read)
  t.is(imports.fd_seek, wasi.wasiImport.fd_seek)
  imports.fd_write = 5
  t.is(imports.fd_write, 5)
  t.is(typeof wasi.wasiImport.fd_write, 'function')
})

onSuspending("a version 'unstable' waits as well", async (t) => {
  const wasi = new WASI({ version: 'unstable' })
  const text = guest(
    `(i32.store (i32.const 24) (i32.const 1))
     (i64.store (i32.const 32) (i64.const 5000000))
     (call $exit (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))`,
  ).replaceAll('wasi_snapshot_preview1', 'wasi_unstable')
  const instance = new WebAssembly.Instance(assemble(text), wasi.getImportObject({ suspending: true }))
  t.is(await wasi.startAsync(instance), 0)
})

onSuspending('an option with a wrong type is refused', async (t) => {
  const { wasi, start } = suspendable(guest(''))
  for (const [options, code] of [
    [{ signal: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ signal: { aborted: false } }, 'ERR_INVALID_ARG_TYPE'],
    [new Map(), 'ERR_INVALID_ARG_TYPE'],
    [{ timeout: '5' }, 'ERR_INVALID_ARG_TYPE'],
    [{ timeout: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ sginal: null }, 'ERR_INVALID_ARG_VALUE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
  ]) {
    await t.throwsAsync(start(options), { code })
  }
  t.throws(() => wasi.getImportObject({ suspending: 1 }), { code: 'ERR_INVALID_ARG_TYPE' })
  t.throws(() => wasi.getImportObject({ suspend: true }), { code: 'ERR_INVALID_ARG_VALUE' })
  t.is(await start(), 0)
})

onSuspending('start() with suspending imports throws a SuspendError for a call that has to wait, and ends', (t) => {
  const { wasi, instance } = suspendable(guest(sleep(100_000)))
  const error = t.throws(() => wasi.start(instance))
  t.is(error.name, 'SuspendError')
  t.regex(error.message, /startAsync\(\)/)
  t.is(wasi.wasiImport.sched_yield(), 0)
})

onSuspending('start() runs a guest with suspending imports that does not have to wait', (t) => {
  const { wasi, instance } = suspendable(guest(exit(4)))
  t.is(wasi.start(instance), 4)
})

onSuspending('startAsync() uses the setImmediate that the program had when it loaded capwasi', async (t) => {
  const { stdout, stderr } = await node(
    `
    import { CAT, suspendable } from './__test__/support/suspending.mjs'
    globalThis.setImmediate = () => {}
    console.log(await suspendable(CAT, { stdin: 'ignore' }).start())`,
    { module: true },
  )
  t.is(stdout, '0\n', stderr)
})
