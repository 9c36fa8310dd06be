'use strict'

// Runs in a thread of a pool: runs guests, one after another. In a bundle this file is beside the program, so its name
// differs from names of the program.

const { parentPort } = require('node:worker_threads')
const { runGuest } = require('./guest.js')

parentPort.on('message', (job) => {
  parentPort.postMessage(runGuest(job, () => parentPort.postMessage('start')))
})
