// Runs in its own process. Prints as JSON which flags and content files have after path_open.

import { constants, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { FDFLAGS, OFLAGS, RIGHTS } from '../support/guest.mjs'
import { errnoOf, guestWithFiles } from '../support/calls.mjs'

const teardowns = []
const t = { teardown: (action) => teardowns.push(action) }
const { guest, directory } = guestWithFiles(t, { file: 'content', 'sub/inner': 'inner' })

/** Returns which bits of O_SYNC, which include O_DSYNC, the system has set on the descriptor of an open file. */
function syncBits(path) {
  const number = readdirSync('/proc/self/fd').find((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path
    } catch {
      return false // The descriptor that listed the directory is closed.
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
    opened.push({ requested, syncs: syncBits(join(directory, path)), reported: guest.fdstat(fd).flags === fdflags })
    guest.close(fd)
  }
}

const truncate = (path) =>
  [0n, RIGHTS.FD_WRITE].map((rights) =>
    errnoOf(guest, 'path_open', 3, 0, path, OFLAGS.TRUNC | OFLAGS.DIRECTORY, rights, 0n, 0, 0),
  )
const truncated = { sub: truncate('sub'), file: truncate('file'), inner: truncate('sub/inner') }
const contents = ['file', 'sub/inner'].map((path) => readFileSync(join(directory, path), 'utf8'))
console.log(JSON.stringify({ opened, truncated, contents }))
for (const teardown of teardowns) teardown()
