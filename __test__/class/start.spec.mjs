// start, initialize and finalizeBindings: what they accept, refuse and call.

import test from 'ava'
import { WASI } from 'capwasi'

const memory = new WebAssembly.Memory({ initial: 1 })
const METHODS = ['start', 'initialize', 'finalizeBindings']
const make = () => new WASI({ version: 'preview1' })
const refused = (t, act, message) => t.throws(act, { instanceOf: TypeError, code: 'ERR_INVALID_ARG_TYPE', message })

const NO_OBJECT = [
  [undefined, 'undefined'],
  [null, 'null'],
  ['foo', "type string ('foo')"],
  [5, 'type number (5)'],
  [function guest() {}, 'function guest'],
  [[], 'an instance of Array'],
]

for (const method of METHODS) {
  test(`${method} refuses an instance that is no object`, (t) => {
    for (const [instance, received] of NO_OBJECT) {
      refused(t, () => make()[method](instance), `The "instance" argument must be of type object. Received ${received}`)
    }
  })

  test(`${method} refuses an instance whose exports are no object`, (t) => {
    for (const [exports, received] of NO_OBJECT) {
      const message = `The "instance.exports" property must be of type object. Received ${received}`
      refused(t, () => make()[method]({ exports }), message)
    }
  })

  test(`${method} refuses an instance that exports no memory`, (t) => {
    const { buffer } = memory
    const impostors = [{ buffer }, buffer, new Proxy(memory, {}), Object.create(WebAssembly.Memory.prototype)]
    for (const value of [undefined, null, 5, {}, ...impostors]) {
      const message = '"instance.exports.memory" property must be a WebAssembly.Memory object'
      refused(t, () => make()[method]({ exports: { memory: value, _start() {} } }), message)
    }
  })

  test(`${method} refuses a sandbox that has started, whatever the instance`, (t) => {
    for (const first of METHODS) {
      const wasi = make()
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

  test(`${method} can be tried again after a bad instance or memory`, (t) => {
    const wasi = make()
    for (const instance of [undefined, {}, { exports: {} }, { exports: { memory: {} } }]) {
      t.throws(() => wasi[method](instance), { code: 'ERR_INVALID_ARG_TYPE' })
    }
    t.notThrows(() => wasi[method]({ exports: { memory, ...(method === 'start' && { _start() {} }) } }))
  })
}

test('start refuses an instance without _start', (t) => {
  const others = NO_OBJECT.filter(([value]) => typeof value !== 'function')
  for (const [_start, received] of [...others, [{}, 'an instance of Object']]) {
    const message = `The "instance.exports._start" property must be of type function. Received ${received}`
    refused(t, () => make().start({ exports: { memory, _start } }), message)
  }
})

test('start refuses an instance with _initialize, and does not call _start', (t) => {
  for (const [_initialize, received] of [
    [function _initialize() {}, 'function _initialize'],
    [null, 'null'],
    [0, 'type number (0)'],
  ]) {
    const message = `The "instance.exports._initialize" property must be undefined. Received ${received}`
    refused(t, () => make().start({ exports: { memory, _start: () => t.fail(), _initialize } }), message)
  }
})

test('initialize refuses an instance with _start, and does not call _initialize', (t) => {
  for (const [_start, received] of [
    [function _start() {}, 'function _start'],
    [null, 'null'],
    [0, 'type number (0)'],
  ]) {
    const message = `The "instance.exports._start" property must be undefined. Received ${received}`
    refused(t, () => make().initialize({ exports: { memory, _start, _initialize: () => t.fail() } }), message)
  }
})

test('initialize refuses an _initialize that is no function', (t) => {
  for (const [_initialize, received] of [
    [null, 'null'],
    [0, 'type number (0)'],
    [{}, 'an instance of Object'],
  ]) {
    const message = `The "instance.exports._initialize" property must be of type function. Received ${received}`
    refused(t, () => make().initialize({ exports: { memory, _initialize } }), message)
  }
})

test('a start or initialize that found the wrong exports has started the sandbox', (t) => {
  for (const [method, exports] of [
    ['start', { memory }],
    ['start', { memory, _start() {}, _initialize() {} }],
    ['initialize', { memory, _start() {} }],
    ['initialize', { memory, _initialize: 5 }],
  ]) {
    const wasi = make()
    t.throws(() => wasi[method]({ exports }), { code: 'ERR_INVALID_ARG_TYPE' })
    t.throws(() => wasi[method]({ exports }), { code: 'ERR_WASI_ALREADY_STARTED' })
  }
})

for (const [method, entry] of [
  ['start', '_start'],
  ['initialize', '_initialize'],
]) {
  test(`${method} calls ${entry} once, with no receiver and no arguments`, (t) => {
    const calls = []
    const exports = {
      memory,
      [entry]: function (...args) {
        calls.push([this, args.length])
      },
    }
    make()[method]({ exports })
    t.deepEqual(calls, [[undefined, 0]])
  })
}

test('start returns 0 when the guest returns, whatever it returns', (t) => {
  for (const result of [undefined, 5, 'x']) t.is(make().start({ exports: { memory, _start: () => result } }), 0)
})

test('start does not wait for an asynchronous _start', async (t) => {
  let finished
  const result = make().start({
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

test('initialize returns undefined, with and without an _initialize', (t) => {
  t.is(make().initialize({ exports: { memory } }), undefined)
  t.is(make().initialize({ exports: { memory, _initialize: () => 5 } }), undefined)
})

test('finalizeBindings returns undefined and calls nothing of the guest', (t) => {
  const exports = { memory, _start: () => t.fail(), _initialize: () => t.fail() }
  t.is(make().finalizeBindings({ exports }), undefined)
})

test('finalizeBindings takes a memory that is not exported', (t) => {
  for (const exports of [{}, { memory: 5 }]) {
    const wasi = make()
    const own = new WebAssembly.Memory({ initial: 1 })
    wasi.finalizeBindings({ exports }, { memory: own })
    t.is(wasi.wasiImport.args_sizes_get(0, 4), 0)
    t.is(new Uint32Array(own.buffer)[1], 0)
  }
})

test('finalizeBindings takes the exported memory when its option is undefined or its options are none', (t) => {
  for (const options of [undefined, {}, { memory: undefined }, 5, 'string']) {
    t.notThrows(() => make().finalizeBindings({ exports: { memory } }, options))
  }
})

test('finalizeBindings refuses options that are null with the error of V8', (t) => {
  t.throws(() => make().finalizeBindings({ exports: { memory } }, null), { instanceOf: TypeError })
})

test('finalizeBindings refuses a memory that is none, even when one is exported', (t) => {
  for (const value of [null, 5, {}, new Proxy(memory, {})]) {
    const message = '"instance.exports.memory" property must be a WebAssembly.Memory object'
    refused(t, () => make().finalizeBindings({ exports: { memory } }, { memory: value }), message)
  }
})

test('finalizeBindings needs exports that are an object even when a memory is given', (t) => {
  refused(t, () => make().finalizeBindings({}, { memory }), /^The "instance.exports" property must be of type object/)
  refused(t, () => make().finalizeBindings(undefined, { memory }), /^The "instance" argument must be of type object/)
})
