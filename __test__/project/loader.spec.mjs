import test from 'ava'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { nodeFileTrace } from '@vercel/nft'
import { buildSync } from 'esbuild'
import { explained } from '../../lib/load-addon.js'
import { PLATFORMS, platform } from '../../lib/platform.js'
import { root, tree } from '../support/guest.mjs'

const addon = `capwasi.${platform}.node`

/** Makes `process.arch` report another processor. */
const S390X = "Object.defineProperty(process, 'arch', { value: 's390x' })"

/** A copy of the package as it is installed, without an addon. */
function installed(t) {
  const app = tree(t)
  const home = join(app, 'node_modules/capwasi')
  mkdirSync(home, { recursive: true })
  for (const file of ['index.js', 'index.mjs', 'lib', 'process.js', 'process.mjs', 'register.js', 'package.json'])
    cpSync(join(root, file), join(home, file), { recursive: true })
  return { app, home }
}

const print = (cwd, script, env = process.env) =>
  execFileSync(process.execPath, ['-e', script], { cwd, env, encoding: 'utf8', stdio: 'pipe' })

test('the addon beside index.js is loaded', (t) => {
  const { app, home } = installed(t)
  cpSync(join(root, addon), join(home, addon))
  t.is(print(app, "console.log(require('capwasi').WASI.name)"), 'WASI\n')
})

/** Installs the package of this platform, with its addon or other contents. */
function installPlatform(app, content = readFileSync(join(root, addon))) {
  const there = join(app, 'node_modules/@capwasi', platform)
  mkdirSync(there, { recursive: true })
  writeFileSync(join(there, 'addon.node'), content)
  writeFileSync(join(there, 'package.json'), JSON.stringify({ name: `@capwasi/${platform}`, main: 'addon.node' }))
}

test('without an addon beside index.js the one of the platform package is loaded', (t) => {
  const { app } = installed(t)
  installPlatform(app)
  t.is(print(app, "console.log(require('capwasi').WASI.name)"), 'WASI\n')
})

test('the addon beside index.js is loaded, even if there is a platform package', (t) => {
  const { app, home } = installed(t)
  installPlatform(app, 'no addon')
  cpSync(join(root, addon), join(home, addon))
  t.is(print(app, "console.log(require('capwasi').WASI.name)"), 'WASI\n')
})

test('the addon beside index.js is loaded, even on a platform without a package', (t) => {
  const { app, home } = installed(t)
  const { platform: elsewhere } = JSON.parse(
    print(app, `${S390X}; console.log(JSON.stringify(require('./node_modules/capwasi/lib/platform.js')))`),
  )
  cpSync(join(root, addon), join(home, `capwasi.${elsewhere}.node`))
  t.regex(elsewhere, /s390x/)
  t.is(print(app, `${S390X}; console.log(require('capwasi').WASI.name)`), 'WASI\n')
})

test('where there is neither, the error names both', (t) => {
  const { app, home } = installed(t)
  const [code, message] = print(
    app,
    "try { require('capwasi') } catch (error) { console.log(error.code); console.log(error.message) }",
  ).split('\n')
  t.is(code, 'ERR_CAPWASI_NO_ADDON')
  t.true(message.includes(join(home, addon)), message)
  t.true(message.includes(`the package @capwasi/${platform}`), message)
  t.true(message.includes('optional dependency'), message)
  t.true(message.includes('npm run build'), message)
})

test('on a platform without a package, the error says which have one', (t) => {
  const { app } = installed(t)
  const message = print(app, `${S390X}; try { require('capwasi') } catch ({ message }) { console.log(message) }`)
  t.regex(message, /no native addon for \w+-s390x/)
  t.true(message.includes(PLATFORMS.join(', ')), message)
})

test('an addon that cannot be loaded is an error of its own', (t) => {
  const { app, home } = installed(t)
  writeFileSync(join(home, addon), 'no addon')
  t.is(print(app, "try { require('capwasi') } catch (error) { console.log(error.code) }"), 'ERR_DLOPEN_FAILED\n')
})

test('an addon of the platform package that cannot be loaded is an error of its own', (t) => {
  const { app } = installed(t)
  installPlatform(app, 'no addon')
  t.is(print(app, "try { require('capwasi') } catch (error) { console.log(error.code) }"), 'ERR_DLOPEN_FAILED\n')
})

test('CAPWASI_ADDON names the addon, also relative to the current directory', (t) => {
  const { app, home } = installed(t)
  cpSync(join(root, addon), join(app, 'elsewhere.node'))
  writeFileSync(join(home, addon), 'no addon')
  for (const CAPWASI_ADDON of [join(app, 'elsewhere.node'), 'elsewhere.node']) {
    t.is(print(app, "console.log(require('capwasi').WASI.name)", { ...process.env, CAPWASI_ADDON }), 'WASI\n')
  }
})

test('a CAPWASI_ADDON without a file is ERR_CAPWASI_NO_ADDON, which names the variable and the file', (t) => {
  const { app } = installed(t)
  const script = "try { require('capwasi') } catch ({ code, message }) { console.log(code, message) }"
  const printed = print(app, script, { ...process.env, CAPWASI_ADDON: 'nope.node' })
  t.regex(printed, /^ERR_CAPWASI_NO_ADDON .*CAPWASI_ADDON.*'nope\.node'/)
})

