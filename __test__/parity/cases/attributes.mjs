// Attributes, sizes, allocation, advice and times of files.

import { FILETYPE, FSTFLAGS, RIGHTS } from '../../support/guest.mjs'
import { errnoOf } from '../../support/calls.mjs'

const FILES = {
  'in.txt': 'hello world',
  'empty.txt': '',
  'sub/x.txt': 'x',
  big: 'b'.repeat(100_000),
  link: { symlink: 'in.txt' },
  dirlink: { symlink: 'sub' },
  dangling: { symlink: 'nothing' },
}
const SECOND = 1_000_000_000n
const PATHS = [
  'in.txt',
  'empty.txt',
  'sub',
  'sub/x.txt',
  'link',
  'dirlink',
  'dirlink/x.txt',
  'dangling',
  'missing',
  'in.txt/x',
  '.',
  'n'.repeat(300),
  '..',
  '/in.txt',
]
const comparable = ({ filetype, nlink, size }) =>
  filetype === FILETYPE.DIRECTORY ? { filetype } : { filetype, nlink, size }

export default function ({ newGuest, tree, hostFile }) {
  const rows = {}
  const guest = newGuest({ preopens: { '/box': tree(FILES) }, stdin: hostFile('12345').fd })
  for (const lookup of [0, 1]) {
    for (const path of PATHS) {
      const errno = errnoOf(guest, 'path_filestat_get', 3, lookup, path, 64)
      rows[`path_filestat_get(${lookup}, ${path.slice(0, 20)})`] =
        errno === 'SUCCESS' ? comparable(guest.record('FILESTAT', 64)) : errno
    }
  }
  for (const path of ['in.txt', 'sub', 'big'])
    rows[`fd_filestat_get of ${path}`] = comparable(guest.filestat(guest.open(path)))
  rows['fd_filestat_get of stdin'] = comparable(guest.filestat(0))

  const openFile = (path) => guest.open(path, { rights: RIGHTS.FILE })
  for (const size of [0n, 5n, 100n, 11n, (1n << 63n) - 1n, 1n << 63n, -1n]) {
    const fd = openFile('in.txt')
    rows[`fd_filestat_set_size(${size})`] = [errnoOf(guest, 'fd_filestat_set_size', fd, size), guest.filestat(fd).size]
  }
  rows['fd_filestat_set_size of a directory'] = errnoOf(guest, 'fd_filestat_set_size', 3, 0n)

  for (const [offset, length] of [
    [0n, 10n],
    [0n, 50n],
    [100n, 20n],
  ]) {
    const fd = openFile('empty.txt')
    rows[`fd_allocate(${offset}, ${length})`] = [
      errnoOf(guest, 'fd_allocate', fd, offset, length),
      guest.filestat(fd).size,
    ]
  }
  rows['fd_allocate of a directory'] = errnoOf(guest, 'fd_allocate', 3, 0n, 10n)

  for (const advice of [0, 1, 2, 3, 4, 5, 6, 255]) {
    rows[`fd_advise ${advice}`] = errnoOf(guest, 'fd_advise', openFile('in.txt'), 0n, 0n, advice)
  }
  rows['fd_advise beyond the end'] = errnoOf(guest, 'fd_advise', openFile('in.txt'), 1000n, 1000n, 0)

  for (const flags of [0, FSTFLAGS.ATIM, FSTFLAGS.MTIM, FSTFLAGS.ATIM | FSTFLAGS.MTIM]) {
    for (const path of ['in.txt', 'sub']) {
      guest.must('path_filestat_set_times', 3, 0, ...guest.put(path), 1000n * SECOND, 2000n * SECOND, 5)
      const errno = errnoOf(guest, 'path_filestat_set_times', 3, 0, path, 3000n * SECOND, 4000n * SECOND, flags)
      rows[`path_filestat_set_times(${path}) ${flags}`] = [
        errno,
        guest.filestat(3, path).atim,
        guest.filestat(3, path).mtim,
      ]
    }
    const fd = openFile('in.txt')
    const errno = errnoOf(guest, 'fd_filestat_set_times', fd, 5000n * SECOND, 6000n * SECOND, flags)
    rows[`fd_filestat_set_times ${flags}`] = [errno, guest.filestat(fd).atim, guest.filestat(fd).mtim]
  }
  rows['path_filestat_set_times of a missing path'] = ['missing', 'in.txt/x'].map((path) =>
    errnoOf(guest, 'path_filestat_set_times', 3, 0, path, 0n, 0n, 5),
  )
  const before = BigInt(Date.now() - 1000) * 1_000_000n
  rows['path_filestat_set_times to now'] = [
    errnoOf(guest, 'path_filestat_set_times', 3, 0, 'in.txt', 0n, 0n, FSTFLAGS.ATIM_NOW | FSTFLAGS.MTIM_NOW),
    guest.filestat(3, 'in.txt').atim > before,
    guest.filestat(3, 'in.txt').mtim > before,
  ]
  const file = openFile('in.txt')
  rows.sync = [errnoOf(guest, 'fd_sync', 3), errnoOf(guest, 'fd_sync', file), errnoOf(guest, 'fd_datasync', file)]
  const entries = guest.readdir(3).filter(({ name }) => name !== '.' && name !== '..')
  rows['names and types'] = entries.map(({ name, filetype }) => `${name} ${filetype}`).sort()
  return rows
}
