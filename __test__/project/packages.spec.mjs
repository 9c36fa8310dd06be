import test from 'ava'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { PLATFORMS } from '../../platform.js'
import { platforms } from '../../scripts/platforms/table.mjs'
import { root } from '../support/guest.mjs'

const text = (path) => readFileSync(join(root, path), 'utf8')
const json = (path) => JSON.parse(text(path))
const main = json('package.json')

test('every version named is that of the package', (t) => {
  t.regex(text('Cargo.toml'), new RegExp(`^version = "${main.version}"$`, 'm'))
  for (const { name } of platforms) t.is(json(`npm/${name}/package.json`).version, main.version, name)
})

test('each platform has a package, for its system, processor and C library alone', (t) => {
  t.deepEqual(readdirSync(join(root, 'npm')).sort(), [...PLATFORMS].sort())
  for (const { name, os, cpu, libc, file, triple } of platforms) {
    const { name: title, files, main: entry, ...manifest } = json(`npm/${name}/package.json`)
    t.deepEqual([title, entry, files], [`capwasi-${name}`, file, [file]])
    t.deepEqual([manifest.os, manifest.cpu, manifest.libc], [[os], [cpu], libc && [libc]], name)
    t.deepEqual([manifest.license, manifest.engines], [main.license, main.engines], name)
    t.false('scripts' in manifest, name)
    t.true(text(`npm/${name}/README.md`).includes(triple), name)
  }
})

test('each platform is compiled with every change, and built and tested before a release', (t) => {
  const [ci, release] = [text('.github/workflows/ci.yml'), text('.github/workflows/release.yml')]
  for (const { name, triple } of platforms) {
    t.true(ci.includes(`- ${triple}\n`), triple)
    t.true(release.includes(`platform: ${name},`), name)
  }
})

test('nothing runs when the package is installed', (t) => {
  const hooks = ['preinstall', 'install', 'postinstall', 'prepare'].filter((hook) => hook in main.scripts)
  t.deepEqual(hooks, [])
  t.false('dependencies' in main)
})
