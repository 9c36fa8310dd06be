// Options of run() and spawn(): unknown names and invalid values are refused.

import { inspect } from 'node:util'
import test from 'ava'
import { CAT, failure, program, run, spawn } from '../support/process.mjs'

const HELLO = program('')

/** Checks that run() rejects and spawn() throws. */
async function refused(t, options, code, message) {
  const error = await failure(run(HELLO, [], options))
  t.is(error.code, code)
  t.regex(error.message, message)
  t.throws(() => spawn(HELLO, [], options), { code, message })
}

for (const [options, message] of [
  [{ timeOut: 3 }, /^The property 'options\['timeOut'\]' is unknown, .* Did you mean 'timeout'\?$/],
  [{ preopen: {} }, /'options\['preopen'\]' is unknown, .* Did you mean 'preopens'\?$/],
  [{ limit: {} }, /'options\['limit'\]' is unknown, .* Did you mean 'limits'\?$/],
  [{ cwd: '/' }, /'options\['cwd'\]' is unknown, /],
  [{ stdin: 'inherit' }, /'options\['stdin'\]' is unknown, /],
  [{ xyz: undefined }, /'options\['xyz'\]' is unknown, must be one of: 'argv0', 'env', 'preopens'/],
  [{ limits: { Memory: 3 } }, /'options\.limits\['Memory'\]' is unknown, .* Did you mean 'memory'\?$/],
  [{ limits: { cpu: 3 } }, /'options\.limits\['cpu'\]' is unknown, /],
  [{ clock: { real: 1n } }, /'options\.clock\['real'\]' is unknown, /],
]) {
  test(`${inspect(options)} is refused`, (t) => refused(t, options, 'ERR_INVALID_ARG_VALUE', message))
}

test('the options of spawn are unknown to run, and those of run to spawn', async (t) => {
  t.regex((await failure(run(HELLO, [], { stdio: 'pipe' }))).message, /'options\['stdio'\]' is unknown/)
  for (const options of [
    { input: '' },
    { stdout: 'pipe' },
    { stderr: 'pipe' },
    { encoding: 'utf8' },
    { reject: false },
  ])
    t.throws(() => spawn(HELLO, [], options), { code: 'ERR_INVALID_ARG_VALUE', message: /is unknown/ })
})

test('inherited properties of options are ignored', async (t) => {
  const options = Object.create({ unknown: 1 })
  options.argv0 = 'a'
  t.is((await run(HELLO, [], options)).exitCode, 0)
})

for (const [title, options, code] of [
  ['argv0 of another type', { argv0: 1 }, 'ERR_INVALID_ARG_TYPE'],
  ['env of another type', { env: 'A=1' }, 'ERR_INVALID_ARG_TYPE'],
  ['preopens of another type', { preopens: '/' }, 'ERR_INVALID_ARG_TYPE'],
  ['a timeout of 0', { timeout: 0 }, 'ERR_OUT_OF_RANGE'],
  ['a timeout beyond 2^31 - 1', { timeout: 2 ** 31 }, 'ERR_OUT_OF_RANGE'],
  ['a timeout that is no integer', { timeout: 1.5 }, 'ERR_OUT_OF_RANGE'],
  ['a timeout that is NaN', { timeout: Number.NaN }, 'ERR_OUT_OF_RANGE'],
  ['a timeout of another type', { timeout: '1' }, 'ERR_INVALID_ARG_TYPE'],
  ['a signal that is none', { signal: {} }, 'ERR_INVALID_ARG_TYPE'],
  ['trace of another type', { trace: 'yes' }, 'ERR_INVALID_ARG_TYPE'],
  ['limits of another type', { limits: 1 }, 'ERR_INVALID_ARG_TYPE'],
  ['a memory that is negative', { limits: { memory: -1 } }, 'ERR_OUT_OF_RANGE'],
  ['a memory of another type', { limits: { memory: 1n } }, 'ERR_INVALID_ARG_TYPE'],
  ['a cpuTime of 0', { limits: { cpuTime: 0 } }, 'ERR_OUT_OF_RANGE'],
  ['threads that are negative', { limits: { threads: -1 } }, 'ERR_OUT_OF_RANGE'],
  ['a clock with a function', { clock: { realtime: () => 0n } }, 'ERR_INVALID_ARG_TYPE'],
  ['a clock with a number', { clock: { monotonic: 1 } }, 'ERR_INVALID_ARG_TYPE'],
  ['options of another type', 'options', 'ERR_INVALID_ARG_TYPE'],
]) {
  test(`${title} is refused`, (t) => refused(t, options, code, /./))
}

