// Each call that takes a path, with paths that lead out of its directory: the call fails with ENOTCAPABLE and changes
// nothing outside.

import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LOOKUP, OFLAGS, RIGHTS, rawGuest, tree } from '../support/guest.mjs'
import { VERSIONS, errnoOf, expectErrnos } from '../support/calls.mjs'
import { openOn } from '../support/backends.cjs'
import { onBackends, onLinux, onPosix } from '../support/conditions.mjs'

const { SYMLINK_FOLLOW } = LOOKUP

/**
 * Creates a guest in `box`, which has symlinks to `outside`. `outsideState` returns names, content and ctimes of the
 * files outside.
 */
function guestWithEscapes(t, version = 'preview1', backend = 'host') {
  const top = tree(t, {
    'box/in/file': 'inside',
    'box/plain': 'plain',
    'outside/secret': 'secret',
    'outside/empty/': null,
  })
  const outside = join(top, 'outside')
  for (const [link, target] of Object.entries({
    relative: '../outside',
    absolute: outside,
    root: '/',
    'in/up': '../..',
    back: '../box',
    chain: 'relative',
    'to-secret': '../outside/secret',
    'to-secret-absolute': join(outside, 'secret'),
    'to-new': '../outside/new',
    proc: '/proc/self/cwd',
  })) {
    symlinkSync(target, join(top, 'box', link))
  }
  const box = backend === 'host' ? join(top, 'box') : openOn(backend, join(top, 'box'))
  const guest = rawGuest({ version, preopens: { '/': box } })
  const outsideState = () =>
    readdirSync(outside, { recursive: true })
      .sort()
      .concat(
        readdirSync(top).sort(),
        readFileSync(join(outside, 'secret'), 'utf8'),
        ['secret', 'empty'].map((name) => String(statSync(join(outside, name), { bigint: true }).ctimeNs)),
      )
  return { guest, top, outside, outsideState }
}

/** Returns calls that each have `path` as one path. All other arguments are valid. */
const callsWith = (path) => [
  ['path_create_directory', 3, path],
  ['path_filestat_get', 3, 0, path, 0],
  ['path_filestat_set_times', 3, 0, path, 1n, 1n, 5],
  ['path_link', 3, 0, path, 3, 'made'],
  ['path_link', 3, 0, 'plain', 3, path],
  ['path_open', 3, 0, path, 0, RIGHTS.FD_READ, 0n, 0, 0],
  ['path_open', 3, 0, path, OFLAGS.CREAT, RIGHTS.FD_WRITE, 0n, 0, 0],
  ['path_open', 3, 0, path, OFLAGS.TRUNC, RIGHTS.FD_WRITE, 0n, 0, 0],
  ['path_open', 3, 0, path, OFLAGS.DIRECTORY, 0n, 0n, 0, 0],
  ['path_readlink', 3, path, 512, 100, 0],
  ['path_remove_directory', 3, path],
  ['path_rename', 3, path, 3, 'made'],
  ['path_rename', 3, 'plain', 3, path],
  ['path_symlink', 'plain', 3, path],
  ['path_unlink_file', 3, path],
]

for (const version of VERSIONS) {
  for (const [title, paths] of Object.entries({
    'an absolute path': ({ outside }) => [
      '/',
      '//',
      '/plain',
      '/etc/passwd',
      join(outside, 'secret'),
      join(outside, 'new'),
    ],
    'a path that leaves by ..': () => [
      '..',
      '../',
      '../.',
      './..',
      '../outside/secret',
      '../outside/new',
      '../box/plain',
      'in/../..',
      'in/../../outside/secret',
      'in/../../box/plain',
      './/.././outside/empty',
      `${'../'.repeat(50)}etc/passwd`,
    ],
    'a path through an escaping symlink': () => [
      'relative/secret',
      'relative/new',
      'relative/empty',
      'relative/../outside/secret',
      'absolute/secret',
      'absolute/new',
      'root/etc/passwd',
      'in/up/outside/secret',
      'back/plain',
      'chain/secret',
      'relative/.',
      'relative/..',
      'proc/x',
    ],
  })) {
    onBackends(onPosix)(
      `${version}: calls with ${title} fail with ENOTCAPABLE and change nothing outside`,
      (t, backend) => {
        const { guest, top, outside, outsideState } = guestWithEscapes(t, version, backend)
        const before = outsideState()
        for (const path of paths({ outside }))
          expectErrnos(
            t,
            guest,
            callsWith(path).map((call) => ['NOTCAPABLE', ...call]),
          )
        t.deepEqual(outsideState(), before)
        t.false(readdirSync(join(top, 'box')).includes('made'))
        t.is(errnoOf(guest, 'fd_close', 4), 'BADF')
      },
    )
  }
}

