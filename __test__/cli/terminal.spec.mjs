// At a terminal: Ctrl-C, and what a person who waits is told.

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import test from 'ava'
import { TOO_SLOW, onPosix, skippedOn, slow } from '../support/conditions.mjs'
import { file, guest, launch, run } from './cli.mjs'

function hasScript() {
  try {
    execFileSync('script', ['-qec', 'true', '/dev/null'])
    return true
  } catch {
    return false
  }
}

/** Put before the command: all of its stdio is one terminal, and its status is ours. */
const terminal = ['sh', '-c', 'exec script -qec "$(printf "\'%s\' " "$@")" /dev/null', 'sh']
const atTerminal = hasScript() ? test : test.skip

/** Guests that say "now" and then wait for good. */
const waits = {
  poll_oneoff: `
    (i64.store (i32.const 40) (i64.const 0x7000000000000000))
    (i32.store (i32.const 32) (i32.const 1))
    (drop (call $poll (i32.const 16) (i32.const 200) (i32.const 1) (i32.const 100)))`,
  fd_read: '(drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 100)))',
  'a loop': '(loop (br 0))',
}
const waiting = (t, wait) =>
  file(
    t,
    `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\08\\00\\00\\00\\03\\00\\00\\00now")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))
    ${waits[wait]}))`,
  )

for (const wait of Object.keys(waits)) {
  atTerminal(`Ctrl-C ends a program in ${wait}`, async (t) => {
    const child = launch([waiting(t, wait)], { through: terminal })
    await once(child.stdout, 'readable')
    child.stdin.write('\x03')
    const { code, signal } = await child.finished
    t.deepEqual({ code, signal }, { code: 130, signal: null })
  })

  onPosix(`SIGINT ends a program in ${wait}`, async (t) => {
    const child = launch([waiting(t, wait)])
    await once(child.stdout, 'readable')
    child.kill('SIGINT')
    t.like(await child.finished, { code: null, signal: 'SIGINT', stdout: 'now' })
  })
}

atTerminal('a program finds its terminal', async (t) => {
  const { code, stdout } = await launch([guest('isatty')], { through: terminal }).finished
  t.is(code, 0)
  t.notRegex(stdout, /\bno\b/)
})

atTerminal('a program and a person talk line by line, until Ctrl-D', async (t) => {
  const child = launch([guest('pipes'), 'lines'], { through: terminal })
  let shown = ''
  child.stdout.on('data', (chunk) => (shown += chunk))
  const shows = async (text) => {
    while (!shown.includes(text)) await once(child.stdout, 'data')
  }
  for (const line of ['one', 'zwei – ß', '']) {
    child.stdin.write(`${line}\r`)
    await shows(`got ${line}\r\n`)
  }
  child.stdin.write('\x04')
  const { code, stdout } = await child.finished
  t.is(code, 0)
  // The terminal echoes what is typed.
  t.is(stdout.replace('^D\b\b', ''), 'one\r\ngot one\r\nzwei – ß\r\ngot zwei – ß\r\n\r\ngot \r\nend: yes\r\n')
})

// A module of 30 MB, which takes seconds to compile: these flags compile all of it at once with the optimising
// compiler. It also imports a function that capwasi does not provide.
const slowCompilation = ['--no-wasm-lazy-compilation', '--no-liftoff', '--wasm-num-compilation-tasks=1']
const leb = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >>> 7)])
const sized = (...parts) => {
  const bytes = Buffer.concat(parts.map((part) => Buffer.from(part)))
  return Buffer.concat([Buffer.from(leb(bytes.length)), bytes])
}
function large() {
  const functions = 10_000
  // (i32.store (local.get 0) (local.tee 0 (i32.add (i32.load (local.get 0)) (i32.const 7))))
  const statement = Buffer.from([0x20, 0, 0x20, 0, 0x28, 2, 0, 0x41, 7, 0x6a, 0x22, 0, 0x36, 2, 0])
  const body = sized([0], ...Array(200).fill(statement), [0x0b])
  return Buffer.concat([
    Buffer.from('\0asm\x01\0\0\0'),
    Buffer.from([1]),
    sized([1, 0x60, 1, 0x7f, 0]), // a type: one i32, no result
    Buffer.from([2]),
    sized([1], sized(Buffer.from('host')), sized(Buffer.from('more')), [0, 0]),
    Buffer.from([3]),
    sized(leb(functions), Buffer.alloc(functions)),
    Buffer.from([5]),
    sized([1, 0, 1]), // a memory
    Buffer.from([10]),
    sized(leb(functions), ...Array(functions).fill(body)),
  ])
}

skippedOn(TOO_SLOW, slow(atTerminal))('a compilation that takes long is told at a terminal, and untold', async (t) => {
  const { stdout } = await launch([file(t, large())], { flags: slowCompilation, through: terminal }).finished
  t.regex(
    stdout,
    /^compiling 30 MB …\r {17}\rcapwasi: [^\n]* imports 1 function that capwasi does not provide: host\.more\r?\n$/,
  )
})

skippedOn(TOO_SLOW, slow())('where there is no terminal, nothing is told', async (t) => {
  const { code, stdout, stderr } = await run([file(t, large())], { flags: slowCompilation })
  t.deepEqual({ code, stdout }, { code: 2, stdout: '' })
  t.regex(stderr, /^capwasi: [^\n]* imports 1 function that capwasi does not provide: host\.more\r?\n$/)
})

atTerminal(
  'a read at a terminal that gives up after 0.2 s (VMIN 0, VTIME 2) returns nothing instead of waiting for a key',
  async (t) => {
    const through = [
      'sh',
      '-c',
      'exec script -qec "stty -icanon min 0 time 2; $(printf "\'%s\' " "$@")" /dev/null',
      'sh',
    ]
    const { code, stdout } = await launch([guest('cat')], { through }).finished
    t.deepEqual({ code, stdout }, { code: 0, stdout: '0 bytes\r\n' })
  },
)

atTerminal('a read at a terminal that does not wait at all (VMIN 0, VTIME 0) returns nothing at once', async (t) => {
  const through = ['sh', '-c', 'exec script -qec "stty -icanon min 0 time 0; $(printf "\'%s\' " "$@")" /dev/null', 'sh']
  const { code, stdout } = await launch([guest('cat')], { through }).finished
  t.deepEqual({ code, stdout }, { code: 0, stdout: '0 bytes\r\n' })
})
