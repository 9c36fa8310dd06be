// A guest with threads, run by an embedder of its own and by @emnapi/wasi-threads: a worker, an instance and a
// sandbox for each thread, and one memory.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import test from 'ava'
import { box, runtime } from '../guests/run.mjs'
import { TIMEOUT_MS } from '../support/host.mjs'

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
  const under = `with ${embedder === 'own' ? 'finalizeBindings' : '@emnapi/wasi-threads'}`

  test(`threads ${under} open, write and close files at once`, async (t) => {
    const directory = box(t)
    const size = 'stat(name, &st) ? -1 : st.st_size: 125\n'
    t.deepEqual(await run(embedder, 'files', directory), {
      code: 0,
      stdout: [0, 1, 2, 3].map((thread) => `thread-${thread}: ok\n${size}`).join(''),
      stderr: '',
    })
    t.is(readFileSync(join(directory, 'thread-3'), 'utf8'), 'line\n'.repeat(25))
  })

  test(`threads ${under} wait on a condition, and go on in the order it gives them`, async (t) => {
    t.deepEqual(await run(embedder, 'condition', box(t)), {
      code: 0,
      stdout: '2222\nturns: "3\n2\n1\n0\n"\n',
      stderr: '',
    })
  })

  test(`threads ${under} sleep, and have an errno each`, async (t) => {
    t.deepEqual(await run(embedder, 'errors', box(t)), { code: 0, stdout: '0000\n100\n', stderr: '' })
  })

  test(`a program ${under} ends when its first thread exits, whatever the others wait for`, async (t) => {
    t.deepEqual(await run(embedder, 'ends', box(t)), { code: 7, stdout: '', stderr: '' })
  })
}