onBackends(onPosix)('calls with SYMLINK_FOLLOW on a symlink to the outside fail with ENOTCAPABLE', (t, backend) => {
  const { guest, outsideState } = guestWithEscapes(t, undefined, backend)
  const before = outsideState()
  const follow = (path) => [
    ['path_filestat_get', 3, SYMLINK_FOLLOW, path, 0],
    ['path_filestat_set_times', 3, SYMLINK_FOLLOW, path, 1n, 1n, 5],
    ['path_link', 3, SYMLINK_FOLLOW, path, 3, 'made'],
    ['path_open', 3, SYMLINK_FOLLOW, path, 0, RIGHTS.FD_READ, 0n, 0, 0],
    ['path_open', 3, SYMLINK_FOLLOW, path, OFLAGS.CREAT, RIGHTS.FD_WRITE, 0n, 0, 0],
    ['path_open', 3, SYMLINK_FOLLOW, path, OFLAGS.TRUNC, RIGHTS.FD_WRITE, 0n, 0, 0],
    ['path_open', 3, SYMLINK_FOLLOW, path, OFLAGS.DIRECTORY, 0n, 0n, 0, 0],
  ]
  for (const path of [
    'relative',
    'absolute',
    'root',
    'chain',
    'back',
    'in/up',
    'to-secret',
    'to-secret-absolute',
    'proc',
    'to-new',
  ]) {
    for (const call of follow(path)) t.is(errnoOf(guest, ...call), 'NOTCAPABLE', call.slice(0, 4).join(' '))
  }
  t.deepEqual(outsideState(), before)
})

onBackends(onLinux)(
  'calls without SYMLINK_FOLLOW on a symlink to the outside act on the symlink only',
  (t, backend) => {
    const { guest, outsideState } = guestWithEscapes(t, undefined, backend)
    const before = outsideState()
    expectErrnos(t, guest, [
      ['SUCCESS', 'path_filestat_get', 3, 0, 'to-secret', 0],
      ['SUCCESS', 'path_filestat_set_times', 3, 0, 'to-secret', 1n, 1n, 5],
      ['SUCCESS', 'path_readlink', 3, 'to-secret', 512, 100, 0],
      ['LOOP', 'path_open', 3, 0, 'to-secret', OFLAGS.TRUNC, RIGHTS.FD_WRITE, 0n, 0, 0],
      ['LOOP', 'path_open', 3, 0, 'to-new', OFLAGS.CREAT, RIGHTS.FD_WRITE, 0n, 0, 0],
      ['EXIST', 'path_create_directory', 3, 'to-new'],
      ['EXIST', 'path_symlink', 'x', 3, 'to-new'],
      ['EXIST', 'path_link', 3, 0, 'plain', 3, 'to-new'],
      ['NOTDIR', 'path_remove_directory', 3, 'relative'],
      ['SUCCESS', 'path_link', 3, 0, 'to-secret', 3, 'second'],
      ['SUCCESS', 'path_rename', 3, 'to-secret', 3, 'in/moved'],
      ['SUCCESS', 'path_rename', 3, 'plain', 3, 'absolute'],
      ['SUCCESS', 'path_unlink_file', 3, 'to-secret-absolute'],
      ['SUCCESS', 'path_unlink_file', 3, 'relative'],
    ])
    t.deepEqual(outsideState(), before)
    t.is(guest.read(guest.open('absolute')), 'plain')
  },
)

onBackends(onPosix)(
  'following a symlink that the guest created to the outside fails with ENOTCAPABLE',
  (t, backend) => {
    const { guest, outsideState } = guestWithEscapes(t, undefined, backend)
    const before = outsideState()
    for (const [index, target] of ['..', '../outside', '../outside/secret', 'in/../../outside', 'relative'].entries()) {
      expectErrnos(t, guest, [
        ['SUCCESS', 'path_symlink', target, 3, `own-${index}`],
        ['NOTCAPABLE', 'path_open', 3, SYMLINK_FOLLOW, `own-${index}`, 0, RIGHTS.FD_READ, 0n, 0, 0],
        ['NOTCAPABLE', 'path_filestat_get', 3, 0, `own-${index}/secret`, 0],
      ])
    }
    t.deepEqual(outsideState(), before)
  },
)

onBackends()('a path that leaves an opened subdirectory by .. fails with ENOTCAPABLE', (t, backend) => {
  const { guest } = guestWithEscapes(t, undefined, backend)
  const inner = guest.open('in', { rights: 0n })
  expectErrnos(t, guest, [
    ['NOTCAPABLE', 'path_open', inner, 0, '../plain', 0, RIGHTS.FD_READ, 0n, 0, 0],
    ['NOTCAPABLE', 'path_rename', inner, 'file', inner, '../file'],
    ['SUCCESS', 'path_rename', inner, 'file', 3, 'file'],
  ])
})

onPosix('a path with .. from an opened directory that was moved outside fails with ENOTCAPABLE', (t) => {
  const { guest, top, outside } = guestWithEscapes(t)
  mkdirSync(join(top, 'box/moving/deep'), { recursive: true })
  writeFileSync(join(top, 'box/moving/deep/file'), 'moved')
  const fd = guest.open('moving', { rights: 0n })
  renameSync(join(top, 'box/moving'), join(outside, 'moving'))
  expectErrnos(t, guest, [
    ['NOTCAPABLE', 'path_open', fd, 0, '..', 0, 0n, 0n, 0, 0],
    ['NOTCAPABLE', 'path_open', fd, 0, 'deep/../../..', 0, 0n, 0n, 0, 0],
    ['NOTCAPABLE', 'path_open', fd, 0, '../secret', 0, RIGHTS.FD_READ, 0n, 0, 0],
    ['SUCCESS', 'path_open', fd, 0, 'deep/file', 0, RIGHTS.FD_READ, 0n, 0, 0],
  ])
})
