// Renames that never stop, which make every openat2 fail with EAGAIN.

import test from 'ava'
import { ALWAYS_EAGAIN, runPlan, unavailableReason } from './setup.mjs'

const withFilter = unavailableReason(ALWAYS_EAGAIN) === null ? test : test.skip

withFilter(
  'path calls fail with EAGAIN if openat2 always does, and terminate() ends a worker that retries',
  async (t) => {
    const { errnos, descriptors, code } = await runPlan(t, ALWAYS_EAGAIN, 'eagain.plan.mjs')
    const { 'path_filestat_get of a single name': single, ...others } = errnos
    t.is(single, 'SUCCESS')
    t.deepEqual(others, Object.fromEntries(Object.keys(others).map((name) => [name, 'AGAIN'])))
    t.is(descriptors, 'BADF')
    t.is(code, 1)
  },
)
