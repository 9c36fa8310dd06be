// The directory tree of a round: creates it, and lists it after the calls, by the host or by a guest.

import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { Directory } from 'capwasi'
import { FILETYPE, OFLAGS, rawGuest } from '../../__test__/support/guest.mjs'
import { PATH_MAX } from './plan.mjs'

const TREE = {
  'box/a.txt': 'hello world',
  'box/empty': '',
  'box/big': '0123456789'.repeat(500),
  'box/d/x.txt': 'x',
  'box/d/e/y': 'yy',
  'box/hollow/': null,
  'other/a.txt': 'other',
  'other/d/z': 'z',
  'outside/secret': 'secret',
  stdin: 'standard input',
  stdout: '',
  stderr: '',
  'box/link': { symlink: 'a.txt' },
  'box/dlink': { symlink: 'd' },
  'box/dangling': { symlink: 'nothing' },
  'box/loop': { symlink: 'loop' },
  'box/up': { symlink: '..' },
  'box/out': { symlink: '../outside/secret' },
  'box/outd': { symlink: '../outside' },
  'box/d/back': { symlink: '../a.txt' },
}

/** Creates the files of TREE below a directory. */
export function createTree(base) {
  for (const [name, content] of Object.entries(TREE)) {
    const path = join(base, name)
    mkdirSync(name.endsWith('/') ? path : dirname(path), { recursive: true })
    if (content?.symlink) symlinkSync(content.symlink, path)
    else if (!name.endsWith('/')) writeFileSync(path, content)
  }
}

// Times that the guest sets are in the past. All other times are those of this run, and differ between runs.
export const seconds = (time) => (time < 1_000_000_000 ? Math.floor(time) : 'now')

/** Lists the files below a directory, one line each. Marks the files whose inode number is in `allocated`. */
export function listTree(base, allocated = new Set(), directory = base) {
  return readdirSync(Buffer.from(directory, 'latin1'), { encoding: 'latin1' })
    .sort()
    .flatMap((name) => {
      const path = Buffer.from(join(directory, name), 'latin1')
      const stat = lstatSync(path)
      const line = `${relative(base, join(directory, name)).slice(0, 60)} ${stat.mode.toString(8)}`
      if (stat.isDirectory()) return [line, ...listTree(base, allocated, join(directory, name))]
      if (stat.isSymbolicLink()) return [`${line} -> ${readlinkSync(path)}`]
      const digest = stat.size > 1e6 ? '' : createHash('md5').update(readFileSync(path)).digest('hex').slice(0, 8)
      const mark = allocated.has(stat.ino) ? ', allocated' : ''
      return [`${line} ${stat.size} bytes ${digest} ${stat.nlink} links, ${seconds(stat.mtimeMs / 1000)}${mark}`]
    })
}

/** Contents above this size are not compared. */
const MAX_CONTENT = 1_000_000
const LISTING_SIZE = 65_536

/** Returns the names in an open directory, without `.` and `..`, sorted, one character for each byte. */
function namesIn(guest, fd) {
  const buffer = guest.alloc(LISTING_SIZE)
  guest.must('fd_readdir', fd, buffer, LISTING_SIZE, 0n, guest.out)
  const end = buffer + guest.u32(guest.out)
  if (end === buffer + LISTING_SIZE) throw new Error('the directory has too many entries')
  const names = []
  for (let at = buffer; at < end; ) {
    const { nameLength } = guest.record('DIRENT', at)
    names.push(Buffer.from(guest.bytes.slice(at + 24, at + 24 + nameLength)).toString('latin1'))
    at += 24 + nameLength
  }
  return names.filter((name) => name !== '.' && name !== '..').sort()
}

/** Lists a `Directory` as a guest sees it, one line for each path. */
function listDirectory(directory, { links: withLinks = true } = {}) {
  const guest = rawGuest({ preopens: { '/': directory } }, { memory: '24' })
  const bytes = (path) => Buffer.from(path, 'latin1')
  const describe = (path) => {
    const { filetype, nlink, size, mtim } = guest.filestat(3, bytes(path))
    const line = `${path.slice(0, 60)} ${filetype}`
    if (filetype === FILETYPE.DIRECTORY) return line
    const links = withLinks ? ` ${nlink} links` : ''
    if (filetype === FILETYPE.SYMBOLIC_LINK) {
      const buffer = guest.alloc(PATH_MAX)
      guest.must('path_readlink', 3, ...guest.put(bytes(path)), buffer, PATH_MAX, guest.out)
      return `${line}${links} -> ${guest.text(buffer, guest.u32(guest.out))}`
    }
    const content = size > MAX_CONTENT ? '' : guest.read(guest.open(bytes(path)), Number(size))
    const digest = createHash('md5').update(content).digest('hex').slice(0, 8)
    return `${line}${links} ${size} bytes ${digest} ${seconds(Number(mtim) / 1e9)}`
  }
  const lines = []
  const directories = ['']
  for (const parent of directories) {
    guest.reset()
    for (const name of namesIn(guest, guest.open(bytes(parent || '.'), { oflags: OFLAGS.DIRECTORY }))) {
      guest.top = LISTING_SIZE * 2
      const path = parent ? `${parent}/${name}` : name
      const line = describe(path)
      lines.push(line)
      if (line.endsWith(` ${FILETYPE.DIRECTORY}`)) directories.push(path)
    }
  }
  guest.wasi.close()
  return lines.sort()
}

const without = (lines, others) => lines.filter((line) => !others.includes(line))

/** Applies an overlay to a directory. Returns the paths in which the two then differ. */
function applied(overlay, target) {
  try {
    overlay.applyTo(target)
  } catch (error) {
    // The largest file of the target's file system is smaller.
    if (error.code === 'EFBIG') return []
    throw error
  }
  // A hard link to an unchanged file is applied as a copy.
  const [expected, found] = [overlay, target].map((each) => listDirectory(each, { links: false }))
  return [
    ...without(expected, found).map((line) => `not applied: ${line}`),
    ...without(found, expected).map((line) => `applied: ${line}`),
  ]
}

/**
 * Lists a round on a `Directory` in place of `box`, and the host's files outside of `box`. For an overlay, checks that
 * `box` is unchanged, and that a copy of `box` equals the overlay once the overlay is applied to the copy.
 */
export function listBackend(directory, base) {
  const lines = listDirectory(directory)
  const host = listTree(base)
  if (directory.kind === 'overlay') {
    const copy = join(base, 'copy')
    createTree(copy)
    const isBox = (line) => /^box\b/.test(line)
    const [before, after] = [listTree(copy), host].map((each) => each.filter(isBox))
    for (const line of without(after, before)) lines.push(`changed below the overlay: ${line}`)
    const target = Directory.open(join(copy, 'box'))
    for (const line of applied(directory, target)) lines.push(line)
    target.close()
  }
  directory.close()
  return [...lines, ...host.filter((line) => !/^box\b/.test(line))]
}
