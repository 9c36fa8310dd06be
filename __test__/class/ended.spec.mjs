// A run of start() or initialize() ends with the first exception of a host function, or the exit. A guest that catches
// everything does not change that.

import { once } from 'node:events'
import { createRequire } from 'node:module'
import { runInThisContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { WASI } from 'capwasi'
import { assemble, command, instantiate, node } from '../support/guest.mjs'

const make = (options) => new WASI({ version: 'preview1', ...options })
const memory = new WebAssembly.Memory({ initial: 1 })
const symbolOf = (wasi, name) => Object.getOwnPropertySymbols(wasi).find(({ description }) => description === name)

/** Allows another start. */
const renew = (wasi) => {
  wasi[symbolOf(wasi, 'kStarted')] = false
}

/** What `act` throws, or returns. */
const outcome = (act) => {
  try {
    return { returned: act() }
  } catch (thrown) {
    return { thrown }
  }
}

const data = '(data (i32.const 0) "\\40\\00\\00\\00\\05\\00\\00\\00") (data (i32.const 64) "hello")'
const guarded = (body) => `(try (do ${body}) (catch_all))`
const WRITE = '(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))'
const READ = '(drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))'
const TIME = '(drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 8)))'
const exit = (code) => `(call $proc_exit (i32.const ${code}))`
const times = (count, body) => `
  (local.set 0 (i32.const ${count}))
  (loop $again ${body} (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))`

/** A module of one entry, which catches whatever its calls throw. */
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

const COUNTED = (body) =>
  `(try (do ${body}) (catch_all (global.set $caught (i32.add (global.get $caught) (i32.const 1)))))`

for (const [what, call, options] of [
  ['a stdout function throws', WRITE, (fail) => ({ stdout: fail })],
  ['a Writable throws', WRITE, (fail) => ({ stdout: { write: fail } })],
  ['a stdin function throws', READ, (fail) => ({ stdin: fail })],
  [
    'an iterable throws',
    READ,
    (fail) => ({
      stdin: (function* () {
        yield fail()
      })(),
    }),
  ],
  ['a clock throws', TIME, (fail) => ({ clock: { realtime: fail } })],
  ['a trace function throws', WRITE, (fail) => ({ stdout: 'ignore', trace: fail })],
]) {
  test(`after ${what}, each later call throws the same again, and start and initialize throw it`, (t) => {
    for (const [method, entry] of [
      ['start', '_start'],
      ['initialize', '_initialize'],
    ]) {
      for (const trace of [undefined, () => {}]) {
        for (const thrown of [new Error('enough'), undefined, 0]) {
          let calls = 0
          const wasi = make({
            trace,
            ...options(() => {
              calls++
              throw thrown
            }),
          })
          const instance = instantiate(wasi, guest(times(100, COUNTED(call)), entry))
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

for (const [what, call, options] of [
  ['a stdin function', READ, { stdin: () => 5 }],
  ['an iterable', READ, { stdin: [5] }],
  ['a clock', TIME, { clock: { realtime: () => 5 } }],
]) {
  test(`${what} that returns what it should not ends the run`, (t) => {
    const wasi = make(options)
    const instance = instantiate(wasi, guest(times(3, COUNTED(call))))
    t.throws(() => wasi.start(instance), { code: 'ERR_INVALID_RETURN_VALUE' })
    t.is(instance.exports.caught.value, 3)
  })
}

for (const [what, rest] of [
  ['returns', ''],
  ['traps', 'unreachable'],
  ['exits with another code', exit(8)],
  ['catches its exit with another code', guarded(exit(8))],
  ['writes', WRITE],
  ['writes and traps', `${guarded(WRITE)} unreachable`],
]) {
  test(`start() returns the first exit code if the guest catches the exit and then ${what}`, (t) => {
    for (const trace of [undefined, () => {}]) {
      const written = []
      const stdout = (chunk) => void written.push(String(chunk))
      const wasi = make({ stdout, trace })
      t.is(wasi.start(instantiate(wasi, guest(WRITE + guarded(exit(7)) + rest))), 7)
      t.deepEqual(written, ['hello'])
      const other = make({ stdout, trace })
      const instance = instantiate(other, guest(guarded(exit(7)) + rest, '_initialize'))
      t.like(
        outcome(() => other.initialize(instance)),
        { thrown: { code: 'ERR_WASI_EXIT', exitCode: 7 } },
      )
      t.deepEqual(written, ['hello'])
    }
  })

  test(`start() throws the first exception if the guest catches it and then ${what}`, (t) => {
    const thrown = new Error('enough')
    let calls = 0
    const wasi = make({
      stdout() {
        calls++
        throw thrown
      },
    })
    t.deepEqual(
      outcome(() => wasi.start(instantiate(wasi, guest(guarded(WRITE) + rest)))),
      { thrown },
    )
    t.is(calls, 1)
  })
}

test('the first of an exit and an exception decides the run', (t) => {
  const wasi = make()
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
  const other = make({
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

test('with returnOnExit false, a process.exit that returns or throws ends the run', async (t) => {
  const { stdout, stderr } = await node(
    `
    import { WASI } from 'capwasi'
    import { instantiate } from './__test__/support/guest.mjs'
    for (const exit of [() => {}, () => { throw Object.assign(new Error('mock'), { code: 'MOCK' }) }]) {
      const wasi = new WASI({ version: 'preview1', returnOnExit: false, stdout: () => console.log('written') })
      const instance = instantiate(wasi, ${JSON.stringify(guest(guarded(exit(5)) + guarded(WRITE)))})
      const original = process.exit
      process.exit = exit
      try { console.log(wasi.start(instance)) } catch ({ code, exitCode }) { console.log(code, exitCode) }
      process.exit = original
    }`,
    { module: true },
  )
  t.is(stdout, 'ERR_WASI_EXIT 5\nMOCK undefined\n', stderr)
})

test('wrong arguments after the end of a run throw, too, and are EINVAL before and afterwards', (t) => {
  const wasi = make()
  const { proc_exit, fd_close } = wasi.wasiImport
  const _start = () => {
    t.is(fd_close('0'), 28)
    const { thrown } = outcome(() => proc_exit(3))
    for (const args of [[], ['0'], [0, 0]]) t.is(outcome(() => fd_close(...args)).thrown, thrown)
  }
  t.is(wasi.start({ exports: { memory, _start } }), 3)
  t.is(fd_close('0'), 28)
})

test('the next start begins anew', (t) => {
  let calls = 0
  const wasi = make({
    stdout() {
      if (++calls === 1) throw new Error('enough')
    },
  })
  const instance = instantiate(wasi, guest(guarded(WRITE) + guarded(WRITE)))
  t.throws(() => wasi.start(instance), { message: 'enough' })
  t.is(calls, 1)
  renew(wasi)
  t.is(wasi.start(instance), 0)
  t.is(calls, 3)
  const exiting = make()
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
    renew(exiting)
  }
})

test('exports called outside a run throw each time and stay usable', (t) => {
  for (const bind of ['initialize', 'finalizeBindings']) {
    let fails = true
    const written = []
    const wasi = make({
      stdout(chunk) {
        if (fails) throw new Error('enough')
        written.push(String(chunk))
      },
    })
    const { exports } = instantiate(wasi, guest('', '_initialize'))
    wasi[bind]({ exports })
    for (let time = 0; time < 3; time++) t.throws(exports.write, { message: 'enough' })
    for (let time = 0; time < 3; time++) t.throws(exports.exit, { code: 'ERR_WASI_EXIT' })
    fails = false
    exports.write()
    t.deepEqual(written, ['hello'])
  }
})

test('exports called after a run that ended early work, also when the memory has grown', (t) => {
  const written = []
  const wasi = make({ stdout: (chunk) => void written.push(String(chunk)) })
  const { exports } = instantiate(wasi, guest(exit(3)))
  t.is(wasi.start({ exports }), 3)
  exports.write()
  exports.memory.grow(1)
  exports.write()
  t.deepEqual(written, ['hello', 'hello'])
})

test('a function that calls back into the guest is part of the run, also where it catches', (t) => {
  const errors = []
  const wasi = make({
    stdout() {
      errors.push(outcome(exports.exit).thrown.exitCode, outcome(exports.write).thrown.exitCode)
    },
  })
  const { exports } = instantiate(wasi, guest(`${WRITE} ${WRITE}`))
  t.is(wasi.start({ exports }), 9)
  t.deepEqual(errors, [9, 9])
})

test('a run within a run of the same sandbox ends by itself', (t) => {
  let depth = 0
  const seen = []
  const wasi = make({
    stdout() {
      if (++depth > 1) throw new Error('inner')
      renew(wasi)
      seen.push(
        outcome(() => wasi.start({ exports: { memory: exports.memory, _start: exports.write } })).thrown.message,
      )
    },
  })
  const { exports } = instantiate(wasi, guest(`${WRITE} ${exit(6)}`))
  t.is(wasi.start({ exports }), 6)
  t.deepEqual(seen, ['inner'])
})

test('a run that has ended stays so when another one runs within it, or its memory is bound again', (t) => {
  const wasi = make()
  const { proc_exit, sched_yield } = wasi.wasiImport
  const _start = () => {
    const { thrown } = outcome(() => proc_exit(2))
    renew(wasi)
    wasi.start({ exports: { memory, _start: () => t.is(sched_yield(), 0) } })
    t.is(outcome(sched_yield).thrown, thrown)
    renew(wasi)
    wasi.finalizeBindings({ exports: { memory } })
    t.is(outcome(sched_yield).thrown, thrown)
  }
  t.is(wasi.start({ exports: { memory, _start } }), 2)
})

test('an exit or an exception of one WASI does not end the run of another', (t) => {
  const [one, other] = [make(), make()]
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

test('an exception of a replaced function or another import can be caught by the guest', (t) => {
  let written = 0
  const wasi = make({ stdout: () => void written++ })
  wasi.wasiImport.clock_time_get = () => {
    throw new Error('replaced')
  }
  t.is(wasi.start(instantiate(wasi, guest(guarded(TIME) + WRITE))), 0)
  t.is(written, 1)
})

test('a guest that overflows the stack and catches the error can continue', (t) => {
  const wasi = make()
  const { args_sizes_get } = wasi.wasiImport
  const deep = () => args_sizes_get(0, 4) + deep()
  const _start = () => {
    for (let time = 0; time < 20; time++) t.throws(deep, { instanceOf: RangeError, message: /call stack/ })
    t.is(args_sizes_get(0, 4), 0)
  }
  t.is(wasi.start({ exports: { memory, _start } }), 0)
})

test('an exit with little stack left ends the run', (t) => {
  const wasi = make()
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

test('a worker whose guest catches everything ends when it is terminated', async (t) => {
  const poll = '(drop (call $poll_oneoff (i32.const 0) (i32.const 512) (i32.const 1) (i32.const 1024)))'
  const module = assemble(command(`(loop ${guarded(poll)} (br 0))`))
  const worker = new Worker(
    `
    const { parentPort, workerData: { main, module } } = require('node:worker_threads')
    const { WASI } = require(main)
    const wasi = new WASI({ version: 'preview1' })
    const instance = new WebAssembly.Instance(module, wasi.getImportObject())
    parentPort.postMessage('running')
    wasi.start(instance)
    parentPort.postMessage('went on')`,
    { eval: true, workerData: { main: createRequire(import.meta.url).resolve('capwasi'), module } },
  )
  const messages = []
  worker.on('message', (message) => messages.push(message))
  await once(worker, 'message')
  await new Promise((resolve) => setTimeout(resolve, 100))
  await worker.terminate()
  t.deepEqual(messages, ['running'])
})

test('exports called after a run that a node:vm timeout stopped throw each time and stay usable', (t) => {
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

test('a start after a run that exited returns 0 if its guest returns, also inside a run that exits', (t) => {
  const wasi = make()
  const exits = instantiate(wasi, command('(call $proc_exit (i32.const 3))'))
  const returns = instantiate(wasi, command(''))
  t.is(wasi.start(exits), 3)
  renew(wasi)
  t.is(wasi.start(returns), 0)
  const outer = make({
    stdout: () => {
      renew(outer)
      t.is(outer.start(instantiate(outer, command('(call $proc_exit (i32.const 5))'))), 5)
    },
  })
  const writes = command('(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))', {
    more: '(data (i32.const 0) "\\08\\00\\00\\00\\01\\00\\00\\00x")',
  })
  t.is(outer.start(instantiate(outer, writes)), 0)
})
