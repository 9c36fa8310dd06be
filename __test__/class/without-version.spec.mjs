// Without `version` a sandbox behaves as WASI in Node was first documented.

import test from 'ava'
import { WASI } from 'capwasi'
import { command, instantiate, node, rawGuest, tree } from '../support/guest.mjs'

const memory = new WebAssembly.Memory({ initial: 1 })
const exiting = command('(call $proc_exit (i32.const 7))')

test('no options, or options without a version, are fine', (t) => {
  for (const options of [undefined, {}, { version: undefined }, { args: ['a'] }]) {
    t.notThrows(() => new WASI(options))
  }
})

test('the functions are imported from wasi_snapshot_preview1', (t) => {
  const wasi = new WASI()
  t.deepEqual(Object.keys(wasi.getImportObject()), ['wasi_snapshot_preview1'])
  t.is(wasi.getImportObject().wasi_snapshot_preview1, wasi.wasiImport)
})

test('the other options are checked all the same', (t) => {
  t.throws(() => new WASI(null), { code: 'ERR_INVALID_ARG_TYPE' })
  t.throws(() => new WASI({ args: 'a' }), { code: 'ERR_INVALID_ARG_TYPE' })
  t.throws(() => new WASI({ stdin: -1 }), { code: 'ERR_OUT_OF_RANGE' })
  t.throws(() => new WASI({ preopens: { '/': '/no/such/directory' } }), { code: 'UVWASI_ENOENT' })
  t.throws(() => new WASI({ returnOnExit: 1 }), { code: 'ERR_INVALID_ARG_TYPE' })
})

test('args, env and preopens reach the guest', (t) => {
  const preopens = { '/': tree(t, { 'in.txt': 'hello' }) }
  const guest = rawGuest({ version: undefined, args: ['a', 'b'], env: { A: '1' }, preopens })
  t.deepEqual([guest.strings('args'), guest.strings('environ')], [['a', 'b'], ['A=1']])
  t.is(guest.read(guest.open('in.txt')), 'hello')
})

test('start calls _start, and does not mind an _initialize', (t) => {
  const calls = []
  const exports = { memory, _start: () => calls.push('_start'), _initialize: () => calls.push('_initialize') }
  new WASI().start({ exports })
  t.deepEqual(calls, ['_start'])
})

test('start prefers _start to __wasi_unstable_reactor_start', (t) => {
  const calls = []
  const exports = {
    memory,
    _start: () => calls.push('command'),
    __wasi_unstable_reactor_start: () => calls.push('reactor'),
  }
  new WASI().start({ exports })
  t.deepEqual(calls, ['command'])
})

test('start calls __wasi_unstable_reactor_start when there is no _start', (t) => {
  const calls = []
  new WASI().start({ exports: { memory, __wasi_unstable_reactor_start: () => calls.push('reactor') } })
  t.deepEqual(calls, ['reactor'])
})

test('start with neither binds the memory and does nothing', (t) => {
  const own = new WebAssembly.Memory({ initial: 1 })
  const wasi = new WASI({ args: ['one'] })
  t.notThrows(() => wasi.start({ exports: { memory: own } }))
  t.is(wasi.wasiImport.args_sizes_get(0, 4), 0)
  t.deepEqual([...new Uint32Array(own.buffer, 0, 2)], [1, 4])
})

test('start throws when the instance or its memory is none', (t) => {
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

test('with returnOnExit start returns the exit code', (t) => {
  const wasi = new WASI({ returnOnExit: true })
  t.is(wasi.start(instantiate(wasi, exiting)), 7)
})

test('returnOnExit is false by default: the guest ends the process', async (t) => {
  const script = `
    const { WASI } = require('capwasi')
    const wasi = new WASI()
    const memory = new WebAssembly.Memory({ initial: 1 })
    wasi.start({ exports: { memory, _start: () => wasi.wasiImport.proc_exit(7) } })
    console.log('not reached')`
  t.like(await node(script), { code: 7, stdout: '' })
})

test('what the guest throws propagates unchanged', (t) => {
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
