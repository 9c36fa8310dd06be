// No path leads out of a Directory.

import fs from 'node:fs'
import { join } from 'node:path'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { Directory } from 'capwasi'
import { tree } from '../support/guest.mjs'
import { onPosix } from '../support/conditions.mjs'

const ESCAPES = [
  ['readFileSync', '../x'],
  ['readFileSync', 'd/../../x'],
  ['readFileSync', '/..'],
  ['readFileSync', 'up/x'],
  ['readFileSync', 'absolute'],
  ['readFileSync', 'absolute-directory/passwd'],
  ['writeFileSync', 'absolute', ''],
  ['writeFileSync', 'up/new', ''],
  ['appendFileSync', '../x', ''],
  ['statSync', 'absolute'],
  ['lstatSync', 'up/x'],
  ['readdirSync', 'up'],
  ['readdirSync', '..'],
  ['mkdirSync', '../x'],
  ['mkdirSync', 'up/x', { recursive: true }],
  ['rmdirSync', 'up/x'],
  ['rmSync', '../x', { recursive: true, force: true }],
  ['unlinkSync', 'up/x'],
  ['chmodSync', 'absolute', 0o777],
  ['chmodSync', 'up/x', 0o777],
  ['truncateSync', 'absolute'],
  ['utimesSync', 'absolute', 1, 1],
  ['readlinkSync', 'up/x'],
  ['symlinkSync', 'x', '../x', { path: '../x' }],
  ['symlinkSync', '../x', 'up/x', { path: 'up/x' }],
  ['renameSync', 'f', '../x', { path: '../x' }],
  ['renameSync', 'up/x', 'f', { path: 'up/x' }],
  ['linkSync', 'f', 'up/x', { path: 'up/x' }],
  ['linkSync', '../x', 'f', { path: '../x' }],
  ['cpSync', 'f', 'up/x', { path: 'up/x' }],
  ['cpSync', '../x', 'f', { path: '../x' }],
]

onPosix('a path that leads out of the directory throws ERR_WASI_ESCAPE, with the path', (t) => {
  const top = tree(t, { 'in/d/': null, 'in/f': 'text', x: 'secret' })
  const before = fs.statSync(join(top, 'x'))
  const memory = Directory.memory({ 'd/': null, f: 'text' })
  const overlays = [Directory.overlay(join(top, 'in')), Directory.overlay(memory)]
  for (const directory of [...overlays, memory, Directory.open(join(top, 'in'))]) {
    directory.symlinkSync('..', 'up')
    directory.symlinkSync('/etc/passwd', 'absolute')
    directory.symlinkSync('/etc', 'absolute-directory')
    for (const [method, ...args] of ESCAPES) {
      const path = args.at(-1)?.path
      const given = path === undefined ? args : args.slice(0, -1)
      const error = t.throws(() => directory[method](...given), { code: 'ERR_WASI_ESCAPE' }, `${method} ${given}`)
      t.is(error.path, path ?? args[0], `${method} ${given}`)
      t.is(error.message, `The path '${path ?? args[0]}' leads out of the directory`)
    }
    t.false(directory.existsSync('../x'))
    t.is(directory.lstatSync('absolute').isSymbolicLink(), true)
    directory.rmSync('up')
    directory.cpSync('absolute', 'copy')
    t.is(directory.readlinkSync('copy'), '/etc/passwd')
  }
  fs.symlinkSync('..', join(top, 'in/up'))
  const overlay = Directory.overlay(join(top, 'in'))
  for (const [method, ...args] of ESCAPES) {
    const given = args.at(-1)?.path === undefined ? args : args.slice(0, -1)
    t.throws(() => overlay[method](...given), { code: 'ERR_WASI_ESCAPE' }, `${method} ${given} in the lower directory`)
  }
  t.is(fs.readFileSync(join(top, 'x'), 'utf8'), 'secret')
  t.is(fs.statSync(join(top, 'x')).ctimeMs, before.ctimeMs)
  t.deepEqual(fs.readdirSync(top).sort(), ['in', 'x'])
})

