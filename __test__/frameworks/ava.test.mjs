// AVA, which runs tests in a worker thread.

import { createRequire } from 'node:module'
import test from 'ava'
import { WASI } from 'capwasi'

const { checks } = createRequire(import.meta.url)('./guest.cjs')

for (const [name, check] of Object.entries(checks)) {
  test(`a guest ${name}`, (t) => t.notThrows(() => check(WASI)))
}

for (let i = 0; i < 8; i++) {
  test(`guest ${i} of 8 concurrent guests passes its check`, async (t) => t.notThrows(() => checks.files(WASI)))
}

test('errors have a code', (t) => {
  t.throws(() => new WASI({ version: 3 }), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_TYPE' })
})
