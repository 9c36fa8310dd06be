'use strict'

// One guest of `run` or `spawn`, from its place in a pool to its result.

const { onAbort } = require('./abort.js')
const { TooLarge } = require('./program.js')
const { WASI, addon } = require('./wasi.js')

/** Limits of `new WASI`. */
const WASI_LIMITS = ['openFiles', 'output', 'writtenBytes']
const wasiLimits = (limits) => Object.fromEntries(WASI_LIMITS.map((name) => [name, limits[name]]))

/** The longest time between two checks of the processor time, in milliseconds: the delay of a timer has 31 bits. */
const MAX_INTERVAL = 1000

/** The time between two checks of the threads or the heap of a guest, in milliseconds. */
const INTERVAL = 50

/** Whether a write to a full pipe waits in the system, where ending the thread does not interrupt the write. */
const isWriteBlocking = process.platform === 'win32'

/** A memory that has less room than this part of its limit has reached it. */
const ROOM = 1 / 16

const noResult = () => ({
  exitCode: undefined,
  stdout: '',
  stderr: '',
  timedOut: false,
  aborted: false,
  exceeded: undefined,
  trap: undefined,
  durationMs: 0,
  cpuTimeMs: 0,
  peakMemory: 0,
})

/** A guest. */
class Execution {
  #threads
  #program
  #options
  #args
  /** The connections of stdin, stdout and stderr (lib/process-stdio.js). */
  #stdio
  #thread
  #wasi
  #leaveQueue
  #startTime
  /** Why the guest was stopped: `reason`, and `error` or `cause`. */
  #stopped
  #timers = new Set()
  #isReferenced = true
  /** Called when the guest starts, and when it has ended with an exit code and a reason. */
  onStart = () => {}
  onExit = () => {}
  addresses = []
  hasEnded = false

  constructor(threads, program, args, options, stdio) {
    this.#threads = threads
    this.#program = program
    this.#args = args
    this.#options = options
    this.#stdio = stdio
  }

  /** Runs the guest. The promise settles when its output has been read. */
  async run() {
    const { signal } = this.#options
    const abort = () => this.stop({ reason: 'abort', cause: signal.reason })
    const removeListener = signal === undefined ? () => {} : onAbort(signal, abort)
    if (signal?.aborted) abort()
    try {
      const outcome = await this.#enter().catch((error) => ({ startError: error }))
      return await this.#finish(outcome)
    } finally {
      removeListener()
    }
  }

