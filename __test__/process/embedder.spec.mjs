// Exceptions of the embedder: of listeners, of sources, and of values that only look right.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import test from 'ava'
import { root } from '../support/host.mjs'
import { failure, guestFile, program, run, until } from '../support/process.mjs'

const execute = promisify(execFile)
const HELLO = guestFile('arguments')

/** Runs a script that reports uncaught exceptions. Returns its output. */
async function outputOf(script) {
  const report = (event) => `process.on('${event}', ({ message }) => console.log('uncaught: ' + message))\n`
  const code = `const { spawn } = require('capwasi/process')\n${report('uncaughtException')}${script}`
  const { stdout } = await execute(process.execPath, ['-e', code], { cwd: root })
  return stdout
}

for (const event of ['spawn', 'exit']) {
  test(`an exception of a listener of '${event}' is uncaught, and does not change the result`, async (t) => {
    const output = await outputOf(`
      const guest = spawn(${JSON.stringify(HELLO)}, [], { stdio: 'ignore' })
      guest.on('${event}', () => { throw new Error('of the listener') })
      guest.on('close', (code, reason) => console.log('close: ' + reason))
      guest.result.then(() => console.log('resolved'), () => console.log('rejected'))
    `)
    const lines = output.trim().split('\n').sort()
    t.deepEqual(lines, ['close: exit', 'resolved', 'uncaught: of the listener'])
  })
}

test('an iterator that fails when it is closed early does not change the result', async (t) => {
  let isClosed = false
  async function* source() {
    try {
      for (;;) yield Buffer.alloc(1e6)
    } finally {
      isClosed = true
      // biome-ignore lint/correctness/noUnsafeFinally: this is the failure
      throw new Error('of the iterator')
    }
  }
  const { exitCode } = await run(program(''), [], { input: source() })
  t.is(exitCode, 0)
  await until(() => isClosed)
})

test('a signal that is no AbortSignal rejects with ERR_INVALID_ARG_TYPE', async (t) => {
  for (const signal of [5, {}, { aborted: false }, null]) {
    const { code, message } = await failure(run(program(''), [], { signal }))
    t.is(code, 'ERR_INVALID_ARG_TYPE')
    t.regex(message, /^The "options\.signal" property must be an instance of AbortSignal/)
  }
})
