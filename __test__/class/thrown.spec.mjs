// start() and initialize() rethrow traps and exceptions unchanged.

import test from 'ava'
import { WASI } from 'capwasi'
import { command, instantiate } from '../support/guest.mjs'

const memory = new WebAssembly.Memory({ initial: 1 })
const newWasi = () => new WASI({ version: 'preview1' })

for (const [trap, start, message] of [
  ['unreachable', 'unreachable', /unreachable/],
  ['a division by zero', '(drop (i32.div_u (i32.const 1) (i32.const 0)))', /divide by zero/],
  ['an access out of bounds', '(drop (i32.load (i32.const -4)))', /out of bounds/],
]) {
  test(`start() throws a WebAssembly.RuntimeError for ${trap}`, (t) => {
    const wasi = newWasi()
    const error = t.throws(() => wasi.start(instantiate(wasi, command(start))), {
      instanceOf: WebAssembly.RuntimeError,
    })
    t.regex(error.message, message)
    t.false('code' in error)
  })
}

test('start() throws the RangeError of V8 for endless recursion', (t) => {
  const wasi = newWasi()
  const text = command('(call $deeper)', { more: '(func $deeper (call $deeper) (call $deeper))' })
  t.throws(() => wasi.start(instantiate(wasi, text)), {
    instanceOf: RangeError,
    message: 'Maximum call stack size exceeded',
  })
})

for (const [kind, thrown] of [
  ['undefined', undefined],
  ['null', null],
  ['a number', 0],
  ['an empty string', ''],
  ['a symbol named kExitCode', Symbol('kExitCode')],
  ['an Error', new Error('plain')],
  ['an object with the code of an exit', { code: 'ERR_WASI_EXIT' }],
  ['a function', () => {}],
]) {
  test(`start() and initialize() rethrow ${kind} thrown by the guest`, (t) => {
    for (const [method, entry] of [
      ['start', '_start'],
      ['initialize', '_initialize'],
    ]) {
      const caught = catchValue(() =>
        newWasi()[method]({
          exports: {
            memory,
            [entry]() {
              throw thrown
            },
          },
        }),
      )
      t.is(caught.value, thrown, method)
    }
  })

  test(`start() rethrows ${kind} thrown by a patched function`, (t) => {
    const wasi = newWasi()
    wasi.wasiImport.fd_write = () => {
      throw thrown
    }
    const start = '(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))'
    t.is(catchValue(() => wasi.start(instantiate(wasi, command(start)))).value, thrown)
  })
}

/** Runs `action` and returns its exception as `{ value }`, because the exception may be undefined. */
function catchValue(action) {
  try {
    action()
  } catch (value) {
    return { value }
  }
  throw new Error('nothing was thrown')
}

for (const property of ['exports', 'memory', '_start', '_initialize']) {
  test(`start() and initialize() rethrow the exception of a getter of ${property}`, (t) => {
    const thrown = { any: 'value' }
    const throwing = {
      get [property]() {
        throw thrown
      },
    }
    const instance = property === 'exports' ? throwing : { exports: throwing }
    if (property !== 'memory' && property !== 'exports') throwing.memory = memory
    for (const method of ['start', 'initialize']) {
      t.is(catchValue(() => newWasi()[method](instance)).value, thrown, method)
    }
  })
}

test('exports still work after a stack overflow in failing calls', (t) => {
  // On each level the host refreshes its view of the memory, because the pointers are bad.
  const wasi = new WASI({ version: 'preview1', args: ['one'] })
  const { exports } = instantiate(
    wasi,
    `(module
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func $deep (export "deep") (drop (call $args_sizes_get (i32.const -8) (i32.const -8))) (call $deep))
    (func (export "sizes") (result i32) (call $args_sizes_get (i32.const 0) (i32.const 4))))`,
  )
  wasi.finalizeBindings({ exports })
  for (let attempt = 0; attempt < 20; attempt++) {
    t.throws(exports.deep, { instanceOf: RangeError, message: 'Maximum call stack size exceeded' })
    t.is(exports.sizes(), 0)
  }
})

test('start() after a trap throws ERR_WASI_ALREADY_STARTED, and functions still work', (t) => {
  const wasi = newWasi()
  t.throws(() => wasi.start(instantiate(wasi, command('unreachable'))))
  t.is(wasi.wasiImport.sched_yield(), 0)
  t.throws(() => wasi.start({ exports: { memory, _start() {} } }), { code: 'ERR_WASI_ALREADY_STARTED' })
})
