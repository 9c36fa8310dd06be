// 200 guests in a pool of two threads.

import assert from 'node:assert/strict'
import { isMainThread } from 'node:worker_threads'
import { createRequire } from 'node:module'
import { WASI } from 'capwasi'

const { checks } = createRequire(import.meta.url)('./guest.cjs')

/** Runs a check in a thread of the pool. */
export default (name) => {
  assert(!isMainThread)
  checks[name](WASI)
  return name
}

if (isMainThread) {
  const { Piscina } = await import('piscina')
  const pool = new Piscina({
    filename: import.meta.filename ?? new URL(import.meta.url).pathname,
    minThreads: 2,
    maxThreads: 2,
  })
  const names = Array.from({ length: 200 }, (_, i) => Object.keys(checks)[i % 2])
  assert.deepEqual(await Promise.all(names.map((name) => pool.run(name))), names)
  await pool.close()
  console.log('200 guests')
}
