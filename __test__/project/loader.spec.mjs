import test from 'ava'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PLATFORMS, platform } from '../../platform.js'
import { root, tree } from '../support/guest.mjs'

const addon = `capwasi.${platform}.node`

/** A copy of the package as it is installed, without an addon. */
function installed(t) {
  const app = tree(t)
  const home = join(app, 'node_modules/capwasi')
  mkdirSync(home, { recursive: true })
  for (const file of ['index.js', 'index.mjs', 'platform.js', 'register.js', 'package.json']) cpSync(join(root, file), join(home, file))
  return { app, home }
}

const print = (cwd, script) => execFileSync(process.execPath, ['-e', script], { cwd, encoding: 'utf8', stdio: 'pipe' })

test('the addon beside index.js is loaded', (t) => {
  const { app, home } = installed(t)
  cpSync(join(root, addon), join(home, addon))
  t.is(print(app, "console.log(require('capwasi').WASI.name)"), 'WASI\n')
})

test('else that of the platform package is', (t) => {
  const { app } = installed(t)
  const there = join(app, 'node_modules', `capwasi-${platform}`)
  mkdirSync(there)
  cpSync(join(root, addon), join(there, 'addon.node'))
  writeFileSync(join(there, 'package.json'), JSON.stringify({ name: `capwasi-${platform}`, main: 'addon.node' }))
  t.is(print(app, "console.log(require('capwasi').WASI.name)"), 'WASI\n')
})

test('where there is neither, the error names both', (t) => {
  const { app, home } = installed(t)
  const [code, message] = print(
    app,
    "try { require('capwasi') } catch (error) { console.log(error.code); console.log(error.message) }",
  ).split('\n')
  t.is(code, 'ERR_CAPWASI_NO_ADDON')
  t.true(message.includes(join(home, addon)), message)
  t.true(message.includes(`the package capwasi-${platform}`), message)
  t.true(message.includes('optional dependency'), message)
  t.true(message.includes('npm run build'), message)
})

test('on a platform without a package, the error says which have one', (t) => {
  const { app, home } = installed(t)
  writeFileSync(join(home, 'platform.js'), "Object.defineProperty(process, 'arch', { value: 's390x' })\n" + readFileSync(join(root, 'platform.js')))
  const message = print(app, "try { require('capwasi') } catch ({ message }) { console.log(message) }")
  t.regex(message, /no native addon for \w+-s390x/)
  t.true(message.includes(PLATFORMS.join(', ')), message)
})

test('an addon that cannot be loaded is an error of its own', (t) => {
  const { app, home } = installed(t)
  writeFileSync(join(home, addon), 'no addon')
  t.is(print(app, "try { require('capwasi') } catch (error) { console.log(error.code) }"), 'ERR_DLOPEN_FAILED\n')
})
