// The methods of Directory compared with node:fs: the same calls on a directory of node:fs, on a Directory of the host,
// in memory and over another have the same results and errors.

import fs from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Directory } from 'capwasi'
import { tree } from '../support/guest.mjs'
import { onPosix } from '../support/conditions.mjs'

/** The number of leading arguments that are paths. The target of a symlink is text. */
const PATHS = { renameSync: 2, linkSync: 2, cpSync: 2 }

/** Calls node:fs with paths beneath `root`. */
function nodeCall(root, method, args) {
  const beneath = (path) => (path === '' ? '' : `${root}/${path}`)
  const at = method === 'symlinkSync' ? [1] : [...Array(PATHS[method] ?? 1).keys()]
  return fs[method](...args.map((arg, index) => (at.includes(index) && typeof arg === 'string' ? beneath(arg) : arg)))
}

const typeOf = (entry) =>
  ['File', 'Directory', 'SymbolicLink', 'FIFO'].filter((type) => entry[`is${type}`]()).join() || 'other'

/** Describes a result without the values that differ between file systems. */
function describe(result, root) {
  if (result instanceof fs.Stats) {
    const { mode, nlink } = result
    const size = result.isFile() ? result.size : undefined
    return { mode: mode.toString(8), nlink, size, mtimeMs: result.mtimeMs < 1e12 ? result.mtimeMs : 'now' }
  }
  if (Array.isArray(result))
    return result.map((entry) =>
      typeof entry === 'string' ? entry : [entry.name, typeOf(entry), clean(`${entry.parentPath}`, root)],
    )
  return result
}

const clean = (text, root) => text?.replaceAll(`${root}/`, '').replaceAll(root, '.')

/** Calls a method, and describes its result or error. */
function outcome(call, root) {
  try {
    return describe(call(), root)
  } catch (error) {
    const { name, code, errno, syscall, message, path, dest } = error
    // These differ between versions of Node.
    if (code.startsWith('ERR_FS_') || ['lstat', 'rm', 'cp'].includes(syscall)) return { code }
    const [shownPath, shownDest] = [clean(path, root), clean(dest, root)]
    return { name, code, errno, syscall, message: clean(message, root), path: shownPath, dest: shownDest }
  }
}

/** Lists everything in a directory. Does not use `recursive`, with which Node 20 follows links. */
function contents(call, directory = '.') {
  return call('readdirSync', directory).flatMap((name) => {
    const path = directory === '.' ? name : `${directory}/${name}`
    const stats = call('lstatSync', path)
    if (stats.isSymbolicLink()) return [[path, call('readlinkSync', path)]]
    const entry = [path, stats.mode.toString(8), stats.isFile() ? call('readFileSync', path, 'latin1') : undefined]
    return [entry, ...(stats.isDirectory() ? contents(call, path) : [])]
  })
}

const BEFORE = [
  ['mkdirSync', 'd'],
  ['mkdirSync', 'd/e'],
  ['mkdirSync', 'empty'],
  ['writeFileSync', 'f', 'text'],
  ['writeFileSync', 'd/g', Buffer.from([0, 255, 128])],
  ['symlinkSync', 'f', 'to-f'],
  ['symlinkSync', 'd', 'to-d'],
  ['symlinkSync', 'missing', 'dangling'],
  ['symlinkSync', 'loop', 'loop'],
]

const LONG = 'n'.repeat(256)

