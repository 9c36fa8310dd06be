// The exports of the package, and the properties of the class and its instances.

import { createRequire } from 'node:module'
import test from 'ava'
import capwasi, { WASI } from 'capwasi'
import * as namespace from 'capwasi'
import { node } from '../support/guest.mjs'

const require = createRequire(import.meta.url)

test('require and import return the same classes', (t) => {
  t.deepEqual(Object.keys(require('capwasi')), ['WASI', 'Directory'])
  t.deepEqual(Object.keys(namespace).sort(), ['Directory', 'WASI', 'default'])
  t.is(namespace.Directory, require('capwasi').Directory)
  t.is(require('capwasi').WASI, WASI)
  t.is(capwasi.WASI, WASI)
})

for (const [action, script, module] of [
  ['require', "require('capwasi')", false],
  ['import', "import 'capwasi'", true],
  ['new WASI()', "new (require('capwasi').WASI)({ version: 'preview1' })", false],
]) {
  test(`${action} prints nothing and emits no warning`, async (t) => {
    const listener = "process.on('warning', (warning) => console.log('warning:', warning.name));"
    const ran = await node(module ? script : `${listener} ${script}`, { module })
    t.deepEqual(ran, { code: 0, signal: null, stdout: '', stderr: '' })
  })
}

test('WASI is a class with length 0', (t) => {
  t.is(typeof WASI, 'function')
  t.is(WASI.name, 'WASI')
  t.is(WASI.length, 0)
})

test('WASI() without new throws a TypeError', (t) => {
  const error = t.throws(() => WASI({ version: 'preview1' }), {
    instanceOf: TypeError,
    message: "Class constructor WASI cannot be invoked without 'new'",
  })
  t.false('code' in error)
})

test('WASI.prototype has the methods of node:wasi in its order, then those of capwasi', (t) => {
  t.deepEqual(Object.getOwnPropertyNames(WASI.prototype), [
    'constructor',
    'finalizeBindings',
    'start',
    'initialize',
    'getImportObject',
    'startAsync',
    'initializeAsync',
    'close',
    'share',
    'stdout',
    'stderr',
    'exceeded',
    'addresses',
  ])
  t.is(typeof WASI.prototype[Symbol.dispose], 'function')
})

for (const [method, length] of Object.entries({
  finalizeBindings: 1,
  start: 1,
  initialize: 1,
  getImportObject: 0,
  close: 0,
})) {
  test(`${method}() is a writable, configurable, non-enumerable method of length ${length}`, (t) => {
    const { value, ...attributes } = Object.getOwnPropertyDescriptor(WASI.prototype, method)
    t.deepEqual(attributes, { writable: true, enumerable: false, configurable: true })
    t.is(value.name, method)
    t.is(value.length, length)
  })
}

test('wasiImport is the only own string property of an instance', (t) => {
  const wasi = new WASI({ version: 'preview1' })
  t.deepEqual(Object.getOwnPropertyNames(wasi), ['wasiImport'])
  const { value, ...attributes } = Object.getOwnPropertyDescriptor(wasi, 'wasiImport')
  t.is(typeof value, 'object')
  t.deepEqual(attributes, { writable: true, enumerable: true, configurable: true })
  t.true(wasi instanceof WASI)
  t.is(wasi.constructor, WASI)
})

test('structuredClone() of an instance throws DataCloneError', (t) => {
  t.throws(() => structuredClone(new WASI({ version: 'preview1' })), { name: 'DataCloneError', any: true })
})

for (const [version, name] of [
  ['preview1', 'wasi_snapshot_preview1'],
  ['unstable', 'wasi_unstable'],
]) {
  test(`getImportObject() of ${version} returns a new object each time, with wasiImport as ${name}`, (t) => {
    const wasi = new WASI({ version })
    t.deepEqual(Object.keys(wasi.getImportObject()), [name])
    t.is(wasi.getImportObject()[name], wasi.wasiImport)
    t.not(wasi.getImportObject(), wasi.getImportObject())
  })
}

test('getImportObject() returns a wasiImport that was replaced', (t) => {
  const wasi = new WASI({ version: 'preview1' })
  wasi.wasiImport = { ...wasi.wasiImport }
  t.is(wasi.getImportObject().wasi_snapshot_preview1, wasi.wasiImport)
})

test('start(), initialize() and finalizeBindings() on another receiver throw a TypeError', (t) => {
  const instance = { exports: { memory: new WebAssembly.Memory({ initial: 1 }), _start() {} } }
  for (const method of ['start', 'initialize', 'finalizeBindings']) {
    t.throws(() => WASI.prototype[method].call({}, instance), { instanceOf: TypeError }, method)
  }
})

const permission = ['--permission', '--experimental-permission'].find((flag) =>
  process.allowedNodeEnvironmentFlags.has(flag),
)

test('new WASI() under the permission model without --allow-wasi throws ERR_ACCESS_DENIED', async (t) => {
  const script = `
    const { WASI } = require('capwasi')
    try { new WASI({ version: 'preview1' }); console.log('made') }
    catch ({ code, permission, resource }) { console.log(JSON.stringify([code, permission, resource])) }`
  const flags = ['--no-warnings', permission, '--allow-addons', '--allow-fs-read=*']
  t.is((await node(script, { flags })).stdout, '["ERR_ACCESS_DENIED","WASI",""]\n')
  t.is((await node(script, { flags: [...flags, '--allow-wasi'] })).stdout, 'made\n')
})
