// The rows of the benchmark, and the guest with a function for each row. The function takes the number of calls in a
// round and returns nanoseconds by the guest's clock. It traps at an unexpected errno.

import { createRequire } from 'node:module'

const wabt = await createRequire(import.meta.url)('wabt')()

// Addresses in the guest's memory.
const RESULT = 512
const SUBSCRIPTION = 256
const EVENT = 320
const PATHS = 1024
const BUFFER = 65_536

const SIGNATURES = {
  args_sizes_get: 'i32 i32',
  clock_time_get: 'i32 i64 i32',
  fd_close: 'i32',
  fd_fdstat_get: 'i32 i32',
  fd_filestat_get: 'i32 i32',
  fd_pread: 'i32 i32 i32 i64 i32',
  fd_prestat_get: 'i32 i32',
  fd_pwrite: 'i32 i32 i32 i64 i32',
  fd_read: 'i32 i32 i32 i32',
  fd_readdir: 'i32 i32 i32 i64 i32',
  fd_seek: 'i32 i64 i32 i32',
  fd_tell: 'i32 i32',
  fd_write: 'i32 i32 i32 i32',
  path_create_directory: 'i32 i32 i32',
  path_filestat_get: 'i32 i32 i32 i32 i32',
  path_open: 'i32 i32 i32 i32 i32 i64 i64 i32 i32',
  path_readlink: 'i32 i32 i32 i32 i32 i32',
  path_remove_directory: 'i32 i32 i32',
  path_rename: 'i32 i32 i32 i32 i32 i32',
  path_unlink_file: 'i32 i32 i32',
  poll_oneoff: 'i32 i32 i32 i32',
  random_get: 'i32 i32',
  sched_yield: '',
}

/** Returns a call in WAT. Numbers are i32 constants, bigints i64 constants, and strings expressions. */
function call(name, ...args) {
  const constant = (arg) =>
    typeof arg === 'bigint' ? `(i64.const ${arg})` : typeof arg === 'number' ? `(i32.const ${arg})` : arg
  return `(call $${name} ${args.map(constant).join(' ')})`
}

const expect = (errno, call) => `(if (i32.ne ${call} (i32.const ${errno})) (then unreachable))`
const succeed = (...args) => expect(0, call(...args))

const paths = new Map()
let end = PATHS
/** Returns the address and the length of a path in the guest's memory. */
function path(text) {
  if (!paths.has(text)) {
    paths.set(text, end)
    end += text.length
  }
  return [paths.get(text), text.length]
}

/** Addresses of iovec arrays with one buffer, by the buffer's size. */
const IOVECS = { 1: 0, 16: 8, 4096: 16, 1048576: 24 }
const iovec = (size) => [IOVECS[size], 1]

// Rights to read or write at any position, and to get the attributes.
const READ = 0x20_0026n
const WRITE = 0x20_0064n
const READDIR = 0x4000n
const FOLLOW = 1
const CREAT = 1
const DIRECTORY = 2
const opened = `(i32.load (i32.const ${RESULT}))`
const open = (name, rights, oflags = 0) => succeed('path_open', 3, FOLLOW, ...path(name), oflags, rights, 0n, 0, RESULT)
const openAndClose = (name) => open(name, READ) + succeed('fd_close', opened)
const keepOpen = (name, rights) => `${open(name, rights)} (local.set $fd ${opened})`
const fd = '(local.get $fd)'

/** Reads a whole directory. The local $at is the cookie. */
const readdir = (name) => `
  ${open(name, READDIR, DIRECTORY)} (local.set $fd ${opened}) (local.set $at (i64.const 0))
  (loop $more
    ${succeed('fd_readdir', fd, BUFFER, 4096, '(local.get $at)', RESULT)}
    (local.set $at (call $last (i32.load (i32.const ${RESULT})) (local.get $at)))
    (br_if $more (i32.eq (i32.load (i32.const ${RESULT})) (i32.const 4096))))
  ${succeed('fd_close', fd)}`

