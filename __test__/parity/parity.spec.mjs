// Runs the same cases on capwasi and on node:wasi, each in a new process, and compares the results. The cases leave out
// the intended differences.

import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual, promisify } from 'node:util'
import { onPosix } from '../support/conditions.mjs'
import { TIMEOUT_MS } from '../support/host.mjs'

const runner = fileURLToPath(new URL('run.mjs', import.meta.url))

async function run(specifier, path) {
  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', runner, specifier, path], {
    timeout: TIMEOUT_MS,
  })
  return JSON.parse(stdout)
}

for (const file of readdirSync(new URL('cases/', import.meta.url))) {
  // On Windows node:wasi has no fd_readdir and no fd_fdstat_set_flags.
  onPosix(
    `${file.replace('.mjs', '').replaceAll('-', ' ')}: capwasi gives the same results as node:wasi`,
    async (t) => {
      const [node, capwasi] = await Promise.all(
        ['node:wasi', 'capwasi'].map((specifier) => run(specifier, `cases/${file}`)),
      )
      t.true(Object.keys(node).length > 0)
      t.deepEqual(Object.keys(capwasi), Object.keys(node))
      // Compares only the rows that differ, so that a failure is short.
      const differing = Object.keys(node).filter((title) => !isDeepStrictEqual(capwasi[title], node[title]))
      const rows = (result) => Object.fromEntries(differing.map((title) => [title, result[title]]))
      t.deepEqual(rows(capwasi), rows(node))
    },
  )
}
