// Errors of the constructor, start(), initialize() and the class.

const VALUES = {
  null: null,
  true: true,
  zero: 0,
  nan: NaN,
  infinity: Infinity,
  fraction: 1.5,
  negative: -1,
  huge: 2 ** 40,
  empty: '',
  string: 'string',
  'long string': 'long '.repeat(20),
  quotes: `it's "quoted"`,
  newline: 'a\nb',
  bigint: 12n,
  symbol: Symbol('s'),
  'symbol without description': Symbol(),
  function: function named() {},
  'arrow function': (() => () => {})(),
  class: class Mine {},
  object: {},
  array: [1],
  map: new Map(),
  date: new Date(0),
  regexp: /x/,
  error: new Error('e'),
  promise: Promise.resolve(),
  'typed array': new Uint8Array(2),
  'no prototype': Object.create(null),
  instance: new (class Own {})(),
}
const OPTIONS = ['version', 'args', 'env', 'preopens', 'stdin', 'stdout', 'stderr', 'returnOnExit']

const memory = new WebAssembly.Memory({ initial: 1 })

export default function ({ WASI, outcome, newWasi }) {
  const rows = {}
  const check = (title, action) => {
    rows[title] = outcome(() => {
      action()
      return 'no error'
    })
  }
  for (const [title, value] of Object.entries(VALUES)) {
    // capwasi accepts an object without a version.
    if (value === null || typeof value !== 'object' || Array.isArray(value))
      check(`options: ${title}`, () => new WASI(value))
    for (const option of OPTIONS) {
      // A number may be a descriptor that is open in only one of the two processes.
      if (option.startsWith('std') && Number.isInteger(value) && value >= 0 && value < 2 ** 31) continue
      // capwasi accepts more than descriptors.
      if (option.startsWith('std') && typeof value === 'function') continue
      if (option === 'stdin' && typeof value?.[Symbol.iterator] === 'function') continue
      check(`${option}: ${title}`, () => newWasi({ [option]: value }))
    }
    check(`start: ${title}`, () => newWasi().start(value))
    check(`initialize: ${title}`, () => newWasi().initialize(value))
    check(`start, exports: ${title}`, () => newWasi().start({ exports: value }))
    check(`start, memory: ${title}`, () => newWasi().start({ exports: { memory: value, _start() {} } }))
    check(`start, _start: ${title}`, () => newWasi().start({ exports: { memory, _start: value } }))
    check(`start, _initialize: ${title}`, () =>
      newWasi().start({ exports: { memory, _start() {}, _initialize: value } }),
    )
    check(`initialize, _start: ${title}`, () => newWasi().initialize({ exports: { memory, _start: value } }))
    check(`initialize, _initialize: ${title}`, () => newWasi().initialize({ exports: { memory, _initialize: value } }))
    check(`value of env: ${title}`, () => newWasi({ env: { A: value } }))
    check(`element of args: ${title}`, () => newWasi({ args: [value] }))
  }
  for (const path of ['/no/such/directory', '/dev/null', '', '/dev/null/x', `/${'n'.repeat(300)}`]) {
    check(`preopen: ${path.slice(0, 20)}`, () => newWasi({ preopens: { '/': path } }))
  }
  check('stdin with a closed descriptor', () => newWasi({ stdin: 100_000 }))
  check('WASI() without new', () => WASI())
  check('start() twice', () => {
    const wasi = newWasi()
    for (const _ of [1, 2]) wasi.start({ exports: { memory, _start() {} } })
  })
  check('a call before start()', () => newWasi().wasiImport.sched_yield())
  return rows
}
