// Runs in a process, with the name of a backend: makes every call that takes a path, through symlinks that lead out.
// Prints errnos and breaches.

import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { LOOKUP, OFLAGS, RIGHTS, rawGuest } from '../support/guest.mjs'
import { openOn } from '../support/backends.cjs'
import { errnoOf } from '../support/calls.mjs'
import { makeDirectories } from './setup.mjs'

const [backend = 'host'] = process.argv.slice(2)
const { SYMLINK_FOLLOW } = LOOKUP
const teardowns = []
const t = { teardown: (action) => teardowns.push(action) }
const { preopen, outsideState, insideInodes } = makeDirectories(t, {
  files: { 'sub/file': 'inside', 'out/file': 'inside', 'empty/': null },
  links: {
    dir: '../outside',
    'dir-slash': '../outside/',
    'abs-slash': 'OUTSIDE/',
    abs: 'OUTSIDE',
    again: 'dir/',
    twice: 'dir//',
    'file-slash': '../outside/secret/',
    'new-slash': '../outside/new/',
    dot: '../outside/.',
    up: '..',
    'up-slash': '../',
    'in/mid': '../../outside/deep/',
    root: '/',
    inner: 'in/',
    'inner-file': 'file/',
  },
})
/** The ends of chains of symlinks that stay inside (`good`), and of chains that lead out (`bad`). */
const CHAIN_ENDS = { good: 'file', bad: '../outside/secret' }
for (const [name, end] of Object.entries(CHAIN_ENDS)) {
  mkdirSync(join(preopen, name))
  symlinkSync(`../${end}`, join(preopen, name, '1'))
  for (let i = 2; i <= 41; i++) symlinkSync(String(i - 1), join(preopen, name, String(i)))
}
const directory = backend === 'host' ? preopen : openOn(backend, preopen)
const guest = rawGuest({ preopens: { '/preopen': directory, '/proc': '/proc' } })
/** The only files of this size are outside. */
const OUTSIDE_SIZE = 1000n
const isInside = ({ ino, size }) => (backend === 'host' ? insideInodes().has(ino) : size !== OUTSIDE_SIZE)
const errnos = {}
const EXPECTED_ERRNOS = ['EXIST', 'INVAL', 'ISDIR', 'LOOP', 'NOENT', 'NOTCAPABLE', 'NOTDIR']
const breaches = []

/** Makes a call, records the errno, and checks that a file it reached is in the preopen. */
function attack(name, ...args) {
  const errno = errnoOf(guest, name, ...args)
  const shown = args.map((arg) => (String(arg).length > 60 ? `${String(arg).length} bytes` : arg))
  const title = `${name}(${shown.join(', ')})`
  errnos[title] = errno
  if (errno !== 'SUCCESS') return errno
  if (name === 'path_open') {
    const fd = guest.u32(0)
    if (args[0] === 3 && !isInside(guest.filestat(fd))) breaches.push(`${title} is outside`)
    guest.close(fd)
  } else if (name === 'path_filestat_get' && args[0] === 3 && !isInside(guest.record('FILESTAT', 0))) {
    breaches.push(`${title} is outside`)
  }
  return errno
}

/** Returns all path calls with this path, with and without SYMLINK_FOLLOW. */
const calls = (path) => [
  ['path_create_directory', 3, path],
  ['path_readlink', 3, path, 512, 100, 0],
  ['path_remove_directory', 3, path],
  ['path_rename', 3, path, 3, 'made'],
  ['path_rename', 3, 'sub/file', 3, path],
  ['path_rename', 3, 'empty', 3, path],
  ['path_symlink', 'x', 3, path],
  ['path_unlink_file', 3, path],
  ...[0, SYMLINK_FOLLOW].flatMap((lookup) => [
    ['path_filestat_get', 3, lookup, path, 0],
    ['path_filestat_set_times', 3, lookup, path, 1n, 1n, 5],
    ['path_link', 3, lookup, path, 3, 'made'],
    ['path_link', 3, lookup, 'sub/file', 3, path],
    ...[0, OFLAGS.DIRECTORY].map((oflags) => ['path_open', 3, lookup, path, oflags, RIGHTS.FD_READ, 0n, 0, 0]),
    ...[OFLAGS.CREAT, OFLAGS.TRUNC, OFLAGS.CREAT | OFLAGS.EXCL, OFLAGS.CREAT | OFLAGS.TRUNC].map((oflags) => [
      'path_open',
      3,
      lookup,
      path,
      oflags,
      RIGHTS.FD_WRITE,
      0n,
      0,
      0,
    ]),
  ]),
]

const before = outsideState()
const checkOutside = (step) => {
  if (String(outsideState()) !== String(before)) breaches.push(`${step}: files outside have changed`)
}

