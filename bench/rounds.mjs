// Runs the rows on capwasi and on node:wasi alternately. Prints the nanoseconds of the best rounds as JSON. run.mjs
// starts this file as a process, because the Node to measure may be another one.
//
//   node rounds.mjs FOLDER GUEST ROWS
//
// GUEST is the guest's file. ROWS are the functions of the guest to call, as JSON.

import { openSync, readFileSync } from 'node:fs'
import { WASI as NodeWASI } from 'node:wasi'
import { WASI } from '../index.mjs'

const [folder, guest, rows] = process.argv.slice(2)
const module = new WebAssembly.Module(readFileSync(guest))
const stdio = { stdin: openSync('/dev/zero', 'r'), stderr: openSync('/dev/null', 'w') }

/** The maximum number of rounds of a row, and the milliseconds after which no further round starts. */
const ROUNDS = 15
const BUDGET_MS = 1_000

const implementations = [
  ['capwasi', WASI],
  ['node', NodeWASI],
]
const exports = implementations.map(([, Class]) => {
  const wasi = new Class({ version: 'preview1', preopens: { '/': folder }, ...stdio })
  const instance = new WebAssembly.Instance(module, wasi.getImportObject())
  wasi.start(instance)
  return instance.exports
})

/**
 * Returns nanoseconds per unit by implementation, the best of several rounds. Alternates which implementation runs
 * first.
 */
function measure(runs, perRound) {
  const best = runs.map(() => Infinity)
  const began = performance.now()
  for (let round = 0; round < ROUNDS && (round === 0 || performance.now() - began < BUDGET_MS * runs.length); round++) {
    const order = [...runs.keys()]
    for (const index of round % 2 ? order.reverse() : order)
      best[index] = Math.min(best[index], runs[index]() / perRound)
  }
  return Object.fromEntries(implementations.map(([name], index) => [name, best[index]]))
}

const timed = (times, body) => () => {
  const began = process.hrtime.bigint()
  for (let at = 0; at < times; at++) body()
  return Number(process.hrtime.bigint() - began)
}

const results = JSON.parse(rows).map(({ name, times, units }) => ({
  name,
  ...measure(
    exports.map((functions) => () => Number(functions[name](times))),
    times * units,
  ),
}))

const make = (Class) => new Class({ version: 'preview1' })
const live = (Class) => () => {
  const wasi = make(Class)
  return wasi.start(new WebAssembly.Instance(module, wasi.getImportObject()))
}
const classes = implementations.map(([, Class]) => Class)
results.push({
  name: 'new WASI',
  ...measure(
    classes.map((Class) => timed(2_000, () => make(Class))),
    2_000,
  ),
})
results.push({
  name: 'new WASI, instantiate, start',
  ...measure(
    classes.map((Class) => timed(200, live(Class))),
    200,
  ),
})
process.stdout.write(JSON.stringify(results))
