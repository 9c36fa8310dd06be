// Times calls on directories in memory and on overlays beside the same calls on a directory of the host, in turns, and
// measures the memory of 100,000 files. `npm run bench` prints the tables, and so does this file alone:
//
//   node --expose-gc bench/directories.mjs
//
// Times are nanoseconds: the best of several rounds.

import { openSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Directory, WASI } from '../index.mjs'
import { directoryRows, guest } from './rows.mjs'
import { makeTree } from './tree.mjs'

const ROUNDS = 9
/** Milliseconds after which no further round of a row starts. */
const BUDGET_MS = 2_000
const MANY = 100_000
const OPTIONS = { version: 'preview1', stdin: openSync('/dev/zero', 'r'), stderr: openSync('/dev/null', 'w') }

/** Returns the resident memory in bytes. */
function resident() {
  globalThis.gc?.()
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024
}

/** Returns the memory that each of many files takes, beside its name. */
function memoryPerFile() {
  const files = Directory.memory()
  const names = Array.from({ length: MANY }, (_, index) => `entry-${index}`)
  // Memory of JavaScript that the calls need does not count.
  for (const _ of names) files.writeFileSync('one', '')
  const before = resident()
  for (const name of names) files.writeFileSync(name, '')
  const bytes = resident() - before
  files.close()
  return (bytes - names.join('').length) / MANY
}

// Memory that the other measurements have freed would serve the files.
const perFile = process.platform === 'linux' ? memoryPerFile() : undefined

const folder = makeTree([100, 1_000, 30_000, MANY])

/** Returns a copy of the folder in memory. */
function inMemory() {
  const directory = Directory.memory()
  const copy = (path) => {
    for (const entry of readdirSync(join(folder, path), { withFileTypes: true })) {
      const name = join(path, entry.name)
      if (entry.isDirectory()) {
        directory.mkdirSync(name)
        copy(name)
      } else if (entry.isFile()) directory.writeFileSync(name, readFileSync(join(folder, name)))
    }
  }
  copy('')
  return directory
}

const module = new WebAssembly.Module(guest)
const backends = Object.entries({
  memory: inMemory(),
  overlay: Directory.overlay(folder),
  host: folder,
}).map(([name, directory]) => {
  const wasi = new WASI({ ...OPTIONS, preopens: { '/': directory } })
  const instance = new WebAssembly.Instance(module, wasi.getImportObject())
  wasi.start(instance)
  return { name, functions: instance.exports }
})

/** Returns nanoseconds per unit by backend. The backends take turns in running first. */
function measure({ name, times, units }) {
  const best = Object.fromEntries(backends.map((backend) => [backend.name, Infinity]))
  const end = performance.now() + BUDGET_MS
  for (let round = 0; round === 0 || (round < ROUNDS && performance.now() < end); round++) {
    for (const backend of round % 2 ? [...backends].reverse() : backends)
      best[backend.name] = Math.min(best[backend.name], Number(backend.functions[name](times)) / (times * units))
  }
  return { name, ...best }
}

const figure = (number) => number.toLocaleString('en', { maximumFractionDigits: number < 10 ? 1 : 0 }).padStart(10)
const ratio = (one, other) => (one / other).toFixed(2).padStart(6)

console.log(`${'call (ns)'.padEnd(44)}       host     memory  ratio    overlay  ratio`)
for (const { name, host, memory, overlay } of directoryRows.map(measure)) {
  const cells = [figure(host), figure(memory), ratio(memory, host), figure(overlay), ratio(overlay, host)]
  console.log([name.padEnd(44), ...cells].join(' '))
}

if (perFile !== undefined)
  console.log(
    `\nMemory of a directory with ${MANY} empty files: ${perFile.toFixed(0)} bytes for each file beside its name`,
  )
