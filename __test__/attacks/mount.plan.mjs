// Runs in a process with a read-only and a writable directory. The first is on a read-only mount; with the third
// argument `readonly`, it is a read-only preopen instead. Prints the errno of each call and the expected errno.

import { LOOKUP, OFLAGS, RIGHTS, errnoName, rawGuest } from '../support/guest.mjs'

const [path, writable, readonly] = process.argv.slice(2)
const guest = rawGuest({ preopens: { '/ro': readonly ? { path, readonly: true } : path, '/rw': writable } })
const { SYMLINK_FOLLOW } = LOOKUP
const { CREAT, DIRECTORY, EXCL, TRUNC } = OFLAGS
const { FD_READ, FD_WRITE } = RIGHTS

/** Rows of path_open: path, oflags, and the expected errnos for reading and writing. */
const opens = [
  ['file', 0, 'SUCCESS', 'ROFS'],
  ['file', CREAT, 'SUCCESS', 'ROFS'],
  ['file', CREAT | EXCL, 'EXIST', 'EXIST'],
  ['file', TRUNC, 'ROFS', 'ROFS'],
  ['file', TRUNC | CREAT, 'ROFS', 'ROFS'],
  ['file', DIRECTORY, 'NOTDIR', 'NOTDIR'],
  ['file/', 0, 'NOTDIR', 'NOTDIR'],
  ['file/', CREAT, 'ISDIR', 'ISDIR'],
  ['file/x', CREAT, 'NOTDIR', 'NOTDIR'],
  ['sub', 0, 'SUCCESS', 'ISDIR'],
  ['sub', DIRECTORY, 'SUCCESS', 'ISDIR'],
  ['sub', CREAT, 'ISDIR', 'ISDIR'],
  ['sub', CREAT | EXCL, 'EXIST', 'EXIST'],
  ['sub', TRUNC, 'ISDIR', 'ISDIR'],
  ['sub/', CREAT, 'ISDIR', 'ISDIR'],
  ['sub/..', CREAT, 'ISDIR', 'ISDIR'],
  ['sub/x', 0, 'SUCCESS', 'ROFS'],
  ['sub/../file', TRUNC, 'ROFS', 'ROFS'],
  ['new', 0, 'NOENT', 'NOENT'],
  ['new', CREAT, 'ROFS', 'ROFS'],
  ['new', CREAT | EXCL, 'ROFS', 'ROFS'],
  ['new', TRUNC, 'NOENT', 'NOENT'],
  ['sub/./', CREAT, 'ISDIR', 'ISDIR'],
  ['sub/./', CREAT | EXCL, 'EXIST', 'EXIST'],
  ['file/./', CREAT, 'NOTDIR', 'NOTDIR'],
  ['new/.', CREAT, 'NOENT', 'NOENT'],
  ['new/./', CREAT, 'NOENT', 'NOENT'],
  ['dangling/.', CREAT, 'NOENT', 'NOENT'],
  ['out/./', CREAT, 'NOTCAPABLE', 'NOTCAPABLE'],
  ['link', DIRECTORY, 'NOTDIR', 'NOTDIR'],
  ['new/', CREAT, 'ISDIR', 'ISDIR'],
  ['new/x', CREAT, 'NOENT', 'NOENT'],
  ['new/x/', CREAT, 'NOENT', 'NOENT'],
  ['sub/new', CREAT, 'ROFS', 'ROFS'],
  ['link', 0, 'LOOP', 'LOOP'],
  ['link', CREAT, 'LOOP', 'LOOP'],
  ['link', CREAT | EXCL, 'EXIST', 'EXIST'],
  ['dangling', CREAT, 'LOOP', 'LOOP'],
  ['dangling', CREAT | EXCL, 'EXIST', 'EXIST'],
  ['../outside/secret', 0, 'NOTCAPABLE', 'NOTCAPABLE'],
  ['../outside/new', CREAT, 'NOTCAPABLE', 'NOTCAPABLE'],
  ['../outside/new', CREAT | EXCL, 'NOTCAPABLE', 'NOTCAPABLE'],
]
/** The same with SYMLINK_FOLLOW. */
const follows = [
  ['link', 0, 'SUCCESS', 'ROFS'],
  ['link', CREAT, 'SUCCESS', 'ROFS'],
  ['link', CREAT | EXCL, 'EXIST', 'EXIST'],
  ['link', TRUNC, 'ROFS', 'ROFS'],
  ['dangling', 0, 'NOENT', 'NOENT'],
  ['dangling', CREAT, 'ROFS', 'ROFS'],
  ['dangling', CREAT | EXCL, 'EXIST', 'EXIST'],
  ['loop', CREAT, 'LOOP', 'LOOP'],
  ['out', 0, 'NOTCAPABLE', 'NOTCAPABLE'],
  ['out', CREAT, 'NOTCAPABLE', 'NOTCAPABLE'],
  ['out', CREAT | EXCL, 'EXIST', 'EXIST'],
  ['out', TRUNC, 'NOTCAPABLE', 'NOTCAPABLE'],
]
const opening =
  (lookup) =>
  ([name, oflags, reading, writing]) =>
    [
      [reading, FD_READ],
      [writing, FD_WRITE],
      [writing, FD_READ | FD_WRITE],
    ].map(([expected, rights]) => [expected, 'path_open', 3, lookup, name, oflags, rights, 0n, 0, 0])

