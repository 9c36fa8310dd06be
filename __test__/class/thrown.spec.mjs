// Traps and thrown values come out of start and initialize as they are.

import test from 'ava'
import { WASI } from 'capwasi'
import { command, instantiate } from '../support/guest.mjs'

const memory = new WebAssembly.Memory({ initial: 1 })
const make = () => new WASI({ version: 'preview1' })

for (const [title, start, message] of [
  ['unreachable', 'unreachable', /unreachable/],
  ['a division by zero', '(drop (i32.div_u (i32.const 1) (i32.const 0)))', /divide by zero/],
  ['an access out of bounds', '(drop (i32.load (i32.const -4)))', /out of bounds/],
]) {
  test(`${title} is the RuntimeError of WebAssembly`, (t) => {
    const wasi = make()
    const error = t.throws(() => wasi.start(instantiate(wasi, command(start))), {
      instanceOf: WebAssembly.RuntimeError,
    })
    t.regex(error.message, message)
    t.false('code' in error)
  })
}

test('endless recursion is the RangeError of V8', (t) => {
  const wasi = make()
  const text = command('(call $deeper)', { more: '(func $deeper (call $deeper) (call $deeper))' })
  t.throws(() => wasi.start(instantiate(wasi, text)), {
    instanceOf: RangeError,
    message: 'Maximum call stack size exceeded',
  })
})

for (const [what, thrown] of [
  ['undefined', undefined],
  ['null', null],
  ['a number', 0],
  ['an empty string', ''],
  ['a symbol named as the one of Node', Symbol('kExitCode')],
  ['an Error', new Error('plain')],
  ['an object with the code of an exit', { code: 'ERR_WASI_EXIT' }],
  ['a function', () => {}],
]) {
  test(`${what} thrown by the guest comes out unchanged`, (t) => {
    for (const [method, entry] of [
      ['start', '_start'],
      ['initialize', '_initialize'],
    ]) {
      const caught = catchValue(() =>
        make()[method]({
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

  test(`${what} thrown by a patched function comes out unchanged`, (t) => {
    const wasi = make()
    wasi.wasiImport.fd_write = () => {
      throw thrown
    }
    const start = '(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))'
    t.is(catchValue(() => wasi.start(instantiate(wasi, command(start)))).value, thrown)
  })
}

/** What `act` throws, in an object, since `undefined` may be thrown too. */
function catchValue(act) {
  try {
    act()
  } catch (value) {
    return { value }
  }
  throw new Error('nothing was thrown')
}

for (const property of ['exports', 'memory', '_start', '_initialize']) {
  test(`what a getter of ${property} throws comes out unchanged`, (t) => {
    const thrown = { any: 'value' }
    const throwing = {
      get [property]() {
        throw thrown
      },
    }
    const instance = property === 'exports' ? throwing : { exports: throwing }
    if (property !== 'memory' && property !== 'exports') throwing.memory = memory
    for (const method of ['start', 'initialize']) {
      t.is(catchValue(() => make()[method](instance)).value, thrown, method)
    }
  })
}

test('a guest that overflows the stack in a call that fails goes on afterwards', (t) => {
  // Each level calls what makes the host look at the memory anew.
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
  for (let time = 0; time < 20; time++) {
    t.throws(exports.deep, { instanceOf: RangeError, message: 'Maximum call stack size exceeded' })
    t.is(exports.sizes(), 0)
  }
})

test('a guest that threw has started, and its functions still work', (t) => {
  const wasi = make()
  t.throws(() => wasi.start(instantiate(wasi, command('unreachable'))))
  t.is(wasi.wasiImport.sched_yield(), 0)
  t.throws(() => wasi.start({ exports: { memory, _start() {} } }), { code: 'ERR_WASI_ALREADY_STARTED' })
})
