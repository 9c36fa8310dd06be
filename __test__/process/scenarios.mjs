// Scenarios of `capwasi/process` that each runtime has to pass. Run by runtimes.spec.mjs with the runtime of guests,
// in a process of its own: prints the result as JSON.

import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Directory } from 'capwasi'
import {
  CAT,
  COMPUTE,
  MIB,
  Pool,
  TRAP,
  WAIT,
  event,
  exit,
  failure,
  flood,
  growMemory,
  exitWith,
  guestFile,
  print,
  program,
  run,
  sleep,
  spawn,
  textOf,
  threaded,
} from '../support/process.mjs'

const BOTH = print('out') + print('err', 2)
const codesOf = ({ code, exitCode, stdout, exceeded }) => ({ code, exitCode, stdout, exceeded })

const SCENARIOS = {
  async run() {
    const { exitCode, stdout, stderr } = await run(program(BOTH))
    return [exitCode, stdout, stderr]
  },

  async failures() {
    const ends = [exit(3), TRAP]
    return Promise.all(ends.map(async (end) => codesOf(await failure(run(program(BOTH + end))))))
  },

  async timeouts() {
    const errors = [COMPUTE, WAIT].map((end) => failure(run(program(print('out') + end), [], { timeout: 300 })))
    return (await Promise.all(errors)).map(codesOf)
  },

  async aborts() {
    const controller = new AbortController()
    const running = [WAIT, COMPUTE].map((end) => failure(run(program(end), [], { signal: controller.signal })))
    setTimeout(() => controller.abort(), 200)
    return (await Promise.all(running)).map(({ code }) => code)
  },

  async input() {
    const sources = [
      'text',
      Buffer.from('text'),
      ['te', 'xt'],
      Readable.from(['te', 'xt']),
      new Blob(['text']).stream(),
    ]
    return Promise.all(sources.map(async (input) => (await run(CAT, [], { input })).stdout))
  },

  async output() {
    const chunks = []
    const stream = new PassThrough()
    await run(program(BOTH), [], { stdout: (chunk) => void chunks.push(chunk), stderr: stream })
    stream.end()
    return [Buffer.concat(chunks).toString(), await textOf(stream)]
  },

  async events() {
    const guest = spawn(CAT)
    const events = []
    for (const name of ['spawn', 'exit', 'close', 'error']) guest.on(name, (...args) => events.push([name, ...args]))
    guest.stderr.resume()
    const text = textOf(guest.stdout)
    guest.stdin.end('text')
    await event(guest, 'close')
    return [await text, events]
  },

  async duplex() {
    const chunks = []
    const parts = Array.from({ length: 64 }, () => Buffer.alloc(65536, 'x'))
    await pipeline(Readable.from(parts), spawn(CAT).duplex(), async (source) => {
      for await (const chunk of source) chunks.push(chunk)
    })
    return Buffer.concat(chunks).length
  },

  async kills() {
    const errors = []
    for (const start of [WAIT, COMPUTE]) {
      const guest = spawn(program(print('out') + start))
      guest.stdout.once('data', () => guest.kill())
      const reason = await event(guest, 'close')
      errors.push([reason, (await failure(guest.result)).code])
    }
    return errors
  },

  async memory() {
    const grow = program(growMemory() + exitWith('(memory.size)'))
    const grown = await run(grow, [], { limits: { memory: MIB }, reject: false })
    const refused = await failure(run(grow, [], { limits: { memory: 1000 } }))
    return [grown.exitCode, grown.exceeded, refused.code]
  },

  async limits() {
    const outputs = await run(program(flood(600)), [], { limits: { output: 1000 }, reject: false })
    const cpu = await failure(run(program(COMPUTE), [], { limits: { cpuTime: 50 } }))
    return [outputs.exitCode, outputs.exceeded, cpu.code]
  },

  async pool() {
    const pool = new Pool({ threads: 1, maxQueue: 2 })
    const runs = Array.from({ length: 4 }, () =>
      pool.run(program(print('a'))).then(
        (result) => result.stdout,
        (error) => error.code,
      ),
    )
    const results = await Promise.all(runs)
    await pool.close()
    return [results, (await failure(pool.run(CAT))).code]
  },

  async directory() {
    const directory = Directory.memory()
    const { exitCode } = await run(guestFile('threads'), ['files'], { preopens: { '/': directory } })
    return [exitCode, directory.readdirSync('/').length]
  },

  async threads() {
    const finish =
      '(i32.atomic.store (i32.const 32) (i32.const 1)) (drop (memory.atomic.notify (i32.const 32) (i32.const 1)))'
    const { stdout } = await run(threaded(print('thread') + finish))
    const trapped = await failure(run(threaded(TRAP)))
    const stopped = await failure(run(threaded(WAIT), [], { timeout: 300 }))
    return [stdout, trapped.code, stopped.code]
  },

  async errors() {
    const errors = [run('/no/such.wasm'), run(Buffer.from('text')), run(CAT, [], { timeOut: 1 })].map(failure)
    return (await Promise.all(errors)).map(({ code, name }) => code ?? name)
  },

  /** The process has to end by itself. */
  async end() {
    new Pool({ idleTimeout: 1e9 }).run(program(''))
    spawn(program(sleep(1e8))).unref()
    return true
  },
}

const [name] = process.argv.slice(2)
console.log(JSON.stringify(await SCENARIOS[name]()))
// Bun waits for a thread that it could not stop.
if (process.versions.bun) process.exit()
