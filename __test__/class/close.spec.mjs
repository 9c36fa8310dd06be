// close(), Symbol.dispose and garbage collection close the descriptors of a sandbox.

import { fstatSync } from 'node:fs'
import test from 'ava'
import { onLinux } from '../support/conditions.mjs'
import { WASI } from 'capwasi'
import { ERRNO, OFLAGS, RIGHTS, hostFile, node, rawGuest, tree } from '../support/guest.mjs'

const newWasi = (options) => new WASI({ version: 'preview1', ...options })

for (const [how, close] of [
  ['close()', (wasi) => wasi.close()],
  ['[Symbol.dispose]()', (wasi) => wasi[Symbol.dispose]()],
]) {
  test(`${how} returns undefined, also before start() and the second time`, (t) => {
    const wasi = newWasi({ preopens: { '/': '.' } })
    t.is(close(wasi), undefined)
    t.is(close(wasi), undefined)
    t.notThrows(() => wasi.close())
  })

  test(`calls on any descriptor after ${how} fail with EBADF`, (t) => {
    const guest = rawGuest({ preopens: { '/': tree(t, { 'in.txt': 'hello' }) } })
    const fd = guest.open('in.txt')
    close(guest.wasi)
    for (const closed of [0, 1, 2, 3, fd])
      t.is(guest.call.fd_fdstat_get(closed, guest.out), ERRNO.BADF, `descriptor ${closed}`)
    t.is(guest.call.path_create_directory(3, ...guest.put('new')), ERRNO.BADF)
  })

  test(`sched_yield and args_get after ${how} still succeed`, (t) => {
    const guest = rawGuest({ args: ['one'] })
    close(guest.wasi)
    t.is(guest.call.sched_yield(), 0)
    t.deepEqual(guest.strings('args'), ['one'])
  })
}

test('close() keeps host descriptors passed as stdio open', (t) => {
  const file = hostFile(t)
  const wasi = newWasi({ stdin: file.fd, stdout: file.fd, stderr: file.fd })
  wasi.close()
  t.true(fstatSync(file.fd).isFile())
})

test('fd_read on an open descriptor after close() fails with EBADF', (t) => {
  const guest = rawGuest({ preopens: { '/': tree(t, { 'in.txt': 'hello' }) } })
  const fd = guest.open('in.txt')
  t.is(guest.read(fd, 2), 'he')
  guest.wasi.close()
  t.is(guest.call.fd_read(fd, ...guest.iovs(4), guest.out), ERRNO.BADF)
})

test('a file that the guest wrote keeps its content after close()', (t) => {
  const directory = tree(t)
  const guest = rawGuest({ preopens: { '/': directory } })
  guest.write(guest.open('out.txt', { oflags: OFLAGS.CREAT, rights: RIGHTS.FD_WRITE }), 'written')
  guest.wasi.close()
  const reader = rawGuest({ preopens: { '/': directory } })
  t.is(reader.read(reader.open('out.txt')), 'written')
})

// Counts descriptors in a new process, because other specs open and close descriptors too.
const counting = `
  const { WASI } = require('capwasi')
  const { readdirSync } = require('node:fs')
  const count = () => readdirSync('/proc/self/fd').length
  const newWasi = () => new WASI({ version: 'preview1', preopens: { '/a': '.', '/b': 'src' } })
  newWasi().close()
  const before = count()`

onLinux('close() closes the host descriptors of the preopens', async (t) => {
  const ran = await node(`${counting}
    for (let i = 0; i < 300; i++) newWasi().close()
    console.log(count() - before)`)
  t.deepEqual([ran.stdout, ran.stderr], ['0\n', ''])
})

onLinux('close() after path_open, fd_readdir, fd_renumber and fd_close leaves no host descriptor open', async (t) => {
  const directory = tree(t, { 'in.txt': 'hello', 'sub/x': '' })
  const ran = await node(
    `${counting}
    const open = (functions, memory, path, oflags) => {
      new TextEncoder().encodeInto(path, new Uint8Array(memory.buffer))
      if (functions.path_open(3, 0, 0, path.length, oflags, 0n, 0n, 0, 64) !== 0) throw new Error(path)
      return new DataView(memory.buffer).getUint32(64, true)
    }
    for (let i = 0; i < 50; i++) {
      const wasi = new WASI({ version: 'preview1', preopens: { '/': process.argv[1] } })
      const memory = new WebAssembly.Memory({ initial: 1 })
      wasi.initialize({ exports: { memory } })
      const { wasiImport } = wasi
      const fds = ['in.txt', 'sub', 'in.txt'].map((path) => open(wasiImport, memory, path, path === 'sub' ? 2 : 0))
      wasiImport.fd_readdir(fds[1], 128, 256, 0n, 120)
      wasiImport.fd_renumber(fds[2], fds[0])
      wasiImport.fd_close(fds[0])
      open(wasiImport, memory, 'in.txt', 0)
      wasi.close()
    }
    console.log(count() - before)`,
    { args: [directory] },
  )
  t.deepEqual([ran.stdout, ran.stderr], ['0\n', ''])
})

onLinux('garbage collection of a sandbox closes its host descriptors', async (t) => {
  const ran = await node(
    `${counting}
    async function main() {
      for (let i = 0; i < 200; i++) {
        const wasi = newWasi()
        wasi.initialize({ exports: { memory: new WebAssembly.Memory({ initial: 0 }) } })
      }
      for (let i = 0; i < 20 && count() > before; i++) {
        globalThis.gc()
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      console.log(count() - before)
    }
    main()`,
    { flags: ['--expose-gc'] },
  )
  t.deepEqual([Number(ran.stdout) < 10, ran.stderr], [true, ''], ran.stdout)
})

onLinux('functions of wasiImport still work if only they are referenced', async (t) => {
  const ran = await node(
    `${counting}
    let memory = new WebAssembly.Memory({ initial: 1 })
    let functions = (() => {
      const wasi = newWasi()
      wasi.initialize({ exports: { memory } })
      return { ...wasi.wasiImport }
    })()
    for (let i = 0; i < 5; i++) globalThis.gc()
    setTimeout(() => {
      globalThis.gc()
      console.log(functions.sched_yield(), functions.fd_prestat_get(3, 0), new Uint32Array(memory.buffer)[1])
    }, 20)`,
    { flags: ['--expose-gc'] },
  )
  t.deepEqual([ran.stdout, ran.stderr], ['0 0 2\n', ''])
})

onLinux('4000 live sandboxes on one directory use fewer than 100 host descriptors', async (t) => {
  const ran = await node(`${counting}
    const all = Array.from({ length: 4000 }, () => new WASI({ version: 'preview1', preopens: { '/': '.' } }))
    console.log(all.length, count() - before < 100)`)
  t.deepEqual([ran.stdout, ran.stderr], ['4000 true\n', ''])
})
