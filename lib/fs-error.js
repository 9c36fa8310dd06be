'use strict'

// Makes the errors of the class Directory: those of node:fs, and `ERR_WASI_ESCAPE`.

const { captureStackTrace } = Error
const { inspect, getSystemErrorMap } = require('node:util')
const { constants } = require('node:os')
const { nodeError } = require('./values.js')

/** Numbers and messages of the errors that libuv knows, by their codes. */
let known

/** Returns the number and the message of an error. libuv lacks some errors of file systems. */
function describeCode(code) {
  known ??= new Map([...getSystemErrorMap()].map(([errno, [name, message]]) => [name, { errno, message }]))
  return known.get(code) ?? { errno: -constants.errno[code], message: MESSAGES[code] ?? 'unknown error' }
}

const MESSAGES = { __proto__: null, EDQUOT: 'disk quota exceeded', ESTALE: 'stale file handle' }

/** Makes an error like those of node:fs: `ENOENT: no such file or directory, open 'x'`. */
function fsError(code, syscall, path, dest) {
  if (code === 'ENOTCAPABLE') {
    const message = `The path ${inspect(path)} leads out of the directory`
    return Object.assign(nodeError('Error', 'ERR_WASI_ESCAPE', message), { path })
  }
  const { errno, message } = describeCode(code)
  let text = `${code}: ${message}, ${syscall}`
  if (path !== undefined) text += ` '${path}'`
  if (dest !== undefined) text += ` -> '${dest}'`
  const error = new Error(text)
  captureStackTrace(error, fsError)
  Object.assign(error, { errno, code, syscall })
  if (path !== undefined) error.path = path
  if (dest !== undefined) error.dest = dest
  return error
}

/** Makes a `SystemError` of node:fs: `Path is a directory: rm returned EISDIR (is a directory) x`. */
function systemError(errorCode, prefix, syscall, code, message, path) {
  const error = nodeError('Error', errorCode, `${prefix}: ${syscall} returned ${code} (${message}) ${path}`)
  const errno = constants.errno[code] // Node shows a positive number here.
  const info = { code, message, path, syscall, errno }
  return Object.assign(error, { name: 'SystemError', info, errno, syscall, path })
}

exports.fsError = fsError
exports.systemError = systemError
