// Compatibility with emnapi's thread libraries: they patch the WASI object, pass proxies of instances, bind imported
// memories, and find its symbols by their descriptions.

import { createRequire } from 'node:module'

import test from 'ava'
import { WASI } from 'capwasi'
import { assemble, command, errnoName, instantiate } from '../support/guest.mjs'

const require = createRequire(import.meta.url)
const { WASIThreads, createInstanceProxy } = require('@emnapi/wasi-threads')
const emnapi = {
  '@emnapi/core': { ...require('@emnapi/core'), ...require('@emnapi/runtime') },
  '@napi-rs/wasm-runtime': require('@napi-rs/wasm-runtime'),
}

const newWasi = (options) => new WASI({ version: 'preview1', args: ['guest', 'one'], ...options })
const sharedMemory = () => new WebAssembly.Memory({ initial: 1, maximum: 4, shared: true })
const words = (memory, count = 2) => [...new Uint32Array(memory.buffer, 0, count)]

/** Returns a guest that imports its memory. Its entry writes the sizes of the arguments to addresses 0 and 4. */
const importingGuest = (entry, more = '') => `(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "env" "memory" (memory 1 4 shared))
  (func (export "${entry}") (drop (call $sizes (i32.const 0) (i32.const 4))))
  (func (export "sizes") (result i32) (call $sizes (i32.const 0) (i32.const 4)))
  ${more})`

/** Creates the WASIThreads of a main thread. `terminations` counts calls of terminateAllThreads(). */
function mainThread(wasi) {
  const threads = new WASIThreads({ wasi, onCreateWorker() {} })
  threads.terminations = 0
  threads.terminateAllThreads = () => threads.terminations++
  return threads
}

const childThread = (wasi) => new WASIThreads({ wasi, childThread: true, postMessage() {} })

test('WASIThreads.start() terminates the threads on proc_exit and returns the exit code', (t) => {
  const wasi = newWasi()
  const { start, wasiImport } = wasi
  const { proc_exit } = wasiImport
  const threads = mainThread(wasi)
  t.not(wasi.start, start)
  t.not(wasiImport.proc_exit, proc_exit)
  const instance = instantiate(wasi, command('(call $proc_exit (i32.const 5))'))
  t.is(threads.start(instance, undefined, instance.exports.memory).exitCode, 5)
  t.is(threads.terminations, 1)
})

test('a start() patched by WASIThreads terminates the threads on a trap and throws the RuntimeError', (t) => {
  const wasi = newWasi()
  const threads = mainThread(wasi)
  const instance = instantiate(wasi, command('(unreachable)'))
  t.throws(() => wasi.start(instance), { instanceOf: WebAssembly.RuntimeError, message: 'unreachable' })
  t.is(threads.terminations, 1)
})

test('start() rethrows the exception of a patched proc_exit', (t) => {
  const wasi = newWasi()
  const unwind = new Error('unwind')
  wasi.wasiImport.proc_exit = () => {
    throw unwind
  }
  t.is(
    t.throws(() => wasi.start(instantiate(wasi, command('(call $proc_exit (i32.const 5))')))),
    unwind,
  )
})

test('WASIThreads.initialize() of a command binds its memory before start()', (t) => {
  const wasi = newWasi()
  const threads = mainThread(wasi)
  const instance = instantiate(wasi, command('(call $proc_exit (i32.const 3))'))
  t.throws(() => wasi.wasiImport.args_sizes_get(0, 4), { code: 'ERR_WASI_NOT_STARTED' })
  t.is(threads.initialize(instance), instance)
  t.is(wasi.wasiImport.args_sizes_get(0, 4), 0)
  t.deepEqual(words(instance.exports.memory), [2, 10])
  t.is(wasi.start(instance), 3)
})

test('WASIThreads.initialize() of a command in a child thread binds the imported memory, also twice', (t) => {
  const wasi = newWasi()
  const memory = sharedMemory()
  const instance = instantiate(wasi, importingGuest('_start'), { env: { memory } })
  const threads = childThread(wasi)
  const proxy = threads.initialize(instance, undefined, memory)
  t.not(proxy, instance)
  t.deepEqual(words(memory), [0, 0], '_start does not run')
  t.is(instance.exports.sizes(), 0)
  t.deepEqual(words(memory), [2, 10])
  t.notThrows(() => threads.initialize(instance, undefined, memory))
})

test('WASIThreads.initialize() of a reactor in a child thread binds the imported memory', (t) => {
  const wasi = newWasi()
  const memory = sharedMemory()
  const instance = instantiate(wasi, importingGuest('_initialize'), { env: { memory } })
  childThread(wasi).initialize(instance, undefined, memory)
  t.deepEqual(words(memory), [0, 0], '_initialize does not run')
  t.is(instance.exports.sizes(), 0)
  t.deepEqual(words(memory), [2, 10])
})

test('start() on a proxy with a memory function binds the memory that the function returns', (t) => {
  const wasi = newWasi()
  const [early, late] = [sharedMemory(), sharedMemory()]
  const instance = instantiate(wasi, importingGuest('_start'), { env: { memory: early } })
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

test('each sandbox bound to a shared memory uses the pages added by grow()', (t) => {
  const memory = sharedMemory()
  const sandboxes = [newWasi(), newWasi()]
  for (const wasi of sandboxes)
    childThread(wasi).initialize(instantiate(wasi, importingGuest('_start'), { env: { memory } }), undefined, memory)
  for (const { wasiImport } of sandboxes) t.is(errnoName(wasiImport.args_sizes_get(65_536, 65_540)), 'OVERFLOW')
  memory.grow(1)
  for (const { wasiImport } of sandboxes) t.is(wasiImport.args_sizes_get(65_536, 65_540), 0)
})

/** An addon for emnapi. Its registration writes the sizes of the arguments to addresses 8 and 12. */
const addon = importingGuest(
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

  test(`${name} loads an addon that imports a shared memory, synchronously and asynchronously`, async (t) => {
    for (const load of [instantiateNapiModuleSync, instantiateNapiModule]) {
      const [wasi, memory] = [newWasi(), sharedMemory()]
      const { instance, napiModule } = await load(assemble(addon), options(wasi, memory))
      t.true(napiModule.loaded)
      t.deepEqual(words(memory, 4), [2, 10, 2, 10], 'initialized, then registered')
      t.is(instance.exports.sizes(), 0)
    }
  })

  test(`${name} loads an addon in a child thread without running _initialize`, (t) => {
    const [wasi, memory] = [newWasi(), sharedMemory()]
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
