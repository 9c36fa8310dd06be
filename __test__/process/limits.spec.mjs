// The option `limits`: what refuses, what stops, and what `exceeded` names.

import { readFileSync } from 'node:fs'
import test from 'ava'
import { Directory } from 'capwasi'
import { binary } from '../support/guest.mjs'
import { onWasm } from '../support/conditions.mjs'
import {
  COMPUTE,
  MIB,
  TRAP,
  exit,
  exitWith,
  failure,
  flood,
  growMemory,
  guestFile,
  print,
  program,
  run,
  sleep,
  spawn,
  event,
  threaded,
  write,
} from '../support/process.mjs'

const PAGE_SIZE = 65536
const DQUOT = 19
const MFILE = 33

/** Runs a program with limits. Returns its exit code and the limit that it has exceeded. */
async function outcome(bytes, limits, options) {
  const { exitCode, exceeded } = await run(bytes, [], { limits, reject: false, ...options })
  return { exitCode, exceeded }
}

/** Grows its memory as far as possible, and exits with the number of pages. */
const GROW = program(growMemory() + exitWith('(memory.size)'))

test('limits.memory bounds memory.grow, and exceeded is memory', async (t) => {
  t.deepEqual(await outcome(GROW, { memory: MIB }), { exitCode: 16, exceeded: 'memory' })
  t.deepEqual(await outcome(GROW, { memory: 2 * MIB + 1 }), { exitCode: 32, exceeded: 'memory' })
  const { peakMemory } = await run(GROW, [], { limits: { memory: MIB }, reject: false })
  t.is(peakMemory, MIB)
})

test('a guest that stays below the limit exceeds nothing', async (t) => {
  t.deepEqual(await outcome(program(''), { memory: MIB }), { exitCode: 0, exceeded: undefined })
})

test('a guest that exits with 0 after it has exceeded a limit resolves', async (t) => {
  const { exceeded } = await run(program(growMemory()), [], { limits: { memory: MIB } })
  t.is(exceeded, 'memory')
})

test('a program that needs more memory at once is ERR_WASI_LIMIT', async (t) => {
  const bytes = program(print('text'), { memory: '(memory (export "memory") 17)' })
  const { code, message, exceeded, stdout, exitCode } = await failure(run(bytes, [], { limits: { memory: MIB } }))
  t.deepEqual(
    { code, message, exceeded, stdout, exitCode },
    {
      code: 'ERR_WASI_LIMIT',
      message: `program.wasm needs more memory than limits.memory allows, which is ${MIB} bytes`,
      exceeded: 'memory',
      stdout: '',
      exitCode: undefined,
    },
  )
  t.like(await run(bytes, [], { limits: { memory: MIB }, reject: false }), { exceeded: 'memory', exitCode: undefined })
})

test('a program that needs too much memory emits error, not exit', async (t) => {
  const bytes = program('', { memory: '(memory (export "memory") 17)' })
  const guest = spawn(bytes, [], { limits: { memory: MIB } })
  guest.on('spawn', () => t.fail()).on('exit', () => t.fail())
  const closed = event(guest, 'close')
  t.is((await event(guest, 'error'))[0].code, 'ERR_WASI_LIMIT')
  t.deepEqual(await closed, [null, 'error'])
})

onWasm('multi-memory')('limits.memory bounds all memories together', async (t) => {
  const bytes = program(growMemory(0) + growMemory(1) + exitWith('(i32.add (memory.size 0) (memory.size 1))'), {
    memory: '(memory (export "memory") 1) (memory 1)',
  })
  t.deepEqual(await outcome(bytes, { memory: MIB }), { exitCode: 16, exceeded: undefined })
})

test('limits.memory bounds tables, whose elements count 8 bytes', async (t) => {
  const growTable = `(loop $more (br_if $more
    (i32.ne (table.grow 0 (ref.null func) (i32.const 1)) (i32.const -1))))`
  const bytes = program(growTable + exitWith('(table.size 0)'), {
    memory: '(table 0 funcref) (memory (export "memory") 1 1)',
  })
  t.is((await outcome(bytes, { memory: PAGE_SIZE + 8000 })).exitCode, 1000)
})

test('limits.memory applies to a memory that the program imports', async (t) => {
  const bytes = program(growMemory() + exitWith('(memory.size)'), {
    memory: '(import "env" "memory" (memory 1)) (export "memory" (memory 0))',
  })
  t.deepEqual(await outcome(bytes, { memory: MIB }), { exitCode: 16, exceeded: 'memory' })
})

test('limits.memory applies to the shared memory of threads', async (t) => {
  const bytes = threaded('', { start: growMemory() + exitWith('(memory.size)'), memory: '1 1000 shared' })
  t.deepEqual(await outcome(bytes, { memory: MIB }), { exitCode: 16, exceeded: 'memory' })
})

