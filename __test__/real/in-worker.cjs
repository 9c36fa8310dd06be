'use strict'

// Runs a program, the first argument, in a worker thread.

const { Worker } = require('node:worker_threads')

const [program, ...argv] = process.argv.slice(2)
const worker = new Worker(program, { argv })
worker.on('exit', (code) => (process.exitCode = code))
