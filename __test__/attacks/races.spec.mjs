// What the host does to names while the guest uses them.

import { mkdirSync, renameSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { LOOKUP, OFLAGS, RIGHTS, rawGuest } from '../support/guest.mjs'
import { errnoOf } from '../support/calls.mjs'
import { onLinux, onPosix, slow } from '../support/conditions.mjs'
import { RESOLVERS, fixture, missing, plan } from './box.mjs'

const MILLISECONDS = 2000
const resolvers = Object.keys(RESOLVERS).slice(0, 2)
for (const resolver of resolvers.filter(missing)) console.log(`races ${resolver} are not run: ${missing(resolver)}`)

for (const [family, what] of Object.entries({
  open: 'opened',
  stat: 'looked at',
  create: 'made',
  rename: 'renamed',
  link: 'linked',
  unlink: 'removed',
  leaf: 'reached by a name that is a file and then a link out',
  moved: 'reached by .. from a directory that is moved out',
})) {
  // Both ways to resolve a path at the same time, each in a process of its own.
  const possible = resolvers.filter((resolver) => missing(resolver) === null)
  slow(possible.length ? test.serial : test.serial.skip)(
    `nothing outside is ${what} while names are turned around`,
    async (t) => {
      const run = (resolver) => plan(t, resolver, 'races.plan.mjs', family, String(MILLISECONDS))
      for (const { breaches, errnoCounts, turns } of await Promise.all(possible.map(run))) {
        t.deepEqual(breaches, [])
        // The race was one: both sides of the name were met.
        t.true(turns > 50, `${turns} turns`)
        t.true(errnoCounts.SUCCESS > 0, JSON.stringify(errnoCounts))
        if (family !== 'moved') t.true(errnoCounts.NOTCAPABLE > 0, JSON.stringify(errnoCounts))
      }
    },
  )
}

/** Each call through the name `turned`, which was a directory when it was last used. */
const through = (name) => [
  ['path_open', 3, LOOKUP.SYMLINK_FOLLOW, `${name}/secret`, 0, RIGHTS.FD_READ, 0n, 0, 0],
  ['path_open', 3, 0, `${name}/new`, OFLAGS.CREAT, RIGHTS.FD_WRITE, 0n, 0, 0],
  ['path_open', 3, 0, `${name}/`, OFLAGS.DIRECTORY, 0n, 0n, 0, 0],
  ['path_filestat_get', 3, 0, `${name}/secret`, 0],
  ['path_create_directory', 3, `${name}/new`],
  ['path_rename', 3, 'file', 3, `${name}/file`],
  ['path_rename', 3, `${name}/secret`, 3, 'taken'],
  ['path_link', 3, 0, `${name}/secret`, 3, 'taken'],
  ['path_symlink', 'x', 3, `${name}/new`],
  ['path_unlink_file', 3, `${name}/victim`],
  ['path_remove_directory', 3, `${name}/deep/er`],
]

onPosix('a directory that became a link between two calls leads nowhere, and its handle stays what it was', (t) => {
  const { box, seen } = fixture(t, { files: { 'turned/own': 'inside', 'turned/secret': 'inside' } })
  const guest = rawGuest({ preopens: { '/': box } })
  const fd = guest.open('turned', { rights: 0n })
  t.is(guest.filestat(3, 'turned/secret').size, 6n)
  renameSync(join(box, 'turned'), join(box, 'kept'))
  symlinkSync('../outside', join(box, 'turned'))
  const before = seen()
  for (const call of through('turned')) t.is(errnoOf(guest, ...call), 'NOTCAPABLE', call.join(' '))
  t.is(guest.read(guest.open('own', { dirfd: fd })), 'inside')
  t.deepEqual(seen(), before)
})

onPosix('a handle whose directory is moved out does not lead to its new neighbours, by any call', (t) => {
  const { box, outside, seen } = fixture(t, { files: { 'moving/deep/file': 'moved' } })
  const guest = rawGuest({ preopens: { '/': box } })
  const fd = guest.open('moving', { rights: RIGHTS.FD_READDIR })
  renameSync(join(box, 'moving'), join(outside, 'moving'))
  const before = seen()
  for (const up of ['..', 'deep/../..']) {
    for (const [name, ...args] of through(up)) {
      const moved = args.map((arg, index) => (arg === 3 && (index === 0 || name === 'path_symlink') ? fd : arg))
      if (name === 'path_rename' || name === 'path_link') moved[0] = args[1] === 'file' ? 3 : fd
      if (args.at(-1) === `${up}/file`) moved[2] = fd
      t.is(errnoOf(guest, name, ...moved), 'NOTCAPABLE', `${name} ${moved}`)
    }
  }
  t.deepEqual(seen(), before)
})

// `..` among the entries of a directory that was moved out: its serial number is that of a directory outside.
onLinux('the entries of a directory that is moved out do not tell the number of the one above', (t) => {
  const { box, outside } = fixture(t)
  mkdirSync(join(box, 'moving'))
  const guest = rawGuest({ preopens: { '/': box } })
  const fd = guest.open('moving', { rights: RIGHTS.FD_READDIR })
  renameSync(join(box, 'moving'), join(outside, 'moving'))
  const above = guest.readdir(fd).find(({ name }) => name === '..')
  t.not(above.ino, statSync(outside, { bigint: true }).ino)
})
