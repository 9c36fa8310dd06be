'use strict'

// Threads that run guests. A thread runs one guest after another. It is replaced when a guest has to be stopped.

const { join } = require('node:path')
const { Worker } = require('node:worker_threads')
const { resourceLimitsOf } = require('./spawning.js')

/**
 * Whether the runtime can end each thread. In Bun a guest that computes ends at its next WASI call, and in Bun and Deno
 * a thread that waits in `memory.atomic.wait` does not end.
 */
const canInterrupt = process.versions.bun === undefined && process.versions.deno === undefined
/** Milliseconds that a result waits for the end of a thread that the runtime cannot end. */
const MAX_DELAY = 100

/** A worker that runs guests. */
class Thread {
  #worker
  #settle
  #onStart
  #error
  canInterrupt = canInterrupt
  /** Whether the thread ends soon, and can run no further guest. */
  isEnding = false

  /** `heap` limits the objects on the heap of the engine, in bytes; undefined for no limit. `onEnd` is called once. */
  constructor(heap, onEnd) {
    this.heap = heap
    const options = { execArgv: [], name: 'capwasi guest', resourceLimits: resourceLimitsOf(heap) }
    const worker = new Worker(join(__dirname, 'capwasi-worker.js'), options)
    this.#worker = worker
    worker.on('message', (message) => {
      if (message === 'start') this.#onStart()
      else this.#finish(message)
    })
    worker.on('error', (error) => {
      this.#error = error
    })
    worker.on('exit', () => {
      onEnd()
      this.#finish({ workerError: this.#error })
    })
    // After `on('message')`, which references the worker.
    worker.unref()
  }

  /**
   * Runs a guest. Calls `onStart` when its code starts. Returns a promise of the message of lib/capwasi-worker.js, or
   * of `workerError` if the thread ends first: undefined after `terminate`.
   */
  run(job, onStart) {
    this.#onStart = onStart
    this.#worker.ref()
    return new Promise((resolve) => {
      this.#settle = resolve
      this.#worker.postMessage(job)
    })
  }

  #finish(outcome) {
    this.#worker.unref()
    this.#settle?.(outcome)
    this.#settle = undefined
  }

  /** Ends the thread, at once. `outcome` is the result of the run if there is one already. */
  terminate(outcome = undefined) {
    this.isEnding = true
    if (outcome !== undefined) this.#finish(outcome)
    if (!canInterrupt) setTimeout(() => this.#finish({}), MAX_DELAY)
    this.#worker.terminate()
  }

  ref() {
    this.#worker.ref()
  }

  unref() {
    this.#worker.unref()
  }
}

/** The threads of a pool, and the guests that wait for one. */
class Threads {
  #options
  /** Idle threads with their timers. The last one was used last. */
  #idle = new Map()
  #live = new Set()
  /** Functions that start the guests which wait. */
  #waiting = new Set()
  #running = 0
  #finished = 0

  constructor(options) {
    this.#options = options
  }

  get stats() {
    return {
      threads: this.#live.size,
      running: this.#running,
      queued: this.#waiting.size,
      finished: this.#finished,
    }
  }

  /** Returns whether one more guest may wait. */
  get isFull() {
    return this.#running + this.#waiting.size >= this.#options.threads + this.#options.maxQueue
  }

  /** Waits until a guest may run. `onWait` receives a function that ends the wait without a result. */
  enter(onWait) {
    if (this.#running < this.#options.threads) {
      this.#running++
      return true
    }
    return new Promise((resolve) => {
      const start = () => {
        this.#waiting.delete(start)
        this.#running++
        resolve(true)
      }
      this.#waiting.add(start)
      onWait(() => {
        if (this.#waiting.delete(start)) resolve(false)
      })
    })
  }

  /** Ends the run of a guest. Another one may start. */
  leave() {
    this.#running--
    this.#finished++
    const [next] = this.#waiting
    next?.()
  }

  /** Returns an idle thread with this limit for the heap, or creates one. */
  take(heap) {
    const idle = Array.from(this.#idle.keys())
    const thread = idle.findLast((each) => each.heap === heap)
    if (thread !== undefined) {
      clearTimeout(this.#idle.get(thread))
      this.#idle.delete(thread)
      return thread
    }
    if (this.#live.size >= this.#options.threads) this.#end(idle[0])
    return this.#create(heap)
  }

  #create(heap) {
    const thread = new Thread(heap, () => this.#remove(thread))
    this.#live.add(thread)
    return thread
  }

  /** Makes a thread idle, unless it ends. */
  release(thread) {
    if (thread.isEnding || !this.#live.has(thread)) return
    const timer = setTimeout(() => this.#end(thread), this.#options.idleTimeout)
    timer.unref()
    this.#idle.set(thread, timer)
  }

  /** Ends the idle threads. */
  endIdle() {
    for (const thread of this.#idle.keys()) this.#end(thread)
  }

  #end(thread) {
    if (thread === undefined) return
    this.#remove(thread)
    thread.terminate()
  }

  #remove(thread) {
    this.#live.delete(thread)
    clearTimeout(this.#idle.get(thread))
    this.#idle.delete(thread)
  }
}

exports.Thread = Thread
exports.Threads = Threads
