import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { prints, run } from '../guests/run.mjs'
import { NO_SYMLINKS, knownFailure, onBackends, slow } from '../support/conditions.mjs'
import { tree } from '../support/host.mjs'

const withLinks = knownFailure(NO_SYMLINKS)
const names = Array.from({ length: 3000 }, (_, i) => {
  const name = `${i}-${'x'.repeat((i * 7) % 50)}`
  return i % 3 ? name : `${name}-é`
})

/** Creates a directory `many` with all names: files, directories and dangling symlinks. */
function directoryWithNames(t) {
  const path = tree(t)
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
  onBackends(withLinks, slow(withLinks))(
    `fd_readdir lists each of 3000 entries once through a buffer of ${size} bytes`,
    async (t, backend) => {
      const { code, stdout } = await run('readdir', ['names', String(size)], {
        backend,
        preopens: { '/': directoryWithNames(t) },
      })
      t.is(code, 0)
      t.deepEqual(stdout.trimEnd().split('\n').sort(), ['.', '..', ...names].sort())
    },
  )
}

onBackends(withLinks, slow(withLinks))('fd_readdir resumes from any cookie, forwards and backwards', async (t) => {
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
    { preopens: { '/': directoryWithNames(t) } },
  )
})

onBackends(withLinks, slow(withLinks))(
  'fd_readdir on two descriptors of one directory keeps separate positions',
  async (t) => {
    await prints(
      t,
      'readdir',
      'two descriptors',
      `
listed: 3002
wrong: 0
`,
      { preopens: { '/': directoryWithNames(t) } },
    )
  },
)

onBackends()('fd_readdir with a buffer too small for one entry reports a full buffer', async (t) => {
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
