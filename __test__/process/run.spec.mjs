// run(): the result of a program, its arguments, environment, directories, sockets, clocks and random numbers.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { Directory } from 'capwasi'
import * as esm from 'capwasi/process'
import { node, tree } from '../support/guest.mjs'
import { failure, guestFile, print, program, run, sleep } from '../support/process.mjs'

const require = createRequire(import.meta.url)

/** Runs guests/arguments.c. Returns its arguments. */
const argumentsOf = async (program, args, options) => {
  const { stdout } = await run(program, args, options)
  return [...stdout.matchAll(/^<(.*)>$/gm)].map(([, argument]) => argument)
}
const ARGUMENTS = guestFile('arguments')

test('ESM and CommonJS export the same', (t) => {
  const commonjs = require('capwasi/process')
  t.deepEqual(Object.keys(commonjs).sort(), ['Pool', 'ProcessError', 'run', 'spawn'])
  t.deepEqual(Object.keys(esm).sort(), ['Pool', 'ProcessError', 'default', 'run', 'spawn'])
  t.deepEqual({ ...esm, default: undefined }, { ...commonjs, default: undefined })
  t.is(esm.default, commonjs)
})

test('run() returns a promise of the result', async (t) => {
  const { durationMs, cpuTimeMs, ...result } = await run(program(print('out') + print('err', 2)))
  t.deepEqual(result, {
    exitCode: 0,
    stdout: 'out',
    stderr: 'err',
    timedOut: false,
    aborted: false,
    exceeded: undefined,
    trap: undefined,
    peakMemory: 65536,
  })
  t.true(durationMs > 0)
  t.true(cpuTimeMs > 0)
})

test('the guest receives its arguments after the name of the file', async (t) => {
  const args = ['', '--flag', 'ü \u{1f600}', 'a b']
  t.deepEqual(await argumentsOf(ARGUMENTS, args), ['arguments.wasm', ...args])
})

test('argv0 replaces the name of the program', async (t) => {
  t.deepEqual(await argumentsOf(ARGUMENTS, [], { argv0: 'other' }), ['other'])
})

test('a program without a file has the name program.wasm', async (t) => {
  const bytes = readFileSync(ARGUMENTS)
  for (const unnamed of [bytes, new Uint8Array(bytes), new WebAssembly.Module(bytes)])
    t.deepEqual(await argumentsOf(unnamed, ['a']), ['program.wasm', 'a'])
})

test('changes of arguments and options after run() have no effect', async (t) => {
  const directory = tree(t, { file: 'text' })
  const args = ['a']
  const options = { argv0: 'x', env: {}, preopens: { '/': directory }, limits: { memory: 64 << 20 } }
  const running = argumentsOf(ARGUMENTS, args, options)
  args[0] = 'b'
  options.argv0 = 'y'
  options.limits.memory = 0
  delete options.preopens['/']
  t.deepEqual(await running, ['x', 'a'])
})

test('the guest inherits no variables of the process', async (t) => {
  process.env.CAPWASI_SPEC = 'inherited'
  t.teardown(() => delete process.env.CAPWASI_SPEC)
  const sizes = (env) => run(ENVIRONMENT, [], { env })
  t.is((await sizes(undefined)).exitCode, 0)
  const { exitCode, stdout } = await run(ENVIRONMENT, [], { env: { NAME: 'ü', UNSET: undefined }, reject: false })
  t.deepEqual([exitCode, stdout], [1, 'NAME=ü\0'])
})

/** Prints the environment, and exits with the number of variables. */
const ENVIRONMENT = program(
  `(drop (call $environ_sizes_get (i32.const 16) (i32.const 20)))
   (drop (call $environ_get (i32.const 512) (i32.const 1024)))
   (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.load (i32.const 20)))
   (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 24)))
   (call $proc_exit (i32.load (i32.const 16)))`,
  { calls: ['environ_get', 'environ_sizes_get'] },
)

test('preopens are directories of the host', async (t) => {
  const directory = tree(t, { 'in.txt': 'host' })
  for (const value of [directory, pathToFileURL(directory), { path: directory, readonly: true }])
    t.is((await run(COPY_FILE, [], { preopens: { '/': value }, input: 'x' })).stdout, 'host')
})

test('a Directory is shared with JavaScript while the guest runs', async (t) => {
  const memory = Directory.memory({ 'in.txt': 'first' })
  t.teardown(() => memory.close())
  const { stdout } = await run(COPY_FILE, [], {
    preopens: { '/': memory },
    // The guest waits for the line: JavaScript has then changed the file that the guest reads next.
    input: (async function* () {
      memory.writeFileSync('in.txt', 'second')
      yield 'go'
    })(),
  })
  t.is(stdout, 'second')
  t.is(memory.readFileSync('in.txt', 'utf8'), 'second')
})

