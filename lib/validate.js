'use strict'

// Checks of arguments and options, with errors like those of Node.

const { inspect } = require('node:util')
const { suggestion } = require('./names.js')
const { invalidType, isCollection, nodeError, urlPath } = require('./values.js')

const invalidValue = (message) => nodeError('TypeError', 'ERR_INVALID_ARG_VALUE', message)

/** Names an argument, or a property of one, as Node does. */
const subject = (name) => `The "${name}" ${/[.[]/.test(name) ? 'property' : 'argument'}`

/** Returns a string without NUL. */
function text(value, name) {
  if (typeof value !== 'string') throw invalidType(subject(name), 'of type string', value)
  if (!value.includes('\0')) return value
  throw invalidValue(`The argument '${name}' must be a string without null bytes. Received ${inspect(value)}`)
}

/** Returns an integer from `min` to `max`. */
function integer(value, name, min, max) {
  if (typeof value !== 'number') throw invalidType(subject(name), 'of type number', value)
  const fail = (expected, received) =>
    nodeError(
      'RangeError',
      'ERR_OUT_OF_RANGE',
      `The value of "${name}" is out of range. ${expected} Received ${received}`,
    )
  if (!Number.isInteger(value)) throw fail('It must be an integer.', value)
  if (value >= min && value <= max) return value
  const digits = Math.abs(value) > 2 ** 32 ? String(value).replace(/\B(?=(\d{3})+$)/g, '_') : value
  throw fail(`It must be >= ${min} && <= ${max}.`, digits)
}

/** Returns an object with properties: no array, Map, Set or Date, which would have none. */
function object(value, name) {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !isCollection(value)) return value
  throw invalidType(subject(name), 'of type object', value)
}

/** Returns the options of a method; none for undefined and null. Rejects all but the known ones. */
function options(value, ...known) {
  const given = object(value ?? {}, 'options')
  onlyKnown(given, 'options', known)
  return given
}

function boolean(value, name) {
  if (typeof value === 'boolean') return value
  throw invalidType(subject(name), 'of type boolean', value)
}

/** Returns a boolean option; false for undefined. */
const flag = (given, name) => given[name] !== undefined && boolean(given[name], `options.${name}`)

/** Returns an AbortSignal, of this realm or another. */
function abortSignal(value, name) {
  if (typeof value?.aborted === 'boolean' && typeof value.addEventListener === 'function') return value
  throw invalidType(subject(name), 'an instance of AbortSignal', value)
}

/** Shows the accepted values. */
const oneOf = (known) =>
  known.length === 0 ? 'there is none' : `must be one of: ${known.map((each) => `'${each}'`).join(', ')}`

/**
 * Rejects unknown properties: a misspelt name must not remove a restriction. `elsewhere` has advice for names that
 * other functions accept.
 */
function onlyKnown(value, name, known, elsewhere = { __proto__: null }) {
  const unknown = Object.keys(value).find((key) => !known.includes(key))
  if (unknown === undefined) return
  const advice = elsewhere[unknown] ?? suggestion(unknown, known)
  const problem = `The property '${name}[${inspect(unknown)}]' is unknown, ${oneOf(known)}`
  throw invalidValue(advice ? `${problem}. ${advice}` : problem)
}

const LIMITS = ['maxBytes', 'maxFiles']

/** Returns the limits of a directory in memory, in the order of native code. */
function limits(value) {
  const given = object(value ?? {}, 'limits')
  onlyKnown(given, 'limits', LIMITS)
  const limit = (name) => integer(given[name], `limits.${name}`, 0, Number.MAX_SAFE_INTEGER)
  return LIMITS.map((name) => (given[name] === undefined ? undefined : limit(name)))
}

/** Returns options that can also be an encoding. The encoding is undefined for bytes. */
function withEncoding(value, ...known) {
  const given = typeof value === 'string' ? { encoding: value } : options(value, ...known)
  const { encoding } = given
  if (encoding === undefined || encoding === null || encoding === 'buffer') return { ...given, encoding: undefined }
  if (Buffer.isEncoding(encoding)) return given
  throw invalidValue(`The argument 'encoding' is invalid encoding. Received ${inspect(encoding)}`)
}

const FLAGS = ['w', 'wx', 'a']

/** Returns a flag of `writeFileSync`. */
function writeFlag(value) {
  if (FLAGS.includes(value)) return value
  throw invalidValue(`The argument 'flag' ${oneOf(FLAGS)}. Received ${inspect(value)}`)
}

/** Returns the bytes of data. */
function bytes(value, encoding) {
  if (typeof value === 'string') return Buffer.from(value, encoding)
  if (value instanceof Uint8Array) return value
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  throw invalidType(subject('data'), 'of type string or an instance of Buffer, TypedArray, or DataView', value)
}

/** Returns a time in seconds. Like node:fs, takes a negative number as the present. */
function seconds(value) {
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime()))
      throw invalidValue("The argument 'time' must be a valid Date. Received Invalid Date")
    return Math.max(value.getTime() / 1000, 0)
  }
  if (typeof value === 'number' && Number.isFinite(value)) return value < 0 ? Date.now() / 1000 : value
  throw invalidType(subject('time'), 'an instance of Date or a finite number', value)
}

/** Returns the path of a string or URL; undefined for any other value. */
function path(value, name) {
  const given = typeof value === 'string' ? value : urlPath(value, name)
  return given === undefined ? undefined : text(given, name)
}

/** Returns the path of the directory below an overlay. */
function lower(value) {
  const given = path(value, 'lower')
  if (given !== undefined) return given
  throw invalidType(subject('lower'), 'of type string, an instance of URL, or an instance of Directory', value)
}

/** Returns the path or the descriptor of a directory of the host. */
function source(value) {
  const given = path(value, 'path')
  if (given !== undefined) return given
  if (typeof value === 'object' && value !== null && 'fd' in value) return integer(value.fd, 'path.fd', 0, 2 ** 31 - 1)
  throw invalidType(subject('path'), 'of type string, an instance of URL, or an object with an fd', value)
}

module.exports = {
  abortSignal,
  boolean,
  bytes,
  flag,
  integer,
  invalidValue,
  limits,
  lower,
  object,
  onlyKnown,
  options,
  seconds,
  source,
  subject,
  text,
  withEncoding,
  writeFlag,
}
