// `node --test`, with its fake timers and mocks.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { describe, test } from 'node:test'
import { WASI } from 'capwasi'

const { checks } = createRequire(import.meta.url)('./guest.cjs')

for (const [name, check] of Object.entries(checks)) test(`a guest ${name}`, () => check(WASI))

describe('8 concurrent guests pass their checks', { concurrency: 8 }, () => {
  for (let i = 0; i < 8; i++) test(`guest ${i}`, async () => checks.files(WASI))
})

test('a guest sleeps in real time with fake timers', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  checks.sleeps(WASI)
})

test('a method can be replaced by a mock', (t) => {
  const { mock } = t.mock.method(WASI.prototype, 'start')
  checks.exits(WASI)
  assert.equal(mock.callCount(), 1)
})
