// Errors before the program runs: one line with the reason, and the exit code 2.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { root, tree } from '../support/guest.mjs'
import { onPosix } from '../support/conditions.mjs'
import { file, guest, prints, run } from './cli.mjs'

/** Checks that the command exits with 2 and prints only this message. */
async function expectError(t, args, message) {
  const { code, stdout, stderr } = await run(args)
  t.deepEqual({ code, stdout, stderr }, { code: 2, stdout: '', stderr: `capwasi: ${message}\n` })
}

const program = guest('exits')
const addressError = 'not an IP address with a port; expected ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:0'
const seedError = 'expected a number from 0 to 2^256 - 1, such as 7 or 0x7'

for (const [args, message] of [
  [[], 'no program given; see capwasi --help'],
  [['--nope', program], "Unknown option '--nope'; see capwasi --help"],
  [['-x', program], "Unknown option '-x'; see capwasi --help"],
  [['--dir'], "Option '--dir <value>' argument missing; see capwasi --help"],
  [['--dir', '--trace', program], "Option '--dir' argument is ambiguous; see capwasi --help"],
  [['--trace=1', program], "Option '--trace' does not take an argument; see capwasi --help"],
  [['--dir', '::/a', program], '--dir ::/a: HOST is empty; expected HOST[::GUEST][:ro]'],
  [['--dir', 'a::', program], '--dir a::: GUEST is empty; expected HOST[::GUEST][:ro]'],
  [['--dir', 'a::b::c', program], "--dir a::b::c: more than one '::'; expected HOST[::GUEST][:ro]"],
  [
    ['--dir', '.::/', '--dir', 'src::/', program],
    '--dir: two directories are named /; expected a different GUEST for each',
  ],
  [['--dir', 'no/such', program], '--dir no/such: no such directory'],
  [['--dir', 'README.md', program], '--dir README.md: not a directory'],
  [['--listen', 'localhost', program], `--listen localhost: ${addressError}`],
  [['--listen', '127.0.0.1:0', '--listen', ':80', program], `--listen :80: ${addressError}`],
  [['--listen', '192.0.2.1:80', program], '--listen 192.0.2.1:80: this machine has no such address'],
  [['--env', '=a', program], '--env =a: NAME is empty; expected NAME[=VALUE]'],
  [['--env', '', program], '--env : NAME is empty; expected NAME[=VALUE]'],
  [['--seed', 'x', program], `--seed x: not a whole number; ${seedError}`],
  [['--seed', `0x1${'0'.repeat(64)}`, program], `--seed 0x1${'0'.repeat(64)}: too large; ${seedError}`],
  [['no/such.wasm'], 'no/such.wasm: no such file'],
  [['README.md'], 'README.md is not WebAssembly; expected a binary module, which starts with "\\0asm"'],
]) {
  const command = ['capwasi', ...args.map((arg) => arg.replace(root, ''))].join(' ').slice(0, 80)
  test(`\`${command}\` exits with 2 and prints the reason`, (t) => expectError(t, args, message))
}

test('a program that is a directory exits with 2', async (t) => {
  const { code, stderr } = await run(['src'])
  t.is(code, 2)
  t.regex(stderr, /^capwasi: src: is a directory; expected a WebAssembly module\n$/)
})

test('WebAssembly text is rejected with a hint at tools that convert it', async (t) => {
  const hint = 'is WebAssembly text; convert it to binary first, with wat2wasm or wasm-tools parse'
  for (const name of ['guest.wat', 'guest']) {
    const path = file(t, '(module)', name)
    await expectError(t, [path], `${path} ${hint}`)
  }
})

test('a component is rejected with a hint at jco', async (t) => {
  const path = file(t, Buffer.from('\0asm\r\0\x01\0', 'latin1'), 'component')
  await expectError(
    t,
    [path],
    `${path} is a component (WASI preview2); capwasi runs core modules (WASI preview1). ` +
      'To run components, use jco: https://github.com/bytecodealliance/jco',
  )
})

