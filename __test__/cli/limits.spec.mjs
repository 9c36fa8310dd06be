// Limits of the command: their units, the exit status 124, and what a program gets at a limit.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { onPosix } from '../support/conditions.mjs'
import { tree } from '../support/guest.mjs'
import { file, guest, launch, run } from './cli.mjs'

const timeError = 'expected a time, such as 2s, 500ms, 1m, or a number of seconds'
const sizeError = 'expected a size, such as 64M, 1G, 512K, or a number of bytes'
const program = guest('exits')

for (const [option, value, message] of [
  ...['--timeout', '--max-cpu-time'].flatMap((option) => [
    ...['', 'x', '1h', '1 s', '-1', '.5', '1e3', 's'].map((value) => [option, value, `not a time; ${timeError}`]),
    ...['0', '0s', '0ms'].map((value) => [option, value, `too short; ${timeError}`]),
    [option, '35792m', `too long; ${timeError}`],
  ]),
  ...['--max-output', '--max-memory', '--max-written'].flatMap((option) => [
    ...['', 'x', '1X', '-1', '1e3', 'M'].map((value) => [option, value, `not a size; ${sizeError}`]),
    [option, '8192T', `too large; ${sizeError}`],
  ]),
  ['--max-files', 'x', 'not a whole number; expected a number from 1 to 1048576'],
  ['--max-files', '0', 'too small; expected a number from 1 to 1048576'],
  ['--max-files', '1048577', 'too large; expected a number from 1 to 1048576'],
  ['--max-threads', '1.5', 'not a whole number; expected a number from 0 to 536870911'],
  ['--max-threads', '536870912', 'too large; expected a number from 0 to 536870911'],
]) {
  test(`${option}=${value} is rejected`, async (t) => {
    const shown = value === '' || value.includes(' ') ? `'${value}'` : value
    const stderr = `capwasi: ${option} ${shown}: ${message}\n`
    t.deepEqual(await run([`${option}=${value}`, program]), { code: 2, stdout: '', stderr })
  })
}

const stopped = (option) => `capwasi: the program was stopped: it reached ${option}\n`

const LOOP = '(loop (br 0))'
const SLEEP = `
  (i64.store (i32.const 40) (i64.const 0x7000000000000000))
  (i32.store (i32.const 32) (i32.const 1))
  (drop (call $poll (i32.const 16) (i32.const 200) (i32.const 1) (i32.const 100)))`

/** A guest that prints "now", and then does what `code` says. */
const printing = (t, code) =>
  file(
    t,
    `(module
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "\\08\\00\\00\\00\\03\\00\\00\\00now")
      (func $print (result i32) (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))
      (func (export "_start") (drop (call $print)) ${code}))`,
  )

for (const [name, code] of Object.entries({ computes: LOOP, sleeps: SLEEP })) {
  for (const time of ['300ms', '0.3s', '0.3', '0.005m']) {
    test(`--timeout ${time} stops a program that ${name}, and the exit status is 124`, async (t) => {
      const result = await run(['--timeout', time, printing(t, code)])
      t.deepEqual(result, { code: 124, stdout: 'now', stderr: stopped(`--timeout ${time}`) })
    })
  }
}

test('a program that cannot be started exits with 2 at once, whatever limits it has', async (t) => {
  const limits = ['--timeout', '1m', '--max-output', '1', '--summary']
  const missing = await run([...limits, 'no/such.wasm'])
  t.deepEqual(missing, { code: 2, stdout: '', stderr: 'capwasi: no/such.wasm: no such file\n' })
  const { code, stdout, stderr } = await run([...limits, '--dir', 'no/such', program])
  t.deepEqual({ code, stdout, stderr }, { code: 2, stdout: '', stderr: 'capwasi: --dir no/such: no such directory\n' })
})

test('a program that ends before its timeout keeps its exit status', async (t) => {
  const { code, stderr } = await run(['--timeout', '1m', '--max-cpu-time', '1m', program, 'exit', '7'])
  t.deepEqual({ code, stderr }, { code: 7, stderr: '' })
})

test('--max-cpu-time stops a program that computes', async (t) => {
  const result = await run(['--max-cpu-time', '100ms', printing(t, LOOP)])
  t.deepEqual(result, { code: 124, stdout: 'now', stderr: stopped('--max-cpu-time 100ms') })
})

test('--max-cpu-time does not count the time that a program sleeps', async (t) => {
  const result = await run(['--max-cpu-time', '200ms', '--timeout', '500ms', printing(t, SLEEP)])
  t.deepEqual(result, { code: 124, stdout: 'now', stderr: stopped('--timeout 500ms') })
})

test('a trap under a timeout exits with 134 and prints the stack', async (t) => {
  const { code, stdout, stderr } = await run(['--timeout', '1m', printing(t, 'unreachable')])
  t.deepEqual({ code, stdout }, { code: 134, stdout: 'now' })
  t.regex(stderr, /^capwasi: the program trapped: unreachable\n +at .*wasm:\/\/wasm\/.*\n$/)
})

