// What the tests need and the project does not contain: each in a folder of its own in .cache, which git ignores.
// Packages of npm are there that npm installs on no machine of ours (`cpu: wasm32`) or on one kind only (runtimes).

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './ready.mjs'

const cache = join(root, '.cache')
const options =
  '--force --ignore-scripts --no-audit --no-fund --no-package-lock --fetch-retries=1 --fetch-retry-mintimeout=1000'.split(
    ' ',
  )

/** Returns the folder of this name. Unless it exists, `fill` makes its content first; throws what `fill` throws. */
export function folder(name, fill) {
  const home = join(cache, name)
  if (existsSync(home)) return home
  mkdirSync(cache, { recursive: true })
  const unfinished = mkdtempSync(join(cache, 'installing-'))
  try {
    fill(unfinished)
    if (!existsSync(home)) renameSync(unfinished, home)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
  return home
}

/** Returns the folder of a package of npm, installed if needed; throws what npm says if that fails. */
export function cached(name, version) {
  const specifier = `${name}@${version}`
  const home = folder(specifier.replace('/', '+'), (unfinished) => {
    writeFileSync(join(unfinished, 'package.json'), '{}')
    const npm = { cwd: unfinished, encoding: 'utf8', shell: process.platform === 'win32' }
    const { status, stderr, error } = spawnSync('npm', ['install', ...options, specifier], npm)
    if (status !== 0)
      throw (
        error ?? new Error(`npm cannot install ${specifier}: ${/^npm error code (.*)$/m.exec(stderr)?.[1] ?? stderr}`)
      )
  })
  return join(home, 'node_modules', name)
}
