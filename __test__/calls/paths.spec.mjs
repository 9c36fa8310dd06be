// path_*, except path_open.

import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { FILETYPE, FSTFLAGS, LOOKUP, RIGHTS, hostFile } from '../support/guest.mjs'
import { BAD_POINTER, VERSIONS, errnoOf, expectErrnos, expectOverflow, guestWithFiles } from '../support/calls.mjs'
import { onLinux, onPosix } from '../support/conditions.mjs'

const FILES = {
  file: 'content',
  other: 'other',
  'sub/inner': 'inner',
  'empty/': null,
  'empty2/': null,
  link: { symlink: 'file' },
  dirlink: { symlink: 'sub' },
  'sub/up': { symlink: '../empty' },
  dangling: { symlink: 'nothing' },
  loop: { symlink: 'loop' },
}
const { SYMLINK_FOLLOW } = LOOKUP
const BOTH = FSTFLAGS.ATIM | FSTFLAGS.MTIM
const LONG = 'n'.repeat(256)

/** Calls with a given path. All other arguments are valid. */
const WITH_PATH = {
  path_create_directory: (path, fd = 3) => ['path_create_directory', fd, path],
  path_filestat_get: (path, fd = 3) => ['path_filestat_get', fd, 0, path, 0],
  path_filestat_set_times: (path, fd = 3) => ['path_filestat_set_times', fd, 0, path, 0n, 0n, BOTH],
  'path_link from': (path, fd = 3) => ['path_link', fd, 0, path, 3, 'made'],
  'path_link to': (path, fd = 3) => ['path_link', 3, 0, 'file', fd, path],
  path_readlink: (path, fd = 3) => ['path_readlink', fd, path, 512, 100, 0],
  path_remove_directory: (path, fd = 3) => ['path_remove_directory', fd, path],
  'path_rename from': (path, fd = 3) => ['path_rename', fd, path, 3, 'made'],
  'path_rename to': (path, fd = 3) => ['path_rename', 3, 'file', fd, path],
  path_symlink: (path, fd = 3) => ['path_symlink', 'file', fd, path],
  path_unlink_file: (path, fd = 3) => ['path_unlink_file', fd, path],
}

for (const [name, call] of Object.entries(WITH_PATH)) {
  onLinux(`${name}: an invalid path, or one through a file, fails and changes nothing`, (t) => {
    const { guest, names } = guestWithFiles(t, FILES, { stdin: hostFile(t).fd })
    const before = names()
    const file = guest.open('file')
    expectErrnos(t, guest, [
      ['NOENT', ...call('')],
      ['INVAL', ...call('fi\0le')],
      ['INVAL', ...call('sub\0')],
      ['NAMETOOLONG', ...call(LONG)],
      ['NAMETOOLONG', ...call('x/'.repeat(3000))],
      ['NOENT', ...call('missing/x')],
      ['NOENT', ...call('missing/..')],
      ['NOENT', ...call('dangling/x')],
      ['NOTDIR', ...call('file/x')],
      ['NOTDIR', ...call('file/..')],
      ['NOTDIR', ...call('link/x')],
      ['LOOP', ...call('loop/x')],
      ['BADF', ...call('x', 77)],
      ['NOTDIR', ...call('x', file)],
      ['NOTDIR', ...call('x', 0)],
    ])
    t.deepEqual(names(), before)
  })
}

