'use strict'

// Runs a guest in this thread. The guest belongs to a WASI object, usually of another thread, so its output, limits and
// descriptors outlive this thread.

const { performance } = require('node:perf_hooks')
const { WASI, addon } = require('./wasi.js')

// No other code runs in the thread of a guest. Frames of the host and of this file count too.
Error.stackTraceLimit = 100

/** Returns a stack without the frames of this file, or of its bundle, and of those that called it. */
function guestStack(stack) {
  const lines = String(stack).split('\n')
  const index = lines.findIndex((line) => line.includes(__filename))
  return lines.slice(0, index < 0 ? lines.length : index).join('\n')
}

/** Returns what another thread needs to create an equal error. */
function describe(error) {
  const { name = 'Error', message, stack = '' } = Object(error)
  return { name: String(name), message: String(message ?? error), stack: guestStack(stack), code: error?.code }
}

/** Returns the memories of an instance. */
function memoriesOf(instance, imported) {
  const exported = Object.values(instance.exports).filter((value) => value instanceof WebAssembly.Memory)
  return [...new Set([...imported, ...exported])]
}

/** Returns the import object of a guest, and the memories in it. */
function createImports(wasi, { module, memories, threads, heap }) {
  if (threads !== undefined) return require('./spawning.js').threadedImports(module, wasi, threads, memories[0], heap)
  const imports = wasi.getImportObject()
  if (memories.length === 0) return { imports, memories }
  const created = memories.map(require('./imported-memory.js').createMemory)
  memories.forEach(({ module: namespace, name }, index) => {
    imports[namespace] = { ...imports[namespace], [name]: created[index] }
  })
  return { imports, memories: created }
}

/** Returns whether an error is one that a start function throws, and no failure to create the instance. */
const isOfStartFunction = (error) =>
  error instanceof WebAssembly.RuntimeError ||
  error instanceof WebAssembly.Exception ||
  (error instanceof RangeError && error.message.includes('call stack'))

/** Returns whether an error ended code of the guest. */
const isTrap = (error, instance) => (instance === undefined ? isOfStartFunction(error) : error?.code === undefined)

/** Returns the function that runs as the command: `_start`, or one that calls the export of `job.invoke`. */
function entryOf({ exports }, { invoke }, outcome) {
  if (invoke === undefined) return () => exports._start()
  return () => {
    outcome.results = require('./invoke.js').invoke(exports, invoke)
  }
}

/** Runs a guest, and returns how it has ended. Calls `onStart` before code of the guest runs. */
function run(wasi, job, onStart) {
  const outcome = {}
  let memories = []
  let instance
  // Before the instance exists, its start function runs code of the guest.
  const start = performance.now()
  onStart()
  try {
    if (job.heap !== undefined) addon.processes().guardHeap(wasi)
    const { imports, memories: imported } = createImports(wasi, job)
    instance = addon.processes().countCpuTime(wasi, () => new WebAssembly.Instance(job.module, imports))
    memories = memoriesOf(instance, imported)
    const memory = instance.exports.memory ?? imported[0] ?? new WebAssembly.Memory({ initial: 0 })
    outcome.exitCode = wasi.start({ exports: { memory, _start: entryOf(instance, job, outcome) } })
  } catch (error) {
    // A start function can exit.
    if (error?.code === 'ERR_WASI_EXIT') outcome.exitCode = error.exitCode
    else Object.assign(outcome, { error: describe(error), isTrap: isTrap(error, instance) })
  }
  outcome.durationMs = performance.now() - start
  outcome.memory = memories.reduce((bytes, { buffer }) => bytes + buffer.byteLength, 0)
  return outcome
}

/**
 * Runs the guest of a job of lib/execution.js, and returns how it has ended: `exitCode`, or `error` and `isTrap`, and
 * what was measured. Calls `onStart` before code of the guest runs.
 */
function runGuest(job, onStart) {
  let wasi
  try {
    wasi = WASI.join(job.handle)
  } catch (error) {
    return { error: describe(error), isTrap: false }
  }
  return run(wasi, job, onStart)
}

exports.runGuest = runGuest
