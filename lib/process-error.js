'use strict'

// The error of a guest that failed.

const REASONS = {
  __proto__: null,
  exit: ({ exitCode }) => ['ERR_WASI_EXIT', `exited with code ${exitCode}`],
  trap: ({ trap }) => ['ERR_WASI_TRAP', `trapped: ${trap.message}`],
  timeout: (_, { timeout }) => ['ERR_WASI_TIMEOUT', `was stopped after its timeout of ${timeout} ms`],
  limit: ({ exceeded }, { limits }) => ['ERR_WASI_LIMIT', LIMITS[exceeded](limits[exceeded])],
  abort: () => ['ABORT_ERR', 'was aborted'],
  kill: () => ['ABORT_ERR', 'was killed'],
}

const LIMITS = {
  __proto__: null,
  cpuTime: (limit) => `was stopped after ${limit} ms of processor time (limits.cpuTime)`,
  // A thread without a limit has the limit of the engine for its heap.
  memory: (limit) =>
    limit === undefined
      ? 'needs a larger heap than its thread has'
      : `needs more memory than limits.memory allows, which is ${limit} bytes`,
}

/** Thrown for a guest that failed. Described in process.d.ts. */
class ProcessError extends Error {
  /** `reason` is the reason of the event `exit`, and `cause` an optional cause. */
  constructor(name, reason, result, options, cause) {
    const [code, message] = REASONS[reason](result, options)
    super(`${name} ${message}`, cause)
    this.code = code
    Object.assign(this, result)
  }
}
Object.defineProperty(ProcessError.prototype, 'name', { value: 'ProcessError', writable: true, configurable: true })

exports.ProcessError = ProcessError