  /** Waits for a thread and runs the guest in it. Returns undefined if the guest was stopped before it has started. */
  async #enter() {
    if (this.#stopped !== undefined) return undefined
    const hasEntered = await this.#threads.enter((leave) => {
      this.#leaveQueue = leave
    })
    this.#leaveQueue = undefined
    if (!hasEntered) return undefined
    try {
      return await this.#runInThread()
    } finally {
      for (const timer of this.#timers) clearTimeout(timer)
      this.#threads.leave()
    }
  }

  async #runInThread() {
    const { limits, invoke } = this.#options
    let program
    try {
      program = await this.#program.load()
    } catch (error) {
      if (!(error instanceof TooLarge)) throw error
      this.#stopped ??= { reason: 'limit', exceeded: 'memory', isBeforeStart: true }
    }
    if (this.#stopped !== undefined) return undefined
    if (invoke === undefined) program.requireCommand()
    this.#wasi = this.#createWASI(program)
    const { module, memories, hasThreads, usesHeap } = program
    const threads = hasThreads ? limits.threads : undefined
    // The threads of a guest share the limit equally.
    const heap = usesHeap ? Math.floor(limits.memory / (1 + (threads ?? 0))) : undefined
    const thread = this.#threads.take(heap)
    this.#thread = thread
    const job = { handle: this.#wasi.share(), module, memories, threads, heap, invoke }
    const ended = thread.run(job, () => this.#begin(hasThreads, usesHeap))
    if (!this.#isReferenced) thread.unref()
    const outcome = await ended
    this.#thread = undefined
    this.#threads.release(thread)
    return outcome
  }

  #createWASI({ version }) {
    const { argv0 = this.#program.name, env, preopens, sockets, clock, random, limits, trace } = this.#options
    const [stdin, stdout, stderr] = this.#stdio.map((each) => each.open())
    const given = { env, preopens, sockets, clock, random, trace }
    const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
    const input = typeof stdin === 'object' ? stdin : { stdin }
    const args = [argv0, ...this.#args]
    return new WASI({ version, args, ...options, ...input, stdout, stderr, limits: wasiLimits(limits) })
  }

  /** Notes that the guest runs. Its time counts from now. */
  #begin(hasThreads, usesHeap) {
    this.#startTime = performance.now()
    this.addresses = this.#wasi.addresses
    const { timeout, limits } = this.#options
    if (timeout !== undefined) this.#after(timeout, () => this.stop({ reason: 'timeout' }))
    if (limits.cpuTime !== undefined) this.#checkCpuTime(limits.cpuTime, hasThreads ? limits.threads + 1 : 1)
    if (hasThreads && !this.#thread.canInterrupt) this.#checkThreads()
    if (usesHeap) this.#checkHeap()
    this.onStart()
    for (const each of this.#stdio) each.start()
  }

  #after(milliseconds, action) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      action()
    }, milliseconds)
    // The thread keeps the process alive.
    timer.unref()
    this.#timers.add(timer)
  }

  /** Stops the guest once it has used its processor time. */
  #checkCpuTime(limit, threads) {
    const left = limit - addon.processes().cpuTime(this.#wasi)
    if (left <= 0) this.stop({ reason: 'limit', exceeded: 'cpuTime' })
    else this.#after(Math.min(Math.max(left / threads, 1), MAX_INTERVAL), () => this.#checkCpuTime(limit, threads))
  }

  /** Stops the guest once the heap of its thread is full, where native code has ended it already. */
  #checkHeap() {
    if (addon.processes().hasFullHeap(this.#wasi)) this.stop({ reason: 'limit', exceeded: 'memory' })
    else this.#after(INTERVAL, () => this.#checkHeap())
  }

  /** Ends the first thread once another one has ended the guest, where the runtime does not interrupt it. */
  #checkThreads() {
    const thrown = addon.threads().ending(this.#wasi)
    if (thrown === undefined) this.#after(INTERVAL, () => this.#checkThreads())
    else if (thrown.exitCode === undefined) this.#thread?.terminate({ error: thrown, isTrap: true })
    else this.#thread?.terminate({ exitCode: thrown.exitCode })
  }

  /** Stops the guest, whether it waits for a thread, computes or waits. Returns whether it was running. */
  stop(stopped) {
    if (this.#stopped !== undefined || this.hasEnded) return false
    this.#stopped = stopped
    this.#leaveQueue?.()
    if (this.#thread !== undefined) {
      if (!this.#thread.canInterrupt) addon.processes().end(this.#wasi)
      this.#thread.terminate()
      if (isWriteBlocking) for (const each of this.#stdio) each.drain?.()
    }
    return true
  }

  /** Stops the guest because of an error of the embedder's streams. */
  fail(error) {
    if (!this.stop({ reason: 'error', error })) this.#stopped ??= { reason: 'error', error }
  }

  ref() {
    this.#isReferenced = true
    this.#thread?.ref()
  }

  unref() {
    this.#isReferenced = false
    this.#thread?.unref()
  }

  /** Closes the descriptors of the guest and waits for its output. Returns or throws the result. */
  async #finish(outcome) {
    const result = { ...noResult(), ...this.#measure(outcome) }
    const [reason, startFailure] = this.#reasonOf(outcome, result)
    this.hasEnded = true
    for (const each of this.#stdio) each.close()
    // A program that needs too much memory at once cannot start.
    const isStarted = this.#stopped?.isBeforeStart !== true
    this.onExit(result.exitCode ?? null, isStarted ? reason : 'error')
    await Promise.all(this.#stdio.map(({ done }) => done))
    // An error of a stream can be any value, also undefined.
    const failure = startFailure ?? (this.#stopped?.reason === 'error' ? this.#stopped : undefined)
    const [stdout, stderr] = [this.#wasi?.stdout, this.#wasi?.stderr].map((output) => this.#decode(output))
    this.#wasi?.close()
    if (failure !== undefined) throw failure.error
    Object.assign(result, { stdout, stderr })
    if (reason === 'exit' && result.exitCode === 0) return result
    if (this.#options.reject === false) return result
    const { cause } = this.#stopped ?? {}
    const { name } = this.#program
    const { ProcessError } = require('./process-error.js')
    throw new ProcessError(name, reason, result, this.#options, cause === undefined ? undefined : { cause })
  }

  #decode(output = Buffer.alloc(0)) {
    const { encoding = 'utf8' } = this.#options
    return encoding === 'buffer' ? output : output.toString(encoding)
  }

  #measure(outcome) {
    if (this.#wasi === undefined || outcome === undefined) return {}
    const elapsed = this.#startTime === undefined ? 0 : performance.now() - this.#startTime
    const peakMemory = Math.max(outcome.memory ?? 0, addon.processes().peakMemory(this.#wasi))
    return {
      exitCode: outcome.exitCode,
      ...(outcome.results && { results: outcome.results }),
      durationMs: outcome.durationMs ?? elapsed,
      cpuTimeMs: addon.processes().cpuTime(this.#wasi),
      peakMemory,
      exceeded: this.#wasi.exceeded ?? this.#memoryExceeded(peakMemory),
    }
  }

  /** Returns 'memory' for a guest whose memory could not grow further. */
  #memoryExceeded(bytes) {
    const { memory } = this.#options.limits
    return memory !== undefined && bytes > memory * (1 - ROOM) ? 'memory' : undefined
  }

  /** Returns the reason of the end, and `{ error }` of a guest that could not start. Completes the result. */
  #reasonOf(outcome, result) {
    if (outcome?.startError !== undefined) return ['error', { error: outcome.startError }]
    if (outcome?.exitCode !== undefined) return ['exit']
    if (outcome?.error !== undefined && this.#stopped === undefined) {
      const { name, message, stack, code } = outcome.error
      const { threadError } = require('./values.js')
      const error = threadError(name, message, stack)
      if (code !== undefined) error.code = code
      if (!outcome.isTrap) return ['error', { error }]
      result.trap = error
      return ['trap']
    }
    if (outcome?.workerError?.code === 'ERR_WORKER_OUT_OF_MEMORY') {
      result.exceeded = 'memory'
      return ['limit']
    }
    if (this.#stopped === undefined)
      return ['error', { error: outcome.workerError ?? new Error('The thread of the guest has ended') }]
    const { reason, exceeded } = this.#stopped
    result.timedOut = reason === 'timeout'
    result.aborted = reason === 'abort' || reason === 'kill'
    result.exceeded = exceeded ?? result.exceeded
    return [reason]
  }
}

exports.Execution = Execution
