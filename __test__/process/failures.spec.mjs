// Guests that fail: ProcessError, and programs that cannot be started.

import { getEventListeners } from 'node:events'
import test from 'ava'
import { binary } from '../support/guest.mjs'
import {
  COMPUTE,
  ProcessError,
  TRAP,
  WAIT,
  exit,
  failure,
  guestFile,
  print,
  program,
  run,
  write,
} from '../support/process.mjs'

/** Checks an error, and that it has all of the result. */
function expectError(t, error, expected) {
  t.true(error instanceof ProcessError)
  t.true(error instanceof Error)
  t.is(error.name, 'ProcessError')
  const { code, message, exitCode, stdout, stderr, timedOut, aborted, exceeded } = error
  t.deepEqual(
    { code, message, exitCode, stdout, stderr, timedOut, aborted, exceeded },
    {
      exitCode: undefined,
      stdout: 'out',
      stderr: 'err',
      timedOut: false,
      aborted: false,
      exceeded: undefined,
      ...expected,
    },
  )
  t.is(typeof error.durationMs, 'number')
  t.is(typeof error.cpuTimeMs, 'number')
  t.is(error.peakMemory, 65536)
}

const BOTH = print('out') + print('err', 2)

test('an exit code other than 0 is ERR_WASI_EXIT', async (t) => {
  for (const code of [1, 3, 255, 256, -1]) {
    const error = await failure(run(program(BOTH + exit(code)), [], { argv0: 'job' }))
    expectError(t, error, {
      code: 'ERR_WASI_EXIT',
      message: `program.wasm exited with code ${error.exitCode}`,
      exitCode: error.exitCode,
    })
    t.is(error.exitCode | 0, code)
  }
})

test('a trap is ERR_WASI_TRAP, with the error and its WebAssembly stack', async (t) => {
  const error = await failure(run(program(BOTH + TRAP)))
  expectError(t, error, { code: 'ERR_WASI_TRAP', message: 'program.wasm trapped: unreachable' })
  t.true(error.trap instanceof WebAssembly.RuntimeError)
  t.is(error.trap.message, 'unreachable')
  t.regex(error.trap.stack, /^RuntimeError: unreachable\n {4}at wasm:\/\/wasm\/[^\n]*$/)
})

test('the stack of a trap names functions of the guest, and no file of this package', async (t) => {
  const { trap } = await failure(run(guestFile('exits'), ['trap']))
  t.regex(trap.stack, /wasm:\/\/wasm/)
  t.notRegex(trap.stack, /lib[/\\]/)
})

test('a recursion that is too deep is a trap', async (t) => {
  const { code, trap } = await failure(run(guestFile('exits'), ['recursion']))
  t.is(code, 'ERR_WASI_TRAP')
  t.true(trap instanceof Error)
})

test('a trap of a start function is ERR_WASI_TRAP', async (t) => {
  const bytes = program('', { more: '(func $s unreachable) (start $s)' })
  t.is((await failure(run(bytes))).code, 'ERR_WASI_TRAP')
})

test('a recursion of a start function that is too deep is a trap', async (t) => {
  const { trap, exitCode } = await run(program('', { more: '(func $s (call $s)) (start $s)' }), [], { reject: false })
  t.is(exitCode, undefined)
  t.regex(trap.message, /call stack/)
})

test('a start function that exits is an exit', async (t) => {
  const bytes = program('', { more: `(func $s ${exit(3)}) (start $s)` })
  t.like(await failure(run(bytes)), { code: 'ERR_WASI_EXIT', exitCode: 3 })
})

test('a timeout is ERR_WASI_TIMEOUT, whether the guest computes or waits', async (t) => {
  for (const start of [COMPUTE, WAIT]) {
    const error = await failure(run(program(BOTH + start), [], { timeout: 100 }))
    const message = 'program.wasm was stopped after its timeout of 100 ms'
    expectError(t, error, { code: 'ERR_WASI_TIMEOUT', message, timedOut: true })
  }
})

test('a start function that computes is stopped by the timeout', async (t) => {
  const bytes = program('', { more: `(func $s ${COMPUTE}) (start $s)` })
  const error = await failure(run(bytes, [], { timeout: 100 }))
  t.is(error.code, 'ERR_WASI_TIMEOUT')
})

test('an abort is ABORT_ERR with the reason as its cause', async (t) => {
  for (const start of [COMPUTE, WAIT]) {
    const controller = new AbortController()
    const reason = new Error('reason')
    const running = run(program(BOTH + start), [], {
      signal: controller.signal,
      stderr: () => controller.abort(reason),
    })
    const error = await failure(running)
    const message = 'program.wasm was aborted'
    expectError(t, error, { code: 'ABORT_ERR', message, aborted: true, stderr: '' })
    t.is(error.cause, reason)
  }
})

