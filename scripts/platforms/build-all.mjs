// `npm run build:all [PLATFORM …]`: cross-compiles the addons of all platforms, or of the given ones, on Linux x64.
// Puts the addons beside index.js. cargo-zigbuild and zig, which links them, are installed from PyPI below target/.
// Ends with a line for each platform: its file, or why it could not be built.

import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { ADDON, LIBRARY, OLDEST_MACOS, RELEASE } from '../cargo.mjs'
import { root } from '../ready.mjs'
import { selectPlatforms } from './table.mjs'

const target = resolve(root, process.env.CARGO_TARGET_DIR ?? 'target')
const venv = join(target, 'zig')
const libnode = join(target, 'libnode')
const ZIG = ['ziglang==0.17.1', 'cargo-zigbuild==0.24.0']

/** Runs a command and shows its output. Throws if the command fails. */
function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
  if (status !== 0) throw new Error(error?.message ?? `${command} ${args[0]} failed`)
}

/** Returns the output of a command, or undefined if the command fails. */
function outputOf(command, ...args) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

function prepare() {
  if (process.platform !== 'linux')
    throw new Error('build:all needs Linux; on other systems `npm run build` builds the addon of that system')
  if (!existsSync(join(venv, 'bin/cargo-zigbuild'))) {
    run('python3', ['-m', 'venv', venv])
    run(join(venv, 'bin/pip'), ['install', '--quiet', ...ZIG])
  }
  // For Windows, napi-build needs an import library of Node. An empty library is enough: the addon looks Node's
  // functions up when it is loaded.
  mkdirSync(libnode, { recursive: true })
  writeFileSync(join(libnode, 'libnode.dll'), '')
  writeFileSync(join(libnode, 'libnode.a'), '!<arch>\n')
}

/**
 * Selects a Rust installation on the PATH for a target. Prefers an installation with the target's standard library.
 * Second choice: rustup can add that library. Third choice: the installation has the source of the library.
 */
function toolchain(triple, os) {
  const found = process.env.PATH.split(delimiter).filter((bin) => existsSync(join(bin, 'rustc')))
  const installations = found.map((bin) => ({
    bin,
    library: join(outputOf(join(bin, 'rustc'), '--print', 'sysroot') ?? '', 'lib/rustlib'),
  }))
  const findWith = (path) => installations.find(({ library }) => existsSync(join(library, path)))
  const complete = findWith(triple) ?? (outputOf('rustup', 'target', 'add', triple) !== undefined && findWith(triple))
  const env = ({ bin }) => ({
    PATH: [bin, join(venv, 'bin'), process.env.PATH].join(delimiter),
    RUSTC: join(bin, 'rustc'),
  })
  if (complete) return { args: [], env: env(complete) }
  const source = findWith('src/rust/library')
  if (!source)
    throw new Error(
      `no standard library for ${triple}: run \`rustup target add ${triple}\`, ` +
        "or install Debian's rustc-web, cargo-web and rust-web-src",
    )
  // Only rustup has the tool that strips Mach-O files.
  const strip = os === 'darwin' ? ['--config', 'profile.release.strip=false'] : []
  return { args: ['-Zbuild-std=std,panic_unwind', ...strip], env: { ...env(source), RUSTC_BOOTSTRAP: '1' } }
}

function build({ os, file, fromLinux }) {
  // cargo-zigbuild's target ends with the version of glibc; cargo's does not.
  const [triple] = fromLinux.split('.')
  const { args, env } = toolchain(triple, os)
  const options = [...ADDON, ...RELEASE, '--target', fromLinux, ...args]
  const environment = { ...env, LIBNODE_PATH: libnode, MACOSX_DEPLOYMENT_TARGET: OLDEST_MACOS }
  run(join(venv, 'bin/cargo-zigbuild'), ['rustc', ...options], environment)
  rmSync(join(root, file), { force: true })
  copyFileSync(join(target, triple, 'release', LIBRARY[os]), join(root, file))
}

const platforms = selectPlatforms(process.argv.slice(2))
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