for (const [title, rows] of Object.entries({
  path_create_directory: [
    ['EXIST', 'file'],
    ['EXIST', 'sub'],
    ['EXIST', '.'],
    ['EXIST', 'dangling'],
    ['EXIST', 'sub/'],
  ],
  path_filestat_get: [
    ['NOENT', 'missing'],
    ['NOTDIR', 'file/'],
    ['NOTDIR', 'sub/inner/'],
  ],
  path_filestat_set_times: [
    ['NOENT', 'missing'],
    ['NOTDIR', 'file/'],
  ],
  'path_link from': [
    ['NOENT', 'missing'],
    ['PERM', 'sub'],
    ['PERM', '.'],
    ['NOTDIR', 'file/'],
  ],
  'path_link to': [
    ['EXIST', 'other'],
    ['EXIST', 'file'],
    ['EXIST', 'sub'],
    ['EXIST', 'dangling'],
    ['NOENT', 'new/'],
  ],
  path_readlink: [
    ['NOENT', 'missing'],
    ['INVAL', 'file'],
    ['INVAL', 'sub'],
    ['INVAL', 'dirlink/'],
  ],
  path_remove_directory: [
    ['NOENT', 'missing'],
    ['NOTDIR', 'file'],
    ['NOTDIR', 'link'],
    ['NOTDIR', 'dirlink'],
    ['NOTEMPTY', 'sub'],
    ['INVAL', '.'],
  ],
  'path_rename from': [
    ['NOENT', 'missing'],
    ['NOTDIR', 'file/'],
  ],
  'path_rename to': [
    ['ISDIR', 'sub'],
    ['ISDIR', 'empty'],
  ],
  path_symlink: [
    ['EXIST', 'file'],
    ['EXIST', 'sub'],
    ['EXIST', 'dangling'],
    ['NOENT', 'new/'],
  ],
  path_unlink_file: [
    ['NOENT', 'missing'],
    ['ISDIR', 'sub'],
    ['ISDIR', 'empty'],
    ['ISDIR', '.'],
    ['NOTDIR', 'file/'],
  ],
})) {
  onLinux(`${title}: a missing, existing or unsuitable file fails and changes nothing`, (t) => {
    const { guest, names } = guestWithFiles(t, FILES)
    const before = names()
    expectErrnos(
      t,
      guest,
      rows.map(([errno, path]) => [errno, ...WITH_PATH[title](path)]),
    )
    t.deepEqual(names(), before)
  })
}

for (const version of VERSIONS) {
  onPosix(`${version}: path_* calls create, link, rename and remove files and directories`, (t) => {
    const { guest, directory, names } = guestWithFiles(t, { file: 'content' }, { version })
    expectErrnos(t, guest, [
      ['SUCCESS', 'path_create_directory', 3, 'dir'],
      ['SUCCESS', 'path_create_directory', 3, 'dir/inner/'],
      ['SUCCESS', 'path_link', 3, 0, 'file', 3, 'dir/hard'],
      ['SUCCESS', 'path_symlink', '../file', 3, 'dir/soft'],
      ['SUCCESS', 'path_rename', 3, 'file', 3, 'dir/../moved'],
    ])
    t.deepEqual(names(), ['dir', 'dir/hard', 'dir/inner', 'dir/soft', 'moved'])
    t.is(readlinkSync(join(directory, 'dir/soft')), '../file')
    t.is(lstatSync(join(directory, 'moved')).nlink, 2)
    expectErrnos(t, guest, [
      ['SUCCESS', 'path_unlink_file', 3, 'dir/soft'],
      ['SUCCESS', 'path_unlink_file', 3, 'dir/hard'],
      ['SUCCESS', 'path_remove_directory', 3, 'dir/inner/'],
      ['SUCCESS', 'path_remove_directory', 3, 'dir'],
    ])
    t.deepEqual(names(), ['moved'])
    t.is(readFileSync(join(directory, 'moved'), 'utf8'), 'content')
  })
}

onPosix('path_link and path_rename resolve each path relative to its own descriptor', (t) => {
  const { guest, directory } = guestWithFiles(t, FILES)
  const [sub, empty] = [guest.open('sub', { rights: 0n }), guest.open('empty', { rights: 0n })]
  expectErrnos(t, guest, [
    ['SUCCESS', 'path_link', sub, 0, 'inner', empty, 'hard'],
    ['SUCCESS', 'path_rename', sub, 'inner', empty, 'moved'],
    ['NOENT', 'path_rename', empty, 'inner', sub, 'x'],
  ])
  t.deepEqual(
    ['sub', 'empty'].map((name) => readdirSync(join(directory, name)).sort()),
    [['up'], ['hard', 'moved']],
  )
})

