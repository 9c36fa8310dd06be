'use strict'

// Calls a function that may compute forever, at most for some time.

const { Script, createContext } = require('node:vm')

/** Bun ignores the timeout of node:vm. */
const canInterrupt = process.versions.bun === undefined

const now = performance.now.bind(performance)

let script
let context

/**
 * Calls a function. Returns `{ value }` or `{ thrown }`, or undefined if the function was interrupted after `timeout`
 * milliseconds. No `finally` of an interrupted function runs.
 */
function callWithTimeout(call, timeout) {
  const started = now()
  let result
  const run = () => {
    try {
      result = { value: call() }
    } catch (thrown) {
      // In Deno, native code that is interrupted throws null.
      if (thrown !== null || now() - started < timeout) result = { thrown }
    }
  }
  if (!canInterrupt) {
    run()
    return result
  }
  script ??= new Script('run()')
  context ??= createContext({ __proto__: null })
  const { run: outer } = context
  context.run = run
  try {
    script.runInContext(context, { timeout })
  } catch (error) {
    // After the function has returned, the timeout is too late.
    if (result === undefined && error?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
  } finally {
    context.run = outer
  }
  return result
}

exports.callWithTimeout = callWithTimeout
