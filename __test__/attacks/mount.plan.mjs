// Run as a process with a directory on a read-only mount and one that can be written: prints what each call answered.

import { OFLAGS, RIGHTS, errnoName, rawGuest } from '../support/guest.mjs'

const [mounted, writable] = process.argv.slice(2)
const guest = rawGuest({ preopens: { '/ro': mounted, '/rw': writable } })
const answers = []
for (const [expected, name, ...args] of [
  ['ROFS', 'path_create_directory', 3, 'new'],
  ['ROFS', 'path_filestat_set_times', 3, 0, 'file', 1n, 1n, 5],
  ['ROFS', 'path_filestat_set_times', 3, 1, 'file', 1n, 1n, 5],
  ['ROFS', 'path_open', 3, 0, 'file', 0, RIGHTS.FD_WRITE, 0n, 0, 0],
  ['ROFS', 'path_open', 3, 0, 'file', OFLAGS.TRUNC, RIGHTS.FD_READ, 0n, 0, 0],
  ['ROFS', 'path_open', 3, 0, 'new', OFLAGS.CREAT, RIGHTS.FD_WRITE, 0n, 0, 0],
  ['ROFS', 'path_symlink', 'x', 3, 'new'],
  ['ROFS', 'path_link', 3, 0, 'file', 3, 'new'],
  ['ROFS XDEV', 'path_rename', 3, 'file', 3, 'new'],
  ['ROFS XDEV', 'path_rename', 3, 'file', 4, 'new'],
  ['ROFS XDEV', 'path_link', 3, 0, 'file', 4, 'new'],
  ['ROFS XDEV', 'path_link', 3, 1, 'file', 4, 'new'],
  ['ROFS XDEV', 'path_rename', 4, 'secret', 3, 'new'],
  ['ROFS XDEV', 'path_link', 4, 0, 'secret', 3, 'new'],
  ['ROFS', 'path_unlink_file', 3, 'file'],
  ['ROFS', 'path_remove_directory', 3, 'sub'],
  ['NOTCAPABLE', 'path_open', 3, 0, '../outside/secret', 0, RIGHTS.FD_READ, 0n, 0, 0],
  ['SUCCESS', 'path_open', 3, 0, 'file', 0, RIGHTS.FD_READ, 0n, 0, 0],
  ['BADF INVAL', 'fd_filestat_set_size', 5, 0n],
  ['BADF', 'fd_allocate', 5, 0n, 100n],
  ['ROFS', 'fd_filestat_set_times', 5, 1n, 1n, 5],
]) {
  guest.reset()
  const errno = guest.call[name](...args.flatMap((arg) => (typeof arg === 'string' ? guest.put(arg) : [arg])))
  answers.push([expected, errnoName(errno), `${name}(${args.join(', ')})`])
}
console.log(JSON.stringify(answers))
