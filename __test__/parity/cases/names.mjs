// Making, linking, renaming and removing names.

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

export default function ({ guest, tree }) {
  const rows = {}
  const on = (name, ...args) => {
    const directory = tree(FILES)
    const one = guest({ preopens: { '/box': directory } })
    const title = `${name}(${args.map((arg) => (arg === LONG ? 'a long name' : arg)).join(', ')})`
    rows[title] = [
      errnoOf(one, name, ...args),
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
    on('path_create_directory', 3, path)
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
    on('path_unlink_file', 3, path)
  }
  for (const path of ['empty', 'sub', 'in.txt', 'missing', LONG, 'link', 'dirlink', 'in.txt/x', './empty']) {
    on('path_remove_directory', 3, path)
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
    on('path_rename', 3, from, 3, to)
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
    on('path_link', 3, 0, from, 3, to)
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
    on('path_symlink', target, 3, path)
  }

  const directory = tree(FILES)
  const one = guest({ preopens: { '/box': directory } })
  one.must('path_symlink', ...one.put('sub/x.txt'), 3, ...one.put('made'))
  rows['a link as it was made'] = readlinkSync(`${directory}/made`)
  for (const path of ['link', 'dirlink', 'dangling', 'made', 'in.txt', 'sub', 'missing']) {
    one.view.setUint32(64, 0, true)
    rows[`path_readlink(${path})`] = [
      errnoOf(one, 'path_readlink', 3, path, 128, 100, 64),
      one.u32(64),
      one.text(128, one.u32(64)),
    ]
  }

  one.must('path_link', 3, 0, ...one.put('in.txt'), 3, ...one.put('hard'))
  const [hard, original] = ['hard', 'in.txt'].map((path) => one.filestat(3, path))
  rows['a hard link is the same file'] = [hard.nlink, hard.ino === original.ino, hard.dev === original.dev]
  const file = one.open('in.txt')
  one.must('path_unlink_file', 3, ...one.put('in.txt'))
  rows['a file without a name is still open'] = [one.read(file), one.filestat(file).nlink]
  return rows
}
