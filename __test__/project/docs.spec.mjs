// The pages for users: README.md and docs/. Their links, and their examples in JavaScript (js) and TypeScript (ts). The
// examples are compiled with the default libraries of TypeScript, and run. A comment after `console.log(…)`, and the
// lines of comments below it, are what the example prints. The other languages of code blocks are not run.

import test from 'ava'
import { transformSync } from 'esbuild'
import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import wabt from 'wabt'
import { HELP } from '../../lib/cli/help.js'
import { skippedOn } from '../support/conditions.mjs'
import { root, tree } from '../support/host.mjs'

const { exports: entries } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const { parseWat } = await wabt()
const run = promisify(execFile)
const read = (page) => readFileSync(join(root, page), 'utf8')
const pagesIn = (folder) =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap(({ name }) =>
    name.endsWith('.md') ? [join(folder, name)] : [],
  )
const docs = pagesIn('docs')
const pages = [...pagesIn('.'), ...docs, 'fuzz/README.md', 'scripts/platforms/README.md']

/** Returns the anchors that GitHub gives to the headings of a page. */
function anchors(page) {
  const headings = withoutCode(read(page)).match(/^#+ .*$/gm) ?? []
  return headings.map((heading) =>
    heading
      .replace(/^#+ /, '')
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function withoutCode(text) {
  return text.replace(/^ *```.*?^ *```$/gms, '').replace(/^(?: {4}.*\n)+/gm, '')
}

/** Returns whether the target of a link in a page exists. Links to other sites are not followed. */
function exists(page, target) {
  if (/^https?:/.test(target)) return true
  const [path, anchor] = target.split('#')
  const file = path === '' ? page : join(dirname(page), path)
  if (!existsSync(join(root, file))) return false
  return anchor === undefined || (file.endsWith('.md') && anchors(file).includes(anchor))
}

test('CONTRIBUTING.md lists each file of lib/', (t) => {
  const [, table] = /### Files of lib\n\n((?:\|.*\n)+)/.exec(read('CONTRIBUTING.md'))
  const rows = table.split('\n').filter((row) => !row.includes('`cli/`'))
  const named = [...rows.join().matchAll(/`([\w-]+\.js)`/g)].map(([, name]) => name)
  t.deepEqual(
    [...new Set(named)].sort(),
    readdirSync(join(root, 'lib'))
      .filter((name) => name !== 'cli')
      .sort(),
  )
})

test('each file that a comment or a page names exists', (t) => {
  const sources = ['lib', 'scripts', 'bench', '__test__', 'src', 'tests', 'fuzz'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(js|mjs|cjs|rs|ts|md)$/.test(entry.name))
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name)),
  )
  const own = pages.map((page) => join(root, page)).filter((page) => !page.endsWith('CHANGELOG.md'))
  const missing = [...sources, ...own].flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/(?<![\w./@-])(?:lib|src|scripts)\/[\w/-]+\.(?:js|mjs|rs)\b/g)]
      .map(([name]) => name)
      .filter((name) => !existsSync(join(root, name)))
      .map((name) => `${relative(root, file)}: ${name}`),
  )
  t.deepEqual(missing, [])
})

for (const page of pages) {
  test(`each link in ${page} leads to a file and a heading that exist`, (t) => {
    const text = withoutCode(read(page)).replace(/`[^`\n]*`/g, '')
    const targets = [...text.matchAll(/(?:\]\(|(?:src|srcset|href)=")([^)"\s]+)/g)].map(([, target]) => target)
    t.deepEqual(
      targets.filter((target) => !exists(page, target)),
      [],
    )
  })
}

test('README.md has at most 220 lines', (t) => {
  t.true(read('README.md').split('\n').length <= 220)
})

test('README.md links each page in docs/', (t) => {
  const readme = read('README.md')
  const missing = docs.filter((page) => !readme.includes(`](${page.replaceAll('\\', '/')})`))
  t.deepEqual(missing, [])
})

test('docs/errors.md explains each code that the sources throw', (t) => {
  const sources = ['lib', 'src/node', 'src/node/options'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => /\.(js|rs)$/.test(name))
      .map((name) => read(join(folder, name))),
  )
  const codes = new Set(sources.join('').match(/\b(ERR|ABORT)_[A-Z_]*[A-Z]\b/g))
  t.true(codes.size > 15)
  const page = read('docs/errors.md')
  t.deepEqual(
    [...codes].filter((code) => !CAUGHT.includes(code) && !page.includes(`\`${code}\``)),
    [],
  )
})
/** Codes of errors that capwasi catches. */
const CAUGHT = ['ERR_SCRIPT_EXECUTION_TIMEOUT', 'ERR_UNKNOWN_BUILTIN_MODULE', 'ERR_WORKER_OUT_OF_MEMORY']