const CASES = {
  'readFileSync reads a file as a Buffer or with an encoding': [
    ['readFileSync', 'f'],
    ['readFileSync', 'f', 'utf8'],
    ['readFileSync', 'd/g', { encoding: 'hex' }],
    ['readFileSync', 'd/g', 'base64'],
    ['readFileSync', 'to-f', 'latin1'],
    ['readFileSync', 'to-d/g'],
    ['readFileSync', 'd/../f', 'utf8'],
    ['readFileSync', './/d/./g'],
  ],
  'readFileSync fails like node:fs': [
    ['readFileSync', 'missing'],
    ['readFileSync', 'missing/x'],
    ['readFileSync', 'f/x'],
    ['readFileSync', 'f/'],
    ['readFileSync', 'd'],
    ['readFileSync', 'dangling'],
    ['readFileSync', 'loop'],
    ['readFileSync', ''],
    ['readFileSync', LONG],
    ['readFileSync', 'd/'.repeat(2100)],
    ['readFileSync', 'f', 'none'],
    ['readFileSync', 'f', { encoding: 'none' }],
  ],
  'writeFileSync and appendFileSync create, replace and extend files': [
    ['writeFileSync', 'new', 'one'],
    ['writeFileSync', 'f', 'x'],
    ['writeFileSync', 'to-f', 'through a link'],
    ['writeFileSync', 'dangling', 'created at the target'],
    ['writeFileSync', 'a', 'äöü'],
    ['writeFileSync', 'b', new Uint16Array([1, 2])],
    ['writeFileSync', 'b', '1', { flag: 'a' }],
    ['writeFileSync', 'c', '1', { flag: 'a', mode: 0o600 }],
    ['writeFileSync', 'x', '', { flag: 'wx', mode: 0o777 }],
    ['appendFileSync', 'f', ' and more'],
    ['appendFileSync', 'g', 'created'],
    ['writeFileSync', 'hex', '6162', 'hex'],
    ['writeFileSync', 'latin1', 'é', { encoding: 'latin1' }],
    ['appendFileSync', 'latin1', 'é', 'utf16le'],
    ['appendFileSync', 'h', '6162', { encoding: 'hex', mode: 0o600 }],
    ['writeFileSync', 'g', 'none', { encoding: null }],
    ['writeFileSync', 'g', 'x', 'none'],
    ['statSync', 'h'],
    ['statSync', 'x'],
    ['statSync', 'c'],
  ],
  'writeFileSync fails like node:fs': [
    ['writeFileSync', 'missing/x', ''],
    ['writeFileSync', 'd', ''],
    ['writeFileSync', 'f/x', ''],
    ['writeFileSync', 'new/', ''],
    ['writeFileSync', 'loop', ''],
    ['writeFileSync', '', ''],
    ['writeFileSync', 'f', '', { flag: 'wx' }],
    ['writeFileSync', 'dangling', '', { flag: 'wx' }],
    ['writeFileSync', 'f', 5],
    ['writeFileSync', 'f', null],
    ['writeFileSync', 'f', '', { mode: -1 }],
    ['appendFileSync', 'd', ''],
  ],
  'existsSync follows links and never throws': [
    ['existsSync', 'f'],
    ['existsSync', 'd'],
    ['existsSync', 'to-f'],
    ['existsSync', 'dangling'],
    ['existsSync', 'loop'],
    ['existsSync', 'missing/x'],
    ['existsSync', ''],
  ],
  'statSync and lstatSync return fs.Stats': [
    ['statSync', 'f'],
    ['statSync', 'd'],
    ['statSync', 'to-d'],
    ['lstatSync', 'to-d'],
    ['lstatSync', 'dangling'],
    ['lstatSync', 'to-d/'],
    ['statSync', 'dangling'],
    ['statSync', 'loop'],
    ['statSync', 'f/'],
    ['statSync', ''],
  ],
  'readdirSync lists names, types and trees': [
    ['readdirSync', '.'],
    ['readdirSync', 'd'],
    ['readdirSync', 'empty'],
    ['readdirSync', 'to-d'],
    ['readdirSync', 'd/', { withFileTypes: true }],
    ['readdirSync', '.', { withFileTypes: true }],
    ['readdirSync', 'd', { recursive: true }],
    ['readdirSync', 'd', { recursive: true, withFileTypes: true }],
    ['readdirSync', 'f'],
    ['readdirSync', 'missing'],
    ['readdirSync', 'd', { recursive: 1 }],
  ],
  'mkdirSync creates directories': [
    ['mkdirSync', 'new'],
    ['mkdirSync', 'with-slash/'],
    ['mkdirSync', 'd/e/f'],
    ['mkdirSync', 'd'],
    ['mkdirSync', 'f'],
    ['mkdirSync', 'dangling'],
    ['mkdirSync', 'missing/x'],
    ['mkdirSync', 'f/x'],
    ['mkdirSync', '.'],
    ['mkdirSync', ''],
    ['mkdirSync', 'x', { recursive: 'yes' }],
  ],
  'rmdirSync removes empty directories': [
    ['rmdirSync', 'empty'],
    ['rmdirSync', 'd'],
    ['rmdirSync', 'f'],
    ['rmdirSync', 'to-d'],
    ['rmdirSync', 'missing'],
    ['rmdirSync', 'd/e/.'],
  ],
  'rmSync removes files and trees': [
    ['rmSync', 'f'],
    ['rmSync', 'to-d'],
    ['rmSync', 'dangling'],
    ['rmSync', 'd'],
    ['rmSync', 'd', { force: true }],
    ['rmSync', 'missing'],
    ['rmSync', 'missing', { force: true }],
    ['rmSync', 'd', { recursive: true }],
    ['rmSync', 'd', { recursive: true, force: true }],
    ['rmSync', 'empty', { recursive: 1 }],
  ],
  'unlinkSync removes files and links': [
    ['unlinkSync', 'f'],
    ['unlinkSync', 'to-d'],
    ['unlinkSync', 'd'],
    ['unlinkSync', 'missing'],
    ['unlinkSync', 'd/g/x'],
  ],
  'renameSync moves files and directories': [
    ['renameSync', 'f', 'g'],
    ['renameSync', 'g', 'd/g'],
    ['renameSync', 'd', 'empty'],
    ['renameSync', 'missing', 'x'],
    ['renameSync', 'empty', 'empty/e/x'],
    ['renameSync', 'to-f', 'empty'],
    ['renameSync', 'empty', 'to-f'],
    ['renameSync', 'to-f', 'missing/x'],
  ],
  'linkSync creates hard links': [
    ['linkSync', 'f', 'd/f'],
    ['writeFileSync', 'd/f', 'both'],
    ['statSync', 'f'],
    ['linkSync', 'f', 'd/g'],
    ['linkSync', 'd', 'x'],
    ['linkSync', 'missing', 'x'],
    ['linkSync', 'f', 'missing/x'],
  ],
  'symlinkSync stores any target, readlinkSync returns it': [
    ['symlinkSync', '/etc', 'absolute'],
    ['symlinkSync', '../../..', 'up'],
    ['readlinkSync', 'absolute'],
    ['readlinkSync', 'up'],
    ['readlinkSync', 'f'],
    ['readlinkSync', 'missing'],
    ['symlinkSync', 'x', 'f'],
    ['symlinkSync', 'x', 'missing/x'],
    ['symlinkSync', '', 'x'],
    ['symlinkSync', 'x'.repeat(4095), 'long'],
    ['readlinkSync', 'long'],
    ['symlinkSync', 'x'.repeat(4096), 'longer'],
  ],
  'chmodSync sets permission bits': [
    ['chmodSync', 'f', 0o600],
    ['statSync', 'f'],
    ['chmodSync', 'to-d', 0o700],
    ['statSync', 'd'],
    ['chmodSync', 'missing', 0o600],
    ['chmodSync', 'dangling', 0o600],
    ['chmodSync', 'f', -1],
    ['chmodSync', 'f', 1.5],
    ['chmodSync', 'f', {}],
  ],
  'truncateSync shortens and extends files': [
    ['truncateSync', 'f', 2],
    ['readFileSync', 'f'],
    ['truncateSync', 'f', 6],
    ['readFileSync', 'f'],
    ['truncateSync', 'f', -1],
    ['truncateSync', 'd/g'],
    ['truncateSync', 'd'],
    ['truncateSync', 'missing'],
    ['truncateSync', 'f', 1.5],
    ['truncateSync', 'f', '1'],
  ],
  'utimesSync sets times': [
    ['utimesSync', 'f', 1, 2.5],
    ['statSync', 'f'],
    ['utimesSync', 'to-d', new Date(3000), new Date(4567)],
    ['statSync', 'd'],
    ['lstatSync', 'to-d'],
    ['utimesSync', 'missing', 1, 1],
    ['utimesSync', 'dangling', 1, 1],
    ['symlinkSync', 'f/', 'slash'],
    ['utimesSync', 'slash', 1, 1],
    ['symlinkSync', 'd/', 'to-d-slash'],
    ['utimesSync', 'to-d-slash', 5, 5],
    ['statSync', 'd'],
  ],
  'cpSync copies files and trees': [
    ['cpSync', 'f', 'copy'],
    ['cpSync', 'f', 'deep/new/copy'],
    ['chmodSync', 'd/g', 0o640],
    ['cpSync', 'd', 'tree', { recursive: true }],
    ['cpSync', 'f', 'tree/g'],
    ['cpSync', 'tree', 'd', { recursive: true }],
    ['cpSync', 'd', 'tree2'],
    ['cpSync', 'd', 'd/e/x', { recursive: true }],
    ['cpSync', 'd', 'f', { recursive: true }],
    ['cpSync', 'f', 'd'],
    ['cpSync', 'f', 'f'],
    ['cpSync', 'missing', 'x'],
  ],
}

