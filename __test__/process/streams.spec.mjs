// The streams of spawn(): stdio, backpressure, duplex(), and descriptors.

import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import { hostFile, node } from '../support/guest.mjs'
import { onLinux, slow } from '../support/conditions.mjs'
import { CAT, COMPUTE, MIB, event, failure, print, program, spawn, textOf } from '../support/process.mjs'

const BOTH = program(print('out') + print('err', 2))

test('stdin, stdout and stderr are streams by default', async (t) => {
  const guest = spawn(CAT)
  guest.stdin.write('a')
  guest.stdin.end('b')
  t.deepEqual(await Promise.all([textOf(guest.stdout), textOf(guest.stderr)]), ['ab', '2 bytes\n'])
  t.is((await guest.result).exitCode, 0)
})

test('a stream that is not piped is null', async (t) => {
  for (const [stdio, expected] of [
    ['pipe', [true, true, true]],
    ['ignore', [false, false, false]],
    [
      ['ignore', 'pipe', 'ignore'],
      [false, true, false],
    ],
    [['pipe'], [true, true, true]],
    [
      [null, undefined, 'ignore'],
      [true, true, false],
    ],
  ]) {
    const guest = spawn(BOTH, [], { stdio })
    t.deepEqual(
      [guest.stdin, guest.stdout, guest.stderr].map((stream) => stream !== null),
      expected,
    )
    await guest.result
  }
})

test('stdio of streams and descriptors connects the guest to them', async (t) => {
  const output = new PassThrough()
  const file = hostFile(t)
  const guest = spawn(CAT, [], { stdio: [Readable.from(['te', 'xt']), output, file.fd] })
  t.deepEqual([guest.stdin, guest.stdout, guest.stderr], [null, null, null])
  await event(guest, 'close')
  t.false(output.writableEnded)
  t.is(output.read().toString(), 'text')
  t.is(file.text(), '4 bytes\n')
})

test('the output of one guest is the input of another', async (t) => {
  const first = spawn(CAT, [], { stdio: ['pipe', 'pipe', 'ignore'] })
  const second = spawn(CAT, [], { stdio: [first.stdout, 'pipe', 'ignore'] })
  first.stdin.end('text')
  t.is(await textOf(second.stdout), 'text')
  await Promise.all([first.result, second.result])
})

test('an error of a stream of stdio emits error and close', async (t) => {
  const failing = new Readable({
    read() {
      this.destroy(new Error('reason'))
    },
  })
  const guest = spawn(CAT, [], { stdio: [failing, 'ignore', 'ignore'] })
  guest.on('exit', () => t.fail())
  const closed = event(guest, 'close')
  t.is((await event(guest, 'error'))[0].message, 'reason')
  t.deepEqual(await closed, [null, 'error'])
})

test('duplex() is a stage of a pipeline', async (t) => {
  const chunks = []
  await pipeline(Readable.from(['a', 'b']), spawn(CAT).duplex(), async (source) => {
    for await (const chunk of source) chunks.push(chunk)
  })
  t.is(Buffer.concat(chunks).toString(), 'ab')
})

test('input written before the guest starts arrives in order', async (t) => {
  const guest = spawn(CAT)
  const parts = Array.from({ length: 100 }, (_, index) => `${index},`)
  for (const part of parts) guest.stdin.write(part)
  guest.stdin.end()
  t.is(await textOf(guest.stdout), parts.join(''))
})

test('input that the guest does not read is discarded without an error', async (t) => {
  const guest = spawn(BOTH)
  guest.stdin.on('error', (error) => t.fail(error.message))
  guest.stdin.write('x'.repeat(MIB))
  await event(guest, 'exit')
  guest.stdin.write('x')
  await event(guest, 'close')
  t.true(guest.stdin.destroyed)
})

test('a write after the end of the guest calls back with an error', async (t) => {
  const guest = spawn(BOTH)
  await guest.result
  const error = await new Promise((resolve) => guest.stdin.write('x', resolve))
  t.is(error.code, 'ERR_STREAM_DESTROYED')
})

test('output can be read after the guest has ended', async (t) => {
  const guest = spawn(BOTH)
  await guest.result
  t.deepEqual(await Promise.all([textOf(guest.stdout), textOf(guest.stderr)]), ['out', 'err'])
})

test('a guest whose stdout was destroyed gets EPIPE', async (t) => {
  const guest = spawn(program(`(drop (call $poll_oneoff (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))`))
  guest.stdout.destroy()
  await guest.result
  const cat = spawn(CAT, [], { stdio: ['pipe', 'pipe', 'ignore'] })
  cat.stdout.destroy()
  cat.stdin.end('text')
  t.is((await failure(cat.result)).exitCode, 1)
})

test('setEncoding, pipe and async iteration work', async (t) => {
  const guest = spawn(CAT)
  guest.stdout.setEncoding('utf8')
  guest.stdin.write(Buffer.from('ü').subarray(0, 1))
  guest.stdin.end(Buffer.from('ü').subarray(1))
  let text = ''
  for await (const chunk of guest.stdout) text += chunk
  t.is(text, 'ü')
  const piped = spawn(CAT)
  const target = new PassThrough()
  piped.stdout.pipe(target)
  piped.stdin.end('text')
  t.is(await textOf(target), 'text')
})

