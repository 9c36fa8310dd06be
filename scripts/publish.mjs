// Publishes the tarballs in target/packages, or in the folder given as the argument. Skips versions that are published,
// so that a run that failed can be repeated. The main package is last, because it depends on the others.

import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = resolve(process.argv[2] ?? fileURLToPath(new URL('../target/packages', import.meta.url)))

/** Reads the package.json of a tarball. */
function manifestOf(file) {
  const text = execFileSync('tar', ['-xzOf', file, 'package/package.json'], { cwd: folder, encoding: 'utf8' })
  return { file, ...JSON.parse(text) }
}

/** Returns whether the registry has this version. A package that the registry does not have is an error of npm. */
function isPublished({ name, version }) {
  const { stdout } = spawnSync('npm', ['view', `${name}@${version}`, 'version'], { encoding: 'utf8' })
  return stdout.trim() === version
}

const packages = readdirSync(folder)
  .filter((name) => name.endsWith('.tgz'))
  .map(manifestOf)
  .sort((a, b) => Number('optionalDependencies' in a) - Number('optionalDependencies' in b))
if (packages.length === 0) throw new Error(`${folder} has no packages`)
for (const manifest of packages) {
  const { file, name, version } = manifest
  if (isPublished(manifest)) console.log(`${name}@${version} is published already`)
  else execFileSync('npm', ['publish', join(folder, file), '--access', 'public'], { stdio: 'inherit' })
}
