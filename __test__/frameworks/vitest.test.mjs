// Vitest, in processes and in threads.

import { createRequire } from 'node:module'
import { WASI } from 'capwasi'
import { expect, test, vi } from 'vitest'

const { checks } = createRequire(import.meta.url)('./guest.cjs')

test.each(Object.keys(checks))('a guest %s', (name) => checks[name](WASI))

test.concurrent.each(Array.from({ length: 8 }, (_, i) => i))(
  'guest %i of 8 concurrent guests passes its check',
  async () => checks.files(WASI),
)

test('a guest sleeps in real time with fake timers', () => {
  vi.useFakeTimers()
  checks.sleeps(WASI)
  vi.useRealTimers()
})

test('guests run before and after a reset of the module registry', async () => {
  for (let i = 0; i < 5; i++) {
    vi.resetModules()
    const again = await import('capwasi')
    for (const check of Object.values(checks)) check(again.WASI)
  }
  checks.files(WASI)
})

test('errors have a code', () => {
  expect(() => new WASI({ version: 3 })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }))
})
