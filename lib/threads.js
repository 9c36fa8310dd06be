'use strict'

// `capwasi/threads`: instantiates programs that import a shared memory and `wasi.thread-spawn`.

const { importedMemories, memoryLimitsOf } = require('./imported-memory.js')
const { threadedImports } = require('./spawning.js')
const { DEFAULT_THREADS, MAX_THREADS } = require('./thread-limit.js')
const { WASI } = require('./wasi.js')
const validate = require('./validate.js')
const { invalidType } = require('./values.js')

const { invalidValue } = validate

const { Module } = WebAssembly

/** Checks that a module can have threads. */
function check(module) {
  let memories
  try {
    memories = importedMemories(module)
  } catch {
    throw invalidType('The "module" argument', 'an instance of WebAssembly.Module', module)
  }
  if (memories.length !== 1)
    throw invalidValue(`The argument 'module' must import one shared memory. It imports ${memories.length} memories`)
  const isStart = ({ name, kind }) => name === 'wasi_thread_start' && kind === 'function'
  if (!Module.exports(module).some(isStart))
    throw invalidValue("The argument 'module' must export the function wasi_thread_start")
}

/** Instantiates a program with threads. Described in threads.d.ts. */
async function instantiateThreaded(module, wasi, options = undefined) {
  check(module)
  if (!(wasi instanceof WASI)) throw invalidType('The "wasi" argument', 'an instance of WASI', wasi)
  const { threads = DEFAULT_THREADS } = validate.options(options, 'threads')
  validate.integer(threads, 'options.threads', 0, MAX_THREADS)
  const { imports } = threadedImports(module, wasi, threads, memoryLimitsOf(module))
  return WebAssembly.instantiate(module, imports)
}

exports.instantiateThreaded = instantiateThreaded
