// Guests with several threads: the spec is the first, workers are the others.

import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { rawGuest } from './guest.mjs'

const script = fileURLToPath(new URL('thread.cjs', import.meta.url))

/** Creates a guest whose memory other threads can share. */
export const sharedGuest = (options, { memory = '2 16 shared', ...more } = {}) => rawGuest(options, { memory, ...more })

/** Starts a thread, which has a WASI object with `options`, or joins by `handle`. `bind: false` binds no memory. */
export async function startThread(t, memory, { bind = true, ...data } = {}) {
  const worker = new Worker(script, { workerData: { memory, ...data } })
  t.teardown(() => worker.terminate())
  /** Performs an action of thread.cjs. Throws the error of the thread. */
  const perform = async (...action) => {
    worker.postMessage(action)
    const [{ result, error }] = await once(worker, 'message')
    if (error) throw Object.assign(new Error(error.message), error)
    return result
  }
  if (bind) await perform('bind')
  return { worker, perform, call: (name, ...args) => perform('call', name, ...args) }
}