onLinux('path_rename replaces a target of the same type and keeps a file renamed to itself', (t) => {
  const { guest, directory } = guestWithFiles(t, FILES)
  expectErrnos(t, guest, [
    ['SUCCESS', 'path_rename', 3, 'file', 3, 'other'],
    ['SUCCESS', 'path_rename', 3, 'other', 3, 'other'],
    ['SUCCESS', 'path_rename', 3, 'empty', 3, 'empty2'],
    ['NOTDIR', 'path_rename', 3, 'sub', 3, 'other'],
    ['NOTEMPTY', 'path_rename', 3, 'empty2', 3, 'sub'],
    ['INVAL', 'path_rename', 3, 'sub', 3, 'sub/within'],
    ['SUCCESS', 'path_rename', 3, 'link', 3, 'dangling'],
    ['SUCCESS', 'path_rename', 3, 'sub/', 3, 'moved/'],
  ])
  t.is(readFileSync(join(directory, 'other'), 'utf8'), 'content')
  t.is(readlinkSync(join(directory, 'dangling')), 'file')
  t.is(readFileSync(join(directory, 'moved/inner'), 'utf8'), 'inner')
})

onPosix('path_filestat_get and path_filestat_set_times follow a symlink only with SYMLINK_FOLLOW', (t) => {
  const { guest, directory } = guestWithFiles(t, FILES)
  for (const [path, lookup, filetype] of [
    ['link', 0, FILETYPE.SYMBOLIC_LINK],
    ['link', SYMLINK_FOLLOW, FILETYPE.REGULAR_FILE],
    ['dirlink', 0, FILETYPE.SYMBOLIC_LINK],
    ['dirlink', SYMLINK_FOLLOW, FILETYPE.DIRECTORY],
    ['dirlink/', 0, FILETYPE.DIRECTORY],
    ['dangling', 0, FILETYPE.SYMBOLIC_LINK],
    ['loop', 0, FILETYPE.SYMBOLIC_LINK],
  ]) {
    const time = 1_000_000_000n + BigInt(path.length * 2 + lookup)
    t.is(errnoOf(guest, 'path_filestat_set_times', 3, lookup, path, time, time + 1n, BOTH), 'SUCCESS', path)
    const stat = guest.filestat(3, path, { lookup })
    t.deepEqual([stat.filetype, stat.atim, stat.mtim], [filetype, time, time + 1n], `${path}, ${lookup}`)
  }
  t.is(statSync(join(directory, 'file'), { bigint: true }).mtimeNs, 1_000_000_010n)
  expectErrnos(t, guest, [
    ['NOENT', 'path_filestat_get', 3, SYMLINK_FOLLOW, 'dangling', 0],
    ['LOOP', 'path_filestat_get', 3, SYMLINK_FOLLOW, 'loop', 0],
    ['NOENT', 'path_filestat_set_times', 3, SYMLINK_FOLLOW, 'dangling', 0n, 0n, BOTH],
    ['LOOP', 'path_filestat_set_times', 3, SYMLINK_FOLLOW, 'loop', 0n, 0n, BOTH],
  ])
})

onPosix('path_filestat_set_times follows a symlink before a trailing slash; a file fails with ENOTDIR', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  expectErrnos(t, guest, [
    ['SUCCESS', 'path_filestat_set_times', 3, 0, 'sub/up/', 5n, 7n, BOTH],
    ['NOTDIR', 'path_filestat_set_times', 3, 0, 'sub/inner/', 5n, 7n, BOTH],
  ])
  t.is(guest.filestat(3, 'empty').mtim, 7n)
  t.not(guest.filestat(3, 'sub/up').mtim, 7n)
})

onPosix('path_rename of a file to a path with a trailing slash fails with ENOTDIR', (t) => {
  const { guest, names } = guestWithFiles(t, FILES)
  const before = names()
  expectErrnos(t, guest, [
    ['NOTDIR', 'path_rename', 3, 'file', 3, 'new/'],
    ['NOTDIR', 'path_rename', 3, 'file', 3, 'other/'],
    ['NOTDIR', 'path_rename', 3, 'file', 3, 'dangling/'],
  ])
  t.deepEqual(names(), before)
})

