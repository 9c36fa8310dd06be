// Sizes, types, times, space and advice.

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
const kept = ({ filetype, nlink, size }) => (filetype === FILETYPE.DIRECTORY ? { filetype } : { filetype, nlink, size })

export default function ({ guest, tree, hostFile }) {
  const rows = {}
  const one = guest({ preopens: { '/box': tree(FILES) }, stdin: hostFile('12345').fd })
  for (const lookup of [0, 1]) {
    for (const path of PATHS) {
      const errno = errnoOf(one, 'path_filestat_get', 3, lookup, path, 64)
      rows[`path_filestat_get(${lookup}, ${path.slice(0, 20)})`] =
        errno === 'SUCCESS' ? kept(one.record('FILESTAT', 64)) : errno
    }
  }
  for (const path of ['in.txt', 'sub', 'big']) rows[`fd_filestat_get of ${path}`] = kept(one.filestat(one.open(path)))
  rows['fd_filestat_get of stdin'] = kept(one.filestat(0))

  const open = (path) => one.open(path, { rights: RIGHTS.FILE })
  for (const size of [0n, 5n, 100n, 11n, (1n << 63n) - 1n, 1n << 63n, -1n]) {
    const fd = open('in.txt')
    rows[`fd_filestat_set_size(${size})`] = [errnoOf(one, 'fd_filestat_set_size', fd, size), one.filestat(fd).size]
  }
  rows['fd_filestat_set_size of a directory'] = errnoOf(one, 'fd_filestat_set_size', 3, 0n)

  for (const [offset, length] of [
    [0n, 10n],
    [0n, 50n],
    [100n, 20n],
  ]) {
    const fd = open('empty.txt')
    rows[`fd_allocate(${offset}, ${length})`] = [errnoOf(one, 'fd_allocate', fd, offset, length), one.filestat(fd).size]
  }
  rows['fd_allocate of a directory'] = errnoOf(one, 'fd_allocate', 3, 0n, 10n)

  for (const advice of [0, 1, 2, 3, 4, 5, 6, 255]) {
    rows[`fd_advise ${advice}`] = errnoOf(one, 'fd_advise', open('in.txt'), 0n, 0n, advice)
  }
  rows['fd_advise beyond the end'] = errnoOf(one, 'fd_advise', open('in.txt'), 1000n, 1000n, 0)

  for (const flags of [0, FSTFLAGS.ATIM, FSTFLAGS.MTIM, FSTFLAGS.ATIM | FSTFLAGS.MTIM]) {
    for (const path of ['in.txt', 'sub']) {
      one.must('path_filestat_set_times', 3, 0, ...one.put(path), 1000n * SECOND, 2000n * SECOND, 5)
      const errno = errnoOf(one, 'path_filestat_set_times', 3, 0, path, 3000n * SECOND, 4000n * SECOND, flags)
      rows[`path_filestat_set_times(${path}) ${flags}`] = [
        errno,
        one.filestat(3, path).atim,
        one.filestat(3, path).mtim,
      ]
    }
    const fd = open('in.txt')
    const errno = errnoOf(one, 'fd_filestat_set_times', fd, 5000n * SECOND, 6000n * SECOND, flags)
    rows[`fd_filestat_set_times ${flags}`] = [errno, one.filestat(fd).atim, one.filestat(fd).mtim]
  }
  rows['times of what is not there'] = ['missing', 'in.txt/x'].map((path) =>
    errnoOf(one, 'path_filestat_set_times', 3, 0, path, 0n, 0n, 5),
  )
  const before = BigInt(Date.now() - 1000) * 1_000_000n
  rows['times of now'] = [
    errnoOf(one, 'path_filestat_set_times', 3, 0, 'in.txt', 0n, 0n, FSTFLAGS.ATIM_NOW | FSTFLAGS.MTIM_NOW),
    one.filestat(3, 'in.txt').atim > before,
    one.filestat(3, 'in.txt').mtim > before,
  ]
  const file = open('in.txt')
  rows.sync = [errnoOf(one, 'fd_sync', 3), errnoOf(one, 'fd_sync', file), errnoOf(one, 'fd_datasync', file)]
  const entries = one.readdir(3).filter(({ name }) => name !== '.' && name !== '..')
  rows['names and types'] = entries.map(({ name, filetype }) => `${name} ${filetype}`).sort()
  return rows
}
