// JavaScript that native code has called is terminated: nothing runs on, wherever that JavaScript was.

import { once } from 'node:events'
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { slow } from '../support/conditions.mjs'
import { TIMEOUT_MS, assemble } from '../support/guest.mjs'
import { plan } from './box.mjs'

const main = createRequire(import.meta.url).resolve('capwasi')
const IOVEC = '(i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 8))'
const SLEEP = '(i32.store (i32.const 528) (i32.const 1)) (i64.store (i32.const 536) (i64.const -1))'

/** A guest that makes one call, its memory prepared by `before`. */
const calling = (name, params, operands, before = '') => {
  const [result, drop] = name === 'proc_exit' ? ['', ''] : ['(result i32)', 'drop']
  return assemble(`(module
    (import "wasi_snapshot_preview1" "${name}" (func $${name} (param ${params}) ${result}))
    (memory (export "memory") 1)
    (func (export "_start") ${before} (call $${name} ${operands}) ${drop}))`)
}
const words = (...values) => values.map((value) => `(i32.const ${value})`).join(' ')
const guests = {
  write: calling('fd_write', 'i32 i32 i32 i32', words(1, 0, 1, 16), IOVEC),
  read: calling('fd_read', 'i32 i32 i32 i32', words(0, 0, 1, 16), IOVEC),
  time: calling('clock_time_get', 'i32 i64 i32', `${words(0)} (i64.const 1) ${words(16)}`),
  exit: calling('proc_exit', 'i32', words(3)),
  close: calling('fd_close', 'i32', words(99)),
  sleep: calling('poll_oneoff', 'i32 i32 i32 i32', words(512, 1024, 1, 16), SLEEP),
}

/** Functions for the scripts below. `hang` never returns; `hanging` reports that the next statement does not. */
const PRELUDE = `
  const { workerData: { main, guests, shared } } = require('node:worker_threads')
  const hanging = () => { shared[0] = 1; Atomics.notify(shared, 0) }
  const hang = () => { hanging(); for (;;); }
  const memory = new WebAssembly.Memory({ initial: 1 })
  const make = (options) => new (require(main).WASI)({ version: 'preview1', ...options })
  const start = (guest, options) => {
    const wasi = make(options)
    wasi.start(new WebAssembly.Instance(guests[guest], wasi.getImportObject()))
    return wasi
  }`
const option = (name) => `new (require(main).WASI)({ get ${name}() { hang() } })`
const NAMES = [
  'version',
  'args',
  'env',
  'preopens',
  'stdin',
  'stdout',
  'stderr',
  'sockets',
  'clock',
  'random',
  'limits',
  'trace',
  'returnOnExit',
]

