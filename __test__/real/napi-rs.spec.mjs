// Unmodified packages of napi-rs that fall back to WASI with threads and a shared memory. With capwasi/register,
// capwasi serves every call of every thread.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import test from 'ava'
import { cachedPackage } from '../../scripts/cache.mjs'
import { UNEXPLAINED, knownFailure } from '../support/conditions.mjs'
import { TIMEOUT_MS, root, tree } from '../support/host.mjs'

const pathOf = (name) => join(root, '__test__/real', name)
const PROGRAMS = {
  tailwind: { binding: ['@tailwindcss/oxide-wasm32-wasi', '4.3.3'], prints: 'found\n', failure: UNEXPLAINED },
  image: { binding: ['@napi-rs/image-wasm32-wasi', '1.15.0'], prints: 'encoded\n' },
  oxc: { binding: ['@oxc-parser/binding-wasm32-wasi', '0.154.0'], prints: 'parsed\n' },
}

/** Runs a program. Returns its output and, by thread, `{ called: { fd_read: 2 }, served: …, made: … }`. */
function run(t, name, { flags = ['-r', join(root, 'register.js')], through = [] } = {}) {
  const log = join(tree(t, { log: '' }), 'log')
  const argv = [
    '--no-warnings',
    ...flags,
    '-r',
    pathOf('count.cjs'),
    ...through,
    pathOf(`programs/${name}.cjs`),
    PROGRAMS[name].home,
  ]
  // One thread for asynchronous work: Node 20 may abort when a program ends while a worker still loads its modules.
  const env = { ...process.env, CALLS_LOG: log, NAPI_RS_ASYNC_WORK_POOL_SIZE: '1' }
  const options = { env, timeout: TIMEOUT_MS }
  return new Promise((resolve) => {
    execFile(process.execPath, argv, options, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, stdout, stderr, threads: countByThread(readFileSync(log, 'utf8')) })
    })
  })
}

function countByThread(log) {
  const threads = {}
  for (const line of log.split('\n').slice(0, -1)) {
    const [id, kind, name] = line.split(' ')
    threads[id] ??= { made: {}, called: {}, served: {} }
    const counts = threads[id][kind]
    counts[name] = (counts[name] ?? 0) + 1
  }
  return threads
}

/** Installs the package of a program. Returns `on`, or a function that declares skipped tests if that fails. */
function ifInstalled(program, on = test.serial) {
  try {
    program.home = cachedPackage(...program.binding)
    return on
  } catch ({ message }) {
    return (title) => test.skip(`${title} (${message})`, () => {})
  }
}

function checkServedByCapwasi(t, name, { code, stdout, stderr, threads }) {
  t.deepEqual({ code, stdout, stderr }, { code: 0, stdout: PROGRAMS[name].prints, stderr: '' })
  t.true(Object.keys(threads).length >= 2, 'the program has threads')
  for (const { called, served, made } of Object.values(threads)) {
    t.deepEqual(served, called)
    t.deepEqual(made, { capwasi: 1 })
  }
  t.true(
    Object.values(threads).some(({ called }) => called.random_get > 0),
    'calls are counted',
  )
}

for (const [name, program] of Object.entries(PROGRAMS)) {
  const check = ifInstalled(program, knownFailure(program.failure ?? {}, test.serial))
  const [binding] = program.binding

  check(`capwasi serves every call of ${binding} loaded in the main thread`, async (t) => {
    checkServedByCapwasi(t, name, await run(t, name))
  })

  check(`capwasi serves every call of ${binding} loaded in a worker`, async (t) => {
    checkServedByCapwasi(t, name, await run(t, name, { through: [pathOf('in-worker.cjs')] }))
  })
}

ifInstalled(PROGRAMS.oxc)('without capwasi/register, node:wasi serves the calls', async (t) => {
  const { code, threads } = await run(t, 'oxc', { flags: [] })
  t.is(code, 0)
  for (const { made } of Object.values(threads)) t.deepEqual(made, { 'node:wasi': 1 })
})