test("an error of Deno's permissions is ERR_CAPWASI_NO_ADDON, which names the flags", (t) => {
  const refused = Object.assign(new Error('Requires ffi access'), { name: 'NotCapable' })
  const { code, message, cause } = explained(refused)
  t.is(code, 'ERR_CAPWASI_NO_ADDON')
  t.regex(message, /--allow-read and --allow-ffi.*Requires ffi access/)
  t.is(cause, refused)
})

test('each platform has its two addons as literals, which bundlers find', (t) => {
  const source = readFileSync(join(root, 'lib/wasi.js'), 'utf8')
  const literals = [...source.matchAll(/require\('([^']*capwasi[^']*)'\)/g)].map(([, name]) => name)
  t.deepEqual(
    literals,
    PLATFORMS.flatMap((name) => [`../capwasi.${name}.node`, `@capwasi/${name}`]),
  )
})

test('capwasi loads under a loader that provides the source of CommonJS modules', (t) => {
  const app = tree(t, {
    'hooks.mjs': `
      import { readFile } from 'node:fs/promises'
      import { fileURLToPath } from 'node:url'
      export async function load(url, context, next) {
        const loaded = await next(url, context)
        const isOurs = loaded.format === 'commonjs' && url.startsWith('file:')
        return isOurs ? { ...loaded, source: await readFile(fileURLToPath(url)) } : loaded
      }`,
    'register.mjs': "import { register } from 'node:module'; register('./hooks.mjs', import.meta.url)",
    'app.mjs': `
      import { WASI } from ${JSON.stringify(pathToFileURL(join(root, 'index.mjs')))}
      console.log(new WASI({ version: 'preview1' }).wasiImport.sched_yield.name)`,
  })
  const flags = ['--no-warnings', '--import', pathToFileURL(join(app, 'register.mjs')).href]
  t.is(execFileSync(process.execPath, [...flags, join(app, 'app.mjs')], { encoding: 'utf8' }), 'bound sched_yield\n')
})

// The bundler is a program of its own, which not every platform has.
const bundles = (() => {
  try {
    return buildSync({ stdin: { contents: '' }, write: false }).errors.length === 0
  } catch {
    return false
  }
})()

const PLACES = [
  ['beside index.js', (_app, home) => cpSync(join(root, addon), join(home, addon))],
  ['in the platform package', (app) => installPlatform(app)],
]

const guest = (name) => JSON.stringify(join(root, '__test__/guests', name))

/** Programs that use the package, by what they do, and what they print. */
const BUNDLED = {
  'runs a guest in its thread': [
    `
    const { WASI } = require('capwasi')
    new WASI({ version: 'preview1' }).initialize({ exports: { memory: new WebAssembly.Memory({ initial: 1 }) } })
    console.log('initialized')`,
    'initialized\n',
  ],
  'runs guests in other threads': [
    `
    const { Directory } = require('capwasi')
    const { run } = require('capwasi/process')
    const directory = Directory.memory()
    run(${guest('threads.wasm')}, ['files'], { preopens: { '/': directory } })
      .then(() => run(${guest('cat.wasm')}, [], { input: 'text' }))
      .then(({ stdout }) => console.log(stdout, directory.readdirSync().length))`,
    'text 4\n',
  ],
}

/** The files that capwasi starts as workers. */
const WORKERS = ['capwasi-worker', 'capwasi-thread']

for (const [where, place] of PLACES) {
  for (const [action, [script, printed]] of Object.entries(BUNDLED)) {
    /** Installs the package with its addon, and writes the program. Returns the folder, with the real path. */
    const setUp = (t) => {
      const { app, home } = installed(t)
      place(app, home)
      writeFileSync(join(app, 'app.cjs'), script)
      return realpathSync(app)
    }

    ;(bundles ? test : test.skip)(
      `a program that ${action}, bundled by esbuild with the addon ${where}, runs on its own`,
      (t) => {
        const app = setUp(t)
        const outdir = tree(t)
        const workers = WORKERS.map((out) => ({ in: join(app, `node_modules/capwasi/lib/${out}.js`), out }))
        const { warnings } = buildSync({
          entryPoints: [{ in: join(app, 'app.cjs'), out: 'app' }, ...workers],
          bundle: true,
          platform: 'node',
          loader: { '.node': 'copy' },
          outdir,
          logLevel: 'silent',
        })
        rmSync(app, { recursive: true })
        t.deepEqual(warnings, [])
        t.is(print(outdir, "require('./app.js')"), printed)
      },
    )

    // Files of workers must be CommonJS.
    if (action === 'runs a guest in its thread')
      (bundles ? test : test.skip)(
        `a program that ${action}, bundled by esbuild as an ES module with the addon ${where}, runs on its own`,
        (t) => {
          const app = setUp(t)
          const outdir = tree(t)
          buildSync({
            entryPoints: [{ in: join(app, 'app.cjs'), out: 'app' }],
            bundle: true,
            platform: 'node',
            format: 'esm',
            banner: {
              js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)",
            },
            outExtension: { '.js': '.mjs' },
            loader: { '.node': 'copy' },
            outdir,
            logLevel: 'silent',
          })
          rmSync(app, { recursive: true })
          t.is(print(outdir, "import('./app.mjs')"), printed)
        },
      )

    test(`a program that ${action}, traced by @vercel/nft with the addon ${where}, runs elsewhere`, async (t) => {
      const base = setUp(t)
      const { fileList } = await nodeFileTrace([join(base, 'app.cjs')], { base, processCwd: base })
      const moved = tree(t)
      for (const file of fileList) cpSync(join(base, file), join(moved, file), { recursive: true })
      rmSync(base, { recursive: true })
      t.is(print(moved, "require('./app.cjs')"), printed)
    })
  }
}
