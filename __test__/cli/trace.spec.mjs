// The options --trace, --trace=FILE and --summary.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { tree } from '../support/guest.mjs'
import { file, guest, run } from './cli.mjs'

/** Writes "hi", closes the descriptor 9 twice, which fails, and exits with 3. */
const GUEST = `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\08\\00\\00\\00\\03\\00\\00\\00hi\\n")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))
    (drop (call $close (i32.const 9)))
    (drop (call $close (i32.const 9)))
    (call $exit (i32.const 3))))`

const LINES = ['fd_write(1, ["hi\\n"]) = 3', 'fd_close(9) = EBADF', 'fd_close(9) = EBADF', 'proc_exit(3) = ?']
const withoutTimes = (text) => text.replace(/ <\d+\.\d{6}>$/gm, '').split('\n')

/** Checks a table of --summary. Returns `calls errors function` of each row, sorted by name. */
function readTable(t, text) {
  const [header, rule, ...rows] = text.trimEnd().split('\n')
  t.is(header, '% time     seconds  usecs/call     calls    errors function')
  t.regex(rule, /^[- ]+$/)
  const cells = rows.filter((row) => !row.startsWith('-'))
  for (const row of cells) t.regex(row, /^ *\d+\.\d\d +\d+\.\d{6} +\d+ +\d+ +(\d+ )?\w+$/)
  return cells.map((row) => row.trim().split(/ +/).slice(3).join(' ')).sort()
}

const COUNTS = ['1 fd_write', '1 proc_exit', '2 2 fd_close', '4 2 total']

test('--trace=FILE writes a line for each call to the file, and replaces its contents', async (t) => {
  const path = join(tree(t, { log: 'old '.repeat(1000) }), 'log')
  t.deepEqual(await run([`--trace=${path}`, file(t, GUEST)]), { code: 3, stdout: 'hi\n', stderr: '' })
  t.deepEqual(withoutTimes(readFileSync(path, 'utf8')), [...LINES, ''])
})

test('--summary prints calls, errors and times of each function on stderr at the end', async (t) => {
  const { code, stdout, stderr } = await run(['--summary', file(t, GUEST)])
  t.deepEqual({ code, stdout }, { code: 3, stdout: 'hi\n' })
  t.deepEqual(readTable(t, stderr), COUNTS)
})

test('--summary with --trace prints the lines first', async (t) => {
  const { code, stderr } = await run(['--trace', '--summary', file(t, GUEST)])
  t.is(code, 3)
  const lines = withoutTimes(stderr)
  t.deepEqual(lines.slice(0, 4), LINES)
  t.deepEqual(readTable(t, stderr.split('\n').slice(4).join('\n')), COUNTS)
})

test('--summary with --trace=FILE writes the lines to the file', async (t) => {
  const path = join(tree(t), 'log')
  const { stderr } = await run([`--trace=${path}`, '--summary', file(t, GUEST)])
  t.deepEqual(withoutTimes(readFileSync(path, 'utf8')), [...LINES, ''])
  t.deepEqual(readTable(t, stderr), COUNTS)
})

test('--summary follows a trap, and a program that a limit has stopped', async (t) => {
  const trap = await run(['--summary', file(t, GUEST.replace('(call $exit (i32.const 3))', 'unreachable'))])
  t.is(trap.code, 134)
  const [message, ...rest] = trap.stderr.split('\n')
  t.is(message, 'capwasi: the program trapped: unreachable')
  const table = (lines) => lines.slice(lines.findIndex((line) => line.startsWith('% time'))).join('\n')
  t.deepEqual(readTable(t, table(rest)), ['1 fd_write', '2 2 fd_close', '3 2 total'])
  const loop = file(t, GUEST.replace('(call $exit (i32.const 3))', '(loop (br 0))'))
  const stopped = await run(['--summary', '--timeout', '300ms', loop])
  t.is(stopped.code, 124)
  t.deepEqual(readTable(t, table(stopped.stderr.split('\n'))), ['1 fd_write', '2 2 fd_close', '3 2 total'])
})

test('--summary of a program without calls has no rows', async (t) => {
  const text = '(module (memory (export "memory") 1) (func (export "_start")))'
  t.deepEqual(readTable(t, (await run(['--summary', file(t, text)])).stderr), ['0 total'])
})

test('--summary counts the calls of all threads', async (t) => {
  const { code, stderr } = await run(['--summary', '--dir', `${tree(t)}::/`, guest('threads'), 'files'])
  t.is(code, 0)
  const rows = readTable(t, stderr)
  t.true(rows.includes('100 path_open'), rows.join('\n'))
})
