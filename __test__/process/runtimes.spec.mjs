// run(), spawn() and Pool in the runtime of guests: this Node, or another runtime in CAPWASI_RUNTIME.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { runtime } from '../guests/run.mjs'
import { TIMEOUT_MS, root } from '../support/host.mjs'

const script = fileURLToPath(new URL('scenarios.mjs', import.meta.url))
const isBun = /bun(\.exe)?$/.test(runtime[0])

/** Returns the result of a scenario. */
function resultOf(name) {
  const [file, ...args] = [...runtime, script, name]
  return new Promise((resolve, reject) => {
    execFile(file, args, { cwd: root, timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stdout}\n${stderr}`))
      else resolve(JSON.parse(stdout))
    })
  })
}

const failed = (code, exitCode, stdout) => ({ code, ...(exitCode === undefined ? {} : { exitCode }), stdout })

for (const [name, expected] of Object.entries({
  run: [0, 'out', 'err'],
  failures: [failed('ERR_WASI_EXIT', 3, 'out'), failed('ERR_WASI_TRAP', undefined, 'out')],
  timeouts: [failed('ERR_WASI_TIMEOUT', undefined, 'out'), failed('ERR_WASI_TIMEOUT', undefined, 'out')],
  aborts: ['ABORT_ERR', 'ABORT_ERR'],
  input: ['text', 'text', 'text', 'text', 'text'],
  output: ['out', 'err'],
  events: ['text', [['spawn'], ['exit', 0, 'exit'], ['close', 0, 'exit']]],
  duplex: 64 * 65536,
  kills: [
    [[null, 'kill'], 'ABORT_ERR'],
    [[null, 'kill'], 'ABORT_ERR'],
  ],
  memory: [16, 'memory', 'ERR_WASI_LIMIT'],
  limits: [19, 'output', isBun ? 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM' : 'ERR_WASI_LIMIT'],
  pool: [['a', 'a', 'a', 'ERR_WASI_QUEUE_FULL'], 'ERR_INVALID_STATE'],
  directory: [0, 4],
  threads: ['thread', 'ERR_WASI_TRAP', 'ERR_WASI_TIMEOUT'],
  errors: ['ENOENT', 'CompileError', 'ERR_INVALID_ARG_VALUE'],
})) {
  test.serial(`the scenario '${name}' has its result in the runtime of guests`, async (t) => {
    t.deepEqual(await resultOf(name), expected)
  })
}

// Bun waits for each thread that runs.
const onEndingThreads = isBun ? test.skip : test
onEndingThreads('the process ends with an idle pool and a guest without reference', async (t) => {
  t.true(await resultOf('end'))
})
