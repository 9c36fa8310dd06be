// Packs the packages of a release.

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../ready.mjs'
import { binaryProblems } from './inspect.mjs'
import { platforms } from './table.mjs'

const readJson = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'))

/**
 * The links of all packages. They are only here, and name the repository that the workflow runs in: npm's provenance
 * requires this of the field `repository`.
 */
const { GITHUB_SERVER_URL, GITHUB_REPOSITORY } = process.env
const page = `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}`
const links = GITHUB_REPOSITORY && {
  homepage: `${page}#readme`,
  bugs: `${page}/issues`,
  repository: { type: 'git', url: `git+${page}.git` },
}

/**
 * Packs files and folders, given as `{ name in the package: path in the project }`. The tarball, and a folder with its
 * contents, go to `destination`. Returns the description of the tarball that npm prints.
 */
function pack(destination, manifest, files) {
  const folder = join(destination, manifest.name)
  mkdirSync(folder, { recursive: true })
  for (const [name, from] of Object.entries({ LICENSE: 'LICENSE', ...files }))
    cpSync(join(root, from), join(folder, name), { recursive: true })
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ ...manifest, ...links }, null, 2)}\n`)
  const options = { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' }
  const [packed] = JSON.parse(execFileSync('npm', ['pack', '--json', '--pack-destination', destination], options))
  return packed
}

/** Packs the addon of a platform, and throws if the addon does not fit the platform. */
export function packPlatform(platform, destination) {
  const problems = binaryProblems(platform, join(root, platform.file))
  if (problems.length > 0) throw new Error(`${platform.file}: ${problems.join('; ')}`)
  const folder = `npm/${platform.name}`
  const files = { [platform.file]: platform.file, 'README.md': `${folder}/README.md` }
  return pack(destination, readJson(`${folder}/package.json`), files)
}

/**
 * Packs the main package. Only the packed package.json lists the platform packages as dependencies: in the repository,
 * npm would look for versions that are not published yet.
 */
export function packMain(destination) {
  const { scripts, devDependencies, ava, ...manifest } = readJson('package.json')
  manifest.optionalDependencies = Object.fromEntries(platforms.map((platform) => [platform.package, manifest.version]))
  return pack(destination, manifest, Object.fromEntries([...manifest.files, 'README.md'].map((file) => [file, file])))
}
