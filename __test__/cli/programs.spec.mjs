// Programs that the command runs: their arguments, environment, directories, streams and exit codes.

import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import test from 'ava'
import { OTHER_SEMANTICS, knownFailure, onPosix } from '../support/conditions.mjs'
import { tree } from '../support/guest.mjs'
import { file, guest, launch, prints, run } from './cli.mjs'

const importProcExit = '(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))'

test('the program receives all arguments after its name, also those that look like options', async (t) => {
  const program = guest('arguments')
  const { code, stdout, stderr } = await run([program, '--dir', '', '-x', '--', 'a b'])
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  t.deepEqual(stdout.match(/^<.*>$/gm), [`<${program}>`, '<--dir>', '<>', '<-x>', '<-->', '<a b>'])
})

test('the program may follow --', async (t) => {
  await prints(
    t,
    ['--argv0', 'name', '--', guest('arguments'), 'count'],
    '2 arguments, 0 variables, 9 bytes, last <count>\n',
  )
})

test('the word run may precede options and program', async (t) => {
  await prints(
    t,
    ['run', '--argv0', 'x', guest('arguments'), 'count'],
    '2 arguments, 0 variables, 6 bytes, last <count>\n',
  )
  await prints(t, ['run', guest('pipes'), 'copy'], 'text', { stdin: 'text' })
})

test('the program - is read from stdin, and has the name program.wasm', async (t) => {
  const stdin = readFileSync(guest('arguments'))
  const { code, stdout, stderr } = await run(['-e', 'A=1', '-', '-', 'b'], { stdin })
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  t.deepEqual(stdout.match(/^<.*>$/gm), ['<program.wasm>', '<->', '<b>', '<A=1>'])
  const message = 'capwasi: standard input is not WebAssembly; expected a binary module, which starts with "\\0asm"\n'
  t.deepEqual(await run(['-'], { stdin: 'text' }), { code: 2, stdout: '', stderr: message })
})

test('--argv0 sets argv[0] of the program', async (t) => {
  const { stdout } = await run(['--argv0', 'name', guest('arguments')])
  t.regex(stdout, /^<name>\n/)
})

test('the program has only the environment variables of --env', async (t) => {
  const env = { ...process.env, HERE: 'here', UNSET: undefined }
  const args = ['--env', 'A=1=2', '-e', 'B=', '-e', 'HERE', '--env', 'NOWHERE']
  const { stdout } = await run([...args, '--argv0', 'x', guest('arguments')], { env })
  t.deepEqual(stdout.match(/^<.*>$/gm), ['<x>', '<A=1=2>', '<B=>', '<HERE=here>'])
})

knownFailure(OTHER_SEMANTICS)('--inherit-env passes the environment, and --env overrides variables', async (t) => {
  const env = { PATH: process.env.PATH, HERE: 'here', THERE: 'there' }
  const { stdout } = await run(['--env', 'HERE=changed', '--inherit-env', '--argv0', 'x', guest('arguments')], { env })
  t.deepEqual(stdout.match(/^<.*>$/gm).sort(), ['<HERE=changed>', `<PATH=${process.env.PATH}>`, '<THERE=there>', '<x>'])
})

test('--dir HOST mounts a directory under its host name', async (t) => {
  const directory = tree(t, { a: '12345', 'b/c': '67' })
  await prints(t, ['--dir', directory, guest('walk'), directory], '2 files, 7 bytes\n')
})

test('--dir HOST::GUEST mounts directories under other names, several times', async (t) => {
  const [from, to] = [tree(t, { file: 'text' }), tree(t)]
  await prints(t, ['--dir', `${from}::/from`, `--dir=${to}::to`, guest('copy'), '/from/file', 'to/file'], '4\n')
  t.is(readFileSync(join(to, 'file'), 'utf8'), 'text')
})

