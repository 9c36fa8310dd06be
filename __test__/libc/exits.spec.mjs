import test from 'ava'
import { run } from '../guests/run.mjs'
import { windows } from '../support/platform.mjs'

for (const code of [0, 3, 255, 256, -1]) {
  for (const how of ['return', 'exit']) {
    test(`start() returns ${code} if the guest ends by ${how} ${code}`, async (t) => {
      const { returned, stdout, error } = await run('exits', [how, String(code)])
      t.is(error, undefined)
      t.is(returned, code)
      t.is(stdout, `${how} ${code}\nat exit\n`)
    })
  }

  // Windows keeps all 32 bits of an exit status.
  const status = windows ? code >>> 0 : code & 255
  test(`exit(${code}) without returnOnExit ends the process with ${status} after its 'exit' event`, async (t) => {
    const ended = await run('exits', ['exit', String(code)], { options: { returnOnExit: false } })
    t.is(ended.code, status)
    t.is(ended.signal, null)
    t.true('exit' in ended)
    t.false('returned' in ended)
    t.is(ended.stdout, `exit ${code}\nat exit\n`)
  })
}

test('main that returns 0 without returnOnExit does not end the process', async (t) => {
  const { code, returned } = await run('exits', ['return', '0'], { options: { returnOnExit: false } })
  t.deepEqual({ code, returned }, { code: 0, returned: 0 })
})

test('_Exit does not call atexit handlers', async (t) => {
  const { returned, stdout } = await run('exits', ['_Exit', '7'])
  t.deepEqual({ returned, stdout }, { returned: 7, stdout: '_Exit 7\n' })
})

for (const [how, message] of Object.entries({
  // The messages of V8, and of JavaScriptCore in Bun.
  abort: /^RuntimeError: (unreachable$|Unreachable code )/,
  trap: /^RuntimeError: (unreachable$|Unreachable code )/,
  'out-of-bounds load': /^RuntimeError: (memory access out of bounds$|Out of bounds memory access )/,
  recursion: /^(RangeError: Maximum call stack size exceeded|RuntimeError: )/,
})) {
  test(`start() throws if the guest ends by ${how}, with and without returnOnExit`, async (t) => {
    for (const returnOnExit of [true, false]) {
      const { error, stdout, stderr } = await run('exits', [how], { options: { returnOnExit } })
      t.regex(error ?? '', message)
      t.is(stdout, `${how} 0\n`)
      t.is(stderr, '')
    }
  })
}
