// Installs dependencies and builds the addon if they are missing or out of date. `npm start` and `npm test` run this
// first, so that both commands work in a fresh clone.

import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { platform } from '../lib/platform.js'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

// On Windows npm and npx are scripts, which need a shell.
const isScript = (command) => process.platform === 'win32' && ['npm', 'npx'].includes(command)

/** Runs a command in the project's root and shows its output. Ends this process if the command fails. */
export function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: isScript(command) })
  if (error) console.error(error.message)
  if (status !== 0) process.exit(status ?? 1)
}

/** Returns the newest mtime of a file, or of the files in a folder, in milliseconds; 0 if the path does not exist. */
function newestMtime(path) {
  const stat = statSync(join(root, path), { throwIfNoEntry: false })
  if (!stat?.isDirectory()) return stat?.mtimeMs ?? 0
  return Math.max(stat.mtimeMs, ...readdirSync(join(root, path)).map((name) => newestMtime(join(path, name))))
}

export function ready() {
  if (newestMtime('node_modules/.package-lock.json') < newestMtime('package-lock.json')) {
    console.log('Installing dependencies …')
    run('npm', 'ci', '--no-audit', '--no-fund')
  }
  const sources = ['src', 'build.rs', 'Cargo.toml', 'Cargo.lock']
  if (newestMtime(`capwasi.${platform}.node`) < Math.max(...sources.map(newestMtime))) {
    if (spawnSync('cargo', ['--version']).status !== 0) {
      console.error('Building capwasi needs Rust, which is not installed: see https://rustup.rs')
      process.exit(1)
    }
    console.log('Building the addon (about a minute the first time) …')
    run('npm', 'run', '--silent', 'build')
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) ready()
