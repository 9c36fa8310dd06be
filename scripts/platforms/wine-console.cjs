'use strict'

// Preloaded by test-platforms.mjs under wine. Under wine, Node cannot write to its output without a console. This file
// redirects the output of the first process to a file. Child processes use wine's own pipes.

const { openSync, writeSync } = require('node:fs')

const { CAPWASI_CONSOLE: path } = process.env
if (path) {
  delete process.env.CAPWASI_CONSOLE
  const fd = openSync(path, 'w')
  for (const stream of [process.stdout, process.stderr]) {
    stream.write = (chunk, ...rest) => {
      writeSync(fd, chunk)
      process.nextTick(rest.find((each) => typeof each === 'function') ?? (() => {}))
      return true
    }
  }
}
