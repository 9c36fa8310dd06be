// The class Directory: creating, opening, read-only access and closing.

import * as fs from 'node:fs'
import { open as openHandle } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import test from 'ava'
import { Directory } from 'capwasi'
import { node, root, tree } from '../support/guest.mjs'
import { onLinux, onPosix } from '../support/conditions.mjs'

const require = createRequire(import.meta.url)

// Making

test('console.log shows the kind and the usage of a Directory', (t) => {
  const directory = Directory.memory({ f: 'text' })
  t.is(inspect(directory), "Directory { kind: 'memory', usage: { bytes: 16, files: 1 } }")
  directory.close()
  t.is(inspect({ directory }), "{ directory: Directory { kind: 'memory', closed: true } }")
  t.is(inspect(Directory.open('.')), "Directory { kind: 'host', usage: { bytes: 0, files: 0 } }")
  t.notThrows(() => inspect(Directory.prototype))
})

test('new Directory() throws, and the class has the statics and methods of the contract', (t) => {
  for (const make of [() => new Directory(), () => new (class extends Directory {})(), () => new Directory({}, 1)])
    t.throws(make, { instanceOf: TypeError, code: 'ERR_ILLEGAL_CONSTRUCTOR', message: 'Illegal constructor' })
  const statics = Object.getOwnPropertyNames(Directory).filter(
    (name) => !['length', 'name', 'prototype'].includes(name),
  )
  t.deepEqual(statics.sort(), ['join', 'memory', 'open', 'overlay'])
  t.is(require('capwasi').Directory, Directory)
})

test('require loads lib/directory.js only when Directory is used', async (t) => {
  const script = `
    const capwasi = require('capwasi')
    new capwasi.WASI({ version: 'preview1', preopens: { '/': { path: '.' } } })
    const loaded = () => Object.keys(require.cache).some((path) => path.endsWith('directory.js'))
    console.log(loaded())
    capwasi.Directory
    console.log(loaded())`
  t.is((await node(script)).stdout, 'false\ntrue\n')
})

test('import loads lib/directory.js, and the files that it needs only when Directory is used', async (t) => {
  const script = `
    import { createRequire } from 'node:module'
    import { Directory } from 'capwasi'
    const { cache } = createRequire(import.meta.url)
    const loaded = () => Object.keys(cache).map((path) => /(directory|validate|stats|fs-error)\\.js$/.exec(path)?.[1])
    console.log(loaded().filter(Boolean).sort().join())
    Directory.memory({ f: '' }).statSync('f')
    console.log(loaded().filter(Boolean).sort().join())`
  t.is((await node(script, { module: true })).stdout, 'directory\ndirectory,stats,validate\n')
})

onPosix('new files and directories in memory and overlays lack the bits of the umask, as on the host', async (t) => {
  const script = `
    import { Directory } from 'capwasi'
    import { rawGuest, OFLAGS, RIGHTS } from ${JSON.stringify(pathToFileURL(join(root, '__test__/support/guest.mjs')))}
    process.umask(0o077)
    const [host, lower] = ${JSON.stringify([tree(t), tree(t)])}
    for (const directory of [Directory.open(host), Directory.memory(), Directory.overlay(lower)]) {
      directory.mkdirSync('a')
      directory.mkdirSync('b/c', { recursive: true })
      directory.writeFileSync('f', '')
      directory.writeFileSync('x', '', { mode: 0o777 })
      directory.cpSync('a', 'copy', { recursive: true })
      const guest = rawGuest({ preopens: { '/': directory } })
      guest.close(guest.open('g', { rights: RIGHTS.FD_WRITE, oflags: OFLAGS.CREAT }))
      const paths = directory.readdirSync('.', { recursive: true })
      console.log(paths.map((path) => path + ' ' + (directory.statSync(path).mode & 0o777).toString(8)).join())
    }
    console.log((Directory.memory().statSync('.').mode & 0o777).toString(8))`
  const line = 'a 700,b 700,copy 700,f 600,g 600,x 700,b/c 700\n'
  t.is((await node(script, { module: true })).stdout, `${line.repeat(3)}700\n`)
})

