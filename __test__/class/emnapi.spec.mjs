// What thread libraries do with a WASI object: they patch it, hand it proxies of instances, bind memories that are
// imported, and find its symbols by their descriptions. Each habit with the library that has it.

import { createRequire } from 'node:module'

import test from 'ava'
import { WASI } from 'capwasi'
import { assemble, command, instantiate } from '../support/guest.mjs'

const require = createRequire(import.meta.url)
const { WASIThreads, createInstanceProxy } = require('@emnapi/wasi-threads')
const emnapi = {
  '@emnapi/core': { ...require('@emnapi/core'), ...require('@emnapi/runtime') },
  '@napi-rs/wasm-runtime': require('@napi-rs/wasm-runtime'),
}

const make = (options) => new WASI({ version: 'preview1', args: ['guest', 'one'], ...options })
const shared = () => new WebAssembly.Memory({ initial: 1, maximum: 4, shared: true })
const words = (memory, count = 2) => [...new Uint32Array(memory.buffer, 0, count)]

/** A guest that imports its memory, and puts the sizes of its arguments at 0 and 4 when it is begun. */
const importing = (entry, more = '') => `(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "env" "memory" (memory 1 4 shared))
  (func (export "${entry}") (drop (call $sizes (i32.const 0) (i32.const 4))))
  (func (export "sizes") (result i32) (call $sizes (i32.const 0) (i32.const 4)))
  ${more})`

/** WASIThreads of a first thread, with the number of times that it ended its threads. */
function firstThread(wasi) {
  const threads = new WASIThreads({ wasi, onCreateWorker() {} })
  threads.ended = 0
  threads.terminateAllThreads = () => threads.ended++
  return threads
}

const childThread = (wasi) => new WASIThreads({ wasi, childThread: true, postMessage() {} })

test('a patched proc_exit and a patched start: an exit ends the threads, and start returns its code', (t) => {
  const wasi = make()
  const { start, wasiImport } = wasi
  const { proc_exit } = wasiImport
  const threads = firstThread(wasi)
  t.not(wasi.start, start)
  t.not(wasiImport.proc_exit, proc_exit)
  const instance = instantiate(wasi, command('(call $proc_exit (i32.const 5))'))
  t.is(threads.start(instance, undefined, instance.exports.memory).exitCode, 5)
  t.is(threads.ended, 1)
})

test('a patched start: a trap ends the threads, and is thrown as it is', (t) => {
  const wasi = make()
  const threads = firstThread(wasi)
  const instance = instantiate(wasi, command('(unreachable)'))
  t.throws(() => wasi.start(instance), { instanceOf: WebAssembly.RuntimeError, message: 'unreachable' })
  t.is(threads.ended, 1)
})

test('a patched proc_exit that throws ends start with what it throws', (t) => {
  const wasi = make()
  const unwind = new Error('unwind')
  wasi.wasiImport.proc_exit = () => {
    throw unwind
  }
  t.is(
    t.throws(() => wasi.start(instantiate(wasi, command('(call $proc_exit (i32.const 5))')))),
    unwind,
  )
})

test('symbols found by description: a command is bound before it is started', (t) => {
  const wasi = make()
  const threads = firstThread(wasi)
  const instance = instantiate(wasi, command('(call $proc_exit (i32.const 3))'))
  t.throws(() => wasi.wasiImport.args_sizes_get(0, 4), { code: 'ERR_WASI_NOT_STARTED' })
  t.is(threads.initialize(instance), instance)
  t.is(wasi.wasiImport.args_sizes_get(0, 4), 0)
  t.deepEqual(words(instance.exports.memory), [2, 10])
  t.is(wasi.start(instance), 3)
})

test('a proxy of a command is started in a child thread, bound to the imported memory, and can be again', (t) => {
  const wasi = make()
  const memory = shared()
  const instance = instantiate(wasi, importing('_start'), { env: { memory } })
  const threads = childThread(wasi)
  const proxy = threads.initialize(instance, undefined, memory)
  t.not(proxy, instance)
  t.deepEqual(words(memory), [0, 0], 'its _start is not run')
  t.is(instance.exports.sizes(), 0)
  t.deepEqual(words(memory), [2, 10])
  t.notThrows(() => threads.initialize(instance, undefined, memory))
})

test('a proxy of a reactor is initialized in a child thread, bound to the imported memory', (t) => {
  const wasi = make()
  const memory = shared()
  const instance = instantiate(wasi, importing('_initialize'), { env: { memory } })
  childThread(wasi).initialize(instance, undefined, memory)
  t.deepEqual(words(memory), [0, 0], 'its _initialize is not run')
  t.is(instance.exports.sizes(), 0)
  t.deepEqual(words(memory), [2, 10])
})

test('a proxy whose memory comes from a function binds the memory of that moment', (t) => {
  const wasi = make()
  const [early, late] = [shared(), shared()]
  const instance = instantiate(wasi, importing('_start'), { env: { memory: early } })
  wasi.start(createInstanceProxy(instance, () => late))
  t.is(instance.exports.sizes(), 0)
  t.deepEqual(
    [words(early), words(late)],
    [
      [0, 0],
      [2, 10],
    ],
  )
})

test('a memory that was grown by another instance is seen by each sandbox bound to it', (t) => {
  const memory = shared()
  const sandboxes = [make(), make()]
  for (const wasi of sandboxes)
    childThread(wasi).initialize(instantiate(wasi, importing('_start'), { env: { memory } }), undefined, memory)
  for (const { wasiImport } of sandboxes) t.is(wasiImport.args_sizes_get(65_536, 65_540), 61)
  memory.grow(1)
  for (const { wasiImport } of sandboxes) t.is(wasiImport.args_sizes_get(65_536, 65_540), 0)
})

/** An addon for emnapi, the sizes of whose arguments are what its registration finds. */
const addon = importing(
  '_initialize',
  `
  (table (export "__indirect_function_table") 1 funcref)
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "free") (param i32))
  (func (export "napi_register_wasm_v1") (param $env i32) (param $exports i32) (result i32)
    (drop (call $sizes (i32.const 8) (i32.const 12)))
    (local.get $exports))`,
)

for (const [name, { getDefaultContext, instantiateNapiModule, instantiateNapiModuleSync }] of Object.entries(emnapi)) {
  const options = (wasi, memory) => ({
    wasi,
    context: getDefaultContext(),
    overwriteImports: (imports) => ({ ...imports, env: { ...imports.env, memory } }),
  })

  test(`${name} loads an addon that imports a shared memory, at once and by and by`, async (t) => {
    for (const load of [instantiateNapiModuleSync, instantiateNapiModule]) {
      const [wasi, memory] = [make(), shared()]
      const { instance, napiModule } = await load(assemble(addon), options(wasi, memory))
      t.true(napiModule.loaded)
      t.deepEqual(words(memory, 4), [2, 10, 2, 10], 'initialized, then registered')
      t.is(instance.exports.sizes(), 0)
    }
  })

  test(`${name} loads an addon in a child thread, without initializing it`, (t) => {
    const [wasi, memory] = [make(), shared()]
    const { instance } = instantiateNapiModuleSync(assemble(addon), {
      ...options(wasi, memory),
      childThread: true,
      postMessage() {},
    })
    t.deepEqual(words(memory), [0, 0])
    t.is(instance.exports.sizes(), 0)
    t.deepEqual(words(memory), [2, 10])
  })
}
