'use strict'

// Converts the options stdin, input, stdout and stderr for src/node/options/stdio.rs: to bytes, or to functions that
// return or receive bytes. Loaded when an option needs it.

const encoder = new TextEncoder()
const { apply } = Reflect
const byteLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength').get

/** Returns whether a value is an ArrayBuffer, of this realm or another. */
const isBuffer = (value) => {
  try {
    return apply(byteLength, value, []) >= 0
  } catch {
    return false
  }
}
const isData = (value) => typeof value === 'string' || ArrayBuffer.isView(value) || isBuffer(value)

/** Returns the bytes of data; null for undefined; any other value unchanged. */
const bytes = (value) => {
  if (typeof value === 'string') return encoder.encode(value)
  if (isBuffer(value)) return new Uint8Array(value)
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  return value ?? null
}

/** Returns the bytes of an item of an iterable. Only `done` ends the data: a hole in an array is an error. */
const itemBytes = (value, option) => {
  if (isData(value)) return bytes(value)
  const { describe, nodeError } = require('./values.js')
  const message = `Each item of "options.${option}" must be a string, an ArrayBuffer, or a view of one.`
  throw nodeError('TypeError', 'ERR_INVALID_RETURN_VALUE', `${message} Received ${describe(value)}`)
}

/**
 * Returns a function that returns the bytes of an iterable, one item per call. For the size 0 it returns true: a read
 * does not wait. Its `end` stops the iteration early.
 */
const reader = (iterable, option) => {
  let iterator
  let open = false // Whether the iterator is suspended between two items.
  let ended = false
  const end = () => {
    ended = true
    if (!open) return
    open = false
    iterator.return?.()
  }
  const read = (size) => {
    if (size === 0) return true
    iterator ??= iterable[Symbol.iterator]()
    open = false
    const { done, value } = iterator.next()
    open = !done
    if (ended) end() // `end` was called by the iterator itself.
    return done ? null : itemBytes(value, option)
  }
  return Object.assign(read, { end })
}

/** Maximum number of chunks in a stream. Even a short chunk takes half a kilobyte of memory. */
const MAX_CHUNKS = 1 << 20

/** Tracks which of the chunks written here a stream still buffers. */
const backlogOf = (stream) => {
  const sizes = []
  let first = 0
  let bytes = 0
  return {
    /**
     * Returns how many bytes the stream accepts until it buffers `limit` bytes. Infinity if the stream does not report
     * how many bytes it buffers.
     */
    room(limit) {
      const { writableLength: held, writableObjectMode: countsObjects } = stream
      if (typeof held !== 'number') return Infinity
      const isDone = countsObjects ? () => sizes.length - first > held : () => bytes - sizes[first] >= held
      while (first < sizes.length && isDone()) bytes -= sizes[first++]
      if (first * 2 > sizes.length) {
        sizes.splice(0, first)
        first = 0
      }
      return sizes.length - first < MAX_CHUNKS ? Math.max(limit - (countsObjects ? bytes : held), 0) : 0
    },
    add(size) {
      sizes.push(size)
      bytes += size
    },
  }
}

/** Returns the function of the embedder that receives output. The guest waits for a promise if it can. */
const functionSink = (value) => (chunk, _, canWait) => {
  const returned = value(chunk)
  return canWait && typeof returned?.then === 'function' ? Promise.resolve(returned).then(() => undefined) : undefined
}

const asynchronous = () => require('./async-stdio.js')

const MODES = { in: ['inherit', 'ignore'], out: ['inherit', 'ignore', 'pipe'] }

/** Returns bytes, or a function that returns bytes, or null for the end; undefined for any other value. */
const data = (value, option = 'input') => {
  if (isData(value)) return bytes(value)
  if (typeof value !== 'object' || typeof value?.[Symbol.iterator] !== 'function') return undefined
  return reader(value, option)
}

/**
 * Converts the option stdin: a mode, or what `data` returns. Also accepts a function of the embedder, and asynchronous
 * sources. The function gets a size, and whether it may return a promise. For the size 0 of a poll it returns whether
 * it has bytes.
 */
const input = (value) => {
  if (MODES.in.includes(value)) return value
  if (typeof value === 'function') return asynchronous().functionSource(value, bytes)
  return data(value, 'stdin') ?? asynchronous().source(value, (item) => itemBytes(item, 'stdin'))
}

/**
 * Converts the options stdout and stderr: a mode, or a function; undefined for any other value. The function gets a
 * Buffer, `limits.output`, and whether it may return a promise. It returns how many bytes it accepted, or undefined for
 * all.
 */
const output = (value) => {
  if (MODES.out.includes(value)) return value
  if (typeof value === 'function') return functionSink(value)
  if (typeof value?.getWriter === 'function') return asynchronous().webSink(value)
  // A Buffer also has a method `write`.
  if (isData(value) || typeof value !== 'object' || typeof value?.write !== 'function') return undefined
  const backlog = backlogOf(value)
  let isHandled = false
  const failIfClosed = () => {
    if (value.errored) {
      // start() throws the error. Without a listener, the event `error` would also end the process.
      if (!isHandled) value.once?.('error', () => {})
      isHandled = true
      throw value.errored
    }
    if (value.destroyed) {
      throw Object.assign(new Error('Cannot call write after a stream was destroyed'), {
        code: 'ERR_STREAM_DESTROYED',
      })
    }
  }
  const write = (chunk, limit, canWait) => {
    if (canWait) return asynchronous().writeAndDrain(value, chunk, limit, failIfClosed)
    const room = backlog.room(limit)
    // A copy: a view would keep the memory of the whole chunk.
    const given = room < chunk.length ? Buffer.from(chunk.subarray(0, room)) : chunk
    if (given.length > 0) {
      if (room < Infinity) backlog.add(given.length)
      value.write(given)
    }
    failIfClosed()
    return given.length
  }
  return Object.assign(write, { attach: (fail) => asynchronous().watch(value, fail) })
}

exports.data = data
exports.input = input
exports.output = output
