// Attacks on the process that the guest runs in. Each attack runs in a new process.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import test from 'ava'
import { TOO_SLOW, onLinux, onPosix, skippedOn, slow } from '../support/conditions.mjs'
import { node, tree } from '../support/guest.mjs'

const prologue = `
  import { closeSync, fstatSync, openSync, readFileSync, readdirSync } from 'node:fs'
  import { Worker } from 'node:worker_threads'
  import { WASI } from 'capwasi'
  import { errnoOf } from './__test__/support/calls.mjs'
  import { errnoName, rawGuest } from './__test__/support/guest.mjs'
  const [directory] = process.argv.slice(1)
  const make = (options) => rawGuest({ preopens: { '/': directory }, ...options })
  const report = (value) => console.log(JSON.stringify(value));`
/** Runs a script in a new process. Returns its exit code and its reports. */
const attack = async (t, script, { args = [tree(t, { file: 'text', 'sub/x': 'x' })], flags = [] } = {}) => {
  const { code, signal, stdout, stderr } = await node(prologue + script, { module: true, args, flags })
  t.deepEqual([signal, stderr], [null, ''])
  return {
    code,
    reports: stdout
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  }
}

for (const [action, statements] of Object.entries({
  'closes stdio and its preopen': 'for (const fd of [0, 1, 2, 3]) guest.close(fd)',
  'renumbers a file over stdio and its preopen':
    "for (const to of [0, 1, 2, 3]) { const fd = guest.open('file'); checkUse(to); guest.must('fd_renumber', fd, to) }",
  'renumbers its preopen and stdio':
    "guest.must('fd_renumber', 3, 0); guest.must('fd_renumber', 1, 2); guest.close(2); guest.close(0)",
})) {
  onPosix(`a guest that ${action} does not affect the host or another guest`, async (t) => {
    const { reports } = await attack(
      t,
      `
      const [otherGuest, guest] = [make(), make()]
      const checkUse = (fd) => { if (fd === 3) for (let at = 0; at < 2; at++) guest.fdstat(3) }
      const before = [0, 1, 2].map((fd) => fstatSync(fd).ino)
      ${statements}
      guest.wasi.close()
      globalThis.gc()
      await new Promise((resolve) => setTimeout(resolve, 20))
      report([0, 1, 2].map((fd) => fstatSync(fd).ino).join() === before.join())
      report(otherGuest.read(otherGuest.open('file')))
      report(otherGuest.fdstat(1).filetype === make().fdstat(1).filetype)`,
      { flags: ['--expose-gc'] },
    )
    t.deepEqual(reports, [true, 'text', true])
  })
}

onLinux('fd_fdstat_set_flags on stdio does not change the flags of the host descriptors', async (t) => {
  const directory = tree(t, { file: 'text' })
  const fifo = join(directory, 'fifo')
  execFileSync('mkfifo', [fifo])
  const { reports } = await attack(
    t,
    `
    const flags = (fd) => readFileSync('/proc/self/fdinfo/' + fd, 'utf8').match(/flags:\\s*(\\d+)/)[1]
    const fds = [openSync(directory + '/fifo', 'r+'), openSync(directory + '/file', 'r+'), openSync('/dev/null', 'r+')]
    const before = fds.map(flags)
    const guest = make({ stdin: fds[0], stdout: fds[1], stderr: fds[2] })
    for (const fd of [0, 1, 2]) for (let bits = 0; bits < 64; bits++) guest.call.fd_fdstat_set_flags(fd, bits)
    for (const fd of [0, 1, 2]) guest.call.fd_fdstat_set_flags(fd, 4)
    report(fds.map(flags).join() === before.join())
    guest.wasi.close()
    report(fds.map(flags).join() === before.join())`,
    { args: [directory] },
  )
  t.deepEqual(reports, [true, true])
})

