// Arguments, errors and calls of start(), initialize() and finalizeBindings().

import test from 'ava'
import { WASI } from 'capwasi'

const memory = new WebAssembly.Memory({ initial: 1 })
const METHODS = ['start', 'initialize', 'finalizeBindings']
const newWasi = () => new WASI({ version: 'preview1' })
const throwsArgType = (t, action, message) =>
  t.throws(action, { instanceOf: TypeError, code: 'ERR_INVALID_ARG_TYPE', message })

const NON_OBJECTS = [
  [undefined, 'undefined'],
  [null, 'null'],
  ['foo', "type string ('foo')"],
  [5, 'type number (5)'],
  [function guest() {}, 'function guest'],
  [[], 'an instance of Array'],
]

for (const method of METHODS) {
  test(`${method}() on an instance that is not an object throws ERR_INVALID_ARG_TYPE`, (t) => {
    for (const [instance, received] of NON_OBJECTS) {
      throwsArgType(
        t,
        () => newWasi()[method](instance),
        `The "instance" argument must be of type object. Received ${received}`,
      )
    }
  })

  test(`${method}() on an instance with non-object exports throws ERR_INVALID_ARG_TYPE`, (t) => {
    for (const [exports, received] of NON_OBJECTS) {
      const message = `The "instance.exports" property must be of type object. Received ${received}`
      throwsArgType(t, () => newWasi()[method]({ exports }), message)
    }
  })

  test(`${method}() on an instance without an exported memory throws ERR_INVALID_ARG_TYPE`, (t) => {
    const { buffer } = memory
    const impostors = [{ buffer }, buffer, new Proxy(memory, {}), Object.create(WebAssembly.Memory.prototype)]
    for (const value of [undefined, null, 5, {}, ...impostors]) {
      const message = '"instance.exports.memory" property must be a WebAssembly.Memory object'
      throwsArgType(t, () => newWasi()[method]({ exports: { memory: value, _start() {} } }), message)
    }
  })

  test(`${method}() of a started sandbox throws ERR_WASI_ALREADY_STARTED`, (t) => {
    for (const first of METHODS) {
      const wasi = newWasi()
      wasi[first]({ exports: { memory, ...(first === 'start' && { _start() {} }) } })
      for (const instance of [undefined, {}, { exports: { memory } }]) {
        const error = t.throws(() => wasi[method](instance), {
          instanceOf: Error,
          name: 'Error',
          code: 'ERR_WASI_ALREADY_STARTED',
          message: 'WASI instance has already started',
        })
        t.deepEqual(Object.keys(error), ['code'])
        t.true(
          error.stack.startsWith('Error [ERR_WASI_ALREADY_STARTED]: WASI instance has already started'),
          error.stack,
        )
      }
    }
  })

  test(`${method}() succeeds after an attempt with an invalid instance or memory`, (t) => {
    const wasi = newWasi()
    for (const instance of [undefined, {}, { exports: {} }, { exports: { memory: {} } }]) {
      t.throws(() => wasi[method](instance), { code: 'ERR_INVALID_ARG_TYPE' })
    }
    t.notThrows(() => wasi[method]({ exports: { memory, ...(method === 'start' && { _start() {} }) } }))
  })
}

test('start() on an instance without _start throws ERR_INVALID_ARG_TYPE', (t) => {
  const others = NON_OBJECTS.filter(([value]) => typeof value !== 'function')
  for (const [_start, received] of [...others, [{}, 'an instance of Object']]) {
    const message = `The "instance.exports._start" property must be of type function. Received ${received}`
    throwsArgType(t, () => newWasi().start({ exports: { memory, _start } }), message)
  }
})

test('start() on an instance with _initialize throws ERR_INVALID_ARG_TYPE before it calls _start', (t) => {
  for (const [_initialize, received] of [
    [function _initialize() {}, 'function _initialize'],
    [null, 'null'],
    [0, 'type number (0)'],
  ]) {
    const message = `The "instance.exports._initialize" property must be undefined. Received ${received}`
    throwsArgType(t, () => newWasi().start({ exports: { memory, _start: () => t.fail(), _initialize } }), message)
  }
})

test('initialize() on an instance with _start throws ERR_INVALID_ARG_TYPE before it calls _initialize', (t) => {
  for (const [_start, received] of [
    [function _start() {}, 'function _start'],
    [null, 'null'],
    [0, 'type number (0)'],
  ]) {
    const message = `The "instance.exports._start" property must be undefined. Received ${received}`
    throwsArgType(t, () => newWasi().initialize({ exports: { memory, _start, _initialize: () => t.fail() } }), message)
  }
})

