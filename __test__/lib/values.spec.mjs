// lib/values.js: descriptions of values, paths of URLs, and errors like those of Node.

import { fileURLToPath } from 'node:url'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import { describe, invalidType, nodeError, urlPath } from '../../lib/values.js'

class Named {}
const anonymous = () => async function* () {}

for (const [value, description] of [
  [undefined, 'undefined'],
  [null, 'null'],
  [true, 'type boolean (true)'],
  [5, 'type number (5)'],
  [-0, 'type number (-0)'],
  [5n, 'type bigint (5n)'],
  [Symbol('s'), 'type symbol (Symbol(s))'],
  ['text', "type string ('text')"],
  ["it's", 'type string ("it\'s")'],
  ['x'.repeat(28), `type string ('${'x'.repeat(28)}')`],
  ['x'.repeat(29), `type string ('${'x'.repeat(25)}...')`],
  [function named() {}, 'function named'],
  [new Named(), 'an instance of Named'],
  [[], 'an instance of Array'],
  [Object.create(null), '[Object: null prototype] {}'],
  [anonymous()(), 'Object [AsyncGenerator] {}'],
]) {
  test(`describe returns ${description}`, (t) => {
    t.is(describe(value), description)
  })
}

test('describe of an object without a prototype, but with properties, names no property', (t) => {
  t.regex(describe(Object.assign(Object.create(null), { secret: 1 })), /^\[Object: null prototype\]/)
  t.notRegex(describe(Object.assign(Object.create(null), { secret: 1 })), /secret/)
})

for (const [name, Class] of Object.entries({ Error, TypeError, RangeError })) {
  test(`nodeError makes a ${name} whose stack names the code, but not nodeError`, (t) => {
    const error = nodeError(name, 'ERR_CODE', 'the message')
    t.is(error.constructor, Class)
    t.is(error.message, 'the message')
    t.deepEqual(Object.keys(error), ['code'])
    t.true(error.stack.startsWith(`${name} [ERR_CODE]: the message\n`), error.stack)
    t.notRegex(error.stack, /nodeError/)
  })
}

test('nodeError keeps a stack that Error.prepareStackTrace has replaced', (t) => {
  const { prepareStackTrace } = Error
  Error.prepareStackTrace = () => ['sites']
  try {
    t.deepEqual(nodeError('Error', 'ERR_CODE', 'the message').stack, ['sites'])
  } finally {
    Error.prepareStackTrace = prepareStackTrace
  }
})

test('invalidType says what was expected and what was received', (t) => {
  const error = invalidType('The "options" argument', 'of type object', 5)
  t.true(error instanceof TypeError)
  t.is(error.code, 'ERR_INVALID_ARG_TYPE')
  t.is(error.message, 'The "options" argument must be of type object. Received type number (5)')
})

test('urlPath returns the path of a URL, also of another realm or class', (t) => {
  const url = new URL(import.meta.url)
  const path = fileURLToPath(url)
  t.is(urlPath(url), path)
  t.is(urlPath(runInNewContext('({ href, protocol })', { href: url.href, protocol: url.protocol })), path)
})

test('urlPath returns undefined for other values, and for the objects of url.parse', (t) => {
  for (const value of [
    undefined,
    null,
    'file:///path',
    {},
    { href: 'file:///', protocol: 'file:', path: '/', auth: null },
  ]) {
    t.is(urlPath(value), undefined)
  }
})

test('urlPath throws for a URL that is not a file', (t) => {
  t.throws(() => urlPath(new URL('https://example.com')), { code: 'ERR_INVALID_URL_SCHEME' })
})
