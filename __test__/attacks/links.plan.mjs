// Runs as a process: makes every call that takes a path, through links that lead out. Prints errnos and breaches.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LOOKUP, OFLAGS, RIGHTS, rawGuest } from '../support/guest.mjs'
import { errnoOf } from '../support/calls.mjs'
import { fixture } from './box.mjs'

const { SYMLINK_FOLLOW } = LOOKUP
const teardowns = []
const t = { teardown: (action) => teardowns.push(action) }
const { box, top, seen, inside } = fixture(t, {
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
const guest = rawGuest({ preopens: { '/box': box, '/proc': '/proc' } })
const errnos = {}
const REFUSALS = ['EXIST', 'INVAL', 'ISDIR', 'LOOP', 'NOENT', 'NOTCAPABLE', 'NOTDIR']
const breaches = []

/** Makes a call, records the errno, and checks that the file it reached is in the box. */
function attack(name, ...args) {
  const errno = errnoOf(guest, name, ...args)
  const shown = args.map((arg) => (String(arg).length > 60 ? `${String(arg).length} bytes` : arg))
  const title = `${name}(${shown.join(', ')})`
  errnos[title] = errno
  if (errno !== 'SUCCESS') return errno
  if (name === 'path_open') {
    const fd = guest.u32(0)
    if (args[0] === 3 && !inside().has(guest.filestat(fd).ino)) breaches.push(`${title} is outside`)
    guest.close(fd)
  } else if (name === 'path_filestat_get' && args[0] === 3 && !inside().has(guest.record('FILESTAT', 0).ino)) {
    breaches.push(`${title} is outside`)
  }
  return errno
}

/** Each call with a path as one of its paths; with and without following. */
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

const before = seen()
const unchanged = (what) => {
  const now = seen()
  if (String(now) !== String(before)) breaches.push(`${what}: what is outside has changed`)
}

// The two-step link: each is harmless by itself and by its text.
const made = [
  attack('path_symlink', '.', 3, 'sub/self'),
  attack('path_symlink', 'sub/self/../..', 3, 'esc'),
  attack('path_symlink', 'sub/self/self/self/../../outside', 3, 'esc2'),
  attack('path_symlink', 'esc/outside/', 3, 'esc3'),
]
if (String(made) !== 'SUCCESS,SUCCESS,SUCCESS,SUCCESS') breaches.push(`the guest could not make its links: ${made}`)

const out = [
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
const slashed = [...out, 'file-slash', 'new-slash'].flatMap((link) => ['/', '//', '/.', '/..'].map((end) => link + end))
const beyond = [
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
const through = beyond.flatMap((path) =>
  ['secret', 'victim', 'new', 'secret/', 'deep/', 'deep/er/..'].map((name) => `${path}/${name}`),
)
const paths = [...slashed, ...through, 'new-slash/x']
for (const path of paths) {
  for (const call of calls(path)) {
    const errno = attack(...call)
    if (!REFUSALS.includes(errno)) breaches.push(`${call.join(' ')} is ${errno}`)
  }
  unchanged(path)
}

// Chains of links that stay inside, and of links that do not.
const chains = {}
const following = ([name, , , path, oflags]) =>
  path !== 'sub/file' && (name === 'path_filestat_get' || (name === 'path_open' && oflags === 0))
for (const [name, end] of [
  ['good', 'file'],
  ['bad', '../outside/secret'],
]) {
  mkdirSync(join(box, name))
  symlinkSync(`../${end}`, join(box, name, '1'))
  for (let i = 2; i <= 41; i++) symlinkSync(String(i - 1), join(box, name, String(i)))
  for (const length of [31, 32, 40, 41]) {
    for (const [call, ...args] of calls(`${name}/${length}`).filter(
      (call) => call[2] === SYMLINK_FOLLOW && following(call),
    )) {
      const chain = `${name} ${length}`
      chains[chain] ??= new Set()
      chains[chain].add(attack(call, ...args))
    }
  }
}
unchanged('chains')

// Names: as long as a file system takes, as long as a path may be, and of bytes that are no text.
const bytes = Buffer.from([0xff, 0xfe, 0x80, 0x2e])
const names = Object.entries({
  255: 'n'.repeat(255),
  256: 'n'.repeat(256),
  'the longest path': `${'./'.repeat(2045)}./sub`,
  'a byte more': `${'./'.repeat(2046)}/sub`,
  '4095 of one name': 'n'.repeat(4095),
  '4096 of one name': 'n'.repeat(4096),
  'no text': bytes,
  'no text, outside': Buffer.concat([Buffer.from('dir/'), bytes]),
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
writeFileSync(join(top, 'box/sub/file'), 'inside')
unchanged('names')

// Links of /proc that lead where no path says, from a preopen of /proc, which nobody should give away.
const magic = [
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
const proc = magic.flatMap((path) =>
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
