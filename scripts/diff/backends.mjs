// The expected differences between a directory of the host and one in memory or of an overlay, in rows like those of
// expected.mjs: the calls, the errno of the host directory, the errno of the other, the reason, an optional condition.

import { hasWord } from './expected.mjs'

const PATH_ERRORS = 'BUSY|EXIST|INVAL|ISDIR|LOOP|NAMETOOLONG|NOENT|NOTCAPABLE|NOTDIR|NOTEMPTY|PERM'
const isTimed = ({ call }) => call.args[0].polls?.some(({ timeout }) => timeout !== undefined)

/** The largest size of a file on Linux; file systems of the host have a smaller one. */
const MAX_SIZE = 2n ** 63n - 1n
const LARGEST = 'the largest file of the file system'

export const ROWS = [
  ['fd_filestat_set_size', 'FBIG', 'SUCCESS', LARGEST, ({ call }) => call.args[1] === MAX_SIZE],
  ['fd_allocate', 'FBIG', 'NOSPC', LARGEST],
  ['fd_seek', 'INVAL', 'SUCCESS', LARGEST, ({ call }) => call.args[1] > 2n ** 40n],
  ['poll_oneoff', 'SUCCESS', 'SUCCESS', 'a timeout of 1 µs has passed, or not yet', isTimed],
  // Both paths are invalid. The kernel itself checks some of the second before the first.
  [
    /^path_(link|rename)$/,
    PATH_ERRORS,
    PATH_ERRORS,
    'a call with two invalid arguments',
    hasWord('both', 'leaves', 'absolute', 'nul', 'long', 'empty', 'slash', 'dot'),
  ],
]
