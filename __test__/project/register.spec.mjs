// register.js replaces node:wasi with capwasi, in the process, its workers and its children.

import test from 'ava'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root, tree } from '../support/guest.mjs'
import { linux, windows } from '../support/platform.mjs'

const register = join(root, 'register.js')
const capwasi = JSON.stringify(join(root, 'index.js'))

const permission = ['--permission', '--experimental-permission'].find((flag) =>
  process.allowedNodeEnvironmentFlags.has(flag),
)

/** Runs a program with flags of Node. Returns its output. */
function run(t, flags, name, source) {
  const file = join(tree(t), name)
  writeFileSync(file, source)
  return execFileSync(process.execPath, [...flags, file], { encoding: 'utf8', cwd: root })
}

const commonJs = `
  const { WASI } = require(${capwasi})
  const { createRequire, builtinModules } = require('node:module')
  console.log(require('wasi').WASI === WASI, require('node:wasi').WASI === WASI)
  console.log(createRequire(__filename)('node:wasi').WASI === WASI)
  console.log(!process.getBuiltinModule || process.getBuiltinModule('wasi').WASI === WASI)
  console.log(require('node:path') === require('path'), builtinModules.includes('wasi'))`

const esModule = `
  import wasi, { WASI } from 'wasi'
  import * as namespace from 'node:wasi'
  import { createRequire } from 'node:module'
  const ours = createRequire(import.meta.url)(${capwasi}).WASI
  console.log(WASI === ours, wasi.WASI === ours, Object.keys(namespace).join())
  console.log((await import('node:wasi')).WASI === ours, (await import('node:path')).sep.length)`

const worker = `
  const { Worker, isMainThread } = require('node:worker_threads')
  if (isMainThread) new Worker(__filename)
  else {
    const ours = require(${capwasi}).WASI
    import('node:wasi').then(({ WASI }) => console.log(require('wasi').WASI === ours, WASI === ours))
  }`

for (const flags of [
  ['-r', register],
  ['--import', pathToFileURL(register).href],
  ['-r', 'capwasi/register'],
  ['--import', 'capwasi/register'],
]) {
  const command = `node ${flags[0]} ${flags[1].endsWith('register.js') ? 'register.js' : flags[1]}`

  test(`${command}: require and process.getBuiltinModule return capwasi`, (t) => {
    t.is(run(t, flags, 'app.cjs', commonJs), 'true true\ntrue\ntrue\ntrue true\n')
  })

  test(`${command}: import returns capwasi, with the exports of node:wasi`, (t) => {
    t.is(run(t, flags, 'app.mjs', esModule), 'true true WASI,default\ntrue 1\n')
  })

  test(`${command}: worker threads load capwasi, too`, (t) => {
    t.is(run(t, flags, 'app.cjs', worker), 'true true\n')
  })
}

/** A program that starts itself in workers and children. Each copy prints which implementation it loads. */
const selfStarting = `
  const { fork, spawnSync } = require('node:child_process')
  const { once } = require('node:events')
  const { readFileSync } = require('node:fs')
  const { SHARE_ENV, Worker, isMainThread } = require('node:worker_threads')

  const report = async (name) => {
    const { WASI } = await import('node:wasi')
    const isOurs = (found) => found === require(${capwasi}).WASI
    console.log(name + ':', isOurs(require('wasi').WASI) && isOurs(WASI) ? 'capwasi' : 'node:wasi')
  }
  const minimalEnv = { PATH: process.env.PATH, SystemRoot: process.env.SystemRoot }
  const inWorker = (name, options) => once(new Worker(__filename, { argv: [name], ...options }), 'exit')
  const inFork = (name, options) => once(fork(__filename, [name], options), 'exit')
  const spawned = (name, options) =>
    spawnSync(process.execPath, ['--no-warnings', __filename, name], { stdio: 'inherit', ...options })

  const start = async () => {
    await inWorker('worker', {})
    await inWorker('worker, env', { env: minimalEnv })
    await inWorker('worker, execArgv', { execArgv: ['--no-warnings'] })
    await inWorker('worker, execArgv, SHARE_ENV', { execArgv: [], env: SHARE_ENV })
    await inWorker('worker, execArgv, env with NODE_OPTIONS', { execArgv: [], env: { ...process.env } })
    await inWorker('worker, execArgv, env without', { execArgv: [], env: minimalEnv })
    const source = readFileSync(__filename, 'utf8')
    await once(new Worker(source, { eval: true, argv: ['worker of source'] }), 'exit')
    await once(new Worker(source, { eval: true, argv: ['worker of source, execArgv'], execArgv: [] }), 'exit')
    await inFork('fork', {})
    await inFork('fork, env', { env: minimalEnv })
    await inFork('fork, execArgv', { execArgv: ['--no-warnings'] })
    await inFork('fork, execArgv, env without NODE_OPTIONS', { execArgv: ['--no-warnings'], env: minimalEnv })
    spawned('spawn', {})
    spawned('spawn, env without NODE_OPTIONS', { env: minimalEnv })
  }
  if (isMainThread && process.argv.length < 3) start()
  else report(process.argv[2])`

