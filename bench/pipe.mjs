// `node bench/pipe.mjs`: times a guest that writes 64 MiB in writes of one size. Compares three destinations:
// /dev/null; `stdout: 'pipe'`, including a read of wasi.stdout; and, as the lower bound, a copy of as many bytes into
// new memory. Prints the milliseconds of a whole run, from the best of several rounds. Alternates between the three.

import { openSync } from 'node:fs'
import wabt from 'wabt'
import { WASI } from 'capwasi'

const TOTAL = 64 << 20
const ROUNDS = 9

const { parseWat } = await wabt()
const module = new WebAssembly.Module(
  parseWat(
    'pipe.wat',
    `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "bench" "size" (global $size i32))
  (memory (export "memory") 2)
  (func (export "_start") (local $written i32)
    (i32.store (i32.const 0) (i32.const 65536))
    (i32.store (i32.const 4) (global.get $size))
    (loop $again
      (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
      (local.set $written (i32.add (local.get $written) (global.get $size)))
      (br_if $again (i32.lt_u (local.get $written) (i32.const ${TOTAL}))))))`,
  ).toBinary({}).buffer,
)

const devNull = openSync('/dev/null', 'w')

/** Runs a function and returns the milliseconds that it took. */
function timed(action) {
  const started = process.hrtime.bigint()
  action()
  return Number(process.hrtime.bigint() - started) / 1e6
}

function run(stdout, size) {
  const wasi = new WASI({ version: 'preview1', stdout })
  const instance = new WebAssembly.Instance(module, { ...wasi.getImportObject(), bench: { size } })
  return timed(() => {
    wasi.start(instance)
    if (stdout === 'pipe' && wasi.stdout.length !== TOTAL) throw new Error('wasi.stdout is incomplete')
  })
}

function copy(size) {
  const from = Buffer.alloc(size, 'x')
  return timed(() => {
    const to = Buffer.allocUnsafeSlow(TOTAL)
    for (let at = 0; at < TOTAL; at += size) to.set(from, at)
  })
}

console.log(
  '| bytes per write | /dev/null (ms) | pipe (ms) | copy (ms) | throughput: pipe / /dev/null |\n|--:|--:|--:|--:|--:|',
)
for (const size of [64, 1024, 4096, 65_536]) {
  const [none, pipe, copied] = [[], [], []]
  for (let round = 0; round < ROUNDS; round++) {
    none.push(run(devNull, size))
    pipe.push(run('pipe', size))
    copied.push(copy(size))
  }
  const [a, b, c] = [none, pipe, copied].map((times) => Math.min(...times))
  console.log(`| ${size} | ${a.toFixed(1)} | ${b.toFixed(1)} | ${c.toFixed(1)} | ${(a / b).toFixed(2)} |`)
}
