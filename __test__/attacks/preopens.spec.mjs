// Between preopens, rights that were taken away, numbers that are reused, and mounts that cannot be written.

import { execFileSync } from 'node:child_process'
import { lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { LOOKUP, OFLAGS, RIGHTS, node, rawGuest, tree } from '../support/guest.mjs'
import { errnoOf } from '../support/calls.mjs'
import { onLinux, onPosix } from '../support/conditions.mjs'
import { linux } from '../support/platform.mjs'
import { RESOLVERS, fixture, missing, plan, run, works } from './box.mjs'

const { SYMLINK_FOLLOW } = LOOKUP
/** Takes rights from a descriptor, of its own and of what it passes on. */
const without = (guest, fd, taken, inherited = taken) => {
  const { base, inheriting } = guest.fdstat(fd)
  guest.must('fd_fdstat_set_rights', fd, base & ~taken, inheriting & ~inherited)
}
const WRITING = RIGHTS.FD_WRITE | RIGHTS.FD_ALLOCATE | RIGHTS.FD_FILESTAT_SET_SIZE | RIGHTS.FD_DATASYNC
const CHANGING =
  RIGHTS.PATH_CREATE_DIRECTORY |
  RIGHTS.PATH_CREATE_FILE |
  RIGHTS.PATH_LINK_SOURCE |
  RIGHTS.PATH_LINK_TARGET |
  RIGHTS.PATH_RENAME_SOURCE |
  RIGHTS.PATH_RENAME_TARGET |
  RIGHTS.PATH_FILESTAT_SET_SIZE |
  RIGHTS.PATH_FILESTAT_SET_TIMES |
  RIGHTS.PATH_SYMLINK |
  RIGHTS.PATH_REMOVE_DIRECTORY |
  RIGHTS.PATH_UNLINK_FILE

function two(t) {
  const top = tree(t, { 'one/file': 'one', 'one/deep/inner/x': 'x', 'two/file': 'two', secret: 'secret' })
  const guest = rawGuest({ preopens: { '/one': join(top, 'one'), '/two': join(top, 'two') } })
  return { top, guest }
}

onPosix('a link that is moved to another preopen leads nowhere new', (t) => {
  const { guest, top } = two(t)
  for (const [target, made] of [
    ['../../secret', 'deep/inner/link'],
    ['../../file', 'deep/inner/near'],
    ['../two/file', 'deep/side'],
  ]) {
    t.is(errnoOf(guest, 'path_symlink', target, 3, made), 'SUCCESS')
    t.is(errnoOf(guest, 'path_rename', 3, made, 4, 'moved'), 'SUCCESS')
    t.is(errnoOf(guest, 'path_open', 4, SYMLINK_FOLLOW, 'moved', 0, RIGHTS.FD_READ, 0n, 0, 0), 'NOTCAPABLE', target)
    t.is(errnoOf(guest, 'path_link', 4, SYMLINK_FOLLOW, 'moved', 3, 'stolen'), 'NOTCAPABLE', target)
    t.is(errnoOf(guest, 'path_unlink_file', 4, 'moved'), 'SUCCESS')
  }
  t.is(lstatSync(join(top, 'secret')).nlink, 1)
})

onPosix('.. does not lead from one preopen to another, nor from a directory that was moved between them', (t) => {
  const { guest } = two(t)
  const inner = guest.open('deep/inner', { rights: 0n })
  t.is(errnoOf(guest, 'path_rename', 3, 'deep/inner', 4, 'inner'), 'SUCCESS')
  for (const [fd, path] of [
    [3, '../two/file'],
    [4, '../one/file'],
    [inner, '../file'],
    [inner, '..'],
  ]) {
    t.is(errnoOf(guest, 'path_open', fd, 0, path, 0, 0n, 0n, 0, 0), 'NOTCAPABLE', path)
    t.is(errnoOf(guest, 'path_rename', fd, path, 3, 'taken'), 'NOTCAPABLE', path)
    t.is(errnoOf(guest, 'path_link', fd, 0, path, 3, 'taken'), 'NOTCAPABLE', path)
  }
})

onPosix('from a preopen that may not change anything nothing is moved or linked to one that may', (t) => {
  const { guest, top } = two(t)
  without(guest, 3, CHANGING, CHANGING | WRITING)
  const fd = guest.open('deep', { rights: 0n })
  for (const [from, path] of [
    [3, 'file'],
    [3, 'deep/inner/x'],
    [fd, 'inner/x'],
  ]) {
    t.is(errnoOf(guest, 'path_link', from, 0, path, 4, 'taken'), 'NOTCAPABLE', path)
    t.is(errnoOf(guest, 'path_link', from, SYMLINK_FOLLOW, path, 4, 'taken'), 'NOTCAPABLE', path)
    t.is(errnoOf(guest, 'path_rename', from, path, 4, 'taken'), 'NOTCAPABLE', path)
    t.is(errnoOf(guest, 'path_rename', 4, 'file', from, path), 'NOTCAPABLE', path)
    t.is(errnoOf(guest, 'path_link', 4, 0, 'file', from, 'new'), 'NOTCAPABLE', path)
    t.is(errnoOf(guest, 'path_open', from, 0, path, 0, RIGHTS.FD_WRITE, 0n, 0, 0), 'NOTCAPABLE', path)
    t.is(errnoOf(guest, 'path_open', from, 0, path, OFLAGS.TRUNC, RIGHTS.FD_READ, 0n, 0, 0), 'NOTCAPABLE', path)
    t.is(errnoOf(guest, 'path_filestat_set_times', from, 0, path, 1n, 1n, 5), 'NOTCAPABLE', path)
  }
  t.is(readFileSync(join(top, 'one/file'), 'utf8'), 'one')
})

for (const [how, oflags, rights] of [
  ['TRUNC to read', OFLAGS.TRUNC, RIGHTS.FD_READ],
  ['TRUNC to write', OFLAGS.TRUNC, RIGHTS.FD_WRITE],
  ['TRUNC for nothing', OFLAGS.TRUNC, 0n],
  ['TRUNC and CREAT', OFLAGS.TRUNC | OFLAGS.CREAT, RIGHTS.FD_WRITE],
  ['TRUNC, CREAT and EXCL', OFLAGS.TRUNC | OFLAGS.CREAT | OFLAGS.EXCL, 0n],
]) {
  test(`${how} is NOTCAPABLE without the right to set sizes, and cuts nothing`, (t) => {
    const { guest, top } = two(t)
    without(guest, 3, RIGHTS.PATH_FILESTAT_SET_SIZE, 0n)
    for (const lookup of [0, SYMLINK_FOLLOW])
      t.is(errnoOf(guest, 'path_open', 3, lookup, 'file', oflags, rights, 0n, 0, 0), 'NOTCAPABLE')
    t.is(readFileSync(join(top, 'one/file'), 'utf8'), 'one')
  })
}

test('a number that is taken over while its directory is being listed is what took it over', (t) => {
  const files = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`many/${index}`, '']))
  const directory = tree(t, { ...files, 'few/only': '', file: 'text' })
  const guest = rawGuest({ preopens: { '/': directory } })
  const names = (entries) => entries.map(({ name }) => name).sort()
  const [many, few] = ['many', 'few'].map((path) => guest.open(path, { rights: RIGHTS.FD_READDIR }))
  const { entries } = guest.readdirOnce(many, { size: 300 })
  t.is(errnoOf(guest, 'fd_renumber', few, many), 'SUCCESS')
  t.deepEqual(names(guest.readdir(many)), ['.', '..', 'only'])
  t.deepEqual(guest.readdirOnce(many, { cookie: entries.at(-1).next + 500n }).entries, [])
  t.is(guest.open('file'), few)
  t.is(errnoOf(guest, 'fd_renumber', few, many), 'SUCCESS')
  t.is(errnoOf(guest, 'fd_readdir', many, 0, 200, entries.at(-1).next, 512), 'NOTDIR')
  t.is(errnoOf(guest, 'fd_readdir', few, 0, 200, 0n, 512), 'BADF')
})

