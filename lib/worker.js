'use strict'

// Runs in a thread of a pool: runs guests, one after another. Each guest belongs to a WASI object of the thread that
// created the pool, so its output, limits and descriptors outlive this thread.

const { performance } = require('node:perf_hooks')
const { parentPort } = require('node:worker_threads')
const addon = require('./native.js').load()
const { createMemory } = require('./limit-memory.js')
const { threadedImports } = require('./spawning.js')
const { WASI } = require('./wasi.js')

/** This file, as stacks name it. */
const FILE = 'worker.js'

/** Returns a stack without the frames of this file, and of those that called it. */
function guestStack(stack) {
  const lines = String(stack).split('\n')
  const index = lines.findIndex((line) => line.includes(FILE))
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
function createImports(wasi, { module, memories, threads }) {
  if (threads !== undefined) return threadedImports(module, wasi, threads, memories[0])
  const imports = wasi.getImportObject()
  const created = memories.map(createMemory)
  memories.forEach(({ module: namespace, name }, index) => {
    imports[namespace] = { ...imports[namespace], [name]: created[index] }
  })
  return { imports, memories: created }
}

/** Returns whether an error ended code of the guest. */
const isTrap = (error, instance) =>
  instance === undefined ? error instanceof WebAssembly.RuntimeError : error?.code === undefined

/** Runs a guest, and returns how it has ended. */
function run(wasi, job) {
  const outcome = {}
  let memories = []
  let instance
  // Before the instance exists, its start function runs code of the guest.
  const start = performance.now()
  parentPort.postMessage('start')
  try {
    const { imports, memories: imported } = createImports(wasi, job)
    instance = addon.processes().countCpuTime(wasi, () => new WebAssembly.Instance(job.module, imports))
    memories = memoriesOf(instance, imported)
    const memory = instance.exports.memory ?? imported[0]
    outcome.exitCode = wasi.start({ exports: { memory, _start: () => instance.exports._start() } })
  } catch (error) {
    outcome.error = describe(error)
    outcome.isTrap = isTrap(error, instance)
  }
  outcome.durationMs = performance.now() - start
  outcome.memory = memories.reduce((bytes, { buffer }) => bytes + buffer.byteLength, 0)
  return outcome
}

parentPort.on('message', (job) => {
  let wasi
  try {
    wasi = WASI.join(job.handle)
  } catch (error) {
    parentPort.postMessage({ error: describe(error), isTrap: false })
    return
  }
  parentPort.postMessage(run(wasi, job))
})
