// The option --invoke, and hints for programs that are commands or reactors.

import test from 'ava'
import { file, guest, prints, run } from './cli.mjs'

const MATH = `(module
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "add64") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))
  (func (export "half") (param f64) (result f64) (f64.div (local.get 0) (f64.const 2)))
  (func (export "single") (param f32) (result f32) (local.get 0))
  (func (export "both") (param i64 i32) (result i32 i64) (local.get 1) (local.get 0))
  (func (export "nothing"))
  (func (export "trap") unreachable))`

for (const [args, stdout] of [
  [['add', '2', '3'], '5\n'],
  [['add', '-2', '0x10'], '14\n'],
  [['add', '4294967295', '0'], '-1\n'],
  [['add64', '9007199254740993', '-1'], '9007199254740992\n'],
  [['add64', '18446744073709551615', '0'], '-1\n'],
  [['half', '3'], '1.5\n'],
  [['half', '-0'], '-0\n'],
  [['half', '-Infinity'], '-Infinity\n'],
  [['half', '1e3'], '500\n'],
  [['single', '0.5'], '0.5\n'],
  [['both', '1', '2'], '2\n1\n'],
  [['nothing'], ''],
]) {
  test(`--invoke ${args.join(' ')} prints each result on a line`, (t) => {
    const [name, ...numbers] = args
    return prints(t, ['--invoke', name, file(t, MATH), ...numbers], stdout)
  })
}

for (const [args, message] of [
  [['add', '2'], '--invoke add: expected 2 numbers as arguments; received 1'],
  [['half'], '--invoke half: expected 1 number as arguments; received 0'],
  [['nothing', '1'], '--invoke nothing: expected 0 numbers as arguments; received 1'],
  [['add64', '1.5', '0'], '--invoke add64: Cannot convert 1.5 to a BigInt'],
  [['add', 'two', '3'], '--invoke: two is not a number; the arguments of an export are numbers'],
  [['add', '', '3'], "--invoke: '' is not a number; the arguments of an export are numbers"],
]) {
  test(`--invoke ${args.join(' ')} exits with 2 and prints the reason`, async (t) => {
    const [name, ...numbers] = args
    const result = await run(['--invoke', name, file(t, MATH), ...numbers])
    t.deepEqual(result, { code: 2, stdout: '', stderr: `capwasi: ${message}\n` })
  })
}

test('--invoke of an unknown export suggests one, or lists those that there are', async (t) => {
  const path = file(t, MATH)
  const message = (name) => `capwasi: --invoke ${name}: ${path} exports no function with this name`
  t.is((await run(['--invoke', 'hlaf', path])).stderr, `${message('hlaf')}. Did you mean 'half'?\n`)
  const list = 'add, add64, half, single, both, nothing, trap'
  const result = await run(['--invoke', 'sqrt', path])
  t.deepEqual(result, { code: 2, stdout: '', stderr: `${message('sqrt')}; it exports ${list}\n` })
})

test('--invoke of a command without other exports says that the program is a command', async (t) => {
  const path = file(t, '(module (memory (export "memory") 1) (func (export "_start")))')
  const reason = 'exports no function with this name; it is a command, to run without --invoke'
  const result = await run(['--invoke', 'add', path])
  t.deepEqual(result, { code: 2, stdout: '', stderr: `capwasi: --invoke add: ${path} ${reason}\n` })
})

test('a trap of an export exits with 134', async (t) => {
  const { code, stdout, stderr } = await run(['--invoke', 'trap', file(t, MATH)])
  t.deepEqual({ code, stdout }, { code: 134, stdout: '' })
  t.regex(stderr, /^capwasi: the program trapped: unreachable\n +at .*wasm:\/\/wasm\/.*\n$/)
})

const REACTOR = `(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_initialize") (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 7))))
  (func (export "get") (result i32) (i32.load (i32.const 0)))
  (func (export "exit") (param i32) (call $exit (local.get 0))))`

test('--invoke initializes a reactor before the call', async (t) => {
  await prints(t, ['--invoke', 'get', file(t, REACTOR)], '7\n')
  await prints(t, ['run', '--timeout', '1m', '--invoke=get', file(t, REACTOR)], '7\n')
})

test('the exit code of an invoked export is the exit code of the command', async (t) => {
  t.deepEqual(await run(['--invoke', 'exit', file(t, REACTOR), '5']), { code: 5, stdout: '', stderr: '' })
})

test('--invoke calls exports of a command without running its `_start`', async (t) => {
  const text = `(module (memory (export "memory") 1) (func (export "_start") unreachable)
    (func (export "seven") (result i32) (i32.const 7)))`
  await prints(t, ['--invoke', 'seven', file(t, text)], '7\n')
  await prints(t, ['--invoke', '_start', guest('exits')], 'return 0\nat exit\n')
})

test('a reactor that runs without --invoke is initialized, and its exports are listed', async (t) => {
  const path = file(t, REACTOR)
  const stderr = `capwasi: ${path} is a reactor; call an export with --invoke NAME: get, exit\n`
  t.deepEqual(await run([path, 'get']), { code: 0, stdout: '', stderr })
})

test('of many exports, ten are listed', async (t) => {
  const functions = Array.from({ length: 12 }, (_, index) => `(func (export "f${index}"))`).join('')
  const path = file(t, `(module (memory (export "memory") 1) (func (export "_initialize")) ${functions})`)
  t.true((await run([path])).stderr.endsWith(': f0, f1, f2, f3, f4, f5, f6, f7, f8, f9 and 2 more\n'))
})