test('--overlay keeps changes in memory, and --changes lists them on stderr', async (t) => {
  const directory = tree(t, { 'd/file': 'text' })
  const args = ['--overlay', `${directory}::/`, '--changes', guest('copy'), '/d/file', '/d/new']
  t.deepEqual(await run(args), { code: 0, stdout: '4\n', stderr: 'A d/new\n' })
  t.deepEqual(readdirSync(directory, { recursive: true }).sort(), ['d', join('d', 'file')])
  await prints(t, ['--overlay', directory, '--changes', guest('walk'), directory], '1 files, 4 bytes\n')
  await prints(t, ['--overlay', directory, guest('walk'), directory], '1 files, 4 bytes\n')
})

test('--changes prints an error for paths that are too long, and keeps the exit status', async (t) => {
  const text = `(module
    ${importProcExit}
    (import "wasi_snapshot_preview1" "path_create_directory" (func $mkdir (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open"
      (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "a")
    (func (export "_start") (local $fd i32) (local $level i32)
      (local.set $fd (i32.const 3))
      (loop $deeper
        (drop (call $mkdir (local.get $fd) (i32.const 0) (i32.const 1)))
        (drop (call $open (local.get $fd) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 2) (i64.const 0x2200)
          (i64.const 0x2200) (i32.const 0) (i32.const 100)))
        (local.set $fd (i32.load (i32.const 100)))
        (local.set $level (i32.add (local.get $level) (i32.const 1)))
        (br_if $deeper (i32.lt_u (local.get $level) (i32.const 2100))))
      (call $exit (i32.const 7))))`
  const reason = `ENAMETOOLONG: name too long, changes '${'a/'.repeat(50)}…'`
  const stderr = `capwasi: --changes: cannot list the changes of /: ${reason}\n`
  const result = await run(['--changes', '--overlay', `${tree(t)}::/`, file(t, text)])
  t.deepEqual(result, { code: 7, stdout: '', stderr })
})

test('with several overlays, --changes starts each path with the name of the overlay', async (t) => {
  const [from, to] = [tree(t, { file: 'text' }), tree(t, { 'old\x1b': '' })]
  const args = ['--overlay', `${from}::/`, '--overlay', `${to}::to`, '--changes', guest('copy'), '/file', 'to/new']
  t.deepEqual(await run(args), { code: 0, stdout: '4\n', stderr: 'A to/new\n' })
  t.deepEqual(await run([...args.slice(0, -1), '/new\n']), { code: 0, stdout: '4\n', stderr: 'A /new\\x0a\n' })
  t.is((await run([...args.slice(0, -1), '/a\\b\u202ec\u061c'])).stderr, 'A /a\\x5cb\\u202ec\\u061c\n')
})

for (const [end, code, stderr] of [
  ['(call $exit (i32.const 3))', 3, /^M a\nD b\nD d\n$/],
  ['unreachable', 134, /^capwasi: the program trapped: unreachable\n( +at .*\n)+M a\nD b\nD d\n$/],
]) {
  test(`--changes lists the changes of a program that ends with the exit status ${code}`, async (t) => {
    const directory = tree(t, { a: 'text', b: 'text', 'd/': null })
    const text = `(module
      ${importProcExit}
      (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "path_remove_directory" (func $rmdir (param i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "abd")
      (func (export "_start")
        (drop (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8) (i64.const 64)
          (i64.const 0) (i32.const 0) (i32.const 100)))
        (drop (call $unlink (i32.const 3) (i32.const 1) (i32.const 1)))
        (drop (call $rmdir (i32.const 3) (i32.const 2) (i32.const 1)))
        ${end}))`
    const result = await run(['--changes', '--overlay', `${directory}::/`, file(t, text)])
    t.deepEqual({ code: result.code, stdout: result.stdout }, { code, stdout: '' })
    t.regex(result.stderr, stderr)
    t.is(readFileSync(join(directory, 'a'), 'utf8'), 'text')
  })
}

