'use strict'

// Under wine a Node that is not on a console cannot write to its output: what the first of the processes writes goes to a
// file instead (test-platforms.mjs).

const { openSync, writeSync } = require('node:fs')

if (!process.send) {
  const fd = openSync(process.env.CAPWASI_CONSOLE, 'w')
  for (const stream of [process.stdout, process.stderr]) {
    stream.write = (chunk, ...rest) => {
      writeSync(fd, chunk)
      process.nextTick(rest.find((each) => typeof each === 'function') ?? (() => {}))
      return true
    }
  }
}
