// Terminations of JavaScript that native code has called. No more JavaScript runs, wherever the termination happens.

import { once } from 'node:events'
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { slow } from '../support/conditions.mjs'
import { TIMEOUT_MS, assemble } from '../support/guest.mjs'
import { runPlan } from './setup.mjs'

const main = createRequire(import.meta.url).resolve('capwasi')
const IOVEC = '(i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 8))'
const SLEEP = '(i32.store (i32.const 528) (i32.const 1)) (i64.store (i32.const 536) (i64.const -1))'

/** Assembles a guest that makes one call after the instructions in `before`. */
const guestThatCalls = (name, params, operands, before = '') => {
  const [result, drop] = name === 'proc_exit' ? ['', ''] : ['(result i32)', 'drop']
  return assemble(`(module
    (import "wasi_snapshot_preview1" "${name}" (func $${name} (param ${params}) ${result}))
    (memory (export "memory") 1)
    (func (export "_start") ${before} (call $${name} ${operands}) ${drop}))`)
}
const i32s = (...values) => values.map((value) => `(i32.const ${value})`).join(' ')
const guests = {
  write: guestThatCalls('fd_write', 'i32 i32 i32 i32', i32s(1, 0, 1, 16), IOVEC),
  read: guestThatCalls('fd_read', 'i32 i32 i32 i32', i32s(0, 0, 1, 16), IOVEC),
  time: guestThatCalls('clock_time_get', 'i32 i64 i32', `${i32s(0)} (i64.const 1) ${i32s(16)}`),
  exit: guestThatCalls('proc_exit', 'i32', i32s(3)),
  close: guestThatCalls('fd_close', 'i32', i32s(99)),
  sleep: guestThatCalls('poll_oneoff', 'i32 i32 i32 i32', i32s(512, 1024, 1, 16), SLEEP),
}

/** Functions for the scripts below. `hang` never returns. `hanging` reports that the next statement never returns. */
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

