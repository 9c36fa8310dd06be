'use strict'

// Streams over pipes of the system, one end of which is a descriptor of a guest in another thread. A guest that reads
// or writes then blocks only its own thread.

const { Socket } = require('node:net')
const { Readable, Writable } = require('node:stream')
const { addon } = require('./wasi.js')

const { pipe, closePipe } = addon.processes()

/** Bytes that a stream buffers. */
const HIGH_WATER_MARK = 64 << 10

const forNode = {
  readerOf: (fd) => new Socket({ fd, readable: true, writable: false }),
  writerOf: (fd) => new Socket({ fd, readable: false, writable: true }),
}
/** Functions that return a stream over an end of a pipe. */
const { readerOf, writerOf } = process.versions.bun === undefined ? forNode : require('./bun-pipes.js')

/** Output of a guest. */
class PipeReader extends Readable {
  #source
  #guestEnd
  #isWanted = false
  #hasStarted = false
  #isDraining = false
  #isReferenced = true

  constructor() {
    super({ highWaterMark: HIGH_WATER_MARK })
  }

  /** Creates the pipe, and returns the descriptor for the guest. */
  open() {
    const [reader, writer] = pipe()
    this.#guestEnd = writer
    if (this.destroyed) {
      closePipe(reader)
      return writer
    }
    const source = readerOf(reader)
    this.#source = source
    source.on('data', (chunk) => {
      if (!this.push(chunk) && !this.#isDraining) source.pause()
    })
    source.on('end', () => this.push(null))
    source.on('error', (error) => this.destroy(error))
    source.pause()
    if (!this.#isReferenced) this.unref()
    return writer
  }

  /** Starts to read. */
  start() {
    this.#hasStarted = true
    if (this.#isWanted) this.#source?.resume()
  }

  /** Buffers the rest of the output of a guest that ends, even if the stream is full. */
  drain() {
    this.#isDraining = true
    this.#source?.resume()
  }

  /**
   * Closes the descriptor of a guest that has ended. Buffers the rest of the output, at most the capacity of the pipe,
   * so that an unread stream leaves no descriptor open.
   */
  closeGuestEnd() {
    if (this.#guestEnd === undefined) this.push(null)
    else closePipe(this.#guestEnd)
    this.#guestEnd = undefined
    this.drain()
  }

  /** Whether nothing reads the stream. */
  get isUnread() {
    return this.readableFlowing === null && this.listenerCount('readable') === 0
  }

  _read() {
    this.#isWanted = true
    if (this.#hasStarted) this.#source?.resume()
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
    const [reader, writer] = pipe()
    this.#guestEnd = reader
    if (this.destroyed) {
      closePipe(writer)
      return reader
    }
    this.#sink = writerOf(writer)
    // The guest has ended.
    this.#sink.on('error', (error) => this.destroy(error.code === 'EPIPE' ? null : error))
    if (!this.#isReferenced) this.unref()
    this.#waiting?.()
    this.#waiting = undefined
    return reader
  }

  /** Closes the descriptor of a guest that has ended, and discards input that it has not read. */
  closeGuestEnd() {
    if (this.#guestEnd !== undefined) closePipe(this.#guestEnd)
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
    this.#sink?.ref?.()
    return this
  }

  unref() {
    this.#isReferenced = false
    this.#sink?.unref?.()
    return this
  }
}

exports.PipeReader = PipeReader
exports.PipeWriter = PipeWriter
