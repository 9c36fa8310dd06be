import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import test from 'ava'
import { box, prints, run } from '../guests/run.mjs'
import { NO_SYMLINKS, knownFailure } from '../support/conditions.mjs'

const names = Array.from({ length: 3000 }, (_, i) => {
  const name = `${i}-${'x'.repeat((i * 7) % 50)}`
  return i % 3 ? name : `${name}-é`
})

function filled(t) {
  const path = box(t)
  mkdirSync(join(path, 'many'))
  for (const [i, name] of names.entries()) {
    const entry = join(path, 'many', name)
    if (i % 100 === 1) mkdirSync(entry)
    else if (i % 100 === 2) symlinkSync('nowhere', entry)
    else writeFileSync(entry, '')
  }
  return path
}

for (const size of [100, 1000, 4096, 65536]) {
  knownFailure(NO_SYMLINKS)(`3,000 entries are listed through a buffer of ${size} bytes, each once`, async (t) => {
    const { code, stdout } = await run('readdir', ['names', String(size)], { preopens: { '/': filled(t) } })
    t.is(code, 0)
    t.deepEqual(stdout.trimEnd().split('\n').sort(), ['.', '..', ...names].sort())
  })
}

knownFailure(NO_SYMLINKS)('a listing can be resumed from any of its cookies, forwards and backwards', async (t) => {
  await prints(
    t,
    'readdir',
    'resume',
    `
listed: 3002
to the end from some: 0
three from each: 0
small: 0
`,
    { preopens: { '/': filled(t) } },
  )
})

knownFailure(NO_SYMLINKS)(
  'two descriptors of one directory are listed in turns, each from its own place',
  async (t) => {
    await prints(
      t,
      'readdir',
      'two',
      `
listed: 3002
wrong: 0
`,
      { preopens: { '/': filled(t) } },
    )
  },
)

test('a buffer too small for one entry is reported full, and no more than it is written', async (t) => {
  await prints(
    t,
    'readdir',
    'sizes',
    `
__wasi_fd_readdir(fd, buffer, 0, 0, &used): ok
used: 0
__wasi_fd_readdir(fd, buffer, 10, 0, &used): ok
used: 10
__wasi_fd_readdir(fd, buffer, 24, 0, &used): ok
used: 24
__wasi_fd_readdir(99, buffer, 100, 0, &used): EBADF
__wasi_fd_readdir(file, buffer, 100, 0, &used) != 0: yes
`,
    { setup: (path) => mkdirSync(join(path, 'many')) },
  )
})