/** Scripts that hang in JavaScript which native code has called, by what that JavaScript is. */
const SCRIPTS = {
  ...Object.fromEntries(NAMES.map((name) => [`the getter of options.${name}`, option(name)])),
  'the get trap of the options': 'new (require(main).WASI)(new Proxy({}, { get: hang }))',
  'toString of an argument': 'make({ args: [{ toString: hang }] })',
  'toString of a variable': 'make({ env: { NAME: { toString: hang } } })',
  'the getter of a variable': 'make({ env: { get NAME() { hang() } } })',
  'the ownKeys trap of options.env': 'make({ env: new Proxy({}, { ownKeys: hang }) })',
  'toString of a preopen': `make({ preopens: { '/': { toString: hang } } })`,
  'the getter of the path of a preopen': `make({ preopens: { '/': { get path() { hang() } } } })`,
  'the getter of readonly of a preopen': `make({ preopens: { '/': { path: '/', get readonly() { hang() } } } })`,
  'the has trap of a preopen': `make({ preopens: { '/': new Proxy({}, { has: hang }) } })`,
  'the descriptor trap of a preopen': `
    make({ preopens: { '/': new Proxy({ fd: 1 }, { getOwnPropertyDescriptor: hang }) } })`,
  'the ownKeys trap of a preopen': `make({ preopens: { '/': new Proxy({ path: '' }, { ownKeys: hang }) } })`,
  'the getter of a clock': 'make({ clock: { get realtime() { hang() } } })',
  'the getter of a seed': 'make({ random: { get seed() { hang() } } })',
  'the getter of a limit': 'make({ limits: { get output() { hang() } } })',
  'the getter of a socket': `make({ sockets: Object.defineProperty([], 0, { get: hang }) })`,
  'the getter of the descriptor of a socket': 'make({ sockets: [{ get fd() { hang() } }] })',
  'the getter of Symbol.iterator': 'make({ stdin: { get [Symbol.iterator]() { hang() } } })',
  'the getter of write': 'make({ stdout: { get write() { hang() } } })',
  'the getter of a constructor that a message names': 'make({ args: { get constructor() { hang() } } })',
  'Error.prepareStackTrace': 'Error.prepareStackTrace = hang; make({ version: 3 })',
  'process.permission.has': `Object.defineProperty(process, 'permission', { value: { has: hang } }); make()`,
  'the getter of process.permission': `Object.defineProperty(process, 'permission', { get: hang }); make()`,
  'the setter of wasiImport of a subclass':
    'new (class extends require(main).WASI { set wasiImport(value) { hang() } })()',
  'Symbol.hasInstance of the class': `
    Object.defineProperty(require(main).WASI, Symbol.hasInstance, { value: hang }); make()`,
  'the getter of wasiImport': `Object.defineProperty(make(), 'wasiImport', { get: hang }).getImportObject()`,
  'the getter of exports': 'make().start({ get exports() { hang() } })',
  'the getter of memory': 'make().start({ exports: { get memory() { hang() } } })',
  'the getter of _start': 'make().start({ exports: { memory, get _start() { hang() } } })',
  'the getter of _initialize': 'make().start({ exports: { memory, _start() {}, get _initialize() { hang() } } })',
  _start: 'make().start({ exports: { memory, _start: hang } })',
  _initialize: 'make().initialize({ exports: { memory, _initialize: hang } })',
  'the getter of a memory for finalizeBindings':
    'make().finalizeBindings({ exports: {} }, { get memory() { hang() } })',
  'finalizeBindings of a subclass':
    'new (class extends require(main).WASI { finalizeBindings() { hang() } })().start({})',
  stdin: `start('read', { stdin: hang })`,
  'the iterator of stdin': `start('read', { stdin: { *[Symbol.iterator]() { hang() } } })`,
  'what stdin returned by mistake': `start('read', { stdin: () => ({ get constructor() { hang() } }) })`,
  'return() of the iterator of stdin': `
    start('read', { stdin: { [Symbol.iterator]: () => ({ next: () => ({ value: 'x' }), return: hang }) } }).close()`,
  stdout: `start('write', { stdout: hang })`,
  'the stream of stdout': `start('write', { stdout: { write: hang } })`,
  'a clock': `start('time', { clock: { realtime: hang } })`,
  'what a clock returned by mistake': `
    start('time', { clock: { realtime: () => ({ get constructor() { hang() } }) } })`,
  'a trace': `start('close', { trace: hang })`,
  'the trace of an exit': `start('exit', { trace: hang })`,
  'process.exit': `process.exit = hang; start('exit', { returnOnExit: false })`,
  'the getter of process.exit': `
    Object.defineProperty(process, 'exit', { get: hang }); start('exit', { returnOnExit: false })`,
  'the stack of an exit': `Error.prepareStackTrace = hang; start('exit')`,
  'a guest that sleeps': `hanging(); start('sleep')`,
  'the setter of an address': `
    const wasi = make({ sockets: ['127.0.0.1:0'] })
    Object.defineProperty(Array.prototype, 0, { set: hang })
    wasi.addresses`,
  'the setter of a function of the import object': `
    make()
    Object.defineProperty(Object.prototype, 'fd_write', { set: hang })
    make({ version: 'unstable' })`,
  'a getter that napi-rs calls to register the addon': `
    Object.defineProperty(globalThis, 'Reflect', { get: hang }); make()`,
  'a getter that loading calls': `Object.defineProperty(process, 'hrtime', { get: hang }); make()`,
  'a getter that the first stdin calls': `
    Object.defineProperty(globalThis, 'TextEncoder', { get: hang }); make({ stdin: 'text' })`,
}

