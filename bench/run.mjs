// `npm run bench`: times each call on capwasi, on node:wasi and as bare system calls, then whole programs on the first
// two, then calls on each kind of directory.
//
//   npm run bench -- [--node PATH] [--wasmtime PATH] [--svg]
//
//   --node PATH       the Node to measure, with its node:wasi (default: the Node that runs this script)
//   --wasmtime PATH   also run the guest with wasmtime's command
//   --svg             also draw the times of the calls: docs/speed.svg
//
// Prints tables and writes all figures to bench/results.json. Unless stated otherwise, times are nanoseconds: the best
// of several rounds. capwasi and node:wasi alternate. The raw system calls run before capwasi, and wasmtime runs at the
// end, three times for each row.

import { execFileSync } from 'node:child_process'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, release } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ready } from '../scripts/ready.mjs'
import { load } from './load.mjs'
import { programs } from './programs.mjs'
import { guest, rows } from './rows.mjs'
import { chart } from './svg.mjs'
import { makeTree } from './tree.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const {
  node = process.execPath,
  wasmtime,
  svg,
} = parseArgs({
  options: { node: { type: 'string' }, wasmtime: { type: 'string' }, svg: { type: 'boolean' } },
}).values

// Otherwise a wrong path would only cause an empty column.
if (wasmtime) execFileSync(wasmtime, ['--version'])
ready()
const folder = makeTree()
const wasm = join(folder, 'guest.wasm')
writeFileSync(wasm, guest)

const output = (command, args, { stdio = ['ignore', 'pipe', 'inherit'], timeout } = {}) =>
  execFileSync(command, args, { cwd: here('..'), encoding: 'utf8', stdio, timeout, maxBuffer: 1 << 24 })

/** Returns a row's nanoseconds in wasmtime by the guest's clock, the best of three runs. */
function inWasmtime({ name, times, units }) {
  const [zero, null_] = [openSync('/dev/zero', 'r'), openSync('/dev/null', 'w')]
  const run = () =>
    output(wasmtime, ['run', `--dir=${folder}::/`, '--invoke', name, wasm, String(times)], {
      stdio: [zero, 'pipe', null_],
      timeout: 60_000,
    })
  try {
    return Math.min(...[run(), run(), run()].map(Number)) / (times * units)
  } catch {
    return undefined // wasmtime fails in this row, or takes more than a minute.
  } finally {
    closeSync(zero)
    closeSync(null_)
  }
}

const limits = JSON.parse(
  output('cargo', ['bench', '--quiet', '--no-default-features', '--bench', 'limit', '--', folder]),
)
const list = rows.map(({ name, times, units }) => ({ name, times, units }))
const measured = JSON.parse(output(node, ['--no-warnings', here('rounds.mjs'), folder, wasm, JSON.stringify(list)]))
for (const row of measured) {
  row.limit = limits[row.name]
  const timed = wasmtime && list.find(({ name }) => name === row.name)
  if (timed) row.wasmtime = inWasmtime(timed)
}

const geometric = (numbers) => Math.exp(numbers.reduce((sum, number) => sum + Math.log(number), 0) / numbers.length)
const meanOf = (lines) => geometric(lines.map(({ capwasi, node }) => capwasi / node))
// node:wasi reads a directory in quadratic time, which dominates the rows of 30,000 and 200,000 entries.
const quadratic = rows.filter(({ units }) => units > 1_000).map(({ name }) => name)
const [mean, meanWithoutQuadratic] = [measured, measured.filter(({ name }) => !quadratic.includes(name))].map(meanOf)

const figure = (number) =>
  number === undefined ? '' : number.toLocaleString('en', { maximumFractionDigits: number < 10 ? 1 : 0 })
const ratio = (over, under) => (over === undefined || under === undefined ? '' : (over / under).toFixed(2))

/** Prints a table in Markdown. */
function print(headings, lines) {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...lines.map((line) => line[column].length)),
  )
  const padded = (cell, column) => (column ? cell.padStart(widths[column]) : cell.padEnd(widths[column]))
  const text = (line) => `| ${line.map(padded).join(' | ')} |`
  console.log(
    [
      text(headings),
      `|${widths.map((width, column) => '-'.repeat(width + 1) + (column ? ':' : '-')).join('|')}|`,
      ...lines.map(text),
    ].join('\n'),
  )
}

const version = output(node, ['--version']).trim()
const machine = `${cpus()[0].model.trim()}, ${availableParallelism()} cores, ${process.platform} ${release()}`
const date = new Date().toISOString().slice(0, 10)
console.log(`Node ${version} on ${machine}, ${date}\n`)
const headings = ['call (ns)', 'capwasi', 'node:wasi', 'ratio', 'raw syscall', 'ratio']
print(
  wasmtime ? [...headings, 'wasmtime'] : headings,
  measured.map((row) => {
    const cells = [
      row.name,
      figure(row.capwasi),
      figure(row.node),
      ratio(row.capwasi, row.node),
      figure(row.limit),
      ratio(row.capwasi, row.limit),
    ]
    return wasmtime ? [...cells, figure(row.wasmtime)] : cells
  }),
)
console.log(`
Geometric mean of the ratios to node:wasi: ${mean.toFixed(2)}
Without ${quadratic.join(' and ')}, where node:wasi is quadratic: ${meanWithoutQuadratic.toFixed(2)}
`)

const whole = [...load(node), ...programs(node)]
print(
  ['program (ms)', 'capwasi', 'node:wasi', 'ratio'],
  whole.map(({ name, capwasi, node }) => [
    name,
    figure(capwasi),
    node === undefined ? 'fails' : figure(node),
    ratio(capwasi, node),
  ]),
)
console.log(`\n${output(node, ['--no-warnings', '--expose-gc', here('directories.mjs')])}`)
const results = { date, machine, node: version, rows: measured, mean, meanWithoutQuadratic, programs: whole }
writeFileSync(here('results.json'), JSON.stringify(results, null, 2))
if (svg) writeFileSync(here('../docs/speed.svg'), chart(results))
