// Runtimes that cannot suspend a guest.

import test from 'ava'
import { onBlocking } from '../support/conditions.mjs'
import { WASI } from '../support/suspending.mjs'

const EXPECTED = { code: 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', message: /Node\.js 24\.22 and later, Bun .* Deno/ }

onBlocking('getImportObject({ suspending: true }) without JSPI throws an error that says what has it', (t) => {
  t.throws(() => new WASI({ version: 'preview1' }).getImportObject({ suspending: true }), EXPECTED)
})

for (const method of ['startAsync', 'initializeAsync']) {
  onBlocking(`${method}() without JSPI rejects with an error that says what has it`, async (t) => {
    await t.throwsAsync(new WASI({ version: 'preview1' })[method]({ exports: {} }), EXPECTED)
  })
}

test('getImportObject({ suspending: false }) returns wasiImport, in every runtime', (t) => {
  const wasi = new WASI({ version: 'preview1' })
  t.is(wasi.getImportObject({ suspending: false }).wasi_snapshot_preview1, wasi.wasiImport)
})