for (const [title, calls] of Object.entries(CASES)) {
  onPosix(title, (t) => {
    const [nodeRoot, hostRoot] = [fs.realpathSync(tree(t)), fs.realpathSync(tree(t))]
    const host = Directory.open(hostRoot)
    const memory = Directory.memory()
    const [lowerHost, lowerMemory] = [Directory.open(tree(t)), Directory.memory()]
    const onNode = (method, ...args) => nodeCall(nodeRoot, method, args)
    for (const [method, ...args] of BEFORE) {
      onNode(method, ...args)
      for (const directory of [host, memory, lowerHost, lowerMemory]) directory[method](...args)
    }
    const lower = JSON.stringify([lowerHost, lowerMemory])
    const subjects = {
      host,
      memory,
      'overlay of host': Directory.overlay(lowerHost),
      'overlay of overlay of memory': Directory.overlay(Directory.overlay(lowerMemory)),
    }
    for (const [method, ...args] of calls) {
      const expected = outcome(() => onNode(method, ...args), nodeRoot)
      for (const [kind, directory] of Object.entries(subjects)) {
        const actual = outcome(() => directory[method](...args), nodeRoot)
        t.deepEqual(actual, expected, `${kind}: ${method}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`)
      }
    }
    const expected = contents(onNode)
    for (const [kind, directory] of Object.entries(subjects))
      t.deepEqual(
        contents((method, ...args) => directory[method](...args)),
        expected,
        kind,
      )
    t.is(JSON.stringify([lowerHost, lowerMemory]), lower)
  })
}

