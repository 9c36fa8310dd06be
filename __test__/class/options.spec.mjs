// Errors of invalid options, and the order in which options are read and checked.

import { tmpdir } from 'node:os'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import { WASI } from 'capwasi'

function named() {}
const anonymous = (() => () => {})()

/** Values, and how Node's messages describe them. */
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
const except = (...accepted) => RECEIVED.filter(([value]) => !accepted.some((accepts) => accepts(value)))
const is = (expected) => (value) => value === expected
const isA = (type) => (value) => typeof value === type
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)

const constructing = (options) => () => new WASI({ version: 'preview1', ...options })
const throwsArgType = (t, action, message) =>
  t.throws(action, { instanceOf: TypeError, name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE', message })

test('new WASI() with options that are not an object throws ERR_INVALID_ARG_TYPE', (t) => {
  for (const [value, received] of except(is(undefined), isObject)) {
    throwsArgType(t, () => new WASI(value), `The "options" argument must be of type object. Received ${received}`)
  }
})

test('a version that is not a string throws ERR_INVALID_ARG_TYPE', (t) => {
  for (const [version, received] of except(is(undefined), isA('string'))) {
    const message = `The "options.version" property must be of type string. Received ${received}`
    throwsArgType(t, () => new WASI({ version }), message)
  }
})

test('an unknown version throws ERR_INVALID_ARG_VALUE', (t) => {
  for (const version of ['', 'preview2', 'Preview1', 'preview1 ', 'wasi_snapshot_preview1', 'toString']) {
    t.throws(() => new WASI({ version }), {
      instanceOf: TypeError,
      name: 'TypeError',
      code: 'ERR_INVALID_ARG_VALUE',
      message: `The property 'options.version' unsupported WASI version. Received '${version}'`,
    })
  }
})

test('args that are not an array throw ERR_INVALID_ARG_TYPE', (t) => {
  for (const [args, received] of except(is(undefined), Array.isArray)) {
    throwsArgType(
      t,
      constructing({ args }),
      `The "options.args" property must be an instance of Array. Received ${received}`,
    )
  }
})

for (const option of ['env', 'preopens']) {
  test(`option ${option} that is not an object throws ERR_INVALID_ARG_TYPE`, (t) => {
    for (const [value, received] of except(is(undefined), isObject)) {
      const message = `The "options.${option}" property must be of type object. Received ${received}`
      throwsArgType(t, constructing({ [option]: value }), message)
    }
  })
}

for (const option of ['limits', 'clock', 'random']) {
  test(`option ${option} in a Map, a Set or a Date throws ERR_INVALID_ARG_TYPE`, (t) => {
    for (const value of [new Map([['openFiles', 5]]), new Set(), new Date(0)]) {
      const received = `an instance of ${value.constructor.name}`
      throwsArgType(
        t,
        constructing({ [option]: value }),
        `The "options.${option}" property must be a plain object. Received ${received}`,
      )
    }
  })
}

for (const option of ['stdin', 'stdout', 'stderr']) {
  test(`${option} of a type that is not accepted throws ERR_INVALID_ARG_TYPE`, (t) => {
    const isData = (value) => option === 'stdin' && typeof Object(value)[Symbol.iterator] === 'function'
    const others =
      option === 'stdin'
        ? "'inherit', 'ignore', a string, an ArrayBuffer, a view of one, an iterable or async iterable of those, " +
          'a stream, or a function'
        : "'inherit', 'ignore', 'pipe', a stream.Writable, a WritableStream, or a function"
    for (const [value, received] of except(is(undefined), isA('number'), isA('function'), isData)) {
      const message = `The "options.${option}" property must be of type number. Received ${received}`
      throwsArgType(t, constructing({ [option]: value }), `${message}. It may also be ${others}`)
    }
  })

  test(`${option} with a number that cannot be a descriptor throws ERR_OUT_OF_RANGE`, (t) => {
    for (const [value, rest] of [
      [1.5, 'an integer. Received 1.5'],
      [NaN, 'an integer. Received NaN'],
      [Infinity, 'an integer. Received Infinity'],
      [-1, '>= 0 && <= 2147483647. Received -1'],
      [2 ** 31, '>= 0 && <= 2147483647. Received 2147483648'],
      [2 ** 33, '>= 0 && <= 2147483647. Received 8_589_934_592'],
      [-5000, '>= 0 && <= 2147483647. Received -5000'],
    ]) {
      t.throws(constructing({ [option]: value }), {
        instanceOf: RangeError,
        name: 'RangeError',
        code: 'ERR_OUT_OF_RANGE',
        message: `The value of "options.${option}" is out of range. It must be ${rest}`,
      })
    }
  })
}

test('a returnOnExit that is not a boolean throws ERR_INVALID_ARG_TYPE', (t) => {
  for (const [returnOnExit, received] of except(is(undefined), isA('boolean'))) {
    const message = `The "options.returnOnExit" property must be of type boolean. Received ${received}`
    throwsArgType(t, constructing({ returnOnExit }), message)
  }
})

test('new WASI() accepts options that are undefined', (t) => {
  const absent = { args: undefined, env: undefined, preopens: undefined, returnOnExit: undefined }
  const stdio = { stdin: undefined, stdout: undefined, stderr: undefined }
  t.notThrows(constructing({ ...absent, ...stdio }))
})

test('an error of an option has only the own key code, and the code in its stack', (t) => {
  for (const [action, header] of [
    [constructing({ args: 1 }), 'TypeError [ERR_INVALID_ARG_TYPE]: The "options.args" property'],
    [() => new WASI({ version: 'x' }), "TypeError [ERR_INVALID_ARG_VALUE]: The property 'options.version'"],
    [constructing({ stdin: -1 }), 'RangeError [ERR_OUT_OF_RANGE]: The value of "options.stdin"'],
  ]) {
    const error = t.throws(action)
    t.deepEqual(Object.keys(error), ['code'])
    t.true(error.stack.startsWith(header), error.stack)
  }
})

/** An invalid value for every option, in the order of the checks. */
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
  ['trace', '5'],
  ['returnOnExit', 5],
]

test('new WASI() with several invalid options reports the first in order', (t) => {
  const wrong = Object.fromEntries(WRONG)
  for (const [option] of WRONG) {
    const error = t.throws(() => new WASI(wrong))
    t.true(error.message.includes(`options.${option}`), `${option}: ${error.message}`)
    wrong[option] = option === 'version' ? 'preview1' : undefined
  }
  t.notThrows(() => new WASI(wrong))
})

test('a preopen or descriptor that cannot be opened throws before an invalid returnOnExit', (t) => {
  t.throws(constructing({ preopens: { '/': '/no/such/directory' }, returnOnExit: 5 }), { code: 'UVWASI_ENOENT' })
  t.throws(constructing({ stdin: 99_999, returnOnExit: 5 }), { code: 'UVWASI_EBADF' })
})

/** Creates options that record which properties are read. */
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

test('new WASI() reads options in the order of node:wasi, those of capwasi before returnOnExit', (t) => {
  const { options, reads } = recorder({ version: 'preview1', args: [], env: {}, preopens: {}, returnOnExit: true })
  new WASI(options)
  t.deepEqual(
    reads,
    WRONG.map(([option]) => option),
  )
})

test('new WASI() does not read returnOnExit if a preopen cannot be opened', (t) => {
  const { options, reads } = recorder({ version: 'preview1', preopens: { '/': '/no/such/directory' } })
  t.throws(() => new WASI(options))
  t.deepEqual(reads, WRONG.map(([option]) => option).slice(0, -1))
})

test('new WASI() rethrows the exception of an option getter', (t) => {
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

test('new WASI() accepts options of another realm', (t) => {
  const source = "({ version: 'preview1', args: ['a'], env: { A: 'b' }, preopens: { '/': directory } })"
  t.notThrows(() => new WASI(runInNewContext(source, { directory: tmpdir() })))
})

test('new WASI() accepts inherited options and options without a prototype', (t) => {
  t.notThrows(() => new WASI(Object.create({ version: 'preview1' })))
  t.notThrows(() => new WASI(Object.assign(Object.create(null), { version: 'preview1' })))
  t.throws(() => new WASI(Object.create({ version: 'preview1', args: 1 })), { code: 'ERR_INVALID_ARG_TYPE' })
})

const DID_YOU_MEAN = 'Did you mean'
for (const [name, advice] of [
  ['limit', `${DID_YOU_MEAN} 'limits'?`],
  ['Limits', `${DID_YOU_MEAN} 'limits'?`],
  ['preopen', `${DID_YOU_MEAN} 'preopens'?`],
  ['preOpens', `${DID_YOU_MEAN} 'preopens'?`],
  ['pre_opens', `${DID_YOU_MEAN} 'preopens'?`],
  ['peropens', `${DID_YOU_MEAN} 'preopens'?`],
  ['arg', `${DID_YOU_MEAN} 'args'?`],
  ['argv', `${DID_YOU_MEAN} 'args'?`],
  ['envs', `${DID_YOU_MEAN} 'env'?`],
  ['stdIn', `${DID_YOU_MEAN} 'stdin'?`],
  ['std_out', `${DID_YOU_MEAN} 'stdout'?`],
  ['sterr', `${DID_YOU_MEAN} 'stderr'?`],
  ['inputs', `${DID_YOU_MEAN} 'input'?`],
  ['socket', `${DID_YOU_MEAN} 'sockets'?`],
  ['clocks', `${DID_YOU_MEAN} 'clock'?`],
  ['radnom', `${DID_YOU_MEAN} 'random'?`],
  ['traces', `${DID_YOU_MEAN} 'trace'?`],
  ['verison', `${DID_YOU_MEAN} 'version'?`],
  ['return_on_exit', `${DID_YOU_MEAN} 'returnOnExit'?`],
  ['returnOnExti', `${DID_YOU_MEAN} 'returnOnExit'?`],
  ['readonly', `${DID_YOU_MEAN} 'readonly' of a directory in 'preopens'?`],
  ['readOnly', `${DID_YOU_MEAN} 'readonly' of a directory in 'preopens'?`],
  ['openFiles', `${DID_YOU_MEAN} 'limits.openFiles'?`],
  ['output', `${DID_YOU_MEAN} 'limits.output'?`],
  ['writtenBytes', `${DID_YOU_MEAN} 'limits.writtenBytes'?`],
  ['outputs', `${DID_YOU_MEAN} 'limits.output'?`],
  ['seed', `${DID_YOU_MEAN} 'random.seed'?`],
  ['realtime', `${DID_YOU_MEAN} 'clock.realtime'?`],
  ['monotonic', `${DID_YOU_MEAN} 'clock.monotonic'?`],
  ['stdio', `${DID_YOU_MEAN} 'stdin', 'stdout' and 'stderr'?`],
  ['timeouts', 'Pass it to the method that runs the guest: start(instance, { timeout })'],
  ['timeout', 'Pass it to the method that runs the guest: start(instance, { timeout })'],
]) {
  test(`an option ${name} throws ERR_INVALID_ARG_VALUE with advice`, (t) => {
    t.throws(constructing({ [name]: undefined }), {
      instanceOf: TypeError,
      code: 'ERR_INVALID_ARG_VALUE',
      message: `The property 'options.${name}' is unknown. ${advice}`,
    })
  })
}

test('the error of an unknown option quotes a name that is not an identifier', (t) => {
  t.throws(constructing({ 'pre-opens': {} }), {
    message: "The property 'options['pre-opens']' is unknown. Did you mean 'preopens'?",
  })
})

test('new WASI() ignores unknown options that programs for other hosts pass', (t) => {
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
      constructing(
        Object.fromEntries([
          ['version', 'preview1'],
          [name, 1],
        ]),
      ),
      name,
    )
  t.notThrows(constructing(Object.fromEntries(names.map((name) => [name, 1]))))
})

test('new WASI() checks only own enumerable option names and reads no unknown option', (t) => {
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

test('an unknown option throws after every option of node:wasi was checked', (t) => {
  t.throws(constructing({ limit: {}, returnOnExit: 5 }), { code: 'ERR_INVALID_ARG_TYPE', message: /returnOnExit/ })
  t.throws(constructing({ limit: {}, preopens: { '/': '/no/such/directory' } }), { code: 'UVWASI_ENOENT' })
})
