// `node --test`, with its own fake timers.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { describe, test } from 'node:test'
import { WASI } from 'capwasi'

const { checks } = createRequire(import.meta.url)('./guest.cjs')

for (const [name, check] of Object.entries(checks)) test(`a guest ${name}`, () => check(WASI))

describe('several at once', { concurrency: 8 }, () => {
  for (let i = 0; i < 8; i++) test(`guest ${i}`, async () => checks.files(WASI))
})

test('a guest sleeps while the timers are fake', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  checks.sleeps(WASI)
})

test('a method can be replaced by a mock and restored', (t) => {
  const { mock } = t.mock.method(WASI.prototype, 'start')
  checks.exits(WASI)
  assert.equal(mock.callCount(), 1)
})
