'use strict'

// Runs in a thread of a pool: runs guests, one after another.

const { parentPort } = require('node:worker_threads')
const { runGuest } = require('./guest.js')

parentPort.on('message', (job) => {
  parentPort.postMessage(runGuest(job, () => parentPort.postMessage('start')))
})
