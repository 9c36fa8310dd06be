// lib/stdio.js: converts the options stdin, input, stdout and stderr.

import test from 'ava'
import { data, input, output } from '../../lib/stdio.js'

const text = (bytes) => Buffer.from(bytes).toString()
const { buffer } = Uint8Array.from([97, 98, 99, 100])

for (const [what, value, expected] of [
  ['a string', 'grüß', 'grüß'],
  ['a Buffer', Buffer.from('abc'), 'abc'],
  ['an ArrayBuffer', buffer, 'abcd'],
  ['a DataView of a part', new DataView(buffer, 1, 2), 'bc'],
  ['a wider typed array', new Uint16Array(buffer), 'abcd'],
]) {
  test(`data returns the bytes of ${what}`, (t) => {
    const bytes = data(value)
    t.true(bytes instanceof Uint8Array)
    t.is(text(bytes), expected)
  })
}

test('data returns undefined for values that are neither data nor iterable', (t) => {
  for (const value of [undefined, null, 5, true, {}, () => 'abc', (async function* () {})()])
    t.is(data(value), undefined)
})

test('data returns a function that reads an iterable item by item, and null at its end', (t) => {
  const read = data(['ab', Buffer.from('c')])
  t.is(text(read()), 'ab')
  t.is(text(read()), 'c')
  t.is(read(), null)
})

test('an item that is not data is returned unchanged, and a missing one as undefined', (t) => {
  const read = data([5, undefined, null])
  t.deepEqual([read(), read(), read(), read()], [5, undefined, undefined, null])
})

/** An iterable that counts the calls of `return`. */
function counted(items) {
  const calls = { returns: 0 }
  const iterator = items[Symbol.iterator]()
  const iterable = {
    [Symbol.iterator]: () => ({
      next: () => iterator.next(),
      return() {
        calls.returns++
        return {}
      },
    }),
  }
  return { iterable, calls }
}

test('end calls return() of an iterator that has items left, once', (t) => {
  const { iterable, calls } = counted(['a', 'b'])
  const read = data(iterable)
  read.end()
  t.is(calls.returns, 0, 'not before the iteration begins')
  const other = data(iterable)
  other()
  other.end()
  other.end()
  t.is(calls.returns, 1)
})

test('end does not call return() of an iterator at its end', (t) => {
  const { iterable, calls } = counted([])
  const read = data(iterable)
  read()
  read.end()
  t.is(calls.returns, 0)
})

test('end during next() calls return() afterwards', (t) => {
  let returns = 0
  const read = data({
    [Symbol.iterator]: () => ({
      next() {
        read.end()
        t.is(returns, 0)
        return { value: 'x', done: false }
      },
      return: () => returns++,
    }),
  })
  t.is(text(read()), 'x')
  t.is(returns, 1)
})

test('input and output return their modes', (t) => {
  for (const mode of ['inherit', 'ignore']) t.deepEqual([input(mode), output(mode)], [mode, mode])
  t.is(output('pipe'), 'pipe')
  t.is(text(input('pipe')), 'pipe')
})

test('input converts the result of a function, which gets the size', (t) => {
  const read = input((size) => 'x'.repeat(size))
  t.is(text(read(3)), 'xxx')
  t.is(input(() => null)(1), null)
  t.is(input(() => undefined)(1), null)
  t.is(input(() => 5)(1), 5)
})

test('output returns undefined for data and for values without write', (t) => {
  for (const value of [undefined, null, 5, 'other', Buffer.from('abc'), {}]) t.is(output(value), undefined)
})

test('a function of the embedder accepts all bytes, whatever it returns', (t) => {
  const chunks = []
  const write = output((chunk) => chunks.push(chunk))
  t.is(write(Buffer.from('abc'), 1), undefined)
  t.deepEqual(chunks.map(text), ['abc'])
})

/** A stream that buffers what it is given, until `drain`. */
const stream = (properties) => ({
  writableLength: 0,
  chunks: [],
  write(chunk) {
    this.chunks.push(chunk)
    this.writableLength += this.writableObjectMode ? 1 : chunk.length
  },
  drain() {
    this.writableLength = 0
  },
  ...properties,
})

test('a stream accepts bytes up to the limit, and more once it has drained', (t) => {
  for (const writableObjectMode of [false, true]) {
    const target = stream({ writableObjectMode })
    const write = output(target)
    t.is(write(Buffer.from('abcd'), 6), 4)
    t.is(write(Buffer.from('efgh'), 6), 2)
    t.is(write(Buffer.from('gh'), 6), 0)
    target.drain()
    t.is(write(Buffer.from('gh'), 6), 2)
    t.deepEqual(target.chunks.map(text), ['abcd', 'ef', 'gh'])
  }
})

test('a part of a chunk is a copy, so that the stream does not keep the whole chunk alive', (t) => {
  const target = stream()
  const chunk = Buffer.from('abcd')
  output(target)(chunk, 2)
  chunk.fill(0)
  t.is(text(target.chunks[0]), 'ab')
})

test('a stream that does not report what it buffers accepts all bytes', (t) => {
  const chunks = []
  t.is(output({ write: (chunk) => chunks.push(chunk) })(Buffer.from('abcd'), 1), 4)
})

test('an errored stream throws its error at each write, and listens for the event once', (t) => {
  const errored = new Error('full')
  let listeners = 0
  const write = output(stream({ errored, once: () => listeners++ }))
  for (let time = 0; time < 2; time++)
    t.is(
      t.throws(() => write(Buffer.from('a'), 9)),
      errored,
    )
  t.is(listeners, 1)
})

test('a destroyed stream throws ERR_STREAM_DESTROYED', (t) => {
  t.throws(() => output(stream({ destroyed: true }))(Buffer.from('a'), 9), { code: 'ERR_STREAM_DESTROYED' })
})
