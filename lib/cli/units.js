'use strict'

// Numbers of the command line.

const { rejecting } = require('./messages.js')

const MILLISECONDS = { ms: 1, s: 1000, m: 60_000 }
/** The longest delay of a timer. */
const MAX_TIME = 2 ** 31 - 1

const optional =
  (read) =>
  (option, text, ...rest) =>
    text === undefined ? undefined : read(option, text, ...rest)

/** Returns a time in milliseconds. */
const readTime = optional((option, text) => {
  const invalid = rejecting(option, text, 'a time, such as 2s, 500ms, 1m, or a number of seconds')
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text) ?? invalid('not a time')
  const time = Math.ceil(Number(number) * MILLISECONDS[unit])
  if (time === 0) invalid('too short')
  return time > MAX_TIME ? invalid('too long') : time
})

const BYTES = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 }

/** Returns a size in bytes. */
const readSize = optional((option, text) => {
  const invalid = rejecting(option, text, 'a size, such as 64M, 1G, 512K, or a number of bytes')
  const [, number, unit] = /^(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?$/i.exec(text) ?? invalid('not a size')
  const size = Math.floor(Number(number) * BYTES[unit.toUpperCase()])
  return Number.isSafeInteger(size) ? size : invalid('too large')
})

/** Returns a whole number from `min` to `max`. */
const readCount = optional((option, text, min, max) => {
  const invalid = rejecting(option, text, `a number from ${min} to ${max}`)
  if (!/^\d+$/.test(text)) invalid('not a whole number')
  if (Number(text) < min) invalid('too small')
  return Number(text) > max ? invalid('too large') : Number(text)
})

exports.readCount = readCount
exports.readSize = readSize
exports.readTime = readTime
