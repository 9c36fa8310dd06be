// `npm run release:dry`: all of a release but the publishing. Packs the addons beside index.js into target/packages, each
// into the package of its platform, and the package that depends on them; lists what is in each; and installs them in empty
// projects. .github/workflows/release.yml publishes what this has packed.

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { faults } from './inspect.mjs'
import { platforms } from './platforms.mjs'
import { root, run } from './ready.mjs'

const packages = join(root, 'target/packages')
const read = (path) => readFileSync(join(root, path), 'utf8')
const main = JSON.parse(read('package.json'))
const { version } = main

function checkVersion() {
  const { GITHUB_REF_TYPE, GITHUB_REF_NAME } = process.env
  if (GITHUB_REF_TYPE === 'tag' && GITHUB_REF_NAME !== `v${version}`)
    throw new Error(`the tag is ${GITHUB_REF_NAME}, the version ${version}`)
  if (!read('CHANGELOG.md').includes(`\n## [${version}]`)) throw new Error(`CHANGELOG.md says nothing of ${version}`)
}

/** Where it comes from, which npm's provenance compares with where it was built. */
const { GITHUB_SERVER_URL, GITHUB_REPOSITORY } = process.env
const repository = GITHUB_REPOSITORY && { type: 'git', url: `git+${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}.git` }

/** Packs files of the project, by their names in the package, and prints a line for each. */
function pack(manifest, files) {
  const folder = join(packages, manifest.name)
  mkdirSync(folder, { recursive: true })
  for (const [name, from] of Object.entries({ LICENSE: 'LICENSE', ...files }))
    cpSync(join(root, from), join(folder, name))
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ ...manifest, repository }, null, 2)}\n`)
  const options = { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' }
  const [packed] = JSON.parse(execFileSync('npm', ['pack', '--json', '--pack-destination', packages], options))
  console.log(`\n${packed.filename}  ${packed.size} bytes, unpacked ${packed.unpackedSize}`)
  for (const { path, size } of packed.files) console.log(`${String(size).padStart(10)}  ${path}`)
}

function packPlatform(platform) {
  const wrong = faults(platform, join(root, platform.file))
  if (wrong.length > 0) throw new Error(`${platform.file}: ${wrong.join('; ')}`)
  const folder = `npm/${platform.name}`
  const files = { [platform.file]: platform.file, 'README.md': `${folder}/README.md` }
  pack(JSON.parse(read(`${folder}/package.json`)), files)
}

/**
 * The package that is used. It depends on those of the platforms only here: in the repository npm would look for them
 * before they are published.
 */
function packMain() {
  const { scripts, devDependencies, ava, ...manifest } = main
  manifest.optionalDependencies = Object.fromEntries(platforms.map((platform) => [platform.package, version]))
  pack(manifest, Object.fromEntries([...main.files, 'README.md'].map((file) => [file, file])))
}

checkVersion()
rmSync(packages, { recursive: true, force: true })
platforms.forEach(packPlatform)
packMain()
run(process.execPath, 'scripts/test-install.mjs')
