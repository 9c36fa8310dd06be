// The option `preopens` with objects and URLs: directories given as descriptors, and read-only directories.

import { closeSync, fstatSync, lstatSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { open as openHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import { WASI } from 'capwasi'
import { prints } from '../guests/run.mjs'
import { FDFLAGS, LOOKUP, OFLAGS, RIGHTS, rawGuest, tree } from '../support/guest.mjs'
import { errnoOf } from '../support/calls.mjs'
import { OTHER_SEMANTICS, knownFailure, onPosix } from '../support/conditions.mjs'

const { SYMLINK_FOLLOW } = LOOKUP
const { CREAT, DIRECTORY, EXCL, TRUNC } = OFLAGS

const openDirectory = (t, path) => {
  const fd = openSync(path, 'r')
  t.teardown(() => closeSync(fd))
  return fd
}
const files = {
  file: 'text',
  'sub/inner': 'inside',
  'empty/': null,
  link: { symlink: 'file' },
  out: { symlink: '../rw/file' },
}

/**
 * Creates a guest with the read-only preopen 3 and the writable preopen 4. `snapshot('ro')` and `snapshot('rw')` return
 * the names, contents and attributes in them.
 */
function readOnlyAndWritable(t) {
  const top = tree(t)
  for (const name of ['ro', 'rw']) mkdirSync(join(top, name))
  const [ro, rw] = [tree(t, files), tree(t, { file: 'other', 'sub/inner': 'inside', link: { symlink: `../ro/file` } })]
  renameSync(ro, join(top, 'ro'))
  renameSync(rw, join(top, 'rw'))
  const preopens = { '/ro': { path: join(top, 'ro'), readonly: true }, '/rw': join(top, 'rw') }
  const snapshot = (name) =>
    ['', ...readdirSync(join(top, name), { recursive: true }).sort()].map((entry) => {
      const path = join(top, name, entry)
      const { ino, nlink, size, mtimeNs, ctimeNs, mode } = lstatSync(path, { bigint: true })
      return [
        entry,
        ino,
        nlink,
        size,
        mtimeNs,
        ctimeNs,
        mode,
        lstatSync(path).isFile() ? readFileSync(path, 'utf8') : '',
      ]
    })
  const guest = rawGuest({ preopens })
  return { top, preopens, guest, snapshot }
}

/** Returns calls of every mutating function, on a read-only and a writable directory. */
const mutations = (ro, rw) => [
  ['path_create_directory', ro, 'new'],
  ['path_create_directory', ro, 'sub/new'],
  ['path_filestat_set_times', ro, 0, 'file', 1n, 1n, 5],
  ['path_filestat_set_times', ro, SYMLINK_FOLLOW, 'link', 1n, 1n, 5],
  ['path_filestat_set_times', ro, 0, 'file', 0n, 0n, 10],
  ['path_link', ro, 0, 'file', ro, 'new'],
  ['path_link', ro, 0, 'file', rw, 'new'],
  ['path_link', ro, SYMLINK_FOLLOW, 'link', rw, 'new'],
  ['path_link', rw, 0, 'file', ro, 'new'],
  ['path_rename', ro, 'file', ro, 'new'],
  ['path_rename', ro, 'file', rw, 'new'],
  ['path_rename', ro, 'sub', rw, 'new'],
  ['path_rename', rw, 'file', ro, 'new'],
  ['path_rename', rw, 'file', ro, 'file'],
  ['path_symlink', 'file', ro, 'new'],
  ['path_remove_directory', ro, 'empty'],
  ['path_unlink_file', ro, 'file'],
  ['path_unlink_file', ro, 'link'],
  ['path_unlink_file', ro, 'missing'],
  ...[
    RIGHTS.FD_WRITE,
    RIGHTS.FD_READ | RIGHTS.FD_WRITE,
    RIGHTS.FD_ALLOCATE,
    RIGHTS.FD_DATASYNC,
    RIGHTS.FD_FILESTAT_SET_SIZE,
  ].flatMap((rights) =>
    [
      ...[0, CREAT, TRUNC, CREAT | TRUNC].flatMap((oflags) =>
        ['file', 'link', 'sub/inner'].map((path) => [path, oflags]),
      ),
      ...[CREAT, CREAT | TRUNC, CREAT | EXCL].map((oflags) => ['new', oflags]),
    ].map(([path, oflags]) => ['path_open', ro, SYMLINK_FOLLOW, path, oflags, rights, 0n, 0, 0]),
  ),
  ...[0n, RIGHTS.FD_READ, RIGHTS.FD_READDIR].flatMap((rights) => [
    ['path_open', ro, 0, 'file', TRUNC, rights, 0n, 0, 0],
    ['path_open', ro, 0, 'file', TRUNC | CREAT, rights, 0n, 0, 0],
    ['path_open', ro, SYMLINK_FOLLOW, 'link', TRUNC, rights, 0n, FDFLAGS.APPEND, 0],
    ['path_open', ro, 0, 'new', CREAT, rights, 0n, 0, 0],
    ['path_open', ro, 0, 'sub/new', CREAT | EXCL, rights, 0n, 0, 0],
  ]),
]

onPosix('mutating calls through any descriptor of a read-only preopen fail with EROFS', (t) => {
  const { guest, snapshot } = readOnlyAndWritable(t)
  const before = [snapshot('ro'), snapshot('rw')]
  const reopened = guest.open('.', { rights: 0n })
  const throughParent = guest.open('sub/..', { rights: RIGHTS.FD_READDIR, inheriting: RIGHTS.FD_WRITE })
  const renumbered = guest.open('.', { dirfd: 4, rights: 0n })
  guest.must('fd_renumber', guest.open('.', { rights: 0n }), renumbered)
  for (const fd of [3, reopened, throughParent, renumbered]) {
    for (const mutation of mutations(fd, 4)) t.is(errnoOf(guest, ...mutation), 'ROFS', mutation.join(' '))
  }
  t.deepEqual([snapshot('ro'), snapshot('rw')], before)
})

onPosix('mutating calls on descriptors opened in a read-only preopen fail with EROFS or EBADF', (t) => {
  const { guest, snapshot } = readOnlyAndWritable(t)
  const before = snapshot('ro')
  const other = guest.open('file', { dirfd: 4, rights: RIGHTS.FILE })
  const all = RIGHTS.FILE & ~(RIGHTS.FD_WRITE | RIGHTS.FD_ALLOCATE | RIGHTS.FD_DATASYNC | RIGHTS.FD_FILESTAT_SET_SIZE)
  for (const path of ['file', 'sub/inner', 'sub/../file']) {
    const fd = guest.open(path, { rights: all, inheriting: RIGHTS.FD_WRITE })
    const buffers = guest.iovs('changed')
    guest.must('fd_renumber', fd, other)
    for (const [expected, ...call] of [
      ['BADF', 'fd_write', other, ...buffers, 0],
      ['BADF', 'fd_pwrite', other, ...buffers, 0n, 0],
      ['ROFS', 'fd_allocate', other, 0n, 100n],
      ['ROFS', 'fd_filestat_set_size', other, 0n],
      ['ROFS', 'fd_filestat_set_times', other, 1n, 1n, 5],
      ['SUCCESS', 'fd_fdstat_set_flags', other, FDFLAGS.APPEND],
      ['BADF', 'fd_write', other, ...buffers, 0],
      ['SUCCESS', 'fd_sync', other],
    ])
      t.is(errnoOf(guest, call[0], ...call.slice(1)), expected, `${path}: ${call[0]}`)
    guest.reset()
  }
  const sub = guest.open('sub', { rights: 0n })
  t.is(errnoOf(guest, 'fd_filestat_set_times', sub, 1n, 1n, 5), 'ROFS')
  t.is(errnoOf(guest, 'fd_filestat_set_times', 3, 1n, 1n, 5), 'ROFS')
  t.deepEqual(snapshot('ro'), before)
})

onPosix('symlinks and .. between a read-only and a writable preopen fail with ENOTCAPABLE', (t) => {
  const { guest, snapshot } = readOnlyAndWritable(t)
  const before = snapshot('ro')
  for (const [fd, path] of [
    [4, 'link'],
    [4, '../ro/file'],
    [3, 'out'],
    [3, '../rw/file'],
  ]) {
    t.is(errnoOf(guest, 'path_open', fd, SYMLINK_FOLLOW, path, 0, RIGHTS.FD_READ, 0n, 0, 0), 'NOTCAPABLE', path)
  }
  for (const oflags of [0, CREAT, TRUNC]) {
    t.is(errnoOf(guest, 'path_open', 4, SYMLINK_FOLLOW, 'link', oflags, RIGHTS.FD_WRITE, 0n, 0, 0), 'NOTCAPABLE')
  }
  t.is(errnoOf(guest, 'path_filestat_set_times', 4, SYMLINK_FOLLOW, 'link', 1n, 1n, 5), 'NOTCAPABLE')
  t.is(errnoOf(guest, 'path_link', 4, SYMLINK_FOLLOW, 'link', 4, 'taken'), 'NOTCAPABLE')
  t.is(guest.fdstat(3).base, guest.fdstat(4).base)
  t.deepEqual(snapshot('ro'), before)
})

knownFailure(OTHER_SEMANTICS)('other errors take precedence over the EROFS of a read-only preopen', (t) => {
  const { guest } = readOnlyAndWritable(t)
  const file = guest.open('file')
  const dir = guest.open('sub', { rights: 0n })
  const { base, inheriting } = guest.fdstat(dir)
  guest.must('fd_fdstat_set_rights', dir, base & ~RIGHTS.PATH_CREATE_DIRECTORY, inheriting & ~RIGHTS.FD_WRITE)
  for (const [expected, ...call] of [
    ['OVERFLOW', 'path_create_directory', 3, 2 ** 31, 3],
    ['BADF', 'path_create_directory', 99, 'new'],
    ['NOTDIR', 'path_create_directory', file, 'new'],
    ['NOTCAPABLE', 'path_create_directory', dir, 'new'],
    ['NOTCAPABLE', 'path_open', dir, 0, 'inner', 0, RIGHTS.FD_WRITE, 0n, 0, 0],
    ['OVERFLOW', 'path_open', 3, 0, 'file', 0, RIGHTS.FD_WRITE, 0n, 0, 2 ** 31],
    ['NOENT', 'path_open', 3, 0, 'missing', 0, RIGHTS.FD_WRITE, 0n, 0, 0],
    ['ISDIR', 'path_open', 3, 0, 'sub', TRUNC | DIRECTORY, 0n, 0n, 0, 0],
    ['EXIST', 'path_open', 3, 0, 'file', TRUNC | CREAT | EXCL, 0n, 0n, 0, 0],
    ['EXIST', 'path_create_directory', 3, 'file'],
    ['NOENT', 'path_create_directory', 3, 'missing/new'],
    ['NOENT', 'path_unlink_file', 3, 'missing/file'],
    ['ROFS', 'path_unlink_file', 3, 'missing'],
    ['NOTCAPABLE', 'path_unlink_file', 3, '../rw/file'],
  ])
    t.is(errnoOf(guest, ...call), expected, call.join(' '))
})

onPosix('path_open with CREAT in a read-only preopen succeeds only for an existing file', (t) => {
  const { guest } = readOnlyAndWritable(t)
  for (const [expected, path, oflags] of [
    ['SUCCESS', 'file', CREAT],
    ['SUCCESS', 'link', CREAT],
    ['SUCCESS', 'sub/inner', CREAT],
    ['EXIST', 'file', CREAT | EXCL],
    ['EXIST', 'link', CREAT | EXCL],
    ['EXIST', 'sub', CREAT | EXCL],
    ['ISDIR', 'sub', CREAT],
    ['ISDIR', 'file/', CREAT],
    ['INVAL', 'sub', CREAT | DIRECTORY],
    ['NOTCAPABLE', '../rw/file', CREAT],
    ['NOTCAPABLE', '../rw/file', CREAT | EXCL],
    ['NOTCAPABLE', 'out', CREAT],
    ['ROFS', 'missing', CREAT],
    ['ROFS', 'missing', CREAT | EXCL],
    ['NOENT', 'missing/x', CREAT],
  ])
    t.is(errnoOf(guest, 'path_open', 3, SYMLINK_FOLLOW, path, oflags, RIGHTS.FD_READ, 0n, 0, 0), expected, path)
})

onPosix('a C program that changes a read-only preopen gets EROFS', async (t) => {
  const { preopens, snapshot } = readOnlyAndWritable(t)
  const before = [snapshot('ro'), snapshot('rw')]
  await prints(
    t,
    'readonly',
    'changing',
    `
open("/ro/file", O_WRONLY): EROFS
open("/ro/file", O_RDWR): EROFS
open("/ro/file", O_RDONLY | O_TRUNC): EROFS
open("/ro/new", O_WRONLY | O_CREAT, 0666): EROFS
open("/ro/new", O_RDONLY | O_CREAT, 0666): EROFS
open("/ro/file", O_RDONLY | O_CREAT | O_EXCL, 0666): EEXIST
open("/ro/sub", O_RDONLY | O_CREAT, 0666): EISDIR
mkdir("/ro/new", 0777): EROFS
rmdir("/ro/empty"): EROFS
unlink("/ro/file"): EROFS
symlink("file", "/ro/new"): EROFS
link("/ro/file", "/ro/new"): EROFS
link("/ro/file", "/rw/new"): EROFS
link("/rw/file", "/ro/new"): EROFS
rename("/ro/file", "/ro/new"): EROFS
rename("/ro/file", "/rw/new"): EROFS
rename("/rw/file", "/ro/file"): EROFS
utimensat(AT_FDCWD, "/ro/file", NULL, 0): EROFS
fd = open("/ro/file", O_RDONLY): 5
write(fd, "x", 1): EBADF
ftruncate(fd, 0): EROFS
futimens(fd, NULL): EROFS
posix_fallocate(fd, 0, 100) == EROFS: 1
fd = open("/ro/sub", O_RDONLY | O_DIRECTORY): 5
openat(fd, "inner", O_WRONLY): EROFS
unlinkat(fd, "inner", 0): EROFS
renameat(fd, "inner", AT_FDCWD, "/rw/new"): EROFS
mkdirat(fd, "../new", 0777): ENOTCAPABLE
futimens(fd, NULL): EROFS
`,
    { preopens },
  )
  t.deepEqual([snapshot('ro'), snapshot('rw')], before)
})

onPosix('a C program reads a read-only preopen like a writable one', async (t) => {
  const { preopens, snapshot } = readOnlyAndWritable(t)
  const before = snapshot('ro')
  await prints(
    t,
    'readonly',
    'reading',
    `
/ro/file: "text"
/ro/link: "text"
/ro/sub/inner: "inside"
open("/ro/missing", O_RDONLY): ENOENT
fd = open("/ro/file", O_RDONLY | O_CREAT, 0666): 5
read(fd, buffer, sizeof buffer): "text"
lseek(fd, 1, SEEK_SET): 1
fcntl(fd, F_SETFL, O_APPEND): 0
fsync(fd): 0
stat("/ro/sub", &st): 0
readlink("/ro/link", buffer, sizeof buffer): "file"
count: 7
!file && errno == EROFS: yes
/rw/file: "new text"
`,
    { preopens },
  )
  t.deepEqual(snapshot('ro'), before)
})

test('one directory may be a read-only and a writable preopen at once', (t) => {
  const directory = tree(t, { file: 'text' })
  const fd = openDirectory(t, directory)
  const guest = rawGuest({
    preopens: {
      '/r': { path: directory, readonly: true },
      '/w': directory,
      '/f': { fd, readonly: true },
      '/g': { fd },
    },
  })
  t.deepEqual(
    [3, 4, 5, 6].map((fd) => errnoOf(guest, 'path_create_directory', fd, `new${fd}`)),
    ['ROFS', 'SUCCESS', 'ROFS', 'SUCCESS'],
  )
  t.deepEqual(readdirSync(directory).sort(), ['file', 'new4', 'new6'])
  const later = rawGuest({ preopens: { '/w': directory } })
  t.is(errnoOf(later, 'path_create_directory', 3, 'later'), 'SUCCESS')
})

for (const [form, preopen] of [
  ['a path', (path) => path],
  ['{ path }', (path) => ({ path })],
  ['{ path, readonly: false }', (path) => ({ path, readonly: false })],
  ['{ path, readonly: undefined, fd: undefined }', (path) => ({ path, readonly: undefined, fd: undefined })],
  ['an inherited path', (path) => Object.create({ path })],
  ['{ fd }', (path, t) => ({ fd: openDirectory(t, path) })],
  [
    'an object whose fd is a getter',
    (path, t) => ({
      get fd() {
        return openDirectory(t, path)
      },
    }),
  ],
]) {
  test(`a preopen given as ${form} is writable`, (t) => {
    const directory = tree(t, { file: 'text' })
    const guest = rawGuest({ preopens: { '/': preopen(directory, t) } })
    t.is(guest.read(guest.open('file')), 'text')
    guest.write(guest.open('new', { oflags: CREAT, rights: RIGHTS.FD_WRITE }), 'new')
    t.is(readFileSync(join(directory, 'new'), 'utf8'), 'new')
  })
}

test('the descriptor of a preopen { fd } is duplicated: closing either leaves the other open', async (t) => {
  const directory = tree(t, { a: '', b: '', c: '' })
  const handle = await openHandle(directory)
  const guest = rawGuest({ preopens: { '/': handle } })
  t.is(guest.readdir(3).length, 5)
  guest.wasi.close()
  t.true(fstatSync(handle.fd).isDirectory())
  const other = rawGuest({ preopens: { '/': handle } })
  await handle.close()
  t.is(other.readdir(3).length, 5)
})

onPosix('a preopen { fd } stays the same directory after a rename', (t) => {
  const top = tree(t, { 'original/file': 'text' })
  const fd = openDirectory(t, join(top, 'original'))
  renameSync(join(top, 'original'), join(top, 'renamed'))
  const guest = rawGuest({ preopens: { '/': { fd, readonly: true } } })
  t.is(guest.read(guest.open('file')), 'text')
  t.is(errnoOf(guest, 'path_open', 3, 0, '..', 0, 0n, 0n, 0, 0), 'NOTCAPABLE')
})

const make = (preopen) => () => new WASI({ version: 'preview1', preopens: { '/': preopen } })

test('a preopen { fd } that is not an open directory throws UVWASI_ENOTDIR or UVWASI_EBADF', (t) => {
  const file = openSync(join(tree(t, { file: '' }), 'file'), 'r')
  t.throws(make({ fd: file }), {
    code: 'UVWASI_ENOTDIR',
    message: `UVWASI_ENOTDIR, uvwasi_init: options.preopens['/']: not a directory: descriptor ${file}`,
  })
  closeSync(file)
  const error = t.throws(make({ fd: 99_999 }), {
    code: 'UVWASI_EBADF',
    message: "UVWASI_EBADF, uvwasi_init: options.preopens['/']: not open: descriptor 99999",
  })
  t.deepEqual([error.errno, error.syscall, 'path' in error], [8, 'uvwasi_init', false])
})

test('a preopen { path } with an invalid path throws the error of a plain path', (t) => {
  t.like(t.throws(make({ path: '/no/such/directory', readonly: true })), {
    code: 'UVWASI_ENOENT',
    path: '/no/such/directory',
    message: "UVWASI_ENOENT, uvwasi_init: options.preopens['/']: no such directory: '/no/such/directory'",
  })
  t.throws(make({ path: 'a\0b' }), { code: 'ERR_INVALID_ARG_VALUE', message: /options\.preopens\['\/'\]/ })
})

const MUST_BE =
  'The "options.preopens[\'/\']" property must be of type string, an instance of URL or Directory, or an ' +
  "object with a 'path', an 'fd' or a 'directory'. Received"
const UNKNOWN_HOST =
  "The property 'options.preopens['/']['host']' is unknown, must be one of: 'path', 'fd', 'directory', 'readonly'"

for (const [fault, preopen, name, code, message] of [
  ['only readonly', { readonly: true }, 'TypeError', 'ERR_INVALID_ARG_TYPE', `${MUST_BE} { readonly: true }`],
  ['no property', {}, 'TypeError', 'ERR_INVALID_ARG_TYPE', `${MUST_BE} {}`],
  [
    'no property and no prototype',
    Object.create(null),
    'TypeError',
    'ERR_INVALID_ARG_TYPE',
    `${MUST_BE} [Object: null prototype] {}`,
  ],
  ['the value []', [], 'TypeError', 'ERR_INVALID_ARG_TYPE', `${MUST_BE} []`],
  ['a Map as its value', new Map(), 'TypeError', 'ERR_INVALID_ARG_TYPE', `${MUST_BE} Map(0) {}`],
  ['a function as its value', function f() {}, 'TypeError', 'ERR_INVALID_ARG_TYPE', `${MUST_BE} [Function: f]`],
  ['a symbol as its value', Symbol('x'), 'TypeError', 'ERR_INVALID_ARG_TYPE', `${MUST_BE} Symbol(x)`],
  ['only an unknown property', { host: '/tmp' }, 'TypeError', 'ERR_INVALID_ARG_VALUE', UNKNOWN_HOST],
  [
    'only an unknown property and no prototype',
    Object.assign(Object.create(null), { host: '/tmp' }),
    'TypeError',
    'ERR_INVALID_ARG_VALUE',
    UNKNOWN_HOST,
  ],
  [
    'both a path and an fd',
    { path: '.', fd: 3 },
    'TypeError',
    'ERR_INVALID_ARG_VALUE',
    "The property 'options.preopens['/']' must have only one of 'path', 'fd' and 'directory'. Received { path: '.', " +
      'fd: 3 }',
  ],
  [
    'a path that is not a string',
    { path: 5 },
    'TypeError',
    'ERR_INVALID_ARG_TYPE',
    `The "options.preopens['/'].path" property must be of type string or an instance of URL. Received type number (5)`,
  ],
  [
    'a path that is undefined',
    { path: undefined },
    'TypeError',
    'ERR_INVALID_ARG_TYPE',
    `${MUST_BE} { path: undefined }`,
  ],
  [
    'an fd that is not a number',
    { fd: '3' },
    'TypeError',
    'ERR_INVALID_ARG_TYPE',
    "The \"options.preopens['/'].fd\" property must be of type number. Received type string ('3')",
  ],
  [
    'an fd that is not an integer',
    { fd: 1.5 },
    'RangeError',
    'ERR_OUT_OF_RANGE',
    'The value of "options.preopens[\'/\'].fd" is out of range. It must be an integer. Received 1.5',
  ],
  [
    'a negative fd',
    { fd: -1 },
    'RangeError',
    'ERR_OUT_OF_RANGE',
    'The value of "options.preopens[\'/\'].fd" is out of range. It must be >= 0 && <= 2147483647. Received -1',
  ],
  [
    'an unknown property',
    { path: '.', readOnly: true },
    'TypeError',
    'ERR_INVALID_ARG_VALUE',
    "The property 'options.preopens['/']['readOnly']' is unknown, must be one of: " +
      "'path', 'fd', 'directory', 'readonly'. Did you mean 'readonly'?",
  ],
  [
    'an fd and an unknown property',
    { fd: 3, ro: true },
    'TypeError',
    'ERR_INVALID_ARG_VALUE',
    "The property 'options.preopens['/']['ro']' is unknown, must be one of: 'path', 'fd', 'directory', 'readonly'",
  ],
  [
    'an unknown property that is undefined',
    { path: '.', 5: undefined },
    'TypeError',
    'ERR_INVALID_ARG_VALUE',
    "The property 'options.preopens['/']['5']' is unknown, must be one of: 'path', 'fd', 'directory', 'readonly'",
  ],
  [
    'a readonly that is not a boolean',
    { path: '.', readonly: 1 },
    'TypeError',
    'ERR_INVALID_ARG_TYPE',
    'The "options.preopens[\'/\'].readonly" property must be of type boolean. Received type number (1)',
  ],
]) {
  test(`a preopen with ${fault} throws ${code}`, (t) => {
    t.throws(make(preopen), { name, code, message })
  })
}

test('a preopen object with toString() and a primitive value are converted to a string', (t) => {
  const directory = tree(t)
  const withPath = (object) => Object.assign(object, { toString: () => directory })
  for (const preopen of [withPath([]), new String(directory), withPath(() => {})]) t.notThrows(make(preopen))
  for (const preopen of [null, undefined, true, 5, new Date(0)]) t.throws(make(preopen), { code: 'UVWASI_ENOENT' })
})

test('an object that resembles a URL throws ERR_INVALID_ARG_VALUE', (t) => {
  for (const preopen of [{ href: tree(t) }, { href: '', protocol: '' }])
    t.throws(make(preopen), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_VALUE', message: /\['href'\]' is unknown/ })
})

test('a preopen with a file: URL as a string throws UVWASI_ENOENT with the advice to pass a URL', (t) => {
  for (const preopen of ['file:///tmp', { path: 'file:///tmp' }]) {
    t.like(t.throws(make(preopen)), {
      code: 'UVWASI_ENOENT',
      path: 'file:///tmp',
      message:
        "UVWASI_ENOENT, uvwasi_init: options.preopens['/']: no such directory: 'file:///tmp' " +
        '(a file: URL must be a URL object, not a string)',
    })
  }
})

test('preopens in a Map, a Set or a Date throw ERR_INVALID_ARG_TYPE', (t) => {
  for (const [preopens, received] of [
    [new Map([['/', '.']]), 'Map'],
    [new Set(['/']), 'Set'],
    [runInNewContext('new Map()'), 'Map'],
    [new Date(0), 'Date'],
  ]) {
    t.throws(() => new WASI({ version: 'preview1', preopens }), {
      instanceOf: TypeError,
      code: 'ERR_INVALID_ARG_TYPE',
      message: `The "options.preopens" property must be a plain object. Received an instance of ${received}`,
    })
  }
})

test('preopens without a prototype and preopens of a class are accepted', (t) => {
  class Directories {
    constructor() {
      this['/'] = '.'
    }
  }
  for (const preopens of [Object.assign(Object.create(null), { '/': '.' }), new Directories()])
    t.is(rawGuest({ preopens }).fdstat(3).filetype, 3)
})

test('symbol, non-enumerable and inherited properties of a preopen are ignored', (t) => {
  const inherits = Object.create({ label: 'inherited' })
  const preopen = Object.defineProperty(Object.assign(inherits, { path: tree(t), [Symbol('tag')]: 1 }), 'hidden', {
    value: 1,
  })
  t.notThrows(make(preopen))
})

test('each property of a preopen is read once, and exceptions of its traps are rethrown', (t) => {
  const reads = []
  const recording = (target) =>
    new Proxy(target, {
      get: (object, key) => {
        reads.push(key)
        return object[key]
      },
    })
  make(recording({ path: tree(t), readonly: true }))()
  t.deepEqual(reads.sort(), ['directory', 'fd', 'path', 'readonly'])
  const thrown = { any: 'value' }
  const fail = () => {
    throw thrown
  }
  for (const preopen of [
    new Proxy({}, { has: fail }),
    new Proxy({ path: '.' }, { ownKeys: fail }),
    new Proxy({ path: '.' }, { get: fail }),
    {
      fd: 3,
      get readonly() {
        return fail()
      },
    },
  ]) {
    t.is(t.throws(make(preopen), { any: true }), thrown)
  }
})

for (const [subject, form, property] of [
  ['a preopen', (url) => url, "options.preopens['/']"],
  ['the path of a preopen', (url) => ({ path: url, readonly: true }), "options.preopens['/'].path"],
]) {
  test(`${subject} may be a file: URL, also of another realm or class`, (t) => {
    const directory = join(tree(t, { 'a b%20\u00e9/file': 'text' }), 'a b%20\u00e9')
    const url = pathToFileURL(directory)
    const { href, protocol } = url
    for (const value of [
      url,
      new URL(`${href}/`),
      Object.create({ href, protocol }),
      runInNewContext('({ href, protocol, toString: () => "/no" })', { href, protocol }),
    ]) {
      const guest = rawGuest({ preopens: { '/': form(value) } })
      t.is(guest.read(guest.open('file')), 'text')
    }
  })

  test(`${subject} that is not a valid file: URL throws the code of node:url and names the option`, (t) => {
    for (const [href, code] of [
      ['https://example.org/', 'ERR_INVALID_URL_SCHEME'],
      ['data:,x', 'ERR_INVALID_URL_SCHEME'],
      ['file:///a%2Fb', 'ERR_INVALID_FILE_URL_PATH'],
    ])
      t.throws(make(form(new URL(href))), {
        instanceOf: TypeError,
        code,
        message: (text) =>
          text.startsWith(`The property '${property}' must be a file: URL of a local path. `) &&
          text.endsWith(`. Received '${href}'`),
      })
    t.throws(make(form(new URL('a%00b', pathToFileURL(process.cwd())))), {
      instanceOf: TypeError,
      code: 'ERR_INVALID_ARG_VALUE',
    })
    const missing = new URL('no/such/directory', pathToFileURL(process.cwd()))
    t.like(t.throws(make(form(missing))), { code: 'UVWASI_ENOENT', path: fileURLToPath(missing) })
  })
}