onLinux('path_link, path_symlink and path_unlink_file follow no symlink before a trailing slash', (t) => {
  const escaping = { outside: { symlink: '..' }, nowhere: { symlink: '../nothing' }, root: { symlink: '/' } }
  const { guest, directory } = guestWithFiles(t, { ...FILES, ...escaping })
  const before = readdirSync(directory)
  for (const path of ['file', 'link', 'dirlink', 'dangling', 'loop', ...Object.keys(escaping)]) {
    for (const slashes of ['/', '//']) {
      expectErrnos(t, guest, [
        ['EXIST', 'path_link', 3, 0, 'file', 3, path + slashes],
        ['EXIST', 'path_symlink', 'file', 3, path + slashes],
        ['NOTDIR', 'path_unlink_file', 3, path + slashes],
      ])
    }
  }
  expectErrnos(t, guest, [
    ['EXIST', 'path_link', 3, 0, 'file', 3, 'sub/'],
    ['EXIST', 'path_symlink', 'file', 3, 'sub/up/'],
    ['ISDIR', 'path_unlink_file', 3, 'sub/'],
    ['NOTDIR', 'path_unlink_file', 3, 'sub/up/'],
    ['NOENT', 'path_unlink_file', 3, 'missing/'],
  ])
  t.deepEqual(readdirSync(directory), before)
})

onPosix('path_link with an invalid new path fails before it looks for the old path', (t) => {
  const { guest } = guestWithFiles(t, FILES)
  for (const lookup of [0, SYMLINK_FOLLOW]) {
    expectErrnos(t, guest, [
      ['INVAL', 'path_link', 3, lookup, 'missing', 3, '\0'],
      ['NOTCAPABLE', 'path_link', 3, lookup, 'missing', 3, '/x'],
    ])
  }
})

onLinux('path_link reports an error of the old path before one of a new path with a trailing slash', (t) => {
  const { guest } = guestWithFiles(t, { ...FILES, outside: { symlink: '..' } })
  expectErrnos(t, guest, [
    ['LOOP', 'path_link', 3, SYMLINK_FOLLOW, 'loop', 3, 'made/'],
    ['NOTCAPABLE', 'path_link', 3, SYMLINK_FOLLOW, 'outside', 3, 'made/'],
    ['NOENT', 'path_link', 3, 0, 'missing', 3, 'file/'],
    ['NOENT', 'path_link', 3, 0, 'file', 3, 'made/'],
  ])
})

test('path_filestat_set_times with conflicting flags fails with EINVAL and keeps the times', (t) => {
  const { guest, directory } = guestWithFiles(t, FILES)
  const { mtimeMs } = statSync(join(directory, 'file'))
  for (const flags of [FSTFLAGS.ATIM | FSTFLAGS.ATIM_NOW, FSTFLAGS.MTIM | FSTFLAGS.MTIM_NOW, 15]) {
    expectErrnos(t, guest, [['INVAL', 'path_filestat_set_times', 3, 0, 'file', 0n, 0n, flags]])
  }
  t.is(statSync(join(directory, 'file')).mtimeMs, mtimeMs)
})

onLinux('path_link links the symlink itself, or its target with SYMLINK_FOLLOW', (t) => {
  const { guest, directory } = guestWithFiles(t, FILES)
  expectErrnos(t, guest, [
    ['SUCCESS', 'path_link', 3, 0, 'link', 3, 'of-link'],
    ['SUCCESS', 'path_link', 3, SYMLINK_FOLLOW, 'link', 3, 'of-target'],
    ['NOENT', 'path_link', 3, SYMLINK_FOLLOW, 'dangling', 3, 'x'],
    ['PERM', 'path_link', 3, SYMLINK_FOLLOW, 'dirlink', 3, 'x'],
  ])
  t.true(lstatSync(join(directory, 'of-link')).isSymbolicLink())
  t.is(lstatSync(join(directory, 'of-target')).ino, lstatSync(join(directory, 'file')).ino)
})

