'use strict'

// Streams over the ends of pipes in Bun, whose sockets cannot read pipes, and block the thread when they write.

const { Readable, Writable } = require('node:stream')
const { addon } = require('./wasi.js')

/** Calls back when a promise settles. */
const complete = (promise, callback) => promise.then(() => callback(), callback)

/** Returns a stream that reads a pipe. */
function readerOf(fd) {
  const reader = Readable.fromWeb(globalThis.Bun.file(fd).stream())
  return reader.once('close', () => addon.processes().closePipe(fd))
}

/** Returns a stream that writes to a pipe. The sink has a duplicate of the descriptor, which `end` closes. */
function writerOf(fd) {
  const sink = globalThis.Bun.file(fd).writer()
  const write = async (chunk) => {
    await sink.write(chunk)
    await sink.flush()
  }
  const writer = new Writable({
    write: (chunk, _, callback) => complete(write(chunk), callback),
    destroy: (error, callback) => complete(Promise.resolve(sink.end()), () => callback(error)),
  })
  return writer.once('close', () => addon.processes().closePipe(fd))
}

exports.readerOf = readerOf
exports.writerOf = writerOf
