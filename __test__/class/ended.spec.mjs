// The first exception of a host function, or the first exit, ends a run of start() or initialize(), even if the guest
// catches the exception.

import { once } from 'node:events'
import { createRequire } from 'node:module'
import { runInThisContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { WASI } from 'capwasi'
import { assemble, command, instantiate, node } from '../support/guest.mjs'

const newWasi = (options) => new WASI({ version: 'preview1', ...options })
const memory = new WebAssembly.Memory({ initial: 1 })
const symbolOf = (wasi, name) => Object.getOwnPropertySymbols(wasi).find(({ description }) => description === name)

/** Allows another start(). */
const allowRestart = (wasi) => {
  wasi[symbolOf(wasi, 'kStarted')] = false
}

/** Runs `action`. Returns `{ returned }` or `{ thrown }`. */
const outcome = (action) => {
  try {
    return { returned: action() }
  } catch (thrown) {
    return { thrown }
  }
}

const data = '(data (i32.const 0) "\\40\\00\\00\\00\\05\\00\\00\\00") (data (i32.const 64) "hello")'
const catchAll = (body) => `(try (do ${body}) (catch_all))`
const WRITE = '(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))'
const READ = '(drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))'
const TIME = '(drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 8)))'
const exit = (code) => `(call $proc_exit (i32.const ${code}))`
const times = (count, body) => `
  (local.set 0 (i32.const ${count}))
  (loop $again ${body} (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))`

/** Returns a module with one entry function. `caught` counts the exceptions that catchAndCount() catches. */
const guest = (body, entry = '_start') => `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1) ${data}
  (global $caught (export "caught") (mut i32) (i32.const 0))
  (func (export "${entry}") (local i32) ${body})
  (func (export "write") ${WRITE})
  (func (export "exit") ${exit(9)}))`

const catchAndCount = (body) =>
  `(try (do ${body}) (catch_all (global.set $caught (i32.add (global.get $caught) (i32.const 1)))))`

for (const [source, call, options] of [
  ['a stdout function', WRITE, (fail) => ({ stdout: fail })],
  ['a Writable', WRITE, (fail) => ({ stdout: { write: fail } })],
  ['a stdin function', READ, (fail) => ({ stdin: fail })],
  [
    'an iterable',
    READ,
    (fail) => ({
      stdin: (function* () {
        yield fail()
      })(),
    }),
  ],
  ['a clock', TIME, (fail) => ({ clock: { realtime: fail } })],
  ['a trace function', WRITE, (fail) => ({ stdout: 'ignore', trace: fail })],
]) {
  test(`start(), initialize() and later calls rethrow the exception of ${source}`, (t) => {
    for (const [method, entry] of [
      ['start', '_start'],
      ['initialize', '_initialize'],
    ]) {
      for (const trace of [undefined, () => {}]) {
        for (const thrown of [new Error('enough'), undefined, 0]) {
          let calls = 0
          const wasi = newWasi({
            trace,
            ...options(() => {
              calls++
              throw thrown
            }),
          })
          const instance = instantiate(wasi, guest(times(100, catchAndCount(call)), entry))
          t.deepEqual(
            outcome(() => wasi[method](instance)),
            { thrown },
          )
          t.deepEqual([calls, instance.exports.caught.value], [1, 100])
        }
      }
    }
  })
}

for (const [source, call, options] of [
  ['a stdin function', READ, { stdin: () => 5 }],
  ['an iterable', READ, { stdin: [5] }],
  ['a clock', TIME, { clock: { realtime: () => 5 } }],
]) {
  test(`start() throws ERR_INVALID_RETURN_VALUE if ${source} provides a wrong value`, (t) => {
    const wasi = newWasi(options)
    const instance = instantiate(wasi, guest(times(3, catchAndCount(call))))
    t.throws(() => wasi.start(instance), { code: 'ERR_INVALID_RETURN_VALUE' })
    t.is(instance.exports.caught.value, 3)
  })
}

for (const [action, rest] of [
  ['returns', ''],
  ['traps', 'unreachable'],
  ['exits with another code', exit(8)],
  ['catches an exit with another code', catchAll(exit(8))],
  ['writes', WRITE],
  ['writes and traps', `${catchAll(WRITE)} unreachable`],
]) {
  test(`start() returns the first exit code if the guest catches the exit and then ${action}`, (t) => {
    for (const trace of [undefined, () => {}]) {
      const written = []
      const stdout = (chunk) => void written.push(String(chunk))
      const wasi = newWasi({ stdout, trace })
      t.is(wasi.start(instantiate(wasi, guest(WRITE + catchAll(exit(7)) + rest))), 7)
      t.deepEqual(written, ['hello'])
      const other = newWasi({ stdout, trace })
      const instance = instantiate(other, guest(catchAll(exit(7)) + rest, '_initialize'))
      t.like(
        outcome(() => other.initialize(instance)),
        { thrown: { code: 'ERR_WASI_EXIT', exitCode: 7 } },
      )
      t.deepEqual(written, ['hello'])
    }
  })

  test(`start() throws the first exception if the guest catches it and then ${action}`, (t) => {
    const thrown = new Error('enough')
    let calls = 0
    const wasi = newWasi({
      stdout() {
        calls++
        throw thrown
      },
    })
    t.deepEqual(
      outcome(() => wasi.start(instantiate(wasi, guest(catchAll(WRITE) + rest)))),
      { thrown },
    )
    t.is(calls, 1)
  })
}

test('the first exit or exception decides the result of start()', (t) => {
  const wasi = newWasi()
  t.is(
    wasi.start({
      exports: {
        memory,
        _start() {
          try {
            wasi.wasiImport.proc_exit(4)
          } finally {
            // biome-ignore lint/correctness/noUnsafeFinally: replacing the exit by an exception is the subject
            throw new Error('mine')
          }
        },
      },
    }),
    4,
  )
  const thrown = new Error('first')
  const other = newWasi({
    clock: {
      realtime() {
        throw thrown
      },
    },
  })
  const _start = () => {
    const { proc_exit, clock_time_get } = other.wasiImport
    t.is(
      t.throws(() => clock_time_get(0, 0n, 8)),
      thrown,
    )
    t.is(
      t.throws(() => proc_exit(3)),
      thrown,
    )
  }
  t.deepEqual(
    outcome(() => other.start({ exports: { memory, _start } })),
    { thrown },
  )
  t.is(other[symbolOf(other, 'kExitCode')], 0)
})

test('with returnOnExit false, a mocked process.exit that returns or throws ends the run', async (t) => {
  const { stdout, stderr } = await node(
    `
    import { WASI } from 'capwasi'
    import { instantiate } from './__test__/support/guest.mjs'
    for (const exit of [() => {}, () => { throw Object.assign(new Error('mock'), { code: 'MOCK' }) }]) {
      const wasi = new WASI({ version: 'preview1', returnOnExit: false, stdout: () => console.log('written') })
      const instance = instantiate(wasi, ${JSON.stringify(guest(catchAll(exit(5)) + catchAll(WRITE)))})
      const original = process.exit
      process.exit = exit
      try { console.log(wasi.start(instance)) } catch ({ code, exitCode }) { console.log(code, exitCode) }
      process.exit = original
    }`,
    { module: true },
  )
  t.is(stdout, 'ERR_WASI_EXIT 5\nMOCK undefined\n', stderr)
})

test('a call with wrong arguments throws after proc_exit in a run, and returns EINVAL outside', (t) => {
  const wasi = newWasi()
  const { proc_exit, fd_close } = wasi.wasiImport
  const _start = () => {
    t.is(fd_close('0'), 28)
    const { thrown } = outcome(() => proc_exit(3))
    for (const args of [[], ['0'], [0, 0]]) t.is(outcome(() => fd_close(...args)).thrown, thrown)
  }
  t.is(wasi.start({ exports: { memory, _start } }), 3)
  t.is(fd_close('0'), 28)
})

test('start() after a run that threw or exited runs the guest again', (t) => {
  let calls = 0
  const wasi = newWasi({
    stdout() {
      if (++calls === 1) throw new Error('enough')
    },
  })
  const instance = instantiate(wasi, guest(catchAll(WRITE) + catchAll(WRITE)))
  t.throws(() => wasi.start(instance), { message: 'enough' })
  t.is(calls, 1)
  allowRestart(wasi)
  t.is(wasi.start(instance), 0)
  t.is(calls, 3)
  const exiting = newWasi()
  for (const code of [1, 2, 3]) {
    t.is(
      exiting.start({
        exports: {
          memory,
          _start() {
            exiting.wasiImport.proc_exit(code)
          },
        },
      }),
      code,
    )
    allowRestart(exiting)
  }
})

test('exports called outside a run throw on each error and stay usable', (t) => {
  for (const bind of ['initialize', 'finalizeBindings']) {
    let fails = true
    const written = []
    const wasi = newWasi({
      stdout(chunk) {
        if (fails) throw new Error('enough')
        written.push(String(chunk))
      },
    })
    const { exports } = instantiate(wasi, guest('', '_initialize'))
    wasi[bind]({ exports })
    for (let attempt = 0; attempt < 3; attempt++) t.throws(exports.write, { message: 'enough' })
    for (let attempt = 0; attempt < 3; attempt++) t.throws(exports.exit, { code: 'ERR_WASI_EXIT' })
    fails = false
    exports.write()
    t.deepEqual(written, ['hello'])
  }
})

test('exports called after a run that exited still work, also after memory.grow()', (t) => {
  const written = []
  const wasi = newWasi({ stdout: (chunk) => void written.push(String(chunk)) })
  const { exports } = instantiate(wasi, guest(exit(3)))
  t.is(wasi.start({ exports }), 3)
  exports.write()
  exports.memory.grow(1)
  exports.write()
  t.deepEqual(written, ['hello', 'hello'])
})

test('an exit in a callback that calls the guest ends the run, even if the callback catches it', (t) => {
  const errors = []
  const wasi = newWasi({
    stdout() {
      errors.push(outcome(exports.exit).thrown.exitCode, outcome(exports.write).thrown.exitCode)
    },
  })
  const { exports } = instantiate(wasi, guest(`${WRITE} ${WRITE}`))
  t.is(wasi.start({ exports }), 9)
  t.deepEqual(errors, [9, 9])
})

test('an exception in a nested run of the same sandbox ends only the nested run', (t) => {
  let depth = 0
  const seen = []
  const wasi = newWasi({
    stdout() {
      if (++depth > 1) throw new Error('inner')
      allowRestart(wasi)
      seen.push(
        outcome(() => wasi.start({ exports: { memory: exports.memory, _start: exports.write } })).thrown.message,
      )
    },
  })
  const { exports } = instantiate(wasi, guest(`${WRITE} ${exit(6)}`))
  t.is(wasi.start({ exports }), 6)
  t.deepEqual(seen, ['inner'])
})

test('calls after proc_exit throw, even after a nested start() or finalizeBindings()', (t) => {
  const wasi = newWasi()
  const { proc_exit, sched_yield } = wasi.wasiImport
  const _start = () => {
    const { thrown } = outcome(() => proc_exit(2))
    allowRestart(wasi)
    wasi.start({ exports: { memory, _start: () => t.is(sched_yield(), 0) } })
    t.is(outcome(sched_yield).thrown, thrown)
    allowRestart(wasi)
    wasi.finalizeBindings({ exports: { memory } })
    t.is(outcome(sched_yield).thrown, thrown)
  }
  t.is(wasi.start({ exports: { memory, _start } }), 2)
})

test('an exit of one sandbox does not end the run of another', (t) => {
  const [one, other] = [newWasi(), newWasi()]
  const _start = () => {
    t.is(outcome(() => other.wasiImport.proc_exit(5)).thrown.exitCode, 5)
    t.is(one.wasiImport.sched_yield(), 0)
    const inner = {
      exports: {
        memory,
        _start() {
          other.wasiImport.proc_exit(6)
        },
      },
    }
    t.is(other.start(inner), 6)
    t.is(one.wasiImport.sched_yield(), 0)
  }
  t.is(one.start({ exports: { memory, _start } }), 0)
})

test('the guest can catch an exception of a replaced function and continue', (t) => {
  let written = 0
  const wasi = newWasi({ stdout: () => void written++ })
  wasi.wasiImport.clock_time_get = () => {
    throw new Error('replaced')
  }
  t.is(wasi.start(instantiate(wasi, guest(catchAll(TIME) + WRITE))), 0)
  t.is(written, 1)
})

test('a guest that catches a stack overflow can continue', (t) => {
  const wasi = newWasi()
  const { args_sizes_get } = wasi.wasiImport
  const deep = () => args_sizes_get(0, 4) + deep()
  const _start = () => {
    for (let attempt = 0; attempt < 20; attempt++) t.throws(deep, { instanceOf: RangeError, message: /call stack/ })
    t.is(args_sizes_get(0, 4), 0)
  }
  t.is(wasi.start({ exports: { memory, _start } }), 0)
})

test('proc_exit with little stack left ends the run', (t) => {
  const wasi = newWasi()
  const { proc_exit, args_sizes_get } = wasi.wasiImport
  const deep = () => {
    try {
      deep()
    } catch {
      proc_exit(4)
    }
  }
  let after
  const _start = () => {
    try {
      deep()
    } catch {}
    after = outcome(() => args_sizes_get(0, 4))
  }
  t.is(wasi.start({ exports: { memory, _start } }), 4)
  t.true('thrown' in after)
})

test('worker.terminate() stops a guest that catches every exception', async (t) => {
  const poll = '(drop (call $poll_oneoff (i32.const 0) (i32.const 512) (i32.const 1) (i32.const 1024)))'
  const module = assemble(command(`(loop ${catchAll(poll)} (br 0))`))
  const worker = new Worker(
    `
    const { parentPort, workerData: { main, module } } = require('node:worker_threads')
    const { WASI } = require(main)
    const wasi = new WASI({ version: 'preview1' })
    const instance = new WebAssembly.Instance(module, wasi.getImportObject())
    parentPort.postMessage('running')
    wasi.start(instance)
    parentPort.postMessage('not reached')`,
    { eval: true, workerData: { main: createRequire(import.meta.url).resolve('capwasi'), module } },
  )
  const messages = []
  worker.on('message', (message) => messages.push(message))
  await once(worker, 'message')
  await new Promise((resolve) => setTimeout(resolve, 100))
  await worker.terminate()
  t.deepEqual(messages, ['running'])
})

test('exports called after a node:vm timeout throw on each error and stay usable', (t) => {
  globalThis.runs = { calls: 0 }
  t.teardown(() => delete globalThis.runs)
  const wasi = new WASI({
    version: 'preview1',
    stdout: () => {
      throw new Error(`call ${++globalThis.runs.calls}`)
    },
  })
  const guest = instantiate(
    wasi,
    `(module
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\\08\\00\\00\\00\\01\\00\\00\\00x")
    (func (export "_start") (loop (br 0)))
    (func (export "write") (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))`,
  )
  Object.assign(globalThis.runs, { wasi, guest })
  t.throws(() => runInThisContext('runs.wasi.start(runs.guest)', { timeout: 50 }), {
    code: 'ERR_SCRIPT_EXECUTION_TIMEOUT',
  })
  for (const message of ['call 1', 'call 2', 'call 3']) t.throws(guest.exports.write, { message })
})

test('start() returns 0 if the guest returns, even after or around a run that exited', (t) => {
  const wasi = newWasi()
  const exits = instantiate(wasi, command('(call $proc_exit (i32.const 3))'))
  const returns = instantiate(wasi, command(''))
  t.is(wasi.start(exits), 3)
  allowRestart(wasi)
  t.is(wasi.start(returns), 0)
  const outer = newWasi({
    stdout: () => {
      allowRestart(outer)
      t.is(outer.start(instantiate(outer, command('(call $proc_exit (i32.const 5))'))), 5)
    },
  })
  const writes = command('(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))', {
    more: '(data (i32.const 0) "\\08\\00\\00\\00\\01\\00\\00\\00x")',
  })
  t.is(outer.start(instantiate(outer, writes)), 0)
})