test('initialize() with an _initialize that is not a function throws ERR_INVALID_ARG_TYPE', (t) => {
  for (const [_initialize, received] of [
    [null, 'null'],
    [0, 'type number (0)'],
    [{}, 'an instance of Object'],
  ]) {
    const message = `The "instance.exports._initialize" property must be of type function. Received ${received}`
    throwsArgType(t, () => newWasi().initialize({ exports: { memory, _initialize } }), message)
  }
})

test('start() and initialize() after an attempt with wrong exports throw ERR_WASI_ALREADY_STARTED', (t) => {
  for (const [method, exports] of [
    ['start', { memory }],
    ['start', { memory, _start() {}, _initialize() {} }],
    ['initialize', { memory, _start() {} }],
    ['initialize', { memory, _initialize: 5 }],
  ]) {
    const wasi = newWasi()
    t.throws(() => wasi[method]({ exports }), { code: 'ERR_INVALID_ARG_TYPE' })
    t.throws(() => wasi[method]({ exports }), { code: 'ERR_WASI_ALREADY_STARTED' })
  }
})

for (const [method, entry] of [
  ['start', '_start'],
  ['initialize', '_initialize'],
]) {
  test(`${method}() calls ${entry} once, without receiver and arguments`, (t) => {
    const calls = []
    const exports = {
      memory,
      [entry]: function (...args) {
        calls.push([this, args.length])
      },
    }
    newWasi()[method]({ exports })
    t.deepEqual(calls, [[undefined, 0]])
  })
}

test('start() returns 0 if _start returns any value', (t) => {
  for (const result of [undefined, 5, 'x']) t.is(newWasi().start({ exports: { memory, _start: () => result } }), 0)
})

test('start() does not wait for an asynchronous _start', async (t) => {
  let finished
  const result = newWasi().start({
    exports: {
      memory,
      _start: async () => {
        await null
        finished = true
      },
    },
  })
  t.is(result, 0)
  t.is(finished, undefined)
})

test('initialize() returns undefined, with and without _initialize', (t) => {
  t.is(newWasi().initialize({ exports: { memory } }), undefined)
  t.is(newWasi().initialize({ exports: { memory, _initialize: () => 5 } }), undefined)
})

test('finalizeBindings() returns undefined and calls no export', (t) => {
  const exports = { memory, _start: () => t.fail(), _initialize: () => t.fail() }
  t.is(newWasi().finalizeBindings({ exports }), undefined)
})

test('finalizeBindings() binds a memory from its options', (t) => {
  for (const exports of [{}, { memory: 5 }]) {
    const wasi = newWasi()
    const memoryOption = new WebAssembly.Memory({ initial: 1 })
    wasi.finalizeBindings({ exports }, { memory: memoryOption })
    t.is(wasi.wasiImport.args_sizes_get(0, 4), 0)
    t.is(new Uint32Array(memoryOption.buffer)[1], 0)
  }
})

test('finalizeBindings() without the option memory binds the exported memory', (t) => {
  for (const options of [undefined, {}, { memory: undefined }, 5, 'string']) {
    t.notThrows(() => newWasi().finalizeBindings({ exports: { memory } }, options))
  }
})

test('finalizeBindings() with options null throws a TypeError', (t) => {
  t.throws(() => newWasi().finalizeBindings({ exports: { memory } }, null), { instanceOf: TypeError })
})

test('finalizeBindings() with an invalid option memory throws ERR_INVALID_ARG_TYPE', (t) => {
  for (const value of [null, 5, {}, new Proxy(memory, {})]) {
    const message = '"instance.exports.memory" property must be a WebAssembly.Memory object'
    throwsArgType(t, () => newWasi().finalizeBindings({ exports: { memory } }, { memory: value }), message)
  }
})

test('finalizeBindings() with a memory but without exports throws ERR_INVALID_ARG_TYPE', (t) => {
  throwsArgType(
    t,
    () => newWasi().finalizeBindings({}, { memory }),
    /^The "instance.exports" property must be of type object/,
  )
  throwsArgType(
    t,
    () => newWasi().finalizeBindings(undefined, { memory }),
    /^The "instance" argument must be of type object/,
  )
})
