// Links, slashes, chains and names that lead out: thousands of calls, with each way the system may resolve a path.

import test from 'ava'
import { RESOLVERS, missing, plan } from './box.mjs'

const NAMES = {
  // The length in bytes, then what looking at it, making it, opening it as a directory and removing it answer.
  255: [255, 'NOENT', 'SUCCESS', 'SUCCESS', 'SUCCESS'],
  256: [256, ...Array(4).fill('NAMETOOLONG')],
  'the longest path': [4095, 'SUCCESS', 'EXIST', 'SUCCESS', 'NOTEMPTY'],
  'a byte more': [4096, ...Array(4).fill('NAMETOOLONG')],
  '4095 of one name': [4095, ...Array(4).fill('NAMETOOLONG')],
  '4096 of one name': [4096, ...Array(4).fill('NAMETOOLONG')],
  'no text': [4, 'NOENT', 'SUCCESS', 'SUCCESS', 'SUCCESS'],
  'no text, outside': [8, ...Array(4).fill('NOTCAPABLE')],
  'a NUL': [18, ...Array(4).fill('INVAL')],
}

for (const resolver of Object.keys(RESOLVERS)) {
  const reason = missing(resolver)
  if (reason !== null) console.log(`links ${resolver} are not attacked: ${reason}`)
  const attack = reason === null ? test : test.skip

  attack(`no call follows a link out of the box, resolved ${resolver}`, async (t) => {
    const { breaches, errnos, chains, names } = await plan(t, resolver, 'links.plan.mjs')
    t.deepEqual(breaches, [])

    t.true(Object.keys(errnos).length > 3000)

    for (const length of [31, 32, 40, 41]) {
      const [good, bad] = ['good', 'bad'].map((kind) => chains[`${kind} ${length}`])
      if (length < 40) t.deepEqual(good, ['SUCCESS'], `${length} links`)
      // A last link may be followed by another system call, and then 40 are one too many.
      else if (length === 40) t.true(good.includes('SUCCESS'))
      else t.deepEqual(good, ['LOOP'])
      t.true(
        bad.every((errno) => ['LOOP', 'NOTCAPABLE'].includes(errno)),
        `${length} links: ${bad}`,
      )
    }
    t.deepEqual(names, NAMES)
  })

  attack(`a link of /proc that names no path leads nowhere, resolved ${resolver}`, async (t) => {
    const { proc } = await plan(t, resolver, 'links.plan.mjs')
    t.true(proc.length > 0)
    t.true(
      proc.every((errno) => ['LOOP', 'NOENT', 'NOTCAPABLE', 'NOTDIR'].includes(errno)),
      String(proc),
    )
  })
}
