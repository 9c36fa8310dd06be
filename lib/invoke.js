'use strict'

// Calls an export of a program, for `capwasi --invoke`.

const { nodeError } = require('./values.js')

const invalid = (name, reason) => nodeError('TypeError', 'ERR_INVALID_ARG_VALUE', `--invoke ${name}: ${reason}`)

/** Shows a result. */
const show = (value) => (Object.is(value, -0) ? '-0' : String(value))

/** Calls an export with numbers, which are texts: the engine converts a text to any type of number. */
function call(target, { name, numbers }) {
  try {
    return target(...numbers)
  } catch (error) {
    // The engine could not convert an argument: code of a guest throws other errors.
    if (error instanceof SyntaxError || error instanceof TypeError) throw invalid(name, error.message)
    throw error
  }
}

/** Initializes a reactor, and then calls the export `name`, unless it is undefined. Returns the results as texts. */
function invoke(exports, job) {
  const { name, numbers } = job
  const target = name === undefined ? undefined : exports[name]
  if (target !== undefined && target.length !== numbers.length) {
    const count = target.length === 1 ? '1 number' : `${target.length} numbers`
    throw invalid(name, `expected ${count} as arguments; received ${numbers.length}`)
  }
  if (name !== '_initialize') exports._initialize?.()
  const result = target === undefined ? [] : call(target, job)
  if (result === undefined) return []
  return (Array.isArray(result) ? result : [result]).map(show)
}

exports.invoke = invoke