/** A script that counts how often it ran on behind one of these. */
const watched = (script) => `${PRELUDE}
  const ran = () => { shared[1]++ }
  try { ${script}; ran() } catch { ran() } finally { ran() }
  ran()
  for (let turns = 0; turns < 1e8; turns++);
  ran()`

/** Runs a script in a worker: `shared` says whether it hangs, and how often it ran on. */
function start(t, script, timeout) {
  const shared = new Int32Array(new SharedArrayBuffer(8))
  const worker = new Worker(script, { eval: true, workerData: { main, guests, shared, timeout } })
  t.teardown(() => worker.terminate())
  return { worker, shared }
}

for (const [what, script] of Object.entries(SCRIPTS)) {
  test.serial(`terminate() during ${what} ends the worker, and nothing runs on`, async (t) => {
    const { worker, shared } = start(t, watched(script))
    worker.on('error', (error) => t.fail(String(error)))
    t.not(await Atomics.waitAsync(shared, 0, 0, TIMEOUT_MS).value, 'timed-out')
    t.is(await worker.terminate(), 1)
    t.is(shared[1], 0)
  })
}

// A timeout of node:vm terminates JavaScript as well. Unlike in a worker that ends, JavaScript may run again
// afterwards: an exception made from such a termination could be caught.
const TIMED = [
  'toString of an argument',
  'toString of a variable',
  'the getter of a variable',
  'the getter of write',
  'the getter of a constructor that a message names',
  'the getter of exports',
  '_start',
  '_initialize',
  'finalizeBindings of a subclass',
  'stdin',
  'stdout',
  'a clock',
  'a trace',
  'process.exit',
  'a guest that sleeps',
  'the setter of a function of the import object',
  'a getter that the first stdin calls',
]
const timed = (script) => `
  Object.assign(globalThis, { require })
  const { main, timeout } = require('node:worker_threads').workerData
  require(main)
  try {
    require('node:vm').runInThisContext(${JSON.stringify(`(() => {${watched(script)}})()`)}, { timeout })
  } catch ({ code }) {
    require('node:worker_threads').parentPort.postMessage(code)
  }`

/** Ends a script by a timeout that is long enough for the script to reach its endless loop: the outcome. */
async function timeOut(t, script) {
  for (let timeout = 250; ; timeout *= 4) {
    const { worker, shared } = start(t, timed(script), timeout)
    const [code] = await once(worker, 'message')
    await worker.terminate()
    if (shared[0] === 1 || timeout > TIMEOUT_MS) return { code, hung: shared[0], ran: shared[1] }
  }
}

test.serial(
  'a timeout of node:vm ends a script in JavaScript that native code called, and nothing runs on',
  async (t) => {
    const ends = await Promise.all(TIMED.map(async (what) => [what, await timeOut(t, SCRIPTS[what])]))
    const expected = { code: 'ERR_SCRIPT_EXECUTION_TIMEOUT', hung: 1, ran: 0 }
    t.deepEqual(Object.fromEntries(ends), Object.fromEntries(TIMED.map((what) => [what, expected])))
  },
)

for (const [how, most, title] of [
  ['terminate', 60, 'terminate() at a random moment ends a worker'],
  ['exit', 10, 'process.exit() at a random moment ends a process that has a worker'],
]) {
  slow(test.serial)(`${title}, and nothing runs on`, async (t) => {
    const { strikes, lost } = await plan(t, 'by the kernel', 'strikes.plan.mjs', how, String(most), '6')
    t.deepEqual(lost, [])
    t.true(strikes > 0)
  })
}
