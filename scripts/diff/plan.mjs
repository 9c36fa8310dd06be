// Random plans of raw calls. A plan depends only on the seed and the round, so that both implementations and every
// rerun make the same calls.
//
// A call is `{ id, name, args }`. An argument is a number, a bigint, or one of these, which run.mjs resolves:
//   { fd: id }   the descriptor that the path_open with this id returned
//   { text }     a pointer and a length
//   { iovs }     an array of buffers and its length; a buffer is a text or a number of zero bytes
//   { polls }    subscriptions

import { FDFLAGS, RIGHTS } from '../../__test__/support/abi.mjs'

/** The size of the guest's memory in pages; END is its size in bytes. */
export const PAGES = 2
const END = PAGES * 65_536
/** A path of this length in bytes is too long for every system. */
export const PATH_MAX = 4096
/** Flags that cannot change after a file was opened. */
export const SYNCS = FDFLAGS.SYNC | FDFLAGS.DSYNC | FDFLAGS.RSYNC

const FILES = ['a.txt', 'empty', 'big', 'd/x.txt', 'd/e/y', 'new', 'new2', 'missing']
const DIRECTORIES = ['d', 'd/e', 'hollow', '.', 'made']
const LINKS = ['link', 'dlink', 'dangling', 'loop', 'up', 'out', 'outd', 'd/back', 'made-link']
const UNUSUAL_NAMES = [
  '..',
  '',
  '/',
  '/a.txt',
  'a.txt/x',
  'a\0b',
  'a.txt\0',
  'n'.repeat(255),
  'n'.repeat(256),
  'p/'.repeat(2100),
  './a.txt',
  'd//x.txt',
  '\xff',
]
const TARGETS = [
  'a.txt',
  'd',
  '../a.txt',
  'x.txt',
  '..',
  '.',
  '/etc',
  '../../outside',
  'made-link',
  '',
  'd/',
  't'.repeat(300),
]
const SECOND = 1_000_000_000n

// Without proc_raise, which signals the process. The arguments avoid crashes and hangs of node:wasi. So there are no
// overflowing counts, no contradictory fstflags (unknown ones with a path leave the directory locked), no absolute
// timeouts, and no descriptors of other types in socket calls.
const WEIGHTS = {
  args_get: 1,
  args_sizes_get: 1,
  clock_res_get: 1,
  clock_time_get: 1,
  environ_get: 1,
  environ_sizes_get: 1,
  fd_advise: 3,
  fd_allocate: 3,
  fd_close: 4,
  fd_datasync: 1,
  fd_fdstat_get: 4,
  fd_fdstat_set_flags: 4,
  fd_fdstat_set_rights: 3,
  fd_filestat_get: 5,
  fd_filestat_set_size: 5,
  fd_filestat_set_times: 4,
  fd_pread: 6,
  fd_prestat_get: 2,
  fd_prestat_dir_name: 2,
  fd_pwrite: 6,
  fd_read: 8,
  fd_readdir: 6,
  fd_renumber: 4,
  fd_seek: 8,
  fd_sync: 1,
  fd_tell: 4,
  fd_write: 8,
  path_create_directory: 8,
  path_filestat_get: 10,
  path_filestat_set_times: 6,
  path_link: 10,
  path_open: 25,
  path_readlink: 6,
  path_remove_directory: 8,
  path_rename: 12,
  path_symlink: 8,
  path_unlink_file: 8,
  poll_oneoff: 2,
  proc_exit: 1,
  random_get: 1,
  sched_yield: 1,
  sock_accept: 1,
  sock_recv: 1,
  sock_send: 1,
  sock_shutdown: 1,
}
const NAMES = Object.entries(WEIGHTS).flatMap(([name, weight]) => Array(weight).fill(name))

