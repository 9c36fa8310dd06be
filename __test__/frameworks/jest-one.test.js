// Jest gives each file a global object and a module registry of its own; this file resets the registry as well.

const { checks } = require('./guest.cjs')
const { WASI } = require('capwasi')

test.each(Object.keys(checks))('a guest %s', (name) => checks[name](WASI))

test.concurrent.each(Array.from({ length: 8 }, (_, i) => i))('guest %i of several at once', async () =>
  checks.files(WASI),
)

test('a guest sleeps while the timers are fake', () => {
  jest.useFakeTimers()
  checks.sleeps(WASI)
  jest.useRealTimers()
})

test('modules that are reset and loaded again work, and so do those from before', () => {
  for (let i = 0; i < 5; i++) {
    jest.resetModules()
    const again = require('capwasi')
    for (const check of Object.values(checks)) check(again.WASI)
  }
  jest.isolateModules(() => checks.files(require('capwasi').WASI))
  checks.files(WASI)
})

test('errors and memories are recognised across the registry', () => {
  expect(() => new WASI({ version: 3 })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }))
  const wasi = new WASI({ version: 'preview1' })
  expect(() => wasi.start({ exports: { memory: {} } })).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
  )
})
