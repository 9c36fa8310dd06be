// Pool: threads, queue, statistics, close() and disposal.

import test from 'ava'
import { availableParallelism } from 'node:os'
import { node } from '../support/guest.mjs'
import {
  CAT,
  COMPUTE,
  Pool,
  TRAP,
  WAIT,
  createPool,
  event,
  failure,
  print,
  program,
  sleep,
  until,
} from '../support/process.mjs'

const HELLO = program(print('hello'))

test('a pool runs at most its number of guests at once', async (t) => {
  const pool = createPool(t, { threads: 2 })
  const guests = Array.from({ length: 5 }, () => pool.spawn(program(WAIT)))
  await Promise.all(guests.slice(0, 2).map((guest) => event(guest, 'spawn')))
  t.deepEqual(pool.stats, { threads: 2, running: 2, queued: 3, finished: 0 })
  for (const guest of guests) guest.kill()
  await Promise.all(guests.map((guest) => failure(guest.result)))
  t.like(pool.stats, { running: 0, queued: 0 })
})

test('guests that wait start in the order of their calls', async (t) => {
  const pool = createPool(t, { threads: 1 })
  const order = []
  await Promise.all([0, 1, 2, 3, 4].map((index) => pool.run(HELLO).then(() => order.push(index))))
  t.deepEqual(order, [0, 1, 2, 3, 4])
  t.deepEqual(pool.stats, { threads: 1, running: 0, queued: 0, finished: 5 })
})

test('more than maxQueue waiting guests are ERR_WASI_QUEUE_FULL', async (t) => {
  const pool = createPool(t, { threads: 1, maxQueue: 2 })
  const running = [1, 2, 3].map(() => pool.run(HELLO))
  t.like(pool.stats, { running: 1, queued: 2 })
  t.is((await failure(pool.run(HELLO))).code, 'ERR_WASI_QUEUE_FULL')
  t.throws(() => pool.spawn(HELLO), { code: 'ERR_WASI_QUEUE_FULL' })
  await Promise.all(running)
  t.is((await pool.run(HELLO)).stdout, 'hello')
})

test('maxQueue: 0 allows those that run', async (t) => {
  const pool = createPool(t, { threads: 2, maxQueue: 0 })
  const running = [pool.run(HELLO), pool.run(HELLO)]
  t.is((await failure(pool.run(HELLO))).code, 'ERR_WASI_QUEUE_FULL')
  await Promise.all(running)
})

test('the timeout does not count waiting for a thread', async (t) => {
  const pool = createPool(t, { threads: 1 })
  const first = pool.run(program(sleep(1500)))
  const { stdout } = await pool.run(HELLO, [], { timeout: 1000 })
  t.is(stdout, 'hello')
  await first
})

test('a signal aborts a guest that waits for a thread', async (t) => {
  const pool = createPool(t, { threads: 1 })
  const running = pool.spawn(program(WAIT))
  const controller = new AbortController()
  const queued = pool.run(HELLO, [], { signal: controller.signal })
  controller.abort('reason')
  const error = await failure(queued)
  t.deepEqual([error.code, error.cause], ['ABORT_ERR', 'reason'])
  t.is(pool.stats.queued, 0)
  running.kill()
  await failure(running.result)
})

test('a thread runs one guest after the other, and is replaced after a kill', async (t) => {
  const pool = createPool(t, { threads: 1 })
  for (let round = 0; round < 5; round++) {
    await pool.run(HELLO)
    await failure(pool.run(program(TRAP)))
    await failure(pool.run(program(COMPUTE), [], { timeout: 20 }))
    t.true(pool.stats.threads <= 1)
  }
  t.is((await pool.run(CAT, [], { input: 'text' })).stdout, 'text')
  t.is(pool.stats.finished, 16)
})

test('guests of one thread share nothing', async (t) => {
  const pool = createPool(t, { threads: 1 })
  const count = program(
    `(i32.store (i32.const 2048) (i32.add (i32.load (i32.const 2048)) (i32.const 1)))
     (call $proc_exit (i32.load (i32.const 2048)))`,
  )
  for (let round = 0; round < 3; round++) t.is((await failure(pool.run(count))).exitCode, 1)
})

test('an idle thread ends after idleTimeout', async (t) => {
  const pool = createPool(t, { threads: 2, idleTimeout: 50 })
  await Promise.all([pool.run(HELLO), pool.run(HELLO)])
  await until(() => pool.stats.threads === 0)
  t.is((await pool.run(HELLO)).stdout, 'hello')
  const now = createPool(t, { threads: 1, idleTimeout: 0 })
  await now.run(HELLO)
  await until(() => now.stats.threads === 0)
})