for (const [title, options] of [
  ['openFiles of 0', { limits: { openFiles: 0 } }],
  ['an output that is negative', { limits: { output: -1 } }],
  ['a seed of another type', { random: { seed: 'x' } }],
  ['an unknown name in random', { random: { sed: 1 } }],
  ['sockets of another type', { sockets: '127.0.0.1:0' }],
  ['an unknown name in a preopen', { preopens: { '/': { path: '.', readOnly: true } } }],
]) {
  test(`${title} rejects with the error of new WASI, and starts no guest`, async (t) => {
    t.regex((await failure(run(HELLO, [], options))).code, /^(ERR_INVALID_ARG_(TYPE|VALUE)|ERR_OUT_OF_RANGE)$/)
    const guest = spawn(HELLO, [], options)
    guest.on('spawn', () => t.fail())
    await failure(guest.result)
  })
}

test('invalid arguments are refused', async (t) => {
  for (const args of ['text', 1, null, {}, [1], ['a', undefined]]) {
    t.is((await failure(run(HELLO, args))).code, 'ERR_INVALID_ARG_TYPE')
    t.throws(() => spawn(HELLO, args), { code: 'ERR_INVALID_ARG_TYPE' })
  }
  t.regex((await failure(run(HELLO, ['a\0b']))).code, /^ERR_INVALID_ARG_VALUE|UVWASI_/)
})

test('invalid outputs and encodings of run are refused', async (t) => {
  for (const stdout of ['pip', null, {}, -1, 1.5, true, [], new ReadableStream()])
    for (const name of ['stdout', 'stderr'])
      t.is((await failure(run(HELLO, [], { [name]: stdout }))).code, 'ERR_INVALID_ARG_TYPE')
  for (const encoding of ['utf-9', '', 1, null])
    t.is((await failure(run(HELLO, [], { encoding }))).code, 'ERR_INVALID_ARG_VALUE')
  t.is((await failure(run(HELLO, [], { reject: 0 }))).code, 'ERR_INVALID_ARG_TYPE')
})

test('invalid stdio of spawn is refused', (t) => {
  for (const stdio of ['pip', 1, {}, ['x'], [-1], [true], ['pipe', () => {}]])
    t.throws(() => spawn(CAT, [], { stdio }), { code: 'ERR_INVALID_ARG_TYPE' })
  t.throws(() => spawn(CAT, [], { stdio: ['pipe', 'pipe', 'pipe', 'pipe'] }), { code: 'ERR_INVALID_ARG_VALUE' })
})

test('options that are undefined are absent', async (t) => {
  const names = ['argv0', 'env', 'preopens', 'sockets', 'clock', 'random', 'timeout', 'signal', 'limits', 'trace']
  const common = Object.fromEntries(names.map((name) => [name, undefined]))
  const run1 = { input: undefined, stdout: undefined, stderr: undefined, encoding: undefined, reject: undefined }
  t.is((await run(HELLO, undefined, { ...common, ...run1 })).exitCode, 0)
  t.is((await run(HELLO, undefined, undefined)).exitCode, 0)
  t.is((await spawn(HELLO, undefined, { ...common, stdio: undefined }).result).exitCode, 0)
  const limits = Object.fromEntries(
    ['memory', 'cpuTime', 'threads', 'openFiles', 'output', 'writtenBytes'].map((name) => [name, undefined]),
  )
  t.is((await run(HELLO, [], { limits })).exitCode, 0)
})

test('an invalid option starts no guest and takes no place in a pool', async (t) => {
  for (let round = 0; round < 100; round++) await failure(run(HELLO, [], { timeout: -1 }))
  t.is((await run(HELLO)).exitCode, 0)
})
