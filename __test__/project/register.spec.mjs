import test from 'ava'
import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root, tree } from '../support/guest.mjs'

const register = join(root, 'register.js')
const capwasi = JSON.stringify(join(root, 'index.js'))

/** Runs a program under a flag, and gives what it prints. */
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

for (const flags of [['-r', register], ['--import', pathToFileURL(register).href], ['-r', 'capwasi/register'], ['--import', 'capwasi/register']]) {
  const under = `node ${flags[0]} ${flags[1].endsWith('register.js') ? 'register.js' : flags[1]}`

  test(`${under}: require and process.getBuiltinModule give capwasi`, (t) => {
    t.is(run(t, flags, 'app.cjs', commonJs), 'true true\ntrue\ntrue\ntrue true\n')
  })

  test(`${under}: import gives capwasi, with the exports of node:wasi`, (t) => {
    t.is(run(t, flags, 'app.mjs', esModule), 'true true WASI,default\ntrue 1\n')
  })

  test(`${under}: worker threads have it too`, (t) => {
    t.is(run(t, flags, 'app.cjs', worker), 'true true\n')
  })
}

test('nothing is said of an experimental feature, and other warnings are', (t) => {
  const program = 'require("wasi"); process.emitWarning("another")'
  const { stdout, stderr } = spawnSync(process.execPath, ['-r', register, '-e', program], { encoding: 'utf8' })
  t.is(stdout, '')
  t.notRegex(stderr, /WASI/)
  t.regex(stderr, /Warning: another/)
})

test('a program has no more threads than it would have without', (t) => {
  const program = `
    const { readdirSync } = require('node:fs')
    const threads = () => readdirSync('/proc/self/task').length
    console.log(threads())`
  const count = (...flags) => Number(execFileSync(process.execPath, [...flags, '-e', program], { encoding: 'utf8' }))
  if (process.platform !== 'linux') return t.pass('only Linux tells')
  t.is(count('-r', register), count())
})
