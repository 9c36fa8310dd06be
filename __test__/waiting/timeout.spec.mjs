// start() with a timeout, in every runtime.

import test from 'ava'
import { createRequire } from 'node:module'
import { runInNewContext } from 'node:vm'
import { instantiate } from '../support/guest.mjs'
import { guest, sleep } from '../support/suspending.mjs'

const { WASI } = createRequire(import.meta.url)('capwasi')
const newWasi = (options) => new WASI({ version: 'preview1', ...options })

/** Starts a guest with blocking imports. */
const start = (text, options, wasi = newWasi()) => wasi.start(instantiate(wasi, text), options)

const LOOP = guest('(loop (br 0))')
const TIMEOUT = { code: 'ERR_WASI_TIMEOUT', message: 'The guest was stopped by its timeout of 20 ms' }

test('start() with a timeout stops a guest that computes', (t) => {
  t.throws(() => start(LOOP, { timeout: 20 }), TIMEOUT)
})

test('start() with a timeout stops a guest that waits', (t) => {
  t.throws(() => start(guest(sleep(100_000)), { timeout: 20 }), TIMEOUT)
})

test('start() with a timeout stops a guest that makes host calls forever', (t) => {
  const calls = '(loop (drop (call $write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))) (br 0))'
  t.throws(() => start(guest(calls), { timeout: 20 }), TIMEOUT)
})

test('start() with a timeout returns the exit code of a guest that ends before', (t) => {
  t.is(start(guest('(call $exit (i32.const 7))'), { timeout: 60_000 }), 7)
  t.is(start(guest(''), { timeout: 60_000 }), 0)
})

test('start() with a timeout throws the exceptions of the guest and of callbacks', (t) => {
  t.throws(() => start(guest('unreachable'), { timeout: 60_000 }), { instanceOf: WebAssembly.RuntimeError })
  const error = new Error('of a callback')
  const stdout = () => {
    throw error
  }
  const write = `(i32.store (i32.const 4) (i32.const 1))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))`
  t.is(
    t.throws(() => start(guest(write), { timeout: 60_000 }, newWasi({ stdout }))),
    error,
  )
})

test('exports can be called after a timeout', (t) => {
  const wasi = newWasi()
  const instance = instantiate(wasi, guest('(loop (br 0))', '(func (export "five") (result i32) (i32.const 5))'))
  t.throws(() => wasi.start(instance, { timeout: 20 }), TIMEOUT)
  t.is(instance.exports.five(), 5)
  t.is(wasi.wasiImport.sched_yield(), 0)
})

test('a guest in a guest has a timeout of its own', (t) => {
  const inner = () => {
    t.throws(() => start(LOOP, { timeout: 20 }), TIMEOUT)
    return null
  }
  const read =
    '(i32.store (i32.const 4) (i32.const 1))' +
    '(drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))'
  t.is(start(guest(read), { timeout: 60_000 }, newWasi({ stdin: inner })), 0)
})

test('the timeout of node:vm around start() is not the timeout of start()', (t) => {
  const run = () => start(LOOP, { timeout: 60_000 })
  t.throws(() => runInNewContext('run()', { run }, { timeout: 20 }), { code: 'ERR_SCRIPT_EXECUTION_TIMEOUT' })
})

for (const [value, code, message] of [
  ['5', 'ERR_INVALID_ARG_TYPE', /"options\.timeout" property must be of type number\. Received type string \('5'\)/],
  [null, 'ERR_INVALID_ARG_TYPE', /Received null/],
  [0, 'ERR_OUT_OF_RANGE', /The value of "options\.timeout" is out of range\. It must be >= 1 .* Received 0/],
  [-1, 'ERR_OUT_OF_RANGE', /Received -1/],
  [1.5, 'ERR_OUT_OF_RANGE', /It must be an integer\. Received 1\.5/],
  [Number.NaN, 'ERR_OUT_OF_RANGE', /Received NaN/],
  [2 ** 32, 'ERR_OUT_OF_RANGE', /Received 4_?294_?967_?296/],
]) {
  test(`start() with the timeout ${value} throws ${code}`, (t) => {
    const wasi = newWasi()
    const instance = instantiate(wasi, guest(''))
    t.throws(() => wasi.start(instance, { timeout: value }), { code, message })
    t.is(wasi.start(instance), 0)
  })
}

for (const [options, message] of [
  [{ timout: 1 }, "The property 'options['timout']' is unknown, must be one of: 'timeout'. Did you mean 'timeout'?"],
  [{ signal: undefined }, /Only startAsync\(\) and initializeAsync\(\) can be aborted/],
  [{ suspending: true }, /an option of getImportObject\(\)/],
  [{ other: 1 }, "The property 'options['other']' is unknown, must be one of: 'timeout'"],
]) {
  test(`start() with the options ${Object.keys(options)} throws ERR_INVALID_ARG_VALUE`, (t) => {
    t.throws(() => start(guest(''), options), { code: 'ERR_INVALID_ARG_VALUE', message })
  })
}

test('start() with options that are no object throws ERR_INVALID_ARG_TYPE', (t) => {
  for (const options of [null, 5, 'x', [], new Map(), new Date()]) {
    t.throws(() => start(guest(''), options), { code: 'ERR_INVALID_ARG_TYPE', message: /^The "options" argument/ })
  }
  t.is(start(guest(''), undefined), 0)
})