test('--memory-dir GUEST mounts an empty directory in memory, several times', async (t) => {
  const directory = tree(t, { file: 'text' })
  const args = ['--dir', `${directory}::/:ro`, '--memory-dir', '/tmp', '--memory-dir=/var']
  await prints(t, [...args, guest('walk'), '/tmp'], '0 files, 0 bytes\n')
  await prints(t, [...args, guest('copy'), '/file', '/tmp/new'], '4\n')
  t.deepEqual(readdirSync(directory), ['file'])
})

test('without --dir, the program cannot open a directory', async (t) => {
  t.deepEqual(await run([guest('walk'), '.']), { code: 1, stdout: '', stderr: '' })
})

test('the program uses stdin and stdout of the command', async (t) => {
  await prints(t, [guest('pipes'), 'copy'], 'some\ntext', { stdin: 'some\ntext' })
})

for (const code of [0, 7, 134, 255]) {
  test(`the command exits with the exit code ${code} of the program`, async (t) => {
    t.is((await run([guest('exits'), 'exit', `${code}`])).code, code)
  })
}

test('a trap prints a stack trace and exits with 134', async (t) => {
  const { code, stdout, stderr } = await run([guest('exits'), 'trap'])
  t.deepEqual({ code, stdout }, { code: 134, stdout: 'trap 0\n' })
  const [first, ...frames] = stderr.trimEnd().split('\n')
  t.is(first, 'capwasi: the program trapped: unreachable')
  t.true(frames.length > 1)
  for (const frame of frames) t.regex(frame, /^ +at .*wasm:\/\/wasm\/.*:0x[\da-f]+\)?$/)
})

test('the stack trace of a trap lists functions from the trap to `_start`', async (t) => {
  const module =
    '(module (memory (export "memory") 0) (func $broken unreachable) (func $main (export "_start") call $broken))'
  const { code, stderr } = await run([file(t, module)])
  t.is(code, 134)
  t.regex(stderr, /unreachable\n.*wasm-function\[0\].*\n.*wasm-function\[1\]/)
})

test('endless recursion is reported as a trap', async (t) => {
  const { code, stderr } = await run([guest('exits'), 'recursion'])
  t.is(code, 134)
  t.regex(stderr, /^capwasi: the program trapped: Maximum call stack size exceeded\n +at .*wasm/)
})

test('a reactor is initialized, and the command exits with 0', async (t) => {
  const text = `(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\\08\\00\\00\\00\\03\\00\\00\\00hi\\n")
    (func (export "_initialize") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))))`
  await prints(t, [file(t, text)], 'hi\n')
})

test('the exit code of a reactor that exits is the exit code of the command', async (t) => {
  const initialize = '(func (export "_initialize") (call $exit (i32.const 5)))'
  const text = `(module ${importProcExit} (memory (export "memory") 1) ${initialize})`
  t.deepEqual(await run([file(t, text)]), { code: 5, stdout: '', stderr: '' })
})

test('a program without imports runs', async (t) => {
  await prints(t, [file(t, '(module (memory (export "memory") 0) (func (export "_start")))')], '')
})

onPosix('a program that imports wasi_unstable uses the constants of wasi_unstable', async (t) => {
  const text = `(module
    (import "wasi_unstable" "proc_exit" (func $exit (param i32)))
    (import "wasi_unstable" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
      (drop (call $seek (i32.const 0) (i64.const 4) (i32.const 2) (i32.const 0)))
      (call $exit (i32.load (i32.const 0)))))`
  const stdin = file(t, 'text of the file', 'input')
  const through = ['sh', '-c', 'exec "$@" < "$0"', stdin]
  t.is((await run([file(t, text)], { through })).code, 4)
})

test('--trace writes a line for each call to stderr', async (t) => {
  const start = '(func (export "_start") (call $exit (i32.const 3)))'
  const text = `(module ${importProcExit} (memory (export "memory") 1) ${start})`
  t.deepEqual(await run(['--trace', file(t, text)]), { code: 3, stdout: '', stderr: 'proc_exit(3) = ?\n' })
})