// In a process of its own, where nobody else opens anything.
onLinux('numbers that are taken over and reused for long keep nothing open', async (t) => {
  const ran = await node(
    `
    import { openDescriptors, rawGuest } from './__test__/support/guest.mjs'
    const guest = rawGuest({ preopens: { '/': process.argv[1] } })
    const before = openDescriptors()
    for (let i = 0; i < 2000; i++) {
      const [one, other] = [guest.open('sub'), guest.open('file')]
      guest.readdirOnce(one, { size: 40 })
      guest.must('fd_renumber', i % 2 ? one : other, i % 2 ? other : one)
      guest.close(i % 2 ? other : one)
      guest.reset()
      if (one !== 4 || other !== 5) throw new Error([one, other])
    }
    console.log(openDescriptors() - before)`,
    { module: true, args: [tree(t, { 'sub/x': '', file: 'text' })] },
  )
  t.deepEqual([ran.stdout, ran.stderr], ['0\n', ''])
})

const mounts = (() => {
  if (!linux) return 'this system has no bind mounts'
  try {
    execFileSync('unshare', ['-rm', 'sh', '-c', 'mount --bind -o ro /tmp /tmp && mount -o remount,bind,ro /tmp'], {
      stdio: 'ignore',
    })
    return null
  } catch {
    return 'unshare cannot make a mount here'
  }
})()
if (mounts !== null) console.log(`read-only mounts are not attacked: ${mounts}`)
else {
  test('no call changes a preopen on a read-only mount or moves its files to a writable preopen', async (t) => {
    const { box, outside, unchanged } = unwritable(t)
    const script = fileURLToPath(new URL('mount.plan.mjs', import.meta.url))
    const shell = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" "$3" "$1" "$4"'
    const ran = await run('unshare', ['-rm', 'sh', '-c', shell, 'sh', box, process.execPath, script, outside])
    t.is(ran.code, 0, ran.stderr)
    unchanged(JSON.parse(ran.stdout))
  })
}

