'use strict'

// `node -r capwasi/register app.js`, or `--import capwasi/register`: from here on the class of `wasi` and `node:wasi` is
// capwasi's, for require, import and process.getBuiltinModule. Workers inherit it with the process's flags.

const { syncBuiltinESMExports } = require('node:module')
const { WASI } = require('./index.js')

// To load Node's module is to be warned that it is experimental, which what takes its place is not.
const { emitWarning } = process
process.emitWarning = () => {}
let wasi
try {
  wasi = require('node:wasi')
} finally {
  process.emitWarning = emitWarning
}

// In place, not by hooks of the loader: before Node 22.15 those take a thread of their own for each thread.
wasi.WASI = WASI
syncBuiltinESMExports()
