'use strict'

// Describes JavaScript values, and makes errors like those of Node. Loaded when needed first.

const { captureStackTrace } = Error
const { defineProperty, is } = Object
const { inspect } = require('node:util')

const CLASSES = { __proto__: null, Error, TypeError, RangeError }

/** Makes an error of a class, by its name. The stack starts with the name and the code, as in Node. */
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

/** The path of a URL of any realm, recognized as Node recognizes it; undefined for any other value. */
function urlPath(value) {
  if (typeof value !== 'object' || value === null) return undefined
  const isURL = value.href && value.protocol && value.auth === undefined && value.path === undefined
  return isURL ? require('node:url').fileURLToPath(value.href) : undefined
}

/** `ERR_INVALID_ARG_TYPE`: `subject` is for example `The "options" argument`, and `expected` is `of type object`. */
const invalidType = (subject, expected, received) =>
  nodeError('TypeError', 'ERR_INVALID_ARG_TYPE', `${subject} must be ${expected}. Received ${describe(received)}`)

exports.nodeError = nodeError
exports.describe = describe
exports.invalidType = invalidType
exports.urlPath = urlPath