const rewind = succeed('fd_seek', fd, 0n, 0, RESULT)

const row = (name, times, body, { before = '', units = 1 } = {}) => ({ name, times, body, before, units })
const stat = (name) => succeed('path_filestat_get', 3, FOLLOW, ...path(name), RESULT)

export const DIRECTORIES = [1_000, 30_000, 200_000]
export const DEEP = 'a/b/c/d/e/file'

export const rows = [
  row('args_sizes_get', 500_000, succeed('args_sizes_get', RESULT, RESULT + 4)),
  row('clock_time_get', 500_000, succeed('clock_time_get', 1, 0n, RESULT)),
  row('random_get 16 B', 50_000, succeed('random_get', BUFFER, 16)),
  row('random_get 64 KiB', 200, succeed('random_get', BUFFER, 65_536)),
  row('sched_yield', 100_000, succeed('sched_yield')),
  row('poll_oneoff due', 1_000, succeed('poll_oneoff', SUBSCRIPTION, EVENT, 1, RESULT)),
  row('fd_prestat_get', 500_000, succeed('fd_prestat_get', 3, RESULT)),
  row('fd_fdstat_get', 200_000, succeed('fd_fdstat_get', fd, RESULT), { before: keepOpen('file', READ) }),
  row('fd_filestat_get', 100_000, succeed('fd_filestat_get', fd, RESULT), { before: keepOpen('file', READ) }),
  row('fd_seek', 200_000, succeed('fd_seek', fd, 5n, 0, RESULT), { before: keepOpen('file', READ) }),
  row('fd_tell', 200_000, succeed('fd_tell', fd, RESULT), { before: keepOpen('file', READ) }),
  row('fd_write 1 B', 100_000, succeed('fd_write', 2, ...iovec(1), RESULT)),
  row('fd_write 4 KiB', 100_000, succeed('fd_write', 2, ...iovec(4096), RESULT)),
  row('fd_read 1 B', 100_000, succeed('fd_read', 0, ...iovec(1), RESULT)),
  row('fd_read 4 KiB', 100_000, succeed('fd_read', 0, ...iovec(4096), RESULT)),
  row('fd_pread 16 B', 100_000, succeed('fd_pread', fd, ...iovec(16), 0n, RESULT), { before: keepOpen('file', READ) }),
  row('fd_pread 1 MiB', 500, succeed('fd_pread', fd, ...iovec(1048576), 0n, RESULT), {
    before: keepOpen('large', READ),
  }),
  row('fd_pwrite 4 KiB', 50_000, succeed('fd_pwrite', fd, ...iovec(4096), 0n, RESULT), {
    before: keepOpen('written', WRITE),
  }),
  row('path_open+fd_close', 20_000, openAndClose('file')),
  row('path_open+fd_close deep', 20_000, openAndClose(DEEP)),
  row('path_open+fd_close link', 20_000, openAndClose('link')),
  row(
    'path_open missing',
    20_000,
    expect(44, call('path_open', 3, FOLLOW, ...path('missing'), 0, READ, 0n, 0, RESULT)),
  ),
  row('path_filestat_get', 50_000, stat('file')),
  row('path_filestat_get deep', 20_000, stat(DEEP)),
  row('path_filestat_get link', 20_000, stat('link')),
  row('path_readlink', 50_000, succeed('path_readlink', 3, ...path('link'), BUFFER, 100, RESULT)),
  row(
    'mkdir+rmdir',
    1_000,
    succeed('path_create_directory', 3, ...path('made')) + succeed('path_remove_directory', 3, ...path('made')),
  ),
  row(
    'create+write+rename+unlink',
    1_000,
    open('new', WRITE, CREAT) +
      succeed('fd_write', opened, ...iovec(16), RESULT + 4) +
      succeed('fd_close', opened) +
      succeed('path_rename', 3, ...path('new'), 3, ...path('old')) +
      succeed('path_unlink_file', 3, ...path('old')),
  ),
  ...DIRECTORIES.map((units) => row(`fd_readdir of ${units}`, 1, readdir(String(units)), { units })),
]

