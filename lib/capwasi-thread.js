'use strict'

// Runs in a worker of a guest: runs threads until the guest ends. In a bundle this file is beside the program, so its
// name differs from names of the program.

const { workerData } = require('node:worker_threads')
const { Workers, importsOf } = require('./spawning.js')
const { WASI, addon } = require('./wasi.js')

const { program, memory, handle, heap } = workerData

/** Returns a WASI object of the guest; undefined if the guest has ended. */
function join() {
  try {
    return WASI.join(handle)
  } catch (error) {
    if (error.code !== 'ERR_INVALID_ARG_VALUE') throw error
    return undefined
  }
}

/** Runs a thread in an instance of its own. Returns whether to wait for the next thread. */
function run(wasi, workers, thread) {
  try {
    if (heap !== undefined) addon.processes().guardHeap(wasi)
    const imports = importsOf(program, wasi, memory, workers)
    const start = () => new WebAssembly.Instance(program, imports).exports.wasi_thread_start(...thread)
    wasi.initialize({ exports: { memory, _initialize: start } })
    return true
  } catch (error) {
    // The thread that created the guest throws the error.
    addon.threads().fail(wasi, error)
    return false
  }
}

const worker = join()
const workers = worker && new Workers(worker, workerData)
for (let isRunning = worker !== undefined; isRunning; ) {
  const thread = addon.threads().next(worker)
  const wasi = thread && join()
  isRunning = wasi !== undefined && run(wasi, workers, thread)
  if (isRunning) addon.threads().finish(worker)
}
