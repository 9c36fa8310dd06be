'use strict'

// What stdin, stdout and stderr of a guest are connected to: `open` returns a value for `new WASI`, `close` is called
// when the guest has ended, and `done` is a promise of the end of the output.

const { PipeReader, PipeWriter, drain, feed, sinkOf } = require('./pipes.js')

const nothing = () => {}

/** Connects a stream of the guest to a mode or a descriptor. */
const plain = (value) => ({ open: () => value, close: nothing, done: undefined })

/** Connects stdin to data. */
const data = (value) => ({ open: () => (value === undefined ? 'ignore' : { input: value }), close: nothing })

/** Connects a stream of the guest to a stream of this thread. `done` is undefined or a promise. */
const piped = (stream, done) => ({ stream, open: () => stream.open(), close: () => stream.closeGuestEnd(), done })

/** Connects stdin to a source. `fail` receives the error of the source. */
function fed(source, fail) {
  const writer = new PipeWriter()
  feed(source, writer).catch(fail)
  return piped(writer)
}

/** Connects the output of the guest to targets, equal ones to the same. `fail` receives the error of a target. */
function drained(targets, fail) {
  const sinks = new Map()
  const connections = targets.map((target) => {
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

exports.data = data
exports.drained = drained
exports.fed = fed
exports.piped = piped
exports.plain = plain
