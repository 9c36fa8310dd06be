// Versions and packages of the platforms.

import test from 'ava'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { PLATFORMS } from '../../lib/native.js'
import { platforms } from '../../scripts/platforms/table.mjs'
import { root } from '../support/guest.mjs'

const text = (path) => readFileSync(join(root, path), 'utf8')
const json = (path) => JSON.parse(text(path))
const main = json('package.json')

test('Cargo.toml and the packages of all platforms have the version of package.json', (t) => {
  t.regex(text('Cargo.toml'), new RegExp(`^version = "${main.version}"$`, 'm'))
  for (const { name } of platforms) t.is(json(`npm/${name}/package.json`).version, main.version, name)
})

test('each platform has one package, restricted to its system, processor and C library', (t) => {
  t.deepEqual(readdirSync(join(root, 'npm')).sort(), [...PLATFORMS].sort())
  for (const { name, os, cpu, libc, file, triple } of platforms) {
    const { name: packageName, files, main: entry, ...manifest } = json(`npm/${name}/package.json`)
    t.deepEqual([packageName, entry, files], [`capwasi-${name}`, file, [file]])
    t.deepEqual([manifest.os, manifest.cpu, manifest.libc], [[os], [cpu], libc && [libc]], name)
    t.deepEqual([manifest.license, manifest.engines], [main.license, main.engines], name)
    t.false('scripts' in manifest, name)
    t.true(text(`npm/${name}/README.md`).includes(triple), name)
  }
})

test('ci.yml compiles each platform, and release.yml builds each platform', (t) => {
  const [ci, release] = [text('.github/workflows/ci.yml'), text('.github/workflows/release.yml')]
  for (const { name, triple } of platforms) {
    t.true(ci.includes(`- ${triple}\n`), triple)
    t.true(release.includes(`platform: ${name},`), name)
  }
})

test('package.json has no install scripts and no dependencies', (t) => {
  const hooks = ['preinstall', 'install', 'postinstall', 'prepare'].filter((hook) => hook in main.scripts)
  t.deepEqual(hooks, [])
  t.false('dependencies' in main)
})