test('Directory.open takes a path, a URL, a descriptor and a FileHandle', async (t) => {
  const path = tree(t, { f: 'text' })
  const fd = fs.openSync(path)
  const handle = await openHandle(path)
  for (const source of [path, pathToFileURL(path), { fd }, handle]) {
    const directory = Directory.open(source)
    t.is(directory.readFileSync('f', 'utf8'), 'text')
    t.is(directory.kind, 'host')
    t.deepEqual(directory.usage, { bytes: 0, files: 0 })
    directory.close()
  }
  fs.closeSync(fd)
  await handle.close()
})

test('Directory.open fails with an error of node:fs', (t) => {
  const path = tree(t, { f: '' })
  for (const [source, message, syscall] of [
    [join(path, 'missing'), `ENOENT: no such file or directory, open '${join(path, 'missing')}'`],
    [join(path, 'f'), `ENOTDIR: not a directory, open '${join(path, 'f')}'`],
    [{ fd: 99_999 }, 'EBADF: bad file descriptor, open'],
  ])
    t.like(
      t.throws(() => Directory.open(source)),
      { message, syscall: syscall ?? 'open', code: message.split(':')[0] },
    )
})

for (const [fault, args, code, message] of [
  [
    'no path',
    [],
    'ERR_INVALID_ARG_TYPE',
    /^The "path" argument must be of type string, an instance of URL, or an obje/,
  ],
  ['a path with NUL', ['a\0b'], 'ERR_INVALID_ARG_VALUE', /without null bytes/],
  ['a negative fd', [{ fd: -1 }], 'ERR_OUT_OF_RANGE', /^The value of "path\.fd" is out of range/],
  ['an fd that is text', [{ fd: '3' }], 'ERR_INVALID_ARG_TYPE', /^The "path\.fd" property must be of type number/],
  ['an unknown option', ['.', { readOnly: true }], 'ERR_INVALID_ARG_VALUE', /'options\['readOnly'\]' is unknown/],
  ['a readonly that is a number', ['.', { readonly: 1 }], 'ERR_INVALID_ARG_TYPE', /"options\.readonly" property/],
  ['options that are text', ['.', 'r'], 'ERR_INVALID_ARG_TYPE', /"options" argument must be of type object/],
  ['a URL of http', [new URL('http://x/')], 'ERR_INVALID_URL_SCHEME', /file/],
]) {
  test(`Directory.open with ${fault} throws ${code}`, (t) => {
    t.throws(() => Directory.open(...args), { code, message })
  })
}

test('Directory.memory creates the files and directories of a FileTree, and their parents', (t) => {
  const directory = Directory.memory({
    'a/b/c.txt': 'text',
    'a/bytes': new Uint8Array([1, 2]),
    '/absolute': '',
    'empty/dir': null,
    'slash/': null,
    ['__proto__']: 'name',
  })
  t.is(directory.kind, 'memory')
  t.deepEqual(Object.entries(directory.toJSON()), [
    ['__proto__', 'name'],
    ['a/b/c.txt', 'text'],
    ['a/bytes', '\x01\x02'],
    ['absolute', ''],
    ['empty/dir', null],
    ['slash', null],
  ])
  t.deepEqual(Directory.memory().toJSON(), {})
  t.deepEqual(Directory.memory({}).readdirSync(), [])
})

