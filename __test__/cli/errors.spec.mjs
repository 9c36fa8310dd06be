// Errors before the program runs: one line with the reason, and the exit code 2.

import { cpSync, readFileSync } from 'node:fs'
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
  [['--dir', 'hello.wasm'], 'no program given; hello.wasm is the value of --dir; see capwasi --help'],
  [['--trace', '--env', 'hello.wasm'], 'no program given; hello.wasm is the value of --env; see capwasi --help'],
  [['--seed=1', '--trace'], 'no program given; see capwasi --help'],
  [['--nope', program], "Unknown option '--nope'; see capwasi --help"],
  [['--dri', '.', program], "Unknown option '--dri'. Did you mean '--dir'? See capwasi --help"],
  [['--inheritEnv', program], "Unknown option '--inheritEnv'. Did you mean '--inherit-env'? See capwasi --help"],
  [['-x', program], "Unknown option '-x'; see capwasi --help"],
  [['--dir'], "Option '--dir <value>' argument missing; see capwasi --help"],
  [
    ['--dir', '--trace', program],
    "Option '--dir' argument is ambiguous; to pass '--trace' as its value, write --dir=--trace; see capwasi --help",
  ],
  [
    ['--seed', '-1', program],
    "Option '--seed' argument is ambiguous; to pass '-1' as its value, write --seed=-1; see capwasi --help",
  ],
  [['--seed=-1', program], `--seed -1: not a whole number; ${seedError}`],
  [['--changes=1', program], "Option '--changes' does not take an argument; see capwasi --help"],
  [['--trace=', program], '--trace=: FILE is empty; expected --trace or --trace=FILE'],
  [['--trace=no/such/file', program], '--trace=no/such/file: no such directory'],
  [['--time-out', '1', program], "Unknown option '--time-out'. Did you mean '--timeout'? See capwasi --help"],
  [['--maxMemory', '1', program], "Unknown option '--maxMemory'. Did you mean '--max-memory'? See capwasi --help"],
  [['-e'], "Option '-e, --env <value>' argument missing; see capwasi --help"],
  [['-e', 'hello.wasm'], 'no program given; hello.wasm is the value of -e; see capwasi --help'],
  [['-e', '=a', program], '--env =a: NAME is empty; expected NAME[=VALUE]'],
  [['run'], 'no program given; see capwasi --help'],
  [['run', 'run'], 'run: no such file'],
  [['--dir', '::/a', program], '--dir ::/a: HOST is empty; expected HOST[::GUEST][:ro]'],
  [['--dir', 'a::', program], '--dir a::: GUEST is empty; expected HOST[::GUEST][:ro]'],
  [['--dir', 'a::b::c', program], "--dir a::b::c: more than one '::'; expected HOST[::GUEST][:ro]"],
  [
    ['--dir', '.::/', '--dir', 'src::/', program],
    '--dir: two directories are named /; expected a different GUEST for each',
  ],
  ...[':RO', ':Ro', ':readonly', ':read-only', ':r', ':w', ':rw', ':or', ':r0', ':ro,z', ':', ':RO:ro'].flatMap(
    (mode) => {
      const reason = `unknown mode '${mode.replace(/(?<=.):ro$/, '')}'; expected HOST[::GUEST][:ro]`
      return ['src::/x', '.::a'].map((names) => [['--dir', names + mode, program], `--dir ${names}${mode}: ${reason}`])
    },
  ),
  [['--dir', 'src:RO', program], "--dir src:RO: unknown mode ':RO'; expected HOST[::GUEST][:ro]"],
  [['--dir', '', program], "--dir '': HOST is empty; expected HOST[::GUEST][:ro]"],
  [['--dir', 'no/such', program], '--dir no/such: no such directory'],
  [['--dir', '.:/x', program], '--dir .:/x: no such directory; to mount . as /x, write --dir .::/x'],
  [['--dir', './src:/', program], '--dir ./src:/: no such directory; to mount ./src as /, write --dir ./src::/'],
  [['--dir', '.:/x:ro', program], '--dir .:/x: no such directory; to mount . as /x, write --dir .::/x:ro'],
  [['--dir', '.:/x::/y', program], '--dir .:/x: no such directory; to mount . as /x, write --dir .::/x'],
  [['--overlay', '.:/x', program], '--overlay .:/x: no such directory; to mount . as /x, write --overlay .::/x'],
  [['--overlay', 'src::/:ro', program], "--overlay src::/:ro: unknown mode ':ro'; expected HOST[::GUEST]"],
  [['--overlay', 'src:rw', program], "--overlay src:rw: unknown mode ':rw'; expected HOST[::GUEST]"],
  [['--overlay', '::/a', program], '--overlay ::/a: HOST is empty; expected HOST[::GUEST]'],
  [['--overlay', 'a::', program], '--overlay a::: GUEST is empty; expected HOST[::GUEST]'],
  [['--overlay', 'a::b::c', program], "--overlay a::b::c: more than one '::'; expected HOST[::GUEST]"],
  [['--overlay', '', program], "--overlay '': HOST is empty; expected HOST[::GUEST]"],
  [['--overlay', 'no/such', program], '--overlay no/such: no such directory'],
  [['--overlay', 'README.md::/x', program], '--overlay README.md: not a directory'],
  [['--memory-dir', '', program], "--memory-dir '': GUEST is empty; expected GUEST"],
  [['--memory-dir', '/tmp:ro', program], "--memory-dir /tmp:ro: unknown mode ':ro'; expected GUEST"],
  [
    ['--memory-dir', 'a::b', program],
    "--memory-dir a::b: a directory in memory has no HOST, and no '::'; expected GUEST",
  ],
  [
    ['--memory-dir', '/a', '--memory-dir', '/a', program],
    '--memory-dir: two directories are named /a; expected a different GUEST for each',
  ],
  [
    ['--memory-dir', '/a', '--overlay', 'src::/a', '--dir', 'src', program],
    '--overlay and --memory-dir: two directories are named /a; expected a different GUEST for each',
  ],
  [['--changes', '--dir', 'src', program], '--changes: no overlay; expected --overlay HOST[::GUEST] too'],
  [['--overlays', 'src', program], "Unknown option '--overlays'. Did you mean '--overlay'? See capwasi --help"],
  [['--dir', 'README.md', program], '--dir README.md: not a directory'],
  [['--listen', 'localhost', program], `--listen localhost: ${addressError}`],
  [['--listen', '127.0.0.1:0', '--listen', ':80', program], `--listen :80: ${addressError}`],
  [['--listen', 'localhost:', program], `--listen localhost:: ${addressError}`],
  [['--listen', 'localhost:x', program], `--listen localhost:x: ${addressError}`],
  [['--listen', '65536', program], `--listen 65536: ${addressError}`],
  [['--listen', '192.0.2.1:80', program], '--listen 192.0.2.1:80: this machine has no such address'],
  [['--env', '=a', program], '--env =a: NAME is empty; expected NAME[=VALUE]'],
  [['--env', '', program], "--env '': NAME is empty; expected NAME[=VALUE]"],
  [['--seed', 'x', program], `--seed x: not a whole number; ${seedError}`],
  [['--seed', `0x1${'0'.repeat(64)}`, program], `--seed 0x1${'0'.repeat(64)}: too large; ${seedError}`],
  [['--listen', '', program], `--listen '': ${addressError}`],
  [['--seed', '', program], `--seed '': not a whole number; ${seedError}`],
  [[''], "'': no such file"],
  [['no/such.wasm'], 'no/such.wasm: no such file'],
  ...['https://example.org/a.wasm', 'file:///a.wasm'].map((url) => [
    [url],
    `${url} is a URL; download the program first, and pass its path`,
  ]),
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
    'imports from both wasi_snapshot_preview1 and wasi_unstable; a program can import only one version of WASI',
  ],
  'a module without a memory is rejected': [
    '(func (export "_start"))',
    'exports no memory; expected one with the name `memory`',
  ],
  'a module without `_start` and `_initialize` is rejected': [
    '(memory (export "memory") 1)',
    'has neither `_start` nor `_initialize`; expected one of them',
  ],
  'a module without `_start` and `_initialize` is rejected with a hint at its functions': [
    '(func (export "a")) (func (export "b"))',
    'has neither `_start` nor `_initialize`; expected one of them, or --invoke NAME; it exports a, b',
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

test('a program that cannot be instantiated exits with 2 and prints the error of the engine', async (t) => {
  const path = file(
    t,
    `(module (import "wasi" "thread-spawn" (func (param i32) (result i32)))
      (memory (export "memory") 1) (func (export "_start")))`,
  )
  for (const options of [[], ['--timeout', '1m']]) {
    const { code, stdout, stderr } = await run([...options, path])
    t.deepEqual({ code, stdout }, { code: 2, stdout: '' })
    t.true(stderr.startsWith(`capwasi: ${path}: WebAssembly.Instance(): Import #0`), stderr)
    t.regex(stderr, /^[^\n]+\n$/)
  }
})

onPosix('without an addon for the platform, the command exits with 2 and says so', async (t) => {
  const directory = tree(t)
  for (const name of ['cli.cjs', 'package.json', 'lib'])
    cpSync(join(root, name), join(directory, name), { recursive: true })
  const { code, stderr } = await run([program], { through: ['sh', '-c', 'exec "$1" "$0/cli.cjs" "$3"', directory] })
  t.is(code, 2)
  t.regex(stderr, /^capwasi: capwasi has no native addon for [^\n]+\n$/)
})

for (const option of ['--version', '-V']) {
  test(`${option} prints the version of the package`, async (t) => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    await prints(t, [option], `capwasi ${version}\n`)
    await prints(t, ['run', option], `capwasi ${version}\n`)
  })
}

test('--help into a closed pipe exits with 0', async (t) => {
  const through = ['sh', '-c', '"$@" | true; exit', 'sh']
  t.deepEqual(await run(['--help'], { through }), { code: 0, stdout: '', stderr: '' })
})

test('-h prints the same as --help', async (t) => {
  t.is((await run(['-h'])).stdout, (await run(['--help'])).stdout)
})

test('--help lists every option, on fewer than 50 lines of at most 100 columns', async (t) => {
  const { code, stdout, stderr } = await run(['--help'])
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  const lines = stdout.split('\n')
  t.true(lines.length < 50)
  for (const line of lines) t.true(line.length <= 100, line)
  const options = ['dir', 'overlay', 'memory-dir', 'env', 'inherit-env', 'listen', 'argv0', 'changes', 'seed', 'trace']
  const limits = ['timeout', 'max-cpu-time', 'max-output', 'max-memory', 'max-written', 'max-files', 'max-threads']
  for (const option of [...options, ...limits, 'invoke', 'summary', 'version', 'help'])
    t.regex(stdout, new RegExp(`^  (-\\w, )?--${option}\\b`, 'm'))
})
