// `npm run release:dry`: everything a release does except publishing. Packs the addons beside index.js into their
// platform packages, and the main package, all in target/packages. Lists the contents and installs the packages in
// empty projects. .github/workflows/release.yml publishes these files. Does not use `napi pre-publish` of @napi-rs/cli,
// which publishes before the packages can be tested, and changes package.json.

import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { notesOf } from './notes.mjs'
import { packMain, packPlatform } from './platforms/pack.mjs'
import { platforms } from './platforms/table.mjs'
import { root, run } from './ready.mjs'

const packages = join(root, 'target/packages')
const read = (path) => readFileSync(join(root, path), 'utf8')
const { version } = JSON.parse(read('package.json'))

function checkVersion() {
  const { GITHUB_REF_TYPE, GITHUB_REF_NAME } = process.env
  if (GITHUB_REF_TYPE === 'tag' && GITHUB_REF_NAME !== `v${version}`)
    throw new Error(`the tag is ${GITHUB_REF_NAME}, but the version in package.json is ${version}`)
  notesOf(read('CHANGELOG.md'), version)
}

/** Prints the contents of a packed package. */
function list({ filename, size, unpackedSize, files }) {
  console.log(`\n${filename}  ${size} bytes, unpacked ${unpackedSize}`)
  for (const { path, size } of files) console.log(`${String(size).padStart(10)}  ${path}`)
}

checkVersion()
rmSync(packages, { recursive: true, force: true })
for (const platform of platforms) list(packPlatform(platform, packages))
list(packMain(packages))
run(process.execPath, 'scripts/platforms/test-install.mjs')
