// Setup for attacks: a preopen for the guest beside files that must not change, and processes without openat2.

import { execFile, execFileSync } from 'node:child_process'
import { lstatSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TIMEOUT_MS, root, tree } from '../support/host.mjs'
import { linux } from '../support/platform.mjs'

/**
 * Creates a directory `preopen` for the guest and a directory `outside` beside it. `outsideState()` describes the files
 * that a guest must not change, and `insideInodes()` returns the inode numbers in the preopen.
 */
export function makeDirectories(t, { files = {}, links = {} } = {}) {
  const top = tree(t, {
    'preopen/in/file': 'inside',
    'preopen/file': 'inside',
    'outside/secret': 's'.repeat(1000),
    'outside/victim': 'victim',
    'outside/deep/er/': null,
    secret: 's'.repeat(1000),
    ...Object.fromEntries(Object.entries(files).map(([name, content]) => [join('preopen', name), content])),
  })
  const [preopen, outside] = ['preopen', 'outside'].map((name) => join(top, name))
  for (const [link, target] of Object.entries(links))
    symlinkSync(target.replace('OUTSIDE', outside), join(preopen, link))
  /** Lists the files outside with contents and ctimes. A new hard link also changes a ctime. */
  const outsideState = () => {
    const names = readdirSync(outside, { recursive: true })
      .sort()
      .map((name) => join('outside', name))
    return [...names, 'secret', 'outside']
      .map((name) => {
        const { ctimeNs, nlink, ino } = lstatSync(join(top, name), { bigint: true })
        const content = /secret|victim/.test(name) ? readFileSync(join(top, name), 'utf8') : ''
        return `${name} ${ino} ${nlink} ${ctimeNs} ${content}`
      })
      .concat(readdirSync(top).sort())
  }
  /** Returns the inode numbers of all files in the preopen. */
  const insideInodes = (
    directory = Buffer.from(preopen),
    found = new Set([lstatSync(preopen, { bigint: true }).ino]),
  ) => {
    for (const entry of readdirSync(directory, { withFileTypes: true, encoding: 'buffer' })) {
      const path = Buffer.concat([directory, Buffer.from('/'), entry.name])
      found.add(lstatSync(path, { bigint: true }).ino)
      if (entry.isDirectory()) insideInodes(path, found)
    }
    return found
  }
  return { top, preopen, outside, outsideState, insideInodes }
}

/** Runs a process. Returns `{ code, signal, stdout, stderr }`. */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const done = (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, signal: error?.signal ?? null, stdout, stderr })
    }
    execFile(command, args, { cwd: root, timeout: TIMEOUT_MS, maxBuffer: 1 << 26, ...options }, done)
  })
}

/** Returns whether a command succeeds. */
export const succeeds = (command, ...args) => {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

// Installs a seccomp filter that makes openat2 (437 on every architecture) fail with an errno, then runs a command.
const FILTER = `
import ctypes, os, struct, sys
code = struct.pack('HBBI' * 4, 0x20, 0, 0, 0, 0x15, 0, 1, 437, 6, 0, 0, 0x50000 | int(sys.argv[1]), 6, 0, 0, 0x7fff0000)
instructions = ctypes.create_string_buffer(code)
class Program(ctypes.Structure):
    _fields_ = [('len', ctypes.c_ushort), ('filter', ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(Program(4, ctypes.addressof(instructions)))):
    sys.exit(99)
os.execvp(sys.argv[2], sys.argv[2:])
`

const filterWorks = linux && succeeds('python3', '-c', FILTER, '1', 'true')

/** Ways to resolve a path: with openat2 in the kernel, or by a walk of capwasi because a filter makes openat2 fail. */
export const RESOLVERS = {
  'by the kernel': [],
  'without openat2 (ENOSYS)': ['python3', '-c', FILTER, '38'],
  'without openat2 (EPERM)': ['python3', '-c', FILTER, '1'],
}

/** The resolver under which openat2 always fails with EAGAIN, as during concurrent renames. */
export const ALWAYS_EAGAIN = 'with openat2 failing with EAGAIN'

const commands = { ...RESOLVERS, [ALWAYS_EAGAIN]: ['python3', '-c', FILTER, '11'] }

/** Returns why a resolver is not available here, or null. */
export const unavailableReason = (resolver) => {
  if (!linux) return 'this system has no openat2'
  return commands[resolver].length && !filterWorks ? 'python3 cannot install a seccomp filter' : null
}

/** Runs a script of this directory in a new process under a resolver. Returns the JSON that the script prints. */
export async function runPlan(t, resolver, script, ...args) {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const [command, ...rest] = [...commands[resolver], process.execPath, path, ...args]
  const { code, signal, stdout, stderr } = await run(command, rest)
  t.is(signal, null, stderr)
  t.is(code, 0, stderr)
  return JSON.parse(stdout)
}