test('docs/command-line.md names each option of the command line', (t) => {
  const options = HELP.match(/(?<= )--[a-z-]+/g)
  t.true(options.length > 20)
  const page = read('docs/command-line.md')
  t.deepEqual(
    options.filter((option) => !page.includes(option)),
    [],
  )
})

test('docs/speed.svg and docs/speed.md show the same run', (t) => {
  const [svg, page] = [read('docs/speed.svg'), read('docs/speed.md')]
  const rows = Array.from(svg.matchAll(/text-anchor="end">(.*?)</g), ([, name]) => name)
  t.true(rows.length > 20)
  t.deepEqual(
    rows.filter((name) => !page.includes(`| ${name} `)),
    [],
  )
  t.true(page.includes(/\d{4}-\d\d-\d\d(?=<)/.exec(svg)[0]))
})

/** Returns the names of the members of a class or an interface in a file of types. */
function membersOf(file, declaration) {
  const text = read(file)
  const body = text.slice(text.indexOf(`export ${declaration}`)).split('\n}\n')[0]
  return new Set(Array.from(body.matchAll(/^ {2}(?:static |readonly |get )*(\w+)[?(:]/gm), ([, name]) => name))
}

const PROCESS_PAGE = 'docs/processes-and-limits.md'
for (const [file, declaration, page] of [
  ['index.d.ts', 'interface WASIOptions', 'docs/api.md'],
  ['index.d.ts', 'class WASI', 'docs/api.md'],
  ['index.d.ts', 'class Directory', 'docs/directories.md'],
  ['process.d.ts', 'interface ProcessLimits', PROCESS_PAGE],
  ['process.d.ts', 'interface ProcessOptions', PROCESS_PAGE],
  ['process.d.ts', 'interface RunOptions', PROCESS_PAGE],
  ['process.d.ts', 'interface Result', PROCESS_PAGE],
  ['process.d.ts', 'interface SpawnOptions', PROCESS_PAGE],
  ['process.d.ts', 'interface GuestProcess', PROCESS_PAGE],
  ['process.d.ts', 'interface PoolOptions', PROCESS_PAGE],
  ['process.d.ts', 'class Pool', PROCESS_PAGE],
]) {
  test(`${page} names each member of the ${declaration}`, (t) => {
    const members = [...membersOf(file, declaration)].filter((name) => !['constructor', 'private'].includes(name))
    t.true(members.length > 0)
    const text = read(page)
    t.deepEqual(
      members.filter((name) => !new RegExp(`\\b${name}\\b`).test(text)),
      [],
    )
  })
}

/** The examples of a page, with the line where each starts. */
function examplesOf(page) {
  const text = read(page)
  return [...text.matchAll(/^```(js|ts)\n(.*?)^```$/gms)].map(({ 1: language, 2: code, index }) => ({
    name: `${page}:${text.slice(0, index).split('\n').length}`,
    language,
    code,
  }))
}
const examples = ['README.md', ...docs].flatMap(examplesOf)

/** Returns a file that an example imports and that the projects of this spec do not have. */
function missingImport(code) {
  const names = [...code.matchAll(/from '((?:capwasi\/|\.\.?\/)[^']*)'/g)].map(([, name]) => name)
  return names.find((name) => !(name.replace(/^capwasi/, '.') in entries))
}

/** Returns why an example cannot run. */
function obstacle(code) {
  const missing = missingImport(code)
  if (missing !== undefined) return `imports ${missing}`
  if (/suspending: true|startAsync/.test(code) && WebAssembly.Suspending === undefined) return 'needs JSPI'
  return undefined
}

/** The lines that an example prints, by its comments. */
function expected(code) {
  const lines = []
  let isOutput = false
  for (const line of code.split('\n')) {
    const [, logged] = /^.*console\.log\(.*\) \/\/ (.*)$/.exec(line) ?? []
    const [, more] = /^ *\/\/ (.*)$/.exec(line) ?? []
    if (logged !== undefined) lines.push(logged)
    else if (isOutput && more !== undefined) lines.push(more)
    isOutput = /console\.log\(.*\)/.test(line) || (isOutput && more !== undefined)
  }
  return lines
}

/** Programs that the examples use, beside copies of `__test__/guests`. */
const PROGRAMS = {
  'hello.wasm': `(module
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\\08\\00\\00\\00\\13\\00\\00\\00hello from a guest\\n")
    (func (export "_start") (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))))`,
  'plugin.wasm': `(module
    (memory (export "memory") 1)
    (func (export "_initialize"))
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))`,
  'loop.wasm': `(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))`,
}
const COPIED = ['cat', 'copy', 'exits', 'replay', 'server', 'threads', 'walk']

/** Creates a project that has capwasi installed, the programs, and a directory `project`. */
function project(t) {
  const cwd = tree(t, { 'node_modules/': null, 'project/src/main.rb': 'puts 1\n', 'package.json': '{"type":"module"}' })
  symlinkSync(root, join(cwd, 'node_modules/capwasi'), 'junction')
  for (const [name, text] of Object.entries(PROGRAMS)) {
    const parsed = parseWat(name, text)
    writeFileSync(join(cwd, name), parsed.toBinary({}).buffer)
    parsed.destroy()
  }
  for (const name of COPIED) copyFileSync(join(root, `__test__/guests/${name}.wasm`), join(cwd, `${name}.wasm`))
  return cwd
}

const needsLinks = skippedOn({ wine: 'wine creates no links, and does not run esbuild' })

for (const { name, language, code } of examples) {
  const reason = obstacle(code)
  const title = `the example ${name} runs, and prints what its comments say`
  if (reason !== undefined) {
    test.skip(`${title} (${reason})`, () => {})
    continue
  }
  needsLinks(title, async (t) => {
    const cwd = project(t)
    const script = language === 'ts' ? transformSync(code, { loader: 'ts' }).code : code
    writeFileSync(join(cwd, 'example.mjs'), script)
    const { stdout } = await run(process.execPath, ['--no-warnings', 'example.mjs'], { cwd })
    const lines = expected(code)
    if (lines.length > 0) t.deepEqual(stdout.trimEnd().split('\n'), lines)
    else t.pass()
  })
}

/** Compiles examples as TypeScript. Returns the errors. The types of capwasi and of Node are checked too. */
async function compile(t, chosen, ...options) {
  const cwd = tree(t, { 'node_modules/@types/': null, 'package.json': '{"type":"module"}' })
  symlinkSync(root, join(cwd, 'node_modules/capwasi'), 'junction')
  const types = dirname(createRequire(import.meta.url).resolve('@types/node/package.json'))
  symlinkSync(types, join(cwd, 'node_modules/@types/node'), 'junction')
  const files = chosen.map(({ name, code }) => {
    const file = `${basename(name).replace(/\W/g, '-')}.mts`
    // Each example is a module, also without imports.
    writeFileSync(join(cwd, file), `${code}\nexport {}\n`)
    return file
  })
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const command = [tsc, '--noEmit', '--module', 'nodenext', '--target', 'es2022', ...options, ...files]
  const { stdout } = await run(process.execPath, command, { cwd }).catch((error) => error)
  return stdout
}

const available = examples.filter(({ code }) => missingImport(code) === undefined)
const isStrict = ({ name, language }) => language === 'ts' || name.startsWith('README.md')

needsLinks('the examples in README.md and in TypeScript compile with the default libraries, and strict', async (t) => {
  t.is(await compile(t, available.filter(isStrict), '--strict'), '')
})

needsLinks('the examples in JavaScript compile as TypeScript with the default libraries', async (t) => {
  const chosen = available.filter((example) => !isStrict(example))
  t.is(await compile(t, chosen, '--strict', 'false'), '')
})
