'use strict'

// The imports of a thread: `wasi.thread-spawn` creates a worker for each thread. Native code assigns threads to workers
// (src/node/threads.rs), so that any thread can start one while the others wait.

const { join } = require('node:path')
const { Worker } = require('node:worker_threads')
const { createMemory, importedMemories } = require('./imported-memory.js')
const { addon } = require('./wasi.js')

const MIB = 2 ** 20
/** The heap that a worker needs for itself, in MiB. */
const OWN_HEAP = 16
/** The limit of the young generation in MiB. V8 may promote all of it at once when the heap has reached its limit. */
const YOUNG_HEAP = 4

/** Returns the limits of a worker whose guest may have this many bytes on the heap; undefined for no limit. */
function resourceLimitsOf(heap) {
  if (heap === undefined) return {}
  return { maxOldGenerationSizeMb: OWN_HEAP + Math.ceil(heap / MIB), maxYoungGenerationSizeMb: YOUNG_HEAP }
}

/** Creates workers for the threads of a guest. A worker reports the error that has ended the guest when it ends. */
class Workers {
  #data
  #weak
  #workers = new Set()

  /** `data` is for lib/capwasi-thread.js. The event handlers of a worker must not keep the WASI object alive. */
  constructor(wasi, data) {
    this.#data = data
    this.#weak = new WeakRef(wasi)
  }

  add() {
    const resourceLimits = resourceLimitsOf(this.#data.heap)
    const options = { workerData: this.#data, execArgv: [], name: 'capwasi thread', resourceLimits }
    const worker = new Worker(join(__dirname, 'capwasi-thread.js'), options)
    this.#workers.add(worker)
    // Threads of a guest do not keep the process alive.
    worker.unref()
    worker.on('error', (error) => {
      const wasi = this.#weak.deref()
      if (wasi !== undefined) addon.threads().fail(wasi, error)
    })
    worker.on('exit', () => {
      this.#workers.delete(worker)
      const wasi = this.#weak.deref()
      if (wasi !== undefined) addon.threads().report(wasi)
    })
  }

  terminate() {
    for (const worker of this.#workers) worker.terminate()
  }
}

/** Returns the imports of a thread. */
function importsOf(module, wasi, memory, workers) {
  const imports = wasi.getImportObject()
  const spawn = (argument) => addon.threads().spawn(wasi, argument, () => workers.add())
  imports.wasi = { ...imports.wasi, 'thread-spawn': spawn }
  for (const { module: namespace, name } of importedMemories(module))
    imports[namespace] = { ...imports[namespace], [name]: memory }
  return imports
}

/**
 * Allows a guest to start threads. Returns the imports of its first thread, and the memories in them. `heap` limits the
 * objects of each thread on the heap of the engine, in bytes; undefined for no limit.
 */
function threadedImports(module, wasi, limit, memoryLimits, heap = undefined) {
  const memory = createMemory(memoryLimits)
  const workers = new Workers(wasi, { program: module, memory, handle: wasi.share(), heap })
  addon.threads().allow(wasi, limit, memory, () => workers.terminate())
  return { imports: importsOf(module, wasi, memory, workers), memories: [memory] }
}

exports.Workers = Workers
exports.resourceLimitsOf = resourceLimitsOf
exports.threadedImports = threadedImports
exports.importsOf = importsOf
