// startAsync() with a signal or a timeout.

import { PassThrough } from 'node:stream'
import { onSuspending } from '../support/conditions.mjs'
import { openDescriptors, tree } from '../support/guest.mjs'
import { linux } from '../support/platform.mjs'
import { CAT, cat, guest, later, sleep, suspendable } from '../support/suspending.mjs'

const LONG = guest(`${sleep(100_000)} (call $exit (i32.const 1))`)

onSuspending('startAsync() rejects with ERR_WASI_TIMEOUT for a guest that waits', async (t) => {
  await t.throwsAsync(suspendable(LONG).start({ timeout: 20 }), {
    code: 'ERR_WASI_TIMEOUT',
    message: 'The guest was stopped by its timeout of 20 ms',
  })
})

onSuspending('startAsync() with a timeout stops a guest that computes before its first wait', async (t) => {
  if (process.versions.bun) return t.pass()
  await t.throwsAsync(suspendable(guest('(loop (br 0))')).start({ timeout: 20 }), { code: 'ERR_WASI_TIMEOUT' })
})

onSuspending('startAsync() with a timeout stops a guest that computes after a wait at its next call', async (t) => {
  const write = '(drop (call $write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))'
  const text = guest(`(local $left i64) ${sleep(1)}
    (loop $forever
      (local.set $left (i64.const 1000000))
      (loop $compute
        (br_if $compute (i64.ne (i64.const 0) (local.tee $left (i64.sub (local.get $left) (i64.const 1))))))
      ${write} (br $forever))`)
  await t.throwsAsync(suspendable(text).start({ timeout: 50 }), { code: 'ERR_WASI_TIMEOUT' })
})

onSuspending('a timeout that is not reached changes nothing', async (t) => {
  t.is(await suspendable(guest(`${sleep(5)} (call $exit (i32.const 3))`)).start({ timeout: 60_000 }), 3)
})

onSuspending('startAsync() rejects with the reason of the signal, and closes the descriptors', async (t) => {
  const controller = new AbortController()
  const { wasi, start } = suspendable(LONG, { preopens: { '/': tree(t) } })
  const run = start({ signal: controller.signal })
  await later(5)
  const before = linux ? openDescriptors() : 0
  const reason = new Error('enough')
  controller.abort(reason)
  t.is(await t.throwsAsync(run), reason)
  t.is(wasi.wasiImport.fd_prestat_get(3, 0), 8)
  if (linux) t.is(openDescriptors(), before - 1)
})

onSuspending('a signal that has aborted before rejects without running the guest', async (t) => {
  const lines = []
  const { start } = suspendable(LONG, { trace: (line) => lines.push(line) })
  const reason = { any: 'value' }
  t.is(await start({ signal: AbortSignal.abort(reason) }).catch((error) => error), reason)
  t.deepEqual(lines, [])
})

onSuspending('a signal that aborts between startAsync() and the start of the guest rejects', async (t) => {
  const lines = []
  const { start } = suspendable(LONG, { trace: (line) => lines.push(line) })
  const controller = new AbortController()
  const run = start({ signal: controller.signal })
  controller.abort()
  await t.throwsAsync(run, { name: 'AbortError' })
  await later(5)
  t.deepEqual(lines, [])
})

onSuspending('a callback that aborts the signal stops the guest at its next call', async (t) => {
  const controller = new AbortController()
  let chunks = 0
  const stdout = () => {
    chunks++
    controller.abort()
  }
  await t.throwsAsync(cat({ stdin: ['a', 'b', 'c'], stdout }, { signal: controller.signal }), { name: 'AbortError' })
  t.is(chunks, 1)
})

onSuspending('a dropped guest reads nothing from its stream any more, and the stream stays open', async (t) => {
  const stdin = new PassThrough()
  await t.throwsAsync(cat({ stdin }, { timeout: 20 }), { code: 'ERR_WASI_TIMEOUT' })
  t.false(stdin.destroyed)
  for (const event of ['data', 'error', 'close', 'end'])
    t.is(stdin.listenerCount(event), new PassThrough().listenerCount(event))
  stdin.end('rest')
  t.is((await cat({ stdin })).output, 'rest')
})

onSuspending('a signal has no listener once the run has ended', async (t) => {
  let listeners = 0
  const signal = {
    aborted: false,
    addEventListener: () => listeners++,
    removeEventListener: () => listeners--,
  }
  const { start } = suspendable(CAT, { stdin: ['x'], stdout: 'ignore' })
  t.is(await start({ signal }), 0)
  t.is(listeners, 0)
})

onSuspending('after an abort, the output so far can be read', async (t) => {
  const controller = new AbortController()
  const stdin = async function* () {
    yield 'first'
    controller.abort()
    await new Promise(() => {})
  }
  const { wasi, start } = suspendable(CAT, { stdin: stdin(), stdout: 'pipe' })
  await t.throwsAsync(start({ signal: controller.signal }), { name: 'AbortError' })
  t.is(wasi.stdout.toString(), 'first')
})
