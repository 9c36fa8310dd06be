// path_open: flags on each kind of path, errnos and created files.

import { readdirSync } from 'node:fs'
import { OFLAGS, RIGHTS } from '../../support/guest.mjs'
import { errnoOf } from '../../support/calls.mjs'

const FILES = { 'in.txt': 'hello', 'empty.txt': '', 'sub/x.txt': 'x', 'sub/deeper/y.txt': 'y', 'empty/': null }
const { CREAT, DIRECTORY, EXCL, TRUNC } = OFLAGS
const FLAGS = {
  none: 0,
  CREAT,
  DIRECTORY,
  EXCL,
  TRUNC,
  'CREAT|EXCL': CREAT | EXCL,
  'CREAT|TRUNC': CREAT | TRUNC,
  'CREAT|EXCL|TRUNC': CREAT | EXCL | TRUNC,
  'CREAT|DIRECTORY': CREAT | DIRECTORY,
}
const PATHS = [
  'in.txt',
  'empty.txt',
  'sub',
  'sub/',
  'sub/x.txt',
  './sub/./x.txt',
  'sub//x.txt',
  'new.txt',
  'missing/new.txt',
  'in.txt/x',
  'in.txt/',
  'sub/../in.txt',
  '.',
  './',
  'sub/deeper/../x.txt',
  'empty',
  `${'n'.repeat(300)}`,
  'é 漢字',
]
const WRITING = RIGHTS.FD_READ | RIGHTS.FD_WRITE | RIGHTS.FD_FILESTAT_GET | RIGHTS.FD_FILESTAT_SET_SIZE
/** Returns whether several errnos apply and the two implementations report different ones. */
const errnosDiffer = (path, flags) =>
  (flags & TRUNC && path !== 'in.txt' && path !== 'empty.txt' && path !== 'new.txt') ||
  (flags & CREAT && path.endsWith('/'))

export default function ({ newGuest, tree }) {
  const rows = {}
  for (const [flagNames, oflags] of Object.entries(FLAGS)) {
    const directory = tree(FILES)
    const guest = newGuest({ preopens: { '/box': directory } })
    for (const path of PATHS) {
      if (errnosDiffer(path, oflags)) continue
      for (const [access, rights] of [
        ['reading', RIGHTS.READING],
        ['writing', WRITING],
      ]) {
        if (access === 'reading' && oflags & (TRUNC | CREAT)) continue
        const errno = errnoOf(guest, 'path_open', 3, 0, path, oflags, rights, 0n, 0, 64)
        const row = [errno]
        if (errno === 'SUCCESS') {
          const fd = guest.u32(64)
          const { filetype, size } = guest.filestat(fd)
          row.push(fd, filetype, filetype === 4 ? size : undefined)
          guest.close(fd)
        }
        rows[`${path.slice(0, 20)}, ${flagNames}, ${access}`] = row
      }
    }
    rows[`files after ${flagNames}`] = readdirSync(directory, { recursive: true }).sort()
  }

  const guest = newGuest({ preopens: { '/box': tree(FILES) } })
  const sub = guest.open('sub', { inheriting: RIGHTS.FD_READ, rights: RIGHTS.PATH_OPEN | RIGHTS.FD_READ })
  rows['from a directory'] = [
    errnoOf(guest, 'path_open', sub, 0, 'x.txt', 0, RIGHTS.FD_READ, 0n, 0, 64),
    guest.read(guest.u32(64)),
  ]
  rows['from a bad descriptor'] = errnoOf(guest, 'path_open', 99, 0, 'x', 0, RIGHTS.FD_READ, 0n, 0, 64)
  rows['a path with a NUL'] = errnoOf(guest, 'path_open', 3, 0, 'in\0.txt', 0, RIGHTS.FD_READ, 0n, 0, 64)
  rows['an absolute path'] = errnoOf(guest, 'path_open', 3, 0, '/in.txt', 0, RIGHTS.FD_READ, 0n, 0, 64)
  rows['paths out of the preopen'] = ['..', '../x', 'sub/../../x', '../../etc/passwd'].map((path) =>
    errnoOf(guest, 'path_open', 3, 0, path, 0, RIGHTS.FD_READ, 0n, 0, 64),
  )

  const { call } = guest
  const name = Buffer.from([0x66, 0xff, 0xfe])
  guest.reset()
  rows['a name that is not UTF-8'] = [
    call.path_open(3, 0, ...guest.put(name), CREAT | EXCL, WRITING, 0n, 0, 64),
    call.path_open(3, 0, ...guest.put(name), 0, RIGHTS.FD_READ, 0n, 0, 64),
    call.path_unlink_file(3, ...guest.put(name)),
  ]

  const appending = newGuest({ preopens: { '/box': tree(FILES) } })
  const fd = appending.open('in.txt', { rights: WRITING, fdflags: 1 })
  rows.APPEND = [appending.write(fd, ' more'), appending.write(fd, '!'), appending.read(appending.open('in.txt'))]
  return rows
}
