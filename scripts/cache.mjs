// Packages of npm that cannot be dependencies, as npm installs them on no machine of ours (`cpu: wasm32`) or on one
// kind only (runtimes): each in a folder of its own in .cache, which git ignores.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './ready.mjs'

const cache = join(root, '.cache')
const options = (
  '--force --ignore-scripts --no-audit --no-fund --no-package-lock --fetch-retries=1 --fetch-retry-mintimeout=1000'
).split(' ')

/** The folder of a package, which is installed if it is not there yet; throws what npm says if that fails. */
export function cached(name, version) {
  const home = join(cache, `${name}@${version}`.replace('/', '+'))
  if (!existsSync(home)) install(`${name}@${version}`, home)
  return join(home, 'node_modules', name)
}

function install(specifier, home) {
  mkdirSync(cache, { recursive: true })
  const unfinished = mkdtempSync(join(cache, 'installing-'))
  try {
    writeFileSync(join(unfinished, 'package.json'), '{}')
    const npm = { cwd: unfinished, encoding: 'utf8', shell: process.platform === 'win32' }
    const { status, stderr, error } = spawnSync('npm', ['install', ...options, specifier], npm)
    if (status !== 0) throw error ?? new Error(`npm cannot install ${specifier}: ${/^npm error code (.*)$/m.exec(stderr)?.[1] ?? stderr}`)
    if (!existsSync(home)) renameSync(unfinished, home)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}
