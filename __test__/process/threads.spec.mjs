// Guests with threads: wasi.thread-spawn in run() and spawn().

import { Directory } from 'capwasi'
import test from 'ava'
import { slow } from '../support/conditions.mjs'
import {
  COMPUTE,
  TRAP,
  WAIT,
  createPool,
  event,
  exit,
  failure,
  guestFile,
  print,
  program,
  run,
  sleep,
  spawn,
  threaded,
} from '../support/process.mjs'

/** Sets the word 32, and wakes the first thread. */
const FINISH = `
  (i32.atomic.store (i32.const 32) (i32.const 1))
  (drop (memory.atomic.notify (i32.const 32) (i32.const 1)))`
/** Waits until another thread has set the word. */
const AWAIT = '(drop (memory.atomic.wait32 (i32.const 32) (i32.const 0) (i64.const -1)))'

test('a thread writes to the output of its guest', async (t) => {
  const { exitCode, stdout } = await run(threaded(print('thread') + FINISH, { start: AWAIT + print(', main') }))
  t.deepEqual([exitCode, stdout], [0, 'thread, main'])
})

test('guests in C with pthreads run', async (t) => {
  const files = Directory.memory()
  t.teardown(() => files.close())
  for (const scenario of ['files']) {
    const { exitCode, stderr } = await run(guestFile('threads'), [scenario], { preopens: { '/': files } })
    t.deepEqual([exitCode, stderr], [0, ''])
  }
  t.is(files.readdirSync('/').length, 4)
})

test('a trap of a thread ends the guest', async (t) => {
  const error = await failure(run(threaded(print('text') + TRAP)))
  t.deepEqual([error.code, error.stdout], ['ERR_WASI_TRAP', 'text'])
  t.is(error.trap.message, 'unreachable')
})

test('an exit of a thread ends the guest with its code', async (t) => {
  const error = await failure(run(threaded(print('text') + exit(7))))
  t.deepEqual([error.code, error.exitCode, error.stdout], ['ERR_WASI_EXIT', 7, 'text'])
})

for (const [title, thread] of [
  ['computes', COMPUTE],
  ['waits', WAIT],
  ['waits for memory', AWAIT],
]) {
  test(`a timeout and kill() end a guest whose thread ${title}`, async (t) => {
    const error = await failure(run(threaded(thread), [], { timeout: 200 }))
    t.is(error.code, 'ERR_WASI_TIMEOUT')
    const guest = spawn(threaded(print('started') + thread))
    await event(guest.stdout, 'data')
    guest.kill()
    t.is((await failure(guest.result)).code, 'ABORT_ERR')
  })
}

test('threads end with the first thread', async (t) => {
  const pool = createPool(t, { threads: 1 })
  for (let round = 0; round < 20; round++) {
    const { exitCode } = await pool.run(threaded(FINISH + COMPUTE, { start: AWAIT }))
    t.is(exitCode, 0)
  }
})

test('a module with threads runs without a limit of its memory', async (t) => {
  const { stdout } = await run(new WebAssembly.Module(threaded(print('thread') + FINISH, { start: AWAIT })))
  t.is(stdout, 'thread')
})

test('several guests with threads run at once', async (t) => {
  const pool = createPool(t, { threads: 4 })
  const bytes = threaded(print('thread') + FINISH, { start: AWAIT })
  const results = await Promise.all(Array.from({ length: 12 }, () => pool.run(bytes)))
  for (const { stdout } of results) t.is(stdout, 'thread')
})

slow()('a trap of a thread fails its own guest only, not the next one in the thread of the pool', async (t) => {
  const pool = createPool(t, { threads: 1 })
  for (let round = 0; round < 25; round++) {
    t.is((await failure(pool.run(threaded(TRAP)))).code, 'ERR_WASI_TRAP')
    t.is((await pool.run(program(sleep(60)))).exitCode, 0)
  }
})
