// proc_exit with returnOnExit false calls process.exit.

import test from 'ava'
import { node } from '../support/guest.mjs'
import { windows } from '../support/platform.mjs'

/** Returns a script whose _start, a JavaScript function, calls proc_exit(code). */
const script = (code, before = '') => `
  const { WASI } = require('capwasi')
  const wasi = new WASI({ version: 'preview1', returnOnExit: false })
  const exports = { memory: new WebAssembly.Memory({ initial: 1 }), _start: () => wasi.wasiImport.proc_exit(${code}) }
  ${before}
  wasi.start({ exports })
  console.log('not reached')`

for (const code of [0, 1, 7, 255, 256, 257]) {
  // Windows keeps all 32 bits of an exit status.
  const status = windows ? code : code & 255
  test(`proc_exit(${code}) ends the process with status ${status}`, async (t) => {
    t.deepEqual(await node(script(code)), { code: status, signal: null, stdout: '', stderr: '' })
  })
}

test("proc_exit emits the process's exit event with the code", async (t) => {
  const { stdout } = await node(script(3, "process.on('exit', (code) => console.log('exit', code, process.exitCode))"))
  t.is(stdout, 'exit 3 3\n')
})

test('an exit listener can change the exit code of proc_exit', async (t) => {
  t.like(await node(script(3, "process.on('exit', () => { process.exitCode = 9 })")), { code: 9, stdout: '' })
})

test('proc_exit calls a process.exit that was replaced after construction', async (t) => {
  const { stdout } = await node(
    script(5, "process.exit = (code) => { console.log('exit', code); throw new Error('no') }"),
  )
  t.is(stdout, 'exit 5\n')
})

for (const [kind, exit] of [
  ['a mock that returns', "(code) => console.log('exit', code)"],
  ['a number', '7'],
  ['undefined', 'undefined'],
]) {
  test(`proc_exit throws ERR_WASI_EXIT if process.exit is ${kind}`, async (t) => {
    const { stdout } = await node(`
      const { WASI } = require('capwasi')
      for (const version of ['preview1', 'unstable', undefined]) {
        const wasi = new WASI({ version, returnOnExit: false })
        const run = () => {
          wasi.wasiImport.proc_exit(5)
          console.log('not reached')
        }
        const { exit } = process
        process.exit = ${exit}
        const memory = new WebAssembly.Memory({ initial: 1 })
        for (const enter of [() => wasi.start({ exports: { memory, _start: run } }), run]) {
          try { enter() } catch ({ code, exitCode }) { console.log(code, exitCode) }
        }
        process.exit = exit
      }`)
    t.is(stdout, `${exit.startsWith('(') ? 'exit 5\n' : ''}ERR_WASI_EXIT 5\n`.repeat(6))
  })
}

test('proc_exit with wrong arguments returns EINVAL and does not end the process', async (t) => {
  const { stdout } = await node(`
    const { WASI } = require('capwasi')
    const wasi = new WASI({ version: 'preview1', returnOnExit: false })
    wasi.initialize({ exports: { memory: new WebAssembly.Memory({ initial: 1 }) } })
    const { proc_exit } = wasi.wasiImport
    console.log(proc_exit(), proc_exit('1'), proc_exit(1, 2), proc_exit(1n))`)
  t.is(stdout, '28 28 28 28\n')
})

test('proc_exit in a worker ends only the worker', async (t) => {
  const { stdout, code } = await node(`
    const { Worker } = require('node:worker_threads')
    const worker = new Worker(${JSON.stringify(script(7))}, { eval: true })
    worker.on('error', (error) => console.log('error', error))
    worker.on('exit', (code) => { console.log('worker', code); setTimeout(() => console.log('process runs'), 10) })`)
  t.is(stdout, 'worker 7\nprocess runs\n')
  t.is(code, 0)
})

test('proc_exit after fd_write to a pipe loses no data', async (t) => {
  const { stdout, code } = await node(`
    const { WASI } = require('capwasi')
    const wasi = new WASI({ version: 'preview1', returnOnExit: false })
    const memory = new WebAssembly.Memory({ initial: 4 })
    const bytes = new Uint8Array(memory.buffer, 64).fill(120)
    new Uint32Array(memory.buffer).set([64, 200_000], 0)
    const { fd_write, proc_exit } = wasi.wasiImport
    const _start = () => {
      fd_write(1, 0, 1, 8)
      proc_exit(new Uint32Array(memory.buffer)[2] === 200_000 ? 0 : 1)
    }
    wasi.start({ exports: { memory, _start } })`)
  t.is(stdout.length, 200_000)
  t.is(code, 0)
})