test('a fast guest waits for a slow reader', async (t) => {
  const guest = spawn(CAT, [], { stdio: ['pipe', 'pipe', 'ignore'] })
  let written = 0
  const feed = () => {
    while (written < 32 * MIB && guest.stdin.write(Buffer.alloc(65536))) written += 65536
  }
  guest.stdin.on('drain', feed)
  feed()
  await event(guest, 'spawn')
  // Without a reader the guest stops, and then the writer.
  for (let before = -1; before !== written; ) {
    before = written
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  t.true(written < 8 * MIB, String(written))
  guest.kill()
  await failure(guest.result)
})

slow()('64 MiB pass in both directions at once', async (t) => {
  const guest = spawn(CAT, [], { stdio: ['pipe', 'pipe', 'ignore'] })
  const input = Buffer.from(Array.from({ length: MIB }, (_, index) => index * 31))
  pipeline(Readable.from(Array.from({ length: 64 }, () => input)), guest.stdin)
  let [at, isEqual] = [0, true]
  for await (const chunk of guest.stdout) {
    for (let done = 0; done < chunk.length; ) {
      const length = Math.min(chunk.length - done, MIB - (at % MIB))
      isEqual &&= input.subarray(at % MIB, (at % MIB) + length).equals(chunk.subarray(done, done + length))
      done += length
      at += length
    }
  }
  t.deepEqual([at, isEqual], [64 * MIB, true])
  await guest.result
})

// Memory and descriptors of a process of their own.

const PRELUDE = `
  import * as support from './__test__/support/process.mjs'
  const { CAT, COMPUTE, MIB, Pool, event, flood, print, program, run, spawn, until, failure } = support
  import { readdirSync } from 'node:fs'
`

/** Runs a script that prints JSON. */
async function resultOf(code) {
  const { stdout, stderr } = await node(PRELUDE + code, { module: true })
  return stdout === '' ? stderr : JSON.parse(stdout)
}

for (const [title, code] of [
  [
    'a slow reader of a stream',
    `const guest = spawn(bytes)
     for await (const chunk of guest.stdout) if (await received(chunk)) break
     guest.kill()`,
  ],
  [
    'a slow function',
    `const controller = new AbortController()
     await run(bytes, [], { signal: controller.signal, stdout: async (chunk) => {
       if (await received(chunk)) controller.abort()
     } }).catch(() => {})`,
  ],
]) {
  slow(onLinux)(`a guest that floods ${title} needs less than 64 MiB`, async (t) => {
    const { growth, total } = await resultOf(`
      const bytes = program(flood(1000000), { memory: '(memory (export "memory") 17)' })
      await run(program(''))
      const before = process.memoryUsage().rss
      let [largest, total] = [0, 0]
      const received = async (chunk) => {
        total += chunk.length
        await new Promise((resolve) => setTimeout(resolve, 5))
        largest = Math.max(largest, process.memoryUsage().rss)
        return total > 8 * MIB
      }
      ${code}
      console.log(JSON.stringify({ growth: largest - before, total }))`)
    t.true(total > 8 * MIB)
    t.true(growth < 64 * MIB, `${growth / MIB} MiB`)
  })
}

slow(onLinux)('runs, kills and failures leave no descriptor open, 200 times each', async (t) => {
  const counts = await resultOf(`
    const descriptors = () => readdirSync('/proc/self/fd').length
    const pool = new Pool({ threads: 2 })
    const ways = {
      run: () => pool.run(CAT, [], { input: 'text' }),
      iterable: () => pool.run(CAT, [], { input: ['text'], stdout: () => {} }),
      read: async () => {
        const guest = pool.spawn(CAT)
        guest.stdout.resume()
        guest.stderr.resume()
        guest.stdin.end('text')
        await event(guest, 'close')
      },
      unread: () => pool.spawn(program(print('text') + print('text', 2))).result,
      killed: async () => {
        const guest = pool.spawn(CAT)
        await event(guest, 'spawn')
        guest.kill()
        await failure(guest.result)
      },
      computing: async () => {
        const guest = pool.spawn(program(COMPUTE))
        await event(guest, 'spawn')
        guest.kill()
        await failure(guest.result)
      },
      early: async () => {
        const guest = pool.spawn(CAT)
        guest.kill()
        await failure(guest.result)
      },
      destroyed: async () => {
        const guest = pool.spawn(CAT)
        for (const stream of [guest.stdin, guest.stdout, guest.stderr]) stream.destroy()
        await guest.result.catch(() => {})
      },
      missing: () => failure(pool.spawn('/no/such').result),
      invalid: () => failure(pool.spawn(CAT, [], { preopens: { '/': '/no/such' } }).result),
      large: () => failure(pool.spawn(CAT, [], { limits: { memory: 0 } }).result),
      aborted: () => failure(pool.run(CAT, [], { input: ['text'], signal: AbortSignal.abort() })),
    }
    const counts = {}
    for (const [name, way] of Object.entries(ways)) {
      for (let warm = 0; warm < 5; warm++) await way()
      await pool.run(program(''))
      await new Promise((resolve) => setTimeout(resolve, 100))
      const before = descriptors()
      for (let round = 0; round < 200; round++) await way()
      await pool.run(program(''))
      let after
      for (let wait = 0; wait < 50 && (after = descriptors()) > before + 20; wait++)
        await new Promise((resolve) => setTimeout(resolve, 100))
      counts[name] = [before, after]
    }
    await pool.close()
    console.log(JSON.stringify(counts))
    process.exit()`)
  // A thread has a few descriptors of its own.
  for (const [name, [before, after]] of Object.entries(counts))
    t.true(after <= before + 20, `${name}: ${before} descriptors, then ${after}`)
})

test('kill() while a stream is full ends both', async (t) => {
  const guest = spawn(program(print('text') + COMPUTE))
  await event(guest.stdout, 'readable')
  guest.kill()
  t.is(String(guest.stdout.read()), 'text')
  guest.stdout.resume()
  t.deepEqual(await event(guest, 'close'), [null, 'kill'])
})
