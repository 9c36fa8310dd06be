// The expected differences between node:wasi and capwasi. A row has: the calls (a name or an expression), the errno of
// node:wasi, the errno of capwasi, the reason, and an optional condition. Most reasons are titles of rows in
// docs/migrating-from-node-wasi.md.
// An errno is a name, several names separated by `|`, or `*`.

import { LOOKUP, OFLAGS } from '../../__test__/support/abi.mjs'
import { PAGES, PATH_MAX } from './plan.mjs'

/** Matches a call with one of these words of run.mjs, on either side. */
export const hasWord =
  (...words) =>
  ({ reference, subject }) =>
    [...reference.words, ...subject.words].some((word) => words.includes(word))
// The last byte of the memory is 0, so a one-byte path there is a NUL byte.
const readsNul = ({ call }) => call.args.includes(PAGES * 65_536 - 1)
export const all =
  (...conditions) =>
  (difference) =>
    conditions.every((condition) => condition(difference))
const isFollowing = ({ call }) => (call.args[1] & LOOKUP.SYMLINK_FOLLOW) !== 0
const isUnfollowedLink = (difference) => hasWord('lastlink')(difference) && !isFollowing(difference)
/**
 * Matches a path_open with all of these oflags. Counts arguments from the end, because a path is one or two arguments.
 */
const hasOflags =
  (...flags) =>
  ({ call }) =>
    flags.every((flag) => (call.args.at(-5) & flag) !== 0)
const nodeRejectsHighBit = Number(process.versions.node.split('.')[0]) >= 24
const hasHighBit = ({ call }) => call.args.some((arg) => typeof arg === 'number' && arg < 0)
const isTooLong = ({ call }) => call.args.some((arg) => arg?.text?.length >= PATH_MAX)

/** Returns the errno of posix_fallocate for a range of a writable file. */
function allocation({ call }) {
  const [offset, length] = call.args.slice(1).map((arg) => BigInt.asIntN(64, arg))
  if (offset < 0n || length <= 0n) return 'INVAL'
  return offset + length >= 2n ** 63n - 1n ? 'FBIG' : 'SUCCESS'
}
/** Returns whether the results differ only in the mtimes of files that were changed by fd_allocate. */
function isTouched({ call, reference, subject }) {
  const text = (result) => JSON.stringify(result, (_, each) => (typeof each === 'bigint' ? String(each) : each))
  const [one, other] = [reference, subject].map(({ result }) =>
    text(result).replace(/(?<="mtime":|links, )("now"|now|\d+)/g, ''),
  )
  if (call.name !== 'final tree') return one === other && hasWord('allocated')({ reference, subject })
  return one === other && [...reference.result, ...subject.result].every((line) => line.endsWith(', allocated'))
}

const END = PAGES * 65_536
/** Returns whether a call passes an empty path: an empty text, or the length 0 after a pointer. */
const hasEmptyPath = ({ call: { args } }) =>
  args.some((arg, at) => arg?.text === '' || (arg === 0 && typeof args[at - 1] === 'number'))
/** The flags arguments of each call: the index and the defined bits. */
const FLAGS = {
  fd_fdstat_set_flags: [[1, 31]],
  path_filestat_get: [[1, 1]],
  path_filestat_set_times: [
    [1, 1],
    [-1, 15],
  ],
  path_link: [[1, 1]],
  path_open: [
    [1, 1],
    [-5, 15],
    [-2, 31],
  ],
  sock_accept: [[1, 31]],
  sock_recv: [[3, 3]],
  sock_send: [[3, 0]],
  sock_shutdown: [[1, 3]],
}
const hasUndefinedFlag = ({ call: { name, args } }) =>
  (FLAGS[name] ?? []).some(([at, defined]) => (args.at(at) & ~defined) !== 0)

const RIGHTS = 'rights requested in path_open'
const ALLOCATE = 'fd_allocate'
const FIXED_FLAGS = 'setting SYNC, DSYNC, RSYNC on an open descriptor; setting APPEND on stdio'
const SLASH = 'CREAT, or renaming a file, to x/'
const TWO_ERRORS = 'a call with two invalid arguments'