onPosix('rmSync and cpSync of a tree do not follow links', (t) => {
  const top = tree(t, { 'in/d/': null, 'out/f': 'text' })
  const directory = Directory.open(join(top, 'in'))
  directory.symlinkSync('../../out', 'd/link')
  directory.cpSync('d', 'copy', { recursive: true })
  t.is(directory.readlinkSync('copy/link'), '../../out')
  directory.rmSync('d', { recursive: true })
  t.deepEqual(directory.readdirSync('.', { recursive: true }), ['copy', 'copy/link'])
  t.is(fs.readFileSync(join(top, 'out/f'), 'utf8'), 'text')
})

test('a leading / is the directory itself', (t) => {
  for (const directory of [Directory.open(tree(t)), Directory.memory(), Directory.overlay(tree(t))]) {
    directory.mkdirSync('/d')
    directory.writeFileSync('//d/f', 'text')
    t.is(directory.readFileSync('d/f', 'utf8'), 'text')
    t.deepEqual(directory.readdirSync('/'), ['d'])
    t.true(directory.statSync('/').isDirectory())
    t.is(t.throws(() => directory.readFileSync('/x')).message, "ENOENT: no such file or directory, open '/x'")
  }
})

onPosix('a Directory refers to the same directory after a rename of its path', (t) => {
  const top = tree(t, { 'a/f': 'text' })
  const directory = Directory.open(join(top, 'a'))
  fs.renameSync(join(top, 'a'), join(top, 'b'))
  t.is(directory.readFileSync('f', 'utf8'), 'text')
})

onPosix('applyTo() and rmSync() stay in the target while another thread replaces directories by links', async (t) => {
  const top = tree(t, { 'in/d/sub/': null, 'out/f': 'outside', 'out/sub/g': 'outside' })
  const [target, outside] = [join(top, 'in'), join(top, 'out')]
  const script = `
    const fs = require('node:fs')
    const { parentPort, workerData: [directory, outside] } = require('node:worker_threads')
    const attempt = (run) => { try { run() } catch {} }
    parentPort.postMessage('ready')
    for (const end = Date.now() + 1500; Date.now() < end; ) {
      attempt(() => fs.renameSync(directory, directory + '-aside'))
      attempt(() => fs.symlinkSync(outside, directory))
      attempt(() => fs.unlinkSync(directory))
      attempt(() => fs.renameSync(directory + '-aside', directory))
    }`
  const worker = new Worker(script, { eval: true, workerData: [join(target, 'd'), outside] })
  const exit = once(worker, 'exit')
  let isRunning = true
  exit.then(() => {
    isRunning = false
  })
  await once(worker, 'message')
  const lower = Directory.memory({ 'd/f': 'lower', 'd/sub/g': 'lower' })
  const [removing, adding] = [Directory.overlay(lower), Directory.overlay(lower)]
  removing.rmSync('d/sub', { recursive: true })
  removing.unlinkSync('d/f')
  adding.writeFileSync('d/f', 'changed')
  adding.writeFileSync('d/sub/g', 'changed')
  const directory = Directory.open(target)
  const attempt = (run) => {
    try {
      run()
    } catch (error) {
      t.truthy(error.code, error.stack)
    }
  }
  while (isRunning) {
    for (let round = 0; round < 20; round++) {
      attempt(() => adding.applyTo(directory))
      attempt(() => removing.applyTo(directory))
      attempt(() => directory.rmSync('d/sub', { recursive: true, force: true }))
    }
    await new Promise(setImmediate)
  }
  t.is(fs.readFileSync(join(outside, 'f'), 'utf8'), 'outside')
  t.is(fs.readFileSync(join(outside, 'sub/g'), 'utf8'), 'outside')
  t.deepEqual(fs.readdirSync(outside, { recursive: true }).sort(), ['f', 'sub', join('sub', 'g')])
  await exit
})
