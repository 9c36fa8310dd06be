// The descriptor table: bad descriptors, prestats, numbers, fd_close, fd_renumber and rights.

import { RIGHTS } from '../../support/guest.mjs'
import { errnoOf } from '../../support/calls.mjs'

const WITH_DESCRIPTOR = {
  fd_advise: [0n, 0n, 0],
  fd_allocate: [0n, 1n],
  fd_close: [],
  fd_datasync: [],
  fd_fdstat_get: [0],
  fd_fdstat_set_flags: [0],
  fd_fdstat_set_rights: [0n, 0n],
  fd_filestat_get: [0],
  fd_filestat_set_size: [0n],
  fd_filestat_set_times: [0n, 0n, 0],
  fd_pread: [0, 0, 0n, 0],
  fd_prestat_get: [0],
  fd_prestat_dir_name: [0, 8],
  fd_pwrite: [0, 0, 0n, 0],
  fd_read: [0, 0, 0],
  fd_readdir: [0, 8, 0n, 0],
  fd_renumber: [0],
  fd_seek: [0n, 0, 0],
  fd_sync: [],
  fd_tell: [0],
  fd_write: [0, 0, 0],
  path_create_directory: ['x'],
  path_filestat_get: [0, 'x', 0],
  path_filestat_set_times: [0, 'x', 0n, 0n, 0],
  path_readlink: ['x', 0, 8, 0],
  path_remove_directory: ['x'],
  path_unlink_file: ['x'],
}

export default function ({ newGuest, tree, hostFile }) {
  const rows = {}
  const directory = tree({ a: 'a', b: 'b', c: 'c', 'sub/x': 'x' })
  const preopens = { '/one': directory, '.': directory, '': directory }
  const newGuestWithFiles = () => newGuest({ preopens, stdout: hostFile().fd, stderr: hostFile().fd })

  const bad = newGuestWithFiles()
  for (const [name, args] of Object.entries(WITH_DESCRIPTOR)) {
    rows[`${name} of a bad descriptor`] = [6, 99, 0x7fff_ffff].map((fd) => errnoOf(bad, name, fd, ...args))
  }

  const prestats = newGuestWithFiles()
  for (const fd of [3, 4, 5]) {
    rows[`prestat of ${fd}`] = [errnoOf(prestats, 'fd_prestat_get', fd, 0), prestats.record('PRESTAT')]
    const { nameLength } = prestats.record('PRESTAT')
    rows[`prestat name of ${fd}`] = [
      errnoOf(prestats, 'fd_prestat_dir_name', fd, 64, nameLength),
      prestats.text(64, nameLength),
      errnoOf(prestats, 'fd_prestat_dir_name', fd, 64, 100),
      prestats.text(64, nameLength + 1),
    ]
  }
  rows['prestat of the first unused number'] = errnoOf(prestats, 'fd_prestat_get', 6, 0)

  const numbers = newGuestWithFiles()
  const order = []
  for (const path of ['a', 'b', 'c', 'sub']) order.push(numbers.open(path))
  for (const closed of [[7], [6, 8], [3], [1, 4], [9, 7, 6]]) {
    for (const fd of closed) numbers.close(fd)
    order.push(`closed ${closed}`, ...closed.map(() => numbers.open('a', { dirfd: 5 })))
  }
  rows['path_open takes the lowest free number'] = order

  const twice = newGuestWithFiles()
  rows['fd_close twice'] = [4, 4, 1, 1].map((fd) => errnoOf(twice, 'fd_close', fd))

  const moving = newGuestWithFiles()
  const [a, b] = [moving.open('a'), moving.open('b')]
  rows.renumber = {
    'to itself': errnoOf(moving, 'fd_renumber', a, a),
    'to an unused number': errnoOf(moving, 'fd_renumber', a, 50),
    'from an unused number': errnoOf(moving, 'fd_renumber', 50, a),
    'to a used number': [errnoOf(moving, 'fd_renumber', a, b), moving.read(b), errnoOf(moving, 'fd_tell', a, 0)],
    'the next opened number': moving.open('c'),
    'over a preopen': [errnoOf(moving, 'fd_renumber', b, 4), moving.seek(4, 0), moving.read(4)],
    'over stdout': [errnoOf(moving, 'fd_renumber', 4, 1), moving.seek(1, 0), moving.read(1)],
    'a preopen': [errnoOf(moving, 'fd_renumber', 5, 1), moving.read(moving.open('c', { dirfd: 1 }))],
  }

  const rights = newGuestWithFiles()
  const narrow = rights.open('a', {
    rights: RIGHTS.FD_READ | RIGHTS.FD_SEEK | RIGHTS.FD_TELL | RIGHTS.FD_FDSTAT_SET_FLAGS,
  })
  rows['fd_fdstat_set_rights removes rights and adds none'] = [
    errnoOf(rights, 'fd_fdstat_set_rights', narrow, RIGHTS.FD_READ | RIGHTS.FD_TELL, 0n),
    errnoOf(rights, 'fd_fdstat_set_rights', narrow, RIGHTS.FD_READ | RIGHTS.FD_SEEK | RIGHTS.FD_TELL, 0n),
    errnoOf(rights, 'fd_seek', narrow, 0n, 0, 0),
    errnoOf(rights, 'fd_tell', narrow, 0),
    errnoOf(rights, 'fd_fdstat_set_rights', narrow, 0n, 0n),
    errnoOf(rights, 'fd_read', narrow, ...rights.iovs(4), 0),
  ]
  rows['filetypes of descriptors'] = [3, rights.open('a'), rights.open('sub')].map((fd) => rights.fdstat(fd).filetype)
  return rows
}
