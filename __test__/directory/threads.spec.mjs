// Workers that change one directory at the same time lose no entry.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { openOn } from '../support/backends.cjs'
import { slow } from '../support/conditions.mjs'
import { tree } from '../support/guest.mjs'

const WORKERS = 8
const MILLISECONDS = 10_000

for (const backend of ['memory', 'overlay']) {
  slow(test.serial)(`${WORKERS} threads that change one directory (${backend}) lose no entry`, async (t) => {
    const names = ['all/', 'links/', 'once/', 'parent/', 'other/'].map((name) => [name, null])
    const files = { ...Object.fromEntries(names), linked: 'linked', log: '' }
    const directory = openOn(backend, tree(t, files))
    const usage = directory.usage.files
    const workers = Array.from({ length: WORKERS }, (_, id) => {
      const workerData = { handle: directory.share(), id, milliseconds: MILLISECONDS }
      return new Worker(new URL('threads.worker.mjs', import.meta.url), { workerData })
    })
    const results = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]))
    await Promise.all(workers.map((worker) => worker.terminate()))
    const sum = (key) => results.reduce((total, result) => total + result[key], 0)
    const turns = sum('turns')
    const links = results.reduce((total, each) => total + Math.min(each.turns, 100), 0)
    t.log(`${turns} turns`)
    t.is(directory.readdirSync('all').length, sum('created'))
    t.is(directory.statSync('log').size, turns * 'one line\n'.length)
    t.is(directory.readFileSync('log', 'latin1').replaceAll('one line\n', ''), '')
    t.is(directory.readdirSync('links').length, links)
    t.is(directory.statSync('linked').nlink, links + 1)
    t.is(directory.readdirSync('once').length, sum('exclusive'))
    t.deepEqual([directory.readdirSync('parent'), directory.readdirSync('other')], [[], []])
    t.is(directory.statSync('parent').nlink, 2)
    for (const name of directory.readdirSync('all')) t.regex(directory.readFileSync(`all/${name}`, 'utf8'), /^\d+$/)
    // Removed files no longer count.
    for (const name of directory.readdirSync('.')) directory.rmSync(name, { recursive: true })
    if (backend === 'memory') t.deepEqual(directory.usage, { bytes: 0, files: 0 })
    else t.true(directory.usage.files <= usage + Object.keys(files).length)
  })
}