/** Scripts that hang in JavaScript that native code has called, by the place where they hang. */
const SCRIPTS = {
  ...Object.fromEntries(NAMES.map((name) => [`the getter of options.${name}`, option(name)])),
  'the get trap of the options': 'new (require(main).WASI)(new Proxy({}, { get: hang }))',
  'toString() of an element of args': 'make({ args: [{ toString: hang }] })',
  'toString() of a value of env': 'make({ env: { NAME: { toString: hang } } })',
  'the getter of a value of env': 'make({ env: { get NAME() { hang() } } })',
  'the ownKeys trap of options.env': 'make({ env: new Proxy({}, { ownKeys: hang }) })',
  'toString() of a preopen': `make({ preopens: { '/': { toString: hang } } })`,
  'the getter of the path of a preopen': `make({ preopens: { '/': { get path() { hang() } } } })`,
  'the getter of readonly of a preopen': `make({ preopens: { '/': { path: '/', get readonly() { hang() } } } })`,
  'the has trap of a preopen': `make({ preopens: { '/': new Proxy({}, { has: hang }) } })`,
  'the getOwnPropertyDescriptor trap of a preopen': `
    make({ preopens: { '/': new Proxy({ fd: 1 }, { getOwnPropertyDescriptor: hang }) } })`,
  'the ownKeys trap of a preopen': `make({ preopens: { '/': new Proxy({ path: '' }, { ownKeys: hang }) } })`,
  'the getter of clock.realtime': 'make({ clock: { get realtime() { hang() } } })',
  'the getter of random.seed': 'make({ random: { get seed() { hang() } } })',
  'the getter of limits.output': 'make({ limits: { get output() { hang() } } })',
  'the getter of an element of sockets': `make({ sockets: Object.defineProperty([], 0, { get: hang }) })`,
  'the getter of fd of a socket': 'make({ sockets: [{ get fd() { hang() } }] })',
  'the getter of Symbol.iterator of stdin': 'make({ stdin: { get [Symbol.iterator]() { hang() } } })',
  'the getter of write of stdout': 'make({ stdout: { get write() { hang() } } })',
  'the getter of a constructor that an error message names': 'make({ args: { get constructor() { hang() } } })',
  'Error.prepareStackTrace': 'Error.prepareStackTrace = hang; make({ version: 3 })',
  'process.permission.has': `Object.defineProperty(process, 'permission', { value: { has: hang } }); make()`,
  'the getter of process.permission': `Object.defineProperty(process, 'permission', { get: hang }); make()`,
  'the setter of wasiImport of a subclass':
    'new (class extends require(main).WASI { set wasiImport(value) { hang() } })()',
  'Symbol.hasInstance of the class': `
    Object.defineProperty(require(main).WASI, Symbol.hasInstance, { value: hang }); make()`,
  'the getter of wasiImport': `Object.defineProperty(make(), 'wasiImport', { get: hang }).getImportObject()`,
  'the getter of exports of an instance': 'make().start({ get exports() { hang() } })',
  'the getter of memory': 'make().start({ exports: { get memory() { hang() } } })',
  'the getter of _start': 'make().start({ exports: { memory, get _start() { hang() } } })',
  'the getter of _initialize': 'make().start({ exports: { memory, _start() {}, get _initialize() { hang() } } })',
  _start: 'make().start({ exports: { memory, _start: hang } })',
  _initialize: 'make().initialize({ exports: { memory, _initialize: hang } })',
  'the getter of a memory for finalizeBindings':
    'make().finalizeBindings({ exports: {} }, { get memory() { hang() } })',
  'finalizeBindings of a subclass':
    'new (class extends require(main).WASI { finalizeBindings() { hang() } })().start({})',
  'a stdin function': `start('read', { stdin: hang })`,
  'the iterator of stdin': `start('read', { stdin: { *[Symbol.iterator]() { hang() } } })`,
  'the getter of the constructor of an invalid stdin result': `
    start('read', { stdin: () => ({ get constructor() { hang() } }) })`,
  'return() of the iterator of stdin': `
    start('read', { stdin: { [Symbol.iterator]: () => ({ next: () => ({ value: 'x' }), return: hang }) } }).close()`,
  'a stdout function': `start('write', { stdout: hang })`,
  'write() of a stdout stream': `start('write', { stdout: { write: hang } })`,
  'a clock function': `start('time', { clock: { realtime: hang } })`,
  'the getter of the constructor of an invalid clock result': `
    start('time', { clock: { realtime: () => ({ get constructor() { hang() } }) } })`,
  'a trace function': `start('close', { trace: hang })`,
  'a trace function for proc_exit': `start('exit', { trace: hang })`,
  'process.exit': `process.exit = hang; start('exit', { returnOnExit: false })`,
  'the getter of process.exit': `
    Object.defineProperty(process, 'exit', { get: hang }); start('exit', { returnOnExit: false })`,
  'Error.prepareStackTrace for an exit': `Error.prepareStackTrace = hang; start('exit')`,
  'a sleep in poll_oneoff': `hanging(); start('sleep')`,
  'a setter for an element of addresses': `
    const wasi = make({ sockets: ['127.0.0.1:0'] })
    Object.defineProperty(Array.prototype, 0, { set: hang })
    wasi.addresses`,
  'a setter for a property of the WASI object': `
    make()
    Object.defineProperty(Object.prototype, 'wasiImport', { set: hang })
    make()`,
  'a getter that napi-rs calls to register the addon': `
    Object.defineProperty(globalThis, 'Reflect', { get: hang }); make()`,
  'a getter that loading the addon calls': `Object.defineProperty(process, 'arch', { get: hang }); make()`,
  'a getter that the first stdin data calls': `
    Object.defineProperty(globalThis, 'TextEncoder', { get: hang }); make({ stdin: 'text' })`,
}

