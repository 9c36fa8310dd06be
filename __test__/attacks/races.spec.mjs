// Renames by the host while the guest uses the names.

import { mkdirSync, renameSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { LOOKUP, OFLAGS, RIGHTS, rawGuest } from '../support/guest.mjs'
import { errnoOf } from '../support/calls.mjs'
import { onLinux, onPosix, slow } from '../support/conditions.mjs'
import { posix } from '../support/platform.mjs'
import { RESOLVERS, makeDirectories, runPlan, unavailableReason } from './setup.mjs'

const MILLISECONDS = 2000
const resolvers = Object.keys(RESOLVERS).slice(0, 2)
for (const resolver of resolvers.filter(unavailableReason)) {
  console.log(`skipping races ${resolver}: ${unavailableReason(resolver)}`)
}

const FAMILIES = {
  open: 'path_open',
  stat: 'calls that read or set attributes',
  create: 'calls that create files',
  rename: 'path_rename',
  link: 'path_link',
  unlink: 'calls that remove files',
  leaf: 'calls on a file that becomes a symlink',
  moved: 'calls with .. in a directory that moves out',
}

for (const [family, calls] of Object.entries(FAMILIES)) {
  // Both resolvers run at the same time, each in its own process.
  const available = resolvers.filter((resolver) => unavailableReason(resolver) === null)
  slow(available.length ? test.serial : test.serial.skip)(
    `${calls} during concurrent renames reach nothing outside the preopen`,
    async (t) => {
      const run = (resolver) => runPlan(t, resolver, 'races.plan.mjs', family, String(MILLISECONDS))
      for (const { breaches, errnoCounts, turns } of await Promise.all(available.map(run))) {
        t.deepEqual(breaches, [])
        // Both states of the name were reached, so this was a race.
        t.true(turns > 50, `${turns} turns`)
        t.true(errnoCounts.SUCCESS > 0, JSON.stringify(errnoCounts))
        if (family !== 'moved') t.true(errnoCounts.NOTCAPABLE > 0, JSON.stringify(errnoCounts))
      }
    },
  )
}

for (const [family, calls] of Object.entries(FAMILIES)) {
  // No directory leaves one in memory.
  if (family === 'moved') continue
  slow(posix ? test.serial : test.serial.skip)(
    `${calls} during concurrent renames reach nothing outside a directory in memory or an overlay`,
    async (t) => {
      const run = (backend) => runPlan(t, 'by the kernel', 'races.plan.mjs', family, String(MILLISECONDS), backend)
      for (const { breaches, errnoCounts, turns } of await Promise.all(['memory', 'overlay'].map(run))) {
        t.deepEqual(breaches, [])
        t.true(turns > 50, `${turns} turns`)
        t.true(errnoCounts.SUCCESS > 0, JSON.stringify(errnoCounts))
        t.true(errnoCounts.NOTCAPABLE > 0, JSON.stringify(errnoCounts))
      }
    },
  )
}

/** Returns path calls through a directory name. */
const callsThrough = (name) => [
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

onPosix('paths through a directory that was replaced by a symlink fail with ENOTCAPABLE', (t) => {
  const { preopen, outsideState } = makeDirectories(t, {
    files: { 'replaced/own': 'inside', 'replaced/secret': 'inside' },
  })
  const guest = rawGuest({ preopens: { '/': preopen } })
  const fd = guest.open('replaced', { rights: 0n })
  t.is(guest.filestat(3, 'replaced/secret').size, 6n)
  renameSync(join(preopen, 'replaced'), join(preopen, 'renamed'))
  symlinkSync('../outside', join(preopen, 'replaced'))
  const before = outsideState()
  for (const call of callsThrough('replaced')) t.is(errnoOf(guest, ...call), 'NOTCAPABLE', call.join(' '))
  t.is(guest.read(guest.open('own', { dirfd: fd })), 'inside')
  t.deepEqual(outsideState(), before)
})

onPosix('.. in a directory that was moved out of the preopen fails with ENOTCAPABLE', (t) => {
  const { preopen, outside, outsideState } = makeDirectories(t, { files: { 'moving/deep/file': 'moved' } })
  const guest = rawGuest({ preopens: { '/': preopen } })
  const fd = guest.open('moving', { rights: RIGHTS.FD_READDIR })
  renameSync(join(preopen, 'moving'), join(outside, 'moving'))
  const before = outsideState()
  for (const up of ['..', 'deep/../..']) {
    for (const [name, ...args] of callsThrough(up)) {
      const moved = args.map((arg, index) => (arg === 3 && (index === 0 || name === 'path_symlink') ? fd : arg))
      if (name === 'path_rename' || name === 'path_link') moved[0] = args[1] === 'file' ? 3 : fd
      if (args.at(-1) === `${up}/file`) moved[2] = fd
      t.is(errnoOf(guest, name, ...moved), 'NOTCAPABLE', `${name} ${moved}`)
    }
  }
  t.deepEqual(outsideState(), before)
})

// The entry `..` of a directory that was moved out would have the inode number of a directory outside.
onLinux('fd_readdir of a directory that was moved out hides the inode number of its parent', (t) => {
  const { preopen, outside } = makeDirectories(t)
  mkdirSync(join(preopen, 'moving'))
  const guest = rawGuest({ preopens: { '/': preopen } })
  const fd = guest.open('moving', { rights: RIGHTS.FD_READDIR })
  renameSync(join(preopen, 'moving'), join(outside, 'moving'))
  const parent = guest.readdir(fd).find(({ name }) => name === '..')
  t.not(parent.ino, statSync(outside, { bigint: true }).ino)
})
