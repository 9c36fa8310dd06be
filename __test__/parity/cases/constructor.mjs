// Errors of the constructor, the class and the start methods.

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

export default function ({ WASI, outcome, make }) {
  const rows = {}
  const check = (title, act) => {
    rows[title] = outcome(() => {
      act()
      return 'fine'
    })
  }
  for (const [title, value] of Object.entries(VALUES)) {
    // An object without a version is what capwasi accepts.
    if (value === null || typeof value !== 'object' || Array.isArray(value))
      check(`options: ${title}`, () => new WASI(value))
    for (const option of OPTIONS) {
      // A number may be a descriptor that one process has open and the other has not.
      if (option.startsWith('std') && Number.isInteger(value) && value >= 0 && value < 2 ** 31) continue
      // What capwasi accepts beside a descriptor.
      if (option.startsWith('std') && typeof value === 'function') continue
      if (option === 'stdin' && typeof value?.[Symbol.iterator] === 'function') continue
      check(`${option}: ${title}`, () => make({ [option]: value }))
    }
    check(`start: ${title}`, () => make().start(value))
    check(`initialize: ${title}`, () => make().initialize(value))
    check(`start, exports: ${title}`, () => make().start({ exports: value }))
    check(`start, memory: ${title}`, () => make().start({ exports: { memory: value, _start() {} } }))
    check(`start, _start: ${title}`, () => make().start({ exports: { memory, _start: value } }))
    check(`start, _initialize: ${title}`, () => make().start({ exports: { memory, _start() {}, _initialize: value } }))
    check(`initialize, _start: ${title}`, () => make().initialize({ exports: { memory, _start: value } }))
    check(`initialize, _initialize: ${title}`, () => make().initialize({ exports: { memory, _initialize: value } }))
    check(`value of env: ${title}`, () => make({ env: { A: value } }))
    check(`element of args: ${title}`, () => make({ args: [value] }))
  }
  for (const path of ['/no/such/directory', '/dev/null', '', '/dev/null/x', `/${'n'.repeat(300)}`]) {
    check(`preopen: ${path.slice(0, 20)}`, () => make({ preopens: { '/': path } }))
  }
  check('stdin that is not open', () => make({ stdin: 100_000 }))
  check('without new', () => WASI())
  check('started twice', () => {
    const wasi = make()
    for (const _ of [1, 2]) wasi.start({ exports: { memory, _start() {} } })
  })
  check('not started', () => make().wasiImport.sched_yield())
  return rows
}
