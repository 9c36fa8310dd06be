// What attacks start from: a box beside what must stay as it is, and processes that run without some system call.

import { execFile, execFileSync } from 'node:child_process'
import { lstatSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TIMEOUT_MS, root, tree } from '../support/host.mjs'
import { linux } from '../support/platform.mjs'

/** A directory `box` for the guest and `outside` beside it: `{ top, box, outside, seen, inside }`. */
export function fixture(t, { files = {}, links = {} } = {}) {
  const top = tree(t, {
    'box/in/file': 'inside',
    'box/file': 'inside',
    'outside/secret': 's'.repeat(1000),
    'outside/victim': 'victim',
    'outside/deep/er/': null,
    secret: 's'.repeat(1000),
    ...Object.fromEntries(Object.entries(files).map(([name, content]) => [join('box', name), content])),
  })
  const [box, outside] = ['box', 'outside'].map((name) => join(top, name))
  for (const [link, target] of Object.entries(links)) symlinkSync(target.replace('OUTSIDE', outside), join(box, link))
  /** All there is outside: names, contents and change times, which also tell of links made to a file. */
  const seen = () => {
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
  /** The serial numbers of all there is in the box. */
  const inside = (directory = Buffer.from(box), found = new Set([lstatSync(box, { bigint: true }).ino])) => {
    for (const entry of readdirSync(directory, { withFileTypes: true, encoding: 'buffer' })) {
      const path = Buffer.concat([directory, Buffer.from('/'), entry.name])
      found.add(lstatSync(path, { bigint: true }).ino)
      if (entry.isDirectory()) inside(path, found)
    }
    return found
  }
  return { top, box, outside, seen, inside }
}

/** Runs a process: `{ code, signal, stdout, stderr }`. */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const done = (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, signal: error?.signal ?? null, stdout, stderr })
    }
    execFile(command, args, { cwd: root, timeout: TIMEOUT_MS, maxBuffer: 1 << 26, ...options }, done)
  })
}

/** Whether a command ends well. */
export const works = (command, ...args) => {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

// A seccomp filter that answers openat2, 437 on every architecture, with an errno; then the command takes over.
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

const filterWorks = linux && works('python3', '-c', FILTER, '1', 'true')

/** How the system may resolve a path: by openat2, or with that refused, so that capwasi walks the path itself. */
export const RESOLVERS = {
  'by the kernel': [],
  'with openat2 refused by ENOSYS': ['python3', '-c', FILTER, '38'],
  'with openat2 refused by EPERM': ['python3', '-c', FILTER, '1'],
}

/** An openat2 that always fails with EAGAIN, as it does while something is renamed. */
export const DISTURBED = 'with openat2 failing with EAGAIN'

const commands = { ...RESOLVERS, [DISTURBED]: ['python3', '-c', FILTER, '11'] }

/** Why a resolver cannot be had here, or null. */
export const missing = (resolver) => {
  if (!linux) return 'there is no openat2 on this system'
  return commands[resolver].length && !filterWorks ? 'there is no python3 that can install a seccomp filter' : null
}

/** Runs a script of this directory under a resolver, with arguments: what it printed as JSON. */
export async function plan(t, resolver, script, ...args) {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const [command, ...rest] = [...commands[resolver], process.execPath, path, ...args]
  const ran = await run(command, rest)
  t.is(ran.signal, null, ran.stderr)
  t.is(ran.code, 0, ran.stderr)
  return JSON.parse(ran.stdout)
}
