// spawn(): events, results, kill(), and the life of the process.

import { connect } from 'node:net'
import test from 'ava'
import { node } from '../support/guest.mjs'
import {
  CAT,
  COMPUTE,
  ProcessError,
  TRAP,
  WAIT,
  createPool,
  event,
  exit,
  failure,
  guestFile,
  print,
  program,
  spawn,
  textOf,
} from '../support/process.mjs'

const NAMES = ['spawn', 'exit', 'close', 'error']

/** Returns a list to which the events of a guest are added. */
function record(guest) {
  const events = []
  for (const name of NAMES) guest.on(name, (...args) => events.push([name, ...args]))
  guest.stdout?.on('data', (chunk) => events.push(['data', String(chunk)]))
  guest.stdout?.on('end', () => events.push(['end']))
  return events
}

const namesOf = (events) => events.map(([name]) => name)

test('a guest emits spawn, exit, and close after the end of its streams', async (t) => {
  const guest = spawn(CAT)
  const events = record(guest)
  guest.stderr.resume()
  guest.stdin.end('text')
  await event(guest, 'close')
  t.deepEqual(events[0], ['spawn'])
  t.deepEqual(events.at(-1), ['close', 0, 'exit'])
  t.true(events.some(([name, code, reason]) => name === 'exit' && code === 0 && reason === 'exit'))
  t.deepEqual(namesOf(events).sort(), ['close', 'data', 'end', 'exit', 'spawn'])
  t.is(guest.exitCode, 0)
})

for (const [title, bytes, options, act, expected] of [
  ['exits with a code', program(exit(3)), {}, undefined, [3, 'exit']],
  ['traps', program(TRAP), {}, undefined, [null, 'trap']],
  ['reaches its timeout', program(COMPUTE), { timeout: 50 }, undefined, [null, 'timeout']],
  ['reaches a limit', program(COMPUTE), { limits: { cpuTime: 50 } }, undefined, [null, 'limit']],
  ['is killed', program(COMPUTE), {}, (guest) => guest.kill(), [null, 'kill']],
  ['is aborted', program(WAIT), {}, (_, controller) => controller.abort(), [null, 'abort']],
]) {
  test(`a guest that ${title} emits exit and close with [${expected.join(', ')}]`, async (t) => {
    const controller = new AbortController()
    const guest = spawn(bytes, [], { signal: controller.signal, ...options })
    const events = record(guest)
    guest.on('spawn', () => act?.(guest, controller))
    await event(guest, 'close')
    t.deepEqual(
      events.filter(([name]) => NAMES.includes(name)),
      [['spawn'], ['exit', ...expected], ['close', ...expected]],
    )
    t.is(guest.exitCode, expected[0])
  })
}

for (const [title, start, code] of [
  ['does not exist', () => spawn('/no/such.wasm'), 'ENOENT'],
  ['is not WebAssembly', () => spawn(Buffer.from('text')), undefined],
  ['has a preopen that does not exist', () => spawn(CAT, [], { preopens: { '/': '/no/such' } }), 'UVWASI_ENOENT'],
]) {
  test(`a program that ${title} emits error instead of spawn, then close`, async (t) => {
    const guest = start()
    const events = record(guest)
    await event(guest, 'close')
    t.deepEqual(
      namesOf(events)
        .filter((name) => NAMES.includes(name))
        .sort(),
      ['close', 'error'],
    )
    const [[, error]] = events.filter(([name]) => name === 'error')
    if (code !== undefined) t.is(error.code, code)
    t.deepEqual(events.at(-1), ['close', null, 'error'])
    t.is(guest.exitCode, null)
  })
}

test('an error without a listener is thrown, unless result was used', async (t) => {
  const PRELUDE = `import { spawn } from 'capwasi/process'
    process.on('unhandledRejection', () => process.exit(9))
    process.on('uncaughtException', (error) => console.log('uncaught', error.code))\n`
  const run = (code) => node(PRELUDE + code, { module: true })
  t.is((await run(`spawn('/no/such')`)).stdout, 'uncaught ENOENT\n')
  t.is((await run(`spawn('/no/such').result.catch((error) => console.log(error.code))`)).stdout, 'ENOENT\n')
})

