'use strict'

// Describes JavaScript values, and creates errors like Node's. Loaded at the first use.

const { captureStackTrace } = Error
const { defineProperty, entries, fromEntries, is } = Object
const { inspect, types } = require('node:util')

const CLASSES = { __proto__: null, Error, TypeError, RangeError }

/** Creates an error of the class with this name. The stack starts with the name and the code, as in Node. */
function nodeError(name, code, message) {
  const error = new CLASSES[name](message)
  captureStackTrace(error, nodeError)
  error.code = code
  const { stack } = error
  if (typeof stack === 'string' && stack.startsWith(name)) {
    const value = `${name} [${code}]${stack.slice(name.length)}`
    defineProperty(error, 'stack', { value, writable: true, enumerable: false, configurable: true })
  }
  return error
}

/** Creates the error that another thread has thrown. */
function threadError(name, message, stack) {
  const Class = { __proto__: null, ...CLASSES, RuntimeError: WebAssembly.RuntimeError }[name] ?? Error
  const error = new Class(message)
  const value = stack === '' ? `${name}: ${message}` : stack
  return defineProperty(error, 'stack', { value, writable: true, enumerable: false, configurable: true })
}

/** Shows a value in one line. */
const show = (value) => inspect(value, { breakLength: Infinity })

/** Describes a value as in Node's messages, after "Received". */
function describe(value) {
  if (value === undefined || value === null) return `${value}`
  switch (typeof value) {
    case 'function':
      return `function ${value.name}`
    case 'object': {
      const name = value.constructor?.name
      return typeof name === 'string' && name !== '' ? `an instance of ${name}` : inspect(value, { depth: -1 })
    }
    case 'string': {
      const text = value.length > 28 ? `${value.slice(0, 25)}...` : value
      return `type string (${text.includes("'") ? JSON.stringify(text) : `'${text}'`})`
    }
    case 'bigint':
      return `type bigint (${value}n)`
    default:
      return `type ${typeof value} (${is(value, -0) ? '-0' : String(value)})`
  }
}

/** Describes a WASI object with some properties for `util.inspect`, which passes the last three arguments. */
function inspectWasi(wasi, properties, depth, options, inspectValue) {
  const name = wasi.constructor?.name || 'WASI'
  if (depth < 0) return options.stylize(`[${name}]`, 'special')
  // Functions and internal symbols would be 50 lines. A subclass may have properties of its own.
  const { wasiImport, ...others } = fromEntries(entries(wasi))
  return `${name} ${inspectValue({ ...properties, ...others }, options)}`
}

/**
 * Returns the path of a URL of any realm, recognized as in Node; undefined for any other value. The error for a URL
 * without a path names `option`.
 */
function urlPath(value, option) {
  if (typeof value !== 'object' || value === null) return undefined
  const { href, protocol, auth, path } = value
  if (!href || !protocol || auth !== undefined || path !== undefined) return undefined
  try {
    return require('node:url').fileURLToPath(href)
  } catch (error) {
    if (error.code === undefined) throw error
    const rule = `The property '${option}' must be a file: URL of a local path`
    throw nodeError('TypeError', error.code, `${rule}. ${error.message}. Received ${show(href)}`)
  }
}

/** Returns whether a value of any realm is a Map, a Set or a Date. */
const isCollection = (value) => types.isMap(value) || types.isSet(value) || types.isDate(value)

/**
 * Creates `ERR_INVALID_ARG_TYPE`. `subject` is for example `The "options" argument`, and `expected` is `of type
 * object`.
 */
const invalidType = (subject, expected, received) =>
  nodeError('TypeError', 'ERR_INVALID_ARG_TYPE', `${subject} must be ${expected}. Received ${describe(received)}`)

/** Creates the error of a call that a guest makes while it is suspended for another one. */
const suspendedError = () =>
  nodeError(
    'Error',
    'ERR_WASI_SUSPENDED',
    'The guest is suspended, so its exports must not be called: wait for the promise of the earlier call',
  )

exports.nodeError = nodeError
exports.describe = describe
exports.invalidType = invalidType
exports.inspect = show
exports.inspectWasi = inspectWasi
exports.isCollection = isCollection
exports.urlPath = urlPath
exports.threadError = threadError
exports.suspendedError = suspendedError