for (const [fault, args, code, message] of [
  [
    'a number as content',
    [{ 'a/b': 5 }],
    'ERR_INVALID_ARG_TYPE',
    /^The "files\["a\/b"\]" property must be of type string/,
  ],
  ['undefined as content', [{ a: undefined }], 'ERR_INVALID_ARG_TYPE', /Received undefined$/],
  ['an object as content', [{ a: {} }], 'ERR_INVALID_ARG_TYPE', /Received an instance of Object$/],
  ['files that are null', [null], 'ERR_INVALID_ARG_TYPE', /^The "files" argument must be of type object/],
  ['files that are text', ['x'], 'ERR_INVALID_ARG_TYPE', /^The "files" argument/],
  ['a path that escapes', [{ '../x': '' }], 'ERR_WASI_ESCAPE', /leads out/],
  ['a file in the way', [{ a: '', 'a/b': '' }], 'ENOTDIR', /^ENOTDIR: not a directory, mkdir 'a\/b'$/],
  [
    'an unknown limit',
    [{}, { maxbytes: 1 }],
    'ERR_INVALID_ARG_VALUE',
    /'limits\['maxbytes'\]' is unknown, must be one of/,
  ],
  ['a limit that is text', [{}, { maxBytes: '1' }], 'ERR_INVALID_ARG_TYPE', /^The "limits\.maxBytes" property/],
  ['a fraction as limit', [{}, { maxFiles: 1.5 }], 'ERR_OUT_OF_RANGE', /It must be an integer. Received 1\.5$/],
  [
    'a negative limit',
    [{}, { maxBytes: -1 }],
    'ERR_OUT_OF_RANGE',
    /It must be >= 0 && <= 9007199254740991\. Received -1$/,
  ],
  ['limits that are a number', [{}, 5], 'ERR_INVALID_ARG_TYPE', /^The "limits" argument must be of type object/],
]) {
  test(`Directory.memory with ${fault} throws ${code}`, (t) => {
    t.throws(() => Directory.memory(...args), { code, message })
  })
}

test('toJSON returns text and links, sorted by code units', (t) => {
  const directory = Directory.memory({ b: '2', 'a/z': '1', 'a-b': '3', B: '4' })
  directory.symlinkSync('../../x', 'a/link')
  const expected = '{"B":"4","a-b":"3","a/link":"-> ../../x","a/z":"1","b":"2"}'
  t.is(JSON.stringify(directory), expected)
  const host = Directory.open(tree(t))
  directory.readdirSync('.', { recursive: true, withFileTypes: true })
  host.mkdirSync('a')
  for (const [path, text] of Object.entries(directory.toJSON())) {
    if (text.startsWith('-> ')) host.symlinkSync(text.slice(3), path)
    else host.writeFileSync(path, text)
  }
  t.is(JSON.stringify(host), expected)
})

// Read-only

test('changes of a read-only directory fail with EROFS, and reads succeed', (t) => {
  const path = tree(t, { f: 'text', 'd/g': '' })
  const directory = Directory.open(path, { readonly: true })
  const before = fs.readdirSync(path)
  for (const [syscall, method, ...args] of [
    ['open', 'writeFileSync', 'f', ''],
    ['open', 'writeFileSync', 'new', ''],
    ['open', 'appendFileSync', 'f', ''],
    ['open', 'truncateSync', 'f'],
    ['mkdir', 'mkdirSync', 'new'],
    ['mkdir', 'mkdirSync', 'new/x', { recursive: true }],
    ['rmdir', 'rmdirSync', 'd'],
    ['rm', 'rmSync', 'f'],
    ['rm', 'rmSync', 'd', { recursive: true }],
    ['unlink', 'unlinkSync', 'f'],
    ['rename', 'renameSync', 'f', 'g'],
    ['link', 'linkSync', 'f', 'g'],
    ['symlink', 'symlinkSync', 'f', 'g'],
    ['chmod', 'chmodSync', 'f', 0o600],
    ['utime', 'utimesSync', 'f', 1, 1],
  ]) {
    const error = t.throws(() => directory[method](...args), { code: 'EROFS' }, method)
    t.is(error.syscall, syscall, method)
    t.regex(error.message, /^EROFS: read-only file system, /)
  }
  t.throws(() => Directory.join(directory.share()).writeFileSync('f', ''), { code: 'EROFS' })
  t.is(directory.readFileSync('f', 'utf8'), 'text')
  t.deepEqual(fs.readdirSync(path), before)
})

// Closing

