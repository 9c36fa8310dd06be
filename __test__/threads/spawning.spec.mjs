// `capwasi/threads`: programs that import `wasi.thread-spawn`.

import { readFileSync } from 'node:fs'
import test from 'ava'
import { WASI } from 'capwasi'
import { instantiateThreaded } from 'capwasi/threads'
import { assemble, node, tree } from '../support/guest.mjs'

/**
 * Returns a program. `$main` is `_start`; `$thread` runs in each thread with its number `$tid` and its argument `$arg`.
 * Both may call `$spawn`, `$wait` for a word of memory that is not 0, `$set` a word and notify, and the imports below.
 */
const program = (main, thread, { memory = '1 4 shared', more = '' } = {}) => `(module
  (import "env" "memory" (memory ${memory}))
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  ;; A separate function, because V8 in Node 20 loses local variables that are live across the instruction.
  (func $wait_once (param $at i32)
    (drop (memory.atomic.wait32 (local.get $at) (i32.const 0) (i64.const -1))))
  (func $wait (param $at i32)
    (loop $again
      (call $wait_once (local.get $at))
      (br_if $again (i32.eqz (i32.atomic.load (local.get $at))))))
  (func $set (param $at i32) (param $value i32)
    (i32.atomic.store (local.get $at) (local.get $value))
    (drop (memory.atomic.notify (local.get $at) (i32.const -1))))
  (func (export "_start") ${main})
  (func (export "wasi_thread_start") (param $tid i32) (param $arg i32) ${thread})
  ${more})`

/** Starts a program, and returns its exit code and its memory. Use it for programs that end. */
async function start(text, { threads, ...options } = {}) {
  const wasi = new WASI({ version: 'preview1', ...options })
  const instance = await instantiateThreaded(assemble(text), wasi, threads === undefined ? undefined : { threads })
  return { wasi, instance, code: wasi.start(instance) }
}

/** Starts a program in a process of its own, because it could hang. Prints the exit code, or the error. */
const startInProcess = (text, options = {}, flags = []) =>
  node(
    `
    import { WASI } from 'capwasi'
    import { instantiateThreaded } from 'capwasi/threads'
    import { assemble } from './__test__/support/guest.mjs'
    const wasi = new WASI({ version: 'preview1', ...${JSON.stringify(options)} })
    const instance = await instantiateThreaded(assemble(${JSON.stringify(text)}), wasi)
    try {
      console.log(wasi.start(instance))
    } catch (error) {
      console.log(error.name, error.code ?? '', error.message)
      console.log(/wasm/.test(error.stack))
    }`,
    { module: true, flags },
  )

const THREE = `
  (drop (call $spawn (i32.const 8)))
  (drop (call $spawn (i32.const 12)))
  (drop (call $spawn (i32.const 16)))
  (call $wait (i32.const 8)) (call $wait (i32.const 12)) (call $wait (i32.const 16))`

test('thread-spawn starts threads with the argument and numbers from 1', async (t) => {
  const text = program(THREE, '(call $set (local.get $arg) (local.get $tid))', { more: '(export "memory" (memory 0))' })
  const { code, instance } = await start(text)
  t.is(code, 0)
  t.deepEqual([...new Int32Array(instance.exports.memory.buffer, 8, 3)], [1, 2, 3])
})

test('a thread starts threads while the first thread waits', async (t) => {
  // Thread n starts thread n - 1. The last one wakes the first thread.
  const text = program(
    '(drop (call $spawn (i32.const 5))) (call $wait (i32.const 8))',
    `(if (local.get $arg)
      (then (drop (call $spawn (i32.sub (local.get $arg) (i32.const 1)))))
      (else (call $set (i32.const 8) (local.get $tid))))`,
    { more: '(export "memory" (memory 0))' },
  )
  const { code, instance } = await start(text)
  t.is(code, 0)
  t.is(new Int32Array(instance.exports.memory.buffer)[2], 6)
})

test('200 threads one after another reuse workers', async (t) => {
  // Each thread sets a word. The first thread clears it and starts the next.
  const text = program(
    `(local $count i32)
    (loop $next
      (i32.atomic.store (i32.const 8) (i32.const 0))
      (if (i32.le_s (call $spawn (i32.const 8)) (i32.const 0)) (then (unreachable)))
      (call $wait (i32.const 8))
      (local.set $count (i32.add (local.get $count) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $count) (i32.const 200))))`,
    '(call $set (local.get $arg) (i32.const 1))',
  )
  const { code } = await start(text, { threads: 4 })
  t.is(code, 0)
})

