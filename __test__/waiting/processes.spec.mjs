// Guests that wait, and the life of the process and of workers.

import { onSuspending } from '../support/conditions.mjs'
import { assemble, node } from '../support/guest.mjs'
import { WASI, guest, later, sleep, suspendable } from '../support/suspending.mjs'

const PRELUDE = `
  import { later, guest, sleep, suspendable, cat } from './__test__/support/suspending.mjs'
  import { PassThrough } from 'node:stream'
`
const script = (code, options) => node(PRELUDE + code, { module: true, ...options })

onSuspending('a guest that waits keeps the process alive', async (t) => {
  const { code, stdout } = await script(`
    suspendable(guest(sleep(50))).start().then((code) => console.log('exit', code))`)
  t.deepEqual({ code, stdout }, { code: 0, stdout: 'exit 0\n' })
})

onSuspending('guests that have ended or were aborted do not keep the process alive', async (t) => {
  const { code, stdout } = await script(`
    await suspendable(guest(sleep(5))).start()
    await suspendable(guest(sleep(1000000))).start({ timeout: 5 }).catch(() => {})
    await suspendable(guest(sleep(5))).start({ timeout: 100000000 })
    const controller = new AbortController()
    const run = cat({ stdin: async () => new Promise(() => {}) }, { signal: controller.signal })
    await later(5)
    controller.abort()
    await run.catch(() => {})
    console.log('end')`)
  t.deepEqual({ code, stdout }, { code: 0, stdout: 'end\n' })
})

onSuspending('process.exit() ends a process whose guests wait', async (t) => {
  const { code } = await script(`
    for (let index = 0; index < 100; index++) suspendable(guest(sleep(1000000))).start()
    setTimeout(() => process.exit(5), 20)`)
  t.is(code, 5)
})

onSuspending('worker.terminate() ends a worker with 1,000 suspended guests', async (t) => {
  const { code, stdout } = await script(`
    import { Worker } from 'node:worker_threads'
    const program = ${JSON.stringify(`
      const { guest, sleep, suspendable } = await import('${new URL('../support/suspending.mjs', import.meta.url)}')
      const { parentPort } = await import('node:worker_threads')
      for (let index = 0; index < 1000; index++) suspendable(guest(sleep(1000000))).start()
      setTimeout(() => parentPort.postMessage('ready'), 50)`)}
    for (let round = 0; round < 3; round++) {
      const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(program)))
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
      await worker.terminate()
    }
    console.log(await suspendable(guest(sleep(5))).start())`)
  t.deepEqual({ code, stdout }, { code: 0, stdout: '0\n' })
})

onSuspending('3,000 guests are started, each by the end of another', async (t) => {
  const exits = []
  const next = async (left) => {
    exits.push(await suspendable(guest(`${left % 2 ? sleep(0) : ''} (call $exit (i32.const 3))`)).start())
    if (left > 1) await next(left - 1)
  }
  await next(3000)
  t.deepEqual(new Set(exits), new Set([3]))
  t.is(exits.length, 3000)
})

onSuspending('1,000 guests wait at the same time', async (t) => {
  const runs = Array.from({ length: 1000 }, (_, index) =>
    suspendable(guest(`${sleep(20)} (call $exit (i32.const ${index % 7}))`)).start(),
  )
  t.deepEqual(
    await Promise.all(runs),
    runs.map((_, index) => index % 7),
  )
})

for (const [what, abandon] of [
  ['were aborted', 'suspendable(guest(sleep(1000000)), options).start({ timeout: 5 })'],
  ['wait for an unreachable promise', 'suspendable(READ, { ...options, stdin: () => new Promise(() => {}) }).start()'],
  ['have ended', 'suspendable(guest(sleep(5)), options).start()'],
]) {
  onSuspending(`guests that ${what} are collected, and do not keep the process alive`, async (t) => {
    const { code, stdout } = await script(
      `
      const READ = guest('(i32.store (i32.const 4) (i32.const 9))' +
        '(drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))')
      let collected = 0
      const registry = new FinalizationRegistry(() => collected++)
      for (let index = 0; index < 100; index++) {
        const stdout = () => {}
        registry.register(stdout)
        const options = { stdout }
        ${abandon}.catch(() => {})
      }
      for (let round = 0; round < 100 && collected < 90; round++) {
        await later(10)
        gc()
      }
      console.log(collected >= 90)`,
      { flags: ['--expose-gc'] },
    )
    t.deepEqual({ code, stdout }, { code: 0, stdout: 'true\n' })
  })
}

onSuspending('a guest that was aborted does not run its handlers of exceptions', async (t) => {
  const text = guest(`(try (do ${sleep(1000000)}) (catch_all (call $write (i32.const 1) (i32.const 0) (i32.const 0)
    (i32.const 8)) (drop) (call $caught)))`).replace('(memory', '(import "host" "caught" (func $caught)) (memory')
  let caught = 0
  const wasi = new WASI({ version: 'preview1' })
  const imports = { ...wasi.getImportObject({ suspending: true }), host: { caught: () => caught++ } }
  const instance = new WebAssembly.Instance(assemble(text), imports)
  await t.throwsAsync(wasi.startAsync(instance, { timeout: 5 }), { code: 'ERR_WASI_TIMEOUT' })
  await later(5)
  t.is(caught, 0)
})

onSuspending('a guest that waits for an unreachable promise is stopped by its timeout', async (t) => {
  const code = `
    const collect = globalThis.gc ?? (() => Bun.gc(true))
    const run = cat({ stdin: () => new Promise(() => {}) }, { timeout: 200 }).catch(({ code }) => code)
    for (let round = 0; round < 5; round++) {
      await later(10)
      collect()
    }
    console.log(await run)`
  const { stdout } = await script(code, { flags: process.versions.bun ? [] : ['--expose-gc'] })
  t.is(stdout, 'ERR_WASI_TIMEOUT\n')
})
