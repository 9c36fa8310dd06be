// Deep paths: a single call holds few descriptors under each resolver.

import test from 'ava'
import { slow } from '../support/conditions.mjs'
import { RESOLVERS, missing, plan } from './box.mjs'

for (const resolver of Object.keys(RESOLVERS)) {
  const attack = slow(missing(resolver) === null ? test : test.skip)
  const isWalked = RESOLVERS[resolver].length > 0

  attack(`a path through 24,000 levels, resolved ${resolver}, holds at most 200 descriptors`, async (t) => {
    const { errnos, held } = await plan(t, resolver, 'depth.plan.mjs')
    const deep = isWalked ? 'NAMETOOLONG' : 'SUCCESS'
    t.deepEqual(errnos, {
      'a file 100 levels down': ['SUCCESS', 'SUCCESS'],
      'a directory 800 levels down': deep,
      'a new directory 800 levels down': deep,
      'links that lead up and down': deep,
    })
    t.true(held < 200, `${held} descriptors`)
  })

  attack(`40 links in a path are followed and 41 are ELOOP, wherever they are, resolved ${resolver}`, async (t) => {
    const { links, accessed } = await plan(t, resolver, 'depth.plan.mjs')
    t.is(accessed, 1000)
    t.deepEqual(links, {
      'self1/self1/target': Array(5).fill('SUCCESS'),
      'self1/self2/last': Array(5).fill('SUCCESS'),
      'self1/self1/last': ['LOOP', 'LOOP', 'LOOP', 'LOOP', 'NOENT'],
    })
  })
}
