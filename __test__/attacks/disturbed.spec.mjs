// Renames that never stop: openat2 fails with EAGAIN each time.

import test from 'ava'
import { DISTURBED, missing, plan } from './box.mjs'

const attack = missing(DISTURBED) === null ? test : test.skip

attack(
  'an openat2 that always fails with EAGAIN makes calls of paths EAGAIN, changes nothing, and keeps no worker',
  async (t) => {
    const { errnos, descriptors, code } = await plan(t, DISTURBED, 'disturbed.plan.mjs')
    const { 'path_filestat_get of a single name': single, ...others } = errnos
    t.is(single, 'SUCCESS')
    t.deepEqual(others, Object.fromEntries(Object.keys(others).map((name) => [name, 'AGAIN'])))
    t.is(descriptors, 'BADF')
    t.is(code, 1)
  },
)