test('close() waits for the guests that run or wait, and refuses new ones', async (t) => {
  const pool = new Pool({ threads: 1 })
  const running = [pool.run(program(sleep(100) + print('first'))), pool.run(HELLO)]
  let isClosed = false
  const closed = pool.close().then(() => {
    isClosed = true
  })
  t.is((await failure(pool.run(HELLO))).code, 'ERR_INVALID_STATE')
  t.throws(() => pool.spawn(HELLO), { code: 'ERR_INVALID_STATE', message: 'Invalid state: The pool is closed' })
  t.false(isClosed)
  const results = await Promise.all(running)
  t.deepEqual(
    results.map(({ stdout }) => stdout),
    ['first', 'hello'],
  )
  await closed
  await pool.close()
  t.is(pool.stats.threads, 0)
})

test('close() waits for guests that fail', async (t) => {
  const pool = new Pool({ threads: 1 })
  const failing = failure(pool.run(program(TRAP)))
  const killed = pool.spawn(program(TRAP))
  await pool.close()
  t.is((await failing).code, 'ERR_WASI_TRAP')
  t.is((await failure(killed.result)).code, 'ERR_WASI_TRAP')
})

test('disposal kills the guests that run or wait', async (t) => {
  const pool = new Pool({ threads: 1 })
  const errors = [COMPUTE, WAIT, ''].map((start) => failure(pool.run(program(start))))
  await until(() => pool.stats.running === 1)
  await pool[Symbol.asyncDispose ?? Symbol.for('capwasi.asyncDispose')]()
  for (const error of await Promise.all(errors)) t.is(error.code, 'ABORT_ERR')
  t.is((await failure(pool.run(HELLO))).code, 'ERR_INVALID_STATE')
})

test('methods of a pool need their object', async (t) => {
  const { run } = new Pool()
  await t.throwsAsync(async () => run(HELLO), { instanceOf: TypeError })
})

test('100 guests of a pool of 4 end with their own output', async (t) => {
  const pool = createPool(t, { threads: 4 })
  const results = await Promise.all(Array.from({ length: 100 }, (_, index) => pool.run(CAT, [], { input: `${index}` })))
  t.deepEqual(
    results.map(({ stdout }) => Number(stdout)),
    Array.from({ length: 100 }, (_, index) => index),
  )
})

test('invalid options of a pool throw', (t) => {
  const invalid = (options, code, message = /./) => t.throws(() => new Pool(options), { code, message })
  invalid({ threads: 0 }, 'ERR_OUT_OF_RANGE')
  invalid({ threads: 1025 }, 'ERR_OUT_OF_RANGE')
  invalid({ threads: 1.5 }, 'ERR_OUT_OF_RANGE')
  invalid({ threads: '1' }, 'ERR_INVALID_ARG_TYPE')
  invalid({ maxQueue: -1 }, 'ERR_OUT_OF_RANGE')
  invalid({ idleTimeout: 2 ** 31 }, 'ERR_OUT_OF_RANGE')
  invalid({ thread: 1 }, 'ERR_INVALID_ARG_VALUE', /thread.*threads/)
  invalid(1, 'ERR_INVALID_ARG_TYPE')
  t.notThrows(() => new Pool({ threads: undefined, maxQueue: undefined, idleTimeout: undefined }))
  t.throws(() => Pool(), { instanceOf: TypeError })
})

for (const [value, expected] of [
  ['3', 3],
  ['0', availableParallelism()],
  ['many', availableParallelism()],
  ['', availableParallelism()],
]) {
  test(`CAPWASI_THREADS=${value} gives pools ${expected === 3 ? 'that number' : 'the number of processors'}`, async (t) => {
    const { stdout } = await node(
      `import { Pool, WAIT, failure, program } from './__test__/support/process.mjs'
       const pool = new Pool()
       const guests = Array.from({ length: ${expected + 2} }, () => pool.spawn(program(WAIT)))
       console.log(pool.stats.running)
       for (const guest of guests) guest.kill()
       await Promise.all(guests.map((guest) => failure(guest.result)))`,
      { module: true, env: { ...process.env, CAPWASI_THREADS: value } },
    )
    t.is(stdout, `${expected}\n`)
  })
}