onPosix('mkdirSync with recursive creates parents, and returns undefined', (t) => {
  for (const directory of [Directory.open(tree(t)), Directory.memory(), Directory.overlay(tree(t))]) {
    directory.writeFileSync('f', '')
    directory.symlinkSync('missing', 'dangling')
    directory.symlinkSync('loop', 'loop')
    t.is(directory.mkdirSync('a/b/c', { recursive: true }), undefined)
    directory.mkdirSync('a/b', { recursive: true })
    directory.mkdirSync('.', { recursive: true })
    t.true(directory.statSync('a/b/c').isDirectory())
    const fails = (path) => t.throws(() => directory.mkdirSync(path, { recursive: true })).message
    t.is(fails('f'), "EEXIST: file already exists, mkdir 'f'")
    t.is(fails('f/x/y'), "ENOTDIR: not a directory, mkdir 'f/x/y'")
    t.is(fails(''), "ENOENT: no such file or directory, mkdir ''")
    t.is(fails('dangling'), "ENOENT: no such file or directory, mkdir 'dangling'")
    t.is(fails('dangling/x'), "ENOENT: no such file or directory, mkdir 'dangling/x'")
    t.is(fails('loop/x'), "ELOOP: too many symbolic links encountered, mkdir 'loop/x'")
  }
})

test('statSync and lstatSync of a directory of the host return what node:fs returns', (t) => {
  const root = tree(t, { f: 'text', 'd/': null, l: { symlink: 'f' } })
  const directory = Directory.open(root)
  // Since Node 22, dates are made when they are read.
  const plain = (stats) => {
    const dates = ['atime', 'mtime', 'ctime', 'birthtime'].map((time) => stats[time].getTime())
    return [stats instanceof fs.Stats, dates, Object.entries(stats).filter(([, value]) => typeof value === 'number')]
  }
  for (const path of ['f', 'd', 'l', '.'])
    for (const method of ['statSync', 'lstatSync'])
      t.deepEqual(plain(directory[method](path)), plain(fs[method](join(root, path))), `${method}(${path})`)
})

