// What the package exports, and what the class and its instances look like from outside.

import { createRequire } from 'node:module'
import test from 'ava'
import capwasi, { WASI } from 'capwasi'
import * as namespace from 'capwasi'
import { node } from '../support/guest.mjs'

const require = createRequire(import.meta.url)

test('require and import give the same class', (t) => {
  t.deepEqual(Object.keys(require('capwasi')), ['WASI'])
  t.deepEqual(Object.keys(namespace).sort(), ['WASI', 'default'])
  t.is(require('capwasi').WASI, WASI)
  t.is(capwasi.WASI, WASI)
})

for (const [how, script, module] of [
  ['require', "require('capwasi')", false],
  ['import', "import 'capwasi'", true],
  ['making a sandbox', "new (require('capwasi').WASI)({ version: 'preview1' })", false],
]) {
  test(`${how} prints nothing and warns of nothing`, async (t) => {
    const warned = "process.on('warning', (warning) => console.log('warned:', warning.name));"
    const ran = await node(module ? script : `${warned} ${script}`, { module })
    t.deepEqual(ran, { code: 0, signal: null, stdout: '', stderr: '' })
  })
}

test('WASI is a class that expects no argument', (t) => {
  t.is(typeof WASI, 'function')
  t.is(WASI.name, 'WASI')
  t.is(WASI.length, 0)
})

test('WASI cannot be called without new', (t) => {
  const error = t.throws(() => WASI({ version: 'preview1' }), {
    instanceOf: TypeError,
    message: "Class constructor WASI cannot be invoked without 'new'",
  })
  t.false('code' in error)
})

test('the prototype has the methods of Node in their order, then what capwasi adds', (t) => {
  t.deepEqual(Object.getOwnPropertyNames(WASI.prototype), [
    'constructor',
    'finalizeBindings',
    'start',
    'initialize',
    'getImportObject',
    'close',
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
  test(`${method} is a writable, configurable method that is not enumerable, of length ${length}`, (t) => {
    const { value, ...attributes } = Object.getOwnPropertyDescriptor(WASI.prototype, method)
    t.deepEqual(attributes, { writable: true, enumerable: false, configurable: true })
    t.is(value.name, method)
    t.is(value.length, length)
  })
}

test('an instance shows wasiImport and nothing else', (t) => {
  const wasi = new WASI({ version: 'preview1' })
  t.deepEqual(Object.getOwnPropertyNames(wasi), ['wasiImport'])
  const { value, ...attributes } = Object.getOwnPropertyDescriptor(wasi, 'wasiImport')
  t.is(typeof value, 'object')
  t.deepEqual(attributes, { writable: true, enumerable: true, configurable: true })
  t.true(wasi instanceof WASI)
  t.is(wasi.constructor, WASI)
})

test('an instance cannot be cloned or posted', (t) => {
  t.throws(() => structuredClone(new WASI({ version: 'preview1' })), { name: 'DataCloneError', any: true })
})

for (const [version, name] of [
  ['preview1', 'wasi_snapshot_preview1'],
  ['unstable', 'wasi_unstable'],
]) {
  test(`getImportObject of ${version} is a new object each time, holding wasiImport as ${name}`, (t) => {
    const wasi = new WASI({ version })
    t.deepEqual(Object.keys(wasi.getImportObject()), [name])
    t.is(wasi.getImportObject()[name], wasi.wasiImport)
    t.not(wasi.getImportObject(), wasi.getImportObject())
  })
}

test('getImportObject gives the wasiImport there is now', (t) => {
  const wasi = new WASI({ version: 'preview1' })
  wasi.wasiImport = { ...wasi.wasiImport }
  t.is(wasi.getImportObject().wasi_snapshot_preview1, wasi.wasiImport)
})

test('methods refuse a receiver that is no WASI', (t) => {
  const instance = { exports: { memory: new WebAssembly.Memory({ initial: 1 }), _start() {} } }
  for (const method of ['start', 'initialize', 'finalizeBindings']) {
    t.throws(() => WASI.prototype[method].call({}, instance), { instanceOf: TypeError }, method)
  }
})

const permission = ['--permission', '--experimental-permission'].find((flag) =>
  process.allowedNodeEnvironmentFlags.has(flag),
)

test('under the permission model a sandbox needs --allow-wasi', async (t) => {
  const script = `
    const { WASI } = require('capwasi')
    try { new WASI({ version: 'preview1' }); console.log('made') }
    catch ({ code, permission, resource }) { console.log(JSON.stringify([code, permission, resource])) }`
  const flags = ['--no-warnings', permission, '--allow-addons', '--allow-fs-read=*']
  t.is((await node(script, { flags })).stdout, '["ERR_ACCESS_DENIED","WASI",""]\n')
  t.is((await node(script, { flags: [...flags, '--allow-wasi'] })).stdout, 'made\n')
})
