// Own symbols of an instance. Thread libraries such as emnapi find these symbols by description.

import test from 'ava'
import { WASI } from 'capwasi'
import { command, instantiate } from '../support/guest.mjs'

const newWasi = (options) => new WASI({ version: 'preview1', args: ['one'], ...options })
const symbolOf = (wasi, name) => Object.getOwnPropertySymbols(wasi).find(({ description }) => description === name)
const memory = new WebAssembly.Memory({ initial: 1 })

test('an instance has the own symbols of node:wasi', (t) => {
  const descriptions = Object.getOwnPropertySymbols(newWasi()).map((own) => own.description)
  t.deepEqual(descriptions.sort(), ['kBindingName', 'kExitCode', 'kInstance', 'kSetMemory', 'kStarted'])
})

test('two instances have the same symbols', (t) => {
  t.deepEqual(Object.getOwnPropertySymbols(newWasi()), Object.getOwnPropertySymbols(newWasi()))
})

for (const [version, name] of [
  ['preview1', 'wasi_snapshot_preview1'],
  ['unstable', 'wasi_unstable'],
]) {
  test(`kBindingName of ${version} is ${name}`, (t) => {
    const wasi = newWasi({ version })
    t.is(wasi[symbolOf(wasi, 'kBindingName')], name)
  })
}

test('kStarted is true only after a successful start()', (t) => {
  const wasi = newWasi()
  t.false(wasi[symbolOf(wasi, 'kStarted')])
  t.throws(() => wasi.start({}))
  t.false(wasi[symbolOf(wasi, 'kStarted')])
  wasi.start({ exports: { memory, _start() {} } })
  t.true(wasi[symbolOf(wasi, 'kStarted')])
})

test('setting kStarted to false allows another start()', (t) => {
  const wasi = newWasi()
  for (const method of ['start', 'start', 'finalizeBindings']) {
    wasi[symbolOf(wasi, 'kStarted')] = false
    t.notThrows(() => wasi[method]({ exports: { memory, _start() {} } }))
  }
})

test('start() after setting kStarted to true throws ERR_WASI_ALREADY_STARTED', (t) => {
  const wasi = newWasi()
  wasi[symbolOf(wasi, 'kStarted')] = true
  t.throws(() => wasi.start({ exports: { memory, _start() {} } }), { code: 'ERR_WASI_ALREADY_STARTED' })
})

test('kInstance is the instance passed to start()', (t) => {
  const wasi = newWasi()
  t.is(wasi[symbolOf(wasi, 'kInstance')], undefined)
  const instance = { exports: { memory, _start() {} } }
  wasi.start(instance)
  t.is(wasi[symbolOf(wasi, 'kInstance')], instance)
})

test('kSetMemory() binds a memory without start()', (t) => {
  const wasi = newWasi()
  const shared = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
  t.throws(() => wasi.wasiImport.sched_yield(), { code: 'ERR_WASI_NOT_STARTED' })
  t.is(wasi[symbolOf(wasi, 'kSetMemory')](shared), undefined)
  t.is(wasi.wasiImport.args_sizes_get(0, 4), 0)
  t.deepEqual([...new Uint32Array(shared.buffer, 0, 2)], [1, 4])
})

test('kSetMemory() works without a receiver and replaces the memory', (t) => {
  const wasi = newWasi()
  const setMemory = wasi[symbolOf(wasi, 'kSetMemory')]
  const [first, last] = [new WebAssembly.Memory({ initial: 1 }), new WebAssembly.Memory({ initial: 1 })]
  setMemory(first)
  wasi.wasiImport.sched_yield()
  setMemory(last)
  t.is(wasi.wasiImport.args_sizes_get(0, 4), 0)
  t.is(new Uint32Array(first.buffer)[0], 0)
  t.is(new Uint32Array(last.buffer)[0], 1)
})

test('kSetMemory() with an object that is not a memory throws ERR_INVALID_ARG_TYPE', (t) => {
  const wasi = newWasi()
  t.throws(() => wasi[symbolOf(wasi, 'kSetMemory')]({}), {
    instanceOf: TypeError,
    code: 'ERR_INVALID_ARG_TYPE',
    message: '"instance.exports.memory" property must be a WebAssembly.Memory object',
  })
})

test('kExitCode is the code that start() returns', (t) => {
  const wasi = newWasi()
  t.is(wasi[symbolOf(wasi, 'kExitCode')], 0)
  t.is(wasi.start(instantiate(wasi, command('(call $proc_exit (i32.const 5))'))), 5)
  t.is(wasi[symbolOf(wasi, 'kExitCode')], 5)
})

test('start() calls a patched proc_exit after instance and memory were set by symbol', (t) => {
  const wasi = newWasi()
  const events = []
  const { start } = wasi
  wasi.start = function (instance) {
    events.push('start')
    return start.call(this, instance)
  }
  const { proc_exit } = wasi.wasiImport
  wasi.wasiImport.proc_exit = function (code) {
    events.push('exit')
    return proc_exit.call(this, code)
  }
  const instance = instantiate(wasi, command('(call $proc_exit (i32.const 3))'))
  wasi[symbolOf(wasi, 'kInstance')] = instance
  wasi[symbolOf(wasi, 'kSetMemory')](instance.exports.memory)
  t.is(wasi.start(instance), 3)
  t.deepEqual(events, ['start', 'exit'])
})
