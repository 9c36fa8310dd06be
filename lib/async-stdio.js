'use strict'

// Streams, async iterables and promises for the options stdin, stdout and stderr. Loaded when an option needs it.
//
// A function here returns a promise where the guest has to wait. `canWait` tells whether the guest can: whether it has
// suspending imports. A function may have these properties: `end` stops reading; `attach` is called when a guest
// starts, with a function for failures, and returns a function for the guest's end; `rejectBlocking` throws; `polled`
// has the item that a poll waits for. Streams stay the embedder's: capwasi neither ends nor destroys one.

const { invalidValue } = require('./validate.js')

const isFunction = (value) => typeof value === 'function'
const isObject = (value) => typeof value === 'object' && value !== null
const isReadable = (value) => isFunction(value.read) && isFunction(value.on)
const isPromise = (value) => isFunction(value?.then)

/** Creates the error for a source that a blocking call would have to wait for. */
const blockingError = () =>
  invalidValue(
    "The property 'options.stdin' is read asynchronously, for which start() cannot wait: use startAsync(), with the " +
      'imports of getImportObject({ suspending: true })',
  )

const rejectBlocking = () => {
  throw blockingError()
}

/** Creates the error of a stream that was closed early, as Node does. */
const prematureClose = () => Object.assign(new Error('Premature close'), { code: 'ERR_STREAM_PREMATURE_CLOSE' })

/**
 * Returns a promise that one of the listeners settles, and a function that removes them. They are also removed once the
 * promise is settled.
 */
function firstOf(stream, listenersOf) {
  let listeners
  const remove = () => {
    for (const [event, listener] of Object.entries(listeners)) stream.removeListener(event, listener)
  }
  const settled = new Promise((resolve, reject) => {
    const once = (settle) => (value) => {
      remove()
      settle(value)
    }
    listeners = listenersOf(once(resolve), once(reject))
    for (const [event, listener] of Object.entries(listeners)) stream.on(event, listener)
  })
  return { settled, remove }
}

/** The listener for failures of each stream, however many guests use it. */
const failureListeners = new WeakMap()

/** Calls `fail` if the stream fails, until the result is called. Without a listener a failure would end the process. */
function watch(stream, fail) {
  if (!isFunction(stream.on)) return undefined
  let listener = failureListeners.get(stream)
  if (listener === undefined) {
    const fails = new Set()
    const report = (error) => {
      for (const fail of [...fails]) fail(error)
    }
    listener = Object.assign(report, { fails })
    failureListeners.set(stream, listener)
    stream.on('error', listener)
  }
  const { fails } = listener
  fails.add(fail)
  return () => {
    fails.delete(fail)
    if (fails.size > 0) return
    stream.removeListener('error', listener)
    failureListeners.delete(stream)
  }
}

/** The end of a source. An item can be any value. */
const END = Symbol('end')

/** Reads a stream of Node. It flows only while the guest waits for it. */
function readableReader(stream) {
  let cancel
  const read = () => {
    const chunk = stream.read()
    if (chunk !== null) return chunk
    if (stream.errored) throw stream.errored
    if (stream.readableEnded) return END
    if (stream.destroyed) throw prematureClose()
    const { settled, remove } = firstOf(stream, (resolve, reject) => ({
      data(data) {
        stream.pause()
        resolve(data)
      },
      end: () => resolve(END),
      error: reject,
      close: () => reject(stream.errored ?? prematureClose()),
    }))
    cancel = () => {
      remove()
      stream.pause()
    }
    stream.resume()
    return settled
  }
  const giveBack = (polled) => {
    if (polled.pending !== undefined) cancel()
    const { item } = polled.result ?? {}
    if (item !== undefined && item !== END && !stream.readableEnded) stream.unshift(item)
    polled.pending = polled.result = undefined
  }
  // The next read reports a failure.
  return { read, giveBack, end: () => cancel?.(), attach: () => watch(stream, () => {}) }
}

/** Reads a web stream. It is locked while the guest runs. */
function webReader(stream) {
  let reader
  const read = async () => {
    reader ??= stream.getReader()
    const { done, value } = await reader.read()
    return done ? END : value
  }
  const end = () => {
    reader?.releaseLock()
    reader = undefined
  }
  return { read, end, attach: () => end }
}

/** Reads an async iterable. */
function iterableReader(iterable) {
  let iterator
  let isOpen = false
  const read = async () => {
    iterator ??= iterable[Symbol.asyncIterator]()
    isOpen = true
    const { done, value } = await iterator.next()
    if (done) isOpen = false
    return done ? END : value
  }
  const end = () => {
    if (!isOpen) return
    isOpen = false
    // The guest has ended, so that a failure of the iterator matters no more.
    Promise.resolve(iterator.return?.()).catch(() => {})
  }
  return { read, end, attach: () => undefined }
}

/** Returns the reader of an asynchronous source; undefined for any other value. */
function readerOf(value) {
  if (!isObject(value)) return undefined
  if (isReadable(value)) return readableReader(value)
  if (isFunction(value.getReader)) return webReader(value)
  return isFunction(value[Symbol.asyncIterator]) ? iterableReader(value) : undefined
}

/** The size for a function of the embedder that a poll calls. */
const POLL_SIZE = 1 << 16

const isEmpty = (item) => item === '' || item?.byteLength === 0

/** The item of a source that a poll has read, or reads. `read` is the function of a reader. */
class Polled {
  constructor(read) {
    this.read = read
    this.pending = undefined
    /** `{ item }` or `{ error }`. */
    this.result = undefined
  }