test('a signal that has aborted starts no guest', async (t) => {
  const running = run(program(BOTH), [], { signal: AbortSignal.abort('reason') })
  const error = await failure(running)
  t.deepEqual([error.code, error.cause, error.stdout, error.aborted], ['ABORT_ERR', 'reason', '', true])
})

test('a signal stops many guests at once, without warnings, and keeps no listener', async (t) => {
  const warnings = []
  const note = (warning) => warnings.push(warning)
  process.on('warning', note)
  const controller = new AbortController()
  const { signal } = controller
  const guests = Array.from({ length: 20 }, () => failure(run(program(WAIT), [], { signal })))
  await run(program(BOTH), [], { reject: false, signal: AbortSignal.timeout(100) })
  controller.abort()
  for (const { code } of await Promise.all(guests)) t.is(code, 'ABORT_ERR')
  process.off('warning', note)
  t.deepEqual(warnings, [])
  t.deepEqual(getEventListeners(signal, 'abort'), [])
})

test('a signal that aborts after the end changes nothing', async (t) => {
  const controller = new AbortController()
  const result = await run(program(BOTH), [], { signal: controller.signal })
  controller.abort()
  t.is(result.aborted, false)
})

test('AbortSignal.timeout() stops a guest', async (t) => {
  const error = await failure(run(program(COMPUTE), [], { signal: AbortSignal.timeout(100) }))
  t.is(error.code, 'ABORT_ERR')
  t.is(error.cause.name, 'TimeoutError')
})

test('with reject: false a guest that fails resolves with the result', async (t) => {
  const options = { reject: false, timeout: 200 }
  const results = [exit(7), TRAP, COMPUTE].map((start) => run(program(BOTH + start), [], options))
  const [exited, trapped, stopped] = await Promise.all(results)
  for (const result of [exited, trapped, stopped]) {
    t.false(result instanceof Error)
    t.deepEqual([result.stdout, result.stderr], ['out', 'err'])
  }
  t.is(exited.exitCode, 7)
  t.is(trapped.trap.message, 'unreachable')
  t.deepEqual([trapped.exitCode, stopped.exitCode], [undefined, undefined])
  t.true(stopped.timedOut)
  const { aborted } = await run(program(BOTH), [], { reject: false, signal: AbortSignal.abort() })
  t.true(aborted)
})

for (const [title, text, expected] of [
  [
    'imports functions that capwasi does not provide',
    `(module (import "env" "a" (func)) (import "env" "b" (func))
     (memory (export "memory") 1) (func (export "_start")))`,
    [WebAssembly.LinkError, 'program.wasm imports 2 functions that capwasi does not provide: env.a, env.b'],
  ],
  [
    'imports many functions that capwasi does not provide',
    `(module ${Array.from('abcde', (name) => `(import "e" "${name}" (func))`).join('')}
     (memory (export "memory") 1) (func (export "_start")))`,
    [WebAssembly.LinkError, 'program.wasm imports 5 functions that capwasi does not provide: e.a, e.b, e.c and 2 more'],
  ],
  [
    'has no memory',
    '(module (func (export "_start")))',
    [WebAssembly.LinkError, 'program.wasm exports no memory; expected one with the name `memory`'],
  ],
  [
    'is a reactor',
    '(module (memory (export "memory") 1) (func (export "_initialize")))',
    [TypeError, "The argument 'program' must export the function _start. program.wasm exports none"],
  ],
]) {
  test(`a program that ${title} is not started`, async (t) => {
    const [instanceOf, message] = expected
    const bytes = binary(text)
    for (const reject of [true, false]) await t.throwsAsync(run(bytes, [], { reject }), { instanceOf, message })
  })
}

test('a host function that the guest calls with an invalid descriptor does not trap', async (t) => {
  t.is((await run(program(exitIfZero(write(1, { fd: 99 }))), [], { reject: false })).exitCode, 0)
})
const exitIfZero = (errno) => `(if (i32.eqz ${errno}) (then ${exit(9)}))`

test('a guest that exceeds the heap of a thread without limits.memory is ERR_WASI_LIMIT', (t) => {
  const { code, message } = new ProcessError('program.wasm', 'limit', { exceeded: 'memory' }, { limits: {} })
  t.deepEqual([code, message], ['ERR_WASI_LIMIT', 'program.wasm needs a larger heap than its thread has'])
})
