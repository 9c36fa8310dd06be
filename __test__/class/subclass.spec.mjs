// Classes that extend WASI.

import test from 'ava'
import { WASI } from 'capwasi'
import { FUNCTIONS, command, instantiate } from '../support/guest.mjs'

class Sandbox extends WASI {
  events = []

  constructor(name, options) {
    super({ version: 'preview1', ...options })
    this.name = name
  }

  finalizeBindings(instance, ...rest) {
    this.events.push('finalizeBindings')
    return super.finalizeBindings(instance, ...rest)
  }

  start(instance) {
    this.events.push('start')
    return super.start(instance)
  }
}

test('an instance of a subclass has wasiImport and its own fields', (t) => {
  const sandbox = new Sandbox('mine')
  t.true(sandbox instanceof Sandbox)
  t.true(sandbox instanceof WASI)
  t.is(sandbox.constructor, Sandbox)
  t.is(sandbox.name, 'mine')
  t.deepEqual(Object.keys(sandbox.wasiImport), Object.keys(FUNCTIONS))
})

test('super() in a subclass throws ERR_INVALID_ARG_VALUE for an unknown version', (t) => {
  t.throws(() => new Sandbox('mine', { version: 'x' }), { code: 'ERR_INVALID_ARG_VALUE' })
})

test('start() of a subclass returns the exit code', (t) => {
  const sandbox = new Sandbox('mine')
  t.is(sandbox.start(instantiate(sandbox, command('(call $proc_exit (i32.const 4))'))), 4)
})

test('start() and initialize() call finalizeBindings() of the subclass', (t) => {
  const memory = new WebAssembly.Memory({ initial: 1 })
  const [starting, initializing] = [new Sandbox('a'), new Sandbox('b')]
  starting.start({ exports: { memory, _start() {} } })
  initializing.initialize({ exports: { memory } })
  t.deepEqual(starting.events, ['start', 'finalizeBindings'])
  t.deepEqual(initializing.events, ['finalizeBindings'])
})

test('start() uses the memory that finalizeBindings() of a subclass binds', (t) => {
  const memory = new WebAssembly.Memory({ initial: 1 })
  class Threaded extends WASI {
    finalizeBindings(instance) {
      super.finalizeBindings(instance, { memory })
    }
  }
  const wasi = new Threaded({ version: 'preview1', args: ['one'] })
  t.is(
    wasi.start({
      exports: {
        _start() {
          wasi.wasiImport.args_sizes_get(0, 4)
        },
      },
    }),
    0,
  )
  t.deepEqual([...new Uint32Array(memory.buffer, 0, 2)], [1, 4])
})

test('start() rethrows the exception of finalizeBindings() of a subclass', (t) => {
  const thrown = new Error('mine')
  class Throwing extends WASI {
    finalizeBindings() {
      throw thrown
    }
  }
  t.is(
    t.throws(() => new Throwing({ version: 'preview1' }).start({})),
    thrown,
  )
})

test('start() calls a finalizeBindings() set on the instance', (t) => {
  const wasi = new WASI({ version: 'preview1' })
  const seen = []
  wasi.finalizeBindings = function (instance) {
    seen.push(instance)
    WASI.prototype.finalizeBindings.call(this, instance)
  }
  const instance = { exports: { memory: new WebAssembly.Memory({ initial: 1 }), _start() {} } }
  t.is(wasi.start(instance), 0)
  t.deepEqual(seen, [instance])
})

test('a guest calls a function that getImportObject() of a subclass replaced', (t) => {
  class Patched extends WASI {
    getImportObject() {
      const { wasi_snapshot_preview1 } = super.getImportObject()
      return { wasi_snapshot_preview1: { ...wasi_snapshot_preview1, fd_write: () => 77 } }
    }
  }
  const wasi = new Patched({ version: 'preview1' })
  const more = '(global (export "errno") (mut i32) (i32.const 0))'
  const start = '(global.set 0 (call $fd_write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))'
  const instance = instantiate(wasi, command(start, { more }))
  wasi.start(instance)
  t.is(instance.exports.errno.value, 77)
})

test('Reflect.construct() with a subclass as new.target sets its prototype', (t) => {
  const wasi = Reflect.construct(WASI, [{ version: 'preview1' }], Sandbox)
  t.is(Object.getPrototypeOf(wasi), Sandbox.prototype)
  t.is(typeof wasi.wasiImport.fd_write, 'function')
})

test('a subclass with a setter for wasiImport may use the functions at once', (t) => {
  class Copying extends WASI {
    get wasiImport() {
      return this.copy
    }

    set wasiImport(functions) {
      this.copy = { ...functions }
    }
  }
  const wasi = new Copying({ version: 'preview1' })
  t.deepEqual(Object.keys(wasi.wasiImport), Object.keys(FUNCTIONS))
  t.is(wasi.start(instantiate(wasi, command('(call $proc_exit (i32.const 5))'))), 5)
})
