'use strict'

// Connects stdin, stdout and stderr of a guest in another thread. A connection has these methods: `open` returns the
// value for `new WASI`, `start` is called when the guest starts, and `close` releases the guest's end. The optional
// `drain` ends a wait of the guest for room. `stream` is the stream of this thread, and `done` a promise for the end of
// the output.

const { Readable, finished } = require('node:stream')
const { PipeReader, PipeWriter } = require('./pipes.js')

const nothing = () => {}

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
  // The guest has ended, so a failure of the iterator does not matter.
  closed.then(() => (isDone ? undefined : iterator.return?.())).catch(nothing)
  for (;;) {
    const { done, value } = await iterator.next()
    isDone = done
    if (done || writer.destroyed) break
    // A source may fail its item, so this throws here.
    if (!writer.write(bytesOf(value)))
      await Promise.race([closed, new Promise((resolve) => writer.once('drain', resolve))])
  }
  writer.end()
}

/** Returns functions that pass a chunk on and wait for it, and that release the target. */
function sinkOf(target) {
  if (typeof target === 'function') return { write: target, end: nothing }
  if (typeof target.getWriter === 'function') {
    const writer = target.getWriter()
    return { write: (chunk) => writer.write(chunk), end: () => writer.releaseLock() }
  }
  // A write that is pending when the stream is destroyed has no callback. An error without a listener would end the
  // process.
  const pending = new Set()
  const removeListeners = finished(target, { readable: false }, (error) => {
    for (const fail of pending) fail(error)
  })
  const write = (chunk) =>
    new Promise((resolve, reject) => {
      pending.add(reject)
      target.write(chunk, (error) => {
        pending.delete(reject)
        if (error) reject(error)
        else resolve()
      })
    })
  return { write, end: removeListeners }
}

/** Sinks in use, by target. Guests that write to the same target share one, with one lock and few listeners. */
const sinks = new WeakMap()

/** Passes the output of a guest to a target. Throws the error of the target. */
async function pass(reader, target) {
  if (!sinks.has(target)) sinks.set(target, { ...sinkOf(target), users: 0 })
  const sink = sinks.get(target)
  sink.users++
  try {
    for await (const chunk of reader) await sink.write(chunk)
  } finally {
    sink.users--
    if (sink.users === 0) {
      sinks.delete(target)
      sink.end()
    }
  }
}

/** Connects a stream of the guest to a mode, a descriptor, or data. */
const plain = (value) => ({ open: () => value, start: nothing, close: nothing, done: undefined })

/** Connects a stream of the guest to a stream of this thread. `done` is undefined or a promise. */
function piped(stream, done) {
  let descriptor
  return {
    stream,
    get descriptor() {
      return descriptor
    },
    open() {
      descriptor = stream.open()
      return descriptor
    },
    start: () => stream.start?.(),
    drain: () => stream.drain?.(),
    close: () => stream.closeGuestEnd(),
    done,
  }
}

const isData = (value) => typeof value === 'string' || value instanceof Uint8Array

/** Connects stdin to data, or to a source. Undefined is no data. `fail` receives the error of the source. */
function connectInput(source, fail) {
  if (source === undefined) return plain('ignore')
  if (isData(source)) return plain({ input: source })
  const writer = new PipeWriter()
  writer.on('error', fail)
  feed(source, writer).catch(fail)
  return piped(writer)
}

/** Connects stdin to a mode or a descriptor, to a stream, or to a PipeWriter. */
function connectStdin(value, fail) {
  if (value instanceof PipeWriter) return piped(value)
  return typeof value === 'object' ? connectInput(value, fail) : plain(value)
}

/** Connects stdout or stderr to a mode, a descriptor, a stream or a function, or to a PipeReader. */
function connectOutput(target, fail) {
  if (target instanceof PipeReader) return piped(target)
  if (typeof target === 'string' || typeof target === 'number') return plain(target)
  const reader = new PipeReader()
  return piped(reader, pass(reader, target).catch(fail))
}

/** Connects stdout and stderr. One target for both gets one pipe, in which the order of the output is kept. */
function connectOutputs([stdout, stderr], fail) {
  const output = connectOutput(stdout, fail)
  const isShared = stdout === stderr && output.stream !== undefined
  return [output, isShared ? { ...plain(), open: () => output.descriptor } : connectOutput(stderr, fail)]
}

exports.connectInput = connectInput
exports.connectOutputs = connectOutputs
exports.connectStdin = connectStdin
