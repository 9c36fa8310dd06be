// The rules of src/node/termination.rs, without which a termination of JavaScript could be lost.

import test from 'ava'
import { readdirSync, readFileSync } from 'node:fs'

const root = new URL('../../src/', import.meta.url)
const files = readdirSync(root, { recursive: true }).filter((name) => /^node(\.rs$|[\\/].*\.rs$)/.test(name))
const sources = Object.fromEntries(
  files.map((name) => [name.replaceAll('\\', '/'), readFileSync(new URL(name.replaceAll('\\', '/'), root), 'utf8')]),
)

/** Returns the bodies of the functions that follow a pattern, with file and name. */
const bodies = (pattern) =>
  Object.entries(sources).flatMap(([file, source]) =>
    [...source.matchAll(pattern)].map(({ 0: head, index, 1: name }) => {
      const body = source.slice(index + head.length)
      return { where: `${file}: ${name}`, head, body: body.slice(0, body.search(/^ {0,4}\}$/m)) }
    }),
  )

test('the only callback of Node-API is in callback.rs, and returns through callback_scope', (t) => {
  const callbacks = bodies(/extern "C" fn (\w+)[^{]*\{\n/g)
  t.deepEqual(
    callbacks.map(({ where }) => where),
    // V8 calls the second one, which returns nothing to JavaScript.
    ['node/callback.rs: trampoline', 'node/termination.rs: near_heap_limit'],
  )
  t.regex(callbacks[0].body, /^\s*callback_scope\(env, \|\| \{/)
})

test('a function of napi-rs that can fail returns through termination::scope', (t) => {
  const entries = bodies(/#\[napi\([^\]]*\)\]\n\s*pub fn (\w+)[^{]*\{\n/g).filter(({ head }) =>
    head.includes('-> Result<'),
  )
  t.true(entries.length >= 2)
  t.deepEqual(
    entries.filter(({ body }) => !/^\s*termination::scope\(&env, \|\| /.test(body)).map(({ where }) => where),
    [],
  )
})

test('only termination.rs clears an exception', (t) => {
  const clearing = /napi_get_and_clear_last_exception|\bFunction(Ref)?(::)?<|\bJsFunction\b|check_pending_exception/
  const lines = Object.entries(sources)
    .filter(([file]) => file !== 'node/termination.rs')
    .flatMap(([file, source]) =>
      source
        .split('\n')
        .filter((line) => clearing.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    )
  t.deepEqual(lines, [])
})

test('a call of Node-API that can run JavaScript is checked', (t) => {
  // These run no JavaScript, so their failure loses nothing.
  const free = new RegExp(
    'sys::napi_(get_cb_info|get_value_\\w+|get_reference_value|delete_reference|is_error|check_object_type_tag|throw|' +
      '(call|release)_threadsafe_function)\\(',
  )
  const calls = Object.entries(sources)
    .filter(([file]) => file !== 'node/termination.rs')
    .flatMap(([file, source]) =>
      [...source.matchAll(/^.*sys::napi_\w+\(/gm)]
        .filter(({ 0: line }) => !free.test(line))
        .map(({ 0: line, index }) => {
          const before = source.slice(0, index).split('\n').slice(-5).join('\n') + line
          // `Value::made` checks the status of its closure.
          return /check_status!\(|let status =|::made\(/.test(before) ? null : `${file}: ${line.trim()}`
        }),
    )
  t.true(calls.length > 10)
  t.deepEqual(calls.filter(Boolean), [])
})
