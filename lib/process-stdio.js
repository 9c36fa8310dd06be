'use strict'

// Connects stdin, stdout and stderr of a guest in another thread. A connection has these methods: `open` returns the
// value for `new WASI`, `start` is called when the guest starts, and `close` releases the guest's end. `stream` is the
// stream of this thread, and `done` a promise for the end of the output.

const { Readable } = require('node:stream')
const { PipeReader, PipeWriter } = require('./pipes.js')

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

const ignore = () => {}

/** Writes a source to the input of a guest. Throws the error of the source. */
async function feed(source, writer) {
  const iterator = iteratorOf(source)
  let isDone = false
  const closed = new Promise((resolve) => writer.once('close', resolve))
  // The guest has ended without this input, so errors of `return` change nothing.
  closed.then(() => (isDone ? undefined : iterator.return?.())).catch(ignore)
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

const nothing = () => {}

/** Connects a stream of the guest to a mode, a descriptor, or data. */
const plain = (value) => ({ open: () => value, start: nothing, close: nothing, done: undefined })

/** Connects a stream of the guest to a stream of this thread. `done` is undefined or a promise. */
const piped = (stream, done) => ({
  stream,
  open: () => stream.open(),
  start: () => stream.start?.(),
  close: () => stream.closeGuestEnd(),
  done,
})

const isData = (value) => typeof value === 'string' || value instanceof Uint8Array

/** Connects stdin to data, or to a source. Undefined is no data. `fail` receives the error of the source. */
function connectInput(source, fail) {
  if (source === undefined) return plain('ignore')
  if (isData(source)) return plain({ input: source })
  const writer = new PipeWriter()
  feed(source, writer).catch(fail)
  return piped(writer)
}

/** Connects stdin to a mode or a descriptor, to a stream, or to a PipeWriter. */
function connectStdin(value, fail) {
  if (value instanceof PipeWriter) return piped(value)
  return typeof value === 'object' ? connectInput(value, fail) : plain(value)
}

/**
 * Connects stdout and stderr to modes, descriptors, streams or functions, or to a PipeReader. Equal targets share one
 * writer. `fail` receives the error of a target.
 */
function connectOutputs(targets, fail) {
  const sinks = new Map()
  const connections = targets.map((target) => {
    if (target instanceof PipeReader) return piped(target)
    if (typeof target === 'string' || typeof target === 'number') return plain(target)
    if (!sinks.has(target)) sinks.set(target, sinkOf(target))
    const reader = new PipeReader()
    return piped(reader, drain(reader, sinks.get(target)).catch(fail))
  })
  Promise.all(connections.map(({ done }) => done)).then(() => {
    for (const sink of sinks.values()) sink.end()
  })
  return connections
}

exports.connectInput = connectInput
exports.connectOutputs = connectOutputs
exports.connectStdin = connectStdin