/** Returns a script that counts the statements that run after the script hangs. */
const watched = (script) => `${PRELUDE}
  const countStep = () => { shared[1]++ }
  try { ${script}; countStep() } catch { countStep() } finally { countStep() }
  countStep()
  for (let turns = 0; turns < 1e8; turns++);
  countStep()`

/** Runs a script in a worker. `shared[0]` becomes 1 when the script hangs; `shared[1]` counts the later steps. */
function start(t, script, timeout) {
  const shared = new Int32Array(new SharedArrayBuffer(8))
  const worker = new Worker(script, { eval: true, workerData: { main, guests, shared, timeout } })
  t.teardown(() => worker.terminate())
  return { worker, shared }
}

for (const [place, script] of Object.entries(SCRIPTS)) {
  test.serial(`terminate() during ${place} runs no more JavaScript`, async (t) => {
    const { worker, shared } = start(t, watched(script))
    worker.on('error', (error) => t.fail(String(error)))
    t.not(await Atomics.waitAsync(shared, 0, 0, TIMEOUT_MS).value, 'timed-out')
    t.is(await worker.terminate(), 1)
    t.is(shared[1], 0)
  })
}

// A timeout of node:vm also terminates JavaScript. Unlike in a worker that ends, JavaScript can run again afterwards,
// and could catch an exception made from the termination.
const TIMEOUT_PLACES = [
  'toString() of an element of args',
  'toString() of a value of env',
  'the getter of a value of env',
  'the getter of write of stdout',
  'the getter of a constructor that an error message names',
  'the getter of exports of an instance',
  '_start',
  '_initialize',
  'finalizeBindings of a subclass',
  'a stdin function',
  'a stdout function',
  'a clock function',
  'a trace function',
  'process.exit',
  'a sleep in poll_oneoff',
  'a setter for a property of the WASI object',
  'a getter that the first stdin data calls',
]
const withVmTimeout = (script) => `
  Object.assign(globalThis, { require })
  const { main, timeout } = require('node:worker_threads').workerData
  require(main)
  try {
    require('node:vm').runInThisContext(${JSON.stringify(`(() => {${watched(script)}})()`)}, { timeout })
  } catch ({ code }) {
    require('node:worker_threads').parentPort.postMessage(code)
  }`

/** Ends a script with a timeout, long enough for the script to reach its endless loop. Returns the outcome. */
async function runWithVmTimeout(t, script) {
  for (let timeout = 250; ; timeout *= 4) {
    const { worker, shared } = start(t, withVmTimeout(script), timeout)
    const [code] = await once(worker, 'message')
    await worker.terminate()
    if (shared[0] === 1 || timeout > TIMEOUT_MS) return { code, hung: shared[0], stepsAfter: shared[1] }
  }
}

test.serial(
  'a node:vm timeout in JavaScript that native code called runs no more JavaScript of the script',
  async (t) => {
    const outcomes = await Promise.all(
      TIMEOUT_PLACES.map(async (place) => [place, await runWithVmTimeout(t, SCRIPTS[place])]),
    )
    const expected = { code: 'ERR_SCRIPT_EXECUTION_TIMEOUT', hung: 1, stepsAfter: 0 }
    t.deepEqual(Object.fromEntries(outcomes), Object.fromEntries(TIMEOUT_PLACES.map((place) => [place, expected])))
  },
)

for (const [method, limit, title] of [
  ['terminate', 60, 'terminate() at a random moment ends a worker and runs no more JavaScript'],
  ['exit', 10, 'process.exit() at a random moment ends a process that has a running worker'],
]) {
  slow(test.serial)(title, async (t) => {
    const args = [method, String(limit), '6']
    const { terminations, failures } = await runPlan(t, 'by the kernel', 'terminations.plan.mjs', ...args)
    t.deepEqual(failures, [])
    t.true(terminations > 0)
  })
}
