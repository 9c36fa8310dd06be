// Programs: files, bytes and modules, the cache of files, and their errors.

import { chmodSync, copyFileSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import { tree } from '../support/guest.mjs'
import { onPosix } from '../support/conditions.mjs'
import { MIB, TRAP, createPool, failure, guestFile, print, program, run } from '../support/process.mjs'

const ONE = program(print('one'))
const TWO = program(print('two'))
const outputOf = async (file, options) => (await run(file, [], options)).stdout

test('a path and a URL name a file', async (t) => {
  const path = join(tree(t, { 'a b#c%41.wasm': ONE }), 'a b#c%41.wasm')
  t.is(await outputOf(path), 'one')
  t.is(await outputOf(pathToFileURL(path)), 'one')
})

test('bytes are a Uint8Array or a Buffer, of any part of a memory', async (t) => {
  const padded = new Uint8Array(ONE.length + 20).fill(0xff)
  padded.set(ONE, 7)
  const part = padded.subarray(7, 7 + ONE.length)
  const shared = new Uint8Array(new SharedArrayBuffer(ONE.length))
  shared.set(ONE)
  for (const bytes of [ONE, Buffer.from(ONE), part, shared])
    for (const limits of [{}, { memory: MIB }]) t.is(await outputOf(bytes, { limits }), 'one')
})

test('a WebAssembly.Module is used as it is, also one of another realm', async (t) => {
  t.is(await outputOf(new WebAssembly.Module(ONE)), 'one')
  const other = runInNewContext('new WebAssembly.Module(bytes)', { bytes: ONE })
  t.is(await outputOf(other), 'one')
})

test.serial('a file is compiled once while it does not change', async (t) => {
  const path = join(tree(t, { 'a.wasm': ONE }), 'a.wasm')
  const { compile } = WebAssembly
  t.teardown(() => {
    WebAssembly.compile = compile
  })
  let compiled = 0
  WebAssembly.compile = (...args) => {
    if (args[0].length === ONE.length) compiled++
    return compile(...args)
  }
  const texts = await Promise.all(Array.from({ length: 10 }, () => outputOf(path)))
  t.deepEqual(new Set(texts), new Set(['one']))
  t.is(compiled, 1)
  t.is(await outputOf(pathToFileURL(path)), 'one')
  t.is(compiled, 1)
  await outputOf(path, { limits: { memory: MIB } })
  const withLimit = compiled
  await outputOf(path, { limits: { memory: MIB } })
  t.is(compiled, withLimit)
})

test('a file that has changed is compiled again', async (t) => {
  const directory = tree(t, { 'a.wasm': ONE, 'b.wasm': TWO })
  const path = join(directory, 'a.wasm')
  t.is(await outputOf(path), 'one')
  // The same size and, with utimes, the same time of modification.
  const { atime, mtime } = statSync(path)
  writeFileSync(path, TWO)
  utimesSync(path, atime, mtime)
  t.is(await outputOf(path), 'two')
  writeFileSync(join(directory, 'c.wasm'), ONE)
  renameSync(join(directory, 'c.wasm'), path)
  t.is(await outputOf(path), 'one')
  rmSync(path)
  t.is((await failure(run(path))).code, 'ENOENT')
  copyFileSync(join(directory, 'b.wasm'), path)
  t.is(await outputOf(path), 'two')
})

test('a file that could not be compiled is read again', async (t) => {
  const path = join(tree(t, { 'a.wasm': 'text' }), 'a.wasm')
  t.true((await failure(run(path))) instanceof WebAssembly.CompileError)
  writeFileSync(path, ONE)
  t.is(await outputOf(path), 'one')
})

onPosix('a link is followed, and a link to another file is another program', async (t) => {
  const directory = tree(t, { 'a.wasm': ONE, 'b.wasm': TWO })
  const link = join(directory, 'link.wasm')
  symlinkSync('a.wasm', link)
  t.is(await outputOf(link), 'one')
  rmSync(link)
  symlinkSync('b.wasm', link)
  t.is(await outputOf(link), 'two')
})

test.serial('the files that were used least recently are compiled again', async (t) => {
  const directory = tree(t, {})
  const paths = Array.from({ length: 120 }, (_, index) => join(directory, `${index}.wasm`))
  for (const path of paths) writeFileSync(path, ONE)
  const pool = createPool(t, { threads: 2 })
  const { compile } = WebAssembly
  let compiled = 0
  WebAssembly.compile = (...args) => {
    compiled++
    return compile(...args)
  }
  t.teardown(() => {
    WebAssembly.compile = compile
  })
  const countOf = async (path) => {
    const before = compiled
    await pool.run(path)
    return compiled - before
  }
  for (const path of paths.slice(0, 100)) await countOf(path)
  t.is(await countOf(paths[0]), 0)
  for (const path of paths.slice(100)) await countOf(path)
  t.is(await countOf(paths[0]), 0)
  t.is(await countOf(paths[119]), 0)
  t.is(await countOf(paths[1]), 1)
})

test('a file that does not exist rejects with the error of node:fs', async (t) => {
  const path = join(tree(t), 'none.wasm')
  const error = await failure(run(path))
  t.deepEqual([error.code, error.path], ['ENOENT', path])
  t.is((await failure(run(path, [], { reject: false }))).code, 'ENOENT')
  t.is((await failure(run(tree(t)))).code, 'EISDIR')
})

onPosix('a file that cannot be read rejects with EACCES', async (t) => {
  if (process.getuid() === 0) return t.pass()
  const path = join(tree(t, { 'a.wasm': ONE }), 'a.wasm')
  chmodSync(path, 0)
  t.is((await failure(run(path))).code, 'EACCES')
})

test('a file that is not WebAssembly rejects with a CompileError that names the file', async (t) => {
  const directory = tree(t, { empty: '', text: 'text', half: ONE.subarray(0, 30) })
  for (const name of ['empty', 'text', 'half']) {
    for (const limits of [{}, { memory: MIB }]) {
      const path = join(directory, name)
      const error = await failure(run(path, [], { limits }))
      t.true(error instanceof WebAssembly.CompileError, `${error}`)
      t.true(error.message.startsWith(`${path}: `), error.message)
    }
  }
})

test('bytes that are not WebAssembly reject with a CompileError', async (t) => {
  const error = await failure(run(Buffer.from('text')))
  t.true(error instanceof WebAssembly.CompileError)
  t.regex(error.message, /^program\.wasm: /)
})

test('a program of another type rejects with ERR_INVALID_ARG_TYPE', async (t) => {
  for (const value of [undefined, null, 1, {}, [], () => {}, new ArrayBuffer(8), Promise.resolve(ONE)]) {
    const error = await failure(run(value))
    t.is(error.code, 'ERR_INVALID_ARG_TYPE')
    t.regex(error.message, /program/)
  }
})

test('a path or URL that is not valid rejects', async (t) => {
  t.is((await failure(run('a\0b'))).code, 'ERR_INVALID_ARG_VALUE')
  t.regex((await failure(run(new URL('https://example.org/a.wasm')))).code, /^ERR_INVALID_(URL_SCHEME|ARG_)/)
})

test('a program that failed does not affect the next run', async (t) => {
  const path = join(tree(t, { 'a.wasm': program(TRAP) }), 'a.wasm')
  for (let round = 0; round < 5; round++) t.is((await failure(run(path))).code, 'ERR_WASI_TRAP')
  t.is((await run(guestFile('exits'), ['return', '0'])).exitCode, 0)
})
