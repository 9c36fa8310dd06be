'use strict'

// `capwasi/threads`: instantiates programs that import a shared memory and `wasi.thread-spawn`.

const addon = require('./native.js').load()
const { Workers, importedMemories, importsOf } = require('./spawning.js')
const { WASI } = require('./wasi.js')
const validate = require('./validate.js')
const { invalidType } = require('./values.js')

const { invalidValue } = validate

const { Instance, LinkError, Memory, Module } = WebAssembly

const DEFAULT_THREADS = 16
/** The numbers of threads have 29 bits. */
const MAX_THREADS = 2 ** 29 - 1
/** The pages of 4 GiB. */
const MAX_PAGES = 2 ** 16

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

/** Returns the smallest number from `low` to `high` for which `holds` returns true, as it does for all larger ones. */
function smallest(low, high, holds) {
  let [from, to] = [low, low]
  // Large memories take time to create, so this tries small numbers first.
  for (let step = 1; to < high && !holds(to); step *= 2) {
    from = to + 1
    to = Math.min(to + step, high)
  }
  while (from < to) {
    const middle = Math.floor((from + to) / 2)
    if (holds(middle)) to = middle
    else from = middle + 1
  }
  return from
}

/**
 * Creates the memory that a module imports. WebAssembly has no API for its limits, so this finds them by the errors for
 * memories that do not fit. As those memories are not shared, no attempt creates an instance.
 */
function createMemory(module) {
  const imports = {}
  for (const { module: from, name: of } of Module.imports(module)) {
    imports[from] ??= {}
    imports[from][of] = () => {}
  }
  const [{ module: namespace, name }] = importedMemories(module)
  const refuses = (reason, initial, maximum) => {
    imports[namespace][name] = new Memory({ initial, maximum })
    try {
      new Instance(module, imports)
    } catch (error) {
      if (error instanceof LinkError) return error.message.includes(reason)
      throw error
    }
    throw invalidValue("The argument 'module' must import a shared memory. Its memory is not shared")
  }
  const initial = smallest(0, MAX_PAGES, (pages) => !refuses('smaller', pages, MAX_PAGES))
  const isTooLarge = (pages) => pages > MAX_PAGES || refuses('larger', initial, pages)
  return new Memory({ initial, maximum: smallest(initial, MAX_PAGES + 1, isTooLarge) - 1, shared: true })
}

/** Instantiates a program with threads. Described in threads.d.ts. */
async function instantiateThreaded(module, wasi, options = undefined) {
  check(module)
  if (!(wasi instanceof WASI)) throw invalidType('The "wasi" argument', 'an instance of WASI', wasi)
  const { threads = DEFAULT_THREADS } = validate.options(options, 'threads')
  validate.integer(threads, 'options.threads', 0, MAX_THREADS)
  const memory = createMemory(module)
  const workers = new Workers(wasi, { program: module, memory, handle: wasi.share() })
  addon.threads().allow(wasi, threads, memory, () => workers.terminate())
  return WebAssembly.instantiate(module, importsOf(module, wasi, memory, workers))
}

exports.instantiateThreaded = instantiateThreaded