test('proc_raise with any signal fails with ENOTSUP, and the process stays alive', async (t) => {
  const { reports, code } = await attack(
    t,
    `
    const guest = make()
    const numbers = Array.from({ length: 41 }, (_, index) => index)
    numbers.push(64, 127, 128, 255, 256 + 9, 2 ** 31 - 1, -9)
    report([...new Set(numbers.map((number) => errnoOf(guest, 'proc_raise', number)))])
    setTimeout(() => report('alive'), 50)`,
  )
  t.deepEqual([code, reports], [0, [['NOTSUP'], 'alive']])
})

for (const returnOnExit of [true, false]) {
  test(`proc_exit in a worker ends only that worker (returnOnExit: ${returnOnExit})`, async (t) => {
    const { reports, code } = await attack(
      t,
      `
      const script = \`
        const { WASI } = require('capwasi')
        const memory = new WebAssembly.Memory({ initial: 1 })
        const wasi = new WASI({ version: 'preview1', returnOnExit: ${returnOnExit} })
        process.exitCode = wasi.start({ exports: { memory, _start() { wasi.wasiImport.proc_exit(9) } } })\`
      const workers = [1, 2, 3, 4].map(() => new Worker(script, { eval: true, execArgv: [] }))
      report(await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)))))
      setTimeout(() => report('alive'), 20)`,
    )
    t.deepEqual([code, reports], [0, [[9, 9, 9, 9], 'alive']])
  })
}

skippedOn(TOO_SLOW, slow(onLinux))(
  '100,000 sandboxes that are never closed hold at most 200 descriptors and 200 MiB',
  async (t) => {
    const { reports } = await attack(
      t,
      `
    const count = () => readdirSync('/proc/self/fd').length
    const memory = new WebAssembly.Memory({ initial: 1 })
    new TextEncoder().encodeInto('file', new Uint8Array(memory.buffer))
    const one = (opens) => {
      const wasi = new WASI({ version: 'preview1', preopens: { '/': directory } })
      wasi.initialize({ exports: { memory } })
      if (opens && wasi.wasiImport.path_open(3, 0, 0, 4, 0, 2n, 0n, 0, 64) !== 0) throw new Error('path_open')
    }
    one(true)
    const [before, resident] = [count(), process.memoryUsage().rss]
    let most = 0
    for (let made = 0; made < 100_000; made += 1000) {
      for (let i = 0; i < 1000; i++) one(i % 100 === 0)
      globalThis.gc()
      await new Promise((resolve) => setImmediate(resolve))
      most = Math.max(most, count() - before)
    }
    for (let i = 0; i < 20 && count() > before; i++) {
      globalThis.gc()
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    report([most, count() - before, Math.round((process.memoryUsage().rss - resident) / 2 ** 20)])`,
      { flags: ['--expose-gc'] },
    )
    const [[most, last, grown]] = reports
    t.true(most <= 200, `${most} open at a time`)
    t.true(last <= 2, `${last} left`)
    t.true(grown < 200, `${grown} MiB more`)
  },
)

onPosix('a guest that opens files until EMFILE leaves descriptors to the host and other guests', async (t) => {
  const { reports } = await attack(
    t,
    `
    const guest = make()
    let opened = 0
    let errno
    const [path, length] = guest.put('file')
    while ((errno = guest.call.path_open(3, 0, path, length, 0, 2n, 0n, 0, 0)) === 0 && opened < 10_000) opened++
    report([opened, errnoName(errno)])
    const fd = openSync(directory + '/file')
    report(readFileSync(fd, 'utf8'))
    closeSync(fd)
    const otherGuest = make()
    report(otherGuest.read(otherGuest.open('file')))
    guest.close(100)
    report(guest.call.path_open(3, 0, path, length, 0, 2n, 0n, 0, 0))
    guest.wasi.close()
    report(make().fdstat(3).filetype)`,
  )
  t.deepEqual(reports, [[4092, 'MFILE'], 'text', 'text', 0, 3])
})
