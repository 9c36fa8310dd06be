// Conversion of args, env and the names of preopens to strings of the guest.

import { symlinkSync } from 'node:fs'
import { join, relative } from 'node:path'
import test from 'ava'
import { NO_SYMLINKS, knownFailure } from '../support/conditions.mjs'
import { rawGuest, tree } from '../support/guest.mjs'

/** Returns the names of the preopens in the order of their descriptors. */
function preopenNames(guest) {
  const names = []
  for (let fd = 3; guest.call.fd_prestat_get(fd, guest.out) === 0; fd++) {
    const { tag, nameLength } = guest.record('PRESTAT')
    if (tag !== 0) throw new Error(`preopen ${fd} is not a directory`)
    guest.must('fd_prestat_dir_name', fd, guest.out, nameLength)
    names.push(guest.text(guest.out, nameLength))
  }
  return names
}

const NON_ASCII = 'é ½ 漢字 🦀'

for (const [title, args, expected] of [
  ['nothing for undefined', undefined, []],
  ['nothing for an empty array', [], []],
  ['empty, long and non-ASCII strings', ['', 'x'.repeat(10_000), NON_ASCII], ['', 'x'.repeat(10_000), NON_ASCII]],
  ['numbers as strings', [1, -0, 1.5, NaN], ['1', '0', '1.5', 'NaN']],
  ['null, undefined, booleans and bigints as strings', [null, undefined, true, 1n], ['null', 'undefined', 'true', '1']],
  ['symbols as strings', [Symbol('a')], ['Symbol(a)']],
  ['objects as strings', [{}, [1, 2], { toString: () => 'own' }], ['[object Object]', '1,2', 'own']],
  ['a lone surrogate as U+FFFD', ['\ud800!'], ['\ufffd!']],
]) {
  test(`args_get returns ${title}`, (t) => {
    t.deepEqual(rawGuest({ args }).strings('args'), expected)
  })
}

test('args_get returns a hole of args as the string undefined', (t) => {
  // biome-ignore lint/suspicious/noSparseArray: the hole is the subject
  t.deepEqual(rawGuest({ args: ['a', , 'b'] }).strings('args'), ['a', 'undefined', 'b'])
})

test('args with an object that cannot convert to a string throw the TypeError of V8', (t) => {
  const error = t.throws(() => rawGuest({ args: [Object.create(null)] }), { instanceOf: TypeError })
  t.regex(error.message, /Cannot convert object to primitive value/)
})

test('new WASI() rethrows the exception of toString() of an argument', (t) => {
  const thrown = { any: 'value' }
  const args = [
    {
      toString() {
        throw thrown
      },
    },
  ]
  t.is(
    t.throws(() => rawGuest({ args }), { any: true }),
    thrown,
  )
})

for (const [title, env, expected] of [
  ['nothing for undefined', undefined, []],
  ['nothing for an empty object', {}, []],
  ['variables in the order of env', { B: '2', A: '1', C: '' }, ['B=2', 'A=1', 'C=']],
  ['integer-like names first', { z: 'z', 10: 'ten', 9: 'nine' }, ['9=nine', '10=ten', 'z=z']],
  ['no variable with the value undefined', { A: undefined, B: 'b' }, ['B=b']],
  ['other values as strings', { A: null, B: 1, C: true, D: {} }, ['A=null', 'B=1', 'C=true', 'D=[object Object]']],
  [
    'empty, non-ASCII names and names with =',
    { '': 'x', 'EQ=X': 'y', [NON_ASCII]: NON_ASCII },
    ['=x', 'EQ=X=y', `${NON_ASCII}=${NON_ASCII}`],
  ],
  ['no inherited or non-enumerable names', Object.create({ A: 1 }, { B: { value: 1 } }), []],
  ['no symbols as names', { [Symbol('A')]: 1 }, []],
  ['nothing for a Map', new Map([['A', 'a']]), []],
]) {
  test(`environ_get returns ${title}`, (t) => {
    t.deepEqual(rawGuest({ env }).strings('environ'), expected)
  })
}

test('a symbol as a value of env throws the TypeError of V8', (t) => {
  const error = t.throws(() => rawGuest({ env: { A: Symbol('a') } }), { instanceOf: TypeError })
  t.regex(error.message, /Cannot convert a Symbol value to a string/)
  t.false('code' in error)
})

test('args_get and environ_get return all of 10,000 strings', (t) => {
  const args = Array.from({ length: 10_000 }, (_, i) => `argument ${i}`)
  const guest = rawGuest({ args, env: Object.fromEntries(args.map((arg) => [arg, arg])) }, { memory: '32' })
  t.deepEqual(guest.strings('args'), args)
  t.deepEqual(
    guest.strings('environ'),
    args.map((arg) => `${arg}=${arg}`),
  )
})

test('changes to args and env after new WASI() have no effect', (t) => {
  const [args, env] = [['a'], { A: '1' }]
  const guest = rawGuest({ args, env })
  args.push('b')
  env.B = '2'
  t.deepEqual([guest.strings('args'), guest.strings('environ')], [['a'], ['A=1']])
})

test('preopens get descriptors from 3 in the order of Object.entries()', (t) => {
  const directory = tree(t)
  const preopens = {
    '/b': directory,
    '/a': directory,
    '.': directory,
    1: directory,
    '': directory,
    [NON_ASCII]: directory,
  }
  t.deepEqual(preopenNames(rawGuest({ preopens })), ['1', '/b', '/a', '.', '', NON_ASCII])
})

test('new WASI() converts the value of a preopen to a string', (t) => {
  const directory = tree(t, { 'in.txt': 'hello' })
  const guest = rawGuest({ preopens: { '/': { toString: () => directory } } })
  t.is(guest.read(guest.open('in.txt')), 'hello')
  t.throws(() => rawGuest({ preopens: { '/': undefined } }), { code: 'UVWASI_ENOENT' })
})

knownFailure(NO_SYMLINKS)('a preopen can be a symlink to a directory, or relative to the working directory', (t) => {
  const directory = tree(t, { 'box/in.txt': 'hello' })
  symlinkSync('box', join(directory, 'link'))
  for (const path of [join(directory, 'link'), relative(process.cwd(), join(directory, 'box')), `${directory}/box/`]) {
    const guest = rawGuest({ preopens: { '/': path } })
    t.is(guest.read(guest.open('in.txt')), 'hello', path)
  }
})

test('several preopens can have the same directory', (t) => {
  const directory = tree(t)
  const guest = rawGuest({ preopens: { '/a': directory, '/b': directory } })
  guest.must('path_create_directory', 3, ...guest.put('made'))
  t.is(guest.filestat(4, 'made').filetype, guest.filestat(3, 'made').filetype)
})
