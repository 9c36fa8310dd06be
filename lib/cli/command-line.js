'use strict'

// Splits the command line into options, program and arguments.

const { parseArgs } = require('node:util')
const { suggestion } = require('../names.js')
const { fail, show } = require('./messages.js')

const text = { type: 'string' }
const texts = { type: 'string', multiple: true, default: [] }
const flag = { type: 'boolean' }

const OPTIONS = {
  dir: texts,
  overlay: texts,
  'memory-dir': texts,
  env: { ...texts, short: 'e' },
  'inherit-env': flag,
  listen: texts,
  timeout: text,
  'max-cpu-time': text,
  'max-output': text,
  'max-memory': text,
  'max-written': text,
  'max-files': text,
  'max-threads': text,
  invoke: text,
  argv0: text,
  changes: flag,
  seed: text,
  trace: flag,
  summary: flag,
  version: { ...flag, short: 'V' },
  help: { ...flag, short: 'h' },
}

/** Explains an error of `parseArgs`. `options` are the tokens of the options. */
function explain({ code, message }, options) {
  const [problem] = message.split(/\.\s/)
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const { rawName } = options.find(({ name }) => !Object.hasOwn(OPTIONS, name))
    const known = Object.keys(OPTIONS).map((option) => `--${option}`)
    const advice = suggestion(rawName, known)
    if (advice !== undefined) return `${problem}. ${advice} See capwasi --help`
  }
  if (problem.endsWith('is ambiguous')) {
    const isOption = ({ inlineValue, value }) => inlineValue === false && /^-./.test(value)
    const { rawName, value } = options.find(isOption)
    return `${problem}; to pass '${value}' as its value, write ${rawName}=${value}; see capwasi --help`
  }
  return `${problem}; see capwasi --help`
}

/** Returns whether an option is `--trace=FILE`. `parseArgs` has no options with an optional value. */
const isTraceFile = ({ name, inlineValue }) => name === 'trace' && inlineValue === true

/** Splits the command line at the program, which is the first positional argument. */
function readCommandLine(given) {
  const argv = given[0] === 'run' ? given.slice(1) : given
  const { tokens } = parseArgs({ args: argv, options: OPTIONS, strict: false, allowPositionals: true, tokens: true })
  const end = tokens.find(({ kind }) => kind === 'positional')?.index ?? argv.length
  const [program, ...args] = argv.slice(end)
  const options = tokens.filter(({ kind, index }) => kind === 'option' && index < end)
  const traceFiles = options.filter(isTraceFile)
  const isOfTrace = (index) => traceFiles.some((token) => token.index === index)
  try {
    const { values } = parseArgs({ args: argv.slice(0, end).filter((_, index) => !isOfTrace(index)), options: OPTIONS })
    return { values, traceFile: traceFiles.at(-1)?.value, program, args, lastOption: options.at(-1) }
  } catch (error) {
    return fail(explain(error, options))
  }
}

/** Fails for a command line without a program. The program may have become the value of the last option. */
function failWithoutProgram(lastOption) {
  const isTaken = lastOption?.inlineValue === false
  const taken = isTaken ? `; ${show(lastOption.value)} is the value of ${lastOption.rawName}` : ''
  fail(`no program given${taken}; see capwasi --help`)
}

exports.failWithoutProgram = failWithoutProgram
exports.readCommandLine = readCommandLine
