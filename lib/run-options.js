'use strict'

// Checks the options of `start`, `startAsync`, `initializeAsync` and `getImportObject`. Loaded at the first use.

const addon = require('./native.js').load()
const { invalidType, nodeError } = require('./values.js')
const { integer, invalidValue, object, subject } = require('./validate.js')

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
  signal(value) {
    if (typeof value?.aborted !== 'boolean' || typeof value.addEventListener !== 'function') {
      throw invalidType(subject('options.signal'), 'an instance of AbortSignal', value)
    }
    return value
  },
  suspending(value) {
    if (typeof value !== 'boolean') throw invalidType(subject('options.suspending'), 'of type boolean', value)
    return value
  },
}

/** Returns the options with these names. Rejects others: a misspelt name must not remove a restriction. */
function runOptions(options, names) {
  if (options === undefined) return {}
  for (const name of Object.keys(object(options, 'options'))) {
    if (names.includes(name)) continue
    const advice = ELSEWHERE[name] ?? addon.suggestion(name, names) ?? `Known are ${names.join(', ')}`
    throw invalidValue(`The property 'options.${name}' is unknown. ${advice}`)
  }
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
