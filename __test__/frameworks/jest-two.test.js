// A second file, which Jest runs in another process, or after the first with a new module registry.

const { checks } = require('./guest.cjs')
const { WASI } = require('capwasi')

test.each(Object.keys(checks))('a guest %s', (name) => checks[name](WASI))

test.concurrent.each(Array.from({ length: 8 }, (_, i) => i))(
  'guest %i of 8 concurrent guests passes its check',
  async () => checks.files(WASI),
)
