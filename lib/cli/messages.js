'use strict'

// Messages of the command line.

/** Reports in one line why the program cannot be started. */
class StartError extends Error {}

const fail = (message) => {
  throw new StartError(message)
}

/** Shows a value of the command line in a message. */
const show = (text) => (/^\S+$/.test(text) ? text : `'${text}'`)

/** Returns a function that rejects a value of an option. */
const rejecting = (option, text, expected) => (reason) =>
  fail(`${option} ${show(text)}: ${reason}; expected ${expected}`)

/** Escapes control characters, or others, as `\x0a` or `\u202e`. */
const escapeControls = (text, characters = /\p{Cc}/gu) =>
  text.replace(characters, (character) => {
    const code = character.codePointAt(0).toString(16)
    return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`
  })

/** Prints a message in one line. */
const report = (message) => console.error(escapeControls(`capwasi: ${message}`))

/** Names at most this many items, and counts the rest. */
const MAX_LISTED = 10
function list(names) {
  const rest = names.length > MAX_LISTED ? ` and ${names.length - MAX_LISTED} more` : ''
  return names.slice(0, MAX_LISTED).join(', ') + rest
}

exports.StartError = StartError
exports.escapeControls = escapeControls
exports.fail = fail
exports.list = list
exports.rejecting = rejecting
exports.report = report
exports.show = show
