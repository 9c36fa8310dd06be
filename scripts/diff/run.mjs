// Runs rounds of calls on one implementation, each in a new sandbox on a new directory tree. With a backend, both
// preopens are one `Directory`, so that links and renames between them work.

import { lstatSync, openSync, readlinkSync, realpathSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { FDFLAGS, FILETYPE, LOOKUP, rawGuest } from '../../__test__/support/guest.mjs'
import { openOn } from '../../__test__/support/backends.cjs'
import { PAGES, PATH_MAX, SYNCS } from './plan.mjs'
import { createTree, listBackend, listTree, seconds } from './tree.mjs'

const [specifier, folder, backend] = process.argv.slice(2)
const work = realpathSync(folder)
const { WASI } = await import(specifier)

/** Resolves a host path with the system's realpath. Returns undefined if that fails. */
function realPath(path) {
  try {
    return realpathSync.native(path)
  } catch {}
}

const isOutside = (root, path) => relative(root, path).split('/')[0] === '..'

/**
 * Describes a path before the call, in words that expected.mjs uses. `leaves`: as text, the path or a link in the path
 * leads out of the directory. `outside`: a component of the path is really outside of the directory. `follows`: whether
 * the call follows the last link.
 */
function describePath(root, path, follows) {
  const words = []
  if (path === '') words.push('empty')
  if (path.startsWith('/')) words.push('absolute')
  if (path.includes('\0')) words.push('nul')
  if (path.length > 255) words.push('long')
  if (/.\/+$/.test(path)) words.push('slash')
  if (/(^|\/)\.\/*$/.test(path)) words.push('dot')
  const parts = path.split('/')
  if (parts.includes('..')) words.push('dotdot')
  let [here, depth] = [root, 0]
  // An open directory may have been moved. Then the files at its old path say nothing about the call.
  const isThere = realPath(root) === root
  for (const [index, part] of parts.entries()) {
    depth += part === '..' ? -1 : part === '' || part === '.' ? 0 : 1
    if (depth < 0) words.push('leaves')
    here = `${here}/${part}`
    const isLast = parts.slice(index + 1).every((rest) => rest === '')
    try {
      const isLink = lstatSync(here).isSymbolicLink()
      if (isLink) {
        words.push(isLast ? 'lastlink' : 'midlink')
        if (isOutside(root, resolve(dirname(here), readlinkSync(here)))) words.push('leaves')
      }
      const isFollowed = !isLink || !isLast || follows
      if (isThere && isFollowed && isOutside(root, realPath(here) ?? root)) words.push('outside')
    } catch {}
  }
  return [...new Set(words)]
}

/**
 * Returns whether one path of a call with two paths is enough to make the call fail. The file must exist, or for a new
 * file (`isNew`) its directory.
 */
function isInvalidPath(root, path, isNew) {
  if (!root || path === '' || path.startsWith('/') || path.includes('\0') || path.length >= PATH_MAX) return true
  if (isNew && (path.endsWith('/') || path.split('/').some((name) => name.length > 255))) return true
  try {
    lstatSync(`${root}/${isNew ? `${dirname(path)}/.` : path}`)
    return false
  } catch {
    return true
  }
}

/** Calls that follow the last link of their first path with SYMLINK_FOLLOW. */
const FOLLOWING = ['path_filestat_get', 'path_filestat_set_times', 'path_link', 'path_open']

/** The indices of directory descriptors among the arguments; by default 0. */
const DIRECTORY_ARGUMENTS = { path_symlink: [2], path_link: [0, 4], path_rename: [0, 3] }

/** Returns the result of a successful call, without values that differ in every run. */
const RESULTS = {
  args_sizes_get: (g, [a, b]) => [g.u32(a), g.u32(b)],
  environ_sizes_get: (g, [a, b]) => [g.u32(a), g.u32(b)],
  clock_res_get: (g, [, at]) => g.u64(at),
  fd_fdstat_get: (g, [, at]) => g.record('FDSTAT', at),
  fd_filestat_get: (g, [, at]) => filestat(g, at),
  path_filestat_get: (g, args) => filestat(g, args.at(-1)),
  fd_prestat_get: (g, [, at]) => g.record('PRESTAT', at),
  fd_prestat_dir_name: (g, [, at, length]) => g.text(at, Math.min(length, 8)),
  fd_read: (g, args) => transferred(g, args),
  fd_pread: (g, args) => transferred(g, args),
  fd_write: (g, args) => g.u32(args.at(-1)),
  fd_pwrite: (g, args) => g.u32(args.at(-1)),
  fd_seek: (g, args) => g.u64(args.at(-1)),
  fd_tell: (g, args) => g.u64(args.at(-1)),
  path_open: (g, args) => g.u32(args.at(-1)),
  path_readlink: (g, args) => [g.u32(args.at(-1)), g.text(args[3], Math.min(g.u32(args.at(-1)), 300))],
  fd_readdir: (g, [, at, size, cookie, used]) =>
    size < 4096 || cookie !== 0n || (used >= at && used < at + size) ? undefined : entries(g, at, g.u32(used)),
  poll_oneoff: (g, args) =>
    Array.from({ length: g.u32(args[3]) }, (_, index) => g.record('EVENT', args[1] + 32 * index)),
}

function filestat(guest, at) {
  const { filetype, nlink, size, mtim } = guest.record('FILESTAT', at)
  return { filetype, mtime: seconds(Number(mtim) / 1e9), ...(filetype !== FILETYPE.DIRECTORY && { nlink, size }) }
}

function transferred(guest, [, iovs, count, ...rest]) {
  const length = guest.u32(rest.at(-1))
  return [length, rest.at(-1) === 64 ? guest.gather([iovs, count], length) : '']
}

function entries(guest, at, used) {
  const names = []
  for (let end; at + 24 <= used + 4096; at = end) {
    const { nameLength, filetype } = guest.record('DIRENT', at)
    end = at + 24 + nameLength
    const name = guest.text(at + 24, nameLength)
    if (name !== '.' && name !== '..') names.push(`${name.slice(0, 20)} ${filetype}`)
  }
  return names.sort()
}

function round(calls, base) {
  createTree(base)
  // Never closes these descriptors. node:wasi closes a descriptor of the host if the guest closes it, and the number
  // may be reused.
  const [stdin, stdout] = [openSync(join(base, 'stdin'), 'r'), openSync(join(base, 'stdout'), 'r+')]
  const stderr = openSync(join(base, 'stderr'), 'a')
  const box = join(base, 'box')
  const directory = backend && openOn(backend, box)
  const guest = rawGuest(
    {
      args: ['guest', 'arg'],
      env: { A: 'b' },
      preopens: directory ? { '/box': directory, other: directory } : { '/box': box, other: join(base, 'other') },
      stdin,
      stdout,
      stderr,
    },
    { WASI, memory: `${PAGES}` },
  )
  // Host paths of open directories by descriptor, and descriptors by the id of their path_open.
  const [directories, descriptors] = [new Map(), new Map()]
  if (!backend || backend === 'host') directories.set(3, box).set(4, backend ? box : join(base, 'other'))
  // The origin of each descriptor: words, the flags it was opened with, the flags that cannot change, and the inode
  // number.
  const stdioOrigin = (fdflags) => ({ words: ['stdio'], fdflags, fixed: SYNCS | FDFLAGS.APPEND })
  const preopenOrigin = (...words) => ({ words, fdflags: 0, fixed: SYNCS })
  const origins = new Map(
    [stdioOrigin(0), stdioOrigin(0), stdioOrigin(FDFLAGS.APPEND), preopenOrigin(), preopenOrigin('relative')].entries(),
  )
  const allocated = new Set()
  const progress = openSync(join(work, 'progress'), 'w')
  const outcomes = calls.map(({ id, name, args }) => {
    writeSync(progress, String(id).padEnd(8), 0)
    guest.bytes.fill(0)
    guest.top = 16_384
    const [words, raw, failures] = [[], [], []]
    for (const arg of args) {
      if (arg?.fd !== undefined && !arg.type) raw.push(descriptors.get(arg.fd) ?? 98)
      else if (arg?.text !== undefined) {
        // The target of a symlink is not relative to a descriptor.
        const index = (DIRECTORY_ARGUMENTS[name] ?? [0]).findLast((each) => each < raw.length)
        const root = directories.get(raw[index])
        const follows = index === 0 && FOLLOWING.includes(name) && (args[1] & LOOKUP.SYMLINK_FOLLOW) !== 0
        if (root) words.push(...describePath(root, arg.text, follows))
        failures.push(isInvalidPath(root, arg.text, failures.length > 0))
        raw.push(...guest.put(Buffer.from(arg.text, 'latin1')))
      } else if (arg?.iovs) raw.push(...guest.iovs(...arg.iovs))
      else if (arg?.polls) {
        const subscriptions = guest.alloc(48 * arg.polls.length)
        for (const [index, values] of arg.polls.entries())
          guest.putRecord('SUBSCRIPTION', values, subscriptions + 48 * index)
        raw.push(subscriptions, 8192, arg.polls.length)
      } else raw.push(arg)
    }
    const places = DIRECTORY_ARGUMENTS[name] ?? [0]
    if (name.startsWith('path_') && places.some((place) => !directories.has(raw[place]))) words.push('not-directory')
    if (name === 'fd_renumber' && raw[0] === raw[1]) words.push('itself')
    const origin = origins.get(raw[places[0]])
    words.push(...places.flatMap((place) => origins.get(raw[place])?.words ?? []))
    if (name === 'fd_fdstat_set_flags' && origin && ((origin.fdflags ^ args[1]) & origin.fixed) !== 0)
      words.push('fixed')
    if (/^path_(link|rename)$/.test(name) && failures.length === 2 && failures.every(Boolean)) words.push('both')
    let errno
    try {
      errno = guest.call[name](...raw)
    } catch {
      errno = 'throws'
    }
    const readResult = errno === 0 && RESULTS[name]
    const result = readResult ? readResult(guest, raw) : undefined
    if (/filestat_get$/.test(name) && errno === 0 && allocated.has(Number(guest.record('FILESTAT', args.at(-1)).ino)))
      words.push('allocated')
    if (name === 'fd_allocate' && errno === 0) allocated.add(origin.ino)
    if (name === 'fd_close' && errno === 0) directories.delete(raw[0])
    if (name === 'fd_renumber' && errno === 0 && raw[0] !== raw[1]) {
      origins.set(raw[1], origins.get(raw[0]))
      directories.delete(raw[1])
      if (directories.has(raw[0])) directories.set(raw[1], directories.get(raw[0]))
      directories.delete(raw[0])
    }
    if (name === 'path_open' && errno === 0) {
      descriptors.set(id, result)
      const opened = { words: [...new Set([...origin.words, 'opened'])], fdflags: args.at(-2), fixed: SYNCS }
      origins.set(result, opened)
      try {
        const path = realpathSync.native(`${directories.get(raw[0])}/${args[2].text}`)
        const stat = statSync(path)
        opened.ino = stat.ino
        if (stat.isDirectory()) directories.set(result, path)
      } catch {}
    }
    return { errno, result, words: [...new Set(words)] }
  })
  guest.wasi.close?.()
  return { outcomes, tree: directory ? listBackend(directory, base) : listTree(base, allocated) }
}

process.on('message', (calls) => {
  rmSync(join(work, 'down'), { recursive: true, force: true })
  // Deep enough that an escape from the tree stays below `work`.
  process.send(round(calls, join(work, 'down', 'and', 'down')))
})
process.send('ready')
