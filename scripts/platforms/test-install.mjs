// Installs the packages that release.mjs packed, from a registry in this process, in empty projects without Rust. Uses
// npm, pnpm and yarn, and runs programs there. Also checks the error message that a missing platform package causes.

import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { platform } from '../../lib/platform.js'
import { root } from '../ready.mjs'

const packages = join(root, 'target/packages')
const windows = process.platform === 'win32'
const work = mkdtempSync(join(tmpdir(), 'capwasi-install-'))

/** Returns a package's metadata, in the format of the npm registry. */
function packument(name, registry) {
  const manifest = JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8'))
  const { version } = manifest
  const tarball = `${name.replace('@', '').replace('/', '-')}-${version}.tgz`
  const hash = createHash('sha512')
    .update(readFileSync(join(packages, tarball)))
    .digest('base64')
  const dist = { tarball: `${registry}/${tarball}`, integrity: `sha512-${hash}` }
  return { name, 'dist-tags': { latest: version }, versions: { [version]: { ...manifest, dist } } }
}

const server = createServer(({ url }, response) => {
  const name = decodeURIComponent(url.slice(1))
  if (!existsSync(join(packages, name))) return response.writeHead(404).end('{}')
  response.end(name.endsWith('.tgz') ? readFileSync(join(packages, name)) : JSON.stringify(packument(name, registry)))
})
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const registry = `http://127.0.0.1:${server.address().port}`

/** Returns a PATH that has Node, npm and a shell, and no Rust. */
function minimalPath() {
  if (windows)
    return [dirname(process.execPath), process.env.SystemRoot, join(process.env.SystemRoot, 'System32')].join(delimiter)
  const bin = join(work, 'bin')
  mkdirSync(bin)
  symlinkSync(process.execPath, join(bin, 'node'))
  for (const command of ['npm', 'npx', 'sh', 'env']) {
    symlinkSync(execFileSync('which', [command], { encoding: 'utf8' }).trim(), join(bin, command))
  }
  return bin
}
const env = { ...process.env, PATH: minimalPath() }

async function run(cwd, command, ...args) {
  const shell = windows && command !== process.execPath
  const { stdout } = await promisify(execFile)(command, args, { cwd, encoding: 'utf8', shell, env })
  return stdout
}

const INSTALLERS = {
  npm: ['npm', 'install', '--no-audit', '--no-fund', '--registry', registry],
  pnpm: ['npx', '--yes', 'pnpm@10', 'install', '--ignore-workspace', '--registry', registry],
  // A separate cache, because yarn's global cache may contain an older build of this version.
  yarn: ['npx', '--yes', 'yarn@1', 'install', '--cache-folder', join(work, 'yarn'), '--registry', registry],
}

/** Creates a project that depends on capwasi, and runs the installer in it. Returns its folder. */
async function project(name, install) {
  const folder = join(work, name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies: { capwasi: '*' } }))
  await run(folder, ...install)
  return folder
}

const tsc = [join(root, 'node_modules/typescript/bin/tsc'), '--noEmit', '--strict', '--module', 'nodenext']
const types = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node']

/** `(module (memory (export "memory") 0) (func (export "_start")))` */
const COMMAND = 'AGFzbQEAAAABBAFgAAADAgEABQMBAAAHEwIGbWVtb3J5AgAGX3N0YXJ0AAAKBAECAAs='

/** Files, the arguments of Node before the file, and the expected output. */
const USES = {
  'app.cjs': ["console.log(require('capwasi').WASI.name)", [], 'WASI\n'],
  'app.mjs': ["import { WASI } from 'capwasi'\nconsole.log(WASI.name)", [], 'WASI\n'],
  'process.mjs': [
    `import { run } from 'capwasi/process'
    console.log((await run(Buffer.from('${COMMAND}', 'base64'))).exitCode)`,
    [],
    '0\n',
  ],
  'registered.mjs': [
    "import { WASI } from 'node:wasi'\nimport capwasi from 'capwasi'\nconsole.log(WASI === capwasi.WASI)",
    ['--no-warnings', '--import', 'capwasi/register'],
    'true\n',
  ],
  'app.mts': [
    `import { WASI } from 'capwasi'
    export const names: string[] = Object.keys(new WASI({ version: 'preview1' }).wasiImport)`,
    [...tsc, ...types],
    '',
  ],
  'wrong.mts': ["import { WASI } from 'capwasi'\nnew WASI({ version: 1 })", [...tsc, ...types], /error TS2322/],
}

/** Runs each of USES in a project. Throws if an output is not the expected one. */
async function use(folder) {
  for (const [file, [source, args, wanted]] of Object.entries(USES)) {
    writeFileSync(join(folder, file), source)
    const printed = await run(folder, process.execPath, ...args, file).catch(({ stdout }) => stdout)
    const matches = wanted instanceof RegExp ? wanted.test(printed) : printed === wanted
    if (!matches) throw new Error(`${file} in ${folder} prints ${JSON.stringify(printed)}`)
  }
}

try {
  for (const [name, install] of Object.entries(INSTALLERS)) {
    const folder = await project(name, install)
    await use(folder)
    const installed = readdirSync(join(realpathSync(join(folder, 'node_modules/capwasi')), '../@capwasi'))
    console.log(`${name}: installed and used on Node ${process.version}; in @capwasi: ${installed.join(', ')}`)
  }
  const folder = await project('without', [...INSTALLERS.npm, '--omit=optional'])
  const program = "try { require('capwasi') } catch ({ code, message }) { console.log(code, message) }"
  const printed = await run(folder, process.execPath, '-e', program)
  if (!printed.includes('ERR_CAPWASI_NO_ADDON') || !printed.includes(`@capwasi/${platform}`)) throw new Error(printed)
  console.log(`without a platform package: ${printed}`)
} finally {
  server.close()
  rmSync(work, { recursive: true, force: true })
}