/** Paths for calls that create, and the expected errnos. */
const creations = {
  file: 'EXIST',
  sub: 'EXIST',
  'sub/x': 'EXIST',
  'sub/..': 'EXIST',
  link: 'EXIST',
  dangling: 'EXIST',
  new: 'ROFS',
  'sub/new': 'ROFS',
  'new/x': 'NOENT',
  'new/.': 'NOENT',
  'dangling/.': 'NOENT',
  'file/x': 'NOTDIR',
  '../outside/new': 'NOTCAPABLE',
  'out/new': 'NOTCAPABLE',
}
const creating = ([name, expected]) => [
  [expected, 'path_create_directory', 3, name],
  [expected, 'path_symlink', 'x', 3, name],
  [expected, 'path_link', 3, 0, 'file', 3, name],
  [expected, 'path_link', 4, 0, 'secret', 3, name],
]

/** Paths for calls that remove or rename, and the expected errnos. */
const removals = {
  file: 'ROFS',
  sub: 'ROFS',
  'sub/x': 'ROFS',
  link: 'ROFS',
  new: 'ROFS',
  'new/x': 'NOENT',
  'file/x': 'NOTDIR',
  '../outside/secret': 'NOTCAPABLE',
}
const removing = ([name, expected]) => [
  [expected, 'path_unlink_file', 3, name],
  [expected, 'path_remove_directory', 3, name],
  [expected, 'path_rename', 3, name, 3, 'new'],
  [expected, 'path_rename', 3, 'file', 3, name],
]

/** The errno of Linux between two mounts, and of capwasi between two preopens. */
const ACROSS = 'XDEV ROFS'

const calls = [
  ...opens.flatMap(opening(0)),
  ...follows.flatMap(opening(SYMLINK_FOLLOW)),
  ...Object.entries(creations).flatMap(creating),
  ...Object.entries(removals).flatMap(removing),
  ['ROFS', 'path_create_directory', 3, 'new/'],
  ['NOENT', 'path_symlink', 'x', 3, 'new/'],
  ['NOENT', 'path_link', 3, 0, 'new', 3, 'other'],
  ['ISDIR', 'path_unlink_file', 3, 'sub/..'],
  ['INVAL', 'path_remove_directory', 3, '.'],
  ['NOTEMPTY', 'path_remove_directory', 3, 'sub/..'],
  ['BUSY', 'path_rename', 3, 'sub/..', 3, 'new'],
  ['BUSY', 'path_rename', 3, 'file', 3, '.'],
  [ACROSS, 'path_rename', 3, 'file', 4, 'new'],
  [ACROSS, 'path_rename', 3, 'sub', 4, 'new'],
  [ACROSS, 'path_rename', 4, 'secret', 3, 'new'],
  [ACROSS, 'path_link', 3, 0, 'file', 4, 'new'],
  [ACROSS, 'path_link', 3, SYMLINK_FOLLOW, 'link', 4, 'new'],
  ...[0, SYMLINK_FOLLOW].flatMap((lookup) => [
    ['ROFS', 'path_filestat_set_times', 3, lookup, 'file', 1n, 1n, 5],
    ['ROFS', 'path_filestat_set_times', 3, lookup, 'sub/x', 0n, 0n, 10],
    ['ROFS', 'path_filestat_set_times', 3, lookup, 'link', 1n, 1n, 5],
    ['NOENT', 'path_filestat_set_times', 3, lookup, 'new', 1n, 1n, 5],
    ['SUCCESS', 'path_filestat_set_times', 3, lookup, 'file', 1n, 1n, 0],
    ['NOTCAPABLE', 'path_filestat_set_times', 3, lookup, '../outside/secret', 1n, 1n, 5],
  ]),
  ['SUCCESS', 'path_open', 3, 0, 'file', 0, FD_READ, 0n, 0, 0],
  ['INVAL ROFS', 'fd_filestat_set_size', 5, 0n],
  ['BADF ROFS', 'fd_allocate', 5, 0n, 100n],
  ['BADF', 'fd_write', 5, 0, 0, 0],
  ['ROFS', 'fd_filestat_set_times', 5, 1n, 1n, 5],
  ['SUCCESS', 'fd_filestat_set_times', 5, 1n, 1n, 0],
]

const errnos = calls.map(([expected, name, ...args]) => {
  guest.reset()
  const errno = guest.call[name](...args.flatMap((arg) => (typeof arg === 'string' ? guest.put(arg) : [arg])))
  if (name === 'path_open' && errno === 0 && guest.u32(0) !== 5) guest.close(guest.u32(0))
  const [mountErrno, preopenErrno = mountErrno] = expected.split(' ')
  return [
    `${name}(${args.join(', ')}) = ${errnoName(errno)}`,
    `${name}(${args.join(', ')}) = ${readonly ? preopenErrno : mountErrno}`,
  ]
})
console.log(JSON.stringify(errnos))
