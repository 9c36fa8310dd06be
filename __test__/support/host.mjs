// Helpers for the host's side of a spec: temporary directories, descriptors and child processes.

import { execFile } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { posix } from './platform.mjs'

/** The root of the package under test. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** How long specs wait for a child process or a worker. Emulators need more. */
export const TIMEOUT_MS = Number(process.env.CAPWASI_TIMEOUT_MS ?? 110_000)

/** Removes a directory. Ignores EBUSY on Windows: a sandbox may have the directory open. */
function remove(directory) {
  try {
    rmSync(directory, { recursive: true, force: true })
  } catch (error) {
    if (posix || error.code !== 'EBUSY') throw error
  }
}

/**
 * Creates a directory with these files, which is removed after the test: `tree(t, { 'a/b.txt': 'text', 'empty/': null,
 * link: { symlink: 'a/b.txt' } })`. `t` is any object with a method `teardown`.
 */
export function tree(t, files = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'capwasi-'))
  t.teardown(() => remove(directory))
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name)
    mkdirSync(name.endsWith('/') ? path : dirname(path), { recursive: true })
    if (content?.symlink !== undefined) symlinkSync(content.symlink, path)
    else if (!name.endsWith('/')) writeFileSync(path, content)
  }
  return directory
}

/** Opens a new temporary file, for example to pass as stdout. Returns `{ fd, path, text() }`. */
export function hostFile(t, content = '', flags = 'r+') {
  const path = join(tree(t, { file: content }), 'file')
  const fd = openSync(path, flags)
  t.teardown(() => closeSync(fd))
  return { fd, path, text: () => readFileSync(path, 'utf8') }
}

/** Returns how many descriptors this process has open. Linux only. */
export const openDescriptors = () => readdirSync('/proc/self/fd').length

/** Runs a script in a new Node process in the package's root. Returns `{ code, signal, stdout, stderr }`. */
export function node(script, { flags = [], args = [], module = false, ...options } = {}) {
  const type = module ? ['--input-type=module'] : []
  const argv = [...flags, ...type, '--eval', script, ...(args.length ? ['--', ...args] : [])]
  return new Promise((resolve) => {
    execFile(process.execPath, argv, { cwd: root, timeout: TIMEOUT_MS, ...options }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, signal: error?.signal ?? null, stdout, stderr })
    })
  })
}
