'use strict'

// Output with a limit, for --max-output, and writes to descriptors of the process.

const { write } = require('node:fs')
const { promisify } = require('node:util')
const { PipeReader } = require('../pipes.js')

const writeSome = promisify(write)
/** Milliseconds until the next write to a descriptor that has no room and does not wait by itself. */
const RETRY_INTERVAL = 10
const later = () => new Promise((resolve) => setTimeout(resolve, RETRY_INTERVAL))

/** Writes bytes to a descriptor. */
async function writeAll(fd, bytes) {
  for (let rest = bytes; rest.length > 0; ) {
    try {
      const { bytesWritten } = await writeSome(fd, rest)
      rest = rest.subarray(bytesWritten)
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
      await later()
    }
  }
}

/** Connects output of the guest to a descriptor, and passes on a number of bytes. Calls `onExceed` for the next one. */
class LimitedOutput {
  #reader = new PipeReader()
  isExceeded = false

  constructor(fd, limit, onExceed) {
    this.done = this.#pass(fd, limit, onExceed)
  }

  open() {
    return this.#reader.open()
  }

  start() {
    this.#reader.start()
  }

  drain() {
    this.#reader.drain()
  }

  close() {
    this.#reader.closeGuestEnd()
  }

  async #pass(fd, limit, onExceed) {
    let left = limit
    for await (const chunk of this.#reader) {
      try {
        await writeAll(fd, chunk.subarray(0, left))
      } catch {
        // The guest gets EPIPE too, because the end of this loop destroys the stream.
        return
      }
      left -= chunk.length
      if (left < 0) {
        this.isExceeded = true
        onExceed()
        return
      }
    }
  }
}

exports.LimitedOutput = LimitedOutput
exports.writeAll = writeAll
