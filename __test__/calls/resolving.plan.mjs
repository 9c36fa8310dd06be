// Runs in its own process. Opens each path with each combination of flags and rights, and prints the results as JSON:
// `{ "path, flags, …": "errno or filetype, and the content of the directory if it changed" }`.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FILETYPE, LOOKUP, OFLAGS, RIGHTS } from '../support/guest.mjs'
import { errnoOf, guestWithFiles } from '../support/calls.mjs'

const teardowns = []
const t = { teardown: (action) => teardowns.push(action) }
const { guest, directory } = guestWithFiles(t, {
  file: 'content',
  'sub/inner': 'inner',
  link: { symlink: 'file' },
  dirlink: { symlink: 'sub' },
  slashed: { symlink: 'sub/' },
  dangling: { symlink: 'made' },
  deep: { symlink: 'sub/made' },
  loop: { symlink: 'loop' },
  out: { symlink: '..' },
  up: { symlink: 'sub/..' },
  absolute: { symlink: '/' },
  dot: { symlink: '.' },
})
const PATHS = [
  ...[
    'file',
    'sub',
    'link',
    'dirlink',
    'slashed',
    'dangling',
    'deep',
    'loop',
    'out',
    'up',
    'absolute',
    'dot',
    'made',
    '.',
    '..',
  ].flatMap((path) => [path, `${path}/`, `${path}/.`, `${path}/..`, `${path}/inner`, `${path}/made`, `${path}/made/`]),
  'sub/../file',
  'sub/./inner',
  'sub//inner',
  'dirlink/../link',
  'sub/../../x',
  './file',
  './/made',
  'n'.repeat(256),
  `${'n'.repeat(256)}/`,
]
const ACCESS = { reading: RIGHTS.FD_READ, writing: RIGHTS.FD_WRITE, both: RIGHTS.FILE }
const flagsOf = (bits) =>
  Object.keys(OFLAGS)
    .filter((name) => bits & OFLAGS[name])
    .join('|')
const kindOf = (value) => Object.keys(FILETYPE).find((name) => FILETYPE[name] === value)

/** Lists the directory and `sub`, without following symlinks. */
const names = () => ['.', 'sub'].flatMap((path) => readdirSync(join(directory, path)).map((name) => join(path, name)))
const state = () =>
  JSON.stringify([names(), ...['file', 'sub/inner'].map((path) => readFileSync(join(directory, path), 'utf8'))])
const before = state()
const originalNames = new Set(names())

function restore() {
  for (const name of names()) if (!originalNames.has(name)) rmSync(join(directory, name), { recursive: true })
  writeFileSync(join(directory, 'file'), 'content')
  writeFileSync(join(directory, 'sub/inner'), 'inner')
}

/** Opens a path and closes it again. Returns the errno or the filetype, and the state if it changed. */
function openResult(path, oflags, lookup, rights) {
  guest.reset()
  const errno = errnoOf(guest, 'path_open', 3, lookup, ...guest.put(path), oflags, rights, 0n, 0, 0)
  const opened = errno === 'SUCCESS' ? kindOf(guest.fdstat(4).filetype) : errno
  if (errno === 'SUCCESS') guest.close(4)
  const after = state()
  if (after === before) return opened
  restore()
  return `${opened}, ${after}`
}

const results = {}
for (const path of PATHS) {
  for (let oflags = 0; oflags < 16; oflags++) {
    for (const [lookup, links] of [
      [0, ''],
      [LOOKUP.SYMLINK_FOLLOW, 'SYMLINK_FOLLOW'],
    ]) {
      for (const [access, rights] of Object.entries(ACCESS)) {
        results[[path, flagsOf(oflags), links, access].join(', ')] = openResult(path, oflags, lookup, rights)
      }
    }
  }
}
console.log(JSON.stringify(results))
for (const teardown of teardowns) teardown()
