'use strict'

// Calls an export of a program, for `capwasi --invoke`.

const { nodeError } = require('./values.js')

const invalid = (message) => nodeError('TypeError', 'ERR_INVALID_ARG_VALUE', message)

/** Shows a result. */
const show = (value) => (Object.is(value, -0) ? '-0' : String(value))

/** Calls a function with numbers, which are texts: the engine converts a text to any type of number. */
function call(target, numbers) {
  try {
    return target(...numbers)
  } catch (error) {
    // The engine could not convert an argument: code of a guest throws other errors.
    if (error instanceof SyntaxError || error instanceof TypeError) throw invalid(error.message)
    throw error
  }
}

/** Initializes a reactor, and then calls the export `name`, unless it is undefined. Returns the results as texts. */
function invoke(exports, { name, numbers }) {
  const target = name === undefined ? undefined : exports[name]
  if (target !== undefined && target.length !== numbers.length) {
    throw invalid(`expects ${target.length} numbers, and there are ${numbers.length}`)
  }
  if (name !== '_initialize') exports._initialize?.()
  const result = target === undefined ? [] : call(target, numbers)
  if (result === undefined) return []
  return (Array.isArray(result) ? result : [result]).map(show)
}

exports.invoke = invoke