onPosix('path_readlink truncates to the buffer, returns the length, and writes no NUL', (t) => {
  const { guest } = guestWithFiles(t, { link: { symlink: 'a/target' } })
  for (let size = 0; size < 12; size++) {
    guest.bytes.fill(0xaa, 512, 544)
    t.is(errnoOf(guest, 'path_readlink', 3, 'link', 512, size, 0), 'SUCCESS')
    const length = Math.min(size, 8)
    t.is(guest.u32(0), length)
    t.is(guest.text(512, length), 'a/target'.slice(0, length))
    t.true(
      guest.bytes.subarray(512 + length, 544).every((byte) => byte === 0xaa),
      `${size} bytes`,
    )
  }
})

onLinux('path_symlink stores relative targets unchanged, and fails with EPERM for absolute targets', (t) => {
  const { guest, directory } = guestWithFiles(t, { 'sub/': null })
  const targets = ['file', '../file', './/x/..', 'sub/', '../../../out', 'é', 't'.repeat(1000)]
  for (const [index, target] of targets.entries()) {
    t.is(errnoOf(guest, 'path_symlink', target, 3, `sub/${index}`), 'SUCCESS', target)
    t.is(readlinkSync(join(directory, 'sub', String(index))), target)
  }
  expectErrnos(t, guest, [
    ['PERM', 'path_symlink', '/', 3, 'new'],
    ['PERM', 'path_symlink', '/sub', 3, 'new'],
    ['NOENT', 'path_symlink', '', 3, 'new'],
    ['INVAL', 'path_symlink', 'a\0b', 3, 'new'],
    ['NAMETOOLONG', 'path_symlink', 't'.repeat(5000), 3, 'new'],
  ])
})

test('path_* calls on a directory without the right fail with ENOTCAPABLE and change nothing', (t) => {
  const { guest, names } = guestWithFiles(t, FILES)
  const before = names()
  const { base, inheriting } = guest.fdstat(3)
  const needed = Object.entries(RIGHTS)
    .filter(([name]) => /^PATH/.test(name))
    .map(([, bit]) => bit)
  guest.must('fd_fdstat_set_rights', 3, base & ~needed.reduce((all, bit) => all | bit), inheriting)
  for (const call of Object.values(WITH_PATH)) expectErrnos(t, guest, [['NOTCAPABLE', ...call('file')]])
  t.deepEqual(names(), before)
})

test('path_* calls with a bad pointer fail with EOVERFLOW and change nothing', (t) => {
  const { guest, names } = guestWithFiles(t, FILES)
  const before = names()
  const callAt = (name, path) =>
    WITH_PATH[name](path).flatMap((arg) => (arg === BAD_POINTER ? [BAD_POINTER, 3] : [arg]))
  expectOverflow(t, guest, [
    ...Object.keys(WITH_PATH).map((name) => callAt(name, BAD_POINTER)),
    ['path_filestat_get', 3, 0, 'file', BAD_POINTER],
    ['path_readlink', 3, 'link', BAD_POINTER, 100, 0],
    ['path_readlink', 3, 'link', 512, 100, BAD_POINTER],
    ['path_symlink', BAD_POINTER, 4, 3, 'new'],
  ])
  t.deepEqual(names(), before)
})

onPosix('path_remove_directory of a path that ends in . fails with EINVAL, in .. with ENOTEMPTY', (t) => {
  const { guest, names } = guestWithFiles(t, FILES)
  const before = names()
  expectErrnos(
    t,
    guest,
    ['.', './', 'empty/.', 'empty/./', 'sub/.'].map((path) => ['INVAL', 'path_remove_directory', 3, path]),
  )
  expectErrnos(
    t,
    guest,
    ['sub/..', 'empty/../'].map((path) => ['NOTEMPTY', 'path_remove_directory', 3, path]),
  )
  t.deepEqual(names(), before)
  expectErrnos(t, guest, [
    ['NOENT', 'path_remove_directory', 3, 'missing/.'],
    ['NOTDIR', 'path_remove_directory', 3, 'file/.'],
  ])
})
