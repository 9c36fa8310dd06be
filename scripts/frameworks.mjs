// `npm run test:frameworks`: installs the packed packages in an empty project. Uses capwasi there from test frameworks,
// from TypeScript, on a pool of workers and under Node's permission model. Needs the network. Prints a table and exits
// with 1 if a check failed.

import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { platform } from '../lib/platform.js'
import { ready, root } from './ready.mjs'

const work = mkdtempSync(join(tmpdir(), 'capwasi-'))
const project = join(work, 'project')

/** Runs a command. Returns its status and what it printed to both streams. */
function run(cwd, command, ...args) {
  const shell = process.platform === 'win32' && command !== process.execPath
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', shell })
  return { status: status ?? signal ?? error.code, output: `${stdout}${stderr}` }
}

/** Runs a command. Throws if the command fails. */
function runChecked(...command) {
  const { status, output } = run(...command)
  if (status !== 0) throw new Error(`${command.slice(1).join(' ')} failed with ${status}:\n${output}`)
}

/** Packs the main package and this platform's package, and installs both in a project with the frameworks. */
function install() {
  const addon = `capwasi.${platform}.node`
  const binary = join(work, platform)
  cpSync(join(root, 'npm', platform), binary, { recursive: true })
  cpSync(join(root, addon), join(binary, addon))
  for (const folder of [root, binary]) runChecked(folder, 'npm', 'pack', '--silent', '--pack-destination', work)
  cpSync(join(root, '__test__/frameworks'), project, { recursive: true })
  for (const guest of ['exits', 'files', 'poll'])
    cpSync(join(root, `__test__/guests/${guest}.wasm`), join(project, `${guest}.wasm`))
  const tarballs = readdirSync(work)
    .filter((name) => name.endsWith('.tgz'))
    .map((name) => join(work, name))
  runChecked(project, 'npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', ...tarballs)
}

const node = (...args) => [process.execPath, '--no-warnings', ...args]
const bin = (...args) => ['npx', '--no', ...args]

const permission = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission'
const permitted = (outcome, ...flags) => node(permission, '--allow-fs-read=*', ...flags, 'permission.cjs', outcome)

const CHECKS = {
  'Jest, in processes': bin('jest', '--maxWorkers=2'),
  'Jest, in one process': bin('jest', '--runInBand'),
  'Jest, in threads': bin('jest', '--maxWorkers=2', '--workerThreads'),
  'Vitest, in processes': bin('vitest', 'run', '--pool=forks', 'vitest.test.mjs'),
  'Vitest, in threads': bin('vitest', 'run', '--pool=threads', 'vitest.test.mjs'),
  'ava, in threads': bin('ava'),
  'ava, in processes': bin('ava', '--no-worker-threads'),
  'node --test': node('--test', 'node.test.mjs'),
  'TypeScript, strict': bin('tsc'),
  'TypeScript as CommonJS': node('out/commonjs.cjs'),
  'TypeScript as an ES module': node('out/module.mjs'),
  '200 guests on a pool of two threads': node('pool.mjs'),
  'permissions: none': permitted('ERR_DLOPEN_DISABLED'),
  'permissions: WASI': permitted('ERR_DLOPEN_DISABLED', '--allow-wasi'),
  'permissions: addons': permitted('ERR_ACCESS_DENIED', '--allow-addons'),
  'permissions: addons and WASI': permitted('allowed', '--allow-addons', '--allow-wasi'),
}

ready()
try {
  install()
  const table = Object.entries(CHECKS).map(([check, command]) => {
    const { status, output } = run(project, ...command)
    if (status !== 0) console.error(`${check}: ${command.join(' ')}\n${output}`)
    return { check, outcome: status === 0 ? 'passed' : `failed with ${status}` }
  })
  console.table(table)
  process.exitCode = table.every(({ outcome }) => outcome === 'passed') ? 0 : 1
} finally {
  rmSync(work, { recursive: true, force: true })
}
