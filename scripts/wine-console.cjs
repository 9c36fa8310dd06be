'use strict'

// Under wine a Node that is not on a console cannot write to its output: what the first of the processes writes goes to a
// file instead (test-platforms.mjs). Those that it starts have pipes of wine's own.

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
