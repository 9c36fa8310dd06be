// The functions of lib/imports.js, over native functions that record their calls.

import { readFileSync } from 'node:fs'
import test from 'ava'
import { makeImportClass } from '../../lib/imports.js'
import { source, waitingSource } from '../../scripts/imports.mjs'
import { FUNCTIONS } from '../support/abi.mjs'

const EMPTY = new Uint8Array(0)

/** The functions that the tests call: one without arguments, with an i32, and with an i32 and an i64. */
const TESTED = { sched_yield: 'none', fd_close: 'one', fd_filestat_set_size: 'wide' }

/** A class of import objects. Calls of its native functions are recorded; `act` decides their results. */
function fakeNative(act = () => undefined, names = Object.keys(FUNCTIONS)) {
  const buffer = new ArrayBuffer(80)
  const calls = []
  const native = (name) => () => {
    calls.push([name, new Uint32Array(buffer)[0], new Uint32Array(buffer)[2], new BigInt64Array(buffer)[2]])
    new Int32Array(buffer)[0] = 0
    return act(new Int32Array(buffer))
  }
  const natives = Object.fromEntries(names.map((name) => [name, native(TESTED[name] ?? name)]))
  return { calls, Imports: makeImportClass(natives, new Int32Array(buffer), new BigInt64Array(buffer), EMPTY) }
}

/** The functions of an import object that the tests call, by their short names. */
const tested = (imports) => Object.fromEntries(Object.entries(TESTED).map(([name, short]) => [short, imports[name]]))

/** The state that a sandbox shares with its functions. */
const makeState = (state) => ({
  bytes: new Uint8Array(1),
  run: undefined,
  checks: 0,
  refreshes: 0,
  check() {
    this.checks++
  },
  refreshMemory() {
    this.refreshes++
  },
  ...state,
})

const setUp = (act, state = makeState()) => {
  const native = fakeNative(act)
  const all = new native.Imports(7, state)
  return { native, state, all, imports: tested(all) }
}

test('a function writes the number of the sandbox and its arguments to the buffer', (t) => {
  const { native, imports } = setUp()
  t.is(imports.wide(5, -2n), 0)
  t.is(imports.none(), 0)
  t.deepEqual(native.calls[0], ['wide', 7, 5, -2n])
  t.deepEqual(native.calls[1].slice(0, 2), ['none', 7])
})

test('an errno in the buffer is returned', (t) => {
  t.is(setUp((ints) => void ints.set([8])).imports.one(1), 8)
})

test('the result of a native function is returned unless it is undefined', (t) => {
  const probe = {}
  t.is(setUp(() => probe).imports.one(1), probe)
})

for (const [what, name, args] of [
  ['too few arguments', 'one', []],
  ['too many arguments', 'none', [undefined]],
  ['-0', 'one', [-0]],
  ['a fraction', 'one', [1.5]],
  ['a number above 32 bits', 'one', [2 ** 32]],
  ['a number below 32 bits', 'one', [-(2 ** 31) - 1]],
  ['a bigint for an i32', 'one', [1n]],
  ['a number for an i64', 'wide', [1, 1]],
  ['an object with valueOf', 'one', [{ valueOf: () => 1 }]],
]) {
  test(`${what}: EINVAL after check(), without a native call or a look at the memory`, (t) => {
    const { native, state, imports } = setUp()
    state.bytes = EMPTY
    t.is(imports[name](...args), 28)
    t.deepEqual([native.calls.length, state.checks, state.refreshes], [0, 1, 0])
  })
}

test('numbers of 32 bits are accepted, signed and unsigned', (t) => {
  const { native, imports } = setUp()
  for (const number of [0, -1, 2 ** 31, 2 ** 32 - 1, -(2 ** 31)]) t.is(imports.one(number), 0)
  t.deepEqual(
    native.calls.map(([, , word]) => word),
    [0, 2 ** 32 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 31],
  )
})

test('without a first byte, the memory is refreshed before the native call', (t) => {
  const { native, state, imports } = setUp()
  imports.one(1)
  t.is(state.refreshes, 0)
  structuredClone(state.bytes.buffer, { transfer: [state.bytes.buffer] })
  imports.one(1)
  t.is(state.refreshes, 1)
  t.is(native.calls.length, 2)
})

test('if refreshMemory throws, there is no native call', (t) => {
  const thrown = new Error('ended')
  const refreshMemory = () => {
    throw thrown
  }
  const { native, imports } = setUp(undefined, makeState({ bytes: EMPTY, refreshMemory }))
  t.is(
    t.throws(() => imports.one(1)),
    thrown,
  )
  t.is(native.calls.length, 0)
})

test('outside a run, an exception is thrown unchanged, and the memory is refreshed before the next call', (t) => {
  const thrown = new Error('once')
  const { state, imports } = setUp(() => {
    throw thrown
  })
  t.is(
    t.throws(() => imports.one(1)),
    thrown,
  )
  t.is(state.bytes, EMPTY)
  t.is(state.run, undefined)
})

test('in a run, the first exception ends the run and is thrown again instead of later ones', (t) => {
  let count = 0
  const { state, imports } = setUp(() => {
    throw new Error(`exception ${++count}`)
  })
  state.run = { end: undefined }
  const first = t.throws(() => imports.one(1))
  t.is(state.run.end.thrown, first)
  t.is(
    t.throws(() => imports.one(1)),
    first,
  )
  t.is(first.message, 'exception 1')
})

test('lib/imports.js and lib/waiting-functions.js are the output of `npm run imports`', (t) => {
  const read = (name) => readFileSync(new URL(`../../lib/${name}`, import.meta.url), 'utf8')
  t.is(read('imports.js'), source())
  t.is(read('waiting-functions.js'), waitingSource())
})

test('a stack trace names the function and the file', (t) => {
  const { imports } = setUp(() => {
    throw new Error('here')
  })
  t.regex(t.throws(() => imports.one(1)).stack, /bound fd_close[^\n]*lib.imports\.js/)
})

test('functions have the names and lengths of bound functions, and no prototype', (t) => {
  const { all, imports } = setUp()
  t.deepEqual(Object.keys(all), Object.keys(FUNCTIONS))
  t.deepEqual(
    Object.entries(all).map(([, { name }]) => name),
    Object.keys(all).map((name) => `bound ${name}`),
  )
  t.deepEqual(
    [imports.wide.name, imports.wide.length, 'prototype' in imports.wide],
    ['bound fd_filestat_set_size', 2, false],
  )
  t.is(all.constructor.name, 'WASI')
})

test('import objects of a class share the native functions, and each passes its own number', (t) => {
  const { calls, Imports } = fakeNative()
  const [one, other] = [new Imports(1, makeState()), new Imports(2, makeState())]
  one.fd_close(5)
  other.fd_close(6)
  t.deepEqual(
    calls.map(([, id]) => id),
    [1, 2],
  )
  t.not(one.fd_close, other.fd_close)
})

test('a function that the namespace lacks is not in the import object', (t) => {
  const names = Object.keys(FUNCTIONS).filter((name) => name !== 'sock_accept')
  const { Imports } = fakeNative(undefined, names)
  t.deepEqual(Object.keys(new Imports(1, makeState())), names)
})
