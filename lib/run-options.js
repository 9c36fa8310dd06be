'use strict'

// Checks the options of `start`, `startAsync`, `initializeAsync` and `getImportObject`. Loaded at the first use.

const { nodeError } = require('./values.js')
const { abortSignal, boolean, integer, object, onlyKnown } = require('./validate.js')

/** The longest timeout in milliseconds, as in node:vm. */
const MAX_TIMEOUT = 2 ** 32 - 1

/** Options that only some of the methods have. */
const ELSEWHERE = {
  __proto__: null,
  signal: 'Only startAsync() and initializeAsync() can be aborted',
  suspending: 'It is an option of getImportObject(): getImportObject({ suspending: true })',
  timeout: 'It is an option of start(), startAsync() and initializeAsync()',
  memory: 'It is an option of finalizeBindings()',
}

const READERS = {
  timeout: (value) => integer(value, 'options.timeout', 1, MAX_TIMEOUT),
  signal: (value) => abortSignal(value, 'options.signal'),
  suspending: (value) => boolean(value, 'options.suspending'),
}

/** Returns the options with these names. Rejects others. */
function runOptions(options, names) {
  if (options === undefined) return {}
  onlyKnown(object(options, 'options'), 'options', names, ELSEWHERE)
  const read = names.map((name) => {
    const value = options[name]
    return [name, value === undefined ? undefined : READERS[name](value)]
  })
  return Object.fromEntries(read)
}

/** Throws unless the engine can suspend a guest. */
function requireSuspending(method) {
  if (typeof WebAssembly.Suspending === 'function' && typeof WebAssembly.promising === 'function') return
  const message =
    `${method} needs WebAssembly.Suspending (JSPI), which this runtime lacks (Node.js ${process.version}). ` +
    'Node.js 24.22 and later, Bun 1.4 and Deno 2.9 have it. Use start() in a worker instead.'
  throw nodeError('Error', 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', message)
}

exports.runOptions = runOptions
exports.requireSuspending = requireSuspending
