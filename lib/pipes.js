'use strict'

// Streams over pipes of the system, one end of which is a descriptor of a guest in another thread. A guest that reads
// or writes then blocks only its own thread.

const { closeSync } = require('node:fs')
const { Socket } = require('node:net')
const { Readable, Writable } = require('node:stream')
const addon = require('./native.js').load()

/** Bytes that a stream buffers. */
const HIGH_WATER_MARK = 64 << 10

/** Returns a stream that reads a pipe. */
function readerOf(fd) {
  // Sockets of Bun cannot read pipes.
  if (process.versions.bun) return Readable.fromWeb(globalThis.Bun.file(fd).stream())
  return new Socket({ fd, readable: true, writable: false })
}

/** Output of a guest. */
class PipeReader extends Readable {
  #source
  #guestEnd
  #isWanted = false
  #hasEnded = false
  #isReferenced = true

  constructor() {
    super({ highWaterMark: HIGH_WATER_MARK })
  }

  /** Creates the pipe, and returns the descriptor for the guest. */
  open() {
    const [reader, writer] = addon.processes.pipe()
    this.#guestEnd = writer
    if (this.destroyed) {
      closeSync(reader)
      return writer
    }
    const source = readerOf(reader)
    this.#source = source
    source.on('data', (chunk) => {
      if (!this.push(chunk) && !this.#hasEnded) source.pause()
    })
    source.on('end', () => this.push(null))
    source.on('error', (error) => this.destroy(error))
    if (!this.#isWanted) source.pause()
    if (!this.#isReferenced) this.unref()
    return writer
  }

  /**
   * Closes the descriptor of a guest that has ended. Buffers the rest of the output, at most the capacity of the pipe,
   * so that an unread stream leaves no descriptor open.
   */
  closeGuestEnd() {
    this.#hasEnded = true
    if (this.#guestEnd === undefined) this.push(null)
    else closeSync(this.#guestEnd)
    this.#guestEnd = undefined
    this.#source?.resume()
  }

  /** Whether nothing reads the stream. */
  get isUnread() {
    return this.readableFlowing === null && this.listenerCount('readable') === 0
  }

  _read() {
    this.#isWanted = true
    this.#source?.resume()
  }

  _destroy(error, callback) {
    this.#source?.destroy()
    callback(error)
  }

  ref() {
    this.#isReferenced = true
    this.#source?.ref?.()
    return this
  }

  unref() {
    this.#isReferenced = false
    this.#source?.unref?.()
    return this
  }
}

/** Input of a guest. */
class PipeWriter extends Writable {
  #sink
  #guestEnd
  /** A write or an end that waits for the pipe. */
  #waiting
  #isReferenced = true

  constructor() {
    super({ highWaterMark: HIGH_WATER_MARK })
  }

  /** Creates the pipe, and returns the descriptor for the guest. */
  open() {
    const [reader, writer] = addon.processes.pipe()
    this.#guestEnd = reader
    if (this.destroyed) {
      closeSync(writer)
      return reader
    }
    this.#sink = new Socket({ fd: writer, readable: false, writable: true })
    // The guest has ended.
    this.#sink.on('error', (error) => this.destroy(error.code === 'EPIPE' ? null : error))
    if (!this.#isReferenced) this.unref()
    this.#waiting?.()
    this.#waiting = undefined
    return reader
  }

  /** Closes the descriptor of a guest that has ended, and discards input that it has not read. */
  closeGuestEnd() {
    if (this.#guestEnd !== undefined) closeSync(this.#guestEnd)
    this.#guestEnd = undefined
    this.destroy()
  }

  _write(chunk, _, callback) {
    this.#whenOpen(() => this.#sink.write(chunk, callback))
  }

  _final(callback) {
    this.#whenOpen(() => this.#sink.end(callback))
  }

  #whenOpen(action) {
    if (this.#sink === undefined) this.#waiting = action
    else action()
  }

  _destroy(error, callback) {
    this.#sink?.destroy()
    callback(error)
  }

  ref() {
    this.#isReferenced = true
    this.#sink?.ref()
    return this
  }

  unref() {
    this.#isReferenced = false
    this.#sink?.unref()
    return this
  }
}

/** Returns the bytes of an item of the input. */
function bytesOf(item) {
  if (typeof item === 'string') return Buffer.from(item)
  if (item instanceof Uint8Array) return item
  const { invalidType } = require('./values.js')
  throw invalidType('Each item of "options.input"', 'of type string or an instance of Uint8Array', item)
}

/** Returns an iterator over a source that is not destroyed at an early end. */
function iteratorOf(source) {
  if (typeof source.getReader === 'function') return source.values({ preventCancel: true })
  if (source instanceof Readable) return source.iterator({ destroyOnReturn: false })
  return (source[Symbol.asyncIterator] ?? source[Symbol.iterator]).call(source)
}

/** Writes a source to the input of a guest. Throws the error of the source. */
async function feed(source, writer) {
  const iterator = iteratorOf(source)
  let isDone = false
  const closed = new Promise((resolve) => writer.once('close', resolve))
  closed.then(() => {
    if (!isDone) iterator.return?.()
  })
  for (;;) {
    const { done, value } = await iterator.next()
    isDone = done
    if (done || writer.destroyed) break
    // A source may fail its item, so this throws here.
    if (!writer.write(bytesOf(value))) await Promise.race([closed, new Promise((resolve) => writer.once('drain', resolve))])
  }
  writer.end()
}

const ignore = () => {}

/** Returns a function that passes a chunk on, and waits for it. */
function sinkOf(target) {
  if (typeof target === 'function') return { write: target, end: ignore }
  if (typeof target.getWriter === 'function') {
    const writer = target.getWriter()
    return { write: (chunk) => writer.write(chunk), end: () => writer.releaseLock() }
  }
  // The callback of the write reports the error. Without a listener the event would end the process.
  target.on('error', ignore)
  const write = (chunk) =>
    new Promise((resolve, reject) => target.write(chunk, (error) => (error ? reject(error) : resolve())))
  return { write, end: () => target.off('error', ignore) }
}

/** Passes the output of a guest on. Throws the error of the target. */
async function drain(reader, { write }) {
  for await (const chunk of reader) await write(chunk)
}

exports.PipeReader = PipeReader
exports.PipeWriter = PipeWriter
exports.drain = drain
exports.feed = feed
exports.sinkOf = sinkOf
