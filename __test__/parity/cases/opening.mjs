// path_open: its flags on each kind of file, its errnos, what it makes.

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
/** Which errno of several wins is not the same there. */
const DIFFERENT = (path, flags) =>
  (flags & TRUNC && path !== 'in.txt' && path !== 'empty.txt' && path !== 'new.txt') ||
  (flags & CREAT && path.endsWith('/'))

export default function ({ guest, tree }) {
  const rows = {}
  for (const [flagNames, oflags] of Object.entries(FLAGS)) {
    const directory = tree(FILES)
    const one = guest({ preopens: { '/box': directory } })
    for (const path of PATHS) {
      if (DIFFERENT(path, oflags)) continue
      for (const [how, rights] of [
        ['reading', RIGHTS.READING],
        ['writing', WRITING],
      ]) {
        if (how === 'reading' && oflags & (TRUNC | CREAT)) continue
        const errno = errnoOf(one, 'path_open', 3, 0, path, oflags, rights, 0n, 0, 64)
        const row = [errno]
        if (errno === 'SUCCESS') {
          const fd = one.u32(64)
          const { filetype, size } = one.filestat(fd)
          row.push(fd, filetype, filetype === 4 ? size : undefined)
          one.close(fd)
        }
        rows[`${path.slice(0, 20)}, ${flagNames}, ${how}`] = row
      }
    }
    rows[`files after ${flagNames}`] = readdirSync(directory, { recursive: true }).sort()
  }

  const one = guest({ preopens: { '/box': tree(FILES) } })
  const sub = one.open('sub', { inheriting: RIGHTS.FD_READ, rights: RIGHTS.PATH_OPEN | RIGHTS.FD_READ })
  rows['from a directory'] = [
    errnoOf(one, 'path_open', sub, 0, 'x.txt', 0, RIGHTS.FD_READ, 0n, 0, 64),
    one.read(one.u32(64)),
  ]
  rows['from a bad descriptor'] = errnoOf(one, 'path_open', 99, 0, 'x', 0, RIGHTS.FD_READ, 0n, 0, 64)
  rows['a NUL within'] = errnoOf(one, 'path_open', 3, 0, 'in\0.txt', 0, RIGHTS.FD_READ, 0n, 0, 64)
  rows['an absolute path'] = errnoOf(one, 'path_open', 3, 0, '/in.txt', 0, RIGHTS.FD_READ, 0n, 0, 64)
  rows['out of the preopen'] = ['..', '../x', 'sub/../../x', '../../etc/passwd'].map((path) =>
    errnoOf(one, 'path_open', 3, 0, path, 0, RIGHTS.FD_READ, 0n, 0, 64),
  )

  const { call } = one
  const name = Buffer.from([0x66, 0xff, 0xfe])
  one.reset()
  rows['a name that is no UTF-8'] = [
    call.path_open(3, 0, ...one.put(name), CREAT | EXCL, WRITING, 0n, 0, 64),
    call.path_open(3, 0, ...one.put(name), 0, RIGHTS.FD_READ, 0n, 0, 64),
    call.path_unlink_file(3, ...one.put(name)),
  ]

  const appending = guest({ preopens: { '/box': tree(FILES) } })
  const fd = appending.open('in.txt', { rights: WRITING, fdflags: 1 })
  rows.APPEND = [appending.write(fd, ' more'), appending.write(fd, '!'), appending.read(appending.open('in.txt'))]
  return rows
}
