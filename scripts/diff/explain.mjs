// Explains differences by rows such as those of expected.mjs and backends.mjs.

import { errnoName } from '../../__test__/support/abi.mjs'

const matches = (pattern, text) =>
  pattern instanceof RegExp ? pattern.test(text) : pattern === '*' || pattern.split('|').includes(text)

/** Returns whether a call succeeded outside of the preopened directory. */
export const escapes = ({ errno, words }) => errno === 0 && words.includes('outside')

/** Returns the reason of an expected difference, or undefined for an unexpected one. */
export function explain(rows, difference) {
  // A capwasi that dies, hangs or lets the guest escape is never expected.
  if (/^(hangs|dies)/.test(difference.subject.errno) || escapes(difference.subject)) return undefined
  const names = [difference.reference, difference.subject].map(({ errno }) => String(errnoName(errno)))
  const row = rows.find(
    ([call, reference, subject, , condition]) =>
      matches(call, difference.call.name) &&
      matches(reference, names[0]) &&
      matches(subject, names[1]) &&
      (!condition || condition(difference)),
  )
  return row?.[3]
}