test('a WebAssembly.Module cannot be limited in memory', async (t) => {
  for (const bytes of [GROW, threaded('')]) {
    const running = run(new WebAssembly.Module(bytes), [], { limits: { memory: MIB } })
    await t.throwsAsync(running, { code: 'ERR_INVALID_ARG_VALUE', message: /Pass its bytes/ })
  }
})

test('limits.memory counts the tables of all threads', async (t) => {
  const growTable = `(loop $more (br_if $more
    (i32.ne (table.grow 0 (ref.null func) (i32.const 1)) (i32.const -1))))`
  const thread = `${growTable} ${exitWith('(table.size 0)')}`
  const bytes = threaded(thread, { more: '(table 0 funcref)', memory: '1 1 shared' })
  const memory = PAGE_SIZE + 8000
  t.is((await outcome(bytes, { memory, threads: 1 })).exitCode, 500)
  t.is((await outcome(bytes, { memory, threads: 3 })).exitCode, 250)
})

test('without limits.memory a guest grows to its own maximum', async (t) => {
  const bytes = program(growMemory() + exitWith('(memory.size)'), { memory: '(memory (export "memory") 1 100)' })
  t.deepEqual(await outcome(bytes, {}), { exitCode: 100, exceeded: undefined })
})

test('the C guests run with a limit', async (t) => {
  const { stdout } = await run(guestFile('arguments'), ['a'], { limits: { memory: 64 * MIB } })
  t.regex(stdout, /^<arguments.wasm>\n<a>\n/)
})

test('limits.cpuTime stops a guest that computes', async (t) => {
  const error = await failure(run(program(print('text') + COMPUTE), [], { limits: { cpuTime: 50 } }))
  t.is(error.code, 'ERR_WASI_LIMIT')
  t.is(error.message, 'program.wasm was stopped after 50 ms of processor time (limits.cpuTime)')
  t.deepEqual([error.exceeded, error.timedOut, error.stdout], ['cpuTime', false, 'text'])
  t.true(error.cpuTimeMs >= 50)
})

test('limits.cpuTime does not count waiting', async (t) => {
  const { exitCode, exceeded } = await run(program(sleep(300)), [], { limits: { cpuTime: 150 } })
  t.deepEqual({ exitCode, exceeded }, { exitCode: 0, exceeded: undefined })
})

test('limits.cpuTime stops a start function', async (t) => {
  const bytes = program('', { more: `(func $s ${COMPUTE}) (start $s)` })
  t.is((await failure(run(bytes, [], { limits: { cpuTime: 50 } }))).exceeded, 'cpuTime')
})

test('limits.cpuTime counts all threads', async (t) => {
  const { code, exceeded } = await failure(run(threaded(COMPUTE), [], { limits: { cpuTime: 100 } }))
  t.deepEqual([code, exceeded], ['ERR_WASI_LIMIT', 'cpuTime'])
})

test('limits.threads bounds the threads that run at once', async (t) => {
  // Starts threads that wait until one fails, and exits with their number.
  const start = `
    (loop $more
      (if (i32.gt_s (call $spawn (i32.const 0)) (i32.const 0))
        (then (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1))) (br $more))))
    ${exitWith('(i32.load (i32.const 8))')}`
  const bytes = threaded('(drop (memory.atomic.wait32 (i32.const 32) (i32.const 0) (i64.const -1)))', { start })
  // The first thread is started by `threaded`.
  for (const [threads, expected] of [
    [undefined, 15],
    [3, 2],
    [1, 0],
  ]) {
    const { exitCode } = await run(bytes, [], { limits: { threads }, reject: false })
    t.is(exitCode, expected, `threads: ${threads}`)
  }
  const none = threaded('', { start: exit(5) })
  t.is((await run(none, [], { limits: { threads: 0 }, reject: false })).exitCode, 5)
})

test('limits.output refuses with EDQUOT beyond it, for stdout and stderr each', async (t) => {
  const bytes = program(`(drop ${write(600)}) (drop ${write(600, { fd: 2 })}) ${flood(600)}`)
  const { exitCode, exceeded, stdout, stderr } = await run(bytes, [], { limits: { output: 1000 }, reject: false })
  t.deepEqual([exitCode, exceeded, stderr.length], [DQUOT, 'output', 600])
  t.true(stdout.length <= 1000 && stdout.length >= 600)
})

test('limits.writtenBytes refuses with EDQUOT beyond it', async (t) => {
  for (const writtenBytes of [5000, 5000n])
    t.deepEqual(await outcome(program(flood(600)), { writtenBytes }), { exitCode: DQUOT, exceeded: 'writtenBytes' })
})

test('limits.openFiles refuses with EMFILE beyond it', async (t) => {
  const memory = Directory.memory({ f: '' })
  t.teardown(() => memory.close())
  const open = `(call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 1) (i32.const 0)
    (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 28))`
  const bytes = program(`(loop $more (br_if $more (i32.eqz ${open}))) ${exitWith(open)}`, {
    calls: ['path_open'],
    more: '(data (i32.const 512) "f")',
  })
  const options = { preopens: { '/': memory } }
  t.deepEqual(await outcome(bytes, { openFiles: 6 }, options), { exitCode: MFILE, exceeded: 'openFiles' })
  const error = await failure(run(bytes, [], { limits: { openFiles: 3 }, ...options }))
  t.regex(error.code, /MFILE/)
})