test('a path that is not a string without NUL throws the error of a wrong argument', (t) => {
  const directory = Directory.memory()
  for (const method of [
    'readFileSync',
    'statSync',
    'readdirSync',
    'mkdirSync',
    'rmSync',
    'unlinkSync',
    'readlinkSync',
  ]) {
    t.throws(() => directory[method](5), {
      instanceOf: TypeError,
      code: 'ERR_INVALID_ARG_TYPE',
      message: 'The "path" argument must be of type string. Received type number (5)',
    })
    t.throws(() => directory[method]('a\0b'), {
      instanceOf: TypeError,
      code: 'ERR_INVALID_ARG_VALUE',
      message: "The argument 'path' must be a string without null bytes. Received 'a\\x00b'",
    })
  }
  t.throws(() => directory.writeFileSync('f', '', { flag: 'r+' }), {
    code: 'ERR_INVALID_ARG_VALUE',
    message: "The argument 'flag' must be one of: 'w', 'wx', 'a'. Received 'r+'",
  })
  for (const time of ['x', undefined, NaN])
    t.throws(() => directory.utimesSync('.', time, 0), { code: 'ERR_INVALID_ARG_TYPE' })
  t.throws(() => directory.utimesSync('.', new Date(NaN), 0), {
    code: 'ERR_INVALID_ARG_VALUE',
    message: "The argument 'time' must be a valid Date. Received Invalid Date",
  })
})

test('an unknown option throws ERR_INVALID_ARG_VALUE with the known ones', (t) => {
  const directory = Directory.memory({ f: '', 'd/f': '' })
  const calls = {
    readFileSync: [['f'], ['encoding']],
    writeFileSync: [
      ['f', ''],
      ['encoding', 'flag', 'mode'],
    ],
    appendFileSync: [
      ['f', ''],
      ['encoding', 'mode'],
    ],
    statSync: [['f'], []],
    lstatSync: [['f'], []],
    readlinkSync: [['f'], []],
    rmdirSync: [['d'], []],
    readdirSync: [['.'], ['recursive', 'withFileTypes']],
    mkdirSync: [['x'], ['recursive']],
    rmSync: [['f'], ['recursive', 'force']],
    cpSync: [['f', 'g'], ['recursive']],
  }
  const before = JSON.stringify(directory)
  for (const [method, [args, known]] of Object.entries(calls)) {
    const names = known.map((name) => `'${name}'`).join(', ')
    const rule = known.length > 0 ? `must be one of: ${names}` : 'there is none'
    const message = `The property 'options['bigint']' is unknown, ${rule}`
    t.throws(() => directory[method](...args, { bigint: true }), { code: 'ERR_INVALID_ARG_VALUE', message }, method)
    for (const options of [5, [], new Map(), new Set(), new Date()])
      t.throws(() => directory[method](...args, options), { code: 'ERR_INVALID_ARG_TYPE' }, method)
  }
  t.is(JSON.stringify(directory), before)
})

for (const value of [new Map([['maxBytes', 1]]), new Set(['a']), new Date()]) {
  const { name } = value.constructor
  test(`a ${name} as files, limits or options of a Directory throws ERR_INVALID_ARG_TYPE`, (t) => {
    for (const [argument, make] of [
      ['files', () => Directory.memory(value)],
      ['limits', () => Directory.memory({}, value)],
      ['limits', () => Directory.overlay('.', value)],
      ['options', () => Directory.open('.', value)],
    ])
      t.throws(make, {
        instanceOf: TypeError,
        code: 'ERR_INVALID_ARG_TYPE',
        message: `The "${argument}" argument must be of type object. Received an instance of ${name}`,
      })
  })
}

test('methods on another receiver throw a TypeError', (t) => {
  for (const name of Object.getOwnPropertyNames(Directory.prototype)) {
    if (name === 'constructor' || name === 'existsSync') continue
    t.throws(() => Reflect.get(Directory.prototype, name, {}).call({}, 'x', 'y', 1), { instanceOf: TypeError }, name)
  }
})
