// Runs servers as guests in a worker, so that the spec can be their client.

import { on } from 'node:events'
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { hostFile } from './host.mjs'

const main = createRequire(import.meta.url).resolve('capwasi')

/** Runs a module in a worker. Returns the worker, its addresses, its output file and a promise of its exit code. */
export async function serve(t, module, options = {}) {
  const output = hostFile(t)
  const script = `
    const { parentPort, workerData: { main, module, options } } = require('node:worker_threads')
    const { WASI } = require(main)
    const wasi = new WASI(options)
    const instance = new WebAssembly.Instance(module, wasi.getImportObject())
    parentPort.postMessage(wasi.addresses)
    parentPort.postMessage(wasi.start(instance))`
  const worker = new Worker(script, {
    eval: true,
    workerData: {
      main,
      module,
      options: { version: 'preview1', stdout: output.fd, sockets: ['127.0.0.1:0'], ...options },
    },
  })
  t.teardown(() => worker.terminate())
  const messages = on(worker, 'message') // Both messages may arrive in one turn.
  const message = async () => (await messages.next()).value[0]
  const addresses = await message()
  const code = message()
  code.catch(() => {})
  return { worker, addresses, code, output }
}
