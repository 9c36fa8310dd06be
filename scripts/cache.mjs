// Stores downloads for tests, each in its own folder below .cache, which git ignores: npm packages that npm would not
// install here (`cpu: wasm32`), and runtimes that only some commands need.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './ready.mjs'

const cache = join(root, '.cache')
const INSTALL = [
  'install',
  '--force',
  '--ignore-scripts',
  '--no-audit',
  '--no-fund',
  '--no-package-lock',
  '--fetch-retries=1',
  '--fetch-retry-mintimeout=1000',
]

/**
 * Returns the folder with this name. If the folder is missing, calls `fill` to create its content. Throws the exception
 * of `fill`.
 */
export function cachedFolder(name, fill) {
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

/** Returns the folder of an npm package, and installs the package if needed. Throws npm's error if that fails. */
export function cachedPackage(name, version) {
  const specifier = `${name}@${version}`
  const home = cachedFolder(specifier.replace('/', '+'), (unfinished) => {
    writeFileSync(join(unfinished, 'package.json'), '{}')
    const options = { cwd: unfinished, encoding: 'utf8', shell: process.platform === 'win32' }
    const { status, stderr, error } = spawnSync('npm', [...INSTALL, specifier], options)
    const reason = () => /^npm error code (.*)$/m.exec(stderr)?.[1] ?? stderr
    if (status !== 0) throw error ?? new Error(`npm cannot install ${specifier}: ${reason()}`)
  })
  return join(home, 'node_modules', name)
}

/** Returns the npm package with a version of Node for this machine, and the path of the binary in the package. */
export function node(version) {
  const { platform, arch } = process
  const system = { win32: 'win' }[platform] ?? platform
  const name = platform === 'darwin' && arch === 'arm64' ? 'node-bin' : 'node'
  return { name: `${name}-${system}-${arch}`, version, file: platform === 'win32' ? 'bin/node.exe' : 'bin/node' }
}