const PATH_ERRORS = 'EXIST|INVAL|LOOP|NAMETOOLONG|NOENT|NOTCAPABLE|NOTDIR|PERM'

export const ROWS = [
  ['clock_res_get', 'SUCCESS', 'SUCCESS', "clock_res_get of a thread's clock", ({ call }) => call.args[0] === 3],
  ['fd_fdstat_get', 'SUCCESS', 'SUCCESS', 'file types, flags and rights reported'],
  ['fd_prestat_dir_name', 'NOBUFS', 'NAMETOOLONG', 'fd_prestat_dir_name into a short buffer'],
  ['fd_prestat_get', 'INVAL', 'BADF', 'fd_prestat_get of an open descriptor that is not a preopen'],
  ['fd_datasync', 'NOTCAPABLE', 'SUCCESS', 'fd_datasync, fd_advise of a directory'],
  ['fd_advise', 'BADF', 'SUCCESS|INVAL', 'fd_datasync, fd_advise of a directory'],
  ['fd_advise', '*', 'SUCCESS', 'fd_advise of a file as stdio', hasWord('stdio')],
  [/^fd_p?(read|write)$/, 'SUCCESS', 'BADF', 'rights of stdio', hasWord('stdio')],
  ['fd_fdstat_set_rights', 'SUCCESS', 'NOTCAPABLE', 'rights of stdio', hasWord('stdio')],
  [
    /^fd_(allocate|filestat_set_size|filestat_set_times|pwrite)$/,
    '*',
    'NOTCAPABLE',
    'setting the size or times of stdio, allocating in it',
    hasWord('stdio'),
  ],
  [
    /^fd_(seek|tell|pread|pwrite)$/,
    'NOTCAPABLE',
    'SPIPE',
    'fd_seek, fd_tell, fd_pread, fd_pwrite of a pipe, socket or terminal',
  ],
  [/^path_/, '*', 'NOENT', 'an empty path, or an empty target of a link', hasEmptyPath],
  [/./, '*', 'INVAL', 'undefined bits in flags', hasUndefinedFlag],
  [/./, 'OVERFLOW', '*', 'a zero-length buffer at the very end of memory', ({ call }) => call.args.includes(END)],
  ['fd_renumber', 'SUCCESS', 'BADF', 'fd_renumber of an unused descriptor to itself', hasWord('itself')],
  ['fd_readdir', 'NOTCAPABLE|NOENT', 'NOTDIR', 'fd_readdir of node:wasi reopens the directory by path'],
  ['fd_readdir', 'NOENT|NOTDIR', 'SUCCESS', 'fd_readdir of node:wasi reopens the directory by path'],
  ['path_readlink', 'NOBUFS', 'SUCCESS', 'path_readlink into a short buffer'],
  ['poll_oneoff', '*', '*', 'poll_oneoff returns all ready subscriptions'],
  [/^sock_/, '*', 'NOTSOCK|BADF', 'sock_* on a descriptor that is not a socket'],
  [/^path_/, '*', 'NOTDIR', 'a path call on a descriptor that is not a directory', hasWord('not-directory')],
  [/^path_/, 'NOTCAPABLE', 'BADF', 'a path call on a descriptor that is not a directory', hasWord('not-directory')],
  [/^path_/, '*', 'INVAL', 'a NUL in a path', (difference) => hasWord('nul')(difference) || readsNul(difference)],
  [
    /^path_/,
    '*',
    'NOTCAPABLE',
    'leaving a preopened directory by a link, `..` or an absolute path',
    hasWord('leaves', 'outside', 'absolute'),
  ],
  // node:wasi also removes `.` from the text: `file/.` is the file, and `missing/.` can be created.
  [/^path_/, '*', '*', '`.` and `..` resolved like the kernel, not as text', hasWord('dotdot', 'dot')],
  ['path_open', '*', 'LOOP|NOTDIR', 'path_open follows the last link only with SYMLINK_FOLLOW', isUnfollowedLink],
  ['path_symlink', 'NOTCAPABLE', 'SUCCESS|EXIST|NOENT|NOTDIR', 'path_symlink stores a relative target unchanged'],
  [/^fd_p?(read|write)$/, 'NOTCAPABLE', 'BADF', 'reading from a write-only descriptor, or the reverse'],
  // Descriptors that node:wasi opens with fewer rights than capwasi.
  [/^(fd|path)_/, 'NOTCAPABLE', '*', RIGHTS, hasWord('opened')],
  ['fd_allocate', '*', 'INVAL', ALLOCATE, (difference) => allocation(difference) === 'INVAL'],
  ['fd_allocate', '*', 'FBIG|NOSPC', ALLOCATE, (difference) => allocation(difference) === 'FBIG'],
  ['fd_allocate', '*', 'BADF', ALLOCATE, hasWord('stdio')],
  [/filestat_get$|^final tree$/, 'SUCCESS', 'SUCCESS', ALLOCATE, isTouched],
  ['fd_fdstat_set_flags', 'SUCCESS', 'NOTSUP', FIXED_FLAGS, hasWord('fixed')],
  [/./, 'INVAL', '*', '32-bit numbers from 2^31 on', (difference) => nodeRejectsHighBit && hasHighBit(difference)],
  ['fd_seek', '*', 'INVAL', 'a whence or advice above 255', ({ call }) => call.args[2] > 255],
  ['fd_advise', '*', 'INVAL', 'a whence or advice above 255', ({ call }) => call.args[3] > 255],
  [
    'path_open',
    '*',
    'EXIST',
    'CREAT with EXCL on a link',
    all(hasWord('lastlink'), hasOflags(OFLAGS.CREAT, OFLAGS.EXCL)),
  ],
  ['path_open', '*', 'ISDIR', SLASH, all(hasWord('slash'), hasOflags(OFLAGS.CREAT))],
  ['path_rename', 'NOENT', 'NOTDIR', SLASH, ({ call }) => /\/$/.test(call.args.at(-1).text)],
  [
    /^path_/,
    'NOENT',
    'SUCCESS|EXIST|ISDIR|LOOP|NAMETOOLONG|NOTDIR|PERM',
    'following a link, in a preopen whose guest name is relative',
    all(isFollowing, hasWord('lastlink'), hasWord('relative')),
  ],
  // Both implementations fail, each with one of two valid errors.
  [/^path_/, PATH_ERRORS, 'NAMETOOLONG', TWO_ERRORS, isTooLong],
  [/^path_(link|rename)$/, PATH_ERRORS, PATH_ERRORS, TWO_ERRORS, hasWord('both')],
  ['path_link', 'NOTCAPABLE', 'EXIST', TWO_ERRORS, all(hasWord('slash'), hasWord('leaves'))],
  ['path_rename', 'NAMETOOLONG', 'NOTDIR', TWO_ERRORS, all(hasWord('slash'), hasWord('long'))],
  ['path_open', PATH_ERRORS, 'INVAL', TWO_ERRORS, hasOflags(OFLAGS.CREAT, OFLAGS.DIRECTORY)],
  [
    /^fd_p(read|write)$/,
    'INVAL',
    'BADF|NOTCAPABLE',
    TWO_ERRORS,
    ({ call }) => BigInt.asIntN(64, call.args.at(-2)) < 0n,
  ],
  ['fd_advise', 'INVAL', 'BADF|NOTCAPABLE', TWO_ERRORS, ({ call }) => call.args[3] > 5],
  ['fd_filestat_set_times', 'INVAL', 'BADF|NOTCAPABLE', TWO_ERRORS, ({ call }) => call.args[3] > 15],
  ['fd_seek', 'NOTCAPABLE', 'INVAL', TWO_ERRORS, ({ call }) => call.args[2] > 2],
]
