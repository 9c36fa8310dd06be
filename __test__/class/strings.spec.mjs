// What becomes of args, env and the names of preopens on their way to the guest.

import { symlinkSync } from 'node:fs'
import { join, relative } from 'node:path'
import test from 'ava'
import { NO_SYMLINKS, knownFailure } from '../support/conditions.mjs'
import { rawGuest, tree } from '../support/guest.mjs'

/** The names of the preopens, in the order of their descriptors. */
function preopenNames(guest) {
  const names = []
  for (let fd = 3; guest.call.fd_prestat_get(fd, guest.out) === 0; fd++) {
    const { tag, nameLength } = guest.record('PRESTAT')
    if (tag !== 0) throw new Error(`preopen ${fd} is no directory`)
    guest.must('fd_prestat_dir_name', fd, guest.out, nameLength)
    names.push(guest.text(guest.out, nameLength))
  }
  return names
}

const text = 'é ½ 漢字 🦀'

for (const [title, args, expected] of [
  ['none', undefined, []],
  ['an empty array', [], []],
  ['empty, long and non-ASCII strings', ['', 'x'.repeat(10_000), text], ['', 'x'.repeat(10_000), text]],
  ['numbers', [1, -0, 1.5, NaN], ['1', '0', '1.5', 'NaN']],
  ['null, undefined, booleans and bigints', [null, undefined, true, 1n], ['null', 'undefined', 'true', '1']],
  ['symbols', [Symbol('a')], ['Symbol(a)']],
  ['objects', [{}, [1, 2], { toString: () => 'own' }], ['[object Object]', '1,2', 'own']],
  ['a lone surrogate', ['\ud800!'], ['\ufffd!']],
]) {
  test(`args: ${title} arrive as String() has them`, (t) => {
    t.deepEqual(rawGuest({ args }).strings('args'), expected)
  })
}

test('a hole in args is the string undefined', (t) => {
  // biome-ignore lint/suspicious/noSparseArray: the hole is the subject
  t.deepEqual(rawGuest({ args: ['a', , 'b'] }).strings('args'), ['a', 'undefined', 'b'])
})

test('an argument that has no string is refused with the error of V8', (t) => {
  const error = t.throws(() => rawGuest({ args: [Object.create(null)] }), { instanceOf: TypeError })
  t.regex(error.message, /Cannot convert object to primitive value/)
})

test('what an argument throws when it is asked for its string comes out unchanged', (t) => {
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
  ['none', undefined, []],
  ['an empty object', {}, []],
  ['strings in their order', { B: '2', A: '1', C: '' }, ['B=2', 'A=1', 'C=']],
  ['integer-like names first', { z: 'z', 10: 'ten', 9: 'nine' }, ['9=nine', '10=ten', 'z=z']],
  ['no undefined value', { A: undefined, B: 'b' }, ['B=b']],
  ['other values as text', { A: null, B: 1, C: true, D: {} }, ['A=null', 'B=1', 'C=true', 'D=[object Object]']],
  ['any name', { '': 'x', 'EQ=X': 'y', [text]: text }, ['=x', 'EQ=X=y', `${text}=${text}`]],
  ['no inherited or hidden names', Object.create({ A: 1 }, { B: { value: 1 } }), []],
  ['no symbols as names', { [Symbol('A')]: 1 }, []],
  ['nothing of a Map', new Map([['A', 'a']]), []],
]) {
  test(`env: ${title}`, (t) => {
    t.deepEqual(rawGuest({ env }).strings('environ'), expected)
  })
}

test('a symbol as a value of env is refused with the error of V8', (t) => {
  const error = t.throws(() => rawGuest({ env: { A: Symbol('a') } }), { instanceOf: TypeError })
  t.regex(error.message, /Cannot convert a Symbol value to a string/)
  t.false('code' in error)
})

test('args and env of 10,000 strings arrive whole', (t) => {
  const args = Array.from({ length: 10_000 }, (_, i) => `argument ${i}`)
  const guest = rawGuest({ args, env: Object.fromEntries(args.map((arg) => [arg, arg])) }, { memory: '32' })
  t.deepEqual(guest.strings('args'), args)
  t.deepEqual(
    guest.strings('environ'),
    args.map((arg) => `${arg}=${arg}`),
  )
})

test('args and env are those of the time of construction', (t) => {
  const [args, env] = [['a'], { A: '1' }]
  const guest = rawGuest({ args, env })
  args.push('b')
  env.B = '2'
  t.deepEqual([guest.strings('args'), guest.strings('environ')], [['a'], ['A=1']])
})

test('preopens have the descriptors from 3 on in the order of Object.entries', (t) => {
  const directory = tree(t)
  const preopens = { '/b': directory, '/a': directory, '.': directory, 1: directory, '': directory, [text]: directory }
  t.deepEqual(preopenNames(rawGuest({ preopens })), ['1', '/b', '/a', '.', '', text])
})

test('the value of a preopen is made a string', (t) => {
  const directory = tree(t, { 'in.txt': 'hello' })
  const guest = rawGuest({ preopens: { '/': { toString: () => directory } } })
  t.is(guest.read(guest.open('in.txt')), 'hello')
  t.throws(() => rawGuest({ preopens: { '/': undefined } }), { code: 'UVWASI_ENOENT' })
})

knownFailure(NO_SYMLINKS)('a preopen may be a link to a directory, or relative to the working directory', (t) => {
  const directory = tree(t, { 'box/in.txt': 'hello' })
  symlinkSync('box', join(directory, 'link'))
  for (const path of [join(directory, 'link'), relative(process.cwd(), join(directory, 'box')), `${directory}/box/`]) {
    const guest = rawGuest({ preopens: { '/': path } })
    t.is(guest.read(guest.open('in.txt')), 'hello', path)
  }
})

test('one directory may be several preopens', (t) => {
  const directory = tree(t)
  const guest = rawGuest({ preopens: { '/a': directory, '/b': directory } })
  guest.must('path_create_directory', 3, ...guest.put('made'))
  t.is(guest.filestat(4, 'made').filetype, guest.filestat(3, 'made').filetype)
})
