// Attacks between preopens, without rights, with reused descriptors, and on read-only mounts.

import { execFileSync } from 'node:child_process'
import { lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { LOOKUP, OFLAGS, RIGHTS, node, rawGuest, tree } from '../support/guest.mjs'
import { errnoOf } from '../support/calls.mjs'
import { onLinux, onPosix } from '../support/conditions.mjs'
import { linux } from '../support/platform.mjs'
import { RESOLVERS, makeDirectories, run, runPlan, succeeds, unavailableReason } from './setup.mjs'

const { SYMLINK_FOLLOW } = LOOKUP
/** Drops base rights and inheriting rights of a descriptor. */
const dropRights = (guest, fd, dropped, inherited = dropped) => {
  const { base, inheriting } = guest.fdstat(fd)
  guest.must('fd_fdstat_set_rights', fd, base & ~dropped, inheriting & ~inherited)
}
const WRITE_RIGHTS = RIGHTS.FD_WRITE | RIGHTS.FD_ALLOCATE | RIGHTS.FD_FILESTAT_SET_SIZE | RIGHTS.FD_DATASYNC
const MUTATION_RIGHTS =
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

/** Creates a guest with two writable preopens and a file outside them. */
function guestWithTwoPreopens(t) {
  const top = tree(t, { 'one/file': 'one', 'one/deep/inner/x': 'x', 'two/file': 'two', secret: 'secret' })
  const guest = rawGuest({ preopens: { '/one': join(top, 'one'), '/two': join(top, 'two') } })
  return { top, guest }
}

onPosix('following a symlink that was renamed into another preopen fails with ENOTCAPABLE', (t) => {
  const { guest, top } = guestWithTwoPreopens(t)
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

onPosix('.. out of a preopen, also after a move between preopens, fails with ENOTCAPABLE', (t) => {
  const { guest } = guestWithTwoPreopens(t)
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

onPosix('path_link and path_rename from or to a preopen without rights fail with ENOTCAPABLE', (t) => {
  const { guest, top } = guestWithTwoPreopens(t)
  dropRights(guest, 3, MUTATION_RIGHTS, MUTATION_RIGHTS | WRITE_RIGHTS)
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

for (const [flags, oflags, rights] of [
  ['TRUNC for reading', OFLAGS.TRUNC, RIGHTS.FD_READ],
  ['TRUNC for writing', OFLAGS.TRUNC, RIGHTS.FD_WRITE],
  ['TRUNC without rights', OFLAGS.TRUNC, 0n],
  ['TRUNC and CREAT', OFLAGS.TRUNC | OFLAGS.CREAT, RIGHTS.FD_WRITE],
  ['TRUNC, CREAT and EXCL', OFLAGS.TRUNC | OFLAGS.CREAT | OFLAGS.EXCL, 0n],
]) {
  test(`path_open with ${flags} fails with ENOTCAPABLE without PATH_FILESTAT_SET_SIZE`, (t) => {
    const { guest, top } = guestWithTwoPreopens(t)
    dropRights(guest, 3, RIGHTS.PATH_FILESTAT_SET_SIZE, 0n)
    for (const lookup of [0, SYMLINK_FOLLOW])
      t.is(errnoOf(guest, 'path_open', 3, lookup, 'file', oflags, rights, 0n, 0, 0), 'NOTCAPABLE')
    t.is(readFileSync(join(top, 'one/file'), 'utf8'), 'one')
  })
}

test('fd_readdir on a descriptor that fd_renumber replaced lists the new directory', (t) => {
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

// In a new process, because other tests open descriptors in this one.
onLinux('2,000 descriptors that fd_renumber replaced leave nothing open', async (t) => {
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

const noMountsReason = (() => {
  if (!linux) return 'this system has no bind mounts'
  try {
    execFileSync('unshare', ['-rm', 'sh', '-c', 'mount --bind -o ro /tmp /tmp && mount -o remount,bind,ro /tmp'], {
      stdio: 'ignore',
    })
    return null
  } catch {
    return 'unshare cannot create a mount here'
  }
})()
if (noMountsReason !== null) console.log(`skipping attacks on read-only mounts: ${noMountsReason}`)
else {
  test('no call changes a preopen on a read-only mount or moves its files to a writable preopen', async (t) => {
    const { preopen, outside, checkUnchanged } = readOnlyDirectories(t)
    const script = fileURLToPath(new URL('mount.plan.mjs', import.meta.url))
    const shell = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" "$3" "$1" "$4"'
    const ran = await run('unshare', ['-rm', 'sh', '-c', shell, 'sh', preopen, process.execPath, script, outside])
    t.is(ran.code, 0, ran.stderr)
    checkUnchanged(JSON.parse(ran.stdout))
  })
}

/** Creates directories for mount.plan.mjs. `checkUnchanged` checks its errnos and that it changed nothing. */
function readOnlyDirectories(t) {
  const { preopen, outside, outsideState, insideInodes } = makeDirectories(t, {
    files: { 'sub/x': 'x' },
    links: { link: 'file', dangling: 'nothing', loop: 'loop', out: '../outside' },
  })
  const state = () => [
    outsideState(),
    [...insideInodes()],
    readFileSync(join(preopen, 'file'), 'utf8'),
    ['', 'file', 'sub', 'sub/x', 'link'].map((name) => lstatSync(join(preopen, name)).mtimeMs),
  ]
  const before = state()
  const checkUnchanged = (errnos) => {
    t.true(errnos.length > 150)
    for (const [errno, expected] of errnos) t.is(errno, expected)
    t.deepEqual(state(), before)
  }
  return { preopen, outside, checkUnchanged }
}

for (const resolver of Object.keys(RESOLVERS)) {
  const reason = unavailableReason(resolver)
  if (reason === null) {
    test(`a read-only preopen returns the errnos of a read-only mount, resolved ${resolver}`, async (t) => {
      const { preopen, outside, checkUnchanged } = readOnlyDirectories(t)
      checkUnchanged(await runPlan(t, resolver, 'mount.plan.mjs', preopen, outside, 'readonly'))
    })
  } else console.log(`skipping read-only preopens ${resolver}: ${reason}`)
}

const hasFuse =
  linux &&
  succeeds(
    'unshare',
    '-rm',
    'sh',
    '-c',
    `exec 3<>/dev/fuse && d=$(mktemp -d) &&
  mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none "$d"; made=$?
  umount -l "$d"; rmdir "$d"; exit $made`,
  )
if (!hasFuse) console.log('skipping directories with the same inode number: cannot mount a FUSE file system here')
;(hasFuse ? test : test.skip)(
  'two directories with the same inode number are separate preopens, each opened once',
  async (t) => {
    const script = fileURLToPath(new URL('same-inode.plan.mjs', import.meta.url))
    const ran = await run('unshare', ['-rm', process.execPath, script, tree(t, {})])
    t.is(ran.code, 0, ran.stderr)
    t.deepEqual(JSON.parse(ran.stdout), {
      contents: [
        ['secret', 'NOENT'],
        ['NOENT', 'public'],
      ],
      opened: 0,
      guests: 5,
    })
  },
)
