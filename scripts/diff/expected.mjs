// The differences that are meant, each with the row of NODE-WASI.md, section 10, or of the README's table that names
// it. A row: the calls (a name or an expression), the errno on node:wasi, on capwasi, why, and a condition if need be.
// An errno is a name, several with `|` between them, or `*`.

import { errnoName } from '../../__test__/support/abi.mjs'
import { PAGES } from './plan.mjs'

const has = (...words) => ({ node, capwasi }) => [...node.words, ...capwasi.words].some((word) => words.includes(word))
// The byte there is 0.
const readsNul = ({ call }) => call.args.includes(PAGES * 65_536 - 1)
const throughOpened = ({ call }) => call.args.some((arg) => arg?.fd !== undefined)
const noFollow = (difference) => has('lastlink')(difference) && (difference.call.args[1] & 1) === 0
const RIGHTS = 'rights asked of path_open'

const ROWS = [
  ['clock_res_get', 'SUCCESS', 'SUCCESS', 'clock_res_get(3): the resolution', ({ call }) => call.args[0] === 3],
  ['fd_fdstat_get', 'SUCCESS', 'SUCCESS', 'file types, flags and rights reported'],
  ['fd_prestat_dir_name', 'NOBUFS', 'NAMETOOLONG', 'fd_prestat_dir_name, short buffer'],
  ['fd_renumber', 'SUCCESS', 'BADF', 'fd_renumber to an unused number', has('itself')],
  ['fd_readdir', 'NOTCAPABLE|NOENT', 'NOTDIR', 'fd_readdir: reopens by path'],
  ['fd_readdir', 'NOENT|NOTDIR', 'SUCCESS', 'fd_readdir: reopens by path'],
  ['path_readlink', 'NOBUFS', 'SUCCESS', 'path_readlink, short buffer'],
  ['poll_oneoff', '*', '*', 'poll_oneoff: every subscription answered'],
  [/^sock_/, '*', 'NOTSOCK|BADF', 'sock_* on what is no socket'],
  [/^path_/, '*', 'NOTDIR', 'a path call on what is no directory', has('nodirectory')],
  [/^path_/, 'NOTCAPABLE', 'BADF', 'a path call on what is no directory', has('nodirectory')],
  [/^path_/, '*', 'INVAL', 'path_open: a NUL anywhere is 28', (difference) => has('nul')(difference) || readsNul(difference)],
  [/^path_/, '*', 'NOTCAPABLE', 'leaving the preopen: 76, whatever the way', has('leaves', 'absolute')],
  // node:wasi takes `.` out of the text with the same stroke: `file/.` is the file, `missing/.` can be created.
  [/^path_/, '*', '*', '`..` resolved by the kernel, not lexically', has('dotdot', 'dot')],
  ['path_open', '*', 'LOOP|NOTDIR', 'path_open: last link followed only with SYMLINK_FOLLOW', noFollow],
  ['path_symlink', 'NOTCAPABLE', 'SUCCESS|EXIST|NOENT|NOTDIR', 'path_symlink: a relative target is stored as given'],
  [/^fd_p?(read|write)$/, 'NOTCAPABLE', 'BADF', 'reading what was opened for writing only, or the reverse'],
  // What was opened with fewer rights than capwasi leaves it.
  [/^(fd|path)_/, 'NOTCAPABLE', '*', RIGHTS, throughOpened],
]

const matches = (pattern, text) => (pattern instanceof RegExp ? pattern.test(text) : pattern === '*' || pattern.split('|').includes(text))

/** Why a difference is meant; nothing if no row says so. */
export function explain(difference) {
  // Nothing excuses a capwasi that dies or hangs.
  if (/^(hangs|dies)/.test(difference.capwasi.errno)) return undefined
  const names = [difference.node, difference.capwasi].map(({ errno }) => String(errnoName(errno)))
  const row = ROWS.find(([call, node, capwasi, , condition]) =>
    matches(call, difference.call.name) && matches(node, names[0]) && matches(capwasi, names[1]) && (!condition || condition(difference)))
  return row?.[3]
}