for (const threads of [0, 1, 3]) {
  test(`thread-spawn beyond ${threads} threads returns a negative number`, async (t) => {
    const { instance } = await start(
      program(
        `(i32.store (i32.const 0) (call $spawn (i32.const 8)))
         (i32.store (i32.const 4) (call $spawn (i32.const 8)))
         (i32.store (i32.const 8) (call $spawn (i32.const 8)))
         (i32.store (i32.const 12) (call $spawn (i32.const 8)))`,
        '(call $wait (i32.const 100))',
        { more: '(export "memory" (memory 0))' },
      ),
      { threads },
    )
    const numbers = [...new Int32Array(instance.exports.memory.buffer, 0, 4)]
    t.deepEqual(
      numbers.map((number) => number > 0),
      [0, 1, 2, 3].map((index) => index < threads),
    )
    t.true(numbers.slice(threads).every((number) => number < 0))
  })
}

test('16 threads run at once by default', async (t) => {
  const { code } = await start(
    program(
      `(local $count i32)
      (loop $next
        (if (i32.gt_s (call $spawn (i32.const 0)) (i32.const 0))
          (then (local.set $count (i32.add (local.get $count) (i32.const 1))) (br $next))))
      (call $proc_exit (local.get $count))`,
      '(call $wait (i32.const 100))',
    ),
  )
  t.is(code, 16)
})

test('threads share descriptors, and their output is in stdout', async (t) => {
  // Each thread writes its argument, a digit.
  const { wasi } = await start(
    program(
      THREE,
      `(local $at i32)
       (local.set $at (i32.mul (local.get $arg) (i32.const 16)))
       (i32.store (local.get $at) (i32.add (local.get $at) (i32.const 8)))
       (i32.store offset=4 (local.get $at) (i32.const 1))
       (i32.store8 offset=8 (local.get $at) (i32.add (i32.const 48) (i32.shr_u (local.get $arg) (i32.const 2))))
       (drop (call $fd_write (i32.const 1) (local.get $at) (i32.const 1) (i32.const 1000)))
       (call $set (local.get $arg) (i32.const 1))`,
    ),
    { stdout: 'pipe' },
  )
  t.is([...wasi.stdout.toString()].sort().join(''), '234')
})

// The end of one thread is the end of all.

const SLEEP = `(i32.store (i32.const 16) (i32.const 1))
  (i64.store (i32.const 24) (i64.const 100000000000))
  (drop (call $poll_oneoff (i32.const 0) (i32.const 512) (i32.const 1) (i32.const 1024)))`

for (const [activity, main] of [
  ['waits for a word of memory', '(call $wait (i32.const 100))'],
  ['computes', '(loop $forever (br $forever))'],
  ['waits in poll_oneoff', SLEEP],
]) {
  const first = `(drop (call $spawn (i32.const 0))) ${main}`

  test(`a trap in a thread ends a first thread that ${activity}: start() throws it`, async (t) => {
    const ran = await startInProcess(program(first, '(unreachable)'))
    t.is(ran.stdout, 'RuntimeError  unreachable\ntrue\n', ran.stderr)
    t.is(ran.stderr, '')
    t.is(ran.code, 0)
  })

  test(`proc_exit in a thread ends a first thread that ${activity}: start() returns the code`, async (t) => {
    const ran = await startInProcess(program(first, '(call $proc_exit (i32.const 7))'))
    t.is(ran.stdout, '7\n', ran.stderr)
    t.is(ran.stderr, '')
  })

  test(`proc_exit with returnOnExit false in a thread ends a process that ${activity}`, async (t) => {
    const ran = await startInProcess(program(first, '(call $proc_exit (i32.const 7))'), { returnOnExit: false })
    t.is(ran.code, 7, ran.stderr)
    t.is(ran.stdout, '')
  })

  test(`the first thread ends a thread that ${activity}`, async (t) => {
    for (const [end, output] of [
      ['', '0\n'],
      ['(call $proc_exit (i32.const 3))', '3\n'],
      ['(unreachable)', 'RuntimeError  unreachable\ntrue\n'],
    ]) {
      const text = program(
        `(drop (call $spawn (i32.const 0))) (call $wait (i32.const 8)) ${end}`,
        `(call $set (i32.const 8) (i32.const 1)) ${main}`,
      )
      const ran = await startInProcess(text)
      t.is(ran.stdout, output, ran.stderr)
      t.is(ran.code, 0)
    }
  })

  test(`a trap in a thread ends another thread that ${activity}`, async (t) => {
    const text = program(
      `(drop (call $spawn (i32.const 1)))
       (call $wait (i32.const 8))
       (drop (call $spawn (i32.const 0)))
       (call $wait (i32.const 100))`,
      `(if (i32.eqz (local.get $arg)) (then (unreachable)))
       (call $set (i32.const 8) (i32.const 1)) ${main}`,
    )
    const ran = await startInProcess(text)
    t.is(ran.stdout, 'RuntimeError  unreachable\ntrue\n', ran.stderr)
    t.is(ran.code, 0)
  })
}

