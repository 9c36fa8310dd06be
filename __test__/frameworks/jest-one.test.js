// Jest gives each file its own global object and module registry. This file also resets the registry.

const { checks } = require('./guest.cjs')
const { WASI } = require('capwasi')

test.each(Object.keys(checks))('a guest %s', (name) => checks[name](WASI))

test.concurrent.each(Array.from({ length: 8 }, (_, i) => i))(
  'guest %i of 8 concurrent guests passes its check',
  async () => checks.files(WASI),
)

test('a guest sleeps in real time with fake timers', () => {
  jest.useFakeTimers()
  checks.sleeps(WASI)
  jest.useRealTimers()
})

test('guests run before and after a reset of the module registry', () => {
  for (let i = 0; i < 5; i++) {
    jest.resetModules()
    const again = require('capwasi')
    for (const check of Object.values(checks)) check(again.WASI)
  }
  jest.isolateModules(() => checks.files(require('capwasi').WASI))
  checks.files(WASI)
})

test('errors have a code, and a memory is recognized, in another realm', () => {
  expect(() => new WASI({ version: 3 })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }))
  const wasi = new WASI({ version: 'preview1' })
  expect(() => wasi.start({ exports: { memory: {} } })).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
  )
})
