// Own symbols of an instance, which thread libraries such as emnapi find by their descriptions.

import test from 'ava'
import { WASI } from 'capwasi'
import { command, instantiate } from '../support/guest.mjs'

const make = (options) => new WASI({ version: 'preview1', args: ['one'], ...options })
const symbol = (wasi, description) => Object.getOwnPropertySymbols(wasi).find((own) => own.description === description)
const memory = new WebAssembly.Memory({ initial: 1 })

test('the symbols are those of Node', (t) => {
  const descriptions = Object.getOwnPropertySymbols(make()).map((own) => own.description)
  t.deepEqual(descriptions.sort(), ['kBindingName', 'kExitCode', 'kInstance', 'kSetMemory', 'kStarted'])
})

test('two sandboxes have the same symbols', (t) => {
  t.deepEqual(Object.getOwnPropertySymbols(make()), Object.getOwnPropertySymbols(make()))
})

for (const [version, name] of [
  ['preview1', 'wasi_snapshot_preview1'],
  ['unstable', 'wasi_unstable'],
]) {
  test(`kBindingName of ${version} is ${name}`, (t) => {
    const wasi = make({ version })
    t.is(wasi[symbol(wasi, 'kBindingName')], name)
  })
}

test('kStarted says whether the sandbox has started', (t) => {
  const wasi = make()
  t.false(wasi[symbol(wasi, 'kStarted')])
  t.throws(() => wasi.start({}))
  t.false(wasi[symbol(wasi, 'kStarted')])
  wasi.start({ exports: { memory, _start() {} } })
  t.true(wasi[symbol(wasi, 'kStarted')])
})

test('setting kStarted to false allows another start', (t) => {
  const wasi = make()
  for (const method of ['start', 'start', 'finalizeBindings']) {
    wasi[symbol(wasi, 'kStarted')] = false
    t.notThrows(() => wasi[method]({ exports: { memory, _start() {} } }))
  }
})

test('setting kStarted to true forbids the first start', (t) => {
  const wasi = make()
  wasi[symbol(wasi, 'kStarted')] = true
  t.throws(() => wasi.start({ exports: { memory, _start() {} } }), { code: 'ERR_WASI_ALREADY_STARTED' })
})

test('kInstance is the instance of the start', (t) => {
  const wasi = make()
  t.is(wasi[symbol(wasi, 'kInstance')], undefined)
  const instance = { exports: { memory, _start() {} } }
  wasi.start(instance)
  t.is(wasi[symbol(wasi, 'kInstance')], instance)
})

test('kSetMemory binds a memory without a start', (t) => {
  const wasi = make()
  const own = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
  t.throws(() => wasi.wasiImport.sched_yield(), { code: 'ERR_WASI_NOT_STARTED' })
  t.is(wasi[symbol(wasi, 'kSetMemory')](own), undefined)
  t.is(wasi.wasiImport.args_sizes_get(0, 4), 0)
  t.deepEqual([...new Uint32Array(own.buffer, 0, 2)], [1, 4])
})

test('kSetMemory works detached, and its last memory counts', (t) => {
  const wasi = make()
  const setMemory = wasi[symbol(wasi, 'kSetMemory')]
  const [first, last] = [new WebAssembly.Memory({ initial: 1 }), new WebAssembly.Memory({ initial: 1 })]
  setMemory(first)
  wasi.wasiImport.sched_yield()
  setMemory(last)
  t.is(wasi.wasiImport.args_sizes_get(0, 4), 0)
  t.is(new Uint32Array(first.buffer)[0], 0)
  t.is(new Uint32Array(last.buffer)[0], 1)
})

test('kSetMemory refuses what is no memory', (t) => {
  const wasi = make()
  t.throws(() => wasi[symbol(wasi, 'kSetMemory')]({}), {
    instanceOf: TypeError,
    code: 'ERR_INVALID_ARG_TYPE',
    message: '"instance.exports.memory" property must be a WebAssembly.Memory object',
  })
})

test('kExitCode is the code that start returns', (t) => {
  const wasi = make()
  t.is(wasi[symbol(wasi, 'kExitCode')], 0)
  t.is(wasi.start(instantiate(wasi, command('(call $proc_exit (i32.const 5))'))), 5)
  t.is(wasi[symbol(wasi, 'kExitCode')], 5)
})

test('a thread library can bind a child thread: instance and memory by symbol, start and proc_exit patched', (t) => {
  const wasi = make()
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
  wasi[symbol(wasi, 'kInstance')] = instance
  wasi[symbol(wasi, 'kSetMemory')](instance.exports.memory)
  t.is(wasi.start(instance), 3)
  t.deepEqual(events, ['start', 'exit'])
})
