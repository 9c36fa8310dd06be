'use strict'

// Checks the options of `run` and `spawn`. The remaining options are checked by `new WASI`.

const { Readable, Writable } = require('node:stream')
const { DEFAULT_THREADS, MAX_THREADS } = require('./thread-limit.js')
const validate = require('./validate.js')
const { invalidType, nodeError } = require('./values.js')

const { abortSignal, boolean, integer, invalidValue, object, onlyKnown, subject } = validate

/** The longest delay of a timer in milliseconds. */
const MAX_TIMEOUT = 2 ** 31 - 1

const COMMON = ['argv0', 'env', 'preopens', 'sockets', 'clock', 'random', 'timeout', 'signal', 'limits', 'trace']
const RUN = [...COMMON, 'input', 'stdout', 'stderr', 'encoding', 'reject']
const SPAWN = [...COMMON, 'stdio']
const LIMITS = ['memory', 'cpuTime', 'threads', 'openFiles', 'output', 'writtenBytes']
const CLOCKS = ['realtime', 'monotonic']
const POOL = ['threads', 'maxQueue', 'idleTimeout']

const NO_CPU_TIME =
  "The property 'options.limits.cpuTime' is not available in Bun, which cannot interrupt a guest that computes"

const optional = (value, check) => (value === undefined ? undefined : check(value))

const string = (value, name) => {
  if (typeof value === 'string') return value
  throw invalidType(subject(name), 'of type string', value)
}

function readLimits(value) {
  const given = object(value ?? {}, 'options.limits')
  onlyKnown(given, 'options.limits', LIMITS)
  if (given.cpuTime !== undefined && process.versions.bun !== undefined)
    throw nodeError('Error', 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', NO_CPU_TIME)
  const number = (name, min, max) =>
    optional(given[name], (limit) => integer(limit, `options.limits.${name}`, min, max))
  const { openFiles, output, writtenBytes } = given
  return {
    openFiles,
    output,
    writtenBytes,
    memory: number('memory', 0, Number.MAX_SAFE_INTEGER),
    cpuTime: number('cpuTime', 1, Number.MAX_SAFE_INTEGER),
    threads: number('threads', 0, MAX_THREADS) ?? DEFAULT_THREADS,
  }
}

function readClock(value) {
  const clock = object(value, 'options.clock')
  onlyKnown(clock, 'options.clock', CLOCKS)
  for (const name of CLOCKS) {
    if (clock[name] === undefined || typeof clock[name] === 'bigint') continue
    throw invalidType(subject(`options.clock.${name}`), 'of type bigint', clock[name])
  }
  return clock
}

/** Checks the options that `run` and `spawn` share. Copies those that the caller may change while the guest waits. */
function readCommon(given, known) {
  onlyKnown(given, 'options', known)
  return {
    argv0: optional(given.argv0, (value) => string(value, 'options.argv0')),
    env: optional(given.env, (value) => ({ ...object(value, 'options.env') })),
    preopens: optional(given.preopens, (value) => ({ ...object(value, 'options.preopens') })),
    sockets: given.sockets,
    clock: optional(given.clock, readClock),
    random: given.random,
    timeout: optional(given.timeout, (value) => integer(value, 'options.timeout', 1, MAX_TIMEOUT)),
    signal: optional(given.signal, (value) => abortSignal(value, 'options.signal')),
    limits: readLimits(given.limits),
    trace: optional(given.trace, (value) => boolean(value, 'options.trace')),
  }
}

const isStream = (value, method) => typeof value === 'object' && value !== null && typeof value[method] === 'function'
const isWritable = (value) => value instanceof Writable || (isStream(value, 'write') && isStream(value, 'on'))
const isReadable = (value) => value instanceof Readable || (isStream(value, 'read') && isStream(value, 'on'))
const isDescriptor = (value) => Number.isInteger(value) && value >= 0

const MODES = ['pipe', 'inherit', 'ignore']
const isPlain = (value) => MODES.includes(value) || isDescriptor(value)
const WITH_MODES = "'pipe', 'inherit', 'ignore', a descriptor"

/** Checks a destination of the output of `run`. */
function readOutput(value, name) {
  if (value === undefined) return 'pipe'
  if (isPlain(value) || typeof value === 'function' || isWritable(value) || isStream(value, 'getWriter')) return value
  const expected = `${WITH_MODES}, a Writable, a WritableStream or a function`
  throw invalidType(subject(name), expected, value)
}

function readInput(value) {
  const isIterable = (key) => typeof value?.[key] === 'function'
  if (typeof value === 'string' || value instanceof Uint8Array) return value
  const isSource = isIterable(Symbol.iterator) || isIterable(Symbol.asyncIterator) || isIterable('getReader')
  if (typeof value === 'object' && isSource) return value
  const expected = 'a string, a Uint8Array, an iterable, an async iterable, a Readable or a ReadableStream'
  throw invalidType(subject('options.input'), expected, value)
}

function readEncoding(value) {
  if (value === 'buffer' || Buffer.isEncoding(value)) return value
  throw invalidValue(`The property 'options.encoding' must be an encoding or 'buffer'. Received ${String(value)}`)
}

/** Checks the options of `run`. */
function runOptions(value) {
  const given = object(value ?? {}, 'options')
  return {
    ...readCommon(given, RUN),
    input: optional(given.input, readInput),
    stdout: readOutput(given.stdout, 'options.stdout'),
    stderr: readOutput(given.stderr, 'options.stderr'),
    encoding: optional(given.encoding, readEncoding) ?? 'utf8',
    reject: optional(given.reject, (each) => boolean(each, 'options.reject')) ?? true,
  }
}

/** Checks the option stdio of `spawn`. Returns three values. */
function readStdio(value = 'pipe') {
  if (MODES.includes(value)) return [value, value, value]
  if (!Array.isArray(value))
    throw invalidType(subject('options.stdio'), `one of ${MODES.join(', ')}, or an array`, value)
  if (value.length > 3)
    throw invalidValue(`The property 'options.stdio' must have at most 3 items. It has ${value.length}`)
  return [0, 1, 2].map((fd) => {
    const each = value[fd] ?? 'pipe'
    if (isPlain(each) || (fd === 0 ? isReadable(each) : isWritable(each))) return each
    throw invalidType(subject(`options.stdio[${fd}]`), `${WITH_MODES} or a ${fd === 0 ? 'Readable' : 'Writable'}`, each)
  })
}

/** Checks the options of `spawn`. */
function spawnOptions(value) {
  const given = object(value ?? {}, 'options')
  return { ...readCommon(given, SPAWN), stdio: readStdio(given.stdio) }
}

/** Checks arguments. */
function readArguments(value = []) {
  if (!Array.isArray(value)) throw invalidType(subject('args'), 'an instance of Array', value)
  return value.map((each, index) => string(each, `args[${index}]`))
}

/** Checks the options of `new Pool`. */
function poolOptions(value, defaults) {
  const given = validate.options(value, ...POOL)
  const number = (name, min, max) => optional(given[name], (each) => integer(each, `options.${name}`, min, max))
  return {
    threads: number('threads', 1, 1024) ?? defaults.threads,
    maxQueue: number('maxQueue', 0, Number.MAX_SAFE_INTEGER) ?? Infinity,
    idleTimeout: number('idleTimeout', 0, MAX_TIMEOUT) ?? defaults.idleTimeout,
  }
}

exports.poolOptions = poolOptions
exports.readArguments = readArguments
exports.runOptions = runOptions
exports.spawnOptions = spawnOptions
