// Installs and builds what is missing or out of date, so that `npm start` and `npm test` work in a fresh clone.

import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { platform } from '../platform.js'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

// On Windows npm and npx are scripts, which only a shell runs.
const isScript = (command) => process.platform === 'win32' && ['npm', 'npx'].includes(command)

/** Runs a command in the project's root with its output shown; ends this process if it fails. */
export function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: isScript(command) })
  if (error) console.error(error.message)
  if (status !== 0) process.exit(status ?? 1)
}

/** When a file, or any file in a folder, was last changed: milliseconds since 1970, 0 if there is none. */
function changed(path) {
  const stat = statSync(join(root, path), { throwIfNoEntry: false })
  if (!stat?.isDirectory()) return stat?.mtimeMs ?? 0
  return Math.max(stat.mtimeMs, ...readdirSync(join(root, path)).map((name) => changed(join(path, name))))
}

export function ready() {
  if (changed('node_modules/.package-lock.json') < changed('package-lock.json')) {
    console.log('Installing dependencies …')
    run('npm', 'ci', '--no-audit', '--no-fund')
  }
  const sources = ['src', 'build.rs', 'Cargo.toml', 'Cargo.lock']
  if (changed(`capwasi.${platform}.node`) < Math.max(...sources.map(changed))) {
    if (spawnSync('cargo', ['--version']).status !== 0) {
      console.error('capwasi is built with Rust, which is not installed: see https://rustup.rs')
      process.exit(1)
    }
    console.log('Building the addon (about a minute the first time) …')
    run('npm', 'run', '--silent', 'build')
  }
}