/** Reads a byte of stdin, then prints the file in.txt. */
const COPY_FILE = program(
  `(i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 1))
   (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 24)))
   (drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 6) (i32.const 0)
     (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 28)))
   (i32.store (i32.const 4) (i32.const 100))
   (drop (call $fd_read (i32.load (i32.const 28)) (i32.const 0) (i32.const 1) (i32.const 24)))
   (i32.store (i32.const 4) (i32.load (i32.const 24)))
   (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 24)))`,
  { calls: ['fd_read', 'path_open'], more: '(data (i32.const 512) "in.txt")' },
)

test('a Directory in memory, an overlay and a readonly directory are values of preopens', async (t) => {
  const memory = Directory.memory({ 'in.txt': 'memory' })
  const overlay = Directory.overlay(memory)
  t.teardown(() => overlay.close())
  t.teardown(() => memory.close())
  for (const value of [memory, overlay, { directory: memory, readonly: true }])
    t.is((await run(COPY_FILE, [], { preopens: { '/': value }, input: 'x' })).stdout, 'memory')
})

test('a preopen that does not exist rejects with the error of new WASI', async (t) => {
  const error = await failure(run(program(''), [], { preopens: { '/': '/no/such' } }))
  t.is(error.code, 'UVWASI_ENOENT')
  t.regex(error.message, /options\.preopens\['\/'\]/)
})

test('fixed clocks advance only while the guest sleeps', async (t) => {
  const CLOCKS = program(
    `${sleep(5000)}
     (drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 1024)))
     (drop (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 1032)))
     (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 16))
     (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 24)))`,
    { calls: ['clock_time_get'] },
  )
  const clock = { realtime: 10n ** 18n, monotonic: 7n }
  const { stdout } = await run(CLOCKS, [], { clock, encoding: 'buffer' })
  t.is(stdout.readBigUInt64LE(0), 10n ** 18n + 5n * 10n ** 9n)
  t.is(stdout.readBigUInt64LE(8), 7n + 5n * 10n ** 9n)
})

test('a seed repeats the random bytes', async (t) => {
  const random = (seed) => run(RANDOM, [], { random: { seed }, encoding: 'buffer' })
  const [first, second, other] = await Promise.all([random(1), random(1), random(2)])
  t.deepEqual(first.stdout, second.stdout)
  t.notDeepEqual(first.stdout, other.stdout)
})

const RANDOM = program(
  `(drop (call $random_get (i32.const 1024) (i32.const 32)))
   (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 32))
   (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 24)))`,
  { calls: ['random_get'] },
)

test('without a seed the random bytes differ', async (t) => {
  const [first, second] = await Promise.all([1, 2].map(() => run(RANDOM, [], { encoding: 'buffer' })))
  t.notDeepEqual(first.stdout, second.stdout)
})

test('trace logs the calls of the guest to standard error of the process', async (t) => {
  const { stdout, stderr } = await node(
    `import { print, program, run } from './__test__/support/process.mjs'
     const { stdout, stderr } = await run(program(print('text')), [], { trace: true })
     console.log(stdout, [stderr])`,
    { module: true },
  )
  t.is(stdout, "text [ '' ]\n")
  t.regex(stderr, /fd_write\(1, .*text/)
})

test('encoding is that of stdout and stderr', async (t) => {
  const bytes = program(print('ü') + print('é', 2))
  for (const [encoding, stdout, stderr] of [
    [undefined, 'ü', 'é'],
    ['utf8', 'ü', 'é'],
    ['latin1', 'Ã¼', 'Ã©'],
    ['hex', 'c3bc', 'c3a9'],
    ['base64', 'w7w=', 'w6k='],
    ['buffer', Buffer.from('ü'), Buffer.from('é')],
  ]) {
    const result = await run(bytes, [], { encoding })
    t.deepEqual([result.stdout, result.stderr], [stdout, stderr], encoding)
    t.is(Buffer.isBuffer(result.stdout), encoding === 'buffer')
  }
})

test('peakMemory is the size of the memories at the end', async (t) => {
  const { peakMemory } = await run(program('(drop (memory.grow (i32.const 9)))'))
  t.is(peakMemory, 10 * 65536)
})

test('cpuTimeMs does not count waiting', async (t) => {
  const { cpuTimeMs, durationMs } = await run(program(sleep(300)))
  t.true(cpuTimeMs < durationMs)
})

test('a program of snapshot 0 runs', async (t) => {
  const { stdout } = await run(program(print('old'), { namespace: 'wasi_unstable' }))
  t.is(stdout, 'old')
})