test('proc_exit(-1) in a thread: start() returns -1', async (t) => {
  const text = program(
    '(drop (call $spawn (i32.const 0))) (call $wait (i32.const 100))',
    '(call $proc_exit (i32.const -1))',
  )
  const { code } = await start(text)
  t.is(code, -1)
})

/** Runs a script in which `workers` are the workers of the threads. */
const withWorkers = (script) =>
  node(
    `
    import { once } from 'node:events'
    import { createRequire } from 'node:module'
    import { assemble } from './__test__/support/guest.mjs'
    const require = createRequire(process.cwd() + '/')
    const workerThreads = require('node:worker_threads')
    const workers = []
    workerThreads.Worker = class extends workerThreads.Worker {
      constructor(...args) {
        super(...args)
        workers.push(this)
      }
    }
    const { WASI } = require('capwasi')
    const { instantiateThreaded } = require('capwasi/threads')
    ${script}`,
    { module: true },
  )

/** Writes a byte to stdout. */
const WRITE = `(i32.store (i32.const 20) (i32.const 1))
  (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 1024)))`

test('a thread whose worker is terminated ends a first thread that waits for it: start() throws', async (t) => {
  const text = program(
    `(drop (call $spawn (i32.const 0))) (call $wait (i32.const 8))
     ${WRITE}
     (call $wait (i32.const 100))`,
    '(call $set (i32.const 8) (i32.const 1)) (loop $forever (br $forever))',
  )
  const ran = await withWorkers(`
    const wasi = new WASI({ version: 'preview1', stdout: () => { workers[0].terminate() } })
    const instance = await instantiateThreaded(assemble(${JSON.stringify(text)}), wasi)
    try { wasi.start(instance) } catch (error) { console.log(error.message) }`)
  t.is(ran.stdout, 'A thread of the guest was terminated\n', ran.stderr)
  t.is(ran.code, 0)
})

test('close() ends the threads of a reactor', async (t) => {
  const text = program(
    '(drop (call $spawn (i32.const 0))) (call $wait (i32.const 8))',
    '(call $set (i32.const 8) (i32.const 1)) (loop $forever (br $forever))',
  ).replace('(export "_start")', '(export "_initialize")')
  const ran = await withWorkers(`
    const wasi = new WASI({ version: 'preview1' })
    wasi.initialize(await instantiateThreaded(assemble(${JSON.stringify(text)}), wasi))
    workers[0].ref()
    wasi.close()
    await once(workers[0], 'exit')
    console.log('exit')`)
  t.is(ran.stdout, 'exit\n', ran.stderr)
  t.is(ran.code, 0)
})

