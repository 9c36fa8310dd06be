// Submits guests as jobs, and receives their results.

import { Queue, QueueEvents } from 'bullmq'
import { storeProgram } from './programs.mjs'
import { connect, QUEUE } from './redis.mjs'

/** Beyond this number of waiting jobs, `submit` rejects. */
const MAX_WAITING = 10_000
const DAY = 24 * 60 * 60
/** Milliseconds between two looks at a job whose result is awaited. */
const CHECK_INTERVAL = 1000

const JOB_OPTIONS = {
  // Only errors of a worker are tried again. A guest that fails has a result.
  attempts: 3,
  backoff: { type: 'exponential', delay: 200 },
  // As long as a job is stored, its id cannot run again, and its result can be read.
  removeOnComplete: { age: DAY },
  removeOnFail: { age: DAY },
}
const LIMITS = { memory: 64 * 2 ** 20, cpuTime: 10_000, output: 2 ** 20 }

export class Producer {
  #redis = connect()
  #queue = new Queue(QUEUE, { connection: this.#redis, defaultJobOptions: JOB_OPTIONS })
  #events = new QueueEvents(QUEUE, { connection: this.#redis })

  constructor() {
    this.#queue.setMaxListeners(0) // Each job whose result is awaited adds one.
  }

  /** Stores a program and returns its hash. */
  storeProgram(bytes) {
    return storeProgram(this.#redis, bytes)
  }

  /**
   * Submits a job. `id` is the idempotency key: a second job with the same id does not run, and has the result of the
   * first one. `timeout` is in milliseconds.
   */
  async submit(id, { program, args = [], input = '', timeout = 60_000, limits }) {
    if ((await this.#queue.getWaitingCount()) >= MAX_WAITING) throw new Error('The queue is full')
    const base64 = Buffer.from(input).toString('base64')
    const data = { program, args, input: base64, timeout, limits: { ...LIMITS, ...limits } }
    return this.#queue.add('run', data, { jobId: id })
  }

  /** Waits for the result of a job. Rejects if the job failed for another reason than its guest. */
  async result(job) {
    const result = await this.#wait(job)
    const [stdout, stderr] = [result.stdout, result.stderr].map((text) => Buffer.from(text, 'base64'))
    return { ...result, stdout, stderr }
  }

  /** Events can be lost, for example while a connection starts: so this also looks at the job every second. */
  async #wait(job) {
    for (;;) {
      try {
        return await job.waitUntilFinished(this.#events, CHECK_INTERVAL)
      } catch (error) {
        const state = await job.getState()
        if (state === 'failed' || state === 'unknown') throw error
      }
    }
  }

  async close() {
    await Promise.all([this.#queue.close(), this.#events.close()])
    this.#redis.disconnect()
  }
}