test('an exception of a listener is uncaught and does not disturb the guest', async (t) => {
  const { code, stdout } = await node(
    `import { event, print, program, spawn } from './__test__/support/process.mjs'
     process.on('uncaughtException', (error) => console.log('uncaught', error.message))
     process.on('unhandledRejection', () => process.exit(9))
     const guest = spawn(program(print('text')))
     for (const name of ['spawn', 'exit', 'close']) guest.on(name, () => { throw new Error(name) })
     guest.stdout.on('data', (chunk) => console.log(String(chunk)))
     guest.on('close', () => process.exit(8))
     console.log((await guest.result).exitCode)`,
    { module: true },
  )
  const lines = ['uncaught spawn', 'uncaught exit', 'uncaught close', 'text', '0']
  t.deepEqual([code, stdout.trim().split('\n').sort()], [0, lines.sort()])
})

test('an unread rejection of result is not reported as unhandled', async (t) => {
  const { code, stdout } = await node(
    `import { TRAP, program, spawn } from './__test__/support/process.mjs'
     spawn(program(TRAP)).on('close', (...args) => console.log(...args))
     void spawn(program(TRAP)).result`,
    { module: true },
  )
  t.deepEqual({ code, stdout }, { code: 0, stdout: 'null trap\n' })
})

test('result settles like run()', async (t) => {
  const done = spawn(program(print('text')))
  const { exitCode, stdout, stderr } = await done.result
  t.deepEqual([exitCode, stdout, stderr], [0, '', ''])
  const failed = await failure(spawn(program(TRAP)).result)
  t.true(failed instanceof ProcessError)
  t.is(failed.code, 'ERR_WASI_TRAP')
})

for (const [title, start] of [
  ['computes', COMPUTE],
  ['waits', WAIT],
]) {
  test(`kill() stops a guest that ${title}, and returns whether it was running`, async (t) => {
    const guest = spawn(program(start))
    await event(guest, 'spawn')
    t.true(guest.kill())
    t.false(guest.kill())
    const error = await failure(guest.result)
    t.deepEqual([error.code, error.message, error.aborted], ['ABORT_ERR', 'program.wasm was killed', true])
    t.is(error.cause, undefined)
    t.false(guest.kill())
  })
}

test('kill() stops a guest that reads its stdin', async (t) => {
  const guest = spawn(CAT)
  await event(guest, 'spawn')
  guest.kill()
  t.is((await failure(guest.result)).code, 'ABORT_ERR')
})

test('kill() stops a guest before it starts', async (t) => {
  const guest = spawn(program(COMPUTE))
  guest.on('spawn', () => t.fail())
  t.true(guest.kill())
  t.deepEqual(await event(guest, 'close'), [null, 'kill'])
})

test('kill() stops a guest that waits for a thread', async (t) => {
  const pool = createPool(t, { threads: 1 })
  const running = pool.spawn(program(COMPUTE))
  await event(running, 'spawn')
  const queued = pool.spawn(program(print('text')))
  queued.on('spawn', () => t.fail())
  t.is(pool.stats.queued, 1)
  t.true(queued.kill())
  t.is((await failure(queued.result)).code, 'ABORT_ERR')
  t.like(pool.stats, { queued: 0, running: 1 })
  running.kill()
  await failure(running.result)
  t.is((await pool.run(program(print('next')))).stdout, 'next')
})

test('kill() in a listener of spawn and of data is safe', async (t) => {
  for (const name of ['spawn', 'exit', 'close']) {
    const guest = spawn(program(print('text')))
    guest.on(name, () => guest.kill())
    await event(guest, 'close')
  }
  const guest = spawn(CAT)
  guest.stdout.on('data', () => t.true(guest.kill()))
  guest.stdin.write('text')
  t.deepEqual(await event(guest, 'close'), [null, 'kill'])
})

test('kill() stops a guest before it ends by itself, or returns false, 200 times', async (t) => {
  for (let round = 0; round < 200; round++) {
    const guest = spawn(program(print('text')))
    const wait = round % 4
    if (wait > 0) await event(guest, 'spawn')
    for (let turn = 1; turn < wait; turn++) await new Promise(setImmediate)
    const wasRunning = guest.kill()
    const { aborted, exitCode } = await guest.result.catch((error) => error)
    if (aborted === (exitCode === 0)) return t.fail(`round ${round}: ${wasRunning}, ${aborted}, ${exitCode}`)
  }
  t.pass()
})

