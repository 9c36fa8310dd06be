// The command at a terminal: Ctrl-C, line input, and progress messages.

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

/** A command line to put before the command: stdio is one terminal, and the exit code is that of the command. */
const throughTerminal = ['sh', '-c', 'exec script -qec "$(printf "\'%s\' " "$@")" /dev/null', 'sh']
const atTerminal = hasScript() ? test : test.skip

/** Instructions that never end, for guests that print "now" first. */
const WAITS = {
  poll_oneoff: `
    (i64.store (i32.const 40) (i64.const 0x7000000000000000))
    (i32.store (i32.const 32) (i32.const 1))
    (drop (call $poll (i32.const 16) (i32.const 200) (i32.const 1) (i32.const 100)))`,
  fd_read: '(drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 100)))',
  'a loop': '(loop (br 0))',
}
const waitingGuest = (t, wait) =>
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
    ${WAITS[wait]}))`,
  )

for (const wait of Object.keys(WAITS)) {
  atTerminal(`Ctrl-C ends a program in ${wait}`, async (t) => {
    const child = launch([waitingGuest(t, wait)], { through: throughTerminal })
    await once(child.stdout, 'readable')
    child.stdin.write('\x03')
    const { code, signal } = await child.finished
    t.deepEqual({ code, signal }, { code: 130, signal: null })
  })

  onPosix(`SIGINT ends a program in ${wait}`, async (t) => {
    const child = launch([waitingGuest(t, wait)])
    await once(child.stdout, 'readable')
    child.kill('SIGINT')
    t.like(await child.finished, { code: null, signal: 'SIGINT', stdout: 'now' })
  })
}

atTerminal('isatty is true for stdin, stdout and stderr of a program at a terminal', async (t) => {
  const { code, stdout } = await launch([guest('isatty')], { through: throughTerminal }).finished
  t.is(code, 0)
  t.notRegex(stdout, /\bno\b/)
})

atTerminal('a program at a terminal reads line by line until Ctrl-D', async (t) => {
  const child = launch([guest('pipes'), 'lines'], { through: throughTerminal })
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
  // The terminal echoes the input.
  t.is(stdout.replace('^D\b\b', ''), 'one\r\ngot one\r\nzwei – ß\r\ngot zwei – ß\r\n\r\ngot \r\nend: yes\r\n')
})

// A module of 30 MB, which takes seconds to compile: these flags compile the whole module before it starts, with the
// optimising compiler. It also imports a function that capwasi does not provide.
const slowCompilation = ['--no-wasm-lazy-compilation', '--no-liftoff', '--wasm-num-compilation-tasks=1']
const leb128 = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...leb128(n >>> 7)])
const withSize = (...parts) => {
  const bytes = Buffer.concat(parts.map((part) => Buffer.from(part)))
  return Buffer.concat([Buffer.from(leb128(bytes.length)), bytes])
}
function largeModule() {
  const functions = 10_000
  // (i32.store (local.get 0) (local.tee 0 (i32.add (i32.load (local.get 0)) (i32.const 7))))
  const statement = Buffer.from([0x20, 0, 0x20, 0, 0x28, 2, 0, 0x41, 7, 0x6a, 0x22, 0, 0x36, 2, 0])
  const body = withSize([0], ...Array(200).fill(statement), [0x0b])
  return Buffer.concat([
    Buffer.from('\0asm\x01\0\0\0'),
    Buffer.from([1]),
    withSize([1, 0x60, 1, 0x7f, 0]), // a type: one i32, no result
    Buffer.from([2]),
    withSize([1], withSize(Buffer.from('host')), withSize(Buffer.from('more')), [0, 0]),
    Buffer.from([3]),
    withSize(leb128(functions), Buffer.alloc(functions)),
    Buffer.from([5]),
    withSize([1, 0, 1]), // a memory
    Buffer.from([10]),
    withSize(leb128(functions), ...Array(functions).fill(body)),
  ])
}

skippedOn(TOO_SLOW, slow(atTerminal))('a slow compilation shows a message at a terminal, and removes it', async (t) => {
  const { stdout } = await launch([file(t, largeModule())], { flags: slowCompilation, through: throughTerminal })
    .finished
  t.regex(
    stdout,
    /^compiling 30 MB …\r {17}\rcapwasi: [^\n]* imports 1 function that capwasi does not provide: host\.more\r?\n$/,
  )
})

skippedOn(TOO_SLOW, slow())('a slow compilation shows no message without a terminal', async (t) => {
  const { code, stdout, stderr } = await run([file(t, largeModule())], { flags: slowCompilation })
  t.deepEqual({ code, stdout }, { code: 2, stdout: '' })
  t.regex(stderr, /^capwasi: [^\n]* imports 1 function that capwasi does not provide: host\.more\r?\n$/)
})

atTerminal('fd_read from a terminal with VMIN 0, VTIME 2 returns 0 bytes after 0.2 s', async (t) => {
  const through = ['sh', '-c', 'exec script -qec "stty -icanon min 0 time 2; $(printf "\'%s\' " "$@")" /dev/null', 'sh']
  const { code, stdout } = await launch([guest('cat')], { through }).finished
  t.deepEqual({ code, stdout }, { code: 0, stdout: '0 bytes\r\n' })
})

atTerminal('fd_read from a terminal with VMIN 0, VTIME 0 returns 0 bytes at once', async (t) => {
  const through = ['sh', '-c', 'exec script -qec "stty -icanon min 0 time 0; $(printf "\'%s\' " "$@")" /dev/null', 'sh']
  const { code, stdout } = await launch([guest('cat')], { through }).finished
  t.deepEqual({ code, stdout }, { code: 0, stdout: '0 bytes\r\n' })
})