/** Rows only for bench/directories.mjs. Each call starts at the beginning of the file. */
const fileRows = [
  row('fd_read 4 KiB of a file', 50_000, rewind + succeed('fd_read', fd, ...iovec(4096), RESULT), {
    before: keepOpen('file', READ),
  }),
  row('fd_write 4 KiB of a file', 50_000, rewind + succeed('fd_write', fd, ...iovec(4096), RESULT), {
    before: keepOpen('written', WRITE),
  }),
  row('path_filestat_get of a file among 100', 50_000, stat('100/entry-50')),
  row('path_filestat_get of a file among 100,000', 50_000, stat('100000/entry-50000')),
]

const bytes = (...numbers) => numbers.map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')
const u32 = (...numbers) => bytes(...new Uint8Array(new Uint32Array(numbers).buffer))
const data = (at, text) => `(data (i32.const ${at}) "${text}")`

const functions = [...rows, ...fileRows].map(
  ({ name, body, before }) => `
  (func (export "${name}") (param $times i32) (result i64)
    (local $began i64) (local $fd i32) (local $at i64)
    ${before}
    ${succeed('clock_time_get', 1, 0n, RESULT)}
    (local.set $began (i64.load (i32.const ${RESULT})))
    (loop $again
      ${body}
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    ${succeed('clock_time_get', 1, 0n, RESULT)}
    (local.set $at (i64.sub (i64.load (i32.const ${RESULT})) (local.get $began)))
    ${before && succeed('fd_close', fd)}
    (local.get $at))`,
)

const text = `(module
  ${Object.entries(SIGNATURES)
    .map(
      ([name, params]) => `(import "wasi_snapshot_preview1" "${name}" (func $${name} (param ${params}) (result i32)))`,
    )
    .join('\n  ')}
  (memory (export "memory") 64)
  ${data(
    0,
    Object.keys(IOVECS)
      .map((size) => u32(BUFFER, Number(size)))
      .join(''),
  )}
  ${data(SUBSCRIPTION + 16, u32(1))}
  ${[...paths].map(([name, at]) => data(at, name)).join('\n  ')}

  ;; The cookie after the last whole entry in the buffer.
  (func $last (param $used i32) (param $cookie i64) (result i64) (local $at i32)
    (block $done
      (loop $next
        (br_if $done (i32.gt_u (i32.add (local.get $at) (i32.const 24)) (local.get $used)))
        (br_if $done (i32.gt_u
          (i32.add (i32.add (local.get $at) (i32.const 24)) (i32.load offset=${BUFFER + 16} (local.get $at)))
          (local.get $used)))
        (local.set $cookie (i64.load offset=${BUFFER} (local.get $at)))
        (local.set $at
          (i32.add (i32.add (local.get $at) (i32.const 24)) (i32.load offset=${BUFFER + 16} (local.get $at))))
        (br $next)))
    (local.get $cookie))
  ${functions.join('')}
  (func (export "_start")))`

const DIRECTORY_ROWS = [
  'path_open+fd_close',
  'path_filestat_get',
  'create+write+rename+unlink',
  'mkdir+rmdir',
  'fd_pread 16 B',
  'fd_pread 1 MiB',
  'fd_pwrite 4 KiB',
  'fd_readdir of 1000',
  'fd_readdir of 30000',
]

/** The rows of bench/directories.mjs. */
export const directoryRows = [...rows.filter(({ name }) => DIRECTORY_ROWS.includes(name)), ...fileRows]

/** The guest's binary. */
export const guest = wabt.parseWat('guest.wat', text).toBinary({}).buffer
