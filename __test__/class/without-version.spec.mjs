// Without `version` a sandbox behaves as the first documented WASI of Node.

import test from 'ava'
import { WASI } from 'capwasi'
import { command, instantiate, node, rawGuest, tree } from '../support/guest.mjs'

const memory = new WebAssembly.Memory({ initial: 1 })
const exiting = command('(call $proc_exit (i32.const 7))')

test('new WASI() accepts no options and options without a version', (t) => {
  for (const options of [undefined, {}, { version: undefined }, { args: ['a'] }]) {
    t.notThrows(() => new WASI(options))
  }
})

test('getImportObject() without a version returns wasi_snapshot_preview1', (t) => {
  const wasi = new WASI()
  t.deepEqual(Object.keys(wasi.getImportObject()), ['wasi_snapshot_preview1'])
  t.is(wasi.getImportObject().wasi_snapshot_preview1, wasi.wasiImport)
})

test('new WASI() without a version checks the other options', (t) => {
  t.throws(() => new WASI(null), { code: 'ERR_INVALID_ARG_TYPE' })
  t.throws(() => new WASI({ args: 'a' }), { code: 'ERR_INVALID_ARG_TYPE' })
  t.throws(() => new WASI({ stdin: -1 }), { code: 'ERR_OUT_OF_RANGE' })
  t.throws(() => new WASI({ preopens: { '/': '/no/such/directory' } }), { code: 'UVWASI_ENOENT' })
  t.throws(() => new WASI({ returnOnExit: 1 }), { code: 'ERR_INVALID_ARG_TYPE' })
})

test('args, env and preopens apply without a version', (t) => {
  const preopens = { '/': tree(t, { 'in.txt': 'hello' }) }
  const guest = rawGuest({ version: undefined, args: ['a', 'b'], env: { A: '1' }, preopens })
  t.deepEqual([guest.strings('args'), guest.strings('environ')], [['a', 'b'], ['A=1']])
  t.is(guest.read(guest.open('in.txt')), 'hello')
})

test('start() without a version calls _start and ignores _initialize', (t) => {
  const calls = []
  const exports = { memory, _start: () => calls.push('_start'), _initialize: () => calls.push('_initialize') }
  new WASI().start({ exports })
  t.deepEqual(calls, ['_start'])
})

test('start() without a version prefers _start to __wasi_unstable_reactor_start', (t) => {
  const calls = []
  const exports = {
    memory,
    _start: () => calls.push('command'),
    __wasi_unstable_reactor_start: () => calls.push('reactor'),
  }
  new WASI().start({ exports })
  t.deepEqual(calls, ['command'])
})

test('start() without a version and _start calls __wasi_unstable_reactor_start', (t) => {
  const calls = []
  new WASI().start({ exports: { memory, __wasi_unstable_reactor_start: () => calls.push('reactor') } })
  t.deepEqual(calls, ['reactor'])
})

test('start() without a version on a library without entry binds the memory', (t) => {
  const own = new WebAssembly.Memory({ initial: 1 })
  const wasi = new WASI({ args: ['one'] })
  t.notThrows(() => wasi.start({ exports: { memory: own } }))
  t.is(wasi.wasiImport.args_sizes_get(0, 4), 0)
  t.deepEqual([...new Uint32Array(own.buffer, 0, 2)], [1, 4])
})

test('start() without a version throws a TypeError for an invalid instance or memory', (t) => {
  for (const instance of [
    undefined,
    null,
    5,
    {},
    { exports: {} },
    { exports: { memory: {} } },
    { exports: { memory: null } },
  ]) {
    t.throws(() => new WASI().start(instance), { instanceOf: TypeError })
  }
})

test('start() without a version returns the exit code if returnOnExit is true', (t) => {
  const wasi = new WASI({ returnOnExit: true })
  t.is(wasi.start(instantiate(wasi, exiting)), 7)
})

test('proc_exit without a version ends the process by default', async (t) => {
  const script = `
    const { WASI } = require('capwasi')
    const wasi = new WASI()
    const memory = new WebAssembly.Memory({ initial: 1 })
    wasi.start({ exports: { memory, _start: () => wasi.wasiImport.proc_exit(7) } })
    console.log('not reached')`
  t.like(await node(script), { code: 7, stdout: '' })
})

test('start() without a version rethrows exceptions of the guest', (t) => {
  const thrown = { any: 'value' }
  const exports = {
    memory,
    _start() {
      throw thrown
    },
  }
  t.is(
    t.throws(() => new WASI().start({ exports }), { any: true }),
    thrown,
  )
})
