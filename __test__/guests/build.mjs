// Rebuilds every guest of the specs and of the examples from its source: `npm run guests`. Needs Python with the
// package ziglang, whose clang has a recent wasi-libc. The .wasm files are committed, so that the tests need neither.
// The file hashes.json of each folder has the hashes of the sources and of the .wasm files.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'

const [python, ...ziglang] = 'python3 -m ziglang'.split(' ')
const options = 'cc -target wasm32-wasi -Os -s -Wall -Wextra'.split(' ')
// For guests with threads: a shared memory, and the exports that emnapi calls to start a thread.
const threads =
  '-pthread -mcpu=generic+atomics+bulk_memory -Wl,--import-memory,--export-memory,--shared-memory,' +
  '--max-memory=16777216,-z,stack-size=65536,--export=malloc,--export=free'

const binary = (source) => source.replace(/c$/, 'wasm')

/** Builds the guests of a folder. */
function build(folder) {
  const sha256 = (name) =>
    createHash('sha256')
      .update(readFileSync(new URL(name, folder)))
      .digest('hex')

  const names = readdirSync(folder).sort()
  const sources = names.filter((name) => name.endsWith('.c'))
  for (const source of sources) {
    const isThreaded = readFileSync(new URL(source, folder), 'utf8').includes('"pthreads.h"')
    const threadOptions = isThreaded ? threads.split(' ') : []
    execFileSync(python, [...ziglang, ...options, ...threadOptions, source, '-o', binary(source)], {
      cwd: folder,
      stdio: 'inherit',
    })
    chmodSync(new URL(binary(source), folder), 0o644)
  }

  const hashes = {}
  for (const name of [...names.filter((name) => /\.[ch]$/.test(name)), ...sources.map(binary)])
    hashes[name] = sha256(name)
  const version = execFileSync(python, [...ziglang, 'version'], { encoding: 'utf8' }).trim()
  const command = [python, ...ziglang, ...options, 'NAME.c', '-o', 'NAME.wasm'].join(' ')
  const record = { compiler: `ziglang==${version}`, command, threads, sha256: hashes }
  writeFileSync(new URL('hashes.json', folder), `${JSON.stringify(record, null, 2)}\n`)
}

build(new URL('./', import.meta.url))
build(new URL('../../examples/guests/', import.meta.url))
