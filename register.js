'use strict'

// `node -r capwasi/register app.js`, or `--import capwasi/register`: from here on the class of `wasi` and `node:wasi` is
// capwasi's, for require, import and process.getBuiltinModule. Workers inherit it with the process's flags. Workers with
// an `execArgv` of their own, and child processes, inherit it with the process's environment.

const { syncBuiltinESMExports } = require('node:module')

// In NODE_OPTIONS an option in double quotes may have spaces, and \ escapes \ and ".
const option = `--require "${__filename.replace(/["\\]/g, '\\$&')}"`
const { NODE_OPTIONS = '' } = process.env
const isInherited = NODE_OPTIONS.includes(option)
if (!isInherited) process.env.NODE_OPTIONS = `${NODE_OPTIONS} ${option}`.trimStart()

function load() {
  try {
    return require('./index.js').WASI
  } catch (error) {
    if (!isInherited) throw error
    // A child process that may not load addons, or not this one, has not asked for capwasi and may need no WASI. It must
    // not get node:wasi instead.
    return class WASI {
      constructor() {
        throw error
      }
    }
  }
}

const WASI = load()

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
