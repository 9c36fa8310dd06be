'use strict'

// `capwasi/process`: runs programs like child processes, in threads of a pool.

const { availableParallelism } = require('node:os')
const { Execution } = require('./execution.js')
const { GuestProcess } = require('./guest-process.js')
const { Threads } = require('./pool.js')
const { ProcessError } = require('./process-error.js')
const { poolOptions, readArguments, runOptions, spawnOptions } = require('./process-options.js')
const { connectInput, connectOutputs } = require('./process-stdio.js')
const { programOf } = require('./load-program.js')
const { nodeError } = require('./values.js')

const IDLE_TIMEOUT = 10_000

/** Returns the number of threads of a pool without the option. */
const defaultThreads = () => {
  const given = Number(process.env.CAPWASI_THREADS)
  return Number.isInteger(given) && given > 0 ? given : availableParallelism()
}

/** Threads that run guests. Described in process.d.ts. */
class Pool {
  #threads
  #guests = new Set()
  #isClosed = false

  constructor(options = undefined) {
    this.#threads = new Threads(poolOptions(options, { threads: defaultThreads(), idleTimeout: IDLE_TIMEOUT }))
  }

  async run(program, args = undefined, options = undefined) {
    const checked = runOptions(options)
    const loader = programOf(program, checked.limits)
    const given = readArguments(args)
    this.#admit()
    const fail = (error) => execution.fail(error)
    const { input, stdout, stderr } = checked
    const stdio = [connectInput(input, fail), ...connectOutputs([stdout, stderr], fail)]
    const execution = new Execution(this.#threads, loader, given, checked, stdio)
    return this.#track(execution.run(), () => execution.stop({ reason: 'kill' }))
  }

  spawn(program, args = undefined, options = undefined) {
    const checked = spawnOptions(options)
    const loader = programOf(program, checked.limits)
    const given = readArguments(args)
    this.#admit()
    const guest = new GuestProcess(this.#threads, loader, given, checked)
    this.#track(guest.settled, () => guest.kill())
    return guest
  }

  /** Throws unless the pool can run one more guest. */
  #admit() {
    if (this.#isClosed) throw nodeError('Error', 'ERR_INVALID_STATE', 'Invalid state: The pool is closed')
    if (!this.#threads.isFull) return
    throw nodeError('Error', 'ERR_WASI_QUEUE_FULL', 'The queue of the pool is full (maxQueue)')
  }

  /** Remembers a guest until its result is known. */
  #track(result, kill) {
    const guest = { result, kill }
    this.#guests.add(guest)
    const forget = () => this.#guests.delete(guest)
    result.then(forget, forget)
    return result
  }

  get stats() {
    return this.#threads.stats
  }

  async close() {
    this.#isClosed = true
    await Promise.allSettled(Array.from(this.#guests, ({ result }) => result))
    this.#threads.endIdle()
  }

  async [Symbol.asyncDispose ?? Symbol.for('capwasi.asyncDispose')]() {
    for (const { kill } of this.#guests) kill()
    await this.close()
  }
}

/** The pool of `run` and `spawn`, after their first use. */
let shared
const sharedPool = () => {
  shared ??= new Pool()
  return shared
}

exports.Pool = Pool
exports.ProcessError = ProcessError
exports.run = (program, args = undefined, options = undefined) => sharedPool().run(program, args, options)
exports.spawn = (program, args = undefined, options = undefined) => sharedPool().spawn(program, args, options)