test('a guest that a callback of another guest runs does not lose the end of the outer guest', async (t) => {
  const exits = '(call $wait (i32.const 200)) (call $proc_exit (i32.const 7))'
  const outer = program(
    `(drop (call $spawn (i32.const 0)))
     ${WRITE}
     (loop $forever (br $forever))`,
    exits,
    { more: '(export "memory" (memory 0))' },
  )
  const inner = program('(drop (call $spawn (i32.const 0))) (call $wait (i32.const 100))', exits, {
    more: '(export "memory" (memory 0))',
  })
  const ran = await withWorkers(`
    const [outer, inner] = ${JSON.stringify([outer, inner])}.map((text) => assemble(text))
    // Wakes both threads at once.
    const waker = (memories) => new workerThreads.Worker(\`
      const { workerData } = require('node:worker_threads')
      const words = workerData.map(({ buffer }) => new Int32Array(buffer))
      setTimeout(() => {
        for (const word of words) Atomics.store(word, 50, 1)
        for (const word of words) Atomics.notify(word, 50)
      }, 50)\`, { eval: true, execArgv: [], workerData: memories })
    for (let i = 0; i < 5; i++) {
      const wasi = new WASI({ version: 'preview1', stdout() {
        waker([outerInstance.exports.memory, innerInstance.exports.memory])
        innerWasi.start(innerInstance)
      } })
      const outerInstance = await instantiateThreaded(outer, wasi)
      const innerWasi = new WASI({ version: 'preview1' })
      const innerInstance = await instantiateThreaded(inner, innerWasi)
      console.log(wasi.start(outerInstance))
    }
    process.exit()`)
  t.is(ran.stdout, '7\n'.repeat(5), ran.stderr)
})

test('the process continues after a guest with threads has ended', async (t) => {
  const text = program('(drop (call $spawn (i32.const 0))) (call $wait (i32.const 100))', '(unreachable)')
  for (let i = 0; i < 20; i++) {
    await t.throwsAsync(start(text), { instanceOf: WebAssembly.RuntimeError, message: 'unreachable' })
    // JavaScript is not stopped later.
    for (let j = 0; j < 1e5; j++) Math.sqrt(j)
  }
})

test('a trap in a thread of a reactor is uncaught in the thread that created the guest', async (t) => {
  const text = program('', '(unreachable)', {
    more: '(func (export "spawn") (drop (call $spawn (i32.const 0))))',
  }).replace('(export "_start")', '(export "_initialize")')
  const ran = await node(
    `
    import { WASI } from 'capwasi'
    import { instantiateThreaded } from 'capwasi/threads'
    import { assemble } from './__test__/support/guest.mjs'
    process.on('uncaughtException', (error) => {
      console.log(error.name, error.message)
      process.exit()
    })
    const wasi = new WASI({ version: 'preview1' })
    const instance = await instantiateThreaded(assemble(${JSON.stringify(text)}), wasi)
    wasi.initialize(instance)
    instance.exports.spawn()
    setInterval(() => {}, 1000)`,
    { module: true },
  )
  t.is(ran.stdout, 'RuntimeError unreachable\n', ran.stderr)
})

test('threads of a reactor do not keep the process alive', async (t) => {
  const text = program('(drop (call $spawn (i32.const 0)))', '(loop $forever (br $forever))').replace(
    '(export "_start")',
    '(export "_initialize")',
  )
  const ran = await node(
    `
    import { WASI } from 'capwasi'
    import { instantiateThreaded } from 'capwasi/threads'
    import { assemble } from './__test__/support/guest.mjs'
    const wasi = new WASI({ version: 'preview1' })
    const instance = await instantiateThreaded(assemble(${JSON.stringify(text)}), wasi)
    wasi.initialize(instance)
    console.log('end')`,
    { module: true },
  )
  t.is(ran.stdout, 'end\n', ran.stderr)
  t.is(ran.code, 0)
})

test('a guest with threads runs in a worker, and worker.terminate() ends all its threads', async (t) => {
  const text = program(
    '(drop (call $spawn (i32.const 0))) (call $wait (i32.const 100))',
    '(call $set (i32.const 8) (i32.const 1)) (loop $forever (br $forever))',
    { more: '(export "memory" (memory 0))' },
  )
  const ran = await node(
    `
    import { once } from 'node:events'
    import { createRequire } from 'node:module'
    import { Worker } from 'node:worker_threads'
    import { assemble } from './__test__/support/guest.mjs'
    const script = \`
      const { parentPort, workerData } = require('node:worker_threads')
      const { WASI } = require('capwasi')
      const { instantiateThreaded } = require('capwasi/threads')
      const wasi = new WASI({ version: 'preview1' })
      instantiateThreaded(workerData, wasi).then((instance) => {
        parentPort.postMessage(instance.exports.memory)
        wasi.start(instance)
      })\`
    const worker = new Worker(script, { eval: true, execArgv: [], workerData: assemble(${JSON.stringify(text)}) })
    const [memory] = await once(worker, 'message')
    const words = new Int32Array(memory.buffer)
    while (words[2] === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    console.log(await worker.terminate())`,
    { module: true },
  )
  t.is(ran.stdout, '1\n', ran.stderr)
  t.is(ran.code, 0)
})