test('a program with threads runs', async (t) => {
  const directory = tree(t)
  const { code, stdout, stderr } = await run(['--dir', `${directory}::/`, guest('threads'), 'files'])
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  t.deepEqual(stdout.match(/thread-\d: ok/g), ['thread-0: ok', 'thread-1: ok', 'thread-2: ok', 'thread-3: ok'])
  t.is(readFileSync(join(directory, 'thread-3'), 'utf8'), 'line\n'.repeat(25))
})

test('the exit of the main thread ends the other threads of a program', async (t) => {
  t.is((await run(['--dir', `${tree(t)}::/`, guest('threads'), 'ends'])).code, 7)
})

onPosix('a program whose stdout has no reader anymore gets EPIPE', async (t) => {
  const through = ['sh', '-c', '"$@" | head -c 1; exit', 'sh']
  t.deepEqual(await run([guest('pipes'), 'hung up'], { through }), { code: 0, stdout: 'x', stderr: 'EPIPE' })
})

test('--dir with :ro mounts a directory read-only', async (t) => {
  const directory = tree(t, { file: 'text' })
  await prints(t, ['--dir', `${directory}::/:ro`, guest('walk'), '/'], '1 files, 4 bytes\n')
  t.is((await run(['--dir', `${directory}::/:ro`, guest('copy'), '/file', '/new'])).code, 1)
})

test('--seed makes random bytes and clocks the same in every run', async (t) => {
  const text = `(module
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\\10\\00\\00\\00\\20\\00\\00\\00")
    (func (export "_start")
      (drop (call $random (i32.const 16) (i32.const 16)))
      (drop (call $time (i32.const 0) (i64.const 1) (i32.const 32)))
      (drop (call $time (i32.const 1) (i64.const 1) (i32.const 40)))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))))`
  const program = file(t, text)
  const [first, again, other] = await Promise.all(['7', '0x7', '8'].map((seed) => run(['--seed', seed, program])))
  t.deepEqual(again, first)
  t.not(other.stdout, first.stdout)
  t.is(first.stdout.slice(-16), '\0'.repeat(16))
})

test('--listen passes sockets to the program, sets LISTEN_FDS and prints the addresses', async (t) => {
  const { stdout, stderr } = await run([
    '--listen',
    '127.0.0.1:0',
    '--listen',
    '127.0.0.1:0',
    '--argv0',
    'x',
    guest('arguments'),
  ])
  t.deepEqual(stdout.match(/^<.*>$/gm), ['<x>', '<LISTEN_FDS=2>'])
  t.regex(stderr, /^capwasi: listening on 127\.0\.0\.1:\d+\ncapwasi: listening on 127\.0\.0\.1:\d+\n$/)
})

for (const [address, expected] of [
  ['localhost:0', /^capwasi: listening on 127\.0\.0\.1:\d+\n$/],
  ['0', /^capwasi: listening on 127\.0\.0\.1:\d+\n$/],
]) {
  test(`--listen ${address} listens on 127.0.0.1`, async (t) => {
    const { code, stderr } = await run(['--listen', address, guest('arguments')])
    t.is(code, 0)
    t.regex(stderr, expected)
  })
}

test('a program with --listen serves an HTTP request and ends', async (t) => {
  const child = launch(['--listen', '127.0.0.1:0', guest('server'), 'http'])
  let printed = ''
  child.stderr.on('data', (chunk) => (printed += chunk))
  while (!printed.includes('\n')) await once(child.stderr, 'data')
  const [, address] = /listening on (.*)\n/.exec(printed)
  const [response] = await once(get(`http://${address}/last`), 'response')
  t.is(await text(response), 'you asked for /last')
  t.is((await child.finished).code, 0)
})
