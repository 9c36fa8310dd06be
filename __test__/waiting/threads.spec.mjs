// Suspended threads of a guest: the end of another thread, and close().

import { createRequire } from 'node:module'
import { onSuspending } from '../support/conditions.mjs'
import { ERRNO, assemble } from '../support/guest.mjs'
import { CAT, WASI, guest, later, sleep, suspendable } from '../support/suspending.mjs'
import { startThread } from '../support/threads.mjs'

const { instantiateThreaded } = createRequire(import.meta.url)('capwasi/threads')

/** Waits for a connection, and exits with the errno. */
const ACCEPT = guest('(call $exit (call $accept (i32.const 3) (i32.const 0) (i32.const 32)))').replace(
  '(memory',
  '(import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32))) (memory',
)

/** Runs a guest in a WASI object that has joined another one. */
function joined(text, options) {
  const first = new WASI({ version: 'preview1', ...options })
  const wasi = WASI.join(first.share())
  const instance = new WebAssembly.Instance(assemble(text), wasi.getImportObject({ suspending: true }))
  return { first, wasi, run: wasi.startAsync(instance) }
}

/** Exits in another thread of a guest. */
async function exitInThread(t, wasi, code) {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
  const thread = await startThread(t, memory, { handle: wasi.share() })
  await t.throwsAsync(thread.call('proc_exit', code), { code: 'ERR_WASI_EXIT' })
}

for (const [what, text, options] of [
  ['a time', guest(sleep(100_000)), {}],
  ['a socket', ACCEPT, { sockets: ['127.0.0.1:0'] }],
  ['a promise of a callback', CAT, { stdin: () => new Promise((resolve) => setTimeout(resolve, 2 ** 30).unref()) }],
]) {
  onSuspending(`proc_exit in a thread ends a thread that is suspended for ${what}`, async (t) => {
    const { wasi, start } = suspendable(text, options)
    const run = start()
    await later(5)
    await exitInThread(t, wasi, 7)
    t.is(await run, 7)
  })
}

onSuspending('proc_exit in a thread ends an export that WebAssembly.promising wraps', async (t) => {
  const { wasi, instance } = suspendable(
    guest('', `(func (export "nap") ${sleep(100_000)})`).replace('_start', '_initialize'),
  )
  await wasi.initializeAsync(instance)
  const nap = WebAssembly.promising(instance.exports.nap)()
  await exitInThread(t, wasi, 7)
  await t.throwsAsync(nap, { code: 'ERR_WASI_EXIT' })
})

onSuspending(
  'close() of the first WASI object ends a wait of another thread for a descriptor with EBADF',
  async (t) => {
    const { first, run } = joined(ACCEPT, { sockets: ['127.0.0.1:0'] })
    await later(5)
    first.close()
    t.is(await run, ERRNO.BADF)
  },
)

onSuspending('close() of a WASI object that has joined ends its wait for a descriptor with EBADF', async (t) => {
  const { wasi, run } = joined(ACCEPT, { sockets: ['127.0.0.1:0'] })
  await later(5)
  wasi.close()
  t.is(await run, ERRNO.BADF)
})

onSuspending('close() of a suspended guest ends its wait for a descriptor with EBADF', async (t) => {
  const { wasi, start } = suspendable(ACCEPT, { sockets: ['127.0.0.1:0'] })
  const run = start()
  await later(5)
  wasi.close()
  t.is(await run, ERRNO.BADF)
})

onSuspending('close() in another thread does not end a wait for a time', async (t) => {
  const slow = joined(guest(sleep(50)), {})
  await later(5)
  slow.first.close()
  t.is(await slow.run, 0)
})

onSuspending('startAsync() of a guest with threads resolves to the exit code of another thread', async (t) => {
  const text = `(module
    (import "env" "memory" (memory 1 1 shared))
    (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (func (export "_start") (drop (call $spawn (i32.const 0))) (loop $forever (br $forever)))
    (func (export "wasi_thread_start") (param i32 i32) (call $exit (i32.const 7))))`
  const wasi = new WASI({ version: 'preview1' })
  t.is(await wasi.startAsync(await instantiateThreaded(assemble(text), wasi)), 7)
})
