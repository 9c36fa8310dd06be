'use strict'

// Finds the bytes of a guest's memory, and the entry of a run.

const addon = require('./native.js').load()

const { apply } = Reflect
const { getOwnPropertyDescriptor, getPrototypeOf } = Object
const { isArray } = Array
const { toString: sourceOf } = Function.prototype
const Bytes = Uint8Array
const WrongType = TypeError

const bufferOfMemory = getOwnPropertyDescriptor(WebAssembly.Memory.prototype, 'buffer').get
const bufferOfBytes = getOwnPropertyDescriptor(getPrototypeOf(Bytes.prototype), 'buffer').get
const resizable = getOwnPropertyDescriptor(ArrayBuffer.prototype, 'resizable')?.get

const invalidType = (...args) => addon.modules.values().invalidType(...args)

/**
 * Returns the bytes of a memory; undefined if the value is not a WebAssembly.Memory. Throws other exceptions, such as a
 * stack overflow.
 */
const memoryBytes = (memory) => {
  try {
    return new Bytes(apply(bufferOfMemory, memory, []))
  } catch (error) {
    if (error instanceof WrongType) return undefined
    throw error
  }
}

/** Returns whether bytes can grow without a new buffer. False for shared buffers, which lack the property. */
const isResizable = (bytes) => {
  try {
    return apply(resizable, apply(bufferOfBytes, bytes, []), [])
  } catch {
    return false
  }
}

/** Returns whether a function is native, as those of `WebAssembly.promising` are. */
const isNative = (value) => apply(sourceOf, value, []).includes('[native code]')

const expectFunction = (value, name) => {
  if (typeof value !== 'function') throw invalidType(`The "${name}" property`, 'of type function', value)
}
const expectUndefined = (value, name) => {
  if (value !== undefined) throw invalidType(`The "${name}" property`, 'undefined', value)
}
const expectObject = (value, subject) => {
  if (typeof value !== 'object' || value === null || isArray(value)) throw invalidType(subject, 'of type object', value)
}

/** Returns the entry of a command. Without a version the entry is optional, and the entry of a reactor is accepted. */
const commandEntry = (exports, { startsReactors }) => {
  if (startsReactors) {
    for (const name of ['_start', '__wasi_unstable_reactor_start']) {
      const entry = exports[name]
      if (!entry) continue
      expectFunction(entry, `instance.exports.${name}`)
      return entry
    }
    return undefined
  }
  const { _start, _initialize } = exports
  expectFunction(_start, 'instance.exports._start')
  expectUndefined(_initialize, 'instance.exports._initialize')
  return _start
}

/** Returns the entry of a reactor, which is optional. */
const reactorEntry = ({ _start, _initialize }) => {
  expectUndefined(_start, 'instance.exports._start')
  if (_initialize !== undefined) expectFunction(_initialize, 'instance.exports._initialize')
  return _initialize
}

exports.commandEntry = commandEntry
exports.expectObject = expectObject
exports.isNative = isNative
exports.isResizable = isResizable
exports.memoryBytes = memoryBytes
exports.reactorEntry = reactorEntry