// Symlinks in two steps: each target is harmless alone and as text.
const made = [
  attack('path_symlink', '.', 3, 'sub/self'),
  attack('path_symlink', 'sub/self/../..', 3, 'esc'),
  attack('path_symlink', 'sub/self/self/self/../../outside', 3, 'esc2'),
  attack('path_symlink', 'esc/outside/', 3, 'esc3'),
]
if (String(made) !== 'SUCCESS,SUCCESS,SUCCESS,SUCCESS')
  breaches.push(`the guest could not create its symlinks: ${made}`)

const leadingOut = [
  'dir',
  'dir-slash',
  'abs-slash',
  'abs',
  'again',
  'twice',
  'up',
  'up-slash',
  'root',
  'esc',
  'esc2',
  'esc3',
  'in/mid',
  'dot',
]
const withSlashes = [...leadingOut, 'file-slash', 'new-slash'].flatMap((link) =>
  ['/', '//', '/.', '/..'].map((end) => link + end),
)
const outsideDirectories = [
  'dir',
  'dir-slash',
  'abs-slash',
  'again',
  'esc/outside',
  'esc2',
  'esc3',
  'sub/self/self/../../outside',
  'in/mid/..',
  'in/../dir',
]
const through = outsideDirectories.flatMap((path) =>
  ['secret', 'victim', 'new', 'secret/', 'deep/', 'deep/er/..'].map((name) => `${path}/${name}`),
)
const paths = [...withSlashes, ...through, 'new-slash/x']
for (const path of paths) {
  for (const call of calls(path)) {
    const errno = attack(...call)
    if (!EXPECTED_ERRNOS.includes(errno)) breaches.push(`${call.join(' ')} is ${errno}`)
  }
  checkOutside(path)
}

const chains = {}
const followsLast = ([name, , , path, oflags]) =>
  path !== 'sub/file' && (name === 'path_filestat_get' || (name === 'path_open' && oflags === 0))
for (const name of Object.keys(CHAIN_ENDS)) {
  for (const length of [31, 32, 40, 41]) {
    for (const [call, ...args] of calls(`${name}/${length}`).filter(
      (call) => call[2] === SYMLINK_FOLLOW && followsLast(call),
    )) {
      const chain = `${name} ${length}`
      chains[chain] ??= new Set()
      chains[chain].add(attack(call, ...args))
    }
  }
}
checkOutside('chains')

// Names: the longest of a file system, the longest path, and names that are not UTF-8.
const bytes = Buffer.from([0xff, 0xfe, 0x80, 0x2e])
const names = Object.entries({
  255: 'n'.repeat(255),
  256: 'n'.repeat(256),
  'the longest path': `${'./'.repeat(2045)}./sub`,
  'one byte longer than the longest path': `${'./'.repeat(2046)}/sub`,
  'a name of 4095 bytes': 'n'.repeat(4095),
  'a name of 4096 bytes': 'n'.repeat(4096),
  'not UTF-8': bytes,
  'not UTF-8, outside': Buffer.concat([Buffer.from('dir/'), bytes]),
  'a NUL': 'sub\0/../../outside',
}).map(([name, path]) => [
  name,
  [
    path.length,
    attack('path_filestat_get', 3, 0, path, 0),
    attack('path_create_directory', 3, path),
    attack('path_open', 3, 0, path, OFLAGS.DIRECTORY, 0n, 0n, 0, 0),
    attack('path_remove_directory', 3, path),
  ],
])
checkOutside('names')

// Magic links of /proc, which the kernel does not resolve as paths, through a preopen of /proc.
const magicLinks = [
  'root',
  'root/',
  'root/etc',
  'cwd',
  'cwd/',
  'cwd/package.json',
  'exe',
  'fd/0',
  'fd/2',
  'task/../root/etc',
  'ns/mnt',
]
const proc = magicLinks.flatMap((path) =>
  ['self', 'thread-self'].flatMap((self) => [
    attack('path_open', 4, SYMLINK_FOLLOW, `${self}/${path}`, 0, RIGHTS.FD_READ, 0n, 0, 0),
    attack('path_open', 4, SYMLINK_FOLLOW, `${self}/${path}`, OFLAGS.DIRECTORY, 0n, 0n, 0, 0),
    attack('path_filestat_get', 4, SYMLINK_FOLLOW, `${self}/${path}`, 0),
  ]),
)

const sorted = Object.fromEntries(Object.entries(chains).map(([name, errnos]) => [name, [...errnos].sort()]))
console.log(
  JSON.stringify({
    breaches,
    errnos,
    chains: sorted,
    names: Object.fromEntries(names),
    proc: [...new Set(proc)].sort(),
  }),
)
for (const teardown of teardowns) teardown()
