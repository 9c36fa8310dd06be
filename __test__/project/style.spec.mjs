// The line length. biome does not check comments, titles and template literals; rustfmt does not check comments and
// macros.

import test from 'ava'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../support/host.mjs'

const LONGEST_LINE = 120
const CHECKED = /\.([cm]?[jt]s|rs|ya?ml)$/
// Installed, built or written by tests.
const IGNORED = new Set(['node_modules', 'target', '.cache', '.git', 'examples/out', 'fuzz/target'])

function checkedFiles(directory = '') {
  return readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = directory ? `${directory}/${entry.name}` : entry.name
    if (IGNORED.has(path)) return []
    if (entry.isDirectory()) return checkedFiles(path)
    return CHECKED.test(path) ? [path] : []
  })
}

test(`no line of JavaScript, TypeScript, Rust or YAML is longer than ${LONGEST_LINE} columns`, (t) => {
  const paths = checkedFiles()
  t.true(paths.length > 100)
  const tooLong = paths.flatMap((path) =>
    readFileSync(join(root, path), 'utf8')
      .split(/\r?\n/)
      .map((line) => [...line].length)
      .flatMap((length, index) => (length > LONGEST_LINE ? [`${path}:${index + 1}: ${length}`] : [])),
  )
  t.deepEqual(tooLong, [])
})