// Arguments

const runnable = () => assemble(program('', ''))
for (const [title, module, message] of [
  ['a value that is no module', () => ({}), /^The "module" argument must be an instance of WebAssembly.Module/],
  ['a module without a memory', () => assemble('(module (func (export "wasi_thread_start")))'), /imports 0 memories$/],
  [
    'a module without wasi_thread_start',
    () => assemble('(module (import "env" "memory" (memory 1 1 shared)))'),
    /must export the function wasi_thread_start$/,
  ],
  [
    'a module with a memory that is not shared',
    () => assemble('(module (import "env" "memory" (memory 1)) (func (export "wasi_thread_start")))'),
    /Its memory is not shared$/,
  ],
]) {
  test(`instantiateThreaded() of ${title} rejects`, async (t) => {
    const error = await t.throwsAsync(instantiateThreaded(module(), new WASI({ version: 'preview1' })), { message })
    t.regex(error.code, /^ERR_INVALID_ARG_(TYPE|VALUE)$/)
  })
}

for (const [options, code] of [
  [{ threads: '4' }, 'ERR_INVALID_ARG_TYPE'],
  [{ threads: -1 }, 'ERR_OUT_OF_RANGE'],
  [{ threads: 1.5 }, 'ERR_OUT_OF_RANGE'],
  [{ thread: 4 }, 'ERR_INVALID_ARG_VALUE'],
  ['text', 'ERR_INVALID_ARG_TYPE'],
]) {
  test(`instantiateThreaded() with ${JSON.stringify(options)} rejects with ${code}`, async (t) => {
    await t.throwsAsync(instantiateThreaded(runnable(), new WASI({ version: 'preview1' }), options), { code })
  })
}

test('instantiateThreaded() without a WASI object rejects with ERR_INVALID_ARG_TYPE', async (t) => {
  await t.throwsAsync(instantiateThreaded(runnable(), {}), {
    code: 'ERR_INVALID_ARG_TYPE',
    message: /^The "wasi" argument/,
  })
})

for (const memory of ['0 1 shared', '1 1 shared', '17 16384 shared', '300 65536 shared', '0 0 shared']) {
  test(`instantiateThreaded() creates the memory (memory ${memory})`, async (t) => {
    const text = program('', '', { memory, more: '(export "memory" (memory 0))' })
    const instance = await instantiateThreaded(assemble(text), new WASI({ version: 'preview1' }))
    const [initial, maximum] = memory.split(' ').map(Number)
    const { buffer } = instance.exports.memory
    t.is(buffer.byteLength, initial * 65_536)
    t.true(buffer instanceof SharedArrayBuffer)
    if (maximum - initial < 100) {
      t.is(instance.exports.memory.grow(maximum - initial), initial)
      t.throws(() => instance.exports.memory.grow(1))
    }
  })
}

test('the C guest with threads passes each of its scenarios', async (t) => {
  const module = new WebAssembly.Module(readFileSync(new URL('../guests/threads.wasm', import.meta.url)))
  for (const [scenario, code] of [
    ['files', 0],
    ['condition', 0],
    ['errors', 0],
    ['ends', 7],
  ]) {
    const options = { args: ['threads', scenario], preopens: { '/': tree(t) }, stdout: 'ignore' }
    const wasi = new WASI({ version: 'preview1', ...options })
    t.is(wasi.start(await instantiateThreaded(module, wasi)), code, scenario)
  }
})

test('a guest that was closed before it may start threads runs, and starts none', async (t) => {
  const text = program('(call $proc_exit (i32.add (call $spawn (i32.const 0)) (i32.const 8)))', '')
  const ran = await withWorkers(`
    const wasi = new WASI({ version: 'preview1' })
    wasi.close()
    const instance = await instantiateThreaded(assemble(${JSON.stringify(text)}), wasi)
    console.log(wasi.start(instance), workers.length)`)
  t.is(ran.stdout, '7 0\n', ran.stderr)
})