test('after close() every method fails with EBADF, and close() may be repeated', (t) => {
  const lower = Directory.memory({ f: '' })
  for (const directory of [Directory.open(tree(t, { f: '' })), Directory.memory({ f: '' }), Directory.overlay(lower)]) {
    const { kind } = directory
    directory.close()
    directory.close()
    t.is(directory.kind, kind)
    t.is(t.throws(() => directory.readFileSync('f')).message, "EBADF: bad file descriptor, open 'f'")
    for (const use of [
      () => directory.usage,
      () => directory.share(),
      () => directory.statSync('f'),
      () => directory.readdirSync(),
      () => directory.renameSync('f', 'g'),
      () => directory.toJSON(),
      () => directory.changes(),
      () => directory.applyTo(lower),
      () => Directory.overlay(directory),
      () => Directory.overlay(lower).applyTo(directory),
    ])
      t.throws(use, { code: 'EBADF' })
    t.false(directory.existsSync('f'))
  }
})

test('Symbol.dispose closes the directory', (t) => {
  const directory = Directory.memory()
  t.is(Directory.prototype[Symbol.dispose], Directory.prototype.close)
  directory[Symbol.dispose]()
  t.throws(() => directory.readdirSync(), { code: 'EBADF' })
})

onLinux('close() closes the descriptor, and so does garbage collection', async (t) => {
  const path = fs.realpathSync(tree(t))
  const script = `
    const { Directory } = require(${JSON.stringify(root)})
    const { existsSync, readdirSync, readlinkSync } = require('node:fs')
    const path = ${JSON.stringify(path)}
    const links = () => readdirSync('/proc/self/fd').map((fd) => '/proc/self/fd/' + fd)
    const count = () => links().filter((link) => existsSync(link) && readlinkSync(link) === path).length
    const directory = Directory.open(path)
    console.log(count())
    directory.close()
    console.log(count());
    (() => { for (let i = 0; i < 10; i++) Directory.open(path) })()
    console.log(count() > 0)
    const wait = (rounds) => {
      gc()
      if (count() === 0 || rounds === 0) console.log(count())
      else setTimeout(wait, 20, rounds - 1)
    }
    setTimeout(wait, 20, 100)`
  t.is((await node(script, { flags: ['--expose-gc'] })).stdout, '1\n0\ntrue\n0\n')
})

// Node's permission model

const permission = ['--permission', '--experimental-permission'].find((flag) =>
  process.allowedNodeEnvironmentFlags.has(flag),
)

onPosix('under the permission model, Directory.open needs fs.read, and fs.write unless it is read-only', async (t) => {
  const top = fs.realpathSync(tree(t, { 'in/': null, 'out/': null, 'in/link': { symlink: '../out' } }))
  const [inside, outside] = [join(top, 'in'), join(top, 'out')]
  const open = async (args, { read = [], write = [] } = {}) => {
    const script = `
      const { Directory } = require(${JSON.stringify(root)})
      try { Directory.open(${args}); console.log('opened') }
      catch ({ code, permission, resource }) { console.log(code, permission, resource) }`
    const granted = [
      ...[root, ...read].map((path) => `--allow-fs-read=${path}`),
      ...write.map((path) => `--allow-fs-write=${path}`),
    ]
    const flags = ['--no-warnings', permission, '--allow-addons', ...granted]
    return (await node(script, { flags })).stdout.trim()
  }
  const path = JSON.stringify(inside)
  t.is(await open(path), `ERR_ACCESS_DENIED FileSystemRead ${inside}`)
  t.is(await open(path, { read: [inside] }), `ERR_ACCESS_DENIED FileSystemWrite ${inside}`)
  t.is(await open(path, { read: [inside], write: [inside] }), 'opened')
  t.is(await open(`${path}, { readonly: true }`, { read: [inside] }), 'opened')
  const link = JSON.stringify(join(inside, 'link'))
  const granted = { read: [inside], write: [inside] }
  t.is(await open(link, granted), `ERR_ACCESS_DENIED FileSystemRead ${outside}`)
  const fd = `{ fd: require('node:fs').openSync(${path}) }`
  t.is(await open(fd, { read: [inside] }), `ERR_ACCESS_DENIED FileSystemWrite ${inside}`)
})
