// Which options are refused, with which error, and in which order they are looked at.

import { tmpdir } from 'node:os'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import { WASI } from 'capwasi'

function named() {}
const anonymous = (() => () => {})()

/** Values and how Node says what it received. */
const RECEIVED = [
  [undefined, 'undefined'],
  [null, 'null'],
  ['foo', "type string ('foo')"],
  ["it's", 'type string ("it\'s")'],
  ['a string of more than 28 characters', "type string ('a string of more than 28 ...')"],
  [5, 'type number (5)'],
  [NaN, 'type number (NaN)'],
  [true, 'type boolean (true)'],
  [1n, 'type bigint (1n)'],
  [Symbol('x'), 'type symbol (Symbol(x))'],
  [named, 'function named'],
  [anonymous, 'function '],
  [[], 'an instance of Array'],
  [{}, 'an instance of Object'],
  [new Map(), 'an instance of Map'],
  [new Uint8Array(1), 'an instance of Uint8Array'],
]
const except = (...drop) => RECEIVED.filter(([value]) => !drop.some((accepts) => accepts(value)))
const is = (expected) => (value) => value === expected
const isA = (type) => (value) => typeof value === type
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)

const make = (options) => () => new WASI({ version: 'preview1', ...options })
const refusedType = (t, act, message) =>
  t.throws(act, { instanceOf: TypeError, name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE', message })

test('options that are no object are refused with ERR_INVALID_ARG_TYPE', (t) => {
  for (const [value, received] of except(is(undefined), isObject)) {
    refusedType(t, () => new WASI(value), `The "options" argument must be of type object. Received ${received}`)
  }
})

test('a version that is not a string is refused with ERR_INVALID_ARG_TYPE', (t) => {
  for (const [version, received] of except(is(undefined), isA('string'))) {
    const message = `The "options.version" property must be of type string. Received ${received}`
    refusedType(t, () => new WASI({ version }), message)
  }
})

test('a version that is unknown is refused with ERR_INVALID_ARG_VALUE', (t) => {
  for (const version of ['', 'preview2', 'Preview1', 'preview1 ', 'wasi_snapshot_preview1', 'toString']) {
    t.throws(() => new WASI({ version }), {
      instanceOf: TypeError,
      name: 'TypeError',
      code: 'ERR_INVALID_ARG_VALUE',
      message: `The property 'options.version' unsupported WASI version. Received '${version}'`,
    })
  }
})

test('args that are no array are refused with ERR_INVALID_ARG_TYPE', (t) => {
  for (const [args, received] of except(is(undefined), Array.isArray)) {
    refusedType(t, make({ args }), `The "options.args" property must be an instance of Array. Received ${received}`)
  }
})

for (const option of ['env', 'preopens']) {
  test(`${option} that is no object is refused with ERR_INVALID_ARG_TYPE`, (t) => {
    for (const [value, received] of except(is(undefined), isObject)) {
      const message = `The "options.${option}" property must be of type object. Received ${received}`
      refusedType(t, make({ [option]: value }), message)
    }
  })
}

for (const option of ['stdin', 'stdout', 'stderr']) {
  test(`${option} that is neither a number nor another accepted value fails with ERR_INVALID_ARG_TYPE`, (t) => {
    const isData = (value) => option === 'stdin' && typeof Object(value)[Symbol.iterator] === 'function'
    const others =
      option === 'stdin'
        ? "'inherit', 'ignore', a string, an ArrayBuffer, a view of one, an iterable of those, or a function"
        : "'inherit', 'ignore', 'pipe', a stream.Writable, or a function"
    for (const [value, received] of except(is(undefined), isA('number'), isA('function'), isData)) {
      const message = `The "options.${option}" property must be of type number. Received ${received}`
      refusedType(t, make({ [option]: value }), `${message}. It may also be ${others}`)
    }
  })

  test(`${option} that is no descriptor number is refused with ERR_OUT_OF_RANGE`, (t) => {
    for (const [value, rest] of [
      [1.5, 'an integer. Received 1.5'],
      [NaN, 'an integer. Received NaN'],
      [Infinity, 'an integer. Received Infinity'],
      [-1, '>= 0 && <= 2147483647. Received -1'],
      [2 ** 31, '>= 0 && <= 2147483647. Received 2147483648'],
      [2 ** 33, '>= 0 && <= 2147483647. Received 8_589_934_592'],
      [-5000, '>= 0 && <= 2147483647. Received -5000'],
    ]) {
      t.throws(make({ [option]: value }), {
        instanceOf: RangeError,
        name: 'RangeError',
        code: 'ERR_OUT_OF_RANGE',
        message: `The value of "options.${option}" is out of range. It must be ${rest}`,
      })
    }
  })
}

test('a returnOnExit that is no boolean is refused with ERR_INVALID_ARG_TYPE', (t) => {
  for (const [returnOnExit, received] of except(is(undefined), isA('boolean'))) {
    const message = `The "options.returnOnExit" property must be of type boolean. Received ${received}`
    refusedType(t, make({ returnOnExit }), message)
  }
})

test('an option that is undefined is as if not given', (t) => {
  const absent = { args: undefined, env: undefined, preopens: undefined, returnOnExit: undefined }
  const stdio = { stdin: undefined, stdout: undefined, stderr: undefined }
  t.notThrows(make({ ...absent, ...stdio }))
})

test('a refusal has the code as its own key and in its stack', (t) => {
  for (const [act, header] of [
    [make({ args: 1 }), 'TypeError [ERR_INVALID_ARG_TYPE]: The "options.args" property'],
    [() => new WASI({ version: 'x' }), "TypeError [ERR_INVALID_ARG_VALUE]: The property 'options.version'"],
    [make({ stdin: -1 }), 'RangeError [ERR_OUT_OF_RANGE]: The value of "options.stdin"'],
  ]) {
    const error = t.throws(act)
    t.deepEqual(Object.keys(error), ['code'])
    t.true(error.stack.startsWith(header), error.stack)
  }
})

/** Every option wrong at once, in the order they are found out. */
const WRONG = [
  ['version', 5],
  ['args', 5],
  ['env', 5],
  ['preopens', 5],
  ['stdin', -1],
  ['stdout', -1],
  ['stderr', -1],
  ['input', 5],
  ['sockets', 5],
  ['clock', 5],
  ['random', 5],
  ['limits', 5],
  ['trace', 5],
  ['returnOnExit', 5],
]

test('of several wrong options the first in order is the one that is refused', (t) => {
  const wrong = Object.fromEntries(WRONG)
  for (const [option] of WRONG) {
    const error = t.throws(() => new WASI(wrong))
    t.true(error.message.includes(`options.${option}`), `${option}: ${error.message}`)
    wrong[option] = option === 'version' ? 'preview1' : undefined
  }
  t.notThrows(() => new WASI(wrong))
})

test('a preopen or descriptor that cannot be had is refused before a wrong returnOnExit', (t) => {
  t.throws(make({ preopens: { '/': '/no/such/directory' }, returnOnExit: 5 }), { code: 'UVWASI_ENOENT' })
  t.throws(make({ stdin: 99_999, returnOnExit: 5 }), { code: 'UVWASI_EBADF' })
})

function recorder(target) {
  const reads = []
  const options = new Proxy(target, {
    get(object, key, receiver) {
      if (reads.at(-1) !== key) reads.push(key)
      return Reflect.get(object, key, receiver)
    },
  })
  return { options, reads }
}

test('options are read in the order of Node, and ours before returnOnExit', (t) => {
  const { options, reads } = recorder({ version: 'preview1', args: [], env: {}, preopens: {}, returnOnExit: true })
  new WASI(options)
  t.deepEqual(
    reads,
    WRONG.map(([option]) => option),
  )
})

test('returnOnExit is not read when a preopen cannot be had', (t) => {
  const { options, reads } = recorder({ version: 'preview1', preopens: { '/': '/no/such/directory' } })
  t.throws(() => new WASI(options))
  t.deepEqual(reads, WRONG.map(([option]) => option).slice(0, -1))
})

test('what an option getter throws comes out unchanged', (t) => {
  const thrown = { any: 'value' }
  for (const [option] of WRONG) {
    const options = {
      version: 'preview1',
      get [option]() {
        throw thrown
      },
    }
    t.is(
      t.throws(() => new WASI(options), { any: true }),
      thrown,
      option,
    )
  }
})

test('options of another realm are accepted', (t) => {
  const source = "({ version: 'preview1', args: ['a'], env: { A: 'b' }, preopens: { '/': directory } })"
  t.notThrows(() => new WASI(runInNewContext(source, { directory: tmpdir() })))
})

test('options may be inherited or have no prototype', (t) => {
  t.notThrows(() => new WASI(Object.create({ version: 'preview1' })))
  t.notThrows(() => new WASI(Object.assign(Object.create(null), { version: 'preview1' })))
  t.throws(() => new WASI(Object.create({ version: 'preview1', args: 1 })), { code: 'ERR_INVALID_ARG_TYPE' })
})

const D = 'Did you mean'
for (const [name, advice] of [
  ['limit', `${D} 'limits'?`],
  ['Limits', `${D} 'limits'?`],
  ['preopen', `${D} 'preopens'?`],
  ['preOpens', `${D} 'preopens'?`],
  ['pre_opens', `${D} 'preopens'?`],
  ['peropens', `${D} 'preopens'?`],
  ['arg', `${D} 'args'?`],
  ['argv', `${D} 'args'?`],
  ['envs', `${D} 'env'?`],
  ['stdIn', `${D} 'stdin'?`],
  ['std_out', `${D} 'stdout'?`],
  ['sterr', `${D} 'stderr'?`],
  ['inputs', `${D} 'input'?`],
  ['socket', `${D} 'sockets'?`],
  ['clocks', `${D} 'clock'?`],
  ['radnom', `${D} 'random'?`],
  ['traces', `${D} 'trace'?`],
  ['verison', `${D} 'version'?`],
  ['return_on_exit', `${D} 'returnOnExit'?`],
  ['returnOnExti', `${D} 'returnOnExit'?`],
  ['readonly', `${D} 'readonly' of a directory in 'preopens'?`],
  ['readOnly', `${D} 'readonly' of a directory in 'preopens'?`],
  ['openFiles', `${D} 'limits.openFiles'?`],
  ['output', `${D} 'limits.output'?`],
  ['writtenBytes', `${D} 'limits.writtenBytes'?`],
  ['outputs', `${D} 'limits.output'?`],
  ['seed', `${D} 'random.seed'?`],
  ['realtime', `${D} 'clock.realtime'?`],
  ['monotonic', `${D} 'clock.monotonic'?`],
  ['stdio', `${D} 'stdin', 'stdout' and 'stderr'?`],
  ['timeouts', 'A guest runs until it returns: run it in a worker, and terminate that'],
  ['timeout', 'A guest runs until it returns: run it in a worker, and terminate that'],
]) {
  test(`an option called ${name} is refused with ERR_INVALID_ARG_VALUE, and what was meant`, (t) => {
    t.throws(make({ [name]: undefined }), {
      instanceOf: TypeError,
      code: 'ERR_INVALID_ARG_VALUE',
      message: `The property 'options.${name}' is unknown. ${advice}`,
    })
  })
}

test('a refused name that is no identifier is quoted', (t) => {
  t.throws(make({ 'pre-opens': {} }), {
    message: "The property 'options['pre-opens']' is unknown. Did you mean 'preopens'?",
  })
})

test('other unknown options are ignored, as programs for other hosts pass them', (t) => {
  const names = [
    'bindings',
    'fs',
    'wasi',
    'print',
    'printErr',
    'memory',
    'debug',
    'features',
    'preopenDirectories',
    'cwd',
    'mount',
    'module',
    'exitOnReturn',
    'streamStdio',
    'isTTY',
    'sendStdout',
    'getStdin',
    'asyncify',
    'importObject',
    'instance',
    'exports',
    'program',
    'runtime',
    'uses',
    'suspense',
    'traceSyscalls',
    'signal',
    'worker',
    'name',
    '',
    '0',
    'x',
    'toString',
    '__proto__',
    'constructor',
    'x'.repeat(100_000),
  ]
  for (const name of names)
    t.notThrows(
      make(
        Object.fromEntries([
          ['version', 'preview1'],
          [name, 1],
        ]),
      ),
      name,
    )
  t.notThrows(make(Object.fromEntries(names.map((name) => [name, 1]))))
})

test('only own enumerable option names are checked, and no value is read', (t) => {
  const options = Object.create({ limit: {} }, { preopen: { value: {}, enumerable: false } })
  t.notThrows(() => new WASI(Object.assign(options, { version: 'preview1', [Symbol('limit')]: 1 })))
  const getter = {
    version: 'preview1',
    get limit() {
      throw new Error('read')
    },
  }
  t.throws(() => new WASI(getter), { code: 'ERR_INVALID_ARG_VALUE' })
})

test('an unknown option is refused after everything that node:wasi refuses', (t) => {
  t.throws(make({ limit: {}, returnOnExit: 5 }), { code: 'ERR_INVALID_ARG_TYPE', message: /returnOnExit/ })
  t.throws(make({ limit: {}, preopens: { '/': '/no/such/directory' } }), { code: 'UVWASI_ENOENT' })
})