  /** Returns whether there is an item. Otherwise begins to read one. */
  poll() {
    if (this.pending !== undefined || this.result !== undefined) return this.pending === undefined
    const item = this.begin()
    if (!isPromise(item)) {
      this.result = { item }
      return true
    }
    const pending = item
      .then(
        (item) => ({ item }),
        (error) => ({ error }),
      )
      .then((result) => {
        // A guest that has ended waits no more.
        if (this.pending !== pending) return
        this.pending = undefined
        this.result = result
      })
    this.pending = pending
    return false
  }

  begin() {
    let item = this.read(POLL_SIZE)
    while (isEmpty(item)) item = this.read(POLL_SIZE)
    return isPromise(item) ? item.then((item) => (isEmpty(item) ? this.begin() : item)) : item
  }

  /** Returns the item, or a promise of it; undefined if no poll has read one. */
  take() {
    if (this.pending !== undefined) return this.pending.then(() => this.take())
    const { result } = this
    this.result = undefined
    if (result !== undefined && 'error' in result) throw result.error
    return result?.item
  }
}

/** Returns a function that reads an asynchronous source; undefined for any other value. `bytes` converts an item. */
function source(value, bytes) {
  const reader = readerOf(value)
  if (reader === undefined) return undefined
  const polled = new Polled(reader.read)
  const convert = (item) => (item === END ? null : bytes(item))
  const read = (size, canWait) => {
    if (size === 0) return polled.poll()
    if (!canWait) throw blockingError()
    const item = polled.take() ?? reader.read()
    return isPromise(item) ? item.then(convert) : convert(item)
  }
  const attach = (fail) => {
    const detach = reader.attach(fail)
    return () => {
      detach?.()
      reader.giveBack?.(polled)
    }
  }
  const end = () => {
    reader.giveBack?.(polled)
    reader.end()
  }
  return Object.assign(read, { end, attach, polled, rejectBlocking })
}

/** Returns the function of the embedder that reads stdin. It may return a promise. `bytes` converts the data. */
function functionSource(value, bytes) {
  const call = (size) => {
    const data = value(size)
    return isPromise(data) ? Promise.resolve(data).then((data) => data ?? END) : (data ?? END)
  }
  const polled = new Polled(call)
  const convert = (item) => (item === END ? null : bytes(item))
  const read = (size, canWait) => {
    if (size === 0) return polled.poll()
    const item = polled.take() ?? call(size)
    if (!isPromise(item)) return convert(item)
    if (canWait) return item.then(convert)
    // The error below says everything.
    item.then(undefined, () => {})
    throw blockingError()
  }
  return Object.assign(read, { polled, rejectBlocking: isAsyncFunction(value) ? rejectBlocking : undefined })
}

const isAsyncFunction = (value) => require('node:util').types.isAsyncFunction(value)

/** The drains that guests wait for, by stream. */
const drains = new WeakMap()

/** Waits until a stream of Node has room. */
function drained(stream) {
  if (!isFunction(stream.on)) return undefined
  let drain = drains.get(stream)
  if (drain === undefined) {
    const { settled } = firstOf(stream, (resolve, reject) => ({
      drain: () => resolve(),
      error: reject,
      close: () => reject(stream.errored ?? prematureClose()),
    }))
    drain = settled.finally(() => drains.delete(stream))
    drains.set(stream, drain)
  }
  return drain
}

/**
 * Writes to a stream of Node. Returns a promise if the guest has to wait because the stream is full: it buffers as much
 * as its `highWaterMark`, or `limit` bytes. `failIfClosed` throws if the stream has failed.
 */
function writeAndDrain(stream, chunk, limit, failIfClosed) {
  if (limit === 0) return 0
  if (stream.writableNeedDrain || chunk.length > limit) return writeInParts(stream, chunk, limit, failIfClosed)
  failIfClosed()
  return writePart(stream, chunk, limit)
}

/** Writes bytes that fit. Returns a promise if the stream is full then. */
function writePart(stream, part, limit) {
  let isWritten = false
  let done
  const hasRoom = stream.write(part, () => {
    isWritten = true
    done?.()
  })
  if (hasRoom === false) return drained(stream)
  if (isWritten || !(stream.writableLength >= limit)) return undefined
  return new Promise((resolve) => {
    done = resolve
  })
}

async function writeInParts(stream, chunk, limit, failIfClosed) {
  for (let at = 0; at < chunk.length; at += limit) {
    while (stream.writableNeedDrain && !stream.destroyed) await drained(stream)
    failIfClosed()
    await writePart(stream, chunk.subarray(at, at + limit), limit)
  }
}

/** The last write to each web stream. */
const lastWrites = new WeakMap()

/** Writes to a web stream, after earlier writes of all guests. */
function writeToWebStream(stream, chunk) {
  const write = async () => {
    const writer = stream.getWriter()
    try {
      await writer.ready
      await writer.write(chunk)
    } finally {
      writer.releaseLock()
    }
  }
  const written = Promise.resolve(lastWrites.get(stream)).then(write, write)
  lastWrites.set(stream, written)
  return written
}

/**
 * Returns the function that writes to a web stream. A guest that cannot wait fills it up to `limits.output`. Its later
 * writes throw the error of a stream that fails, which is also an unhandled rejection: the guest may write no more.
 */
function webSink(stream) {
  let held = 0
  let failure
  return (chunk, limit, canWait) => {
    if (canWait) return writeToWebStream(stream, chunk).then(() => undefined)
    if (failure !== undefined) throw failure.error
    const accepted = Math.min(chunk.length, Math.max(limit - held, 0))
    if (accepted === 0) return 0
    held += accepted
    const written = () => {
      held -= accepted
    }
    const failed = (error) => {
      failure = { error }
      throw error
    }
    writeToWebStream(stream, Buffer.from(chunk.subarray(0, accepted))).then(written, failed)
    return accepted
  }
}

module.exports = { functionSource, source, watch, webSink, writeAndDrain }
