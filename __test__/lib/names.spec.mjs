// lib/names.js: suggestions for misspelt names.

import test from 'ava'
import { nearest, suggestion } from '../../lib/names.js'

const KNOWN = ['fd', 'output', 'openFiles', 'writtenBytes']

for (const [name, known] of [
  ['openfiles', 'openFiles'],
  ['open_files', 'openFiles'],
  ['open-file', 'openFiles'],
  ['openFlies', 'openFiles'],
  ['writenByte', 'writtenBytes'],
  ['ouptut', 'output'],
  ['ouput', 'output'],
  ['fb', 'fd'],
  ['fds', 'fd'],
]) {
  test(`'${name}' is nearly '${known}'`, (t) => {
    t.is(KNOWN[nearest(name, KNOWN)], known)
    t.is(suggestion(name, KNOWN), `Did you mean '${known}'?`)
  })
}

for (const name of ['', 'input files', 'opening', 'ab', 'put', 'output!!!', 'x'.repeat(1e6)]) {
  test(`'${name.slice(0, 20)}' is similar to no known name`, (t) => {
    t.is(nearest(name, KNOWN), undefined)
    t.is(suggestion(name, KNOWN), undefined)
  })
}

test('the nearest name wins, and the first of equally near ones', (t) => {
  t.is(nearest('memory', ['memories', 'memory']), 1)
  t.is(nearest('maxBites', ['maxBytes', 'maxSites']), 0)
})

test('a name with a quote is quoted as Node does', (t) => {
  t.is(suggestion("it's", ["it's"]), `Did you mean "it's"?`)
})