test('endless recursion under a timeout is a trap with a long stack', async (t) => {
  const { code, stderr } = await run(['--timeout', '1m', program, 'recursion'])
  t.is(code, 134)
  const [message, ...frames] = stderr.trimEnd().split('\n')
  t.is(message, 'capwasi: the program trapped: Maximum call stack size exceeded')
  t.true(frames.length > 50)
  for (const frame of frames) t.regex(frame, /^ +at .*wasm:\/\//)
})

test('a program with a timeout reads stdin and gets its end', async (t) => {
  const result = await run(['--timeout', '1m', guest('pipes'), 'copy'], { stdin: 'some\ntext' })
  t.deepEqual(result, { code: 0, stdout: 'some\ntext', stderr: '' })
})

onPosix('SIGINT ends a program with a timeout', async (t) => {
  const child = launch(['--timeout', '1m', printing(t, LOOP)])
  await once(child.stdout, 'readable')
  child.kill('SIGINT')
  t.like(await child.finished, { code: null, signal: 'SIGINT', stdout: 'now' })
})

const spawning = (t, then) =>
  file(
    t,
    `(module
      (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (import "env" "memory" (memory 1 2 shared))
      (func (export "wasi_thread_start") (param i32 i32) ${LOOP})
      (func (export "_start") (local $thread i32) (local.set $thread (call $spawn (i32.const 0))) ${then}))`,
  )
const WAIT = '(drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))'

for (const option of ['--timeout', '--max-cpu-time']) {
  test(`${option} stops all threads of a program`, async (t) => {
    const result = await run([option, '300ms', spawning(t, WAIT)])
    t.deepEqual(result, { code: 124, stdout: '', stderr: stopped(`${option} 300ms`) })
  })
}

test('beyond --max-threads, thread-spawn fails in the program', async (t) => {
  const path = spawning(t, '(call $exit (i32.lt_s (local.get $thread) (i32.const 0)))')
  t.is((await run(['--max-threads', '0', path])).code, 1)
  t.is((await run(['--max-threads', '1', path])).code, 0)
})

const GROW = `(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
  (call $exit (memory.size))`

test('--max-memory bounds the memory of a program, in powers of 1024', async (t) => {
  const path = printing(t, GROW)
  for (const size of ['1M', '1m', '1MB', '1MiB', '1024K', '1024k', '1048576', '1048576B', '1.01M'])
    t.is((await run(['--max-memory', size, path])).code, 16, size)
  const { stdout, stderr } = await run(['--max-memory', '1M', path])
  t.deepEqual({ stdout, stderr }, { stdout: 'now', stderr: 'capwasi: the program reached --max-memory 1M\n' })
})

test('a program that needs more than --max-memory at its start exits with 2', async (t) => {
  const path = file(t, '(module (memory (export "memory") 2) (func (export "_start")))')
  const stderr = `capwasi: ${path} needs 131072 bytes of memory at its start, and --max-memory is 64K\n`
  t.deepEqual(await run(['--max-memory', '64K', path]), { code: 2, stdout: '', stderr })
})

test('--max-output passes on exactly its number of bytes, and stops the program', async (t) => {
  const path = printing(t, '(loop (drop (call $print)) (br 0))')
  const result = await run(['--max-output', '10', path])
  t.deepEqual(result, { code: 124, stdout: 'nownownown', stderr: stopped('--max-output 10') })
})

test('--max-output also counts the output of a program that has ended', async (t) => {
  const path = printing(t, '(drop (call $print)) (call $exit (i32.const 7))')
  t.deepEqual(await run(['--max-output', '6', path]), { code: 7, stdout: 'nownow', stderr: '' })
  const result = await run(['--max-output', '5', path])
  t.deepEqual(result, { code: 124, stdout: 'nowno', stderr: stopped('--max-output 5') })
  t.is((await run(['--max-output', '0', path])).stdout, '')
})

onPosix('with --max-output, a program whose stdout has no reader anymore gets EPIPE', async (t) => {
  const through = ['sh', '-c', '"$@" | head -c 1; exit', 'sh']
  const path = printing(t, '(loop (br_if 0 (i32.ne (call $print) (i32.const 64)))) (call $exit (i32.const 3))')
  t.deepEqual(await run(['--max-output', '1G', path], { through }), { code: 0, stdout: 'n', stderr: '' })
})

test('--max-written bounds the bytes that a program writes', async (t) => {
  const directory = tree(t, { from: '12345' })
  const args = ['--dir', `${directory}::/`, guest('copy'), '/from', '/to']
  const { code, stderr } = await run(['--max-written', '3', ...args])
  t.is(code, 1)
  t.regex(stderr, /^capwasi: the program reached --max-written 3\n$/m)
  t.is(readFileSync(join(directory, 'to'), 'utf8'), '123')
})

test('--max-files bounds the descriptors that a program has open', async (t) => {
  const args = ['--dir', `${tree(t, { from: '12345' })}::/`, guest('copy'), '/from', '/to']
  const { code, stderr } = await run(['--max-files', '4', ...args])
  t.is(code, 1)
  t.regex(stderr, /^capwasi: the program reached --max-files 4\n$/m)
  t.is((await run(['--max-files', '6', ...args])).code, 0)
})

test('--max-files below what the options need is rejected', async (t) => {
  const stderr =
    'capwasi: --max-files 3: too small; the options need 4 descriptors: 3 for stdio, 0 for sockets, 1 for preopens\n'
  t.deepEqual(await run(['--max-files', '3', '--dir', '.', program]), { code: 2, stdout: '', stderr })
})
