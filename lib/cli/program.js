'use strict'

// Loads the program of the command line.

const { readFileSync, writeSync } = require('node:fs')
const { suggestion } = require('../names.js')
const { TooLarge, compileLimited } = require('../program.js')
const { fail, list, show } = require('./messages.js')

const FROM_STDIN = '-'

const REASONS = { __proto__: null, ENOENT: 'no such file', EISDIR: 'is a directory; expected a WebAssembly module' }

/** Reads standard input to its end. */
async function readStdin() {
  const chunks = []
  for await (const chunk of process.stdin) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Reads a file, or standard input. */
async function read(path) {
  if (path === FROM_STDIN) return readStdin()
  if (/^[a-z][a-z\d+.-]*:\/\//i.test(path))
    fail(`${show(path)} is a URL; download the program first, and pass its path`)
  try {
    return readFileSync(path)
  } catch (error) {
    return fail(`${show(path)}: ${REASONS[error.code] ?? error.message}`)
  }
}

/** Fails for bytes that are not a WebAssembly module. */
function requireModule(name, bytes) {
  if (bytes.length < 8 || bytes.readUInt32BE(0) !== 0x0061736d) {
    const isText = name.endsWith('.wat') || /^\s*(\(|;;)/.test(bytes.toString('latin1', 0, 100))
    if (isText) fail(`${name} is WebAssembly text; convert it to binary first, with wat2wasm or wasm-tools parse`)
    fail(`${name} is not WebAssembly; expected a binary module, which starts with "\\0asm"`)
  }
  // The low 16 bits of this header field are the version; the high 16 bits are the layer, which is 1 for components.
  if (bytes.readUInt16LE(6) === 1) {
    fail(
      `${name} is a component (WASI preview2); capwasi runs core modules (WASI preview1). ` +
        'To run components, use jco: https://github.com/bytecodealliance/jco',
    )
  }
}

/** Milliseconds of compiling without a notice. */
const NOTICE_DELAY = 500

/** Compiles the program. At a terminal, a notice is shown while this takes longer. */
async function compile(name, bytes, limits, maxMemory) {
  const notice = `compiling ${Math.round(bytes.length / 1e6)} MB …`
  let isShown = false
  const show = () => {
    isShown = require('node:tty').isatty(2)
    if (isShown) writeSync(2, notice)
  }
  const timer = setTimeout(show, NOTICE_DELAY)
  try {
    return await compileLimited(name, bytes, limits)
  } catch (error) {
    if (!(error instanceof TooLarge)) return fail(error.message)
    return fail(`${name} needs ${error.needed} bytes of memory at its start, and --max-memory is ${maxMemory}`)
  } finally {
    clearTimeout(timer)
    if (isShown) writeSync(2, `\r${' '.repeat(notice.length)}\r`)
  }
}

const ENTRIES = ['_start', '_initialize']

/** Names of the exports that a user can call with --invoke. */
const callable = ({ functions }) => functions.filter((name) => !ENTRIES.includes(name) && name !== 'wasi_thread_start')

/** Fails unless a program exports the function `name`. */
function requireExport({ name: file, functions, isCommand, ...program }, name) {
  if (functions.includes(name)) return
  const names = callable({ functions, ...program })
  const problem = `--invoke ${show(name)}: ${file} exports no function with this name`
  const advice = suggestion(name, names)
  if (advice !== undefined) fail(`${problem}. ${advice}`)
  if (names.length > 0) fail(`${problem}; it exports ${list(names)}`)
  fail(isCommand ? `${problem}; it is a command, to run without --invoke` : problem)
}

/** Fails unless a program has exactly one entry point. */
function requireEntry({ name, isCommand, functions, ...program }) {
  const isReactor = functions.includes('_initialize')
  if (isCommand && isReactor) fail(`${name} has both \`_start\` and \`_initialize\`; expected one of them`)
  if (isCommand || isReactor) return
  const names = callable({ functions, ...program })
  const hint = names.length > 0 ? `, or --invoke NAME; it exports ${list(names)}` : ''
  fail(`${name} has neither \`_start\` nor \`_initialize\`; expected one of them${hint}`)
}

/** Loads a program with limits. Checks that it can run, or that it exports the function to invoke. */
async function loadProgram(path, limits, { invoke, 'max-memory': maxMemory }) {
  const name = path === FROM_STDIN ? 'standard input' : path
  const bytes = await read(path)
  requireModule(name, bytes)
  const program = await compile(name, bytes, limits, maxMemory)
  if (program.problem !== undefined) fail(`${name} ${program.problem}`)
  if (invoke === undefined) requireEntry(program)
  else requireExport(program, invoke)
  return program
}

/** Returns argv[0] of a program. */
exports.argv0Of = (path) => (path === FROM_STDIN ? 'program.wasm' : path)
exports.callable = callable
exports.loadProgram = loadProgram
