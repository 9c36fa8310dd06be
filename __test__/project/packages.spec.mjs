// Versions and packages of the platforms.

import test from 'ava'
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join } from 'node:path'
import { PLATFORMS } from '../../lib/platform.js'
import { packMain } from '../../scripts/platforms/pack.mjs'
import { platforms } from '../../scripts/platforms/table.mjs'
import { skippedOn } from '../support/conditions.mjs'
import { root, tree } from '../support/host.mjs'
import { windows } from '../support/platform.mjs'

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
    t.deepEqual([packageName, entry, files], [`@capwasi/${name}`, file, [file]])
    t.deepEqual([manifest.os, manifest.cpu, manifest.libc], [[os], [cpu], libc && [libc]], name)
    for (const field of ['license', 'author', 'engines']) t.deepEqual(manifest[field], main[field], name)
    t.false('scripts' in manifest, name)
    t.true(text(`npm/${name}/README.md`).includes(triple), name)
  }
})

test('ci.yml compiles each platform', (t) => {
  for (const { triple } of platforms) t.true(text('.github/workflows/ci.yml').includes(`- ${triple}\n`), triple)
})

test('release.yml builds each platform, and tests each platform before it publishes', (t) => {
  const jobs = text('.github/workflows/release.yml').split(/^ {2}(?=[\w-]+:$)/m)
  const job = (name) => jobs.find((each) => each.startsWith(`${name}:`))
  /** Reads the lines `- { platform: NAME, os: …` of a job. */
  const rows = (name) => Array.from(job(name).matchAll(/- \{ platform: ([\w-]+), os: /g), ([, platform]) => platform)
  /** Reads a list `key: [a, b]` of a job. */
  const list = (name, key) => new RegExp(`^ +${key}: \\[(.*)\\]$`, 'm').exec(job(name))[1].split(', ')
  const names = platforms.map(({ name }) => name).sort()
  t.deepEqual(rows('build').sort(), names)
  t.deepEqual(rows('test').sort(), list('test', 'platform').sort())
  const tested = [...list('test', 'platform'), ...list('test-musl', 'cpu').map((cpu) => `linux-${cpu}-musl`)]
  t.deepEqual(tested.sort(), names)
  t.deepEqual(list('pack', 'needs'), ['test', 'test-musl'])
  t.deepEqual(list('publish', 'needs'), ['pack'])
})

test('scripts/platforms/README.md lists each platform in a row', (t) => {
  const rows = text('scripts/platforms/README.md')
    .match(/^\| `.*/gm)
    .join('\n')
  for (const { name } of platforms) t.true(rows.includes(`\`${name}\``), name)
})

test('package.json has no install scripts and no dependencies', (t) => {
  const hooks = ['preinstall', 'install', 'postinstall', 'prepare'].filter((hook) => hook in main.scripts)
  t.deepEqual(hooks, [])
  t.false('dependencies' in main)
})

/** Adds a file and all files that it requires. Returns other modules that they require. */
function requiredModules(file, files) {
  if (files.has(file)) return []
  files.add(file)
  if (!/\.c?js$/.test(file)) return []
  const names = Array.from(text(file).matchAll(/\brequire\('([^']+)'\)/g), ([, name]) => name)
  return names.flatMap((name) => (name[0] === '.' ? requiredModules(join(dirname(file), name), files) : [name]))
}

test('the command requires only packed files, modules of Node and the packages of platforms', (t) => {
  t.is(main.bin.capwasi, 'cli.cjs')
  const files = new Set()
  const modules = requiredModules('cli.cjs', files)
  for (const name of modules) t.true(isBuiltin(name) || PLATFORMS.some((each) => name === `@capwasi/${each}`), name)
  const required = [...files].map((file) => file.replaceAll('\\', '/')).filter((file) => !file.endsWith('.node'))
  const isPacked = (file) => main.files.some((entry) => file === entry || file.startsWith(`${entry}/`))
  t.deepEqual(
    required.filter((file) => file !== 'package.json' && !isPacked(file)),
    [],
  )
  t.true(required.includes('lib/cli/main.js') && required.includes('lib/execution.js'))
  // Yarn PnP resolves `import` only with a loader.
  for (const file of required) t.notRegex(text(file), /^import\b|\bimport\(/m, file)
})

const needsNpm = skippedOn({ wine: 'wine has no npm' })

needsNpm('a release packs the files that package.json lists', (t) => {
  const paths = ({ files }) => files.map(({ path }) => path).sort()
  const packed = paths(packMain(tree(t)))
  const options = { cwd: root, encoding: 'utf8', shell: windows }
  t.deepEqual(packed, paths(JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json'], options))[0]))
  for (const file of ['index.js', 'lib/platform.js', 'lib/cli/main.js', 'cli.cjs', 'README.md', 'LICENSE'])
    t.true(packed.includes(file), file)
})
