// A guest with threads, run by our own embedder and by @emnapi/wasi-threads. Each thread has a worker, an instance and
// a sandbox; all threads share one memory.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import test from 'ava'
import { runtime } from '../guests/run.mjs'
import { TIMEOUT_MS, tree } from '../support/host.mjs'

function run(embedder, scenario, directory) {
  const program = fileURLToPath(new URL(`../guests/threads-${embedder}.cjs`, import.meta.url))
  const [command, ...flags] = runtime
  return new Promise((resolve) => {
    execFile(command, [...flags, program, scenario, directory], { timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, stdout, stderr })
    })
  })
}

for (const embedder of ['own', 'emnapi']) {
  const api = `with ${embedder === 'own' ? 'finalizeBindings' : '@emnapi/wasi-threads'}`

  test(`threads ${api} open, append to and close files at the same time`, async (t) => {
    const directory = tree(t)
    const size = 'stat(name, &st) ? -1 : st.st_size: 125\n'
    t.deepEqual(await run(embedder, 'files', directory), {
      code: 0,
      stdout: [0, 1, 2, 3].map((thread) => `thread-${thread}: ok\n${size}`).join(''),
      stderr: '',
    })
    t.is(readFileSync(join(directory, 'thread-3'), 'utf8'), 'line\n'.repeat(25))
  })

  test(`threads ${api} wait on a condition variable and take turns in order`, async (t) => {
    t.deepEqual(await run(embedder, 'condition', tree(t)), {
      code: 0,
      stdout: '2222\nturns: "3\n2\n1\n0\n"\n',
      stderr: '',
    })
  })

  test(`threads ${api} sleep and have separate errno values`, async (t) => {
    t.deepEqual(await run(embedder, 'errors', tree(t)), { code: 0, stdout: '0000\n100\n', stderr: '' })
  })

  test(`exit in the main thread ${api} ends the program while other threads wait`, async (t) => {
    t.deepEqual(await run(embedder, 'ends', tree(t)), { code: 7, stdout: '', stderr: '' })
  })
}