test('exceeded names the first limit that refused something', async (t) => {
  const memory = Directory.memory({ f: '' })
  t.teardown(() => memory.close())
  const bytes = program(`(drop ${write(600)}) (drop ${write(600)})${growMemory()}`)
  const { exceeded } = await run(bytes, [], { limits: { output: 1000, memory: MIB } })
  t.is(exceeded, 'output')
})

test('exceeded names the limit that stopped the guest, even if another refused something', async (t) => {
  const bytes = program(`${growMemory()}(drop ${write(2000)})${COMPUTE}`)
  const { exceeded } = await failure(run(bytes, [], { limits: { output: 1000, memory: MIB, cpuTime: 50 } }))
  t.is(exceeded, 'cpuTime')
})

test('a trap after a limit was exceeded is ERR_WASI_TRAP with exceeded', async (t) => {
  const { code, exceeded } = await failure(run(program(growMemory() + TRAP), [], { limits: { memory: MIB } }))
  t.deepEqual([code, exceeded], ['ERR_WASI_TRAP', 'memory'])
})

test('hostile binaries are refused or limited', async (t) => {
  const valid = readFileSync(guestFile('arguments'))
  for (const bytes of [valid.subarray(0, 100), Buffer.concat([valid, Buffer.from([9])])]) {
    const error = await failure(run(bytes, [], { limits: { memory: MIB } }))
    t.true(error instanceof WebAssembly.CompileError)
  }
  const text = `(module (memory (export "memory") 0 65536) (table 0 4294967295 funcref) (func (export "_start")
    ${growMemory()} (loop $more (br_if $more (i32.ne (table.grow 0 (ref.null func) (i32.const 1)) (i32.const -1))))))`
  const { peakMemory } = await run(binary(text), [], { limits: { memory: MIB } })
  t.is(peakMemory, MIB / 2)
})

/** Creates arrays of 1,000 numbers, and keeps them in an array. wabt cannot assemble the types of arrays. */
const ARRAYS = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  // Types: a function, an array of i64, an array of references to any object.
  ...[1, 10, 3, 0x60, 0, 0, 0x5e, 0x7e, 1, 0x5e, 0x6e, 1],
  ...[3, 2, 1, 0],
  ...[5, 3, 1, 0, 1],
  ...[7, 19, 2, 6, ...Buffer.from('memory'), 2, 0, 6, ...Buffer.from('_start'), 0, 0],
  ...[10, 43, 1, 41, 2, 1, 0x63, 2, 1, 0x7f],
  // (local.set 0 (array.new_default 2 (i32.const 100000)))
  ...[0x41, 0xa0, 0x8d, 0x06, 0xfb, 7, 2, 0x21, 0],
  // (loop (array.set 2 (local.get 0) (local.get 1) (array.new_default 1 (i32.const 1000)))
  ...[0x03, 0x40, 0x20, 0, 0x20, 1, 0x41, 0xe8, 0x07, 0xfb, 7, 1, 0xfb, 0x0e, 2],
  //   (local.set 1 (i32.add (local.get 1) (i32.const 1))) (br 0))
  ...[0x20, 1, 0x41, 1, 0x6a, 0x21, 1, 0x0c, 0, 0x0b, 0x0b],
])

onWasm('structures')('limits.memory bounds arrays on the heap of the engine', async (t) => {
  const error = await failure(run(ARRAYS, [], { limits: { memory: 16 * MIB } }))
  t.deepEqual([error.code, error.exceeded], ['ERR_WASI_LIMIT', 'memory'])
})

/** The sections of a program that creates structures of wasm-GC forever, each with a reference to the one before. */
const LINKED_STRUCTURES = Buffer.from(
  [
    '0061736d01000000',
    '0109025f01630000600000', // (type (struct (field (ref null 0)))) (type (func))
    '03020101',
    '0503010001',
    '060701630001d0000b', // (global (mut (ref null 0)) (ref.null 0))
    '071302065f73746172740000066d656d6f72790200',
    '0a10010e0003402300fb000024000c000b0b', // (loop (global.set 0 (struct.new 0 (global.get 0))) (br 0))
  ].join(''),
  'hex',
)
onWasm('structures')('structures of wasm-GC beyond limits.memory stop the guest', async (t) => {
  for (const memory of [MIB, 64 * MIB]) {
    const { code, exceeded, message } = await failure(run(LINKED_STRUCTURES, [], { limits: { memory } }))
    t.deepEqual([code, exceeded], ['ERR_WASI_LIMIT', 'memory'])
    t.is(message, `program.wasm needs more memory than limits.memory allows, which is ${memory} bytes`)
  }
})
