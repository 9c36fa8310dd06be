// Measures loading: `require` and the first `new WASI`, in a new process and in a new worker, compared with node:wasi.
// capwasi is required as an installed package: by its folder, and by its name. The name takes longer because Node then
// loads its resolver of `exports`, unless another package or an ES module has loaded the resolver before. Times are the
// best of several rounds.

import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const ROUNDS = 41
const REQUESTS = { 'the folder': './node_modules/capwasi', 'the name': 'capwasi' }

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

/** Returns the rows: the best time of each module in milliseconds. Alternates between the modules. */
export function load(node = process.execPath) {
  const folder = mkdtempSync(join(tmpdir(), 'capwasi-load-'))
  try {
    for (const file of ['package.json', 'lib', ...readdirSync(root).filter((name) => name.endsWith('.node'))])
      cpSync(join(root, file), join(folder, 'node_modules/capwasi', file), { recursive: true })
    const scripts = { 'a process': join(folder, 'main.cjs'), 'a worker': join(folder, 'worker.cjs') }
    writeFileSync(scripts['a process'], MEASURE)
    writeFileSync(scripts['a worker'], IN_WORKER)
    const time = (script, module) => Number(execFileSync(node, ['--no-warnings', script, module], { encoding: 'utf8' }))
    return Object.entries(scripts).flatMap(([where, script]) =>
      Object.entries(REQUESTS).map(([what, request]) => {
        const best = { capwasi: Infinity, node: Infinity }
        for (let round = 0; round < ROUNDS; round++) {
          best.capwasi = Math.min(best.capwasi, time(script, request))
          best.node = Math.min(best.node, time(script, 'node:wasi'))
        }
        return { name: `require by ${what} and new WASI in ${where}`, ...best }
      }),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.table(load(process.argv[2]))
