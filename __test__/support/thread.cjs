'use strict'

// A thread of a guest, for threads.mjs: calls the functions of a WASI object over the memory of the other threads.

const { parentPort, workerData } = require('node:worker_threads')
const { WASI } = workerData.host === 'node' ? require('node:wasi') : require('../..')

process.removeAllListeners('warning')

/** Options that cannot be posted. */
const MORE = {
  __proto__: null,
  callback: { stdout: () => {} },
  clock: { clock: { realtime: () => 0n } },
  trace: { trace: () => {} },
  iterable: { stdin: ['in', 'put'] },
}

const { memory, handle, options, more } = workerData
const wasi = handle ? WASI.join(handle) : new WASI({ version: 'preview1', ...options, ...MORE[more] })

const actions = {
  __proto__: null,
  bind: () => wasi.initialize({ exports: { memory } }),
  call: (name, ...args) => wasi.wasiImport[name](...args),
  /** Makes a call in `initialize()`. */
  run(name, ...args) {
    let errno
    const _initialize = () => {
      errno = wasi.wasiImport[name](...args)
    }
    wasi.initialize({ exports: { memory, _initialize } })
    return errno
  },
  /** Makes a call several times. Stores how many calls have succeeded at an address, and wakes the other threads. */
  repeat(count, at, name, ...args) {
    let done = 0
    for (let i = 0; i < count; i++) if (wasi.wasiImport[name](...args) === 0) done++
    const words = new Int32Array(memory.buffer)
    Atomics.store(words, at / 4, done)
    Atomics.notify(words, at / 4)
    return done
  },
  get: (name) => wasi[name],
  share: () => wasi.share(),
  close: () => wasi.close(),
}

parentPort.on('message', ([action, ...args]) => {
  try {
    parentPort.postMessage({ result: actions[action](...args) })
  } catch (error) {
    parentPort.postMessage({ error: { message: error.message, code: error.code, exitCode: error.exitCode } })
  }
})
