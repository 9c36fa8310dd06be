'use strict'

// Runs one guest in a new process, so that its standard descriptors are real. At exit writes the result to a file as
// JSON. With CAPWASI_SUSPENDING=1 the guest does not block the thread while it waits.

const { readFileSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { WASI } = require('../..')
const { mount } = require('../support/backends.cjs')

const { guest, usedStreams, backend, options, report: path } = JSON.parse(process.argv[2])
const report = {}

process.on('exit', (code) => {
  report.exit = code
  writeFileSync(path, JSON.stringify(report))
})

// The getter of process.stdin makes libuv set the descriptor non-blocking.
for (const name of usedStreams) void process[name]

const suspending = process.env.CAPWASI_SUSPENDING === '1'
const fail = (error) => {
  report.error = `${error.name}: ${error.message}`
  process.exitCode = 70
}
try {
  const { preopens, store } = mount(backend, options.preopens)
  const wasi = new WASI({ ...options, preopens })
  const module = new WebAssembly.Module(readFileSync(join(__dirname, `${guest}.wasm`)))
  const instance = new WebAssembly.Instance(module, wasi.getImportObject({ suspending }))
  const end = (code) => {
    report.returned = code
    process.exitCode = code
    store()
  }
  if (suspending) wasi.startAsync(instance).then(end).catch(fail)
  else end(wasi.start(instance))
} catch (error) {
  fail(error)
}
// A used stdin would keep the process alive until its end.
if (usedStreams.includes('stdin')) process.stdin.unref?.()
