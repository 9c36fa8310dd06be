// The second part of the benchmark: whole programs on capwasi and on node:wasi. Each run has its own process, because
// some programs crash node:wasi. The process prints how long the guest ran, without its compilation.
//
//   node programs.mjs capwasi|node PROGRAM FOLDER

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeFiles } from './tree.mjs'

/** Runs of each program on each implementation. */
const RUNS = 5

const guests = (name) => readFileSync(new URL(`../__test__/guests/${name}.wasm`, import.meta.url))

/** Returns an entry of PROGRAMS for a committed guest with arguments. */
const command = (name, ...args) => ({
  compile: () => WebAssembly.compile(guests(name)),
  options: { args: [name, ...args] },
  async run(module, wasi) {
    if (wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject())) !== 0)
      throw new Error(`${name} failed`)
  },
})

const PROGRAMS = {
  'Ruby starts and reads 1,000 files': {
    compile: () =>
      WebAssembly.compile(
        readFileSync(createRequire(import.meta.url).resolve('@ruby/3.4-wasm-wasi/dist/ruby+stdlib.wasm')),
      ),
    async run(module, wasi) {
      const { RubyVM } = await import('@ruby/wasm-wasi')
      const { vm } = await RubyVM.instantiateModule({ module, wasip1: wasi })
      const read = vm.eval('Dir.children(\'/files\').sum { |name| File.read("/files/#{name}").size }')
      if (read.toString() !== '1000') throw new Error(`${read} bytes`)
    },
  },
  'copies a file of 256 MiB': command('copy', '/large', '/copy'),
  'walks 20,000 files': command('walk', '/tree'),
}

function makeFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'capwasi-bench-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'large'), Buffer.alloc(256 << 20, 'x'))
  makeFiles(join(folder, 'files'), 1_000, 'x')
  mkdirSync(join(folder, 'tree'))
  for (let index = 0; index < 200; index++) makeFiles(join(folder, 'tree', String(index)), 100)
  return folder
}

/**
 * Returns the milliseconds of each program: the best of its runs, or undefined where node:wasi fails.
 * Alternates which implementation runs first.
 */
export function programs(node) {
  const folder = makeFolder()
  const once = (implementation, name) => {
    const args = ['--no-warnings', fileURLToPath(import.meta.url), implementation, name, folder]
    const { status, signal, stdout, stderr } = spawnSync(node, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    if (status === 0) return Number(stdout)
    if (implementation === 'capwasi') throw new Error(`capwasi failed: ${name}: ${signal ?? status}\n${stderr}`)
    return undefined
  }
  return Object.keys(PROGRAMS).map((name) => {
    const best = { capwasi: Infinity, node: Infinity }
    for (let run = 0; run < RUNS; run++) {
      const order = Object.keys(best)
      for (const implementation of run % 2 ? order.reverse() : order) {
        const took = best[implementation] && once(implementation, name)
        best[implementation] = took && Math.min(best[implementation], took)
      }
    }
    return { name, ...best }
  })
}

async function main(implementation, name, folder) {
  const { WASI } = await import(implementation === 'node' ? 'node:wasi' : '../index.mjs')
  const { compile, options, run } = PROGRAMS[name]
  const module = await compile()
  const began = performance.now()
  const wasi = new WASI({
    version: 'preview1',
    preopens: { '/': folder },
    stdout: openSync('/dev/null', 'w'),
    ...options,
  })
  await run(module, wasi)
  console.log(performance.now() - began)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(...process.argv.slice(2))