test('a damaged module is rejected with the error of the compiler', async (t) => {
  const path = file(t, readFileSync(program).subarray(0, -1), 'damaged')
  const { code, stdout, stderr } = await run([path])
  t.deepEqual({ code, stdout }, { code: 2, stdout: '' })
  t.regex(stderr, /^capwasi: \S+damaged: WebAssembly\.compile\(\): [^\n]+\n$/)
})

const modules = {
  'unknown imports are listed with their modules': [
    `(import "env" "log" (func)) (import "wasi_snapshot_preview1" "fd_close" (func (param i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_dup" (func)) (import "env" "base" (global i32))
      (import "constructor" "name" (func))`,
    'imports 4 values that capwasi does not provide: env.log, wasi_snapshot_preview1.fd_dup, env.base and 1 more',
  ],
  'control characters in the name of an import are escaped': [
    '(import "env" "\\1b[31mred\\07" (func))',
    'imports 1 function that capwasi does not provide: env.\\x1b[31mred\\x07',
  ],
  'imports of two versions of WASI are rejected': [
    `(import "wasi_unstable" "sched_yield" (func (result i32)))
      (import "wasi_snapshot_preview1" "sock_accept" (func (param i32 i32 i32) (result i32)))`,
    'imports 1 function that capwasi does not provide: wasi_snapshot_preview1.sock_accept',
  ],
  'a program with threads is rejected': [
    '(import "env" "memory" (memory 1 2 shared)) (import "wasi" "thread-spawn" (func (param i32) (result i32)))',
    'imports its memory (env.memory), as programs with threads do; this command runs programs that export their memory',
  ],
  'a module without a memory is rejected': [
    '(func (export "_start"))',
    'exports no memory; expected one with the name `memory`',
  ],
  'a module without `_start` and `_initialize` is rejected': [
    '(memory (export "memory") 1)',
    'has neither `_start` nor `_initialize`; expected one of them',
  ],
  'a module with both `_start` and `_initialize` is rejected': [
    '(memory (export "memory") 1) (func (export "_start")) (func (export "_initialize"))',
    'has both `_start` and `_initialize`; expected one of them',
  ],
}
for (const [title, [text, message]] of Object.entries(modules)) {
  test(title, async (t) => {
    const path = file(t, `(module ${text})`)
    await expectError(t, [path], `${path} ${message}`)
  })
}

onPosix('without an addon for the platform, the command exits with 2 and says so', async (t) => {
  const directory = tree(
    t,
    Object.fromEntries(
      ['cli.mjs', 'package.json', 'index.js', 'index.mjs', 'lib/wasi.js', 'lib/native.js'].map((name) => [
        name,
        readFileSync(join(root, name)),
      ]),
    ),
  )
  const { code, stderr } = await run([program], { through: ['sh', '-c', 'exec "$1" "$0/cli.mjs" "$3"', directory] })
  t.is(code, 2)
  t.regex(stderr, /^capwasi: capwasi has no native addon for [^\n]+\n$/)
})

test('--version prints the version of the package', async (t) => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  await prints(t, ['--version'], `capwasi ${version}\n`)
})

test('--help into a closed pipe exits with 0', async (t) => {
  const through = ['sh', '-c', '"$@" | true; exit', 'sh']
  t.deepEqual(await run(['--help'], { through }), { code: 0, stdout: '', stderr: '' })
})

test('-h prints the same as --help', async (t) => {
  t.is((await run(['-h'])).stdout, (await run(['--help'])).stdout)
})

test('--help lists every option, on fewer than 30 lines of at most 100 columns', async (t) => {
  const { code, stdout, stderr } = await run(['--help'])
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  const lines = stdout.split('\n')
  t.true(lines.length < 30)
  for (const line of lines) t.true(line.length <= 100, line)
  for (const option of ['dir', 'env', 'inherit-env', 'listen', 'argv0', 'seed', 'trace', 'version', 'help']) {
    t.true(stdout.includes(`--${option}`), option)
  }
})