test('disposal kills the guest and waits for its end', async (t) => {
  if (!Symbol.asyncDispose) return t.pass()
  const guest = spawn(program(COMPUTE))
  await event(guest, 'spawn')
  await guest[Symbol.asyncDispose]()
  t.false(guest.kill())
  t.is((await failure(guest.result)).code, 'ABORT_ERR')
})

test('addresses are those of sockets, from spawn on', async (t) => {
  const guest = spawn(guestFile('server'), ['half closed'], { sockets: ['127.0.0.1:0'] })
  t.deepEqual(guest.addresses, [])
  await event(guest, 'spawn')
  const [address] = guest.addresses
  t.regex(address, /^127\.0\.0\.1:\d+$/)
  const socket = connect({ port: Number(address.split(':')[1]), host: '127.0.0.1', allowHalfOpen: true })
  socket.end('12345')
  t.is(await textOf(socket), '5 bytes')
  await guest.result
  t.is(guest.addresses.length, 1)
})

test('a socket is closed when its guest is killed', async (t) => {
  const guest = spawn(guestFile('server'), ['http'], { sockets: ['127.0.0.1:0'] })
  await event(guest, 'spawn')
  guest.kill()
  await event(guest, 'close')
  const [error] = await event(connect(Number(guest.addresses[0].split(':')[1]), '127.0.0.1'), 'error')
  t.is(error.code, 'ECONNREFUSED')
})

// The life of the process.

const PRELUDE = `
  import * as support from './__test__/support/process.mjs'
  const { CAT, COMPUTE, WAIT, Pool, event, print, program, run, spawn } = support
`
const script = (code, options) => node(PRELUDE + code, { module: true, ...options })

for (const [title, code, stdout] of [
  ['after run()', `console.log((await run(program(print('text')))).stdout)`, 'text\n'],
  [
    'after a timeout',
    `await run(program(COMPUTE), [], { timeout: 50 }).catch((error) => console.log(error.code))`,
    'ERR_WASI_TIMEOUT\n',
  ],
  [
    'with a long timeout that was not reached',
    `await run(program(''), [], { timeout: 1e9, limits: { cpuTime: 1e9 } })`,
    '',
  ],
  ['with an idle pool', `await new Pool({ idleTimeout: 1e9 }).run(program(print('text')))`, ''],
  ['with a guest that is not referenced', `spawn(program(COMPUTE)).unref()`, ''],
  [
    'with a guest that is unreferenced after its start',
    `const guest = spawn(CAT); guest.on('spawn', () => guest.unref())`,
    '',
  ],
  [
    'with a guest that waits for a thread, without reference',
    `const pool = new Pool({ threads: 1 }); for (let i = 0; i < 3; i++) pool.spawn(program(WAIT)).unref()`,
    '',
  ],
  [
    'by process.exit() while guests run',
    `for (let i = 0; i < 4; i++) spawn(program(COMPUTE)); setTimeout(() => process.exit(), 100)`,
    '',
  ],
  ['if nobody reads the streams', `spawn(program(print('text'))).on('close', () => console.log('closed'))`, 'closed\n'],
]) {
  test(`the process ends ${title}`, async (t) => {
    const result = await script(code, { timeout: 60_000 })
    t.deepEqual({ code: result.code, signal: result.signal, stdout: result.stdout }, { code: 0, signal: null, stdout })
  })
}

test('a guest keeps the process alive until it ends', async (t) => {
  const { stdout } = await script(
    `const { sleep } = support
     spawn(program(sleep(100) + print('end')), [], { stdio: ['ignore', 'inherit', 'inherit'] })
     const other = spawn(program(sleep(100)))
     other.unref()
     other.ref()
     other.on('exit', (code) => console.log('exit', code))`,
  )
  t.deepEqual(stdout.match(/end|exit 0/g).sort(), ['end', 'exit 0'])
})
