// Run as a process: what the system has for what path_open opened. Prints it as JSON.

import { constants, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { FDFLAGS, OFLAGS, RIGHTS } from '../support/guest.mjs'
import { errnoOf, guestWithFiles } from '../support/calls.mjs'

const teardowns = []
const t = { teardown: (action) => teardowns.push(action) }
const { guest, directory } = guestWithFiles(t, { file: 'content', 'sub/inner': 'inner' })

/** Those of the bits of O_SYNC, which are O_DSYNC's and one more, that the system has for what is open of a file. */
function syncs(path) {
  const number = readdirSync('/proc/self/fd').find((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path
    } catch {
      return false // The number by which the numbers were read.
    }
  })
  const [, flags] = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${number}`, 'utf8'))
  return Number.parseInt(flags, 8) & constants.O_SYNC
}

const opened = []
for (let bits = 0; bits < 8; bits++) {
  const requested = ['SYNC', 'DSYNC', 'RSYNC'].filter((_, index) => bits & (1 << index))
  const fdflags = requested.reduce((flags, name) => flags | FDFLAGS[name], 0)
  for (const path of ['file', 'sub/inner']) {
    const fd = guest.open(path, { rights: RIGHTS.FILE, fdflags })
    opened.push({ requested, syncs: syncs(join(directory, path)), reported: guest.fdstat(fd).flags === fdflags })
    guest.close(fd)
  }
}

const cut = (path) =>
  [0n, RIGHTS.FD_WRITE].map((rights) =>
    errnoOf(guest, 'path_open', 3, 0, path, OFLAGS.TRUNC | OFLAGS.DIRECTORY, rights, 0n, 0, 0),
  )
const cuts = { sub: cut('sub'), file: cut('file'), inner: cut('sub/inner') }
const contents = ['file', 'sub/inner'].map((path) => readFileSync(join(directory, path), 'utf8'))
console.log(JSON.stringify({ opened, cuts, contents }))
for (const teardown of teardowns) teardown()
