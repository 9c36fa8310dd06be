// `wasiImport` is an ordinary object of functions, which programs spread, patch and wrap.

import test from 'ava'
import { WASI } from 'capwasi'
import { FUNCTIONS, command, instantiate } from '../support/guest.mjs'

const NAMES = Object.keys(FUNCTIONS)

test('wasiImport of preview1 has 46 functions in the order of node:wasi', (t) => {
  const { wasiImport } = new WASI({ version: 'preview1' })
  t.is(NAMES.length, 46)
  t.deepEqual(Object.keys(wasiImport), NAMES)
  t.deepEqual(Reflect.ownKeys(wasiImport), NAMES)
})

test('wasiImport without a version has the same 46 functions', (t) => {
  t.deepEqual(Object.keys(new WASI().wasiImport), NAMES)
})

test('wasiImport of unstable has 45 functions, all except sock_accept', (t) => {
  const { wasiImport } = new WASI({ version: 'unstable' })
  t.deepEqual(
    Object.keys(wasiImport),
    NAMES.filter((name) => name !== 'sock_accept'),
  )
})

for (const version of ['preview1', 'unstable', undefined]) {
  const source = version ? `of ${version}` : 'without a version'

  test(`each function ${source} is an own, writable, enumerable, configurable property`, (t) => {
    const { wasiImport } = new WASI({ version })
    for (const [name, { value, ...attributes }] of Object.entries(Object.getOwnPropertyDescriptors(wasiImport))) {
      t.is(typeof value, 'function', name)
      t.deepEqual(attributes, { writable: true, enumerable: true, configurable: true }, name)
    }
  })

  test(`each function ${source} has a bound name and its number of parameters as length`, (t) => {
    const { wasiImport } = new WASI({ version, returnOnExit: false })
    for (const [name, value] of Object.entries(wasiImport)) {
      t.is(value.name, `bound ${name}`)
      t.is(value.length, FUNCTIONS[name].length, name)
      t.false(Object.hasOwn(value, 'prototype'), name)
    }
  })
}

test("proc_exit with returnOnExit true has the name 'bound wasiReturnOnProcExit'", (t) => {
  const { proc_exit } = new WASI({ version: 'preview1', returnOnExit: true }).wasiImport
  t.is(proc_exit.name, 'bound wasiReturnOnProcExit')
  t.is(proc_exit.length, 1)
})

test('String(wasiImport) is [object Object]', (t) => {
  t.is(String(new WASI({ version: 'preview1' }).wasiImport), '[object Object]')
})

test('two sandboxes have different wasiImport objects and functions', (t) => {
  const [one, other] = [new WASI({ version: 'preview1' }), new WASI({ version: 'preview1' })]
  t.not(one.wasiImport, other.wasiImport)
  t.not(one.wasiImport.fd_write, other.wasiImport.fd_write)
})

const YIELD = `(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $sched_yield (result i32)))
  (memory (export "memory") 1)
  (global (export "errno") (mut i32) (i32.const -1))
  (func (export "_start") (global.set 0 (call $sched_yield))))`

for (const [how, change] of [
  ['unchanged', (wasiImport) => wasiImport],
  ['spread into another object', (wasiImport) => ({ ...wasiImport })],
  ['behind a proxy', (wasiImport) => new Proxy(wasiImport, {})],
  [
    'behind a proxy that wraps each function',
    (wasiImport) =>
      new Proxy(wasiImport, {
        get:
          (target, name) =>
          (...args) =>
            Reflect.apply(target[name], undefined, args),
      }),
  ],
  ['copied one by one', ({ sched_yield }) => ({ sched_yield })],
  ['bound to another object', ({ sched_yield }) => ({ sched_yield: sched_yield.bind({}) })],
  ['frozen', (wasiImport) => Object.freeze(wasiImport)],
]) {
  test(`wasiImport functions work ${how}`, (t) => {
    const wasi = new WASI({ version: 'preview1' })
    const instance = instantiate(wasi, YIELD, { wasi_snapshot_preview1: change(wasi.wasiImport) })
    t.is(wasi.start(instance), 0)
    t.is(instance.exports.errno.value, 0)
  })
}

test('a wasiImport function works with any receiver', (t) => {
  const wasi = new WASI({ version: 'preview1' })
  wasi.initialize({ exports: { memory: new WebAssembly.Memory({ initial: 1 }) } })
  const { sched_yield, clock_time_get } = wasi.wasiImport
  for (const receiver of [undefined, null, 5, {}, globalThis, new WASI({ version: 'preview1' }).wasiImport]) {
    t.is(sched_yield.call(receiver), 0)
    t.is(clock_time_get.call(receiver, 0, 0n, 0), 0)
  }
})

test('the guest calls a function that replaced fd_write before instantiation', (t) => {
  const wasi = new WASI({ version: 'preview1' })
  const { fd_write } = wasi.wasiImport
  const calls = []
  wasi.wasiImport.fd_write = (...args) => {
    calls.push(args)
    return fd_write(...args)
  }
  const start = '(drop (call $fd_write (i32.const 99) (i32.const 0) (i32.const 0) (i32.const 8)))'
  wasi.start(instantiate(wasi, command(start)))
  t.deepEqual(calls, [[99, 0, 0, 8]])
})

test('wasiImport functions can be deleted and added', (t) => {
  const { wasiImport } = new WASI({ version: 'preview1' })
  delete wasiImport.proc_raise
  wasiImport.extra = () => {}
  t.deepEqual(Object.keys(wasiImport), [...NAMES.filter((name) => name !== 'proc_raise'), 'extra'])
})

test('getImportObject() uses a replaced wasiImport', (t) => {
  const wasi = new WASI({ version: 'preview1' })
  wasi.wasiImport = { ...wasi.wasiImport, sched_yield: () => 7 }
  const instance = instantiate(wasi, YIELD)
  wasi.start(instance)
  t.is(instance.exports.errno.value, 7)
})
