// The limits of a Directory in memory, and files with holes.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import test from 'ava'
import { Directory } from 'capwasi'
import { node, root, tree } from '../support/guest.mjs'
import { onLinux, slow } from '../support/conditions.mjs'

const GIB = 2 ** 30

test('usage counts bytes and files until they are removed', (t) => {
  const directory = Directory.memory({ 'd/f': 'x'.repeat(10_000) })
  t.deepEqual(directory.usage, { bytes: 12_288, files: 2 })
  directory.linkSync('d/f', 'link')
  t.is(directory.usage.bytes, 12_288)
  directory.rmSync('d', { recursive: true })
  t.is(directory.usage.bytes, 12_288)
  directory.truncateSync('link', 4096)
  t.is(directory.usage.bytes, 4096)
  directory.unlinkSync('link')
  t.deepEqual(directory.usage, { bytes: 0, files: 0 })
})

test('beyond maxBytes a write fails with ENOSPC; space that was freed can be used again', (t) => {
  const directory = Directory.memory({}, { maxBytes: 8192 })
  const error = t.throws(() => directory.writeFileSync('f', Buffer.alloc(8193)))
  t.like(error, { code: 'ENOSPC', syscall: 'write', message: 'ENOSPC: no space left on device, write' })
  directory.unlinkSync('f')
  for (let round = 0; round < 3; round++) {
    directory.writeFileSync('f', Buffer.alloc(8192))
    t.throws(() => directory.appendFileSync('f', 'x'), { code: 'ENOSPC' })
  }
  t.throws(() => Directory.memory({ f: 'text' }, { maxBytes: 0 }), { code: 'ENOSPC' })
})

test('beyond maxFiles nothing can be created: ENOSPC', (t) => {
  const directory = Directory.memory({ a: '', 'd/': null }, { maxFiles: 3 })
  directory.linkSync('a', 'link')
  for (const [method, ...args] of [
    ['writeFileSync', 'new', ''],
    ['mkdirSync', 'new'],
    ['symlinkSync', 'a', 'new'],
    ['linkSync', 'a', 'new'],
  ])
    t.throws(() => directory[method](...args), { code: 'ENOSPC' }, method)
  directory.writeFileSync('a', 'more')
  directory.renameSync('a', 'b')
  directory.rmdirSync('d')
  directory.mkdirSync('e')
  t.is(directory.usage.files, 3)
})

test('in memory, paths and symlink targets of 4096 bytes and more fail with ENAMETOOLONG', (t) => {
  const directory = Directory.memory({ f: 'text' })
  const longest = `${'./'.repeat(2047)}f`
  t.is(longest.length, 4095)
  t.is(directory.readFileSync(longest, 'utf8'), 'text')
  directory.symlinkSync(longest, 'link')
  t.is(directory.readlinkSync('link'), longest)
  t.is(directory.readFileSync('link', 'utf8'), 'text')
  const tooLong = longest.replace('f', '/f')
  for (const [method, ...args] of [
    ['readFileSync', tooLong],
    ['writeFileSync', tooLong, ''],
    ['statSync', tooLong],
    ['mkdirSync', tooLong],
    ['symlinkSync', tooLong, 'new'],
    ['symlinkSync', 'f', tooLong],
    ['linkSync', 'f', tooLong],
    ['renameSync', 'f', tooLong],
  ])
    t.throws(() => directory[method](...args), { code: 'ENAMETOOLONG' }, method)
  t.deepEqual(directory.readdirSync('.').sort(), ['f', 'link'])
})

test('a hole of 8 GiB costs nothing, is copied as a hole, and cannot be read at once', (t) => {
  const directory = Directory.memory({ f: 'start' })
  directory.truncateSync('f', 8 * GIB)
  directory.appendFileSync('f', 'end')
  t.is(directory.statSync('f').size, 8 * GIB + 3)
  t.true(directory.usage.bytes <= 2 * 4096)
  t.true(directory.statSync('f').blocks <= 16)
  directory.cpSync('f', 'g')
  t.is(directory.statSync('g').size, 8 * GIB + 3)
  t.true(directory.usage.bytes <= 4 * 4096)
  t.throws(() => directory.readFileSync('f'), {
    instanceOf: RangeError,
    code: 'ERR_FS_FILE_TOO_LARGE',
    message: `File size (${8 * GIB + 3}) is greater than 2 GiB`,
  })
  directory.truncateSync('g', 10)
  t.deepEqual(directory.readFileSync('g'), Buffer.from('start\0\0\0\0\0'))
})

slow()('memory of directories that were dropped without close() is released while JavaScript yields', async (t) => {
  const script = `
    const { Directory } = require(${JSON.stringify(root)})
    const data = Buffer.alloc(50 * 2 ** 20, 1)
    const run = async () => {
      let most = 0
      for (let round = 0; round < 60; round++) {
        if (round % 2) Directory.memory({ data })
        else Directory.overlay(Directory.memory()).writeFileSync('data', data)
        await new Promise(setImmediate)
        most = Math.max(most, process.memoryUsage().rss)
      }
      console.log(Math.round(most / 2 ** 20))
    }
    run()`
  const { stdout } = await node(script)
  t.true(Number(stdout) < 1500, `${stdout} MiB of 3,000`)
})

test('utimesSync stores a time beyond the maximum as the maximum', (t) => {
  const directory = Directory.memory({ f: '' })
  directory.utimesSync('f', 1e300, 1e13)
  const { atimeMs, mtimeMs } = directory.statSync('f')
  t.deepEqual([atimeMs, mtimeMs], [2 ** 63 / 1e6, 2 ** 63 / 1e6])
})

test('changes() and applyTo() fail with ENAMETOOLONG for a path that is too long for every method', (t) => {
  const overlay = Directory.overlay(Directory.memory())
  const deep = (levels) => Array(levels).fill('a').join('/')
  overlay.mkdirSync(deep(2000), { recursive: true })
  t.is(overlay.changes().length, 2000)
  overlay.mkdirSync(`b/${deep(1000)}`, { recursive: true })
  overlay.renameSync('a', `b/${deep(1000)}/moved`)
  const target = Directory.memory()
  for (const call of [() => overlay.changes(), () => overlay.applyTo(target), () => overlay.toJSON()])
    t.throws(call, { code: 'ENAMETOOLONG' })
  t.deepEqual(target.toJSON(), {})
})

onLinux('cpSync keeps the holes of files of the host', (t) => {
  const directory = Directory.open(tree(t, { f: '' }))
  directory.truncateSync('f', GIB)
  directory.appendFileSync('f', 'end')
  directory.cpSync('f', 'g')
  t.is(directory.statSync('g').size, GIB + 3)
  t.true(directory.statSync('g').blocks < 1000)
})

onLinux('readFileSync reads files without a size, such as those of /proc', (t) => {
  t.regex(Directory.open('/proc/self', { readonly: true }).readFileSync('status', 'utf8'), /^Name:/)
})

onLinux('readFileSync of a FIFO fails with EINVAL instead of waiting', (t) => {
  const path = tree(t)
  execFileSync('mkfifo', [join(path, 'fifo')])
  const directory = Directory.open(path)
  t.throws(() => directory.readFileSync('fifo'), { code: 'EINVAL' })
  t.true(directory.lstatSync('fifo').isFIFO())
  t.true(directory.readdirSync('.', { withFileTypes: true })[0].isFIFO())
  t.deepEqual(directory.toJSON(), {})
})
