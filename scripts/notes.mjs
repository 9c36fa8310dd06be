// The notes of a release: the section of CHANGELOG.md for the version in package.json. As a program, prints the notes.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Returns the section of a version. Throws if there is none, or if its heading has no date. */
export function notesOf(changelog, version) {
  const sections = changelog.split(/^## (?=\[)/m)
  const section = sections.find((text) => text.startsWith(`[${version}]`))
  if (section === undefined) throw new Error(`CHANGELOG.md has no section ${version}`)
  const [heading, ...lines] = section.split('\n')
  if (!/\] - \d{4}-\d\d-\d\d$/.test(heading)) throw new Error(`the heading of ${version} in CHANGELOG.md has no date`)
  return lines.join('\n').trim()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  console.log(notesOf(readFileSync(join(root, 'CHANGELOG.md'), 'utf8'), version))
}
