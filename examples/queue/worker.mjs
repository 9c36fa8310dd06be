// A worker process: runs jobs until SIGTERM. Any number of workers can share a queue, on any number of machines.
//
//   REDIS_URL=redis://127.0.0.1 node examples/queue/worker.mjs [NAME]

import { availableParallelism, hostname } from 'node:os'
import { Worker } from 'bullmq'
import { run } from 'capwasi/process'
import { Programs } from './programs.mjs'
import { connect, QUEUE } from './redis.mjs'

const redis = connect()
const programs = new Programs(redis)

/**
 * Runs a guest and returns its result, also if the guest failed. An error is one of this machine: BullMQ tries the job
 * again. `signal` aborts when this worker has lost the job to another one.
 */
async function runJob({ data }, _token, signal) {
  const { program, args, input, timeout, limits } = data
  const options = { input: Buffer.from(input, 'base64'), encoding: 'base64', timeout, limits, signal, reject: false }
  const result = await run(await programs.path(program), args, options)
  signal.throwIfAborted()
  const { exitCode, stdout, stderr, timedOut, exceeded, trap } = result
  return { exitCode, stdout, stderr, timedOut, exceeded, trap: trap?.message }
}

const worker = new Worker(QUEUE, runJob, {
  connection: redis,
  name: process.argv[2] ?? `${hostname()}:${process.pid}`,
  // One guest per thread of the pool: jobs wait in Redis, where another worker can take them.
  concurrency: availableParallelism(),
  // The main thread renews the lock of each job while its guest computes in another thread. So the duration limits how
  // long a machine may be silent, not how long a guest may run.
  lockDuration: 5_000,
  stalledInterval: 2_500,
  // A job whose worker was lost three times fails: it may be the reason.
  maxStalledCount: 2,
})
worker.on('error', (error) => console.error(error.message))
worker.on('lockRenewalFailed', (ids) => {
  for (const id of ids) worker.cancelJob(id, 'Another worker has the job')
})
worker.on('ready', () => console.log('ready'))

process.once('SIGTERM', async () => {
  await worker.close() // Waits for the jobs that run.
  await programs.close()
  redis.disconnect()
})
