// Calls that create, link, rename and remove files and directories.

import { readdirSync, readlinkSync } from 'node:fs'
import { errnoOf } from '../../support/calls.mjs'

const FILES = {
  'in.txt': 'hello',
  'other.txt': 'other',
  'sub/x.txt': 'x',
  'empty/': null,
  'empty2/': null,
  link: { symlink: 'in.txt' },
  dirlink: { symlink: 'sub' },
  dangling: { symlink: 'nothing' },
}
const LONG = 'n'.repeat(300)

export default function ({ newGuest, tree }) {
  const rows = {}
  const record = (name, ...args) => {
    const directory = tree(FILES)
    const guest = newGuest({ preopens: { '/box': directory } })
    const title = `${name}(${args.map((arg) => (arg === LONG ? 'a long name' : arg)).join(', ')})`
    rows[title] = [
      errnoOf(guest, name, ...args),
      readdirSync(directory, { recursive: true }).sort().join(' ').replace(LONG, 'LONG'),
    ]
  }

  for (const path of [
    'new',
    'sub/new',
    'in.txt',
    'sub',
    'missing/new',
    'in.txt/new',
    '.',
    LONG,
    'link',
    'dangling',
    'é',
    './new',
    'sub/../new',
    '..',
  ]) {
    record('path_create_directory', 3, path)
  }
  for (const path of [
    'in.txt',
    'sub/x.txt',
    'empty',
    'sub',
    'missing',
    'in.txt/x',
    LONG,
    'link',
    'dirlink',
    'dangling',
    './in.txt',
    '..',
  ]) {
    record('path_unlink_file', 3, path)
  }
  for (const path of ['empty', 'sub', 'in.txt', 'missing', LONG, 'link', 'dirlink', 'in.txt/x', './empty']) {
    record('path_remove_directory', 3, path)
  }
  for (const [from, to] of [
    ['in.txt', 'new'],
    ['in.txt', 'other.txt'],
    ['in.txt', 'in.txt'],
    ['in.txt', 'empty'],
    ['in.txt', 'sub/moved'],
    ['sub', 'moved'],
    ['sub', 'empty'],
    ['empty', 'sub'],
    ['sub', 'in.txt'],
    ['sub', 'sub/inner'],
    ['empty', 'empty2'],
    ['missing', 'new'],
    ['in.txt', 'missing/new'],
    ['in.txt/x', 'new'],
    ['link', 'renamed'],
    ['in.txt', 'link'],
    ['dangling', 'renamed'],
    ['in.txt', LONG],
    ['in.txt', '../out'],
    ['../in', 'new'],
  ]) {
    record('path_rename', 3, from, 3, to)
  }
  for (const [from, to] of [
    ['in.txt', 'new'],
    ['in.txt', 'other.txt'],
    ['in.txt', 'sub/new'],
    ['missing', 'new'],
    ['in.txt', 'missing/new'],
    ['in.txt', 'in.txt'],
    ['sub', 'new'],
    ['in.txt/x', 'new'],
    ['link', 'new'],
    ['dangling', 'new'],
    ['in.txt', LONG],
    ['in.txt', '../out'],
  ]) {
    record('path_link', 3, 0, from, 3, to)
  }
  for (const [target, path] of [
    ['in.txt', 'new'],
    ['sub/x.txt', 'new'],
    ['nothing', 'new'],
    ['in.txt', 'other.txt'],
    ['in.txt', 'link'],
    ['in.txt', 'missing/new'],
    ['in.txt', 'in.txt/new'],
    ['in.txt', LONG],
    ['/etc/passwd', 'new'],
    ['in.txt', '../out'],
  ]) {
    record('path_symlink', target, 3, path)
  }

  const directory = tree(FILES)
  const guest = newGuest({ preopens: { '/box': directory } })
  guest.must('path_symlink', ...guest.put('sub/x.txt'), 3, ...guest.put('made'))
  rows['the target of a created symlink'] = readlinkSync(`${directory}/made`)
  for (const path of ['link', 'dirlink', 'dangling', 'made', 'in.txt', 'sub', 'missing']) {
    guest.view.setUint32(64, 0, true)
    rows[`path_readlink(${path})`] = [
      errnoOf(guest, 'path_readlink', 3, path, 128, 100, 64),
      guest.u32(64),
      guest.text(128, guest.u32(64)),
    ]
  }

  guest.must('path_link', 3, 0, ...guest.put('in.txt'), 3, ...guest.put('hard'))
  const [hard, original] = ['hard', 'in.txt'].map((path) => guest.filestat(3, path))
  rows['attributes of a hard link'] = [hard.nlink, hard.ino === original.ino, hard.dev === original.dev]
  const file = guest.open('in.txt')
  guest.must('path_unlink_file', 3, ...guest.put('in.txt'))
  rows['content of an open file after path_unlink_file'] = [guest.read(file), guest.filestat(file).nlink]
  return rows
}
