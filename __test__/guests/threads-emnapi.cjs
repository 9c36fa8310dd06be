'use strict'

// Runs the guest threads.wasm with @emnapi/wasi-threads, as its documentation describes.

const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { Worker, isMainThread, parentPort } = require('node:worker_threads')
const { ThreadMessageHandler, WASIThreads } = require('@emnapi/wasi-threads')
const { WASI } = require('../..')

function instantiate(module, memory, options) {
  const [, , scenario, directory] = process.argv
  const wasi = new WASI({ version: 'preview1', args: ['threads', scenario], preopens: { '/': directory } })
  const threads = new WASIThreads({ wasi, ...options })
  const imports = { ...wasi.getImportObject(), ...threads.getImportObject(), env: { memory } }
  return { threads, instance: new WebAssembly.Instance(module, imports) }
}

function main() {
  const module = new WebAssembly.Module(readFileSync(join(__dirname, 'threads.wasm')))
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 256, shared: true })
  const onCreateWorker = () => new Worker(__filename, { argv: process.argv.slice(2) })
  const { threads, instance } = instantiate(module, memory, { onCreateWorker })
  process.exitCode = threads.start(instance, module, memory).exitCode
}

function thread() {
  const postMessage = (message) => parentPort.postMessage(message)
  const handler = new ThreadMessageHandler({
    postMessage,
    onLoad({ wasmModule, wasmMemory }) {
      const { threads, instance } = instantiate(wasmModule, wasmMemory, { childThread: true, postMessage })
      return { module: wasmModule, instance: threads.initialize(instance, wasmModule, wasmMemory) }
    },
  })
  parentPort.on('message', (data) => handler.handle({ data }))
}

if (isMainThread) main()
else thread()
