// Installs what release.mjs has packed in empty projects, with npm, pnpm and yarn and without Rust, and uses it there as the
// README says; and once without the package of this platform, which is to say so.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { platform } from '../platform.js'
import { platforms } from './platforms.mjs'
import { root } from './ready.mjs'

const packages = join(root, 'target/packages')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const tarball = (name) => `file:${join(packages, `${name}-${version}.tgz`)}`
const windows = process.platform === 'win32'

const work = mkdtempSync(join(tmpdir(), 'capwasi-install-'))

/** A PATH with nothing on it but Node and a shell. */
function path() {
  if (windows) return [dirname(process.execPath), process.env.SystemRoot, join(process.env.SystemRoot, 'System32')].join(delimiter)
  const bin = join(work, 'bin')
  mkdirSync(bin)
  for (const command of ['node', 'npm', 'npx', 'sh', 'env']) {
    symlinkSync(command === 'node' ? process.execPath : execFileSync('which', [command], { encoding: 'utf8' }).trim(), join(bin, command))
  }
  return bin
}
const PATH = path()

function run(cwd, command, ...args) {
  const shell = windows && command !== process.execPath
  return execFileSync(command, args, { cwd, encoding: 'utf8', shell, env: { ...process.env, PATH }, stdio: ['ignore', 'pipe', 'inherit'] })
}

function equal(is, should, what) {
  if (is !== should) throw new Error(`${what} gives ${JSON.stringify(is)}, not ${JSON.stringify(should)}`)
}

/** Not published yet, the packages of the platforms are told by file; the installer takes those that fit. */
const local = Object.fromEntries(platforms.map((each) => [each.package, tarball(each.package)]))
const INSTALLERS = {
  npm: ['npm', 'install', '--no-audit', '--no-fund'],
  pnpm: ['npx', '--yes', 'pnpm@10', 'install', '--ignore-workspace'],
  yarn: ['npx', '--yes', 'yarn@1', 'install', '--no-progress'],
}

/** An empty project with capwasi installed. */
function project(name, install, dependencies = { capwasi: tarball('capwasi') }) {
  const folder = join(work, name)
  mkdirSync(folder)
  const manifest = { private: true, dependencies, overrides: local, resolutions: local, pnpm: { overrides: local } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  run(folder, ...install)
  return folder
}

const USES = {
  'app.cjs': "console.log(require('capwasi').WASI.name)",
  'app.mjs': "import { WASI } from 'capwasi'\nconsole.log(WASI.name)",
  'registered.mjs': "import { WASI } from 'node:wasi'\nimport capwasi from 'capwasi'\nconsole.log(WASI === capwasi.WASI && WASI.name)",
  'app.mts': "import { WASI } from 'capwasi'\nconst wasi: WASI = new WASI({ version: 'preview1' })\nconst code: number = wasi.start({ exports: {} } as WebAssembly.Instance)",
}

function use(folder) {
  for (const [file, source] of Object.entries(USES)) writeFileSync(join(folder, file), source)
  equal(run(folder, process.execPath, 'app.cjs'), 'WASI\n', 'require')
  equal(run(folder, process.execPath, 'app.mjs'), 'WASI\n', 'import')
  equal(run(folder, process.execPath, '--no-warnings', '--import', 'capwasi/register', 'registered.mjs'), 'WASI\n', '--import capwasi/register')
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const types = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node']
  equal(run(folder, process.execPath, tsc, '--noEmit', '--strict', '--module', 'nodenext', ...types, 'app.mts'), '', 'tsc')
}

try {
  for (const [name, install] of Object.entries(INSTALLERS)) {
    const folder = project(name, install)
    use(folder)
    console.log(`${name}: installed and used on Node ${process.version}; there are ${readdirSync(join(folder, 'node_modules')).filter((each) => each.startsWith('capwasi')).join(', ')}`)
  }
  const folder = project('without', [...INSTALLERS.npm, '--omit=optional'])
  writeFileSync(join(folder, 'app.cjs'), "try { require('capwasi') } catch ({ code, message }) { console.log(code, message) }")
  const said = run(folder, process.execPath, 'app.cjs')
  equal(said.includes('ERR_CAPWASI_NO_ADDON') && said.includes(`capwasi-${platform}`), true, 'its absence')
  console.log(`without a platform's package: ${said.trim()}`)
} finally {
  rmSync(work, { recursive: true, force: true })
}
