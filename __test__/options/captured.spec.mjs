// The memory of captured output: its owner, and when it is freed.

import { execFileSync } from 'node:child_process'
import test from 'ava'
import { node, rawGuest } from '../support/guest.mjs'
import { linux } from '../support/platform.mjs'

const MIB = 1 << 20

/** Defines `writer()`, which returns a guest with captured stdout and `write(mebibytes)`, by which the guest writes. */
const defineWriter = `
  import { rawGuest } from './__test__/support/guest.mjs'
  const writer = () => {
    const guest = rawGuest({ stdout: 'pipe' })
    const iovs = guest.iovs('A'.repeat(1 << 16))
    const write = (mebibytes) => {
      for (let count = 0; count < mebibytes * 16; count++) guest.must('fd_write', 1, ...iovs, guest.out)
    }
    return { guest, write }
  }`

/** Runs a script in a new process. Returns its output, parsed as JSON. */
async function outputOf(t, script, options) {
  const { stdout, stderr, code } = await node(script, { module: true, ...options })
  t.is(code, 0, stderr)
  return JSON.parse(stdout)
}

test('wasi.stdout that a worker transfers keeps its bytes when the worker is terminated', async (t) => {
  for (const move of ['structuredClone(buffer, { transfer: [buffer] })', 'buffer.transfer?.() ?? buffer']) {
    t.deepEqual(
      await outputOf(
        t,
        `
      import { Worker, isMainThread } from 'node:worker_threads'
      const worker = new Worker(${JSON.stringify(`
        const { parentPort } = require('node:worker_threads')
        import('./__test__/support/guest.mjs').then(({ rawGuest }) => {
          const guest = rawGuest({ stdout: 'pipe' })
          const iovs = guest.iovs('A'.repeat(8000))
          for (let count = 0; count < 6000; count++) guest.must('fd_write', 1, ...iovs, guest.out)
          const { buffer } = guest.wasi.stdout
          const moved = ${move}
          parentPort.postMessage(moved, [moved])
          setInterval(() => {}, 1000)
        })`)}, { eval: true, execArgv: [] })
      const bytes = await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject))
      await worker.terminate()
      await new Promise((resolve) => setTimeout(resolve, 100))
      console.log(JSON.stringify([bytes.byteLength, new Uint8Array(bytes).every((byte) => byte === 65)]))`,
      ),
      [48_000_000, true],
      move,
    )
  }
})

test('wasi.stdout has its own ArrayBuffer, and output after a transfer of the buffer is captured', (t) => {
  const guest = rawGuest({ stdout: 'pipe' })
  for (const text of ['', 'x', 'y'.repeat(100), 'z'.repeat(10_000)]) {
    guest.reset()
    guest.write(1, text)
    const { buffer, byteOffset, length } = guest.wasi.stdout
    t.deepEqual([buffer.byteLength, byteOffset], [length, 0])
  }
  structuredClone(guest.wasi.stdout.buffer, { transfer: [guest.wasi.stdout.buffer] })
  t.is(guest.wasi.stdout.length, 0)
  guest.write(1, 'later')
  t.is(String(guest.wasi.stdout), 'later')
})

test('bytes that JavaScript writes into wasi.stdout stay when more output arrives', (t) => {
  const guest = rawGuest({ stdout: 'pipe' })
  guest.write(1, 'one ')
  guest.wasi.stdout.write('ONE')
  guest.write(1, 'two')
  t.is(String(guest.wasi.stdout), 'ONE two')
})

test('output of several MiB is captured completely, also across a read of wasi.stdout', async (t) => {
  t.deepEqual(
    await outputOf(
      t,
      `
    import { rawGuest } from './__test__/support/guest.mjs'
    import { createHash } from 'node:crypto'
    const guest = rawGuest({ stdout: 'pipe' })
    const hash = createHash('sha256')
    const bytes = new Uint8Array(100_000).map((_, index) => index * 7 + (index >> 8))
    const [at] = guest.put(bytes)
    const iovs = guest.alloc(16)
    for (let count = 0, size = 1; count < 400; count++, size = (size * 31) % 50_021) {
      for (const [index, word] of [at + size, size, at, count].entries())
        guest.view.setUint32(iovs + 4 * index, word, true)
      guest.must('fd_write', 1, iovs, 2, guest.out)
      hash.update(bytes.subarray(size, 2 * size)).update(bytes.subarray(0, count))
      if (count === 123) guest.wasi.stdout
    }
    const all = guest.wasi.stdout
    const digest = createHash('sha256').update(all).digest('hex')
    console.log(JSON.stringify([all.length > 5e6, digest === hash.digest('hex')]))`,
    ),
    [true, true],
  )
})

for (const [title, finish] of [
  ['closed, unreferenced sandboxes release captured output in a loop that never yields', 'guest.wasi.close()'],
  ['unreferenced sandboxes release captured output in a loop that yields', 'await new Promise(setImmediate)'],
]) {
  test(title, async (t) => {
    const { before, most } = await outputOf(
      t,
      `${defineWriter}
      const before = process.memoryUsage().rss
      let most = 0
      for (let count = 0; count < 35; count++) {
        const { guest, write } = writer()
        write(64)
        ${finish}
        most = Math.max(most, process.memoryUsage().rss)
      }
      console.log(JSON.stringify({ before, most }))`,
    )
    // The sandboxes capture 2,240 MiB in total.
    t.true(most - before < 1000 * MIB, `${(most - before) / MIB} MiB`)
  })
}

const hasPrlimit = (() => {
  try {
    return linux && execFileSync('prlimit', ['--version']).length > 0
  } catch {
    return false
  }
})()

;(hasPrlimit ? test : test.skip)(
  'wasi.stdout throws a RangeError when memory is exhausted, and loses no output',
  async (t) => {
    t.deepEqual(
      await outputOf(
        t,
        `${defineWriter}
    import { execFileSync } from 'node:child_process'
    import { readFileSync } from 'node:fs'
    const { guest, write } = writer()
    write(200)
    const limit = (size) => execFileSync('prlimit', ['--pid', process.pid, \`--as=\${size}:\`])
    const thrown = (act) => {
      try {
        act()
      } catch (error) {
        return error.name
      }
    }
    const [pages] = readFileSync('/proc/self/statm', 'latin1').split(' ')
    limit(pages * 4096 + (50 << 20))
    const errors = [thrown(() => guest.wasi.stdout), thrown(() => guest.wasi.close())]
    limit('unlimited')
    console.log(JSON.stringify([...errors, guest.call.fd_close(1), guest.wasi.stdout.length]))`,
      ),
      ['RangeError', 'RangeError', 8, 200 * MIB],
    )
  },
)
