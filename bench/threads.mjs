// `node bench/threads.mjs`: times a guest whose threads open, read and close files. The threads share the work. Prints
// the calls of each per second, and the ratio to one thread: the best of several rounds.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import wabt from 'wabt'
import { Directory, WASI } from 'capwasi'
import { instantiateThreaded } from 'capwasi/threads'

const ROUNDS = 5
const FILES = 200_000

/**
 * Starts as many threads as `$threads` says. When all have started, they open files until `$left` is negative. The time
 * from then until all have ended is in nanoseconds at address 64.
 */
const GUEST = `(module
  (import "env" "memory" (memory 1 1 shared))
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (export "memory" (memory 0))
  (data (i32.const 80) "file")
  (global $left i32 (i32.const 0)) (global $threads i32 (i32.const 4))
  (global $started i32 (i32.const 8)) (global $ended i32 (i32.const 12))
  (func $must (param i32) (if (local.get 0) (then (unreachable))))
  (func $now (param i32) (call $must (call $clock (i32.const 1) (i64.const 0) (local.get 0))))
  ;; A separate function, because V8 in Node 20 loses local variables that are live across the instruction.
  (func $pause (drop (memory.atomic.wait32 (i32.const 128) (i32.const 0) (i64.const 5000000))))
  (func $wait_for_all (param $word i32)
    (loop $again
      (call $pause)
      (br_if $again (i32.ne (i32.atomic.load (local.get $word)) (i32.load (global.get $threads))))))
  (func (export "_start") (local $count i32)
    (local.set $count (i32.load (global.get $threads)))
    (loop $next
      (if (i32.lt_s (call $spawn (local.get $count)) (i32.const 0)) (then (unreachable)))
      (br_if $next (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
    (call $wait_for_all (global.get $started))
    (call $now (i32.const 64))
    (call $wait_for_all (global.get $ended))
    (call $now (i32.const 72))
    (i64.store (i32.const 64) (i64.sub (i64.load (i32.const 72)) (i64.load (i32.const 64)))))
  (func (export "wasi_thread_start") (param $tid i32) (param $index i32) (local $at i32)
    (local.set $at (i32.mul (local.get $index) (i32.const 256)))
    (i32.store offset=4 (local.get $at) (i32.add (local.get $at) (i32.const 32)))
    (i32.store offset=8 (local.get $at) (i32.const 16))
    (drop (i32.atomic.rmw.add (global.get $started) (i32.const 1)))
    (call $wait_for_all (global.get $started))
    (loop $next
      (if (i32.gt_s (i32.atomic.rmw.sub (global.get $left) (i32.const 1)) (i32.const 0))
        (then
          (call $must (call $open (i32.const 3) (i32.const 0) (i32.const 80) (i32.const 4) (i32.const 0)
            (i64.const 2) (i64.const 0) (i32.const 0) (local.get $at)))
          (call $must (call $read (i32.load (local.get $at)) (i32.add (local.get $at) (i32.const 4)) (i32.const 1)
            (i32.add (local.get $at) (i32.const 12))))
          (call $must (call $close (i32.load (local.get $at))))
          (br $next))))
    (drop (i32.atomic.rmw.add (global.get $ended) (i32.const 1)))))`

const { parseWat } = await wabt()
const module = new WebAssembly.Module(parseWat('guest.wat', GUEST, { threads: true }).toBinary({}).buffer)

/** Returns the files per second of a guest with this number of threads. */
async function time(threads, directory) {
  const wasi = new WASI({ version: 'preview1', preopens: { '/': directory } })
  const instance = await instantiateThreaded(module, wasi, { threads })
  const { buffer } = instance.exports.memory
  new Int32Array(buffer).set([FILES, threads])
  wasi.start(instance)
  return FILES / (Number(new BigInt64Array(buffer)[8]) / 1e9)
}

const folder = mkdtempSync(join(tmpdir(), 'capwasi-'))
writeFileSync(join(folder, 'file'), 'sixteen bytes...')
try {
  console.log(`${FILES} files, ${availableParallelism()} processors`)
  for (const [name, directory] of [
    ['host', folder],
    ['memory', Directory.memory({ file: 'sixteen bytes...' })],
  ]) {
    const best = {}
    for (let round = 0; round < ROUNDS; round++)
      for (const threads of [1, 2, 8]) best[threads] = Math.max(best[threads] ?? 0, await time(threads, directory))
    for (const [threads, files] of Object.entries(best)) {
      const ratio = (files / best[1]).toFixed(2)
      console.log(`${name}: ${threads} threads: ${Math.round(files)} files per second, ${ratio} of one thread's`)
    }
  }
} finally {
  rmSync(folder, { recursive: true })
}
