// `npm run build:all [PLATFORM …]`: builds, on Linux x64, the addons of all platforms or of those named, beside index.js.
// zig links them; it and cargo-zigbuild are installed from PyPI, below target/. What could not be built is said at the
// end, with the reason.

import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { ADDON, LIBRARY, OLDEST_MACOS, RELEASE } from './cargo.mjs'
import { chosen } from './platforms.mjs'
import { root } from './ready.mjs'

const target = resolve(root, process.env.CARGO_TARGET_DIR ?? 'target')
const venv = join(target, 'zig')
const libnode = join(target, 'libnode')
const ZIG = ['ziglang==0.17.1', 'cargo-zigbuild==0.24.0']

/** Runs a command with its output shown; throws if it fails. */
function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
  if (status !== 0) throw new Error(error?.message ?? `${command} ${args[0]} failed`)
}

/** What a command prints, or undefined if it fails. */
function ask(command, ...args) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

function prepare() {
  if (process.platform !== 'linux')
    throw new Error('build:all needs Linux; on other systems `npm run build` makes their own addon')
  if (!existsSync(join(venv, 'bin/cargo-zigbuild'))) {
    run('python3', ['-m', 'venv', venv])
    run(join(venv, 'bin/pip'), ['install', '--quiet', ...ZIG])
  }
  // For Windows, napi's build script asks for an import library of Node's, of which the addon needs nothing: it looks
  // Node's functions up when it is loaded.
  mkdirSync(libnode, { recursive: true })
  writeFileSync(join(libnode, 'libnode.dll'), '')
  writeFileSync(join(libnode, 'libnode.a'), '!<arch>\n')
}

/**
 * The Rust that builds for a target: one on the PATH that has the target's standard library, or can get it from
 * rustup, or has the library's source to build it from.
 */
function toolchain(triple, os) {
  const found = process.env.PATH.split(delimiter).filter((bin) => existsSync(join(bin, 'rustc')))
  const rusts = found.map((bin) => ({
    bin,
    library: join(ask(join(bin, 'rustc'), '--print', 'sysroot') ?? '', 'lib/rustlib'),
  }))
  const has = (path) => rusts.find(({ library }) => existsSync(join(library, path)))
  const added = has(triple) ?? (ask('rustup', 'target', 'add', triple) !== undefined && has(triple))
  const env = ({ bin }) => ({
    PATH: [bin, join(venv, 'bin'), process.env.PATH].join(delimiter),
    RUSTC: join(bin, 'rustc'),
  })
  if (added) return { args: [], env: env(added) }
  const source = has('src/rust/library')
  if (!source)
    throw new Error(
      `no standard library for it: \`rustup target add ${triple}\`, or Debian's rustc-web, cargo-web and rust-web-src`,
    )
  // What strips Mach-O comes with rustup only.
  const strip = os === 'darwin' ? ['--config', 'profile.release.strip=false'] : []
  return { args: ['-Zbuild-std=std,panic_unwind', ...strip], env: { ...env(source), RUSTC_BOOTSTRAP: '1' } }
}

function build({ os, file, fromLinux }) {
  // What follows is the version of glibc.
  const [triple] = fromLinux.split('.')
  const { args, env } = toolchain(triple, os)
  const options = [...ADDON, ...RELEASE, '--target', fromLinux, ...args]
  const environment = { ...env, LIBNODE_PATH: libnode, MACOSX_DEPLOYMENT_TARGET: OLDEST_MACOS }
  run(join(venv, 'bin/cargo-zigbuild'), ['rustc', ...options], environment)
  rmSync(join(root, file), { force: true })
  copyFileSync(join(target, triple, 'release', LIBRARY[os]), join(root, file))
}

const platforms = chosen(process.argv.slice(2))
prepare()
const lines = platforms.map((platform) => {
  console.log(`\n${platform.name} (${platform.fromLinux})`)
  try {
    build(platform)
    return `${platform.name}: ${platform.file}, ${statSync(join(root, platform.file)).size} bytes`
  } catch (error) {
    process.exitCode = 1
    return `${platform.name}: not built: ${error.message}`
  }
})
console.log(`\n${lines.join('\n')}`)
