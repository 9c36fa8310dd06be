// Values of the embedder that fail: listeners, callbacks, iterators and objects with inherited properties.

import { spawnSync } from 'node:child_process'
import test from 'ava'
import { CAT, failure, print, program, run } from '../support/process.mjs'

test('inherited limits apply like own ones', async (t) => {
  const bytes = program(print('12345'))
  for (const [name, limit] of Object.entries({ output: 3, writtenBytes: 3, memory: 0 })) {
    const { exceeded } = await run(bytes, [], { limits: Object.create({ [name]: limit }), reject: false })
    t.is(exceeded, name)
  }
})

test('a signal without addEventListener is ERR_INVALID_ARG_TYPE', async (t) => {
  for (const signal of [{ aborted: false }, { aborted: true }, { aborted: 0, addEventListener() {} }]) {
    const error = await failure(run(CAT, [], { signal }))
    t.is(error.code, 'ERR_INVALID_ARG_TYPE')
  }
})

test('a callback that throws undefined rejects with undefined', async (t) => {
  const running = run(program(print('text')), [], {
    stdout() {
      throw undefined
    },
  })
  t.is(await failure(running), undefined)
})

/** Runs code in a process of its own. Returns its exit code and its output. */
function runCode(code) {
  const source = `const { run, spawn } = require('capwasi/process'); const CAT = ${JSON.stringify(CAT)}; ${code}`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', source], {
    encoding: 'utf8',
    cwd: import.meta.dirname,
  })
  return { status, stdout, stderr }
}

test('an input whose return fails after the guest has ended is no unhandled rejection', (t) => {
  const { status, stdout } = runCode(`
    const input = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return() { throw new Error('return') },
      }),
    }
    process.exitCode = 1
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 50)
    run(CAT, [], { input, signal: controller.signal }).catch(({ code }) => {
      console.log(code)
      setImmediate(() => { process.exitCode = 0 })
    })`)
  t.is(stdout, 'ABORT_ERR\n')
  t.is(status, 0)
})

test('an exception of a listener is uncaught, and the guest ends as usual', (t) => {
  const { status, stdout, stderr } = runCode(`
    process.on('uncaughtException', ({ message }) => console.log('uncaught', message))
    const guest = spawn(CAT)
    for (const name of ['spawn', 'exit'])
      guest.on(name, () => { throw new Error(name) })
    guest.on('close', (code, reason) => console.log('close', code, reason))
    let size = 0
    guest.stdout.on('data', (chunk) => { size += chunk.length })
    guest.stdin.end('x'.repeat(2 ** 22))
    guest.result.then(({ exitCode }) => console.log(exitCode, size === 2 ** 22))`)
  t.is(stderr, '')
  t.is(status, 0)
  t.deepEqual(stdout.trim().split('\n').sort(), ['0 true', 'close 0 exit', 'uncaught exit', 'uncaught spawn'])
})
