// The line length, which biome does not check in comments, titles and template literals.

import test from 'ava'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../support/host.mjs'

const LONGEST_LINE = 120
const SCRIPT = /\.[cm]?[jt]s$/
// Installed, built or written by tests.
const IGNORED = new Set(['node_modules', 'target', '.cache', '.git', 'examples/out', '__test__/project/pasted.mjs'])

function scripts(directory = '') {
  return readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = directory ? `${directory}/${entry.name}` : entry.name
    if (IGNORED.has(path)) return []
    if (entry.isDirectory()) return scripts(path)
    return SCRIPT.test(path) ? [path] : []
  })
}

test(`no line of JavaScript or TypeScript is longer than ${LONGEST_LINE} columns`, (t) => {
  const paths = scripts()
  t.true(paths.length > 100)
  const tooLong = paths.flatMap((path) =>
    readFileSync(join(root, path), 'utf8')
      .split(/\r?\n/)
      .flatMap((line, index) => (line.length > LONGEST_LINE ? [`${path}:${index + 1}: ${line.length}`] : [])),
  )
  t.deepEqual(tooLong, [])
})
