// Deep paths: one call opens few descriptors, under each resolver.

import test from 'ava'
import { slow } from '../support/conditions.mjs'
import { RESOLVERS, runPlan, unavailableReason } from './setup.mjs'

for (const resolver of Object.keys(RESOLVERS)) {
  const slowTest = slow(unavailableReason(resolver) === null ? test : test.skip)
  const isWalked = RESOLVERS[resolver].length > 0

  slowTest(`a path through 24,000 directories opens under 200 descriptors, resolved ${resolver}`, async (t) => {
    const { errnos, descriptors } = await runPlan(t, resolver, 'depth.plan.mjs')
    const deep = isWalked ? 'NAMETOOLONG' : 'SUCCESS'
    t.deepEqual(errnos, {
      'a file 100 levels down': ['SUCCESS', 'SUCCESS'],
      'a directory 800 levels down': deep,
      'a new directory 800 levels down': deep,
      'symlinks that lead up and down': deep,
    })
    t.true(descriptors < 200, `${descriptors} descriptors`)
  })

  slowTest(`40 symlinks in a path are followed, 41 fail with ELOOP, resolved ${resolver}`, async (t) => {
    const { links, accessed } = await runPlan(t, resolver, 'depth.plan.mjs')
    t.is(accessed, 1000)
    t.deepEqual(links, {
      'self1/self1/target': Array(5).fill('SUCCESS'),
      'self1/self2/last': Array(5).fill('SUCCESS'),
      'self1/self1/last': ['LOOP', 'LOOP', 'LOOP', 'LOOP', 'NOENT'],
    })
  })
}
