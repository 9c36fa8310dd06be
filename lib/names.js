'use strict'

// Detects misspelt names.

const { inspect } = require('node:util')

/** Returns a name in lower case, without `_` and `-`. */
const plain = (name) => name.replace(/[_-]/g, '').toLowerCase()

/**
 * Returns the number of insertions, deletions, replacements and swaps of adjacent characters between two texts.
 * Infinity if the lengths differ by more than two.
 */
function distance(one, other) {
  if (Math.abs(one.length - other.length) > 2) return Infinity
  // Three rows of the table of distances between prefixes (Damerau-Levenshtein).
  let before
  let above = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 0; i < one.length; i++) {
    const row = [i + 1]
    for (let j = 0; j < other.length; j++) {
      let least = Math.min(above[j] + (one[i] === other[j] ? 0 : 1), above[j + 1] + 1, row[j] + 1)
      if (i > 0 && j > 0 && one[i] === other[j - 1] && one[i - 1] === other[j]) {
        least = Math.min(least, before[j - 1] + 1)
      }
      row.push(least)
    }
    before = above
    above = row
  }
  return above[other.length]
}

/** Returns the index of the known name that a name nearly equals; undefined if there is none. */
function nearest(name, known) {
  const given = plain(name)
  let [least, index] = [Infinity, undefined]
  known.forEach((each, at) => {
    const mistakes = distance(given, plain(each))
    if (mistakes < least) [least, index] = [mistakes, at]
  })
  // A short name with two typos may be a different word.
  return index !== undefined && least <= (known[index].length > 5 ? 2 : 1) ? index : undefined
}

/** Returns a suggestion for an unknown name; undefined if no known name is similar. */
function suggestion(name, known) {
  const index = nearest(name, known)
  return index === undefined ? undefined : `Did you mean ${inspect(known[index])}?`
}

exports.nearest = nearest
exports.suggestion = suggestion