for (const flags of [
  ['-r', register],
  ['--import', pathToFileURL(register).href],
]) {
  test(`node ${flags[0]} register.js: workers and children load capwasi through flags or NODE_OPTIONS`, (t) => {
    t.is(
      run(t, ['--no-warnings', ...flags], 'app.cjs', selfStarting),
      `worker: capwasi
worker, env: capwasi
worker, execArgv: capwasi
worker, execArgv, SHARE_ENV: capwasi
worker, execArgv, env with NODE_OPTIONS: capwasi
worker, execArgv, env without: node:wasi
worker of source: ${flags[0] === '-r' ? 'capwasi' : 'node:wasi'}
worker of source, execArgv: capwasi
fork: capwasi
fork, env: capwasi
fork, execArgv: capwasi
fork, execArgv, env without NODE_OPTIONS: node:wasi
spawn: capwasi
spawn, env without NODE_OPTIONS: node:wasi
`,
    )
  })
}

test('register.js adds itself once to NODE_OPTIONS, after the existing options', (t) => {
  const program = `
    const { spawnSync } = require('node:child_process')
    const { Worker, isMainThread } = require('node:worker_threads')
    const [depth] = process.argv.slice(2)
    console.log(process.env.NODE_OPTIONS)
    if (isMainThread && depth > 0) {
      spawnSync(process.execPath, [__filename, depth - 1], { stdio: 'inherit' })
      new Worker(__filename, { argv: [0] })
    }`
  const file = join(tree(t, { 'app.cjs': program }), 'app.cjs')
  const env = { ...process.env, NODE_OPTIONS: '--max-old-space-size=300' }
  const { stdout } = spawnSync(process.execPath, ['-r', register, file, '2'], { encoding: 'utf8', env })
  const lines = stdout.trim().split('\n')
  t.is(lines.length, 5)
  t.deepEqual([...new Set(lines)], [`--max-old-space-size=300 --require "${register.replaceAll('\\', '\\\\')}"`])
})

test('a path with spaces, quotes and backslashes works in NODE_OPTIONS', (t) => {
  const home = join(tree(t), windows ? "a b 'c'" : 'a b "c\\d" \\')
  mkdirSync(home)
  const files = readdirSync(root).filter((name) => /^(register|index)\.js$|\.node$|^lib$/.test(name))
  for (const name of files) cpSync(join(root, name), join(home, name), { recursive: true })
  const child = `console.log(require('wasi').WASI === require(${JSON.stringify(join(home, 'index.js'))}).WASI)`
  const program = `
    require('node:child_process')
      .spawnSync(process.execPath, ['-e', ${JSON.stringify(child)}], { stdio: 'inherit' })`
  t.is(execFileSync(process.execPath, ['-r', join(home, 'register.js'), '-e', program], { encoding: 'utf8' }), 'true\n')
})

/** Runs a program with register.js in NODE_OPTIONS, as if a parent had set it. */
function runAsChild(flags, program) {
  const env = { ...process.env, NODE_OPTIONS: `--require "${register.replaceAll('\\', '\\\\')}"` }
  return spawnSync(process.execPath, ['--no-warnings', ...flags, '-e', program], { encoding: 'utf8', env })
}

const constructWasi = `
  console.log('running')
  try { new (require('wasi').WASI)({ version: 'preview1' }) } catch ({ code }) { console.log(code) }`

test('a child with --no-addons runs, and require("wasi") throws ERR_DLOPEN_DISABLED', (t) => {
  const { status, stdout } = runAsChild(['--no-addons'], constructWasi)
  t.deepEqual([status, stdout], [0, 'running\nERR_DLOPEN_DISABLED\n'])
})

test('a child with --permission runs, and WASI needs --allow-addons and --allow-wasi', (t) => {
  const read = [permission, '--allow-fs-read=*']
  t.is(runAsChild(read, constructWasi).stdout, 'running\nERR_DLOPEN_DISABLED\n')
  t.is(runAsChild([...read, '--allow-addons'], constructWasi).stdout, 'running\nERR_ACCESS_DENIED\n')
  t.is(runAsChild([...read, '--allow-addons', '--allow-wasi'], constructWasi).stdout, 'running\n')
})

test('node --no-addons -r register.js exits with 1 and ERR_DLOPEN_DISABLED', (t) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-addons', '-r', register, '-e', constructWasi], {
    encoding: 'utf8',
  })
  t.deepEqual([status, stdout], [1, ''])
  t.regex(stderr, /ERR_DLOPEN_DISABLED/)
})

test('register.js suppresses the ExperimentalWarning of node:wasi and no other warning', (t) => {
  const program = 'require("wasi"); process.emitWarning("another")'
  const { stdout, stderr } = spawnSync(process.execPath, ['-r', register, '-e', program], { encoding: 'utf8' })
  t.is(stdout, '')
  t.notRegex(stderr, /WASI/)
  t.regex(stderr, /Warning: another/)
})

test('register.js starts no threads', (t) => {
  const program = `
    const { readdirSync } = require('node:fs')
    const threads = () => readdirSync('/proc/self/task').length
    console.log(threads())`
  const count = (...flags) => Number(execFileSync(process.execPath, [...flags, '-e', program], { encoding: 'utf8' }))
  if (!linux) return t.pass('only Linux lists the threads of a process')
  t.is(count('-r', register), count())
})
