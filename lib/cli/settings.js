'use strict'

// Converts the values of options to options of the guest.

const { openSync } = require('node:fs')
const { DEFAULT_THREADS, MAX_THREADS } = require('../thread-limit.js')
const { fail, rejecting, show } = require('./messages.js')
const { reasonOf } = require('./reasons.js')
const { readCount, readSize, readTime } = require('./units.js')

/** Converts `NAME[=VALUE]` to an entry of `env`. A variable that is not in the environment stays unset. */
function readVariable(text) {
  const separator = text.indexOf('=')
  if (text === '' || separator === 0) fail(`--env ${show(text)}: NAME is empty; expected NAME[=VALUE]`)
  return separator < 0 ? [text, process.env[text]] : [text.slice(0, separator), text.slice(separator + 1)]
}

/** Converts `--seed` to the options for a reproducible run. */
function readSeed(text) {
  if (text === undefined) return {}
  const invalid = rejecting('--seed', text, 'a number from 0 to 2^256 - 1, such as 7 or 0x7')
  if (!/^(\d+|0x[\da-f]+)$/i.test(text)) invalid('not a whole number')
  if (BigInt(text) >= 1n << 256n) invalid('too large')
  return { random: { seed: BigInt(text) }, clock: { realtime: 0n, monotonic: 0n } }
}

/** Converts `--listen` to an address with a port. */
const readAddress = (text) => (/^\d+$/.test(text) ? `127.0.0.1:${text}` : text.replace(/^localhost:/i, '127.0.0.1:'))

/** The largest `limits.openFiles` of `new WASI`. */
const MAX_OPEN_FILES = 2 ** 20

function readLimits(values) {
  return {
    cpuTime: readTime('--max-cpu-time', values['max-cpu-time']),
    memory: readSize('--max-memory', values['max-memory']),
    writtenBytes: readSize('--max-written', values['max-written']),
    openFiles: readCount('--max-files', values['max-files'], 1, MAX_OPEN_FILES),
    threads: readCount('--max-threads', values['max-threads'], 0, MAX_THREADS) ?? DEFAULT_THREADS,
  }
}

/** Reads the options of the guest, except directories. `maxOutput` is for lib/cli/output.js. */
function readSettings(values) {
  return {
    env: { ...(values['inherit-env'] && process.env), ...Object.fromEntries(values.env.map(readVariable)) },
    ...(values.listen.length > 0 && { sockets: values.listen.map(readAddress) }),
    ...readSeed(values.seed),
    timeout: readTime('--timeout', values.timeout),
    maxOutput: readSize('--max-output', values['max-output']),
    limits: readLimits(values),
  }
}

/** A number for an export, as JavaScript writes it. */
const NUMBER = /^([+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|0x[\da-f]+|[+-]?Infinity|NaN)$/i

/** Returns the arguments of `--invoke`. */
function readNumbers(args) {
  const other = args.find((arg) => !NUMBER.test(arg))
  if (other !== undefined) fail(`--invoke: ${show(other)} is not a number; the arguments of an export are numbers`)
  return args
}

/** Opens the file of `--trace=FILE`. Returns its descriptor. */
function openTrace(path) {
  if (path === '') fail('--trace=: FILE is empty; expected --trace or --trace=FILE')
  try {
    return openSync(path, 'w')
  } catch (error) {
    return fail(`--trace=${show(path)}: ${reasonOf(error)}`)
  }
}

exports.openTrace = openTrace
exports.readNumbers = readNumbers
exports.readSettings = readSettings
