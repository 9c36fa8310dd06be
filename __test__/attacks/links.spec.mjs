// Symlinks, slashes, chains and names that lead out: thousands of calls, under each resolver.

import test from 'ava'
import { onBackends } from '../support/conditions.mjs'
import { RESOLVERS, runPlan, unavailableReason } from './setup.mjs'

const NAMES = {
  // The length in bytes, then the errnos of stat, of creating and opening a directory, and of removing it.
  255: [255, 'NOENT', 'SUCCESS', 'SUCCESS', 'SUCCESS'],
  256: [256, ...Array(4).fill('NAMETOOLONG')],
  'the longest path': [4095, 'SUCCESS', 'EXIST', 'SUCCESS', 'NOTEMPTY'],
  'one byte longer than the longest path': [4096, ...Array(4).fill('NAMETOOLONG')],
  'a name of 4095 bytes': [4095, ...Array(4).fill('NAMETOOLONG')],
  'a name of 4096 bytes': [4096, ...Array(4).fill('NAMETOOLONG')],
  'not UTF-8': [4, 'NOENT', 'SUCCESS', 'SUCCESS', 'SUCCESS'],
  'not UTF-8, outside': [8, ...Array(4).fill('NOTCAPABLE')],
  'a NUL': [18, ...Array(4).fill('INVAL')],
}

for (const resolver of Object.keys(RESOLVERS)) {
  const reason = unavailableReason(resolver)
  if (reason !== null) console.log(`skipping symlink attacks ${resolver}: ${reason}`)
  const withResolver = reason === null ? test : test.skip

  onBackends(withResolver)(
    `no path call follows a symlink out of the preopen, resolved ${resolver}`,
    async (t, backend) => {
      const { breaches, errnos, chains, names } = await runPlan(t, resolver, 'links.plan.mjs', backend)
      t.deepEqual(breaches, [])

      t.true(Object.keys(errnos).length > 3000)

      for (const length of [31, 32, 40, 41]) {
        const [good, bad] = ['good', 'bad'].map((kind) => chains[`${kind} ${length}`])
        if (length < 40) t.deepEqual(good, ['SUCCESS'], `${length} symlinks`)
        // Another system call may follow the last symlink. In that case 40 symlinks are one too many.
        else if (length === 40) t.true(good.includes('SUCCESS'))
        else t.deepEqual(good, ['LOOP'])
        t.true(
          bad.every((errno) => ['LOOP', 'NOTCAPABLE'].includes(errno)),
          `${length} symlinks: ${bad}`,
        )
      }
      t.deepEqual(names, NAMES)
    },
  )

  withResolver(`no path call follows a magic link of /proc, resolved ${resolver}`, async (t) => {
    const { proc } = await runPlan(t, resolver, 'links.plan.mjs')
    t.true(proc.length > 0)
    t.true(
      proc.every((errno) => ['LOOP', 'NOENT', 'NOTCAPABLE', 'NOTDIR'].includes(errno)),
      String(proc),
    )
  })
}
