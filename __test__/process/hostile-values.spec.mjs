// Values of the embedder that fail: callbacks, signals and objects with inherited properties.

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
  for (const signal of [5, null, { aborted: false }, { aborted: true }, { aborted: 0, addEventListener() {} }]) {
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
