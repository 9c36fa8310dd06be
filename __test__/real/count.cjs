'use strict'

// Preloaded after register.js, in each thread: writes to the file CALLS_LOG a line for each WASI object (`made`, and
// whose its class is), for each call that a guest makes (`asked`), and for each that a WASI object answers (`served`).

const { openSync, writeSync } = require('node:fs')
const { syncBuiltinESMExports } = require('node:module')
const { threadId } = require('node:worker_threads')

const log = openSync(process.env.CALLS_LOG, 'a')
const say = (what, name) => writeSync(log, `${threadId} ${what} ${name}\n`)

/** The functions of an object, each of which says so when it is called. */
const telling = (what, functions) =>
  Object.fromEntries(Object.entries(functions).map(([name, original]) => [name, (...args) => {
    say(what, name)
    return original(...args)
  }]))

const wasi = require('node:wasi')
const whose = wasi.WASI === require('../..').WASI ? 'capwasi' : 'node:wasi'
wasi.WASI = new Proxy(wasi.WASI, {
  construct(target, args) {
    const object = Reflect.construct(target, args)
    Object.assign(object.wasiImport, telling('served', object.wasiImport))
    say('made', whose)
    return object
  },
})
syncBuiltinESMExports()

const asking = (imports) => ({
  ...imports,
  wasi_snapshot_preview1: telling('asked', imports.wasi_snapshot_preview1),
})
WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
  construct: (target, [module, imports]) => Reflect.construct(target, [module, asking(imports)]),
})
WebAssembly.instantiate = new Proxy(WebAssembly.instantiate, {
  apply: (target, self, [module, imports]) => target(module, asking(imports)),
})