/** A box, and what must hold after the calls of mount.plan.mjs. */
function unwritable(t) {
  const { box, outside, seen, inside } = fixture(t, {
    files: { 'sub/x': 'x' },
    links: { link: 'file', dangling: 'nothing', loop: 'loop', out: '../outside' },
  })
  const state = () => [
    seen(),
    [...inside()],
    readFileSync(join(box, 'file'), 'utf8'),
    ['', 'file', 'sub', 'sub/x', 'link'].map((name) => lstatSync(join(box, name)).mtimeMs),
  ]
  const before = state()
  const unchanged = (errnos) => {
    t.true(errnos.length > 150)
    for (const [errno, expected] of errnos) t.is(errno, expected)
    t.deepEqual(state(), before)
  }
  return { box, outside, unchanged }
}

for (const resolver of Object.keys(RESOLVERS)) {
  const lacks = missing(resolver)
  if (lacks === null) {
    test(`a read-only preopen is a read-only mount to each call, ${resolver}`, async (t) => {
      const { box, outside, unchanged } = unwritable(t)
      unchanged(await plan(t, resolver, 'mount.plan.mjs', box, outside, 'readonly'))
    })
  } else console.log(`read-only preopens are not compared with mounts ${resolver}: ${lacks}`)
}

const fuse =
  linux &&
  works(
    'unshare',
    '-rm',
    'sh',
    '-c',
    `exec 3<>/dev/fuse && d=$(mktemp -d) &&
  mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none "$d"; made=$?
  umount -l "$d"; rmdir "$d"; exit $made`,
  )
if (!fuse) console.log('directories with one serial number are not attacked: no FUSE file system can be mounted here')
;(fuse ? test : test.skip)(
  'directories that have one serial number are two preopens, and each is opened once',
  async (t) => {
    const script = fileURLToPath(new URL('serials.plan.mjs', import.meta.url))
    const ran = await run('unshare', ['-rm', process.execPath, script, tree(t, {})])
    t.is(ran.code, 0, ran.stderr)
    t.deepEqual(JSON.parse(ran.stdout), {
      seen: [
        ['secret', 'NOENT'],
        ['NOENT', 'public'],
      ],
      opened: 0,
      guests: 5,
    })
  },
)
