'use strict'

// Runs the guest threads.wasm without a thread library. Each thread has an instance and a sandbox: finalizeBindings()
// binds the shared memory, wasi_thread_start() runs the thread.

const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { Worker, isMainThread, workerData } = require('node:worker_threads')
const { WASI } = require('../..')

function instantiate(module, memory, spawn) {
  const [, , scenario, directory] = process.argv
  const wasi = new WASI({ version: 'preview1', args: ['threads', scenario], preopens: { '/': directory } })
  const imports = { ...wasi.getImportObject(), env: { memory }, wasi: { 'thread-spawn': spawn } }
  return { wasi, instance: new WebAssembly.Instance(module, imports) }
}

function main() {
  const module = new WebAssembly.Module(readFileSync(join(__dirname, 'threads.wasm')))
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 256, shared: true })
  let tid = 0
  const { wasi, instance } = instantiate(module, memory, (start) => {
    new Worker(__filename, { argv: process.argv.slice(2), workerData: { module, memory, tid: ++tid, start } })
    return tid
  })
  process.exit(wasi.start(instance))
}

function thread({ module, memory, tid, start }) {
  const { wasi, instance } = instantiate(module, memory, () => -1)
  wasi.finalizeBindings(instance, { memory })
  instance.exports.wasi_thread_start(tid, start)
}

if (isMainThread) main()
else thread(workerData)
