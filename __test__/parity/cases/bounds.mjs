// Pointers to the end of memory and beyond, and calls with a bad pointer and a bad descriptor.

import { errnoOf } from '../../support/calls.mjs'

export default function ({ newGuest, tree }) {
  const rows = {}
  const guest = newGuest(
    { args: ['a'], env: { A: 'b' }, preopens: { '/': tree({ 'in.txt': 'hello' }) } },
    { memory: '1' },
  )
  const fd = guest.open('in.txt')
  const end = 65_536
  for (const [name, makeArgs, size] of [
    ['args_sizes_get', (at) => [at, 0], 4],
    ['args_sizes_get', (at) => [0, at], 4],
    ['environ_sizes_get', (at) => [at, 0], 4],
    ['args_get', (at) => [at, 64], 4],
    ['args_get', (at) => [64, at], 2],
    ['environ_get', (at) => [64, at], 4],
    ['clock_res_get', (at) => [1, at], 8],
    ['clock_time_get', (at) => [1, 0n, at], 8],
    ['random_get', (at) => [at, 8], 8],
    ['fd_fdstat_get', (at) => [fd, at], 24],
    ['fd_filestat_get', (at) => [fd, at], 64],
    ['fd_prestat_get', (at) => [3, at], 8],
    ['fd_prestat_dir_name', (at) => [3, at, 1], 1],
    ['fd_read', (at) => [fd, at, 1, 0], 8],
    ['fd_read', (at) => [fd, 64, 1, at], 4],
    ['fd_pread', (at) => [fd, 64, 1, 0n, at], 4],
    ['fd_seek', (at) => [fd, 0n, 0, at], 8],
    ['fd_tell', (at) => [fd, at], 8],
    ['path_filestat_get', (at) => [3, 0, 'in.txt', at], 64],
    ['path_open', (at) => [3, 0, 'in.txt', 0, 2n, 0n, 0, at], 4],
  ]) {
    for (const [position, at] of Object.entries({
      'in bounds': 512,
      'at the end': end - size,
      'one byte beyond the end': end - size + 1,
      'to the end': end,
      'beyond the end': end + 8,
      '2 GiB - 1': 0x7fff_ffff,
    })) {
      rows[`${name}(${makeArgs('at')}) ${position}`] = errnoOf(guest, name, ...makeArgs(at))
      // Some calls write to memory that other rows expect to be zero.
      guest.bytes.fill(0)
    }
  }
  for (const [name, goodPointer, badPointer] of [
    ['fd_fdstat_get', [99, 0], [99, end]],
    ['fd_filestat_get', [99, 0], [99, end]],
    ['fd_prestat_get', [99, 0], [99, end]],
    ['fd_read', [99, 64, 1, 0], [99, end, 1, 0]],
    ['fd_write', [99, 64, 1, 0], [99, 64, 1, end]],
    ['fd_pread', [99, 64, 1, 0n, 0], [99, end, 1, 0n, 0]],
    ['fd_pwrite', [99, 64, 1, 0n, 0], [99, 64, 1, 0n, end]],
    ['fd_seek', [99, 0n, 0, 0], [99, 0n, 0, end]],
    ['fd_tell', [99, 0], [99, end]],
    ['fd_readdir', [99, 64, 64, 0n, 0], [99, end, 64, 0n, 0]],
    ['path_create_directory', [99, 'd'], [99, end, 1]],
    ['path_filestat_get', [99, 0, 'd', 0], [99, 0, 'd', end]],
    ['path_open', [99, 0, 'd', 0, 0n, 0n, 0, 0], [99, 0, 'd', 0, 0n, 0n, 0, end]],
    ['path_unlink_file', [99, 'd'], [99, end, 1]],
    ['path_remove_directory', [99, 'd'], [99, end - 1, 2]],
    ['path_rename', [99, 'd', 99, 'e'], [99, 'd', 99, end, 1]],
    ['path_symlink', ['d', 99, 'e'], [end, 1, 99, 'e']],
    ['path_readlink', [99, 'd', 64, 64, 0], [99, 'd', end, 64, 0]],
  ]) {
    rows[`${name} of a bad descriptor`] = [errnoOf(guest, name, ...goodPointer), errnoOf(guest, name, ...badPointer)]
  }
  for (const name of ['fd_read', 'fd_write', 'fd_pread', 'fd_pwrite']) {
    const offset = name.startsWith('fd_p') ? [0n] : []
    guest.view.setUint32(64, end - 1, true)
    guest.view.setUint32(68, 2, true)
    rows[`${name}: a buffer beyond the end of memory`] = errnoOf(guest, name, fd, 64, 1, ...offset, 0)
    rows[`${name}: an iovec table beyond the end of memory`] = errnoOf(guest, name, fd, end - 8, 2, ...offset, 0)
  }
  rows['random_get of 0 bytes'] = errnoOf(guest, 'random_get', 0, 0)
  return rows
}
