// `npm run release:dry`: everything a release does except publishing. Packs the addons beside index.js into their
// platform packages, and the main package, all in target/packages. Lists the contents and installs the packages in
// empty projects. .github/workflows/release.yml publishes these files. `napi pre-publish` of @napi-rs/cli would publish
// at once and change package.json, so nothing could test the packages first.

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { binaryProblems } from './platforms/inspect.mjs'
import { platforms } from './platforms/table.mjs'
import { root, run } from './ready.mjs'

const packages = join(root, 'target/packages')
const read = (path) => readFileSync(join(root, path), 'utf8')
const main = JSON.parse(read('package.json'))
const { version } = main

function checkVersion() {
  const { GITHUB_REF_TYPE, GITHUB_REF_NAME } = process.env
  if (GITHUB_REF_TYPE === 'tag' && GITHUB_REF_NAME !== `v${version}`)
    throw new Error(`the tag is ${GITHUB_REF_NAME}, but the version in package.json is ${version}`)
  if (!read('CHANGELOG.md').includes(`\n## [${version}]`)) throw new Error(`CHANGELOG.md has no section ${version}`)
}

/** npm's provenance requires that the field `repository` names the repository that the workflow runs in. */
const { GITHUB_SERVER_URL, GITHUB_REPOSITORY } = process.env
const repository = GITHUB_REPOSITORY && { type: 'git', url: `git+${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}.git` }

/** Packs files, given as `{ name in the package: path in the project }`, and prints a line for each. */
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
  const problems = binaryProblems(platform, join(root, platform.file))
  if (problems.length > 0) throw new Error(`${platform.file}: ${problems.join('; ')}`)
  const folder = `npm/${platform.name}`
  const files = { [platform.file]: platform.file, 'README.md': `${folder}/README.md` }
  pack(JSON.parse(read(`${folder}/package.json`)), files)
}

/**
 * Packs the main package. Only the packed package.json lists the platform packages as dependencies: in the repository,
 * npm would look for versions that are not published yet.
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
run(process.execPath, 'scripts/platforms/test-install.mjs')
