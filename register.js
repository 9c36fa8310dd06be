'use strict'

// Implements `node -r capwasi/register app.js`, or `--import capwasi/register`. Replaces the class of `wasi` and
// `node:wasi` by capwasi's, for require, import and process.getBuiltinModule. Workers inherit the process's flags.
// Workers with an `execArgv` of their own, and child processes, inherit NODE_OPTIONS.

const { syncBuiltinESMExports } = require('node:module')

// In NODE_OPTIONS an option in double quotes may contain spaces, and \ escapes \ and ".
const option = `--require "${__filename.replace(/["\\]/g, '\\$&')}"`
const { NODE_OPTIONS = '' } = process.env
const isInherited = NODE_OPTIONS.includes(option)
if (!isInherited) process.env.NODE_OPTIONS = `${NODE_OPTIONS} ${option}`.trimStart()

function load() {
  try {
    return require('./index.js').WASI
  } catch (error) {
    if (!isInherited) throw error
    // A child process that cannot load the addon may not need WASI, so only `new WASI` throws. The child must not fall
    // back to node:wasi.
    return class WASI {
      constructor() {
        throw error
      }
    }
  }
}

const WASI = load()

// Loading node:wasi prints an ExperimentalWarning, which does not apply to capwasi: silence the warning.
const { emitWarning } = process
process.emitWarning = () => {}
let wasi
try {
  wasi = require('node:wasi')
} finally {
  process.emitWarning = emitWarning
}

// Replaces the class in place instead of using loader hooks: before Node 22.15 hooks need one more thread per thread.
wasi.WASI = WASI
syncBuiltinESMExports()
