// start(), initialize() and finalizeBindings() accept any object with exports, as bundlers and thread libraries pass.

import test from 'ava'
import { WASI } from 'capwasi'
import { command, instantiate } from '../support/guest.mjs'

const newWasi = () => new WASI({ version: 'preview1' })
const bare = (object) => Object.assign(Object.create(null), object)
const text = command('(call $proc_exit (i32.const 5))')

for (const [kind, wrap] of [
  ['a WebAssembly.Instance', (instance) => instance],
  ['a proxy of an instance', (instance) => new Proxy(instance, { get: (target, key) => Reflect.get(target, key) })],
  ['a plain object', ({ exports }) => ({ exports: { ...exports } })],
  ['an object whose exports are a proxy', ({ exports }) => ({ exports: new Proxy({ ...exports }, {}) })],
  ['an object without prototypes', ({ exports }) => bare({ exports: bare(exports) })],
  [
    'an object with getters',
    ({ exports }) => ({
      get exports() {
        return {
          get memory() {
            return exports.memory
          },
          get _start() {
            return exports._start
          },
        }
      },
    }),
  ],
]) {
  test(`start() accepts ${kind}`, (t) => {
    const wasi = newWasi()
    t.is(wasi.start(wrap(instantiate(wasi, text))), 5)
  })
}

/** Creates an instance that records which properties are read. */
function recorder(exports) {
  const reads = []
  const recording = (target) =>
    new Proxy(target, {
      get(object, key, receiver) {
        reads.push(key)
        return Reflect.get(object, key, receiver)
      },
    })
  return { instance: recording({ exports: recording(exports) }), reads }
}

const memory = new WebAssembly.Memory({ initial: 1 })

for (const [method, exports, expected] of [
  ['start', { memory, _start() {} }, ['exports', 'memory', 'exports', 'exports', '_start', '_initialize']],
  ['initialize', { memory, _initialize() {} }, ['exports', 'memory', 'exports', 'exports', '_start', '_initialize']],
  ['finalizeBindings', { memory }, ['exports', 'memory', 'exports']],
]) {
  test(`${method}() reads ${expected.join(', ')}, in this order`, (t) => {
    const { instance, reads } = recorder(exports)
    newWasi()[method](instance)
    // Only the order matters: validation may read `exports` several times.
    t.deepEqual(collapse(reads), collapse(expected))
  })
}

const collapse = (reads) => reads.filter((key, index) => key !== reads[index - 1])

test('several sandboxes can bind one instance', (t) => {
  const [one, other] = [newWasi(), newWasi()]
  const instance = instantiate(one, command('(nop)'))
  t.is(one.start(instance), 0)
  t.is(other.start(instance), 0)
  t.is(one.wasiImport.args_sizes_get(0, 4), 0)
  t.is(other.wasiImport.args_sizes_get(0, 4), 0)
})

test('several instances with one memory can import from one sandbox', (t) => {
  const wasi = newWasi()
  const shared = instantiate(wasi, command('(nop)'))
  wasi.finalizeBindings(shared)
  const library = instantiate(
    wasi,
    `(module
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $get (param i32 i32) (result i32)))
    (import "env" "memory" (memory 1))
    (func (export "get") (result i32) (call $get (i32.const 0) (i32.const 4))))`,
    { env: { memory: shared.exports.memory } },
  )
  t.is(library.exports.get(), 0)
})

test('finalizeBindings() with options that are null throws ERR_INVALID_ARG_TYPE', (t) => {
  t.throws(() => newWasi().finalizeBindings({ exports: { memory } }, null), {
    instanceOf: TypeError,
    code: 'ERR_INVALID_ARG_TYPE',
    message: 'The "options" argument must be of type object. Received null',
  })
})
