'use strict'

// Preloaded after register.js, in each thread. Writes a line to the file CALLS_LOG for each WASI object (`made`, with
// the implementation). When a call returns, writes a line for the guest's call (`called`) and one for each function of
// a WASI object that ran (`served`). Both lines are one write, so that a terminated thread leaves both lines or none.

const { openSync, writeSync } = require('node:fs')
const { syncBuiltinESMExports } = require('node:module')
const { threadId } = require('node:worker_threads')

const log = openSync(process.env.CALLS_LOG, 'a')
const line = (kind, name) => `${threadId} ${kind} ${name}\n`

/** Returns the functions of an object, each wrapped by `wrap`. */
const wrapped = (functions, wrap) =>
  Object.fromEntries(Object.entries(functions).map(([name, original]) => [name, wrap(name, original)]))

let servedLines = ''

const served =
  (name, original) =>
  (...args) => {
    servedLines += line('served', name)
    return original(...args)
  }

const called =
  (name, original) =>
  (...args) => {
    try {
      return original(...args)
    } finally {
      writeSync(log, line('called', name) + servedLines)
      servedLines = ''
    }
  }

const wasi = require('node:wasi')
const implementation = wasi.WASI === require('../..').WASI ? 'capwasi' : 'node:wasi'
wasi.WASI = new Proxy(wasi.WASI, {
  construct(target, args) {
    const object = Reflect.construct(target, args)
    Object.assign(object.wasiImport, wrapped(object.wasiImport, served))
    writeSync(log, line('made', implementation))
    return object
  },
})
syncBuiltinESMExports()

const counting = (imports) => ({
  ...imports,
  wasi_snapshot_preview1: wrapped(imports.wasi_snapshot_preview1, called),
})
WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
  construct: (target, [module, imports]) => Reflect.construct(target, [module, counting(imports)]),
})
WebAssembly.instantiate = new Proxy(WebAssembly.instantiate, {
  apply: (target, _self, [module, imports]) => target(module, counting(imports)),
})