/** Mulberry32. Returns a function that returns numbers in [0, 1). */
function generator(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Returns the calls of a round. */
export function plan(seed, round, length) {
  const random = generator(Math.imul(seed, 0x9e3779b1) ^ Math.imul(round + 1, 0x85ebca6b))
  const chance = (likelihood) => random() < likelihood
  const pick = (list) => list[Math.floor(random() * list.length)]
  const opened = []

  const fd = (openedShare = 0.5) => {
    if (opened.length && chance(openedShare)) return { fd: pick(opened) }
    return pick([3, 3, 3, 3, 3, 4, 4, 0, 1, 2, 99, -1])
  }
  const dirfd = () => (chance(0.7) ? pick([3, 3, 3, 4]) : fd(0.8))
  const at = () => pick(chance(0.96) ? [64] : [0, 65, END - 64, END - 8, END - 4, END - 1, END, 0x7fffffff, -8, -1])
  const name = () => {
    let path = pick(chance(0.9) ? pick([FILES, FILES, DIRECTORIES, DIRECTORIES, LINKS]) : UNUSUAL_NAMES)
    if (chance(0.15)) path = `${pick([...DIRECTORIES, 'dlink', 'outd', 'up', '..', 'a.txt', 'missing'])}/${path}`
    if (chance(0.1)) path += pick(['/', '/', '//', '/.', '/..'])
    return path
  }
  const path = () => (chance(0.98) ? [{ text: name() }] : [pick([END - 1, END, -1]), pick([0, 1, 2])])
  const buffers = () =>
    Array.from({ length: pick([0, 1, 1, 1, 2, 3]) }, () => pick(['', 'z', 'data', 'text '.repeat(20), 0, 1, 7, 300]))
  const iovs = () =>
    chance(0.97) ? [{ iovs: buffers() }] : [pick([64, END - 8, END - 7, END, -1]), pick([0, 1, 2, 20_000])]
  const wideNumber = () =>
    pick([0n, 0n, 0n, 1n, 5n, 11n, 100n, 70_000n, 2n ** 40n, 2n ** 63n - 1n, 2n ** 63n, -1n, -5n])
  // fd_allocate uses disk space, so the values are small or invalid.
  const allocationSize = () => pick([0n, 0n, 5n, 100n, 70_000n, 2n ** 63n - 1n, 2n ** 63n, -1n])
  const time = () => pick([0n, SECOND, 1000n * SECOND, 1_500_000_000n, -1n, 2n ** 63n])
  const fstflags = () => pick([0, 1, 2, 4, 8, 5, 5, 6, 9, 10])
  const lookup = () => pick([0, 0, 0, 1, 1, 1, 2, -1])
  const rights = () =>
    pick([
      0n,
      RIGHTS.READING,
      RIGHTS.READING,
      RIGHTS.FILE,
      RIGHTS.FILE,
      RIGHTS.FILE,
      RIGHTS.FD_READ,
      RIGHTS.FD_WRITE,
      0x0fffffffn,
      0x0fbffe98n,
      0x1fffffffn,
      -1n,
      BigInt(Math.floor(random() * 2 ** 28)),
    ])
  const pickMostly = (usual, rare) => pick(chance(0.93) ? usual : rare)
  const fdflags = () => pickMostly([0, 0, 0, 1, 4, 5], [2, 8, 16, 32, 65_536, -1])
  const socket = () => pick([0, 1, 3, 99, ...opened.map((id) => ({ fd: id }))])

  const ARGUMENTS = {
    args_get: () => [at(), 512],
    args_sizes_get: () => [at(), 72],
    environ_get: () => [512, at()],
    environ_sizes_get: () => [72, at()],
    clock_res_get: () => [pick([0, 1, 2, 3, 4, -1]), at()],
    clock_time_get: () => [pick([0, 1, 2, 3, 4, -1]), 0n, at()],
    fd_advise: () => [fd(), wideNumber(), wideNumber(), pickMostly([0, 1, 2, 3, 4, 5], [6, 255, 256])],
    fd_allocate: () => [fd(0.9), allocationSize(), allocationSize()],
    fd_close: () => [fd(0.9)],
    fd_datasync: () => [fd()],
    fd_sync: () => [fd()],
    fd_fdstat_get: () => [fd(), at()],
    fd_fdstat_set_flags: () => [fd(), fdflags()],
    fd_fdstat_set_rights: () => [fd(), rights(), rights()],
    fd_filestat_get: () => [fd(), at()],
    fd_filestat_set_size: () => [fd(0.9), wideNumber()],
    fd_filestat_set_times: () => [fd(0.8), time(), time(), pickMostly([fstflags()], [16])],
    fd_pread: () => [fd(0.9), ...iovs(), wideNumber(), at()],
    fd_pwrite: () => [fd(0.9), ...iovs(), wideNumber(), at()],
    fd_read: () => [fd(0.9), ...iovs(), at()],
    fd_write: () => [fd(0.9), ...iovs(), at()],
    fd_prestat_get: () => [fd(0.3), at()],
    fd_prestat_dir_name: () => [fd(0.3), at(), pick([0, 1, 2, 6, 7, 60])],
    fd_readdir: () => [
      fd(),
      pick([4096, 4096, 4096, at()]),
      pick([4096, 4096, 4096, 0, 10, 24, 60]),
      pick([0n, 0n, 0n, 1n, 3n, 1000n, -1n]),
      at(),
    ],
    fd_renumber: () => [fd(0.9), fd(0.9)],
    fd_seek: () => [fd(0.9), wideNumber(), pickMostly([0, 1, 2], [3, 255, 256]), at()],
    fd_tell: () => [fd(0.8), at()],
    path_create_directory: () => [dirfd(), { text: chance(0.3) ? 'made' : name() }],
    path_filestat_get: () => [dirfd(), lookup(), ...path(), at()],
    path_filestat_set_times: () => [dirfd(), lookup(), ...path(), time(), time(), fstflags()],
    path_link: () => [dirfd(), lookup(), ...path(), dirfd(), ...path()],
    path_open: () => [
      dirfd(),
      lookup(),
      ...path(),
      pickMostly([0, 0, 0, 1, 1, 2, 2, 5, 8, 9], [3, 4, 6, 10, 13, 15, 16, 65_537]),
      rights(),
      rights(),
      fdflags(),
      at(),
    ],
    path_readlink: () => [dirfd(), ...path(), at(), pick([0, 1, 4, 5, 6, 100, 100, 100]), 56],
    path_remove_directory: () => [dirfd(), ...path()],
    path_unlink_file: () => [dirfd(), ...path()],
    path_rename: () => [dirfd(), ...path(), dirfd(), ...path()],
    path_symlink: () => [{ text: pick(TARGETS) }, dirfd(), { text: chance(0.4) ? 'made-link' : name() }],
    poll_oneoff: () => [
      {
        polls: Array.from({ length: pick([0, 1, 1, 2]) }, () =>
          pick([
            { type: 0, id: 1, timeout: 1000n },
            { type: 1, fd: 3 },
            { type: 2, fd: 1 },
            { type: 1, fd: 99 },
            { type: 9 },
          ]),
        ),
      },
      at(),
    ],
    proc_exit: () => [pick([0, 7, -1])],
    random_get: () => [at(), pick([0, 1, 300])],
    sched_yield: () => [],
    sock_accept: () => [socket(), 0, 64],
    sock_recv: () => [socket(), { iovs: [5] }, 0, 64, 72],
    sock_send: () => [socket(), { iovs: ['x'] }, 0, 64],
    sock_shutdown: () => [socket(), pick([0, 1, 2, 3, 4])],
  }
  const calls = []
  const add = (call, args) => {
    const id = calls.length
    calls.push({ id, name: call, args })
    if (call === 'path_open') opened.push(id)
  }
  // Open a file and a directory for the calls that follow.
  add('path_open', [
    3,
    1,
    { text: pick(['a.txt', 'big', 'd/x.txt', 'new']) },
    1,
    RIGHTS.FILE,
    RIGHTS.FILE,
    pick([0, 0, 1]),
    64,
  ])
  add('path_open', [3, 1, { text: pick(['d', '.', 'hollow']) }, 2, 0x0fbffe98n, 0x0fffffffn, 0, 64])
  while (calls.length < length) {
    const call = pick(NAMES)
    add(call, ARGUMENTS[call]())
  }
  return calls
}
