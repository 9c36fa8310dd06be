// Measures loading: `require` and the first `new WASI`, in a new process and in a new worker, beside node:wasi.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROUNDS = 41
const MODULES = { capwasi: fileURLToPath(new URL('../index.js', import.meta.url)), node: 'node:wasi' }

/** Prints how many milliseconds it takes to load the module that the second argument names, and to use it. */
const MEASURE = `
const { isMainThread, parentPort, workerData } = require('node:worker_threads')
const { performance } = require('node:perf_hooks')
const name = isMainThread ? process.argv[2] : workerData
performance.now()
const start = performance.now()
const { WASI } = require(name)
new WASI({ version: 'preview1' })
const time = performance.now() - start
if (isMainThread) console.log(time)
else parentPort.postMessage(time)`

const IN_WORKER = `
const { Worker } = require('node:worker_threads')
const worker = new Worker(require('node:path').join(__dirname, 'main.cjs'), { workerData: process.argv[2] })
worker.on('message', (time) => console.log(time))`

const median = (times) => times.sort((one, other) => one - other)[times.length >> 1]

/** Returns the rows: the median time in milliseconds of each module, the modules taking turns. */
export function load(node = process.execPath) {
  const folder = mkdtempSync(join(tmpdir(), 'capwasi-load-'))
  try {
    const scripts = { 'a process': join(folder, 'main.cjs'), 'a worker': join(folder, 'worker.cjs') }
    writeFileSync(scripts['a process'], MEASURE)
    writeFileSync(scripts['a worker'], IN_WORKER)
    const time = (script, module) => Number(execFileSync(node, ['--no-warnings', script, module], { encoding: 'utf8' }))
    return Object.entries(scripts).map(([where, script]) => {
      const times = { capwasi: [], node: [] }
      for (let round = 0; round < ROUNDS; round++) {
        for (const [name, module] of Object.entries(MODULES)) times[name].push(time(script, module))
      }
      return { name: `require and new WASI in ${where}`, capwasi: median(times.capwasi), node: median(times.node) }
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.table(load(process.argv[2]))
