'use strict'

// Runs one guest in a process of its own, so that its standard descriptors are real ones. What became
// of it is written to a file as JSON, at exit.

const { readFileSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { WASI } = require('../..')

const { guest, touch, options, report: path } = JSON.parse(process.argv[2])
const report = {}

process.on('exit', (code) => {
  report.exit = code
  writeFileSync(path, JSON.stringify(report))
})

// To read process.stdin is to let libuv make the descriptor non-blocking.
for (const name of touch) void process[name]

try {
  const wasi = new WASI(options)
  const module = new WebAssembly.Module(readFileSync(join(__dirname, `${guest}.wasm`)))
  report.returned = wasi.start(new WebAssembly.Instance(module, wasi.getImportObject()))
  process.exitCode = report.returned
} catch (error) {
  report.error = `${error.name}: ${error.message}`
  process.exitCode = 70
}
// A touched stdin would keep the process waiting for its end.
if (touch.includes('stdin')) process.stdin.unref?.()
